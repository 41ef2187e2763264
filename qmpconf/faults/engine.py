"""Faults as they happen: a server's messages in, what its client is given out.

`Faults` is one run, with a `Line` for each session.  A line takes each message of either side, and
the time; it gives what is to be done then: bytes for the client, or the end of the session.  Each fault
is said to `told` at the moment at which it happens.  The server gets all that the client sends; only what the
client is given changes.

It knows neither sockets nor a clock: times are in seconds, on any monotonic clock of its owner's.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qmpconf.faults.chance import drawn
from qmpconf.faults.rules import Rule, Schedule
from qmpconf.protocol.matching import Pending, Queue
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Success,
    Unknown,
    from_client,
    from_server,
)

if TYPE_CHECKING:
    from qmpconf.trace.writer import TraceWriter

#: Bytes that may wait in a session before its server is read no more.
MOST_HELD = 8 << 20
#: Messages of more bytes are passed on as they come, and so much of their ends is looked at: all would take long.
_MOST_READ, _ENDS = 1 << 20, 4096
#: An id in such a message, perhaps its own.
_ID = re.compile(rb'"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+)')
#: Stands for a client's message that was not read: one command, most likely.
_UNREAD = Unknown(None, (), duplicates=False, well_formed=False)


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault: the number of its `rule` (from 1; 0: by chance), what it is, and to which message (`what`).

    `number` counts the server's messages of the run, from 0 (a connection has -1).  With `given`, what
    has waited goes out.
    """

    session: int
    what: str
    number: int
    rule: int
    fault: Rule
    given: bool = False

    def __str__(self) -> str:
        wait = f", {self.fault.seconds:g} s" if self.fault.seconds else ""
        then = " goes out" if self.given else ""
        return f"session {self.session}: {self.fault.do}: {self.what}{then}{wait}"

    def write(self, writer: TraceWriter) -> None:
        """Write it as a line of the recorder's own.  Raises what `writer` raises."""
        rule = self.fault
        writer.fault(
            self.session, rule.do, self.what, rule=self.rule, seconds=rule.seconds, given=self.given
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """The session ends now."""


#: What is to be done: bytes are for the client.
Out = bytes | Cut


def _ends(data: bytes) -> bytes:
    """The first and the last bytes of a message."""
    return data if len(data) <= 2 * _ENDS else data[:_ENDS] + data[-_ENDS:]


def _ignore(_: Happened) -> None:
    """Say it to nobody."""


class Faults:
    """One run under a schedule; `told` is called with each fault.

    `happened` are the faults as rules that mean one message each: the schedule of this run, by which
    the same client has them again.  `withheld` are the numbers of messages that the client was not given, or not as a whole.
    """

    def __init__(self, schedule: Schedule, told: Callable[[Happened], None] = _ignore) -> None:
        self.happened: list[Rule] = []
        self.withheld: set[int] = set()
        self._schedule = schedule
        self._told = told
        self._seen = [0] * len(schedule.rules)  # how many each rule has meant
        self._before: dict[tuple[int, str, str], int] = {}
        self._messages = 0

    def session(self, number: int) -> Line:
        """A session begins; `number` counts them, from 1."""
        return Line(self, number)

    def of(self, session: int, target: str, name: str) -> tuple[Rule, int] | None:
        """What is to be done to the next such message, by which rule."""
        before = self._before.get((session, target, name), 0)
        self._before[session, target, name] = before + 1
        found: tuple[Rule, int] | None = None
        for index, rule in enumerate(self._schedule.rules):
            if not rule.means(target, name, session):
                continue
            at = self._seen[index] - rule.skip
            self._seen[index] += 1
            if found is None and at >= 0 and (not rule.times or at < rule.times):
                found = rule, index + 1
        seed = self._schedule.seed
        if found is None and seed is not None:
            chosen = drawn(seed, self._schedule.rate, session, target, name, before)
            found = None if chosen is None else (chosen, 0)
        if found is not None:
            named = name or ("*" if target in ("reply", "event") else "")
            alone = replace(found[0], name=named, session=session, skip=before, times=1)
            self.happened.append(alone)
        return found

    def number(self) -> int:
        """The number of the next message."""
        self._messages += 1
        return self._messages - 1

    def tell(self, happened: Happened) -> None:
        """Say that it happens."""
        self._told(happened)


@dataclass(slots=True)
class _Waiting:
    data: bytes
    due: float
    happened: Happened


class Line:
    """One session.  `refused` says that it is to be ended at once, `speed` how many bytes a second are read of the client (0: all)."""

    def __init__(self, faults: Faults, session: int) -> None:
        self.refused = False
        self.speed = 0
        self._faults = faults
        self._session = session
        self._queue = Queue()
        self._silent = False
        self._held = 0  # bytes that wait
        self._late: list[_Waiting] = []
        self._behind: deque[tuple[bytes, int, _Waiting | None]] = (
            deque()
        )  # in order, behind a delay
        found = faults.of(session, "connection", "")
        if found is not None:
            rule, number = found
            faults.tell(Happened(session, "connection", -1, number, rule))
            self.refused = rule.do == "refuse"
            self.speed = rule.size
            self._silent = rule.do == "hang"

    @property
    def full(self) -> bool:
        """Whether so much waits that no more should be read of the server."""
        return self._held > MOST_HELD

    def wait(self, now: float) -> float | None:
        """Seconds until `due` has something to give; None: nothing waits for a time."""
        dues = [one.due for one in self._late]
        if self._behind and (first := self._behind[0][2]) is not None:
            dues.append(first.due)
        soonest = min(dues, default=float("inf"))
        return None if soonest == float("inf") else max(0.0, soonest - now)

    def client(self, data: bytes) -> list[Out]:
        """Take a message of the client."""
        message = from_client(data) if len(data) <= _MOST_READ else _UNREAD
        if not isinstance(message, Command):
            broken = not message.well_formed  # any number of errors may come of it
            text = b" ".join(_ID.findall(_ends(data))) if message is _UNREAD else data[:64]
            self._queue.add(Pending(message, None, elastic=broken, size=len(data), text=text))
            return []
        self._queue.add(Pending(message, None, oob=message.oob, size=len(data)))
        ready = [one for one in self._late if one.happened.fault.next_command]
        self._late = [one for one in self._late if one not in ready]
        return self._counted([out for one in ready for out in self._given(one)])

    def server(self, data: bytes, end: bytes, now: float) -> list[Out]:
        """Take a message of the server, and the white space behind it."""
        number = self._faults.number()
        whole = data + end
        found = self._fault(data)
        if self._silent:
            self._faults.withheld.add(number)
            return []
        if found is None:
            return self._put(whole, number)
        happened = replace(found, number=number)
        fault = happened.fault
        self._faults.tell(happened)
        if fault.do in ("lose", "hang", "late", "cut"):
            self._faults.withheld.add(number)
        if fault.do == "lose":
            return []
        if fault.do == "hang":
            self._silent = True
            return []
        if fault.do == "double":
            return [*self._put(whole, number), *self._put(data + (end or b"\r\n"), number)]
        if fault.do == "late":
            due = now + fault.seconds if fault.seconds else float("inf")
            self._late.append(_Waiting(whole, due, happened))
            self._held += len(whole)
            return []
        if fault.do == "delay":
            self._faults.withheld.add(number)
            last = [one.due for _, _, one in self._behind if one is not None]
            due = max([now, *last]) + fault.seconds
            self._behind.append((whole, number, _Waiting(whole, due, happened)))
            self._held += len(whole)
            return []
        # What waits before it comes no more: the session is over.
        return [data[: len(data) // 2], Cut()]

    def other(self, data: bytes) -> list[Out]:
        """Take bytes of the server that are not a message: they have no faults of their own."""
        return [] if self._silent else self._put(data, -1)

    def due(self, now: float) -> list[Out]:
        """What is to go out by now."""
        ready = [one for one in self._late if one.due <= now]
        self._late = [one for one in self._late if one.due > now]
        outs = [out for one in ready for out in self._given(one)]
        while self._behind:
            data, number, waiting = self._behind[0]
            if waiting is not None and waiting.due > now:
                break
            self._behind.popleft()
            if waiting is not None:
                outs += self._given(waiting)
            else:
                self._faults.withheld.discard(number)
                outs.append(data)
        return self._counted(outs)

    def _counted(self, outs: list[Out]) -> list[Out]:
        """What has waited, and does not any more."""
        self._held -= sum(len(one) for one in outs if isinstance(one, bytes))
        return outs

    def _put(self, data: bytes, number: int) -> list[Out]:
        """Give it, or have it wait behind what is delayed."""
        if not self._behind:
            return [data]
        if number >= 0:
            self._faults.withheld.add(number)
        self._behind.append((data, number, None))
        self._held += len(data)
        return []

    def _given(self, waiting: _Waiting) -> Iterator[Out]:
        self._faults.withheld.discard(waiting.happened.number)
        self._faults.tell(replace(waiting.happened, given=True))
        yield waiting.data

    def _fault(self, data: bytes) -> Happened | None:
        """What happens to a message, which is read for that."""
        if len(data) > _MOST_READ:
            target, name = self._long(data)
        else:
            target, name = self._read(data)
        found = (
            self._faults.of(self._session, target, name) if target and not self._silent else None
        )
        if found is None:
            return None
        rule, index = found
        return Happened(self._session, f"{target} {name}".rstrip(), -1, index, rule)

    def _read(self, data: bytes) -> tuple[str, str]:
        message = from_server(data)
        if isinstance(message, Greeting):
            return "greeting", ""
        if isinstance(message, Event):
            return "event", message.name
        if isinstance(message, Success | Failure):
            answered, _ = self._queue.match(message)
            return "reply", answered.name if answered is not None else ""
        return "", ""

    def _long(self, data: bytes) -> tuple[str, str]:
        """A very long message is nearly always a reply, to the command that is due."""
        answered = self._queue.garbled() if b'"return"' in _ends(data) else None
        return ("reply", answered.name) if answered is not None else ("", "")
