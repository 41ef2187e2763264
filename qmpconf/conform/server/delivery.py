"""Events on their way: to every session and every client, with the right time, and told once."""

from __future__ import annotations

import itertools
import time
from collections import Counter

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Inconclusive, NotApplicable, Probe, Said, Unmet
from qmpconf.conform.server.watch import (
    JOB,
    NODES,
    Watch,
    cause_some,
    defined,
    limited,
    moment,
    run_and_stop_at_once,
    steered,
    steers,
    two_nodes,
)
from qmpconf.protocol.messages import Event
from qmpconf.protocol.values import dumps
from qmpconf.text import counted

#: Sessions, one after the other.
_SESSIONS = 4
#: Seconds in which a second client that is served would be greeted.
_GREETED = 0.3
#: Pairs of cont and stop, or jobs, whose timestamps are looked at.
_TIMES = 5
#: Bytes that a job copies in half a second, and seconds that it is left alone.
_SLOW = 4 << 20
_ALONE = 1.0
#: Seconds by which a timestamp may be beside the time of its cause, and behind the one before it.
_SKEW = 0.25
_BACK = 0.05


def _eventful(probe: Probe, *enable: str) -> Watch:
    """A new session in which events were caused, and have come."""
    watch = Watch(probe, probe.negotiated(*enable))
    cause_some(probe, watch)
    if not watch.events:
        rule = "event.delivered"
        raise Unmet("the events that were caused", "none", line=watch.talk.latest, requirement=rule)
    return watch


@case("event.delivered", name="each-session")
def _each_session(probe: Probe) -> None:
    """Events come in each of four sessions, one after the other."""
    for _ in range(_SESSIONS):
        _eventful(probe).talk.close()


@case("event.delivered", name="after-a-rude-end")
def _after_rude_end(probe: Probe) -> None:
    """Events come in the session behind one that ended in the middle of a command."""
    talk = probe.negotiated()
    talk.send(b'{"execute": "query-version", "id": [')
    talk.close()
    _eventful(probe)


@case("event.delivered", name="oob", needs=("oob",))
def _with_oob(probe: Probe) -> None:
    """Events come in a session that enabled oob."""
    _eventful(probe, "oob")


@case("event.delivered", name="every-client")
def _every_client(probe: Probe) -> None:
    """Of two clients that are served at a time both get the events that one of them causes."""
    first = Watch(probe, probe.negotiated())
    second = probe.dial()
    first.take(first.talk.barrier())  # the target has been at work since
    second.hear(_GREETED)
    if second.greeting is None:
        raise NotApplicable("the target serves one client at a time")
    other = Watch(probe, second)
    other.need("qmp_capabilities")
    cause_some(probe, first)
    if not first.events:
        raise Unmet("the events that were caused", "none", line=first.talk.latest)
    other.until(lambda: _heard(first) <= _heard(other))
    missing = _heard(first) - _heard(other)
    for said in first.events:
        if _what(said) in missing:
            raise Unmet(f"{said} for the other client, too", "nothing", line=said.line)


@case("event.own-session", name="reconnect")
def _own_session(probe: Probe) -> None:
    """After a reconnect no event comes that had happened before."""
    for _ in range(2):
        first = _eventful(probe)
        first.talk.close()
        second = Watch(probe, probe.negotiated())
        second.take(second.talk.barrier())
        second.settle()
        cause_some(probe, second)
        told = {_key(said) for said in first.events}
        latest = max(moment(said) for said in first.events)
        for said in second.all:
            if limited(said) or not isinstance(said.message, Event) or moment(said) < 0:
                continue
            again = _key(said) in told and said.message.microseconds > 0
            if again or moment(said) < latest - _BACK:
                raise Unmet("events of this session", f"one of before: {said}", line=said.line)
        second.talk.close()


@case("event.own-session", name="nobody-there", needs=JOB)
def _nobody_there(probe: Probe) -> None:
    """What happened while no client was there is not told to the next one."""
    defined(probe, "JOB_STATUS_CHANGE")
    if not probe.target.same_host:
        raise NotApplicable("the target's clock is not that of this host")
    first = Watch(probe, probe.negotiated())
    with two_nodes(first, size=_SLOW):
        first.need(
            "blockdev-backup",
            job_id="qmpconf-job",
            device=NODES[0],
            target=NODES[1],
            sync="full",
            speed=2 * _SLOW,
        )
        first.talk.close()
    time.sleep(_ALONE)
    began = time.time()
    second = Watch(probe, probe.negotiated())
    second.take(second.talk.barrier())
    second.settle()
    second.remove(*reversed(NODES))
    for said in second.all:
        if not limited(said) and 0 <= moment(said) < began - _BACK:
            raise Unmet("events of this session", f"one of before: {said}", line=said.line)


def _what(said: Said) -> bytes:
    """What happened, whenever that was: a server may look at its clock for each client."""
    value = said.message.value
    parts = value.items() if isinstance(value, dict) else ()
    return dumps({name: one for name, one in parts if name != "timestamp"})


def _heard(watch: Watch) -> Counter[bytes]:
    """What a client has heard, and how often."""
    return Counter(map(_what, watch.events))


def _key(said: Said) -> bytes:
    return dumps(said.message.value)


@case("event.clock", name="host")
def _clock(probe: Probe) -> None:
    """Timestamps are the time at which things happened, on the host's clock, and go on."""
    watch = Watch(probe, probe.negotiated())
    wall, steady = time.time(), time.monotonic()
    begun = {said.line: at for at, said in cause_some(probe, watch, _TIMES)}
    found = watch.events
    if not found:
        raise Inconclusive("the target emits no event")
    if steers(probe):
        with steered(watch):  # what happens at once shows best whether time goes on
            run_and_stop_at_once(watch, _TIMES)
            found += watch.events
    now = time.time()
    stepped = abs((now - wall) - (time.monotonic() - steady)) > _BACK
    events = [said for said in found if not limited(said) and moment(said) >= 0]
    if probe.target.same_host and not stepped:
        for said in events:
            cause = begun.get(said.line, wall)
            if not cause - _SKEW <= moment(said) <= now + _SKEW:
                beside = moment(said) - (now if moment(said) > now else cause)
                seen = f"{moment(said):.6f}, {beside:+.3f} s beside the clock of this host"
                raise Unmet("the time at which it happened", seen, line=said.line)
    for before, said in itertools.pairwise(events):
        if moment(said) < moment(before) - _BACK:
            seen = f"{moment(before) - moment(said):.6f} s before the event before it"
            raise Unmet("time that goes on", seen, line=said.line)
    fractions = {said.message.microseconds for said in events if isinstance(said.message, Event)}
    if len(events) >= _TIMES and fractions == {0}:
        raise Unmet("microseconds", f"0 in {counted(len(events), 'event')}", line=events[0].line)
