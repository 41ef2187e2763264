"""Defects of requests: what is taken for a command, and which arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from qmpconf.monitor.commands import execute
from qmpconf.monitor.core import Session
from qmpconf.monitor.refusal import NOT_FOUND, Refusal
from qmpconf.protocol.framing import Frame
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value, dumps, loads
from tests.conform.variants.base import Broken, defect

# --- requests --------------------------------------------------------------------------------------


class Rewritten(Broken, ABC):
    """Commands are rewritten before they are checked."""

    @abstractmethod
    def rewritten(self, value: Any) -> Any:
        """What comes in its place."""

    def _read(self, frame: Frame) -> Command | Refusal:
        found = super()._read(frame)
        if not isinstance(found, Command):
            return found
        return super()._read(frame._replace(data=dumps(self.rewritten(loads(frame.data)))))


@defect("request.members", cases=("request.*/*",))
class ExtraMembers(Rewritten):
    """Members that no command has are ignored."""

    def rewritten(self, value: Any) -> Any:
        known = ("execute", "exec-oob", "arguments", "id")
        return {name: one for name, one in value.items() if name in known}


@defect("request.members", "oob.allowed-only", cases=("request.*/*",))
class ExecuteWins(Rewritten):
    """With execute and exec-oob, the first one counts."""

    def rewritten(self, value: Any) -> Any:
        if "execute" in value:
            value.pop("exec-oob", None)
        return value


@defect("request.execute-string", cases=("request.*/*",))
class AnyName(Rewritten):
    """A name in an array is taken."""

    def rewritten(self, value: Any) -> Any:
        name = value.get("execute")
        if isinstance(name, list) and name:
            value["execute"] = name[0]
        return value


@defect("request.arguments-object", cases=("request.*/*",))
class FalsyArguments(Rewritten):
    """null, false, an empty list and an empty text are not arguments."""

    def rewritten(self, value: Any) -> Any:
        if not value.get("arguments", 1):
            del value["arguments"]
        return value


@defect("request.unknown-command", cases=("request.*/*",))
class CaseDoesNotMatter(Rewritten):
    """Names are taken in upper case."""

    def rewritten(self, value: Any) -> Any:
        if isinstance(value.get("execute"), str):
            value["execute"] = value["execute"].lower()
        return value


@defect("request.unknown-command", cases=("request.*/*",))
class UnderscoresAreDashes(Rewritten):
    """query_version is query-version."""

    def rewritten(self, value: Any) -> Any:
        name = value.get("execute")
        if isinstance(name, str) and name.startswith("query"):
            value["execute"] = name.replace("_", "-")
        return value


@defect("request.unknown-command", cases=("request.*/*",))
class UnknownIsGeneric(Broken):
    """An unknown command gets GenericError."""

    def refused(self, _session: Session, command: Command, refusal: Refusal) -> Value:
        known = command.name == "qmp_capabilities" or command.oob
        if "there is no command" in refusal.description and not known:
            raise Refusal(refusal.description)
        raise refusal


@defect(
    "request.unknown-command",
    "response.id-echo",
    cases=("request.unknown-command/*",),
)
class UnknownSucceeds(Broken):
    """An unknown command returns {}."""

    def refused(self, _session: Session, command: Command, refusal: Refusal) -> Value:
        if "there is no command" in refusal.description and command.name != "qmp_capabilities":
            return {}
        raise refusal


@defect("request.non-object", cases=("request.non-object*",))
class OtherClassForArrays(Broken):
    """What is not an object gets CommandNotFound."""

    def _read(self, frame: Frame) -> Command | Refusal:
        found = super()._read(frame)
        if isinstance(found, Refusal) and "must be a JSON object" in found.description:
            return Refusal(found.description, NOT_FOUND)
        return found


@defect("request.non-object", "response.id-absent", cases=("request.non-object*",))
class IdForArrays(Broken):
    """What is not an object gets an error with an id."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        if "must be a JSON object" in message.get("error", {}).get("desc", ""):
            return {"id": None, **message}
        return message


@defect(
    "response.exactly-one",
    "request.non-object",
    cases=("request.non-object/array", "response.exactly-one/array"),
)
class Batches(Broken):
    """An array of commands is carried out."""

    def heard(self, _session: Session, data: bytes) -> bytes:
        return data[1:].replace(b"}]", b"}").replace(b"},", b"} ") if data[:2] == b"[{" else data


# --- arguments -------------------------------------------------------------------------------------


class Tolerant(Broken, ABC):
    """Some wrong arguments are taken."""

    @abstractmethod
    def is_taken(self, _problem: Any) -> bool:
        """Whether the arguments are taken all the same."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if "do not fit" not in refusal.description or command.name == "qmp_capabilities":
            raise refusal
        problems = self._validator.arguments(command.name, command.arguments)
        if not all(self.is_taken(one) for one in problems):
            raise refusal
        try:
            return execute(self.machine, command.name, _Anything(command.arguments))
        except (TypeError, AttributeError, KeyError, Refusal):
            return {}


class _Anything(dict[str, Any]):
    """Arguments in which nothing is missing."""

    def __missing__(self, name: str) -> Any:
        return ""


@defect("request.strict-arguments", "schema.return", cases=("request.*",))
class UnknownArguments(Tolerant):
    """Unknown arguments are ignored."""

    def is_taken(self, problem: Any) -> bool:
        return bool(problem.kind == "unknown")


@defect("request.strict-arguments", "schema.return", cases=("request.*",))
class MissingArguments(Tolerant):
    """Missing arguments are taken for empty ones."""

    def is_taken(self, problem: Any) -> bool:
        return bool(problem.kind == "missing")


@defect("request.strict-arguments", "schema.return", cases=("request.*",))
class WrongTypes(Tolerant):
    """Arguments of a wrong type are taken."""

    def is_taken(self, problem: Any) -> bool:
        return problem.kind not in ("unknown", "missing", "value")


@defect("request.strict-arguments", cases=("request.*",))
class UnknownValues(Tolerant):
    """Unknown values of an enumeration are taken."""

    def is_taken(self, problem: Any) -> bool:
        return bool(problem.kind == "value")


@defect("request.strict-arguments", cases=("request.*",))
class ChecksAfterwards(Broken):
    """Arguments are refused when the command was carried out."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if "do not fit" in refusal.description and command.name in ("stop", "cont"):
            execute(self.machine, command.name, {})
        raise refusal
