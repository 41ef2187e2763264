"""A recording, line by line.

::

     line       time  n     took   size  message
       14   1.200412  1 ->           49 B  query-block
       15   1.204100  1 <- 3.69 ms 1.2 kB  query-block returned

`line` is the line of the trace, `n` the session, ``->`` what the client sent.  What is untrusted
is escaped; a line is cut only on a terminal.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

import msgspec

from qmpconf.protocol.framing import Frame
from qmpconf.report.pretty import pretty
from qmpconf.report.terminal import Terminal, cut
from qmpconf.text import harmless, printable
from qmpconf.trace.records import Header
from qmpconf.trace.summary import Summary
from qmpconf.trace.wording import STYLES, arrow, said

_HEAD = " line       time  n        took   size  message"
#: Where the last column begins.
_TEXT_AT = _HEAD.index("message")
#: The narrowest last column that can still be read.
_LEAST = 20
#: Lines that an error may take on a terminal.
_LINES = 4
#: Seconds from which on a response stands out.
SLOW = 0.1


def head(path: str, header: Header, terminal: Terminal) -> Iterator[str]:
    """Where and when it was recorded, and what the columns are."""
    started = header.started.replace("T", " ").replace("Z", " UTC")
    by = f" by {header.recorder}" if header.recorder else ""
    yield terminal.paint(harmless(f"{path}: recorded {started}{by}"), "bold")
    yield terminal.paint(_HEAD, "dim")


def row(one: Summary, terminal: Terminal, width: int) -> str:
    """What is said of one message; on a terminal, in `width` columns."""
    text, style = told(one)
    lines = _fitted(text, one, max(_LEAST, width - _TEXT_AT)) if terminal.is_one else [text]
    took = f"{'' if one.latency is None else seconds(one.latency):>8}"
    if one.latency is not None and one.latency >= SLOW:
        took = terminal.paint(took, "yellow")
    size = size_of(one.size) if one.size else ""
    place = terminal.paint(f"{one.line:>5} {clock(one.t):>10}", "dim")
    text = ("\n" + " " * _TEXT_AT).join(terminal.paint(line, STYLES[style]) for line in lines)
    return f"{place} {one.conn:>2} {arrow(one)} {took} {size:>6}  {text}"


def told(one: Summary) -> tuple[str, str]:
    """What a message says, in printable characters, and how it is meant (`STYLES`)."""
    text, style = said(one)
    if one.fds:
        text += f"  (+{one.fds} fd{'' if one.fds == 1 else 's'})"
    return printable(text), style


def below(frame: Frame, terminal: Terminal) -> Iterator[str]:
    """The message itself, to stand below its row."""
    return pretty(frame, terminal, " " * 6)


def as_json(one: Summary) -> str:
    """One line of JSON, in ASCII."""
    return json.dumps(msgspec.to_builtins(one), allow_nan=False)


def seconds(time: float) -> str:
    """A time to three digits or to the microsecond."""
    if abs(time) < 0.9995:
        thousandths = time * 1000
        size = abs(thousandths)
        return f"{thousandths:.{3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0}f} ms"
    if abs(time) < 1e6:
        return f"{time:.{2 if abs(time) < 10 else 1 if abs(time) < 100 else 0}f} s"
    return f"{time:.0e} s"


def size_of(count: int) -> str:
    """A number of bytes, to two digits or more."""
    size = float(count)
    if size < 1000:
        return f"{count} B"
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.{1 if size < 9.95 else 0}f} {unit}"
    return f"{size:.0e} TB"


def _fitted(text: str, one: Summary, room: int) -> list[str]:
    """`text` in lines of at most `room` columns: cut, or where something went wrong, wrapped."""
    if one.kind not in {"error", "malformed"} or len(text) <= room:
        return [cut(text, room)]
    lines = textwrap.wrap(text, room, max_lines=_LINES, placeholder="...", break_on_hyphens=False)
    return [cut(line, room) for line in lines]


def clock(t: float) -> str:
    """A time in a trace."""
    return f"{t:.6f}" if abs(t) < 1e9 else f"{t:.3g}"
