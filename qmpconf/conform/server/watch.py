"""A session that is watched for its events, and the things that a client can do to cause some.

Whatever is added for that is taken away again, and a machine runs again if it ran before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qmpconf.conform.probe import QUIET, Inconclusive, NotApplicable, Probe, Said, Talk
from qmpconf.protocol.messages import Event
from qmpconf.protocol.rates import LIMITED
from qmpconf.protocol.values import Value, dumps

#: Seconds between two questions for what comes by itself: a job's end, a node that is not in use.
_PAUSE = 0.05

#: Seconds since 1970 that are no time any more, and perhaps more than a float holds.
_LAST = 1 << 53

#: Commands that a block job takes, from nothing to nothing.
JOB = ("blockdev-add", "blockdev-del", "blockdev-backup", "query-jobs", "job-dismiss")
NODES = ("qmpconf-a", "qmpconf-b")


class Watch:
    """A session in command mode, with every event that came in it: `all`, and since `begin`."""

    def __init__(self, probe: Probe, talk: Talk) -> None:
        self.talk = talk
        self.late = probe.late
        self.all: list[Said] = []
        self._begun = 0

    @property
    def events(self) -> list[Said]:
        """The events that came since `begin`."""
        return self.all[self._begun :]

    def begin(self) -> None:
        """What came so far does not count."""
        self._begun = len(self.all)

    def ask(self, name: str, **arguments: Value) -> Said:
        """Send a command, take what comes up to its response, and give that."""
        command: dict[str, Value] = {"execute": name, "id": name}
        if arguments:
            command["arguments"] = {key.replace("_", "-"): one for key, one in arguments.items()}
        return self.answered(self.talk.say(command))

    def answered(self, line: int) -> Said:
        """Take what comes up to the response to the command in `line`, and give that."""
        heard = self.talk.until_answered(line)
        self.take(heard)
        return heard[-1]

    def need(self, name: str, **arguments: Value) -> Said:
        """Like `ask`; raises Inconclusive where the command is refused."""
        said = self.ask(name, **arguments)
        if not said.ok:
            raise Inconclusive(f"{name} is refused: {said}")
        return said

    def take(self, heard: list[Said]) -> None:
        """Keep the events among what was heard."""
        self.all += [said for said in heard if isinstance(said.message, Event)]

    def settle(self, seconds: float = QUIET) -> None:
        """Take what still comes."""
        self.take(self.talk.quiet(seconds))

    def named(self, name: str, **data: str) -> list[Said]:
        """The events of this name with these members of their data."""
        return [said for said in self.events if _is(said, name, data)]

    def wait(self, count: int, name: str, **data: str) -> list[Said]:
        """The events of this name, as soon as there are `count`, or after `late` seconds."""
        self.until(lambda: len(self.named(name, **data)) >= count)
        return self.named(name, **data)

    def until(self, reached: Callable[[], bool]) -> bool:
        """Take events until that is so; False when it is not after `late` seconds."""
        until = time.monotonic() + self.late
        while not reached():
            said = self.talk.hear(max(0.0, until - time.monotonic()))
            if said is None:
                return reached()
            self.take([said])
        return True

    def remove(self, *nodes: str) -> None:
        """Remove block nodes, also such as a job that has just ended still holds."""
        for node in nodes:
            until = time.monotonic() + self.talk.patience
            while True:
                said = self.ask("blockdev-del", node_name=node)
                used = "in use" in getattr(said.message, "description", "")
                if not used or time.monotonic() > until:
                    break
                self.settle(_PAUSE)

    def job_is(self, job: str, status: str) -> bool:
        """Whether the job comes to that status in time, as query-jobs says."""
        until = time.monotonic() + self.talk.patience
        while time.monotonic() < until:
            result = self.ask("query-jobs").result
            jobs = result if isinstance(result, list) else []
            told = [one for one in jobs if isinstance(one, dict)]
            if any(one.get("id") == job and one.get("status") == status for one in told):
                return True
            self.settle(_PAUSE)
        return False


def _is(said: Said, name: str, data: dict[str, str]) -> bool:
    message = said.message
    if not isinstance(message, Event) or message.name != name:
        return False
    found = message.data if isinstance(message.data, dict) else {}
    return all(found.get(key) == one for key, one in data.items())


def moment(said: Said) -> float:
    """When an event happened, in seconds since 1970; negative where its timestamp says nothing."""
    message = said.message
    if not (isinstance(message, Event) and 0 <= message.microseconds < 1_000_000):
        return -1.0
    if message.seconds > _LAST:
        return float("inf")
    return message.seconds + message.microseconds / 1_000_000


def limited(said: Said) -> bool:
    """Whether it is an event that may come late (`qmpconf.protocol.rates`)."""
    return isinstance(said.message, Event) and said.message.name in LIMITED


def defined(probe: Probe, *names: str) -> None:
    """Raises NotApplicable unless the target's schema defines these events."""
    catalog = probe.facts.catalog
    missing = [name for name in names if catalog is None or name not in catalog.events]
    if missing:
        raise NotApplicable(f"the target's schema defines no {' and no '.join(missing)}")


@contextmanager
def steered(watch: Watch) -> Iterator[None]:
    """Stop the machine for the time being; it runs again afterwards if it ran before."""
    status = watch.ask("query-status").result
    ran = isinstance(status, dict) and status.get("running") is True
    watch.need("stop")
    watch.settle()
    watch.begin()
    try:
        yield
    finally:
        if ran and watch.talk.open:
            watch.ask("cont")


@contextmanager
def two_nodes(watch: Watch, size: int = 1 << 20) -> Iterator[None]:
    """Two block nodes that hold nothing."""
    try:
        for node in NODES:
            watch.need("blockdev-add", driver="null-co", node_name=node, size=size)
        watch.begin()
        yield
    finally:
        if watch.talk.open:
            watch.remove(*reversed(NODES))


def run_job(watch: Watch, job: str) -> None:
    """A backup of one node to the other, from its start to its being forgotten."""
    watch.need(
        "blockdev-backup",
        job_id=job,
        device=NODES[0],
        target=NODES[1],
        sync="full",
        auto_dismiss=False,
    )
    if not watch.job_is(job, "concluded"):
        raise Inconclusive("a backup of a mebibyte of nothing does not end")
    watch.need("job-dismiss", id=job)


def cause_some(probe: Probe, watch: Watch, times: int = 1) -> list[tuple[float, Said]]:
    """Cause events that the target's schema defines, so often.  Raises NotApplicable.

    Gives the events of which the cause is known, each with the time before that, in seconds since 1970.
    """
    catalog = probe.facts.catalog
    if steers(probe):
        with steered(watch):
            return _runs_and_stops(watch, times)
    if probe.has(*JOB) and catalog is not None and "JOB_STATUS_CHANGE" in catalog.events:
        begun = {}
        with two_nodes(watch):
            for number in range(times):
                job = f"qmpconf-job-{number}"
                begun[job] = time.time()
                run_job(watch, job)
            watch.wait(1, "JOB_STATUS_CHANGE", status="null", id=job)
        return [
            (at, said)
            for job, at in begun.items()
            for said in watch.named("JOB_STATUS_CHANGE", id=job)
        ]
    raise NotApplicable("no command is known that makes this target emit events")


def steers(probe: Probe) -> bool:
    """Whether a client can run and stop the machine, and events say so."""
    catalog = probe.facts.catalog
    events = catalog.events if catalog is not None else {}
    return probe.has("stop", "cont") and {"STOP", "RESUME"} <= set(events)


def run_and_stop_at_once(watch: Watch, times: int, seen: int = 0) -> Said:
    """So many pairs of cont and stop in one write, and their events; gives the last response.

    `seen` of each event came before.
    """
    names = [f"{name}-{number}" for number in range(times) for name in ("cont", "stop")]
    commands = [dumps({"execute": one.partition("-")[0], "id": one}) for one in names]
    said = watch.answered(watch.talk.send(b"\n".join(commands) + b"\n"))
    for name in ("RESUME", "STOP"):
        watch.wait(seen + times, name)
    return said


def _runs_and_stops(watch: Watch, times: int) -> list[tuple[float, Said]]:
    begun: dict[str, list[float]] = {"RESUME": [], "STOP": []}
    for _ in range(times):
        for command, name in (("cont", "RESUME"), ("stop", "STOP")):
            begun[name].append(time.time())
            watch.need(command)
    watch.wait(times, "STOP")
    caused: list[tuple[float, Said]] = []
    for name, moments in begun.items():
        found = watch.named(name)
        if len(found) == times:  # else nobody knows which of them has which cause
            caused += zip(moments, found, strict=True)
    return caused
