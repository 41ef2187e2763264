"""The messages around lines of a trace, as text for people: one pass, however many the lines.

One message a line: its line in the file, when it was, its direction (``->`` to the server, ``<-``
back), its beginning, and for an answer the command that it answers and how long that took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping

from qmpconf.errors import InputError
from qmpconf.text import printable
from qmpconf.trace.reader import Item, TraceReader
from qmpconf.trace.records import Close
from qmpconf.trace.summary import Summaries, Summary

#: Messages of the same session that are shown before and behind a line.
BEFORE, BEHIND = 4, 2
#: Characters of a message.
_WIDTH = 100
#: Those of the message in question.
_FULL = 400


#: An item and its summary; no item for what is no message.
_Said = tuple[Item | None, Summary]


def around(path: str, places: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], list[str]]:
    """The messages around each place of `places`, a session's number and a line.

    A file that cannot be read to its end gives what there is up to there.
    """
    wanted: dict[int, set[int]] = {}
    for conn, line in places:
        wanted.setdefault(conn, set()).add(line)
    missing = sum(map(len, wanted.values()))
    found: dict[tuple[int, int], list[str]] = {}
    before = {conn: deque[_Said](maxlen=BEFORE) for conn in wanted}
    #: Places that still lack messages behind them, and how many.
    lacking: dict[tuple[int, int], int] = {}
    for item, told in _messages(path, wanted):
        conn, line = told.conn, told.line
        if lacking:
            for place in [one for one in lacking if one[0] == conn]:
                found[place].append(f"  {_line(item, told)}")
                lacking[place] -= 1
                if not lacking[place]:
                    del lacking[place]
        if line in wanted[conn] and (conn, line) not in found:
            found[conn, line] = [f"  {_line(*one)}" for one in before[conn]]
            found[conn, line].append(f"> {_line(item, told, _FULL)}")
            lacking[conn, line] = BEHIND
            missing -= 1
        elif not missing and not lacking:
            break
        before[conn].append((item, told))
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


def _messages(path: str, sessions: Container[int] | None = None) -> Iterator[_Said]:
    """Every message, and every end of a session, with its summary; those of `sessions` alone."""
    summaries = Summaries()
    try:
        for item in TraceReader(path).items():
            if sessions is not None and item.conn not in sessions:
                continue
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
