"""The messages around one line of a trace, as people read them: ``->`` to the server, ``<-`` back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from qmpconf.errors import InputError
from qmpconf.text import printable
from qmpconf.trace.reader import Item, TraceReader
from qmpconf.trace.records import Close, Gap, Open, Shut

#: Messages shown before and behind the one in question, and characters of each.
_BEFORE, _BEHIND, _WIDTH = 4, 2, 200


def excerpt(path: str, line: int) -> str:
    """The messages around `line` of the trace `path`, which is marked; its end for line 0.

    Control characters are escaped.  Raises InputError for a trace that cannot be read.
    """
    before: deque[str] = deque(maxlen=_BEFORE + 1 if line else _BEFORE + _BEHIND + 1)
    behind = 0
    for number, text in _lines(path):
        mark = ">" if number == line else " "
        before.append(f"{mark}{number:5} {text}")
        if line and number >= line:
            break
    else:
        return "\n".join(before)
    shown = list(before)
    for number, text in _lines(path):
        if number > line and behind < _BEHIND:
            behind += 1
            shown.append(f" {number:5} {text}")
    return "\n".join(shown)


def _lines(path: str) -> Iterator[tuple[int, str]]:
    try:
        for item in TraceReader(path).items():
            if isinstance(item, Item):
                arrow = "->" if item.sender == "client" else "<-"
                fds = f"  [{len(item.fds)} descriptors]" if item.fds else ""
                yield item.line, f"{arrow} {_shown(item.frame.data)}{fds}"
            elif isinstance(item, Open):
                yield item.line, f"-- session {item.conn} begins"
            elif isinstance(item, Gap):
                size = item.size or "an unknown number of"
                yield item.line, f"-- {size} bytes of the {item.sender} are missing"
            elif isinstance(item, Shut):
                yield item.line, f"-- the {item.who} sends nothing more"
            elif isinstance(item, Close):
                error = f" ({item.error})" if item.error else ""
                yield item.line, f"-- the {item.who} closes session {item.conn}{error}"
    except InputError as error:
        yield 0, f"-- {error}"


def _shown(data: bytes) -> str:
    text = data[: 4 * _WIDTH].decode("utf-8", "backslashreplace")
    text = printable(text)
    more = len(data) - _WIDTH
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]} ... ({more} bytes more)"
