"""Broken monitors: what a variant is, where it can be broken, and the list of all.

A variant is the embedded monitor with one defect.  `Broken` opens the places in which one can be
put; a module of this package has a class for each, and registers it::

    @defect("framing.crlf")
    class LineFeed(Broken):
        \"\"\"Messages end in LF alone.\"\"\"

        def encode(self, message): ...
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from qmpconf.monitor.core import CRLF, Monitor, Request, Send, Session
from qmpconf.monitor.offer import restrict
from qmpconf.monitor.refusal import Refusal
from qmpconf.monitor.server import MonitorServer
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value, dumps
from qmpconf.schema.model import Catalog
from qmpconf.schema.store import load_shipped

FULL = load_shipped("qemu-7.2.22")

#: A catalog that is quick to test, with something of everything.
COMMANDS = (
    *("qmp_capabilities", "query-version", "query-commands", "query-qmp-schema", "quit"),
    *("query-status", "stop", "cont", "query-name", "query-uuid", "query-jobs", "job-cancel"),
    *("query-chardev", "chardev-remove", "query-fdsets", "getfd", "closefd", "add-fd", "remove-fd"),
    *(
        "query-yank",
        "yank",
        "migrate-pause",
        "set_link",
        "ringbuf-write",
        "query-named-block-nodes",
    ),
)
EVENTS = ("STOP", "RESUME", "SHUTDOWN", "RTC_CHANGE", "JOB_STATUS_CHANGE")
CATALOG = restrict(FULL, COMMANDS, EVENTS)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Crowd(MonitorServer):
    """Takes every client at once."""

    def _accept(self, listener: socket.socket) -> None:
        super()._accept(listener)
        self._watch(listener)

    def _drop(self, client: Any) -> None:
        client.listener = None
        super()._drop(client)


class Broken(Monitor):
    """The monitor, with the places that variants override (and some of its own methods)."""

    catalog: Catalog = CATALOG
    server: type[MonitorServer] = MonitorServer

    def __init__(self) -> None:
        super().__init__(self.catalog, now)
        #: For variants to remember things in.
        self.memory: dict[Any, Any] = {}

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        """The messages (or bytes) that are sent in place of `message`."""
        yield message

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        """What is sent in place of a response."""
        return message

    def event(self, message: dict[str, Any]) -> dict[str, Any]:
        """What is sent in place of an event."""
        return message

    def encode(self, message: Any) -> bytes:
        """A message as bytes, with its end."""
        return dumps(message) + CRLF

    def heard(self, _session: Session, data: bytes) -> bytes:
        """What is read in place of `data`."""
        return data

    def refused(self, _session: Session, _command: Command, refusal: Refusal) -> Value:
        """What is returned for a command that is refused."""
        raise refusal

    def results(self, _name: str, value: Any) -> Any:
        """What is returned in place of `value`."""
        return value

    # --- the machinery --------------------------------------------------------------------------

    def receive(self, number: int, data: bytes, descriptors: Any = ()) -> Any:
        session = self._sessions.get(number)
        heard = self.heard(session, data) if session else data
        return super().receive(number, heard, descriptors)

    def _send(self, session: Session, message: Any) -> None:
        if "event" in message:
            message = self.event(message)
        elif "QMP" not in message:
            message = self.response(message)
        for one in self.outgoing(session, message):
            data = one if isinstance(one, bytes) else self.encode(one)
            self._actions.append(Send(session.number, data))

    def _execute(self, session: Session, command: Command) -> Value:
        try:
            return self.results(command.name, super()._execute(session, command))
        except Refusal as refusal:
            return self.refused(session, command, refusal)


@dataclass(frozen=True)
class Variant:
    """A broken monitor: the rule that it breaks, and those that break with it.

    `cases` are globs of the cases to run, beside (or, without `smoke`, instead of) those that
    every variant gets.
    """

    make: type[Broken]
    breaks: str
    also: tuple[str, ...]
    cases: tuple[str, ...]
    smoke: bool = True

    @property
    def name(self) -> str:
        """Its name, for people."""
        return f"{self.breaks}:{self.make.__name__}"


VARIANTS: list[Variant] = []


def defect(
    breaks: str, *also: str, cases: tuple[str, ...] = (), smoke: bool = True
) -> Callable[[type[Broken]], type[Broken]]:
    """Register a variant.  Without `cases`, all of the group of `breaks` are run."""

    def register(made: type[Broken]) -> type[Broken]:
        chosen = cases or (f"{breaks.partition('.')[0]}.*",)
        VARIANTS.append(Variant(made, breaks, also, chosen, smoke))
        return made

    return register


def with_data(request: Request, data: bytes) -> Any:
    """The frame of a request with other bytes."""
    return request.frame._replace(data=data)


__all__ = [
    "CATALOG",
    "CRLF",
    "FULL",
    "VARIANTS",
    "Broken",
    "Crowd",
    "Variant",
    "defect",
    "now",
    "replace",
    "with_data",
]
