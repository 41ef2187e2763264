r"""JSON values as QMP knows them, and what JSON libraries hide.

`loads` takes what a QMP server takes (qmpconf/protocol/README.md, Framing and encoding): strict
JSON (RFC 8259) plus QEMU's
single-quoted strings and the escape ``\\'``.  Nothing that stands in the text is lost:

- integers keep their value at any size (`Long`), and ``1.0`` is a `Float`, never an ``int``;
- a `Float` keeps its text (``0.1``, ``1e400``);
- an object with a duplicate member is an `Object`, which keeps the values that a ``dict`` drops.

Most text goes through msgspec, which is fast and keeps all but the duplicates; whether there are
any shows in the number of quotes.  The rest goes through the parser in this module, which is
also the reference that tests hold the fast way against.

`dumps` writes as a QEMU server does.
"""

from __future__ import annotations

import re
from enum import Enum
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A JSON value: None, bool, int, float (a `Float`), str, list or dict (perhaps an `Object`).
Value = Any


class Cause(Enum):
    """What kind of thing makes a text malformed."""

    SYNTAX = "syntax"
    CHARACTERS = "characters"  # bytes that are not UTF-8
    SURROGATE = "surrogate"  # an escape that is half a surrogate pair
    LIBERTY = "liberty"  # JSON all the same, that a parser may refuse: QEMU's does


class Malformed(ValueError):  # noqa: N818 - a state of the text, and the field's word for it
    """The text is not a JSON value in QMP's dialect.

    `reason` says why, `offset` is the byte where it shows, `cause` its kind.
    """

    def __init__(self, reason: str, offset: int, cause: Cause = Cause.SYNTAX) -> None:
        super().__init__(f"{reason} at byte {offset}")
        self.reason = reason
        self.offset = offset
        self.cause = cause


def _no_partner(at: int) -> Malformed:
    return Malformed("a surrogate without its partner", at, Cause.SURROGATE)


class Float(float):
    """A number with a fraction or an exponent; `text` is how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Make one from its text, which must be a JSON number."""
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __repr__(self) -> str:
        return self.text


#: Python reads and writes no integer of more digits by itself: it would take quadratic time.
_MOST_DIGITS = 4300
#: Greater than every other integer.
_BEYOND = 10 ** (_MOST_DIGITS + 1)


class Long(int):
    """An integer of more digits than Python reads; `text` is how it was written, all of it.

    In sums and comparisons it is greater (or less) than every integer that is none.  Two are equal
    when they were written alike.
    """

    text: str

    def __new__(cls, text: str) -> Self:
        """Make one from its text, which must be a JSON number of more than 4,300 digits."""
        self = super().__new__(cls, -_BEYOND if text.startswith("-") else _BEYOND)
        self.text = text
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Long) and self.text == other.text

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        return format(self.text, spec) if spec else self.text

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)


class Object(dict[str, Value]):
    """An object in which at least one member stands more than once.

    The dictionary holds the last value of each; `duplicates` the earlier ones, in order.
    """

    __slots__ = ("duplicates",)

    def __init__(self, pairs: Iterable[tuple[str, Value]]) -> None:
        super().__init__()
        earlier = []
        for name, value in pairs:
            if name in self:
                earlier.append((name, self[name]))
            self[name] = value
        self.duplicates: tuple[tuple[str, Value], ...] = tuple(earlier)


def parts(value: Value) -> Iterator[Value]:
    """A value and all that it holds, however deep, in no certain order."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def has_duplicates(value: Value) -> bool:
    """Whether an object in `value`, however deep, has a member that stands twice."""
    return any(isinstance(one, Object) for one in parts(value))


# --- reading -----------------------------------------------------------------------------------

_decode = msgspec.json.Decoder(float_hook=Float).decode
_find_value = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder(enc_hook=float).encode

#: What the fast way is not trusted with, though it is JSON: surrogates and non-characters written
#: as escapes, and quotes written so, which spoil their count.
_UNSURE = re.compile(rb"\\u(?:[dDfF]|0022)")


def loads(data: bytes) -> Value:
    """Parse one JSON value in QMP's dialect, with white space around it allowed.

    Raises `Malformed` for everything else; a member that stands twice is not an error here
    (see `Object`).
    """
    return read(data)[0]


def read(data: bytes) -> tuple[Value, bool]:
    """Like `loads`; says besides whether there are duplicate members, however deep."""
    if data.isascii() and not (b"\\" in data and _UNSURE.search(data)):
        try:
            value = _decode(data)
            if data.count(b'"') == _encode(value).count(b'"'):
                return value, False
        except (msgspec.MsgspecError, RecursionError):
            pass  # no JSON, or too deep for msgspec: the slow way knows
    value = parse(data)
    return value, has_duplicates(value)


def is_json(data: bytes) -> bool:
    """Whether `data` is one JSON value of RFC 8259 in UTF-8, without QEMU's dialect.

    Text that libraries disagree about (a lone surrogate, very deep nesting) counts as no JSON.
    """
    try:
        data.decode("utf-8")
        _find_value(data)
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return False
    return True


_SPACE = re.compile(rb"[ \t\r\n]*")
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_KEYWORD = re.compile(rb"[a-z]+")
_KEYWORDS = {b"true": True, b"false": False, b"null": None}
_STRINGS = {
    0x22: re.compile(rb'"((?:[^"\\\x00-\x1f]|\\.)*+)"'),
    0x27: re.compile(rb"'((?:[^'\\\x00-\x1f]|\\.)*+)'"),
}
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {
    b'"': '"',
    b"'": "'",
    b"\\": "\\",
    b"/": "/",
    b"b": "\b",
    b"f": "\f",
    b"n": "\n",
    b"r": "\r",
    b"t": "\t",
}


def parse(data: bytes) -> Value:
    """Like `loads`, by this module's own parser: the reference, and the slow way.

    Raises `Malformed`.
    """
    stack: list[list[Any]] = []  # [is object, items or pairs, name of the member being read]
    at = _skip(data, 0)
    while True:
        # A value is due at `at`.
        byte = data[at : at + 1]
        if byte == b"[":
            at = _skip(data, at + 1)
            if data[at : at + 1] != b"]":
                stack.append([False, [], ""])
                continue
            value: Value = []
            at += 1
        elif byte == b"{":
            at = _skip(data, at + 1)
            if data[at : at + 1] != b"}":
                stack.append([True, [], ""])
                stack[-1][2], at = _member(data, at)
                continue
            value = {}
            at += 1
        else:
            value, at = _scalar(data, at)
        # A value has ended before `at`: put it where it belongs, close what it completes.
        while stack:
            is_object, items, name = stack[-1]
            items.append((name, value) if is_object else value)
            at = _skip(data, at)
            byte = data[at : at + 1]
            if byte == b",":
                at = _skip(data, at + 1)
                if is_object:
                    stack[-1][2], at = _member(data, at)
                break
            if byte != (b"}" if is_object else b"]"):
                raise Malformed("expected ',' or the end of the list", at)
            at += 1
            value = _object(items) if is_object else items
            stack.pop()
        else:
            at = _skip(data, at)
            if at != len(data):
                raise Malformed("more text behind the value", at)
            return value


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Object(pairs)


def _skip(data: bytes, at: int) -> int:
    found = _SPACE.match(data, at)
    return found.end() if found else at


def _member(data: bytes, at: int) -> tuple[str, int]:
    if data[at : at + 1] not in (b'"', b"'"):
        raise Malformed("expected a member's name in quotes", at)
    name, at = _string(data, at)
    at = _skip(data, at)
    if data[at : at + 1] != b":":
        raise Malformed("expected ':'", at)
    return name, _skip(data, at + 1)


def _scalar(data: bytes, at: int) -> tuple[Value, int]:
    byte = data[at : at + 1]
    if byte in (b'"', b"'"):
        return _string(data, at)
    found = _NUMBER.match(data, at)
    if found:
        text = found.group().decode("ascii")
        end = found.end()
        if data[end : end + 1].isdigit():
            raise Malformed("a number with a leading zero", at)
        return (Float(text) if found.group(1) or found.group(2) else int_of(text)), end
    found = _KEYWORD.match(data, at)
    if found and found.group() in _KEYWORDS:
        return _KEYWORDS[found.group()], found.end()
    if not byte:
        raise Malformed("the text ends where a value is due", at)
    raise Malformed("expected a value", at)


def int_of(text: str) -> int:
    """The integer that decimal `text` stands for, however long it is."""
    return int(text) if len(text.lstrip("-")) <= _MOST_DIGITS else Long(text)


def _string(data: bytes, at: int) -> tuple[str, int]:
    found = _STRINGS[data[at]].match(data, at)
    if not found:
        raise Malformed("a string that does not end, or holds a control character", at)
    body = found.group(1)
    start = at + 1
    pieces = []
    last = 0
    high = 0  # a high surrogate that waits for its low one
    for escape in _ESCAPE.finditer(body):
        literal = body[last : escape.start()]
        if high and literal:
            raise _no_partner(start + last)
        pieces.append(_text(literal, start + last))
        last = escape.end()
        if escape.group(1) is None:
            char = _ESCAPES.get(escape.group(2))
            if high:
                raise _no_partner(start + escape.start())
            if char is None:
                raise Malformed("an unknown escape", start + escape.start())
            pieces.append(char)
            continue
        code = int(escape.group(1), 16)
        if high:
            if not 0xDC00 <= code <= 0xDFFF:
                raise _no_partner(start + escape.start())
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
            high = 0
        elif 0xD800 <= code <= 0xDBFF:
            high = code
            continue
        elif 0xDC00 <= code <= 0xDFFF:
            raise _no_partner(start + escape.start())
        _refuse_noncharacter(code, start + escape.start())
        pieces.append(chr(code))
    if high:
        raise _no_partner(found.end() - 1)
    pieces.append(_text(body[last:], start + last))
    return "".join(pieces), found.end()


def _text(raw: bytes, at: int) -> str:
    try:
        # U+0000 written as C0 80 is the one overlong form that QEMU takes.
        text = raw.replace(b"\xc0\x80", b"\0").decode("utf-8")
    except UnicodeDecodeError as error:
        at += error.start
        raise Malformed("an invalid UTF-8 sequence", at, Cause.CHARACTERS) from None
    if not text.isascii():
        for char in text:
            _refuse_noncharacter(ord(char), at)
    return text


def _refuse_noncharacter(code: int, at: int) -> None:
    if 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE:
        raise Malformed(f"the non-character U+{code:04X}", at, Cause.LIBERTY)


#: A string in double quotes; what is left of a text without them has no quotes, or single ones.
_DOUBLE_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def in_dialect(data: bytes) -> bool:
    """Whether a text holds what QEMU's dialect alone has: strings or escapes with single quotes.

    A server may take it, and may as well refuse it as no JSON (qmp-spec section 2).
    """
    if b"'" not in data:
        return False
    return b"\\'" in data or b"'" in _DOUBLE_QUOTED.sub(b"", data)


# --- writing -----------------------------------------------------------------------------------

_WRITTEN_ESCAPE = re.compile(r"\\u[0-9a-f]{4}|\\.|\x7f")


def dumps(value: Value) -> bytes:
    """Write `value` as a QEMU server does: one line, ASCII, ``", "`` and ``": "`` between.

    A `Float` comes out with 17 significant digits, as QEMU prints it.  Raises TypeError for what
    is not a JSON value.
    """
    pieces: list[str] = []
    waiting: list[Any] = [_chunks(value)]  # one for each level, which may be very many
    while waiting:
        for piece in waiting[-1]:
            if isinstance(piece, str):
                pieces.append(piece)
            else:
                waiting.append(piece)
                break
        else:
            waiting.pop()
    return "".join(pieces).encode("ascii")


def _chunks(value: Value) -> Iterator[str | Iterator[Any]]:
    """The text of `value` in pieces; for a container inside of it, the pieces' own iterator."""
    if isinstance(value, list | tuple):
        yield "["
        for position, item in enumerate(value):
            if position:
                yield ", "
            yield _chunks(item) if isinstance(item, _CONTAINERS) else _scalar_text(item)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for position, (name, item) in enumerate(value.items()):
            yield (", " if position else "") + _quoted(name) + ": "
            yield _chunks(item) if isinstance(item, _CONTAINERS) else _scalar_text(item)
        yield "}"
    else:
        yield _scalar_text(value)


_CONTAINERS = (dict, list, tuple)


def _scalar_text(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return value.text if isinstance(value, Long) else int.__repr__(value)
    if isinstance(value, float):
        return f"{value:.17g}"
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _quoted(text: str) -> str:
    def upper(found: re.Match[str]) -> str:
        piece = found.group()
        if piece == "\x7f":
            return "\\u007F"
        return "\\u" + piece[2:].upper() if piece[1] == "u" else piece

    return _WRITTEN_ESCAPE.sub(upper, encode_basestring_ascii(text))
