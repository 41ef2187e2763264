"""Defects of responses: how many come, in which order, and in which shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from qmpconf.monitor.core import Request, Session
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import dumps
from tests.conform.variants.base import Broken, defect

# --- responses -------------------------------------------------------------------------------------


@defect("response.exactly-one", "response.in-order", cases=("response.exactly-one*",))
class Loses(Broken):
    """With many commands pipelined, a response is lost."""

    def _answer(self, session: Session, request: Request) -> None:
        if len(session.unread) != 16:
            super()._answer(session, request)


@defect("response.exactly-one", cases=("response.exactly-one*",))
class AnswersTwice(Broken):
    """The error for what is not a command is sent twice."""

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        yield message
        if "not a command" in message.get("error", {}).get("desc", ""):
            yield message


@defect("response.exactly-one", cases=("response.exactly-one*",))
class SilentAboutNothing(Broken):
    """An empty object is not answered."""

    def _answer(self, session: Session, request: Request) -> None:
        if request.frame.data != b"{}":
            super()._answer(session, request)


@defect("response.members", cases=("response.members*",))
class ErrorIsNull(Broken):
    """A null error stands beside a return, as in JSON-RPC."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "error": None} if "return" in message else message


@defect(
    "response.members",
    "request.unknown-command",
    "negotiation.once",
    "response.id-echo",
    "response.void",
    cases=("response.members*",),
)
class ReturnAndError(Broken):
    """A null return stands beside an error."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        text = message.get("error", {}).get("desc", "")
        return {"return": None, **message} if "there is no command" in text else message


@defect("response.members", cases=("response.members*",))
class TakesTime(Broken):
    """Responses say how long they took."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "elapsed": 1}


@defect("response.members", cases=("response.members*",))
class JsonRpc(Broken):
    """Responses give a protocol's version."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", **message}


class OtherId(Broken, ABC):
    """Ids come back otherwise."""

    @abstractmethod
    def changed(self, identity: Any) -> Any:
        """What comes in its place."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "id": self.changed(message["id"])} if "id" in message else message


@defect("response.id-echo", "response.in-order", cases=("response.id-echo*",))
class NumbersAsText(OtherId):
    """A numeric id comes back as a string."""

    def changed(self, identity: Any) -> Any:
        return str(identity) if isinstance(identity, int | float) else identity


@defect("response.id-echo", cases=("response.id-echo*",))
class Doubles(OtherId):
    """Numbers are doubles: those beyond 2^53 lose digits."""

    def changed(self, identity: Any) -> Any:
        big = isinstance(identity, int) and abs(identity) > 2**53
        return int(float(identity)) if big else identity


@defect("response.id-echo", "response.in-order", cases=("response.id-echo*",))
class OnlyText(Broken):
    """An id that is not a string is dropped."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(message.get("id", ""), str):
            del message["id"]
        return message


@defect("response.id-echo", cases=("response.id-echo*",))
class NoNull(Broken):
    """The id null is dropped."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("id", 1) is None:
            del message["id"]
        return message


@defect("response.id-echo", "response.in-order", cases=("response.id-echo*",))
class NoIdWithErrors(Broken):
    """Errors carry no id."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        if "error" in message:
            message.pop("id", None)
        return message


@defect("response.id-echo", cases=("response.id-echo*",))
class FlatIds(OtherId):
    """Ids that are objects come back as text."""

    def changed(self, identity: Any) -> Any:
        return dumps(identity).decode() if isinstance(identity, dict | list) else identity


@defect("response.id-absent", cases=("response.id-absent*",))
class NullForNone(Broken):
    """Without an id, null comes back."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"id": None, **message} if "return" in message else message


@defect("response.id-absent", cases=("response.id-absent*",))
class InventsIds(Broken):
    """Without an id, one is made up."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        return message if "id" in message or "error" in message else {**message, "id": 4711}


@defect("response.void", "schema.return", cases=("response.void*",))
class NullReturned(Broken):
    """What returns nothing returns null."""

    def results(self, _name: str, value: Any) -> Any:
        return value if value != {} else None


@defect("response.void", cases=("response.void*",))
class SaysOk(Broken):
    """stop and cont return a text."""

    def results(self, name: str, value: Any) -> Any:
        return "OK" if name in ("stop", "cont") else value


class ErrorsDiffer(Broken, ABC):
    """Errors are not as they should be."""

    @abstractmethod
    def changed(self, error: dict[str, Any]) -> Any:
        """What comes in its place."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        if "error" in message:
            return {**message, "error": self.changed(message["error"])}
        return message


@defect("response.error-shape", cases=("response.error*",))
class NoDescription(ErrorsDiffer):
    """Errors have no desc."""

    def changed(self, error: dict[str, Any]) -> Any:
        return {"class": error["class"]}


@defect("response.error-shape", cases=("response.error*",))
class WithData(ErrorsDiffer):
    """Errors carry data, as they did up to 1.1."""

    def changed(self, error: dict[str, Any]) -> Any:
        return {**error, "data": {}}


@defect(
    "response.error-shape",
    "request.unknown-command",
    "negotiation.once",
    cases=("response.error*",),
)
class TextForError(ErrorsDiffer):
    """An error is a text."""

    def changed(self, error: dict[str, Any]) -> Any:
        return error["desc"] if "there is no command" in error["desc"] else error


@defect("response.error-class", "negotiation.bad-enable", cases=("response.error*",))
class ClassOfOld(ErrorsDiffer):
    """Errors have a class of old."""

    def changed(self, error: dict[str, Any]) -> Any:
        if "do not fit" in error["desc"]:
            return {**error, "class": "InvalidParameter"}
        return error


@defect("response.error-class", cases=("response.error*",))
class ParsingHasAClass(ErrorsDiffer):
    """Bad JSON has a class of its own."""

    def changed(self, error: dict[str, Any]) -> Any:
        return {**error, "class": "JSONParsing"} if "invalid JSON" in error["desc"] else error


@defect("response.in-order", cases=("response.in-order*",))
class Swaps(Broken):
    """Every other response changes places with the next one, where both are due."""

    def _answer(self, session: Session, request: Request) -> None:
        name = request.command.name if isinstance(request.command, Command) else ""
        if name == "query-commands" and session.unread:
            self.memory.setdefault("held", []).append(request)
            return
        super()._answer(session, request)
        for held in self.memory.pop("held", []):
            super()._answer(session, held)


@defect("response.in-order", "response.exactly-one", cases=("response.in-order*",))
class ErrorsFirst(Broken):
    """Errors overtake successes."""

    def _admit(self, session: Session) -> None:
        waiting = [one.frame.data for one in session.unread]
        if len(waiting) > 1:
            session.unread = type(session.unread)(
                sorted(session.unread, key=lambda one: b"no-such-command" not in one.frame.data)
            )
        super()._admit(session)


@defect("response.members", "response.void", cases=("response.*", "schema.return/*"))
class VoidWithoutReturn(Broken):
    """What returns nothing is answered without ``return``."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("return") == {}:
            message = {key: value for key, value in message.items() if key != "return"}
        return message
