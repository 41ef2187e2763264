"""Where messages begin again after bytes that are missing.

A framer must start where a message starts.  Behind a gap it stands anywhere: in the middle of a
reply, inside of a string, or right before the next message.  `Resync` passes over bytes until a
message surely begins: at a piece of the stream or behind a line feed, with a brace and the name of
a member that messages have at their top level.  A message in the middle of other ones is found so
where either side sends line ends, or one message a write; both is what real programs do.

What it passes over is the rest of a message that is lost.  The same bytes in the same pieces give
the same answer, so that a reader of a trace finds what its writer has found.
"""

from __future__ import annotations

import re

_NAMES = (
    b"QMP",
    b"execute",
    b"exec-oob",
    b"arguments",
    b"return",
    b"error",
    b"id",
    b"event",
    b"timestamp",
    b"data",
)
_SPACE = rb"[ \t\r\n]{0,32}"
_PARTS = b"|".join(sorted({name[:size] for name in _NAMES for size in range(len(name) + 1)}))
_BEGINS = re.compile(rb"\{%b[\"'](?:%b)[\"']%b:" % (_SPACE, b"|".join(_NAMES), _SPACE)).match
_MAY_BEGIN = re.compile(
    rb"\{%b(?:[\"'](?:(?:%b)|(?:%b)[\"']%b))?\Z" % (_SPACE, _PARTS, b"|".join(_NAMES), _SPACE)
).match


def begins(data: bytes) -> bool | None:
    """Whether a message begins with `data`; None where more bytes are needed to know."""
    if _BEGINS(data):
        return True
    return None if not data or _MAY_BEGIN(data) else False


class Resync:
    """Passes over one direction's bytes behind a gap, until a message begins.

    It holds back no more than the few bytes that may be the beginning of one.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, piece: bytes) -> tuple[bytes, bytes]:
        """Take the next bytes; give what is passed over, and what a message begins with.

        Once there is a message (the second is not empty), the search is over.
        """
        if not piece:
            return b"", b""
        before = len(self._held)
        data = self._held + piece
        self._held = b""
        at = 0
        while True:
            found = begins(data[at : at + 128]) if at < len(data) else False
            if found:
                return data[:at], data[at:]
            if found is None:
                self._held = data[at:]
                return data[:at], b""
            line = data.find(b"\n", at) + 1
            if at < before and not 0 < line < before:
                at = before
            elif line:
                at = line
            else:
                return data, b""

    def close(self) -> bytes:
        """Give what was held back: the stream, or the search, is over."""
        held, self._held = self._held, b""
        return held
