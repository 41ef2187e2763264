"""Defects in front of a real server: its greeting, and its responses - how many, how, to whom."""

from __future__ import annotations

import json
import re
import select
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from tests.real.broken import Hangup, Honest, Message, defect

# --- how messages are written --------------------------------------------------------------------


@defect("framing.crlf", cases=("framing.crlf*", "framing.object*"))
class LineFeedAlone(Honest):
    """Messages end in LF alone."""

    def line(self, line: bytes) -> bytes:
        return super().line(line).replace(b"\r\n", b"\n")


@defect("framing.ascii", "framing.escapes", cases=("framing.ascii*", "framing.object*"))
class RawText(Honest):
    """Text is sent as plain UTF-8."""

    def line(self, line: bytes) -> bytes:
        return json.dumps(json.loads(line), ensure_ascii=False).encode() + b"\r\n"


@defect("framing.escapes", cases=("framing.ascii*", "framing.object*"))
class LowerCaseEscapes(Honest):
    """Escapes are in lower case."""

    def line(self, line: bytes) -> bytes:
        return json.dumps(json.loads(line)).encode() + b"\r\n"


@defect(
    "framing.valid-json",
    "response.exactly-one",
    cases=("framing.valid-json/s*", "framing.ascii/id-*"),
)
class ControlCharacters(Honest):
    """Control characters are sent as they are."""

    def line(self, line: bytes) -> bytes:
        return super().line(line).replace(b"\\u0001", b"\1")


@defect(
    "framing.valid-json",
    "framing.crlf",
    "framing.object",
    "response.exactly-one",
    "response.in-order",
    cases=("response.in-order*", "framing.crlf*", "request.members/order"),
)
class EndIsLost(Honest):
    """The last bytes of a long reply are lost."""

    def line(self, line: bytes) -> bytes:
        sent = super().line(line)
        return sent if len(sent) < 4096 else sent[:-20]


@defect(
    "event.not-inside",
    *("framing.valid-json", "framing.crlf", "framing.object", "response.exactly-one"),
    cases=("event.not-inside*", "framing.crlf*"),
)
class EventInside(Honest):
    """An event is sent in the middle of a reply."""

    latest = b""

    def event(self, event: Message) -> Iterable[Message]:
        self.latest = self.encode(event)
        return ()

    def line(self, line: bytes) -> bytes:
        sent = super().line(line)
        if self.latest and len(sent) > 200:
            sent = sent[:100] + self.latest + sent[100:]
            self.latest = b""
        return sent


# --- greeting and negotiation --------------------------------------------------------------------


@defect(
    "greeting.each-session",
    "greeting.first",
    "greeting.unsolicited",
    "greeting.shape",
    cases=("greeting.each-session/reconnect", "greeting.unsolicited*"),
)
class GreetedOnce(Honest):
    """The first session alone is greeted."""

    def greeting(self, greeting: Message) -> Iterable[Message]:
        if self.session == 1:
            yield greeting


@defect("greeting.first", cases=("greeting.first*", "greeting.shape*"))
class GreetedTwice(Honest):
    """The greeting comes again behind negotiation."""

    def greeting(self, greeting: Message) -> Iterable[Message]:
        self.again = greeting
        yield greeting

    def response(self, response: Message) -> Iterable[Message]:
        yield response
        if response.get("return") == {} and self.again:
            yield self.again
            self.again = {}


@defect("greeting.shape", cases=("greeting.first*", "greeting.shape*"))
class VersionIsText(Honest):
    """The greeting's version is a text."""

    def greeting(self, greeting: Message) -> Iterable[Message]:
        version = greeting["QMP"]["version"]["qemu"]
        text = ".".join(map(str, version.values()))
        yield {"QMP": {**greeting["QMP"], "version": text}}


class Worded(Honest, ABC):
    """Errors whose description fits `pattern` are others."""

    pattern = ""

    @abstractmethod
    def instead(self, response: Message) -> Message:
        """What is sent in place of such an error."""

    def response(self, response: Message) -> Iterable[Message]:
        text = response.get("error", {}).get("desc", "")
        yield self.instead(response) if re.search(self.pattern, text) and text else response


@defect("negotiation.once", cases=("negotiation.once*", "request.unknown-command/n*"))
class NegotiatedTwice(Worded):
    """A second qmp_capabilities succeeds."""

    pattern = "already complete"

    def instead(self, response: Message) -> Message:
        return {"return": {}, "id": response["id"]} if "id" in response else {"return": {}}


@defect("negotiation.gate", cases=("negotiation.gate*", "request.unknown-command/n*"))
class GateIsGeneric(Worded):
    """Before negotiation commands get GenericError."""

    pattern = "capabilities negotiation"

    def instead(self, response: Message) -> Message:
        return {**response, "error": {**response["error"], "class": "GenericError"}}


@defect("request.unknown-command", cases=("request.unknown-command*", "negotiation.gate/q*"))
class UnknownIsGeneric(GateIsGeneric):
    """An unknown command gets GenericError."""

    pattern = "^The command .* has not been found"


# --- how many responses, and whose ---------------------------------------------------------------


@defect("response.exactly-one", cases=("response.exactly-one*", "request.members/order"))
class RepliesDoubled(Honest):
    """Each error is sent twice."""

    def response(self, response: Message) -> Iterable[Message]:
        yield response
        if "error" in response:
            yield response


@defect(
    "response.exactly-one", "response.id-echo", cases=("response.exactly-one/[en]*", "event.own*")
)
class ReplyOfAnotherSession(Honest):
    """The last reply of a session comes again behind the next one's negotiation."""

    latest: Message | None = None
    before: Message | None = None

    def begin(self) -> None:
        super().begin()
        self.before, self.latest = self.latest, None

    def response(self, response: Message) -> Iterable[Message]:
        yield response
        if not isinstance(response.get("return"), list):
            self.latest = response
        if self.before is not None:
            yield self.before
            self.before = None


@defect("response.in-order", cases=("response.in-order*", "response.members*", "framing.crlf*"))
class TwoSwapped(Honest):
    """Of the commands that are in flight, two that follow each other change places."""

    def begin(self) -> None:
        super().begin()
        self.answered = 0
        self.held: Message | None = None

    def response(self, response: Message) -> Iterable[Message]:
        self.answered += 1
        held, self.held = self.held, None
        if held is None and self.said.count(b'"execute"') > self.answered:
            self.held = response
            return
        yield response
        if held is not None:
            yield held


_LATE = ("response.exactly-one/late-reader", "response.exactly-one/each", "request.members/order")


@defect("response.exactly-one", "response.in-order", cases=_LATE)
class FullIsLost(Honest):
    """Replies for which there is no room, because the client does not read, are lost."""

    def send(self, client: socket.socket, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            if select.select([], [client], [], 0)[1]:
                client.sendall(line)


@defect("limits.size", cases=_LATE)
class LateReaderIsSentAway(Honest):
    """A client that does not read, until there is no room, loses its session."""

    def send(self, client: socket.socket, data: bytes) -> None:
        if not select.select([], [client], [], 0)[1]:
            raise Hangup
        client.sendall(data)


@defect("response.exactly-one", cases=_LATE)
class FullNeverEnds(Honest):
    """A reply for which there was no room is the last one, although the client reads again."""

    def begin(self) -> None:
        super().begin()
        self.full = False

    def send(self, client: socket.socket, data: bytes) -> None:
        self.full = self.full or not select.select([], [client], [], 0)[1]
        if not self.full:
            client.sendall(data)


# --- ids -----------------------------------------------------------------------------------------


@defect(
    "response.id-echo",
    "response.in-order",
    "response.exactly-one",
    cases=("response.id-echo*", "response.exactly-one/each", "framing.crlf*"),
)
class NoIdWithErrors(Honest):
    """Errors carry no id."""

    def response(self, response: Message) -> Iterable[Message]:
        if "error" in response:
            response.pop("id", None)
            response = dict(response)
        yield response


@defect(
    "response.id-absent",
    "response.id-echo",
    cases=("response.id-absent*", "response.id-echo/error-string"),
)
class NullForNone(Honest):
    """Where no id was sent, null comes back."""

    def response(self, response: Message) -> Iterable[Message]:
        yield response if "id" in response else {**response, "id": None}


class OtherIds(Honest, ABC):
    """Ids come back otherwise."""

    @abstractmethod
    def changed(self, identity: Any) -> Any:
        """The id that comes back."""

    def response(self, response: Message) -> Iterable[Message]:
        if "id" in response:
            yield {**response, "id": self.changed(response["id"])}
        else:
            yield response


@defect("response.id-echo", "response.in-order", cases=("response.id-echo/success-[a-s]*",))
class IdsAsText(OtherIds):
    """Numeric ids come back as strings."""

    def changed(self, identity: Any) -> Any:
        number = isinstance(identity, int | float) and not isinstance(identity, bool)
        return str(identity) if number else identity


@defect("response.id-echo", cases=("response.id-echo/success-*",))
class IdsAsDoubles(OtherIds):
    """Ids beyond 2^53 lose digits."""

    def changed(self, identity: Any) -> Any:
        large = isinstance(identity, int) and abs(identity) > 2**53
        return int(float(identity)) if large else identity


@defect("response.id-echo", cases=("response.id-echo/success-*",))
class LongIdsAreCut(OtherIds):
    """Of an id that is a long string the first 1024 characters come back."""

    def changed(self, identity: Any) -> Any:
        return identity[:1024] if isinstance(identity, str) else identity


# --- the shape of responses ----------------------------------------------------------------------


@defect("response.members", "response.void", cases=("response.members*", "response.void*"))
class VoidWithoutReturn(Honest):
    """Commands that return nothing are answered without ``return``."""

    def response(self, response: Message) -> Iterable[Message]:
        if response.get("return") == {}:
            yield {name: value for name, value in response.items() if name != "return"}
        else:
            yield response


@defect("response.void", "schema.return", cases=("response.members*", "response.void*"))
class VoidIsNull(Honest):
    """Commands that return nothing return null."""

    def response(self, response: Message) -> Iterable[Message]:
        yield {**response, "return": None} if response.get("return") == {} else response


@defect("response.members", cases=("response.members*", "response.error*"))
class NullErrorBeside(Honest):
    """A null error stands beside each return."""

    def response(self, response: Message) -> Iterable[Message]:
        yield {**response, "error": None} if "return" in response else response


class OtherErrors(Honest, ABC):
    """Errors are others."""

    @abstractmethod
    def changed(self, error: Message) -> Any:
        """The error that is sent."""

    def response(self, response: Message) -> Iterable[Message]:
        if "error" in response:
            yield {**response, "error": self.changed(response["error"])}
        else:
            yield response


@defect(
    "response.error-class", "request.non-object", cases=("response.members*", "response.error*")
)
class ClassInvented(OtherErrors):
    """Errors have a class that nobody has documented."""

    def changed(self, error: Message) -> Any:
        generic = error["class"] == "GenericError"
        return {**error, "class": "InvalidParameter"} if generic else error


@defect("response.error-shape", cases=("response.members*", "response.error*"))
class CodeInErrors(OtherErrors):
    """Errors carry a code."""

    def changed(self, error: Message) -> Any:
        return {**error, "code": -22}


@defect("response.error-shape", cases=("response.members*", "response.error*"))
class NoDescription(OtherErrors):
    """Errors have no description."""

    def changed(self, error: Message) -> Any:
        return {"class": error["class"]}
