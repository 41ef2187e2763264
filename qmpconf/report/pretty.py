"""A message over several lines, as it was written.

JSON is laid out by its tokens, not by its values: numbers keep their digits, members that stand
twice stand twice, escapes stay escapes.  What is not JSON is shown in the lines that it came in.
Nothing in it can steer the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.values import Malformed, loads
from qmpconf.report.terminal import Terminal
from qmpconf.text import printable

#: Spaces a level; deeper than this a line is not indented further: nobody bounds a trace's depth.
_STEP, _DEEPEST = 2, 40

#: A token, with what gives a member's name: the colon behind it.
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<empty>\{\s*\}|\[\s*\])
      | (?P<name>(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')(?=\s*:))
      | (?P<text>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')
      | (?P<opening>[{[])
      | (?P<closing>[]}])
      | (?P<comma>,)
      | (?P<colon>:)
      | (?P<scalar>[^][{}:,"'\s]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_PAINTED = {"name": "blue", "text": "green", "scalar": "yellow"}


def pretty(frame: Frame, terminal: Terminal, margin: str = "") -> Iterator[str]:
    """The lines of a message, each behind `margin`."""
    text = frame.data.decode("utf-8", "backslashreplace")
    if not _is_json(frame):
        yield from (margin + printable(line) for line in text.splitlines())
        return
    depth = 0

    def begun() -> list[str]:
        return [margin + " " * (_STEP * min(depth, _DEEPEST))]

    pieces = begun()
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or ""
        piece = found[kind]
        if kind in _PAINTED:
            pieces.append(terminal.paint(printable(piece), _PAINTED[kind]))
        elif kind == "empty":
            pieces.append(piece[0] + piece[-1])
        elif kind == "colon":
            pieces.append(": ")
        elif kind == "comma":
            yield "".join([*pieces, ","])
            pieces = begun()
        elif kind == "opening":
            yield "".join([*pieces, piece])
            depth += 1
            pieces = begun()
        else:
            yield "".join(pieces)
            depth -= 1
            pieces = [*begun(), piece]
    yield "".join(pieces)


def _is_json(frame: Frame) -> bool:
    """Whether the message is JSON, as QEMU reads it; only then it can be known by its tokens."""
    if frame.kind is not Kind.VALUE:
        return False
    try:
        loads(frame.data)
    except Malformed:
        return False
    return True
