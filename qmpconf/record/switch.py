"""The trace events of a running machine's monitors: on for a while, and what was said for that.

The machine's monitor is needed for two moments, to switch them on (``trace-event-set-state``) and off
again.  In between others may use it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any, Self

from qmpconf.errors import TargetError
from qmpconf.net.address import Address, UnixAddress
from qmpconf.net.client import Client, ClosedError, RefusedError
from qmpconf.net.endpoint import is_bound
from qmpconf.protocol.messages import Failure
from qmpconf.trace.convert.qemu_trace.lines import Traced

#: The events, what is asked and what is said; 5.2 has the first one alone.
EVENTS = ("handle_qmp_command", "monitor_qmp_respond")
#: Seconds that the monitor may be in use at the end.
_PATIENCE = 5.0


class Switch:
    """The events, on from the beginning of the context to its end, if they were off before.

    `marks` is how the ids of what is said for that begin, `version` what the machine then answers to
    ``query-version``.  `complain` is called with what a machine does
    not have, and what could not be switched off.  Entering raises `TargetError` for a machine that has no
    such events.
    """

    def __init__(self, target: Address, complain: Callable[[str], None]) -> None:
        self.marks = f"qmpconf-{secrets.token_hex(6)}"
        self._target = target
        self._complain = complain
        self._on: list[str] = []
        self.version: Any = None

    def __enter__(self) -> Self:
        try:
            with Client(self._target, self.marks) as client:
                client.negotiate()
                for name in EVENTS:
                    self._switch_on(client, name)
                self.version = client.call("query-version")  # with both on: it stands in the log
        except BaseException:
            self._switch_off()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._switch_off()

    def _switch_on(self, client: Client, name: str) -> None:
        reply = client.ask("trace-event-get-state", {"name": name})
        if isinstance(reply, Failure):
            if name != EVENTS[0] and reply.error_class != "CommandNotFound":
                self._complain(
                    f"this server has no trace event {name}: commands alone are recorded, and gaps "
                    "stand for all that it says"
                )
                return
            raise TargetError(f"{self._target}: no trace events: {reply.description}")
        state = _state(reply.result)
        if state not in ("enabled", "disabled"):
            raise TargetError(
                f"{self._target}: this server is built without the trace event {name}: it is not recorded "
                "by its log"
            )
        if state == "disabled":
            client.call("trace-event-set-state", {"name": name, "enable": True})
            self._on.append(name)

    def _switch_off(self) -> None:
        if not self._on:
            return
        try:
            with Client(self._target, self.marks, patience=_PATIENCE) as client:
                client.negotiate()
                for name in self._on:
                    client.call("trace-event-set-state", {"name": name, "enable": False})
        except TargetError as error:
            if isinstance(error, ClosedError) or is_gone(self._target):
                return
            refused = "refused" if isinstance(error, RefusedError) else "not reached"
            self._complain(
                f"the machine goes on logging ({refused}: {error}): switch off {' and '.join(self._on)} "
                "with trace-event-set-state"
            )


class Ours:
    """Knows what was said to switch the events on: messages of one monitor, up to its next client.

    `marks` is how our ids begin; `shown` says whether one of them stood in the log.
    """

    def __init__(self, marks: str) -> None:
        self.shown = False
        self._mark = b'"id": "' + marks.encode() + b"-"
        self._monitor: str | None = None

    def others(self, messages: list[Traced]) -> Iterator[Traced]:
        """Those of the log's first messages that were not ours; one of them must have been.

        The events may have been on before: then our greeting stands in front of what has an id.
        """
        first = next(one for one in messages if self._mark in one.text)
        self._monitor = None
        greeted = False
        for one in messages:
            greeted = greeted or (one.monitor == first.monitor and _greets(one))
            if not self.is_ours(one) and not (greeted and one.monitor == first.monitor):
                yield one

    def is_ours(self, one: Traced) -> bool:
        """Whether a message, the next in the log, was one of ours."""
        if self._mark in one.text:
            self.shown = True
            self._monitor = one.monitor
            return True
        if one.monitor != self._monitor:
            return False
        # Events reach this monitor as well, until somebody else comes to it.
        if one.side == "client" or _greets(one):
            self._monitor = None
            return False
        return True


def _state(events: Any) -> Any:
    """The state of the first event in a reply; None where there is none."""
    first = events[0] if isinstance(events, list) and events else None
    return first.get("state") if isinstance(first, dict) else None


def _greets(one: Traced) -> bool:
    return b'"QMP"' in one.text[:20]


def is_gone(target: Address) -> bool:
    """Whether nobody listens at a machine's address any more, as far as that can be seen."""
    return isinstance(target, UnixAddress) and not is_bound(target.name)
