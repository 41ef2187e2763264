"""Bytes to frames: where each message begins and ends on the wire.

QMP has no length and, on input, no line: what separates two messages is the JSON itself.  This
module cuts a stream of bytes, in whatever pieces it comes, the way QEMU's server does
(qmpconf/protocol/README.md, Framing and encoding), and keeps every byte.

QEMU reads in two stages.  A *lexer* makes tokens; a byte that fits nowhere is a lexical error,
after which it skips to the next structural character, control character or impossible byte.  A
*streamer* counts braces and brackets; when neither is open any more (or one is closed too often)
the tokens so far are handed to the parser, which gives one response, good or bad.  So

- a `VALUE` is a balanced run of tokens: the server answers it once.  It need not parse
  (``{"a" 1}`` is one); `qmpconf.protocol.values.loads` tells.
- a `MALFORMED` stretch runs up to and including the byte that broke it, or up to a limit: the
  server answers it with one error.
- `SKIPPED` bytes are what the server passes over after an error, `SPACE` is white space that
  follows no frame of the same piece, `PARTIAL` what was left at the end.  None is answered.

Two ways lead to the same frames.  A piece that holds whole lines, or the whole of a long message,
goes through msgspec, which finds a value's end a hundred times faster than Python can.  All else
goes through the lexer's table, run by run.  The module does not know what a message means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import msgspec

from qmpconf.protocol.values import is_json


class Kind(Enum):
    """What a frame is; see the module's text."""

    VALUE = "value"
    MALFORMED = "malformed"
    SKIPPED = "skipped"
    SPACE = "space"
    PARTIAL = "partial"


class Frame(NamedTuple):
    """One cut of the stream.

    `data` are its exact bytes, `end` the white space that followed it in the same piece.
    `plain` says that `data` is one strictly valid JSON value (UTF-8, no line break) that can
    stand on a line of its own.
    """

    kind: Kind
    data: bytes
    end: bytes = b""
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond which a message is cut off as malformed.

    `size` in bytes bounds the memory that a framer takes, `nesting` in levels, `tokens` in
    tokens.  `zero_exponent` tells whether ``0E1`` is a number, as in JSON; QEMU's lexer refuses
    it.
    """

    nesting: int
    size: int
    tokens: int
    zero_exponent: bool = False


#: QEMU's own, for what a client sends: 1024 levels, 64 MiB, 2 Mi tokens.
CLIENT_LIMITS = Limits(nesting=1024, size=64 << 20, tokens=2 << 20)
#: For what a server sends, no limit is known; these keep a runaway from filling the memory.
SERVER_LIMITS = Limits(nesting=1 << 20, size=256 << 20, tokens=1 << 62, zero_exponent=True)

# --- the lexer's table -------------------------------------------------------------------------

_WHITE = b" \t\r\n"
_DIGITS = b"0123456789"
_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_STRING_BYTES = bytes(range(0x20, 0xFE))

(
    _START,
    _RECOVERY,
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
_TOKEN, _TOKEN_BEFORE, _RESTART_BEFORE, _ERROR = 100, 101, 102, 103
_OPEN_BRACE, _CLOSE_BRACE, _OPEN_BRACKET, _CLOSE_BRACKET = 110, 111, 112, 113

#: state: (what happens on a byte that no row names, [(bytes, what happens), ...])
_RULES: dict[int, tuple[int, list[tuple[bytes, int]]]] = {
    _START: (
        _ERROR,
        [
            (_WHITE, _START),
            (b"{", _OPEN_BRACE),
            (b"}", _CLOSE_BRACE),
            (b"[", _OPEN_BRACKET),
            (b"]", _CLOSE_BRACKET),
            (b":,", _TOKEN),
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
    _RECOVERY: (
        _RECOVERY,
        [
            (bytes(byte for byte in range(0x20) if byte != 0x09), _RESTART_BEFORE),
            (b"[]{}:,\xfe\xff", _RESTART_BEFORE),
        ],
    ),
    _DQ: (_ERROR, [(_STRING_BYTES, _DQ), (b"\\", _DQ_ESCAPE), (b'"', _TOKEN)]),
    _DQ_ESCAPE: (_ERROR, [(_STRING_BYTES, _DQ)]),
    _SQ: (_ERROR, [(_STRING_BYTES, _SQ), (b"\\", _SQ_ESCAPE), (b"'", _TOKEN)]),
    _SQ_ESCAPE: (_ERROR, [(_STRING_BYTES, _SQ)]),
    _SIGN: (_ERROR, [(b"0", _ZERO), (b"123456789", _INTEGER)]),
    _ZERO: (_TOKEN_BEFORE, [(_DIGITS, _ERROR), (b".", _POINT)]),
    _INTEGER: (_TOKEN_BEFORE, [(_DIGITS, _INTEGER), (b"eE", _E), (b".", _POINT)]),
    _POINT: (_ERROR, [(_DIGITS, _FRACTION)]),
    _FRACTION: (_TOKEN_BEFORE, [(_DIGITS, _FRACTION), (b"eE", _E)]),
    _E: (_ERROR, [(b"+-", _E_SIGN), (_DIGITS, _EXPONENT)]),
    _E_SIGN: (_ERROR, [(_DIGITS, _EXPONENT)]),
    _EXPONENT: (_TOKEN_BEFORE, [(_DIGITS, _EXPONENT)]),
    _KEYWORD: (_TOKEN_BEFORE, [(_LOWER, _KEYWORD)]),
}

#: States in which what has been read may be a whole token.
_BARE = frozenset({_ZERO, _INTEGER, _FRACTION, _EXPONENT, _KEYWORD})


def _row(otherwise: int, rules: list[tuple[bytes, int]]) -> bytes:
    row = bytearray([otherwise]) * 256
    for group, outcome in rules:
        for byte in group:
            row[byte] = outcome
    return bytes(row)


_TABLE = [_row(*_RULES[state]) for state in range(len(_RULES))]
#: The same where a number may be ``0E1``.
_JSON_TABLE = [*_TABLE]
_JSON_TABLE[_ZERO] = _row(_TOKEN_BEFORE, [*_RULES[_ZERO][1], (b"eE", _E)])


def _staying(state: int) -> re.Pattern[bytes]:
    """A pattern for the longest run of bytes that leave `state` as it is."""
    members = b"".join(b"\\x%02x" % byte for byte in range(256) if _TABLE[state][byte] == state)
    return re.compile(b"[" + members + b"]*" if members else b"")


_RUNS = [_staying(state).match for state in range(len(_RULES))]

#: Inside an object or array: everything up to the next bracket that takes no decision.  A number
#: or a keyword counts only when the byte behind it shows that it has ended.
_BULK = re.compile(
    rb'(?:[ \t\r\n:,]++|"(?:[^"\\\x00-\x1f\xfe\xff]|\\[\x20-\xfd])*+"'
    rb"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?=[ \t\r\n:,}\]])|(?:true|false|null)(?=[ \t\r\n:,}\]]))*+"
).match
_TOKENS = re.compile(
    rb'"(?:[^"\\]|\\.)*+"|\'(?:[^\'\\]|\\.)*+\'|[][{}:,]|[^] \t\r\n[{}:,"\']++', re.DOTALL
)

# --- the framer --------------------------------------------------------------------------------

_find_value = msgspec.json.Decoder(msgspec.Raw).decode
_TRUNCATED = "Input data was truncated"

#: Where msgspec says "truncated" of a string that has ended, and where QEMU reads no number.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ZERO_E = re.compile(rb"[-:,[ \t\r\n]0E")

#: A long message may come in many pieces, and the fast way starts each time at its beginning:
#: it may read this many times the bytes that there are before the table takes over.
_PATIENCE = 16
#: A beginning that is shorter than this goes to the table at once.
_LONG = 4096


def _holds_zero_e(text: bytes) -> bool:
    """Whether there is a number that QEMU reads differently; looked for in order of cost."""
    return b"E" in text and b"0E" in text and _ZERO_E.search(text) is not None


def is_plain(data: bytes) -> bool:
    """Whether `data` is one strictly valid JSON value in UTF-8 that needs just one line."""
    padded = data[:1] in (b" ", b"\t") or data[-1:] in (b" ", b"\t")
    return not (b"\n" in data or b"\r" in data or padded) and is_json(data)


class Framer:
    """Cuts one direction of one session into frames.

    Time is linear in the bytes fed, however they are split; memory is bounded by `limits.size`.
    """

    def __init__(self, limits: Limits = CLIENT_LIMITS) -> None:
        self._limits = limits
        self._longest = min(limits.tokens, limits.size)  # that no limit can cut
        self._buffer = bytearray()  # the frame that has not ended, from its first byte
        self._at = 0  # up to where the table has read the buffer
        self._state = _START
        self._braces = 0
        self._brackets = 0
        self._tokens = 0  # counted only when there can be too many
        self._waiting = False  # the buffer was read the fast way, and is incomplete
        self._cut = False  # the fast way's last text was the beginning of a message
        self._read = 0  # bytes that the fast way has read for this frame

    @property
    def idle(self) -> bool:
        """Whether the stream stands between two messages."""
        return not self._buffer and self._state == _START

    def feed(self, piece: bytes) -> list[Frame]:
        """Take the next bytes; give the frames that end in them, in order."""
        if not self._buffer and self._state == _START:
            frame = self._whole(piece)
            if frame is not None:
                return [frame]
            return self._lines(piece)
        if self._waiting:
            return self._resume(piece)
        return self._scan(piece)

    def settle(self) -> list[Frame]:
        """Give the bare number or keyword that waits for the byte behind it, if there is one.

        For a reader who knows from elsewhere that it has ended: it has been answered.
        """
        if self._state not in _BARE or self._braces or self._brackets:
            return []
        data = bytes(self._buffer)
        self._reset()
        self._state = _START
        return [Frame(Kind.VALUE, data, b"", is_plain(data))]

    def close(self) -> list[Frame]:
        """Take the end of the stream; give what was left incomplete, if anything."""
        rest = [Frame(Kind.PARTIAL, bytes(self._buffer))] if self._buffer else []
        self._reset()
        self._state = _START
        return rest

    # The fast way: text that is whole.

    def _whole(self, piece: bytes) -> Frame | None:
        """The one frame that `piece` is, if it is surely one message and nothing else.

        When it is not, `_cut` tells whether it is surely the beginning of one.
        """
        self._cut = False
        if piece[:1] != b"{" or len(piece) > self._longest:
            return None
        try:
            if not piece.isascii():
                piece.decode("utf-8")
            _find_value(piece)
        except msgspec.MsgspecError as error:
            self._cut = str(error) == _TRUNCATED and not (
                not piece.isascii()
                or (b"\\" in piece and _SURROGATE.search(piece))
                or (not self._limits.zero_exponent and _holds_zero_e(piece))
            )
            return None
        except (UnicodeDecodeError, RecursionError):
            return None
        if not self._limits.zero_exponent and _holds_zero_e(piece):
            return None
        data = piece.rstrip(_WHITE)
        plain = not (b"\n" in data or b"\r" in data)
        return Frame(Kind.VALUE, data, piece[len(data) :], plain)

    def _lines(self, piece: bytes) -> list[Frame]:
        """Several lines, of which the first ones may be one message each; the rest is scanned."""
        frames = []
        start = 0
        while not self._cut:
            end = piece.find(b"\n", start) + 1
            if not end:
                break
            frame = self._whole(piece[start:end])
            if frame is None:
                break
            frames.append(frame)
            start = end
        rest = piece[start:] if start else piece
        if not rest:
            return frames
        if start and len(rest) >= _LONG:
            self._whole(rest)
        if self._cut and len(rest) >= _LONG:
            self._buffer += rest
            self._read = len(rest)
            self._waiting = True
            return frames
        return frames + self._scan(rest)

    def _resume(self, piece: bytes) -> list[Frame]:
        """More of a message that began the fast way."""
        text = bytes(self._buffer) + piece
        self._read += len(text)
        if self._read <= _PATIENCE * len(text):
            frame = self._whole(text)
            if frame is not None:
                self._reset()
                return [frame]
            if self._cut:
                self._buffer += piece
                return []
        self._buffer = bytearray()
        self._waiting = False
        return self._scan(text)

    # The exact way: the lexer's table.

    def _scan(self, piece: bytes) -> list[Frame]:
        frames: list[Frame] = []
        buffer = self._buffer
        buffer += piece
        begin = 0  # where the frame that is being read begins in the buffer
        at = self._at
        state = self._state
        limits = self._limits
        table = _JSON_TABLE if limits.zero_exponent else _TABLE
        size = len(buffer)
        while at < size:
            if state == _START and (self._braces or self._brackets) and size <= limits.tokens:
                bulk = _BULK(buffer, at)
                if bulk is not None:
                    at = bulk.end()
            run = _RUNS[state](buffer, at)
            if run is not None:
                at = run.end()
            if state == _START and not self._braces and not self._brackets and at > begin:
                # White space between messages.
                space = bytes(buffer[begin:at])
                if frames and frames[-1].kind in (Kind.VALUE, Kind.MALFORMED):
                    frames[-1] = frames[-1]._replace(end=frames[-1].end + space)
                else:
                    frames.append(Frame(Kind.SPACE, space))
                begin = at
            if at - begin > limits.size:
                cut = begin + limits.size
                frames.append(Frame(Kind.MALFORMED, bytes(buffer[begin:cut])))
                begin = at = cut
                state = self._restart()
                continue
            if at >= size:
                break
            outcome = table[state][buffer[at]]
            if outcome < _TOKEN:
                state = outcome
                at += 1
                continue
            if outcome == _RESTART_BEFORE:
                if at > begin:
                    frames.append(Frame(Kind.SKIPPED, bytes(buffer[begin:at])))
                begin = at
                state = _START
                continue
            if outcome != _TOKEN_BEFORE:
                at += 1
            if outcome == _ERROR:
                frames.append(Frame(Kind.MALFORMED, bytes(buffer[begin:at])))
                begin = at
                self._restart()
                state = _RECOVERY
                continue
            state = _START
            self._braces += (outcome == _OPEN_BRACE) - (outcome == _CLOSE_BRACE)
            self._brackets += (outcome == _OPEN_BRACKET) - (outcome == _CLOSE_BRACKET)
            if self._is_too_much(buffer, begin, at):
                frames.append(Frame(Kind.MALFORMED, bytes(buffer[begin:at])))
                begin = at
                state = self._restart()
            elif self._braces < 0 or self._brackets < 0 or not (self._braces or self._brackets):
                data = bytes(buffer[begin:at])
                frames.append(Frame(Kind.VALUE, data, plain=is_plain(data)))
                begin = at
                state = self._restart()
        if state == _RECOVERY and at > begin:
            frames.append(Frame(Kind.SKIPPED, bytes(buffer[begin:at])))
            begin = at
        if begin:
            del buffer[:begin]
        self._at = at - begin
        self._state = state
        return frames

    def _is_too_much(self, buffer: bytearray, begin: int, at: int) -> bool:
        """Whether the token that ends before `at` is one too many, or nests too deep."""
        if self._braces + self._brackets > self._limits.nesting:
            return True
        if at - begin <= self._limits.tokens:
            return False
        if not self._tokens:
            self._tokens = sum(1 for _ in _TOKENS.finditer(buffer, begin, at))
        else:
            self._tokens += 1
        return self._tokens > self._limits.tokens

    def _restart(self) -> int:
        """Forget the tokens so far; gives the state in which the next frame begins."""
        self._braces = self._brackets = self._tokens = 0
        return _START

    def _reset(self) -> None:
        self._buffer = bytearray()
        self._at = self._read = 0
        self._waiting = False
        self._restart()
