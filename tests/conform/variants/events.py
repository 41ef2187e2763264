"""Defects of events, and of what the schema says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from qmpconf.monitor.core import CRLF, Session
from qmpconf.monitor.offer import restrict
from qmpconf.monitor.refusal import NOT_FOUND, Refusal
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value, dumps
from tests.conform.variants.base import CATALOG, FULL, Broken, Crowd, defect, replace

# --- events ----------------------------------------------------------------------------------------


@defect("event.shape", cases=("event.*",))
class NoTimestamp(Broken):
    """Events have no timestamp."""

    def event(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"event": message["event"]}


class OtherTime(Broken, ABC):
    """Timestamps are not as they should be."""

    @abstractmethod
    def changed(self, seconds: int, microseconds: int) -> Mapping[str, Any]:
        """What comes in its place."""

    def event(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "timestamp": self.changed(**message["timestamp"])}


@defect("event.timestamp", cases=("event.*",))
class Nanoseconds(OtherTime):
    """Microseconds are nanoseconds."""

    def changed(self, seconds: int, microseconds: int) -> Mapping[str, Any]:
        return {"seconds": seconds, "microseconds": microseconds * 1000 + 1_000_000}


@defect("event.timestamp", cases=("event.*",))
class FloatingSeconds(OtherTime):
    """Seconds have a fraction, and there are no microseconds."""

    def changed(self, seconds: int, microseconds: int) -> Mapping[str, Any]:
        return {"seconds": seconds + microseconds / 1_000_000}


@defect("event.timestamp", cases=("event.*",))
class TimeAsText(OtherTime):
    """Seconds are a text."""

    def changed(self, seconds: int, microseconds: int) -> Mapping[str, Any]:
        return {"seconds": str(seconds), "microseconds": microseconds}


@defect("event.timestamp", cases=("event.*",))
class HalfAFailure(OtherTime):
    """Microseconds alone are -1."""

    def changed(self, seconds: int, microseconds: int) -> Mapping[str, Any]:
        return {"seconds": seconds, "microseconds": -1}


@defect("event.shape", cases=("event.*",))
class EventWithId(Broken):
    """Events carry the id of the command."""

    def event(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "id": 1}


@defect("event.no-empty-data", cases=("event.*",))
class EmptyData(Broken):
    """Events without members have an empty data."""

    def event(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"data": {}, **message}


@defect(
    "event.not-inside",
    "response.exactly-one",
    cases=("event.not-inside*",),
)
class Torn(Broken):
    """An event comes in the middle of a long response."""

    def outgoing(self, session: Session, message: dict[str, Any]) -> Iterable[Any]:
        event = self.memory.get(session.number)
        if "event" in message:
            self.memory[session.number] = message
        data = dumps(message)
        if event and isinstance(message.get("return"), list):
            yield data[:200] + dumps(event) + CRLF + data[200:] + CRLF
        else:
            yield message


@defect("event.rate-limit", cases=("event.*",))
class ClockStorm(Broken):
    """RTC_CHANGE comes as often as it likes."""

    def _emit(self, name: str, data: dict[str, Value]) -> None:
        super()._emit(name, data)
        if name == "STOP":
            super()._emit("RTC_CHANGE", {"offset": 1, "qom-path": "/rtc"})

    def _limit(self, key: tuple[str, str], event: dict[str, Value]) -> None:
        self._announce(event)


@defect("event.rate-limit", smoke=False, cases=("event.rate-limit/*",))
class LastIsLost(Broken):
    """Of limited events, the first one in a second is said, and the last one is not kept."""

    catalog = FULL

    def _limit(self, key: tuple[str, str], event: dict[str, Value]) -> None:
        super()._limit(key, event)
        self._limited[key] = None


@defect("schema.event-known", "event.comes", cases=("event.*",))
class UnknownEvent(Broken):
    """An event comes that the schema does not have."""

    def event(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "event": "PAUSED"} if message["event"] == "STOP" else message


@defect("schema.event-data", cases=("event.*",))
class WrongData(Broken):
    """An event's data is not that of the schema."""

    def event(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "data": {"by": "qmp"}} if message["event"] == "RESUME" else message


@defect("event.as-many", smoke=False, cases=("event.as-many/run*",))
class OneInAHundred(Broken):
    """Every hundredth event is lost."""

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        if "event" in message:
            self.memory["events"] = self.memory.get("events", 0) + 1
            if self.memory["events"] % 100 == 0:
                return
        yield message


@defect("event.delivered", smoke=False, cases=("event.delivered/every*",))
class OneOfTwoClients(Broken):
    """Of two clients that are served at a time the one that caused an event alone gets it."""

    server = Crowd

    def _execute(self, session: Session, command: Command) -> Value:
        self.memory["now"] = session
        return super()._execute(session, command)

    def _announce(self, event: dict[str, Value]) -> None:
        self._send(self.memory["now"], event)


# --- what the schema says --------------------------------------------------------------------------


@defect("schema.return", cases=("schema.[!c]*",))
class OneDeepMember(Broken):
    """One member deep in a reply is of a wrong type."""

    def results(self, name: str, value: Any) -> Any:
        if name == "query-chardev":
            return [{**one, "frontend-open": "yes"} for one in value]
        return value


@defect("schema.return", cases=("schema.[!c]*",))
class MissingMember(Broken):
    """A member that must be there is missing."""

    def results(self, name: str, value: Any) -> Any:
        if name == "query-status":
            return {key: one for key, one in value.items() if key != "running"}
        return value


@defect("schema.return", cases=("schema.[!c]*",))
class UnknownMember(Broken):
    """A member is there that the schema does not have."""

    def results(self, name: str, value: Any) -> Any:
        return {**value, "vendor": "x"} if name == "query-uuid" else value


@defect("schema.return", cases=("schema.[!c]*",))
class UnknownState(Broken):
    """A value is none of its enumeration."""

    def results(self, name: str, value: Any) -> Any:
        return {**value, "status": "stopped"} if name == "query-status" else value


@defect("schema.introspection", cases=("schema.[!c]*",))
class ListsTooMuch(Broken):
    """query-commands lists a command that is not there."""

    def results(self, name: str, value: Any) -> Any:
        return [*value, {"name": "query-magic"}] if name == "query-commands" else value


@defect(
    "schema.introspection", "request.unknown-command", cases=("schema.[!c]*", "request.unknown*")
)
class ListsTooLittle(Broken):
    """query-commands does not list a command that is there."""

    def results(self, name: str, value: Any) -> Any:
        if name == "query-commands":
            return [one for one in value if one["name"] != "query-uuid"]
        return value


@defect("schema.introspection", cases=("schema.[!c]*",))
class MissingType(Broken):
    """A type of the introspection is missing."""

    def results(self, name: str, value: Any) -> Any:
        if name == "query-qmp-schema":
            gone = CATALOG.commands["query-chardev"].returns
            return [one for one in value if one["name"] != gone]
        return value


@defect("schema.introspection", cases=("schema.[!c]*", "request.*"))
class ListedAndNotThere(Broken):
    """A command that is listed gets CommandNotFound."""

    def _execute(self, session: Session, command: Command) -> Value:
        if command.name == "query-uuid" and session.phase.name == "COMMANDS":
            raise Refusal("there is no such command", NOT_FOUND)
        return super()._execute(session, command)


@defect("schema.command-offered", cases=("schema.command-offered*",))
class LacksACommand(Broken):
    """A command of the release's reference is missing."""

    catalog = restrict(FULL, FULL.commands.keys() - {"system_wakeup"}, FULL.events)


@defect("compat.downstream-prefix", cases=("compat.*",))
class NoDomain(Broken):
    """A downstream command's name has no domain in it."""

    catalog = replace(
        CATALOG,
        commands={
            **CATALOG.commands,
            "__magic": replace(CATALOG.commands["query-name"], name="__magic"),
        },
    )
