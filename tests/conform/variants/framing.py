"""Defects of framing, encoding and recovery."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from typing import Any

from qmpconf.monitor.core import Close, Session
from qmpconf.monitor.refusal import Refusal
from qmpconf.protocol.framing import CLIENT_LIMITS, Frame, Framer
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import dumps, loads
from tests.conform.variants.base import CRLF, Broken, defect

# --- what is sent ----------------------------------------------------------------------------------


@defect("framing.crlf")
class LineFeed(Broken):
    """Messages end in LF alone."""

    def encode(self, message: Any) -> bytes:
        return dumps(message) + b"\n"


@defect("framing.crlf")
class NoEnd(Broken):
    """Nothing follows a message."""

    def encode(self, message: Any) -> bytes:
        return dumps(message)


@defect("framing.crlf", cases=("framing.crlf*", "event.*"))
class EventsEndInLineFeed(Broken):
    """Events alone end in LF."""

    def encode(self, message: Any) -> bytes:
        return dumps(message) + (b"\n" if "event" in message else CRLF)


@defect("framing.ascii", "framing.escapes")
class RawText(Broken):
    """Text is sent as plain UTF-8."""

    def encode(self, message: Any) -> bytes:
        return json.dumps(message, ensure_ascii=False).encode() + CRLF


@defect("framing.escapes", cases=("framing.ascii*",))
class LowerCaseEscapes(Broken):
    """Escapes are in lower case."""

    def encode(self, message: Any) -> bytes:
        return json.dumps(message).encode() + CRLF


@defect("framing.valid-json", "response.id-echo", cases=("framing.v*",))
class SingleQuotes(Broken):
    """Responses are written with single quotes."""

    def encode(self, message: Any) -> bytes:
        data = dumps(message) + CRLF
        return data.replace(b'"', b"'") if "return" in message else data


@defect("framing.valid-json", "response.exactly-one", "response.in-order", cases=("framing.v*",))
class TrailingComma(Broken):
    """A comma stands behind the last member of an error."""

    def encode(self, message: Any) -> bytes:
        data = dumps(message)
        return (data[:-1] + b",}" if b"there is no command" in data else data) + CRLF


@defect("framing.valid-json", "response.exactly-one")
class ControlCharacters(Broken):
    """Control characters are sent as they are."""

    def encode(self, message: Any) -> bytes:
        return super().encode(message).replace(b"\\u0001", b"\1")


@defect(
    "framing.valid-json",
    "framing.object",
    "framing.crlf",
    "response.exactly-one",
    smoke=False,
    cases=("framing.v*",),
)
class NotANumber(Broken):
    """A number is NaN."""

    def encode(self, message: Any) -> bytes:
        data = super().encode(message)
        return data.replace(b'"micro": 22', b'"micro": NaN') if "return" in message else data


@defect("framing.object", "response.exactly-one", "response.in-order", cases=("framing.object*",))
class ErrorInAnArray(Broken):
    """Errors come in an array."""

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        text = message.get("error", {}).get("desc", "")
        yield [message] if "there is no command" in text else message


@defect("framing.object", cases=("framing.object*", "event.*"))
class KeepAlive(Broken):
    """A null is sent behind each event."""

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        yield message
        if "event" in message:
            yield b"null\r\n"


_GOOD = rb'\{"execute": "query-version", "id": [^{}]*\}'

# --- how input is cut ------------------------------------------------------------------------------


@defect("framing.by-value", cases=("framing.by-value*",))
class ByLine(Broken):
    """A command is read when a line ends."""

    def heard(self, session: Session, data: bytes) -> bytes:
        whole = self.memory.pop(session.number, b"") + data
        end = whole.rfind(b"\n") + 1
        self.memory[session.number] = whole[end:]
        return bytes(whole[:end])


@defect(
    "framing.by-value",
    "fds.pass",
    "fds.any-byte",
    "response.exactly-one",
    "response.id-echo",
    cases=("framing.by-value*",),
)
class ByWrite(Broken):
    """What is read at once is taken for one message: the parser starts anew with each read."""

    def heard(self, session: Session, data: bytes) -> bytes:
        session.framer = Framer(CLIENT_LIMITS)
        return data


@defect("framing.by-value", cases=("framing.by-value*",))
class TwoTakenAsOne(Broken):
    """Of two commands that are read together, the first one alone is seen."""

    def heard(self, _session: Session, data: bytes) -> bytes:
        two = re.fullmatch(rb"\s*(%b)\s*%b\s*" % (_GOOD, _GOOD), data)
        return two[1] if two else data


@defect("framing.by-value")
class LinesAreJoined(Broken):
    """A line that begins with white space is not seen."""

    def heard(self, _session: Session, data: bytes) -> bytes:
        return re.sub(rb"\r\n\t[^\r]*", b"", data)


# --- what is taken ---------------------------------------------------------------------------------


class Lenient(Broken):
    """Input is changed before it is read."""

    pattern = rb"(?!)"
    by = b""

    def heard(self, _session: Session, data: bytes) -> bytes:
        return re.sub(self.pattern, self.by, data)


@defect("framing.utf8-in", "response.id-echo", cases=("framing.utf8*",))
class AnyBytes(Broken):
    """Bytes that are not UTF-8 are replaced."""

    def heard(self, session: Session, data: bytes) -> bytes:
        decoder = self.memory.setdefault(
            session.number, codecs.getincrementaldecoder("utf-8")("replace")
        )
        return b"\xff".join(decoder.decode(part).encode() for part in data.split(b"\xff"))


@defect("framing.surrogates", cases=("framing.utf8*",))
class LoneSurrogates(Lenient):
    """Half a surrogate pair is taken."""

    pattern = rb"\\ud83d(?!\\ude00)|(?<!\\ud83d)\\ude00"
    by = rb"\\ufffd"


@defect("framing.utf8-in", cases=("framing.utf8*",))
class OverlongZero(Lenient):
    """U+0000 is taken in two bytes."""

    pattern = b"\xc0\x80"
    by = rb"\\u0000"


@defect("framing.json-strict", "negotiation.gate", cases=("framing.json-strict*",))
class TrailingCommaTaken(Lenient):
    """A trailing comma is taken."""

    pattern = rb",([}\]])"
    by = rb"\1"


@defect("framing.json-strict", "negotiation.gate", cases=("framing.json-strict*",))
class LeadingZeroTaken(Lenient):
    """Leading zeros are taken."""

    pattern = rb": 0(\d)"
    by = rb": \1"


@defect("framing.json-strict", "negotiation.gate", cases=("framing.json-strict*",))
class TabTaken(Lenient):
    """A tabulator is taken inside a string."""

    pattern = rb'"a\tb"'
    by = rb'"a b"'


@defect("framing.json-strict", "negotiation.gate", cases=("framing.json-strict*",))
class CommentTaken(Lenient):
    """Comments are taken, and a comment alone is not a message."""

    pattern = rb"/\*.*?\*/"


@defect("framing.json-strict", "negotiation.gate", cases=("framing.json-strict*",))
class NotANumberTaken(Lenient):
    """NaN and Infinity are numbers."""

    pattern = rb"-?(?:NaN|Infinity)"
    by = b"0"


@defect("framing.duplicate-member")
class LastMemberWins(Broken):
    """Of members that stand twice the last one counts."""

    def _read(self, frame: Frame) -> Command | Refusal:
        try:
            value = loads(frame.data)
        except ValueError:
            return super()._read(frame)
        if b"\xc0\x80" in frame.data:
            return super()._read(frame)
        return super()._read(frame._replace(data=dumps(json.loads(json.dumps(value)))))


# --- recovery and limits ---------------------------------------------------------------------------


@defect(
    "recovery.after-error",
    cases=("recovery.after-error*", "framing.json-strict/leading-zero"),
)
class ClosesOnError(Broken):
    """Bad JSON ends the session."""

    def _read(self, frame: Frame) -> Command | Refusal:
        found = super()._read(frame)
        if isinstance(found, Refusal) and "invalid JSON" in found.description:
            for number in list(self._sessions):
                self._actions.append(Close(number))
        return found


@defect("recovery.after-error", cases=("recovery.after-error*",))
class SkipsAfterError(Broken):
    """The command behind bad JSON is not seen."""

    def _read(self, frame: Frame) -> Command | Refusal:
        found = super()._read(frame)
        bad = isinstance(found, Refusal) and "bad" in frame.data.decode("latin-1")
        if self.memory.pop("bad", False) and isinstance(found, Command):
            return Refusal("invalid JSON: still recovering")
        self.memory["bad"] = bad
        return found


@defect("recovery.reset-byte", cases=("recovery.reset-byte/s*", "recovery.reset-byte/n*"))
class NoReset(Broken):
    """0xFF resets nothing."""

    def heard(self, _session: Session, data: bytes) -> bytes:
        return data.replace(b"\xff", b"")


@defect("recovery.reset-byte", cases=("recovery.reset-byte/s*",))
class NoResetInStrings(Broken):
    """0xFF does not end a string."""

    def heard(self, session: Session, data: bytes) -> bytes:
        inside = self.memory.get(session.number, False)
        kept = bytearray()
        for byte in re.findall(rb"\\?.", data, re.DOTALL):
            inside ^= byte == b'"'
            if not (inside and byte.endswith(b"\xff")):
                kept += byte
        self.memory[session.number] = inside
        return bytes(kept)


@defect("limits.size", "response.id-echo", cases=("limits.size/s*",))
class EightKilobytes(Broken):
    """A message of more than 8 KiB is refused."""

    def _read(self, frame: Frame) -> Command | Refusal:
        if len(frame.data) > 8192:
            return Refusal("the message is too long")
        return super()._read(frame)


@defect("limits.size", "response.exactly-one", cases=("limits.size/s*", "limits.size/many*"))
class EightKilobytesAndTheEnd(Broken):
    """A message of more than 8 KiB ends the session."""

    def heard(self, session: Session, data: bytes) -> bytes:
        if len(data) > 8192:
            self._actions.append(Close(session.number))
            return b""
        return data


@defect("limits.nesting", "response.id-echo", cases=("limits.nesting*",))
class TwentyLevels(Broken):
    """More than twenty levels are refused."""

    def _read(self, frame: Frame) -> Command | Refusal:
        if frame.data.count(b"[") > 20:
            return Refusal("nested too deeply")
        return super()._read(frame)


@defect("limits.nesting", "recovery.after-error", cases=("limits.nesting*",))
class DeepNestingEnds(Broken):
    """What nests too deeply ends the session."""

    def _read(self, frame: Frame) -> Command | Refusal:
        if frame.data.count(b"[") > 1024 or frame.data.count(b"{") > 1024:
            for number in self._sessions:
                self._actions.append(Close(number))
        return super()._read(frame)
