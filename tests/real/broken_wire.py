"""Defects in front of a real server: how it cuts and reads what the client sends, and its sessions.

What the server says is changed in `tests.real.broken_replies`.
"""

from __future__ import annotations

import json
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from qmpconf.protocol.framing import CLIENT_LIMITS, Framer
from tests.real.broken import Hangup, Honest, Message, defect

#: The most that a server with a small buffer takes.
EIGHT_KILOBYTES = 8192


# --- how input is cut ----------------------------------------------------------------------------


@defect(
    "framing.by-value",
    "response.exactly-one",
    cases=("framing.by-value*", "response.exactly-one/each", "request.members/order"),
)
class OneCommandPerRead(Honest):
    """Of what is read at once the first command alone is seen."""

    def heard(self, data: bytes) -> bytes:
        first = re.match(rb'\s*\{"execute": ?"[a-z_-]+"(, "id": "\w*")?\}', data)
        return first[0] if first else data


@defect("framing.by-value", cases=("framing.by-value*", "request.members/order"))
class ByLine(Honest):
    """A command is read when its line ends."""

    held = b""

    def begin(self) -> None:
        super().begin()
        self.held = b""

    def heard(self, data: bytes) -> bytes:
        whole = self.held + data
        end = whole.rfind(b"\n") + 1
        self.held = whole[end:]
        return whole[:end]


@defect(
    "framing.by-value",
    "response.in-order",
    cases=("framing.by-value*", "request.members/order"),
)
class LinesAreCommands(Honest):
    """A line that does not begin with a brace is not seen."""

    def heard(self, data: bytes) -> bytes:
        return re.sub(rb"\n[\t ]+[^\r\n]*", b"\n", data)


class ByMessage(Honest, ABC):
    """Messages are changed one by one, as soon as they are whole."""

    def begin(self) -> None:
        super().begin()
        self.framer = Framer(CLIENT_LIMITS)

    def heard(self, data: bytes) -> bytes:
        frames = self.framer.feed(data)
        return b"".join(self.message(frame.data) + frame.end for frame in frames)

    @abstractmethod
    def message(self, data: bytes) -> bytes:
        """What the server gets in place of a message."""


@defect("limits.size", cases=("limits.size/string-*-kib", "framing.*/id-l*"))
class LongIsDropped(ByMessage):
    """A message of more than 8 KiB is dropped, without a word."""

    def message(self, data: bytes) -> bytes:
        return data if len(data) <= EIGHT_KILOBYTES else b""


@defect(
    "limits.size",
    "response.exactly-one",
    cases=("limits.size/string-*-kib", "framing.*/id-l*"),
)
class LongEndsTheSession(ByMessage):
    """A message of more than 8 KiB ends the session."""

    def message(self, data: bytes) -> bytes:
        if len(data) > EIGHT_KILOBYTES:
            raise Hangup
        return data


@defect(
    "limits.size",
    "response.id-echo",
    cases=("limits.size/string-*-kib", "framing.*/id-l*"),
)
class LongIsCut(ByMessage):
    """Of a message of more than 8 KiB the rest is taken for another one."""

    def message(self, data: bytes) -> bytes:
        return data[:EIGHT_KILOBYTES] + b"\xff" if len(data) > EIGHT_KILOBYTES else data


# --- what is taken for a command -----------------------------------------------------------------


class Rewritten(ByMessage):
    """Commands are rewritten before the server sees them."""

    def message(self, data: bytes) -> bytes:
        try:
            value = json.loads(data)
        except ValueError:
            return data
        return json.dumps(self.rewritten(value)).encode() if isinstance(value, dict) else data

    def rewritten(self, value: Message) -> Message:
        """The command that the server gets."""
        return value


def _without(value: Message, keep: Callable[[str, Any], bool]) -> Message:
    return {name: one for name, one in value.items() if keep(name, one)}


@defect("framing.duplicate-member", cases=("framing.duplicate*", "request.members*"))
class LastMemberCounts(Rewritten):
    """Of members that stand twice the last one counts."""


@defect("request.members", cases=("request.members*", "request.arguments-object*"))
class UnknownMembersTaken(Rewritten):
    """Members that no command has are passed over."""

    def rewritten(self, value: Message) -> Message:
        return _without(value, lambda name, _: name in ("execute", "exec-oob", "arguments", "id"))


@defect("request.arguments-object", cases=("request.members*", "request.arguments-object*"))
class EmptyArgumentsTaken(Rewritten):
    """null, false, 0 and empty values are no arguments."""

    def rewritten(self, value: Message) -> Message:
        return _without(value, lambda name, one: name != "arguments" or bool(one))


@defect("request.execute-string", cases=("request.members*", "request.execute-string*"))
class NameInAnArray(Rewritten):
    """A name in an array is taken."""

    def rewritten(self, value: Message) -> Message:
        name = value.get("execute")
        return {**value, "execute": name[0]} if isinstance(name, list) else value


@defect("request.unknown-command", cases=("request.unknown-command*", "request.members*"))
class CaseDoesNotMatter(Rewritten):
    """Names are taken in upper case."""

    def rewritten(self, value: Message) -> Message:
        name = value.get("execute")
        return {**value, "execute": name.lower()} if isinstance(name, str) else value


@defect("request.unknown-command", cases=("request.unknown-command*", "request.members*"))
class SpacesAreStripped(Rewritten):
    """White space around a name does not count."""

    def rewritten(self, value: Message) -> Message:
        name = value.get("execute")
        return {**value, "execute": name.strip()} if isinstance(name, str) else value


@defect(
    "request.strict-arguments",
    cases=("request.strict-arguments/query-*", "request.strict-arguments/stop", "request.members*"),
)
class UnknownArgumentsTaken(Rewritten):
    """Arguments that the suite makes up are passed over, and the command is carried out."""

    def rewritten(self, value: Message) -> Message:
        given = value.get("arguments")
        if isinstance(given, dict):
            known = _without(given, lambda name, _: not name.startswith("qmpconf-"))
            return {**value, "arguments": known}
        return value


@defect("oob.allowed-only", cases=("oob.*", "request.members/order"))
class OutOfBandIsInBand(Rewritten):
    """exec-oob of a command that does not allow it is carried out in band."""

    def rewritten(self, value: Message) -> Message:
        if value.get("exec-oob") in ("query-version", "query-status"):
            value["execute"] = value.pop("exec-oob")
        return value


@defect("negotiation.bad-enable", "request.strict-arguments", cases=("negotiation.*",))
class AnythingIsEnabled(Rewritten):
    """Capabilities that are unknown are enabled without a word."""

    def rewritten(self, value: Message) -> Message:
        given = value.get("arguments")
        names = given.get("enable") if isinstance(given, dict) else None
        if value.get("execute") == "qmp_capabilities" and isinstance(names, list):
            return {**value, "arguments": {"enable": [one for one in names if one == "oob"]}}
        return value


@defect(
    "request.non-object",
    "response.exactly-one",
    cases=("request.non-object*", "response.exactly-one/array", "request.members/order"),
)
class Batches(ByMessage):
    """The commands of an array are carried out."""

    def message(self, data: bytes) -> bytes:
        return data[1:-1].replace(b"}, {", b"} {") if data.startswith(b"[{") else data


# --- text that is taken, and recovery ------------------------------------------------------------


class Substituted(Honest):
    """Text is replaced before the server sees it."""

    pattern = rb"(?!)"
    by = b""

    def heard(self, data: bytes) -> bytes:
        return re.sub(self.pattern, self.by, data)


@defect(
    "framing.json-strict", "negotiation.gate", cases=("framing.json-strict*", "recovery.*/once")
)
class TrailingCommaTaken(Substituted):
    """A comma behind the last member is taken."""

    pattern = rb",([}\]])"
    by = rb"\1"


@defect(
    "framing.json-strict", "negotiation.gate", cases=("framing.json-strict*", "recovery.*/once")
)
class NotANumberTaken(Substituted):
    """NaN and Infinity are numbers."""

    pattern = rb"-?(?:NaN|Infinity)"
    by = b"0"


@defect("framing.utf8-in", cases=("framing.utf8-in*", "recovery.*/once"))
class OtherBytesTaken(Substituted):
    """Bytes that are not UTF-8 are taken for question marks."""

    pattern = rb"(?<=[ -~])[\xe9\xc0\xf5\x80](?=[\x80]?[ -~])"
    by = b"?"


@defect("recovery.reset-byte", cases=("recovery.reset-byte/s*", "recovery.*/once"))
class ResetByteIsIgnored(Substituted):
    """0xFF resets nothing."""

    pattern = rb"\xff"


@defect(
    "recovery.after-error",
    "recovery.reset-byte",
    cases=("recovery.after-error*", "response.exactly-one/each"),
)
class BadInputEndsTheSession(Honest):
    """What is not JSON ends the session."""

    def response(self, response: Message) -> Iterable[Message]:
        if "JSON parse error" in response.get("error", {}).get("desc", ""):
            raise Hangup
        yield response


# --- sessions ------------------------------------------------------------------------------------


@defect("session.single", "response.exactly-one", cases=("session.*", "greeting.unsolicited*"))
class SecondSilencesTheFirst(Honest):
    """A second client is sent away, and from then on the first one gets nothing."""

    crowd = True
    silent = False

    def begin(self) -> None:
        super().begin()
        self.silent = False

    def second(self, client: socket.socket) -> None:
        super().second(client)
        self.silent = True

    def response(self, response: Message) -> Iterable[Message]:
        if not self.silent:
            yield response


@defect("session.single", "response.exactly-one", cases=("session.*", "greeting.unsolicited*"))
class SecondTakesOver(Honest):
    """A second client ends the first one's session."""

    crowd = True

    def second(self, client: socket.socket) -> None:
        super().second(client)
        raise Hangup


@defect("session.single", "response.exactly-one", cases=("session.*", "greeting.unsolicited*"))
class SecondIsGreeted(Honest):
    """A second client is greeted at once, and then sent away."""

    crowd = True
    latest = b""

    def greeting(self, greeting: Message) -> Iterable[Message]:
        self.latest = self.encode(greeting)
        yield greeting

    def second(self, client: socket.socket) -> None:
        with client, suppress(ConnectionError):  # who went already needs no greeting
            client.sendall(self.latest)


@defect("session.half-close", "response.exactly-one", cases=("session.*", "greeting.unsolicited*"))
class ShutIsTheEnd(Honest):
    """What is pending when the client has shut its sending side down is not answered."""

    def response(self, response: Message) -> Iterable[Message]:
        if not str(response.get("id")).startswith("pending-"):  # the suite's: they take until then
            yield response

    def shut(self) -> None:
        raise Hangup


@defect(
    "greeting.each-session",
    "response.id-echo",
    "response.exactly-one",
    cases=("greeting.each-session/fresh*", "request.members/order"),
)
class HalfACommandIsKept(Honest):
    """What a session left half-sent stands before what the next one sends."""

    left = b""

    def begin(self) -> None:
        balanced = self.said.count(b"{") == self.said.count(b"}")
        self.left = b"" if balanced else self.said[self.said.rfind(b'{"execute"') :]
        super().begin()

    def heard(self, data: bytes) -> bytes:
        left, self.left = self.left, b""
        return left + data
