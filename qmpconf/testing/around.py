"""The messages around lines of a trace, as text for people: one pass, however many the lines.

One message a line: its line in the file, when it was, its direction (``->`` to the server, ``<-``
back), its beginning, and for an answer the command that it answers and how long that took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from qmpconf.errors import InputError
from qmpconf.report.text import printable
from qmpconf.trace.reader import Item, TraceReader
from qmpconf.trace.records import Close
from qmpconf.trace.summary import Summaries, Summary

#: Messages of the same session that are shown before and behind a line.
BEFORE, BEHIND = 4, 2
#: Characters of a message.
_WIDTH = 100
#: Those of the message in question.
_FULL = 400


class _Window:
    """The messages around one line, as they come."""

    def __init__(self, before: Iterable[str]) -> None:
        self.lines = list(before)
        self.behind = 0


def around(path: str, places: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], list[str]]:
    """The messages around each place of `places`, a session's number and a line.

    A file that cannot be read to its end gives what there is up to there.
    """
    wanted: dict[int, set[int]] = {}
    for conn, line in places:
        wanted.setdefault(conn, set()).add(line)
    found: dict[tuple[int, int], list[str]] = {}
    latest: dict[int, deque[tuple[int, str]]] = {}
    growing: dict[int, list[_Window]] = {}
    for item, told in _messages(path):
        conn = told.conn
        if conn not in wanted:
            continue
        text = _line(item, told)
        for window in growing.get(conn, ()):
            if window.behind < BEHIND:
                window.behind += 1
                window.lines.append(f"  {text}")
        kept = latest.setdefault(conn, deque(maxlen=BEFORE))
        if told.line in wanted[conn] and (conn, told.line) not in found:
            window = _Window(f"  {one}" for _, one in kept)
            window.lines.append(f"> {_line(item, told, _FULL)}")
            found[conn, told.line] = window.lines
            growing[conn] = [one for one in growing.get(conn, ()) if one.behind < BEHIND]
            growing[conn].append(window)
        kept.append((told.line, text))
    return found


def latest(path: str, most: int) -> tuple[list[str], int]:
    """The last `most` messages of a trace, and how many stand before them."""
    kept: deque[str] = deque(maxlen=most)
    count = 0
    many = False
    for item, told in _messages(path):
        count += 1
        many = many or told.conn > 1
        session = f"{told.conn}  " if many else ""
        kept.append(f"{session}{_line(item, told)}")
    return list(kept), count - len(kept)


def _messages(path: str) -> Iterator[tuple[Item | None, Summary]]:
    """Every message, and every end of a session, with its summary."""
    summaries = Summaries()
    try:
        for item in TraceReader(path).items():
            told = summaries.take(item)
            if told is None:
                continue
            if isinstance(item, Item):
                yield item, told
            elif isinstance(item, Close) or told.kind == "gap":
                yield None, told
    except InputError:
        return  # the file's damage is told elsewhere


def _line(item: Item | None, told: Summary, width: int = _WIDTH) -> str:
    head = f"{told.line:5}  {told.t:11.6f}"
    if item is None:
        what = f"{told.size or 'some'} bytes are missing" if told.kind == "gap" else "closes"
        who = told.outcome or told.sender
        return f"{head}  --  the {who} {what}" if told.kind == "close" else f"{head}  --  {what}"
    arrow = "->" if told.sender == "client" else "<-"
    data = item.frame.data
    text = printable(data[: width + 1].decode("utf-8", "backslashreplace"))
    if len(text) > width:
        text = f"{text[: width - 4]} ..."
    notes = []
    if told.answers:
        notes.append(printable(told.name or "?"))
    if told.latency is not None:
        notes.append(f"{1000 * told.latency:.1f} ms")
    if len(data) > width:
        notes.append(f"{len(data):,} bytes")
    if told.fds:
        notes.append(f"{told.fds} descriptors")
    return f"{head}  {arrow}  {text}" + (f"   ({', '.join(notes)})" if notes else "")
