r"""Strings to what was quoted in them, and literals of Python and Ruby to JSON.

JSON, Go (``%q``), Rust (``{:?}``), Python (``repr``), C and the shell quote alike as far as
messages go: a backslash before the quote and before itself, ``\n`` for a line end, numbers for
what cannot be printed.  CSV writes a quote twice.

Every function takes time in proportion to its input.
"""

from __future__ import annotations

import re

from qmpconf.protocol.values import Malformed, dumps, loads

_ESCAPE = re.compile(
    rb"\\(?:([\"'\\/abfnrtv`$0])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|.)",
    re.DOTALL,
)
_SIMPLE = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"0": b"\0",
}
#: What stands for a quote in .NET's JSON and in nginx' logs.
_NUMBERED = re.compile(rb"\\(?:u00|x)2([27])")


def unescaped(text: bytes) -> bytes:
    r"""`text` without one level of escapes; an escape that nobody knows stays as it is.

    ``\xNN`` is a byte, as in Go and in Python's bytes.  Surrogates of UTF-16 are put together.
    """
    if b"\\u" in text or b"\\U" in text:
        text = _PAIR.sub(_paired, text)
    return _ESCAPE.sub(_meant, text)


_PAIR = re.compile(
    rb"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)


def _paired(found: re.Match[bytes]) -> bytes:
    before, high, low = found.groups()
    code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00)
    return before + chr(code).encode()


def _meant(found: re.Match[bytes]) -> bytes:
    simple, byte, short, long, octal = found.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    if byte is not None:
        return bytes([int(byte, 16)])
    if octal is not None:
        return bytes([int(octal, 8)])
    if short or long:
        code = int(short or long, 16)
        if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            return chr(code).encode()
    return found.group()


def undoubled(text: bytes, quote: bytes) -> bytes:
    """`text` with one quote for two, as in CSV."""
    return text.replace(quote * 2, quote)


# --- literals -------------------------------------------------------------------------

_TOKEN = re.compile(
    rb"([bBuUrR]{0,2})(\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+')"  # a string
    rb"|([A-Za-z_][A-Za-z0-9_.]*+)"  # a word
    rb"|(-?[0-9][0-9_]*+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)([lL]?)"  # a number, with Python 2's L
    rb"|([\"'])"  # a string that does not end
    rb"|([()]|=>)|,(?=\s*[\])}])",  # a tuple; Ruby's arrow; a comma behind the last element
    re.DOTALL,
)
_WORDS = {b"True": b"true", b"False": b"false", b"None": b"null", b"nil": b"null"}
_PERL = re.compile(rb"'\s*=>")
_JSON_WORDS = frozenset({b"true", b"false", b"null"})
_BRACKETS = {b"(": b"[", b")": b"]", b"=>": b": "}


def of_literal(text: bytes) -> bytes | None:
    """The JSON of a dictionary that Python or Ruby has printed; None if it is none.

    Python's strings (bytes too), ``True``, ``False``, ``None``, long integers and tuples become
    JSON's, and so do Ruby's arrows and ``nil``.  What JSON has, stays as it is written.  Perl's
    dumps look alike, but have numbers as strings: they are none.
    """
    if _PERL.search(text):
        return None

    class Unknown(Exception):  # noqa: N818 - it only ends the substitution
        pass

    def meant(found: re.Match[bytes]) -> bytes:
        prefix, string, word, number, _, lone, bracket = found.groups()
        if string is not None:
            return _string(prefix.lower(), string)
        if word is not None:
            if word in _JSON_WORDS:
                return word
            if word not in _WORDS:
                raise Unknown
            return _WORDS[word]
        if number is not None:
            return number.replace(b"_", b"")
        if lone is not None:
            raise Unknown
        return _BRACKETS[bracket] if bracket is not None else b""

    try:
        found = _TOKEN.sub(meant, text)
        loads(found)
    except (Unknown, Malformed):
        return None
    return found


_CHARACTER = re.compile(rb"(?<!\\)((?:\\\\)*)\\x(?=[89a-fA-F][0-9a-fA-F])")


def _string(prefix: bytes, string: bytes) -> bytes:
    inner = string[1:-1]
    if b"r" not in prefix and b"\\" in inner:
        if b"b" not in prefix:  # in text, a number is that of a character
            inner = _CHARACTER.sub(rb"\1\\u00", inner)
        inner = unescaped(inner)
    return dumps(inner.decode("utf-8", "replace"))
