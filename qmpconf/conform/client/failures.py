"""How the server fails: it is silent, loses an answer, sends it too late, is cut off, greets twice.

None of it is legal, and all of it happens: servers hang, are killed, and stand behind proxies.  A
client need not get on; it has to end in time, and not to take one message for another.

A server fails once, at its first response after negotiation; what comes later, in the same session
or in another one, is in order.  Only silence lasts.  It knows neither sockets nor time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from qmpconf.conform.client.manners import Manners, Told, UnkindMonitor
from qmpconf.monitor.core import CRLF, Action, Clock, Close, Phase, Send, Session
from qmpconf.protocol.values import dumps
from qmpconf.schema.model import Catalog


class Failure(Enum):
    """What goes wrong."""

    NONE = "none"
    SILENT = "no greeting and no answer"
    LOST = "one response is never sent"
    LATE = "one response comes when its client has given it up"
    CUT = "the connection ends in the middle of one response"
    CUT_GREETING = "the connection ends in the middle of the first greeting"
    TWICE = "a session begins with two greetings"


@dataclass(frozen=True, slots=True)
class Cut(Close):
    """The server ends a session at once, and not because its client did."""


class FailingMonitor(UnkindMonitor):
    """The unkind monitor that fails as `failure` says.

    A late response comes with the client's next command, or after `late` seconds.
    """

    def __init__(
        self, catalog: Catalog, clock: Clock, manners: Manners, failure: Failure, late: float = 10.0
    ) -> None:
        super().__init__(catalog, clock, manners)
        self._failure = failure
        self._seconds = late
        self._late: tuple[Session, Told] | None = None
        self._failed = failure is Failure.NONE

    def receive(self, number: int, data: bytes, descriptors: Sequence[int] = ()) -> list[Action]:
        """Take what the client sent; its next command brings what is late."""
        actions = super().receive(number, data, descriptors)
        if self._late and self._late[0].number == number and self._turns:
            self._flush()
        return actions + self._done()

    def _say(self, session: Session, message: Any) -> None:
        if self._failure is Failure.SILENT:
            return
        if self._failed or not self._is_due(session, message):
            super()._say(session, message)
            return
        self._failed = True
        if self._failure is Failure.TWICE:
            super()._say(session, message)
            super()._say(session, message)
            return
        if self._failure is Failure.LATE:
            self._late = session, Told(message, self._command)
            self._schedule(self._seconds, self._flush)
            return
        self.told.append(Told(message, self._command, withheld=True))
        if self._failure in (Failure.CUT, Failure.CUT_GREETING):
            data = dumps(message) + CRLF
            self._actions += [Send(session.number, data[: len(data) // 2]), Cut(session.number)]

    def _is_due(self, session: Session, message: Any) -> bool:
        if self._failure in (Failure.TWICE, Failure.CUT_GREETING):
            return "QMP" in message
        is_response = "return" in message or "error" in message
        negotiation = self._command == "qmp_capabilities"
        return is_response and session.phase is Phase.COMMANDS and not negotiation

    def _flush(self) -> None:
        late, self._late = self._late, None
        if late is not None and late[0].number in self._sessions:
            session, told = late
            self.told.append(told)
            self._actions.append(Send(session.number, dumps(told.message) + CRLF))


__all__ = ["Cut", "FailingMonitor", "Failure"]
