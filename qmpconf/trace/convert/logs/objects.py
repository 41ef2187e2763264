r"""Where in a text there are objects, and what they are in JSON.

An object begins with a brace and a quote.  How the quote is written says what it is part of:
``{"`` is JSON, ``{'`` Python's notation or QEMU's dialect, ``{\"`` the inside of a string, ``{""``
the inside of a quoted field of CSV.  What is inside of strings is unquoted, and looked through
again; so is what other objects hold (`qmpconf.trace.convert.logs.messages`).

Each byte is looked at a bounded number of times, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Literal, NamedTuple

from qmpconf.protocol.values import Malformed, is_json, loads
from qmpconf.trace.convert.logs.quoting import of_literal, undoubled, unescaped

#: A brace and what shows how its object is quoted.  White space may be there, escaped as well.
_OPEN = re.compile(
    rb"\{(?:[ \t\r\n]|\\++[nrt])*+"
    rb"(?:\\++([\"'])|\\++(?:u00|x)2([27])|([bu]?)(\"|')|\}|\Z)"
)
#: The text up to the next bracket; strings are skipped.
_BULK = re.compile(rb"(?:[^][{}\"']++|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+')*+", re.DOTALL)
_QUOTED = {quote: re.compile(rb"(?:[^%b\\]++|\\.)*+" % quote, re.DOTALL) for quote in (b'"', b"'")}
_DOUBLED = {
    quote: re.compile(rb"(?:[^%b]++|%b%b)*+" % (quote, quote, quote)) for quote in (b'"', b"'")
}
_CLOSING = {b"}": b"{", b"]": b"["}
#: Deeper objects are noise; QEMU refuses them as well.
_DEEPEST = 1024
#: How much of what is behind an object is given.
_NEAR = 2048
#: How often a text may be quoted.
_LEVELS = 6
#: How often, in one text, what a broken object holds is looked through.
_TRIES = 16

#: whole: an object of JSON; open: it may go on in the next line; broken: it ends too early, or is
#: no object after all.
State = Literal["whole", "open", "broken"]


class Found(NamedTuple):
    """One object: `text` is JSON, of a broken one what there is.

    It stands from `at` to `end` in the text that was searched.  `before` and `behind` are what stands around it, inside of the same string.  `how` is the notation: ``""``
    for JSON as it was written, ``literal`` for Python's or Ruby's, ``latin-1`` for JSON recoded.
    """

    state: State
    text: bytes
    at: int
    end: int
    before: bytes
    how: str = ""
    behind: bytes = b""


def objects(text: bytes, level: int = 0, at: int = 0) -> Iterator[Found]:
    """The objects of a text from `at` on, in their order."""
    tries = _TRIES
    hidden = at  # up to here, what is not a whole object belongs to one that is broken
    closed = True  # whether a string in single quotes may end
    while True:
        opening = _OPEN.search(text, at)
        if opening is None:
            return
        begin = opening.start()
        escaped, numbered, prefix, quote = opening.groups()
        region = 0  # the end of the string that the object is in, if it is in one
        inner = None
        if escaped or numbered:
            region = _end_of_string(text, begin, escaped or (b'"' if numbered == b"2" else b"'"))
            inner = unescaped
        elif quote and not prefix and _is_doubled(text, opening.end() - 1, quote):
            region = _DOUBLED[quote].match(text, begin).end()  # type: ignore[union-attr]
            inner = partial(undoubled, quote=quote)
        elif closed and begin and text[begin - 1 : begin] == b"'":
            region = _end_of_repr(text, begin)
            closed = region >= 0
            inner = unescaped
        if region > 0 and inner is not None:
            around = text[at:begin], text[region : region + _NEAR]
            yield from _inside(inner(text[begin:region]), around, begin, region, level)
            at = region
            continue
        end = extent(text, begin)
        if end > 0:
            one = _judged(text, at, begin, end)
        elif end == 0:
            one = Found("open", text[begin:], begin, len(text), text[at:begin])
        else:
            one = Found("broken", text[begin:-end], begin, -end, text[at:begin])
        if one.state == "whole" or begin >= hidden:
            yield one._replace(behind=text[one.end : one.end + _NEAR])
        if one.state == "open":
            return
        at = one.end
        if one.state == "broken" and tries:
            # It may be no object at all, and what looks like a part of it may be one.
            hidden, tries = max(hidden, at), tries - 1
            at = begin + 1


def _judged(text: bytes, at: int, begin: int, end: int) -> Found:
    """An object whose brackets fit: JSON as it is, or what it is in JSON."""
    data = text[begin:end]
    before = text[at:begin]
    if is_json(data):
        return Found("whole", data, begin, end, before)
    if not data.isascii() and (recoded := _recoded(data)) is not None:
        return Found("whole", recoded, begin, end, before, "latin-1")
    literal = of_literal(data)
    if literal is not None:
        return Found("whole", literal, begin, end, before, "literal")
    try:
        loads(data)
    except Malformed:
        return Found("broken", data, begin, end, before)
    return Found("whole", data, begin, end, before)


def _recoded(data: bytes) -> bytes | None:
    """What is not UTF-8 as Latin-1, if it is JSON then: a program recoded it for its log."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        recoded = data.decode("latin-1").encode()
        return recoded if is_json(recoded) else None
    return None


def extent(text: bytes, begin: int) -> int:
    """Where the object that begins at `begin` ends; 0 if the text ends before, outside of a string.

    Less than 0 if it is broken: minus the place up to which it may have been an object.
    """
    return Extent().feed(text, begin)


class Extent:
    """Follows the brackets of one object, which may come in several pieces."""

    def __init__(self) -> None:
        self._brackets = bytearray()

    def feed(self, text: bytes, at: int = 0) -> int:
        """Take a piece of the object; gives what `extent` does, for this piece."""
        length = len(text)
        while True:
            at = _BULK.match(text, at).end()  # type: ignore[union-attr]  # it may be empty
            if at >= length:
                return 0
            byte = text[at : at + 1]
            if byte in (b"{", b"["):
                self._brackets += byte
                if len(self._brackets) > _DEEPEST:
                    return -max(at, 1)
            elif byte in _CLOSING:
                if self._brackets[-1:] != _CLOSING[byte]:
                    return -max(at, 1)
                del self._brackets[-1]
                if not self._brackets:
                    return at + 1
            else:
                return -length  # a string that does not end
            at += 1


def _inside(
    inner: bytes, around: tuple[bytes, bytes], begin: int, end: int, level: int
) -> Iterator[Found]:
    """The objects in `inner`, which is quoted in a text from `begin` to `end`.

    `around` is what stands before and behind it there.
    """
    before, behind = around
    if level >= _LEVELS:
        yield Found("broken", inner, begin, end, before)
        return
    for one in objects(inner, level + 1):
        # The string ends, so the object does not go on.
        state: State = "broken" if one.state == "open" else one.state
        here = one._replace(state=state, at=begin, end=end)
        yield here._replace(before=before + one.before, behind=one.behind + behind)
        before = b""


def _end_of_string(text: bytes, begin: int, quote: bytes) -> int:
    return _QUOTED[quote].match(text, begin).end()  # type: ignore[union-attr]  # it may be empty


def _is_doubled(text: bytes, at: int, quote: bytes) -> bool:
    """Whether a quote is written twice at `at`: a name is never empty."""
    return text.startswith(quote * 2, at) and not text.startswith(b":", at + 2)


def _end_of_repr(text: bytes, begin: int) -> int:
    r"""The end of the string that Python wrote as ``'...'`` around `begin`.

    0 if it is none: the shell writes the same, without escapes, and an escape shows.  -1 if no
    quote ends it.
    """
    end = _end_of_string(text, begin, b"'")
    if end == len(text):
        return -1
    inner = text[begin:end]
    if b"\\" not in inner:
        return 0
    is_python = text[begin - 2 : begin - 1] in (b"b", b"u") or b"\\'" in inner
    return end if is_python or inner.endswith((b"\\n", b"\\r")) else 0
