"""Bytes to frames: where each message begins and ends on the wire.

QMP has no length and, on input, no line: what separates two messages is the JSON itself.  This
module cuts a stream of bytes, in whatever pieces it comes, the way QEMU's server does
(qmpconf/protocol/README.md, Framing and encoding), and keeps every byte.

QEMU reads in two stages.  A *lexer* makes tokens; a byte that fits nowhere is a lexical error,
after which it skips to the next structural character, control character or impossible byte.  A
*streamer* counts braces and brackets; when neither is open any more (or one is closed too often)
the tokens so far are handed to the parser, which gives one response, good or bad.  So

- a `VALUE` is a balanced run of tokens: the server answers it once.  It need not parse
  (``{"a" 1}`` is one); `qmpconf.protocol.values.loads` says.
- a `MALFORMED` stretch runs up to and including the byte that broke it, or up to a limit: the
  server answers it with one error.
- `SKIPPED` bytes are what the server passes over after an error, `SPACE` is white space that
  follows no frame of the same piece, `PARTIAL` what was left at the end.  None is answered.
- a message that is too long to be held comes in pieces: any number of `PART`, and the last bytes
  as the frame that it is.  A balanced run of tokens that was not held whole is `LONG`: a message
  like a `VALUE`, which nobody can parse any more.

Two ways lead to the same frames.  A piece that holds whole lines, or the whole of a long message,
goes through msgspec, which finds a value's end a hundred times faster than Python can.  All else
goes through the lexer's table, run by run.  The module does not know what a message means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import msgspec

from qmpconf.protocol.lexer import (
    BARE,
    CLOSE_BRACE,
    CLOSE_BRACKET,
    ERROR,
    JSON_TABLE,
    OPEN_BRACE,
    OPEN_BRACKET,
    RECOVERY,
    RESTART_BEFORE,
    RUNS,
    START,
    TABLE,
    TOKEN,
    TOKEN_BEFORE,
    TOKENS,
    WHITE,
    bulk,
    count_tokens,
)
from qmpconf.protocol.values import is_json


class Kind(Enum):
    """What a frame is; see the module's text."""

    VALUE = "value"
    MALFORMED = "malformed"
    SKIPPED = "skipped"
    SPACE = "space"
    PARTIAL = "partial"
    PART = "part"
    LONG = "long"


#: What counts as a message.
MESSAGES = frozenset({Kind.VALUE, Kind.LONG, Kind.MALFORMED})


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
    """Beyond which a message is cut off as malformed: `size` in bytes, `nesting` in levels, `tokens`.

    `held` is how many bytes of one message a framer holds, and bounds its memory; it gives a longer
    one in parts.  `zero_exponent` says whether ``0E1`` is a number, as in JSON; QEMU's lexer
    refuses it.
    """

    nesting: int
    size: int
    tokens: int
    zero_exponent: bool = False
    held: int = 1 << 62


#: QEMU's own, for what a client sends: 1024 levels, 64 MiB, 2 Mi tokens.
CLIENT_LIMITS = Limits(nesting=1024, size=64 << 20, tokens=2 << 20)
#: For what a server sends, no limit is known; these keep a runaway from filling the memory of who
#: talks to it.
SERVER_LIMITS = Limits(nesting=1 << 20, size=64 << 20, tokens=1 << 62, zero_exponent=True)

#: The longest message that a recording's reader holds, in bytes.
HELD = 24 << 20
#: The same limits for who records, and for who reads a recording: what is longer passes in parts.
CLIENT_PASSING = replace(CLIENT_LIMITS, held=HELD)
SERVER_PASSING = replace(SERVER_LIMITS, held=HELD, size=1 << 62)

_find_value = msgspec.json.Decoder(msgspec.Raw).decode
#: What msgspec says of a text that has not ended.  Only speed hangs on it: were it another text, the
#: table would read what the fast way reads now.
_TRUNCATED = "Input data was truncated"

#: Where msgspec says "truncated" of a string that has ended, and where QEMU reads no number.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ZERO_E = re.compile(rb"[-:,[ \t\r\n]0E")

#: A long message may come in many pieces, and the fast way starts each time at its beginning:
#: it may read this many times the bytes that there are before the table takes over.
_PATIENCE = 16
#: A beginning that is shorter than this goes to the table at once.
_LONG = 4096
#: Steps for all there is.
_ALL = 1 << 62


def _holds_zero_e(text: bytes | bytearray) -> bool:
    """Whether there is a number that QEMU reads differently; looked for in order of cost."""
    return b"E" in text and b"0E" in text and _ZERO_E.search(text) is not None


def is_plain(data: bytes) -> bool:
    """Whether `data` is one strictly valid JSON value in UTF-8 that needs just one line."""
    padded = data[:1] in (b" ", b"\t") or data[-1:] in (b" ", b"\t")
    return not (b"\n" in data or b"\r" in data or padded) and is_json(data)


class Framer:
    """Cuts one direction of one session into frames.

    Time is linear in the bytes fed, however they are split; memory is bounded by `limits.size`
    and `limits.held`.
    """

    def __init__(self, limits: Limits = CLIENT_LIMITS) -> None:
        #: Bytes that were fed and not yet read: the last call was told to do no more.
        self.behind = 0
        self._most = 0  # steps that are left to the call that goes on
        self._limits = limits
        self._longest = min(limits.tokens, limits.size, limits.held)  # that no limit can cut
        self._buffer = bytearray()  # the frame that has not ended, from its first byte
        self._at = 0  # up to where the table has read the buffer
        self._state = START
        self._braces = 0
        self._brackets = 0
        self._tokens = -1  # counted only when there can be too many
        self._token_at = 0  # where the token that is being read begins in the buffer
        self._gone = 0  # bytes of the message that were given as parts
        self._waiting = False  # the buffer was read the fast way, and is incomplete
        self._cut = False  # the fast way's last text was the beginning of a message
        self._read = 0  # bytes that the fast way has read for this frame

    @property
    def idle(self) -> bool:
        """Whether the stream stands between two messages."""
        return not self._buffer and self._state == START and not self._gone

    @property
    def held(self) -> int:
        """Bytes of a message that has not ended."""
        return len(self._buffer)

    def feed(self, piece: bytes, most: int = _ALL) -> list[Frame]:
        """Take the next bytes; give the frames that end in them, in order.

        After `most` steps it stops: noise takes one for every token or byte that breaks a message,
        anything else one for a line.  Then some bytes are left `behind`, and ``feed(b"")`` goes on.
        """
        self._most = most
        if self.behind and not self._at and self._state == START and self._is_between():
            piece = bytes(self._buffer) + piece
            self._buffer = bytearray()
        self.behind = 0
        if not self._buffer and self._state == START and not self._gone:  # `idle`
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
        if self._state not in BARE or self.behind or not self._is_between():
            return []
        data = bytes(self._buffer)
        kind = Kind.LONG if self._gone else Kind.VALUE
        self._reset()
        self._state = START
        return [Frame(kind, data, b"", kind is Kind.VALUE and is_plain(data))]

    def spill(self) -> list[Frame]:
        """Give what is held of a message, as `Kind.PART`, and hold no more of it from here on.

        For whoever needs the memory; the message is `Kind.LONG` when it ends.
        """
        self._most = _ALL
        frames = self._scan(b"") if self._waiting else []
        read = min(len(self._buffer) - self.behind, self._limits.size - self._gone)
        if read:
            frames.append(self._part(self._buffer, 0, read))
            del self._buffer[:read]
            self._at = max(self._at - read, 0)
            self._token_at = max(self._token_at - read, 0)
        return frames

    def close(self) -> list[Frame]:
        """Take the end of the stream; give what was left incomplete, if anything."""
        begun = self._buffer or self._gone
        rest = [Frame(Kind.PARTIAL, bytes(self._buffer))] if begun else []
        self._reset()
        self._state = START
        return rest

    def drop(self) -> int:
        """Forget the bytes that are left `behind`; gives how many they were."""
        dropped, self.behind = self.behind, 0
        if dropped:
            del self._buffer[-dropped:]
        return dropped

    # The fast way: text that is whole.

    def _whole(self, piece: bytes | bytearray) -> Frame | None:
        """The one frame that `piece` is, if it is surely one message and nothing else.

        When it is not, `_cut` says whether it is surely the beginning of one.
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
        data = bytes(piece.rstrip(WHITE))
        plain = not (b"\n" in data or b"\r" in data)
        return Frame(Kind.VALUE, data, bytes(piece[len(data) :]), plain)

    def _lines(self, piece: bytes) -> list[Frame]:
        """Several lines, of which the first ones may be one message each; the rest is scanned."""
        frames: list[Frame] = []
        start = 0
        while not self._cut:
            end = piece.find(b"\n", start) + 1
            if not end:
                break
            if self._most <= 0:
                self._buffer += piece[start:]
                self.behind = len(self._buffer)
                return frames
            frame = self._whole(piece[start:end])
            if frame is None:
                break
            self._most -= 1
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
        self._buffer += piece
        self._read += len(self._buffer)
        if self._read <= _PATIENCE * len(self._buffer):
            frame = self._whole(self._buffer)
            if frame is not None:
                self._reset()
                return [frame]
            if self._cut:
                return []
        return self._scan(b"")

    # The exact way: the lexer's table.

    def _scan(self, piece: bytes) -> list[Frame]:
        frames: list[Frame] = []
        buffer = self._buffer
        buffer += piece
        self._waiting = False
        begin = 0  # where the frame that is being read begins in the buffer
        at = self._at
        state = self._state
        limits = self._limits
        table = JSON_TABLE if limits.zero_exponent else TABLE
        size = len(buffer)
        most = self._most
        while at < size and most > 0:
            most -= 1
            inside = not self._is_between()
            if state == START and inside:
                rest = bulk(buffer, at)
                if rest is not None:
                    at = self._within(buffer, begin, at, rest.end())
            run = RUNS[state](buffer, at)
            if run is not None:
                at = run.end()
            if state == START:
                self._token_at = at
            if state == START and not inside and at > begin:
                # White space between messages.
                space = bytes(buffer[begin:at])
                if frames and frames[-1].kind in (Kind.VALUE, Kind.LONG, Kind.MALFORMED):
                    frames[-1] = frames[-1]._replace(end=frames[-1].end + space)
                else:
                    frames.append(Frame(Kind.SPACE, space))
                begin = at
            if self._gone + at - begin > limits.size:
                cut = begin + limits.size - self._gone
                frames.append(Frame(Kind.MALFORMED, bytes(buffer[begin:cut])))
                begin = at = cut
                state = self._restart()
                continue
            if at - begin > limits.held and state != RECOVERY:
                frames.append(self._part(buffer, begin, at))
                begin = at
            if at >= size:
                break
            outcome = table[state][buffer[at]]
            if outcome < TOKEN:
                state = outcome
                at += 1
                continue
            if outcome == RESTART_BEFORE:
                if at > begin:
                    frames.append(Frame(Kind.SKIPPED, bytes(buffer[begin:at])))
                begin = at
                state = START
                continue
            if outcome != TOKEN_BEFORE:
                at += 1
            if outcome == ERROR:
                frames.append(Frame(Kind.MALFORMED, bytes(buffer[begin:at])))
                begin = at
                self._restart()
                state = RECOVERY
                continue
            state = START
            self._braces += (outcome == OPEN_BRACE) - (outcome == CLOSE_BRACE)
            self._brackets += (outcome == OPEN_BRACKET) - (outcome == CLOSE_BRACKET)
            if self._is_too_much(buffer, begin, at):
                frames.append(Frame(Kind.MALFORMED, bytes(buffer[begin:at])))
                begin = at
                state = self._restart()
            elif self._braces < 0 or self._brackets < 0 or not (self._braces or self._brackets):
                data = bytes(buffer[begin:at])
                if self._gone:
                    frames.append(Frame(Kind.LONG, data))
                else:
                    frames.append(Frame(Kind.VALUE, data, plain=is_plain(data)))
                begin = at
                state = self._restart()
        if state == START:
            self._token_at = at
        if state == RECOVERY and at > begin:
            frames.append(Frame(Kind.SKIPPED, bytes(buffer[begin:at])))
            begin = at
        elif self._gone and begin < at <= begin + limits.size - self._gone:
            frames.append(self._part(buffer, begin, at))
            begin = at
        if begin:
            del buffer[:begin]
        self._at = at - begin
        self._token_at = max(self._token_at - begin, 0)
        self._state = state
        self.behind = size - at
        return frames

    def _part(self, buffer: bytearray, begin: int, end: int) -> Frame:
        """Let go of what was read of a message; its tokens are counted from here on."""
        if self._limits.tokens < self._limits.size and self._tokens < 0:
            self._tokens = count_tokens(buffer, begin, self._token_at)
        self._gone += end - begin
        return Frame(Kind.PART, bytes(buffer[begin:end]))

    def _within(self, buffer: bytearray, begin: int, at: int, end: int) -> int:
        """How far tokens from `at` to `end` may be read without a look at each of them."""
        most = self._limits.tokens
        if self._tokens < 0:
            if end - begin <= most:
                return end
            self._tokens = count_tokens(buffer, begin, at)
        if end - at > _LONG:
            count = count_tokens(buffer, at, end)
            if self._tokens + count <= most:
                self._tokens += count
                return end
        for found in TOKENS.finditer(buffer, at, end):
            if self._tokens >= most:
                return at
            self._tokens += 1
            at = found.end()
        return end

    def _is_too_much(self, buffer: bytearray, begin: int, at: int) -> bool:
        """Whether the token that ends before `at` is one too many, or nests too deep."""
        if self._braces + self._brackets > self._limits.nesting:
            return True
        if self._tokens >= 0:
            self._tokens += 1
        elif at - begin <= self._limits.tokens:
            return False
        else:
            self._tokens = count_tokens(buffer, begin, at)
        return self._tokens > self._limits.tokens

    def _is_between(self) -> bool:
        """Whether no brace and no bracket is open."""
        return not (self._braces or self._brackets)

    def _restart(self) -> int:
        """Forget the tokens so far; gives the state in which the next frame begins."""
        self._braces = self._brackets = self._gone = 0
        self._tokens = -1
        return START

    def _reset(self) -> None:
        self._buffer = bytearray()
        self._at = self._read = self._token_at = self.behind = 0
        self._waiting = False
        self._restart()
