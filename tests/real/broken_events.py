"""Defects of a real server's events: dropped, doubled, merged, kept for later, at the wrong time."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable

from tests.real.broken import Honest, Message, defect


class Dropped(Honest):
    """Some events are not sent."""

    pattern = ""

    def event(self, event: Message) -> Iterable[Message]:
        if not re.fullmatch(self.pattern, event["event"]):
            yield event


@defect("event.comes", "event.delivered")
class NoEvents(Dropped):
    """No event is sent at all."""

    pattern = ".*"


@defect("event.comes")
class NoStop(Dropped):
    """STOP is not sent."""

    pattern = "STOP"


@defect("event.comes")
class NoJobStatus(Dropped):
    """JOB_STATUS_CHANGE is not sent."""

    pattern = "JOB_STATUS_CHANGE"


@defect("event.comes", cases=("event.comes*",))
class NoCompletion(Dropped):
    """Block jobs end without an event."""

    pattern = "BLOCK_JOB_(COMPLETED|CANCELLED)"


@defect("event.comes", cases=("event.comes/block-job-*",))
class NoHandshake(Dropped):
    """Block jobs that wait for their client do not say so."""

    pattern = "BLOCK_JOB_(READY|PENDING)"


@defect("event.comes", cases=("event.comes/block-job-*",))
class NoJobError(Dropped):
    """Block jobs that fail do not say at what."""

    pattern = "BLOCK_JOB_ERROR"


@defect("event.comes", cases=("event.comes*",), rich=True)
class NoDeviceDeleted(Dropped):
    """A device goes without an event."""

    pattern = "DEVICE_DELETED"


@defect("event.comes", cases=("event.comes/reset", "event.comes/powerdown"), destructive=True)
class NoReset(Dropped):
    """A machine is reset without an event."""

    pattern = "RESET"


@defect("event.comes", cases=("event.comes/shutdown",), destructive=True)
class NoShutdown(Dropped):
    """A machine is shut down without an event."""

    pattern = "SHUTDOWN"


@defect("event.as-many")
class Twice(Honest):
    """Each event is sent twice."""

    def event(self, event: Message) -> Iterable[Message]:
        yield event
        yield event


@defect("event.as-many", cases=("event.comes*",), rich=True)
class DeviceDeletedTwice(Honest):
    """A device goes twice."""

    def event(self, event: Message) -> Iterable[Message]:
        yield event
        if event["event"] == "DEVICE_DELETED":
            yield event


@defect("event.as-many", "event.comes")
class Merged(Honest):
    """Of the run state's events there is one a second, as if they were limited."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: dict[str, int] = {}

    def event(self, event: Message) -> Iterable[Message]:
        name, second = event["event"], event["timestamp"]["seconds"]
        if name not in ("STOP", "RESUME") or second - self.latest.get(name, 0) > 1:
            self.latest[name] = second
            yield event


@defect("event.as-many", cases=("event.*/run-state*", "event.delivered*"))
class ThirdIsLost(Honest):
    """Each third event of a session is lost."""

    def begin(self) -> None:
        super().begin()
        self.count = 0

    def event(self, event: Message) -> Iterable[Message]:
        self.count += 1
        if self.count % 3:
            yield event


@defect("event.delivered", "event.comes", cases=("event.delivered*", "event.own-session*"))
class EverySecondSession(Honest):
    """In every second session no event comes."""

    def event(self, event: Message) -> Iterable[Message]:
        if self.session % 2:
            yield event


@defect("event.delivered")
class NotWithOob(Honest):
    """No event comes once oob is enabled."""

    def event(self, event: Message) -> Iterable[Message]:
        if b'"oob"' not in self.said:
            yield event


@defect("event.delivered")
class NotAfterARudeEnd(Honest):
    """No event comes in the session behind one that ended in the middle of a command."""

    rude = False

    def begin(self) -> None:
        self.rude = self.said.count(b"{") != self.said.count(b"}")
        super().begin()

    def event(self, event: Message) -> Iterable[Message]:
        if not self.rude:
            yield event


class Kept(Honest):
    """Something of the last session is sent in the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Message] = []
        self.before: list[Message] = []

    def begin(self) -> None:
        super().begin()
        self.before, self.kept = self.kept, []

    def event(self, event: Message) -> Iterable[Message]:
        self.kept.append(event)
        yield event


@defect("event.own-session", cases=("event.own*", "event.delivered*", "event.clock*"))
class ToldAgain(Kept):
    """The last event of a session is sent again behind the next one's negotiation."""

    def response(self, response: Message) -> Iterable[Message]:
        yield response
        if response.get("id") == "negotiate" and self.before:
            yield self.before[-1]


@defect("event.own-session", "event.clock", cases=("event.own*", "event.delivered*"))
class ToldLater(Kept):
    """An event of the session before is sent again before the first one of this session."""

    def event(self, event: Message) -> Iterable[Message]:
        if self.before:
            yield self.before.pop()
        yield from super().event(event)


@defect("event.own-session", cases=("event.own*", "event.delivered*"))
class KeptForTheNext(Honest):
    """What happened while nobody was there is kept for the next client."""

    def response(self, response: Message) -> Iterable[Message]:
        yield response
        if response.get("id") == "negotiate":
            second = int(time.time()) - 1
            data = {"id": "qmpconf-job", "status": "concluded"}
            timestamp = {"seconds": second, "microseconds": 1}
            yield {"event": "JOB_STATUS_CHANGE", "data": data, "timestamp": timestamp}


class OtherTime(Honest, ABC):
    """The clock is another one."""

    def event(self, event: Message) -> Iterable[Message]:
        now = event["timestamp"]
        moment = self.changed(now["seconds"] * 1_000_000 + now["microseconds"])
        seconds, microseconds = divmod(moment, 1_000_000)
        yield {**event, "timestamp": {"seconds": seconds, "microseconds": microseconds}}

    @abstractmethod
    def changed(self, moment: int) -> int:
        """The time that is sent, in microseconds."""


@defect("event.clock")
class AnHourAhead(OtherTime):
    """Timestamps are those of another time zone."""

    def changed(self, moment: int) -> int:
        return moment + 3_600_000_000


@defect("event.clock")
class HalfASecondLate(OtherTime):
    """Timestamps are half a second late."""

    def changed(self, moment: int) -> int:
        return moment - 500_000


@defect("event.clock")
class SinceTheStart(OtherTime):
    """Timestamps count from the server's start."""

    start = 0

    def changed(self, moment: int) -> int:
        self.start = self.start or moment
        return moment - self.start


@defect("event.clock")
class WholeSeconds(OtherTime):
    """Microseconds are always 0."""

    def changed(self, moment: int) -> int:
        return moment - moment % 1_000_000


@defect("event.clock")
class Backwards(OtherTime):
    """Every second timestamp is a tenth of a second before its time."""

    count = 0

    def changed(self, moment: int) -> int:
        self.count += 1
        return moment - 100_000 * (self.count % 2)
