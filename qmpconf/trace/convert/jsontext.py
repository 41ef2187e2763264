"""JSON as text: white space put in and taken out, and nothing else changed.

Numbers keep their digits, strings their escapes, objects their order and the members that stand
twice.  The text is taken token by token, so that it may be of any depth, and in QEMU's dialect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from qmpconf.protocol.values import Malformed, dumps, loads

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_TOKEN = re.compile(
    rb"\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?|[][{}:,]|[^] \t\r\n[{}:,\"']+", re.DOTALL
)
_OPENING = frozenset({b"{", b"["})
_CLOSING = frozenset({b"}", b"]"})

#: Deeper levels are not indented any further.
_DEEPEST = 64


def compact(data: bytes, comma: bytes = b", ", colon: bytes = b": ") -> bytes:
    """`data` in one line, with these separators: those of a QEMU server, if none are given."""
    spaced = {b",": comma, b":": colon}
    return b"".join(spaced.get(token, token) for token in tokens(data))


def pretty(data: bytes, indent: int = 2) -> bytes:
    """`data` over several lines, as strict JSON; empty objects and arrays stay in one.

    Raises `Malformed` for a string that is not a string.
    """
    pieces: list[bytes] = []
    depth = 0
    latest = b""
    for token in tokens(data):
        if token in _CLOSING:
            depth -= 1
            if latest not in _OPENING:
                pieces.append(_break(depth, indent))
        elif latest in _OPENING or latest == b",":
            pieces.append(_break(depth, indent))
        if token in _OPENING:
            depth += 1
        pieces.append(b": " if token == b":" else strict(token))
        latest = token
    return b"".join(pieces)


def strict(token: bytes) -> bytes:
    """A token of QEMU's dialect as one of JSON."""
    return dumps(loads(token)) if token.startswith(b"'") else token


def _break(depth: int, indent: int) -> bytes:
    return b"\n" + b" " * (indent * max(0, min(depth, _DEEPEST)))


def tokens(data: bytes) -> Iterator[bytes]:
    """The tokens, without the white space between them."""
    for found in _TOKEN.finditer(data):
        yield found.group()


def members(data: bytes) -> list[tuple[str, bytes]] | None:
    """The names and the text of the members of an object, in order; None if it is not an object."""
    try:
        if not isinstance(loads(data), dict):
            return None
    except Malformed:
        return None
    found: list[tuple[str, bytes]] = []
    depth = 0
    name: bytes | None = None
    begin = 0
    for token in _TOKEN.finditer(data):
        text = token.group()
        if text in _OPENING:
            depth += 1
        elif text in _CLOSING:
            depth -= 1
        ends = (text == b"," and depth == 1) or depth == 0
        if ends and name is not None:
            found.append((loads(name), data[begin : token.start()].strip()))
            name = None
        elif depth == 1 and name is None and text[:1] in (b'"', b"'"):
            name = text
        elif depth == 1 and text == b":" and name is not None:
            begin = token.end()
    return found


def names(data: bytes) -> frozenset[str]:
    """The names of an object's members; none for what is not an object."""
    try:
        return frozenset(_decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return frozenset(name for name, _ in members(data) or ())
