"""What is not a message: bytes that are malformed, and what follows them up to the next message.

Nobody can say what such bytes mean, so everything goes that stands behind a sensitive word, up to the
end of the stretch: to the next message of that side.  The frames keep their kinds: a reader cuts what
is written in the same places, and pairs the same errors with them.  To that end the first replacement
is the word of all of them, and what follows is as short as its frame allows, so that a trace of noise
stays as short as the noise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.redaction.names import REPLACEMENT

#: Finds where a secret may begin in bytes, of which the first ones (their number) stood in an earlier
#: frame: gives the place, which is in the frame, or None.
Find = Callable[[bytes, int], int | None]

_PLACEHOLDER = REPLACEMENT.encode()
#: Bytes before a frame in which a word may begin that ends in the frame.
_TAIL = 32
_STRUCTURE = re.compile(rb"[][{}:,\s]*").fullmatch
#: Strings, with the quote that ends them if it is there, and brackets.
_TOKENS = re.compile(
    rb"\"(?:[^\"\\\x00-\x1f\xfe\xff]++|\\[^\x00-\x1f\xfe\xff])*+(\"?)"
    rb"|'(?:[^'\\\x00-\x1f\xfe\xff]++|\\[^\x00-\x1f\xfe\xff])*+('?)|([][{}])"
)
#: Bytes that break a message wherever they stand.
_BREAKS = frozenset(range(0x20)) | {0xFE, 0xFF}


@dataclass(slots=True)
class Stretch:
    """One side's bytes since its last message.

    `tainted`: a secret has begun; `marked`: a placeholder stands for it; `tail` are the last bytes.
    """

    tainted: bool = False
    marked: bool = False
    tail: bytes = b""

    def pass_over(self, data: bytes) -> None:
        """Nothing is hidden in the next bytes."""
        self.tail = (self.tail + data)[-_TAIL:]

    def hide(self, frame: Frame, find: Find) -> Frame:
        """The frame as it is to be written; the same one if there is nothing to hide."""
        if frame.kind is Kind.SPACE or (self.tainted and _STRUCTURE(frame.data)):
            return frame
        if not self.tainted:
            found = find(self.tail + frame.data, len(self.tail))
            if found is None:
                self.pass_over(frame.data)
                return frame
            self.tainted = True
            at = found - len(self.tail)
            if at:
                new = _cut(frame, at)
                self.marked = _PLACEHOLDER in new.data
                return new
        said = b"" if self.marked else _PLACEHOLDER
        self.marked = True
        return _filled(frame, said)


def _filled(frame: Frame, said: bytes) -> Frame:
    """A frame of the same kind that says this alone; it begins where a reader begins to read anew."""
    kind, first = frame.kind, frame.data[:1]
    quoted = b'"' + said + b'"'
    if kind is Kind.VALUE:
        full = {b"{": b"{" + quoted + b":0}", b"[": b"[" + quoted + b"]"}.get(first, quoted)
        empty = {b"{": b"{}", b"[": b"[]"}.get(first, quoted)
        return frame._replace(data=full if said else empty, plain=True)
    if kind is Kind.SKIPPED:
        return frame._replace(data=said or b"*")
    begin = first if first in (b"{", b"[") else b""
    if kind is Kind.PARTIAL:
        return frame._replace(data=begin + b'"' + said if said else begin or b'"')
    if first[0] in _BREAKS:
        return frame._replace(data=first)
    return frame._replace(data=begin + (b'"' + said + b"\0" if said else b"*"))


def _cut(frame: Frame, at: int) -> Frame:
    """A frame of the same kind that goes no further than `at`."""
    head = frame.data[:at]
    if frame.kind is Kind.SKIPPED:
        return frame._replace(data=head + _PLACEHOLDER)
    quote, closers = _open_at_end(head)
    body = _PLACEHOLDER if quote else b'"' + _PLACEHOLDER
    if frame.kind is Kind.MALFORMED:
        last = frame.data[-1]
        return frame._replace(data=head + body + bytes([last if last in _BREAKS else 0]))
    if not (quote or closers):  # a keyword or a number by itself
        return frame if at == len(frame.data) else frame._replace(data=head)
    if frame.kind is Kind.PARTIAL:
        return frame._replace(data=head + body)
    return frame._replace(data=head + body + (quote or b'"') + closers, plain=False)


def _open_at_end(head: bytes) -> tuple[bytes, bytes]:
    """The quote of a string that has not ended, and the brackets that close what is open."""
    braces = brackets = 0
    quote = b""
    for token in _TOKENS.finditer(head):
        mark = token[3]
        if mark:
            braces += (mark == b"{") - (mark == b"}")
            brackets += (mark == b"[") - (mark == b"]")
        elif not (token[1] or token[2]):
            quote = token[0][:1]
    return quote, b"]" * brackets + b"}" * braces
