"""Events: their shape, under a storm, between responses, and how often they may come."""

from __future__ import annotations

import time

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Inconclusive, NotApplicable, Probe, Said, Talk, Unmet, succeeded
from qmpconf.conform.server.watch import JOB, Watch, run_job, two_nodes
from qmpconf.protocol.messages import Event
from qmpconf.protocol.values import Value, dumps

#: Pairs of stop and cont in a storm.
_STORM = 25


def _storm(probe: Probe, talk: Talk) -> list[Said]:
    """Make the target send many events; everything that came with them."""
    if probe.has("stop", "cont"):
        commands = [
            dumps({"execute": name, "id": f"{name}-{number}"})
            for number in range(_STORM)
            for name in ("cont", "stop")
        ]
        last = talk.send(b"\n".join(commands) + b"\n")
        return talk.until_answered(last)
    if probe.has(*JOB):
        watch = Watch(probe, talk)
        with two_nodes(watch):
            run_job(watch, "qmpconf-job")
        return watch.all
    raise NotApplicable("no command is known that makes this target send events")


def _events(heard: list[Said]) -> list[Said]:
    return [said for said in heard if isinstance(said.message, Event)]


@case("event.shape", "event.timestamp", "event.no-empty-data", name="storm")
def _shape(probe: Probe) -> None:
    """Under a storm of events each one has its shape."""
    talk = probe.negotiated()
    if not _events(_storm(probe, talk)):
        raise Inconclusive("the target sent no event")


@case("event.timestamp", name="steps")
def _steps(probe: Probe) -> None:
    """Timestamps are about the time of the host that sends them, and go on."""
    talk = probe.negotiated()
    events = _events(_storm(probe, talk))
    if not events:
        raise Inconclusive("the target sent no event")
    stamps = [
        (said.message.seconds, said.message.microseconds, said.line)
        for said in events
        if isinstance(said.message, Event)
    ]
    if all(seconds == -1 for seconds, _, _ in stamps):
        return
    if max(stamps)[0] - min(stamps)[0] > 3600:
        raise Unmet("timestamps within the hour", f"{min(stamps)} to {max(stamps)}")


@case("event.not-inside", name="storm")
def _not_inside(probe: Probe) -> None:
    """With long responses and many events at once, no message is torn."""
    talk = probe.negotiated()
    lines = [talk.say({"execute": "query-commands", "id": str(number)}) for number in range(3)]
    _storm(probe, talk)
    last = talk.say({"execute": "query-commands", "id": "last"})
    for said in talk.until_answered(last):
        if said.outcome == "unknown":
            raise Unmet("a whole message", str(said), line=said.line)
    if not lines[0]:
        raise Inconclusive("nothing was sent")


@case("event.shape", name="stop", needs=("stop", "cont"))
def _stop(probe: Probe) -> None:
    """Stop and cont of a machine say so with an event, and their responses stay in place."""
    talk = probe.negotiated()
    heard: list[Said] = []
    for name in ("cont", "stop"):
        heard += talk.until_answered(talk.say({"execute": name, "id": name}))
        succeeded(heard[-1])
    heard += talk.quiet(0.1)
    names = {said.message.name for said in _events(heard) if isinstance(said.message, Event)}
    if not {"RESUME", "STOP"} <= names:
        told = ", ".join(sorted(names)) or "no event"
        raise Inconclusive(f"the target emits {told} for cont and stop")


@case("event.shape", name="reset", needs=("system_reset",), destructive=True)
def _reset(probe: Probe) -> None:
    """A reset of the machine is reported with events that have their shape."""
    talk = probe.negotiated()
    line = talk.say({"execute": "system_reset", "id": "reset"})
    heard = talk.until_answered(line) + talk.quiet(0.5)
    if not _events(heard):
        raise Inconclusive("the target sent no event")


#: The limited event that a quorum without a vote says with every read, and how often it is read.
_QUORUM = "QUORUM_FAILURE"
_READS = 5
#: Seconds until the last of them must have come (the limit is one a second), at least.
_LATEST = 1.6


@case("event.rate-limit", name="quorum", owns_silence=True)
def _rate_limit(probe: Probe) -> None:
    """Of five limited events at once the first one comes, and the last one a second later."""
    probe.need("blockdev-add", "blockdev-del", "blockdev-backup", "query-jobs")
    catalog = probe.facts.catalog
    if catalog is not None and _QUORUM not in catalog.events:
        raise NotApplicable(f"the target has no {_QUORUM}")
    talk = probe.negotiated()
    try:
        came = _read_quorum(talk)
    finally:
        targets = [f"qmpconf-target-{n}" for n in range(_READS)]
        Watch(probe, talk).remove("qmpconf-quorum", *targets)
    if not came:
        raise Inconclusive("none of the limited events could be caused")
    if len(came) == 1:
        raise Unmet(f"the last {_QUORUM} of {_READS}, a second after the first", "the first alone")


def _read_quorum(talk: Talk) -> list[Said]:
    """Read a quorum of disks that cannot be read; the limited events that come of it."""
    bad: list[Value] = [
        {
            "driver": "blkdebug",
            "node-name": f"qmpconf-bad-{n}",
            "image": {"driver": "null-co", "size": 1 << 20},
            "inject-error": [{"event": "none", "iotype": "read", "errno": 5}],
        }
        for n in range(2)
    ]
    quorum: dict[str, Value] = {
        "driver": "quorum",
        "node-name": "qmpconf-quorum",
        "vote-threshold": 2,
        "children": bad,
    }
    nodes: list[dict[str, Value]] = [
        {"driver": "null-co", "node-name": f"qmpconf-target-{n}", "size": 1 << 20}
        for n in range(_READS)
    ]
    for node in [quorum, *nodes]:
        if not talk.ask({"execute": "blockdev-add", "arguments": node, "id": "add"}).ok:
            raise Inconclusive("the target has no drivers quorum, blkdebug and null-co")
    talk.events.clear()
    for n in range(_READS):
        backup: dict[str, Value] = {
            "job-id": f"qmpconf-job-{n}",
            "device": "qmpconf-quorum",
            "target": f"qmpconf-target-{n}",
            "sync": "full",
        }
        talk.ask({"execute": "blockdev-backup", "arguments": backup, "id": "backup"})
    until = time.monotonic() + max(_LATEST, talk.patience)
    while len(came := _of_quorum(talk.events)) < 2 and time.monotonic() < until:
        talk.events += _events(talk.quiet(0.05))
    return came


def _of_quorum(heard: list[Said]) -> list[Said]:
    return [
        said for said in heard if isinstance(said.message, Event) and said.message.name == _QUORUM
    ]
