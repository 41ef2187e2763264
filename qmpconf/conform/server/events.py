"""Events: their shape, under a storm, between responses, and how often they may come."""

from __future__ import annotations

from collections.abc import Callable

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Inconclusive, NotApplicable, Probe, Said, Talk, Unmet, succeeded
from qmpconf.protocol.messages import Event
from qmpconf.protocol.rates import LIMITED
from qmpconf.protocol.values import dumps

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
    if probe.has("blockdev-add", "blockdev-del", "blockdev-backup", "job-dismiss", "query-jobs"):
        return _job(talk)
    raise NotApplicable("no command is known that makes this target send events")


def _job(talk: Talk) -> list[Said]:
    """A block job from nothing to nothing; all is removed again."""
    heard: list[Said] = []

    def run(name: str, **arguments: object) -> None:
        command = {"execute": name, "arguments": arguments, "id": name}
        heard.extend(talk.until_answered(talk.say(command)))

    for node in ("qmpconf-a", "qmpconf-b"):
        run("blockdev-add", driver="null-co", **{"node-name": node, "size": 1 << 20})
    run(
        "blockdev-backup",
        **{"job-id": "qmpconf-job", "device": "qmpconf-a", "target": "qmpconf-b", "sync": "full"},
        **{"auto-dismiss": False},
    )
    heard.extend(talk.quiet(0.3))
    run("job-dismiss", id="qmpconf-job")
    for node in ("qmpconf-b", "qmpconf-a"):
        run("blockdev-del", **{"node-name": node})
    return heard


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
    """Timestamps tell about the time of the host that sends them, and go on."""
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
    """Stop and cont of a machine tell so with an event, and their responses stay in place."""
    talk = probe.negotiated()
    heard: list[Said] = []
    for name in ("cont", "stop"):
        heard += talk.until_answered(talk.say({"execute": name, "id": name}))
        succeeded(heard[-1])
    heard += talk.quiet(0.1)
    names = {said.message.name for said in _events(heard) if isinstance(said.message, Event)}
    if not {"RESUME", "STOP"} <= names:
        told = ", ".join(sorted(names)) or "no event"
        raise Inconclusive(f"the target tells {told} for cont and stop")


@case("event.shape", name="reset", needs=("system_reset",), destructive=True)
def _reset(probe: Probe) -> None:
    """A reset of the machine is told with events that have their shape."""
    talk = probe.negotiated()
    line = talk.say({"execute": "system_reset", "id": "reset"})
    heard = talk.until_answered(line) + talk.quiet(0.5)
    if not _events(heard):
        raise Inconclusive("the target sent no event")


@case("event.rate-limit", name="storm")
def _rate_limit(probe: Probe) -> None:
    """Of the events that are limited, none comes more than once a second."""
    talk = probe.negotiated()
    triggers: list[Callable[[], list[Said]]] = [lambda: _storm(probe, talk)]
    seen: set[str] = set()
    for trigger in triggers:
        seen |= {
            said.message.name for said in _events(trigger()) if isinstance(said.message, Event)
        }
    if not seen & LIMITED.keys():
        raise Inconclusive("none of the limited events can be caused from outside")
