"""Bytes of a log to lines, without what is not text.

Programs colour their logs for terminals, editors mark encodings, and a log that was rotated while
it was written begins with a hole of NUL bytes.  None of it is part of a message: in JSON, control
characters are escaped.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from qmpconf.trace.convert.base import Source

#: A line that is longer comes in pieces: that bounds the memory.  A message that is longer than a
#: piece is not understood.
LONGEST = 8 << 20

#: What steers a terminal, as it is, and as syslog, `cat -v` and systemd make it visible.
_STEERING = re.compile(
    rb"(?:\x1b|\^\[|#033)(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9])"
)
_NAMED = re.compile(rb"\{\s*&(?:quot|#34|#x22|apos|#39|#x27);")


class Line(NamedTuple):
    """One line, or one piece of it: `begins` and `ends` say whether it is the first or last."""

    number: int
    text: bytes
    begins: bool = True
    ends: bool = True


def lines(source: Source) -> Iterator[Line]:
    """The lines of a log, cleaned; CR alone ends lines where there is no LF."""
    if b"\n" not in source.head and b"\r" in source.head:
        yield from _old_lines(source)
        return
    begins = True
    for number, raw in source.lines(LONGEST):
        ends = raw.endswith(b"\n") or len(raw) < LONGEST
        yield Line(number, _clean(raw), begins, ends)
        begins = ends


def _old_lines(source: Source) -> Iterator[Line]:
    number = 0
    rest = b""
    begins = True
    while piece := source.file.read(1 << 20):
        *whole, rest = (rest + piece).split(b"\r")
        for raw in whole:
            number += 1
            yield Line(number, _clean(raw), begins)
            begins = True
        if len(rest) >= LONGEST:
            yield Line(number + 1, _clean(rest), begins, ends=False)
            rest, begins = b"", False
    if rest or not begins:
        yield Line(number + 1, _clean(rest), begins)


def _clean(raw: bytes) -> bytes:
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
    if b"\x1b" in raw or b"^[" in raw or b"#033" in raw:
        raw = _STEERING.sub(b"", raw)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if b"&" in raw and _NAMED.search(raw):
        raw = html.unescape(raw.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
    return raw
