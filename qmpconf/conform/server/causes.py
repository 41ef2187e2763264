"""Events and their causes: each one comes when its cause has succeeded, and as often as that.

What an event is for, the QMP reference says (``STOP``: "Emitted when the virtual machine is
stopped"); that it is delivered once negotiation is done, qmp-spec section 4.
"""

from __future__ import annotations

import time

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Inconclusive, NotApplicable, Probe, Said, Unmet
from qmpconf.conform.server.watch import (
    JOB,
    NODES,
    Watch,
    defined,
    run_and_stop_at_once,
    run_job,
    steered,
    two_nodes,
)
from qmpconf.protocol.messages import Event
from qmpconf.protocol.values import Value

#: Pairs of cont and stop: one by one, in one write, and in how many such writes.
_ROUNDS = 3
_AT_ONCE = 10
_WRITES = 11
#: Seconds after which a slow server need not take another such write.
_LONG = 10.0

#: Bytes that a job reads at once: what cannot be read is one error.
_ONE_READ = 1 << 16

_JOB = "qmpconf-job"
_DEVICE = "qmpconf-device"
_DISK = "qmpconf-disk"

#: Devices that need no guest to be unplugged, with what they need beside an id.
_UNPLUGGED: tuple[dict[str, Value], ...] = (
    {"driver": "usb-mouse"},
    {"driver": "scsi-hd", "drive": _DISK},
    {"driver": "virtserialport"},
)


def _watched(probe: Probe) -> Watch:
    return Watch(probe, probe.negotiated())


def _counted(found: list[Said], count: int, name: str, cause: str, line: int) -> None:
    """Raises Unmet unless so many events of one name came."""
    if len(found) == count:
        return
    line = found[-1].line if len(found) > count else line
    rule = "event.as-many" if found else "event.comes"
    raise Unmet(f"{count} {name} for {cause}", f"{len(found)}", line=line, requirement=rule)


@case("event.comes", "event.as-many", name="run-state", needs=("stop", "cont"))
def _run_state(probe: Probe) -> None:
    """Cont emits RESUME and stop emits STOP, each time once."""
    defined(probe, "STOP", "RESUME")
    watch = _watched(probe)
    with steered(watch):
        for number in range(1, _ROUNDS + 1):
            for command, name in (("cont", "RESUME"), ("stop", "STOP")):
                said = watch.need(command)
                _counted(watch.wait(number, name), number, name, f"{number} {command}", said.line)
        watch.settle()
        for command, name in (("cont", "RESUME"), ("stop", "STOP")):
            found = watch.named(name)
            _counted(found, _ROUNDS, name, f"{_ROUNDS} {command}", watch.talk.latest)


@case("event.as-many", "event.comes", name="run-state-at-once", needs=("stop", "cont"))
def _run_state_at_once(probe: Probe) -> None:
    """Ten pairs of cont and stop in one write emit ten RESUME and ten STOP."""
    defined(probe, "STOP", "RESUME")
    watch = _watched(probe)
    with steered(watch):
        said = run_and_stop_at_once(watch, _AT_ONCE)
        if not said.ok:
            raise Inconclusive("stop is refused")
        watch.settle()
        for command, name in (("cont", "RESUME"), ("stop", "STOP")):
            _counted(watch.named(name), _AT_ONCE, name, f"{_AT_ONCE} {command}", said.answers)


@case("event.as-many", "event.comes", name="run-state-many", needs=("stop", "cont"))
def _run_state_many(probe: Probe) -> None:
    """Of a hundred and ten pairs of cont and stop, ten in each write, each emits its RESUME and its STOP."""
    defined(probe, "STOP", "RESUME")
    watch = _watched(probe)
    until = time.monotonic() + _LONG
    with steered(watch):
        for write in range(1, _WRITES + 1):
            said = run_and_stop_at_once(watch, _AT_ONCE, seen=(write - 1) * _AT_ONCE)
            if not said.ok:
                raise Inconclusive("stop is refused")
            for command, name in (("cont", "RESUME"), ("stop", "STOP")):
                count = write * _AT_ONCE
                _counted(watch.named(name), count, name, f"{count} {command}", said.answers)
            if time.monotonic() > until:
                break


# --- jobs ------------------------------------------------------------------------------------------


@case("event.comes", "event.as-many", name="job-status", needs=JOB)
def _job_status(probe: Probe) -> None:
    """Each status of a job is reported, and none twice in a row."""
    defined(probe, "JOB_STATUS_CHANGE")
    watch = _watched(probe)
    with two_nodes(watch):
        run_job(watch, _JOB)
        watch.wait(1, "JOB_STATUS_CHANGE", id=_JOB, status="null")
        watch.settle()
    found = watch.named("JOB_STATUS_CHANGE", id=_JOB)
    steps = [_member(said, "status") for said in found]
    for status in ("created", "running", "concluded", "null"):
        if status not in steps:
            told = ", ".join(steps) or "none"
            raise Unmet(f"JOB_STATUS_CHANGE to {status}", told, line=watch.talk.latest)
    for before, after, said in zip(steps, steps[1:], found[1:], strict=False):
        if before == after:
            rule = "event.as-many"
            raise Unmet("another status", f"{after}, again", line=said.line, requirement=rule)


@case("event.comes", "event.as-many", name="block-job-completed", needs=JOB)
def _job_completed(probe: Probe) -> None:
    """A block job that ends emits BLOCK_JOB_COMPLETED, once."""
    defined(probe, "BLOCK_JOB_COMPLETED")
    watch = _watched(probe)
    with two_nodes(watch):
        for number in range(2):
            job = f"{_JOB}-{number}"
            run_job(watch, job)
            watch.wait(1, "BLOCK_JOB_COMPLETED", device=job)
        watch.settle()
    for number in range(2):
        found = watch.named("BLOCK_JOB_COMPLETED", device=f"{_JOB}-{number}")
        _counted(found, 1, "BLOCK_JOB_COMPLETED", "one job", watch.talk.latest)


@case("event.comes", "event.as-many", name="block-job-pending", needs=(*JOB, "job-finalize"))
def _job_pending(probe: Probe) -> None:
    """A job that waits to be finalized emits BLOCK_JOB_PENDING, once."""
    defined(probe, "BLOCK_JOB_PENDING", "BLOCK_JOB_COMPLETED")
    watch = _watched(probe)
    with two_nodes(watch):
        _backup(watch, auto_finalize=False)
        if not watch.job_is(_JOB, "pending"):
            raise Inconclusive("a backup of a mebibyte of nothing does not end")
        watch.wait(1, "BLOCK_JOB_PENDING", id=_JOB)
        watch.need("job-finalize", id=_JOB)
        watch.wait(1, "BLOCK_JOB_COMPLETED", device=_JOB)
        watch.settle()
    for name, member in (("BLOCK_JOB_PENDING", "id"), ("BLOCK_JOB_COMPLETED", "device")):
        _counted(watch.named(name, **{member: _JOB}), 1, name, "one job", watch.talk.latest)


@case(
    "event.comes",
    "event.as-many",
    name="block-job-ready",
    needs=(*JOB, "blockdev-mirror", "block-job-complete"),
)
def _job_ready(probe: Probe) -> None:
    """A mirror that has caught up emits BLOCK_JOB_READY, once, and completes on demand."""
    defined(probe, "BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED")
    watch = _watched(probe)
    with two_nodes(watch):
        watch.need("blockdev-mirror", job_id=_JOB, device=NODES[0], target=NODES[1], sync="full")
        if not watch.job_is(_JOB, "ready"):
            raise Inconclusive("a mirror of a mebibyte of nothing does not get ready")
        watch.wait(1, "BLOCK_JOB_READY", device=_JOB)
        watch.need("block-job-complete", device=_JOB)
        watch.wait(1, "BLOCK_JOB_COMPLETED", device=_JOB)
        watch.settle()
    for name in ("BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED"):
        _counted(watch.named(name, device=_JOB), 1, name, "one job", watch.talk.latest)


@case("event.comes", "event.as-many", name="block-job-cancelled", needs=(*JOB, "block-job-cancel"))
def _job_cancelled(probe: Probe) -> None:
    """A job that is cancelled emits BLOCK_JOB_CANCELLED, once."""
    defined(probe, "BLOCK_JOB_CANCELLED")
    watch = _watched(probe)
    with two_nodes(watch, size=1 << 30):
        _backup(watch, speed=1 << 16)
        watch.need("block-job-cancel", device=_JOB)
        watch.wait(1, "BLOCK_JOB_CANCELLED", device=_JOB)
        watch.settle()
    found = watch.named("BLOCK_JOB_CANCELLED", device=_JOB)
    if not found and watch.named("BLOCK_JOB_COMPLETED", device=_JOB):
        raise Inconclusive("the job was done before it could be cancelled")
    _counted(found, 1, "BLOCK_JOB_CANCELLED", "one job", watch.talk.latest)


@case("event.comes", "event.as-many", name="block-job-error", needs=JOB)
def _job_error(probe: Probe) -> None:
    """A job that cannot read what it copies emits BLOCK_JOB_ERROR, once, and BLOCK_JOB_COMPLETED."""
    defined(probe, "BLOCK_JOB_ERROR", "BLOCK_JOB_COMPLETED")
    watch = _watched(probe)
    image: Value = {"driver": "null-co", "size": _ONE_READ}
    bad: Value = [{"event": "none", "iotype": "read", "errno": 5}]
    if not watch.ask(
        "blockdev-add", driver="blkdebug", node_name=NODES[0], image=image, inject_error=bad
    ).ok:
        raise NotApplicable("the target has no driver blkdebug, which fails on demand")
    try:
        watch.need("blockdev-add", driver="null-co", node_name=NODES[1], size=_ONE_READ)
        watch.begin()
        _backup(watch)
        watch.wait(1, "BLOCK_JOB_COMPLETED", device=_JOB)
        watch.settle()
    finally:
        if watch.talk.open:
            watch.remove(*reversed(NODES))
    for name in ("BLOCK_JOB_ERROR", "BLOCK_JOB_COMPLETED"):
        found = watch.named(name, device=_JOB)
        _counted(found, 1, name, "one job that fails", watch.talk.latest)


def _backup(watch: Watch, **more: Value) -> None:
    job: dict[str, Value] = {"job_id": _JOB, "device": NODES[0], "target": NODES[1]}
    watch.need("blockdev-backup", **job, sync="full", **more)


def _member(said: Said, name: str) -> str:
    data = said.message.data if isinstance(said.message, Event) else None
    return str(data.get(name, "")) if isinstance(data, dict) else ""


# --- devices, and the end --------------------------------------------------------------------------


@case("event.comes", "event.as-many", name="device-deleted", needs=("device_add", "device_del"))
def _device_deleted(probe: Probe) -> None:
    """A device that is unplugged emits DEVICE_DELETED, once."""
    defined(probe, "DEVICE_DELETED")
    watch = _watched(probe)
    has_disk = probe.has("blockdev-add", "blockdev-del")
    if has_disk:
        watch.ask("blockdev-add", driver="null-co", node_name=_DISK, size=1 << 20)
    try:
        if not any(watch.ask("device_add", **one, id=_DEVICE).ok for one in _UNPLUGGED):
            raise NotApplicable("the target has no bus that unplugs without a guest's help")
        line = watch.need("device_del", id=_DEVICE).line
        watch.wait(1, "DEVICE_DELETED", device=_DEVICE)
        watch.settle()
    finally:
        if has_disk and not watch.talk.ended:
            watch.remove(_DISK)
    _counted(watch.named("DEVICE_DELETED", device=_DEVICE), 1, "DEVICE_DELETED", "one", line)


@case("event.comes", "event.as-many", name="reset", needs=("system_reset",), destructive=True)
def _reset(probe: Probe) -> None:
    """Each reset of the machine emits RESET."""
    defined(probe, "RESET")
    watch = _watched(probe)
    for number in (1, 2):  # one after the other: requests that meet are one reset
        line = watch.need("system_reset").line
        _counted(watch.wait(number, "RESET"), number, "RESET", f"{number} system_reset", line)
    watch.settle()
    _counted(watch.named("RESET"), 2, "RESET", "2 system_reset", line)


@case(
    "event.comes", "event.as-many", name="powerdown", needs=("system_powerdown",), destructive=True
)
def _powerdown(probe: Probe) -> None:
    """system_powerdown emits POWERDOWN."""
    defined(probe, "POWERDOWN")
    watch = _watched(probe)
    line = watch.need("system_powerdown").line
    watch.wait(1, "POWERDOWN")
    watch.settle()
    _counted(watch.named("POWERDOWN"), 1, "POWERDOWN", "one", line)


@case("event.comes", "event.as-many", name="shutdown", needs=("quit",), destructive=True)
def _shutdown(probe: Probe) -> None:
    """After quit, a machine emits SHUTDOWN before the session ends."""
    defined(probe, "SHUTDOWN")
    watch = _watched(probe)
    line = watch.talk.say({"execute": "quit", "id": "quit"})
    watch.take(watch.talk.rest())
    _counted(watch.named("SHUTDOWN"), 1, "SHUTDOWN", "one quit", line)
