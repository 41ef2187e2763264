"""How the unkind server behaves: what it says beside its answers, and in which pieces.

All of this is legal; what is not stands in `qmpconf.conform.client.failures`.  A client may meet each
of these manners in a real server, if rarely: events come between any two messages, other releases
and builds add members and events, a busy host is slow, and a stream socket keeps no boundaries.

It knows neither sockets nor time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from qmpconf.monitor.core import CRLF, Action, Clock, Monitor, Phase, Request, Send, Session
from qmpconf.monitor.instances import EndlessError, instance
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import dumps
from qmpconf.schema.model import Catalog

#: Events that change nothing for a client, whatever it waits for; the first that there is.
_HARMLESS = ("NIC_RX_FILTER_CHANGED", "DEVICE_TRAY_MOVED", "VNC_CONNECTED", "BLOCK_EXPORT_DELETED")

#: The member that no schema has.
EXTRA = "__com.example_extra"
_TEXT = 'caf\u00e9 \u65e5\u672c \U0001f600 "quoted" \\ /'

#: Messages up to so many bytes are sent byte by byte, longer ones in pieces of `_PIECE`.
_SHORT = 2048
_PIECE = 997
#: Messages that are slow.
_SLOW = 4
#: Seconds between two pieces.
_PAUSE = 0.0005


@dataclass(frozen=True, slots=True)
class Manners:
    """What an unkind server does.

    `events` come before and after every response, with `before` one before each and none after it;
    `early` ones at once when negotiation is done, `unknown_events` are of a vendor;
    `unknown_members` stand in results and event data.
    `large` is how many bytes are added to the first result that is an object (or told in an event
    before the first other response); `exact` is how many bytes a response has, its CR LF included,
    if it is shorter without the blanks that make it so.  `pieces` is ``whole``, ``bytes``, ``ends``
    (CR, LF and the last byte come late), ``lf`` (LF comes late) or ``merged`` (all that is due goes
    in one write).  `slow` are seconds before each of the first messages, `hold` seconds for which
    in-band commands wait.  Without `quit_reply`, the end of the session is all the answer that
    ``quit`` gets.  Behind it, the session stays open for `linger` seconds, so that the client can go
    first.
    """

    events: bool = False
    before: bool = False
    early: int = 0
    unknown_events: bool = False
    unknown_members: bool = False
    large: int = 0
    exact: int = 0
    pieces: str = "whole"
    slow: float = 0.0
    hold: float = 0.0
    quit_reply: bool = True
    linger: float = 0.5

    @property
    def changes_values(self) -> bool:
        """Whether results hold more than what a kind server puts there."""
        return self.unknown_members or bool(self.large)


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the server: `command` names what it is the response to, or is empty.

    `withheld` says that it is not sent, or not as a whole.
    """

    message: Any
    command: str = ""
    withheld: bool = False


class UnkindMonitor(Monitor):
    """The embedded monitor with other manners."""

    def __init__(self, catalog: Catalog, clock: Clock, manners: Manners) -> None:
        super().__init__(catalog, clock)
        self._manners = manners
        self._padded = not manners.large
        self._answered: set[int] = set()  # sessions that got the response to qmp_capabilities
        self._command = ""  # what is being answered
        #: Every message, in the order in which it was said.
        self.told: list[Told] = []

    def _answer(self, session: Session, request: Request) -> None:
        self._command = request.command.name if isinstance(request.command, Command) else ""
        super()._answer(session, request)

    def _say(self, session: Session, message: Any) -> None:
        """Send a message as it is, and note it."""
        response = "return" in message or "error" in message
        self.told.append(Told(message, self._command if response else ""))
        wanted = self._manners.exact
        if wanted and response:
            data = dumps(message)
            blanks = b" " * (wanted - len(data) - len(CRLF))
            self._actions.append(Send(session.number, data[:-1] + blanks + data[-1:] + CRLF))
        else:
            super()._send(session, message)

    def _send(self, session: Session, message: Any) -> None:
        manners = self._manners
        lost = "return" in message and self.machine.ended and not manners.quit_reply
        if lost:
            return
        negotiated = session.phase is Phase.COMMANDS
        is_response = "return" in message or "error" in message
        if is_response and negotiated:
            first = session.number not in self._answered
            self._answered.add(session.number)
            if not first:  # the response to qmp_capabilities: nothing may come before it
                self._tell(session)
                self._pad(session, message)
                if manners.before:
                    self._say(session, self._event())
            self._say(session, self._extended(message))
            self._tell(session, manners.early if first else 0)
        else:
            self._say(session, self._extended(message) if "event" in message else message)

    def _tell(self, session: Session, more: int = 0) -> None:
        """Tell events that nobody asked for."""
        if self._manners.events:
            self._say(session, self._event())
        for _ in range(more):
            self._say(session, self._event())
        if self._manners.unknown_events:
            data = {"sequence": session.number, "text": _TEXT}
            self._say(session, self._event("__com.example_HEARTBEAT", data))
            self._say(session, self._event("__com.example_TICK"))

    def _event(self, name: str = "", data: Any = None) -> dict[str, Any]:
        seconds, microseconds = divmod(max(0, self._clock()), 1_000_000)
        if not name:
            events = self.machine.offered.events
            name = next((one for one in _HARMLESS if one in events), min(events, default=""))
            try:
                data = instance(self.machine.offered, events[name].data) if name else None
            except EndlessError:
                data = None
        event: dict[str, Any] = {
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
            "event": name,
        }
        return {**event, "data": data} if data else event

    def _pad(self, session: Session, message: Any) -> None:
        """Make the first response large, or the event before it."""
        if self._padded:
            return
        self._padded = True
        text = "0123456789abcdef" * (self._manners.large // 16)
        result = message.get("return")
        if result and isinstance(result, dict):
            message["return"] = {**result, EXTRA: text}
        else:
            self._say(session, self._event("__com.example_LARGE", {"text": text}))

    def _extended(self, message: Any) -> Any:
        """The message with members that the client cannot know."""
        if not self._manners.unknown_members:
            return message
        extra = {EXTRA: {"text": _TEXT, "none": None, "list": [1, 2.5, True]}}
        result = message.get("return")
        if isinstance(result, list) and result and isinstance(result[0], dict):
            return {**message, "return": [{**result[0], **extra}, *result[1:]]}
        if isinstance(result, dict) and result:
            return {**message, "return": {**result, **extra}}
        if isinstance(message.get("data"), dict):
            return {**message, "data": {**message["data"], **extra}}
        return message


def merged(actions: list[Action]) -> list[Action]:
    """The actions with everything that is sent to one session in a row joined."""
    done: list[Action] = []
    for one in actions:
        last = done[-1] if done else None
        if isinstance(one, Send) and isinstance(last, Send) and one.session == last.session:
            done[-1] = Send(one.session, last.data + one.data)
        else:
            done.append(one)
    return done


def pieces(data: bytes, manners: Manners, number: int) -> Iterator[tuple[float, bytes]]:
    """What is written, one after the other: (seconds to wait before it, bytes).

    `number` counts what was sent before; only the first messages are slow.
    """
    if manners.pieces == "bytes":
        size = 1 if len(data) <= _SHORT else _PIECE
        cuts = [*range(0, len(data), size), len(data)]
    elif manners.pieces == "ends" and data.endswith(CRLF):
        cuts = [0, len(data) - 3, len(data) - 2, len(data) - 1, len(data)]
    elif manners.pieces == "lf" and data.endswith(CRLF):
        cuts = [0, len(data) - 1, len(data)]
    else:
        cuts = [0, len(data)]
    pause = manners.slow if number < _SLOW else 0.0
    for start, end in pairwise(cuts):
        yield pause, data[start:end]
        pause = 0.02 if manners.pieces in ("ends", "lf") else _PAUSE


__all__ = ["EXTRA", "Manners", "Told", "UnkindMonitor", "merged", "pieces"]
