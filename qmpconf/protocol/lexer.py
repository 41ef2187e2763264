"""The lexer of QEMU's JSON reader, as a table: which byte continues a token, ends it, or breaks it.

One state and one byte give what happens (`TABLE`); `RUNS` and `bulk` are the same rules as regular
expressions, for what needs no look at each byte.  The table follows QEMU's `qobject/json-lexer.c`
(qmpconf/protocol/README.md, Framing and encoding).  What the tokens make is the business of
`qmpconf.protocol.framing`.
"""

from __future__ import annotations

import re

WHITE = b" \t\r\n"
_DIGITS = b"0123456789"
_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_STRING_BYTES = bytes(range(0x20, 0xFE))

(
    START,
    RECOVERY,
    _DQ,
    _DQ_ESCAPE,
    _SQ,
    _SQ_ESCAPE,
    _SIGN,
    _ZERO,
    _INTEGER,
    _POINT,
    _FRACTION,
    _E,
    _E_SIGN,
    _EXPONENT,
    _KEYWORD,
) = range(15)

#: Outcomes of a transition beyond the states.  A token that ends *before* the byte leaves the
#: byte to the next one.
TOKEN, TOKEN_BEFORE, RESTART_BEFORE, ERROR = 100, 101, 102, 103
OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET = 110, 111, 112, 113

#: state: (what happens on a byte that no row names, [(bytes, what happens), ...])
_RULES: dict[int, tuple[int, list[tuple[bytes, int]]]] = {
    START: (
        ERROR,
        [
            (WHITE, START),
            (b"{", OPEN_BRACE),
            (b"}", CLOSE_BRACE),
            (b"[", OPEN_BRACKET),
            (b"]", CLOSE_BRACKET),
            (b":,", TOKEN),
            (b'"', _DQ),
            (b"'", _SQ),
            (b"-", _SIGN),
            (b"0", _ZERO),
            (b"123456789", _INTEGER),
            (_LOWER, _KEYWORD),
        ],
    ),
    # Line ends, structural characters and what can be in no JSON text are good places to start
    # anew; a tab is not.
    RECOVERY: (
        RECOVERY,
        [
            (bytes(byte for byte in range(0x20) if byte != 0x09), RESTART_BEFORE),
            (b"[]{}:,\xfe\xff", RESTART_BEFORE),
        ],
    ),
    _DQ: (ERROR, [(_STRING_BYTES, _DQ), (b"\\", _DQ_ESCAPE), (b'"', TOKEN)]),
    _DQ_ESCAPE: (ERROR, [(_STRING_BYTES, _DQ)]),
    _SQ: (ERROR, [(_STRING_BYTES, _SQ), (b"\\", _SQ_ESCAPE), (b"'", TOKEN)]),
    _SQ_ESCAPE: (ERROR, [(_STRING_BYTES, _SQ)]),
    _SIGN: (ERROR, [(b"0", _ZERO), (b"123456789", _INTEGER)]),
    _ZERO: (TOKEN_BEFORE, [(_DIGITS, ERROR), (b".", _POINT)]),
    _INTEGER: (TOKEN_BEFORE, [(_DIGITS, _INTEGER), (b"eE", _E), (b".", _POINT)]),
    _POINT: (ERROR, [(_DIGITS, _FRACTION)]),
    _FRACTION: (TOKEN_BEFORE, [(_DIGITS, _FRACTION), (b"eE", _E)]),
    _E: (ERROR, [(b"+-", _E_SIGN), (_DIGITS, _EXPONENT)]),
    _E_SIGN: (ERROR, [(_DIGITS, _EXPONENT)]),
    _EXPONENT: (TOKEN_BEFORE, [(_DIGITS, _EXPONENT)]),
    _KEYWORD: (TOKEN_BEFORE, [(_LOWER, _KEYWORD)]),
}

#: States in which what has been read may be a whole token.
BARE = frozenset({_ZERO, _INTEGER, _FRACTION, _EXPONENT, _KEYWORD})


def _row(otherwise: int, rules: list[tuple[bytes, int]]) -> bytes:
    row = bytearray([otherwise]) * 256
    for group, outcome in rules:
        for byte in group:
            row[byte] = outcome
    return bytes(row)


TABLE = [_row(*_RULES[state]) for state in range(len(_RULES))]
#: The same where a number may be ``0E1``.
JSON_TABLE = [*TABLE]
JSON_TABLE[_ZERO] = _row(TOKEN_BEFORE, [*_RULES[_ZERO][1], (b"eE", _E)])


def _staying(state: int) -> re.Pattern[bytes]:
    """A pattern for the longest run of bytes that leave `state` as it is."""
    members = b"".join(b"\\x%02x" % byte for byte in range(256) if TABLE[state][byte] == state)
    return re.compile(b"[" + members + b"]*" if members else b"")


RUNS = [_staying(state).match for state in range(len(_RULES))]

#: Inside an object or array: everything up to the next bracket that takes no decision.  A number
#: or a keyword counts only when the byte behind it shows that it has ended.
bulk = re.compile(
    rb'(?:[ \t\r\n:,]++|"(?:[^"\\\x00-\x1f\xfe\xff]|\\[\x20-\xfd])*+"'
    rb"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?=[ \t\r\n:,}\]])|(?:true|false|null)(?=[ \t\r\n:,}\]]))*+"
).match
TOKENS = re.compile(
    rb'"(?:[^"\\]|\\.)*+"|\'(?:[^\'\\]|\\.)*+\'|[][{}:,]|[a-z]++'
    rb"|-?(?:0(?=[^.]|\Z)|(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)",
    re.DOTALL,
)


def count_tokens(buffer: bytearray, begin: int, end: int) -> int:
    """How many tokens stand there."""
    return TOKENS.subn(b"", memoryview(buffer)[begin:end])[1]
