"""Jobs that run, and end with events: the states and transitions of QAPI's JobStatus.

A job copies nothing.  One without a speed limit has done its work at the next moment; a limit of N
bytes a second makes it take as long as its node is large.  What happens later is handed to
`Machine.later`, so that this module needs no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qmpconf.monitor.blocks import Node, is_readable, node_of
from qmpconf.monitor.refusal import NOT_ACTIVE, Refusal

if TYPE_CHECKING:
    from qmpconf.monitor.machine import Arguments, Machine
    from qmpconf.protocol.values import Value

#: Kinds that become ready, and wait to be told to complete.
_WAITS = ("mirror",)


@dataclass(slots=True)
class Job:
    """One job: `length` and `offset` in bytes, `speed` in bytes a second (0: no limit)."""

    machine: Machine
    id: str
    kind: str
    length: int
    speed: int
    auto_finalize: bool
    auto_dismiss: bool
    nodes: tuple[Node, ...]
    block: bool
    status: str = "undefined"
    offset: int = 0
    paused: bool = False
    error: str = ""
    turn: int = 0

    def start(self) -> None:
        """Begin."""
        self.machine.jobs[self.id] = self
        for node in self.nodes:
            node.users.add(f"job {self.id}")
        self.become("created")
        self.become("running")
        self.go_on()

    def become(self, status: str) -> None:
        """Change the status, and emit the event."""
        self.status = status
        self.machine.emit("JOB_STATUS_CHANGE", {"id": self.id, "status": status})

    def tell(self, event: str, **more: Value) -> None:
        """Tell an event of block jobs."""
        if self.block:
            data = {"device": self.id, "id": self.id, "type": self.kind, "speed": self.speed}
            self.machine.emit(event, {**data, "len": self.length, "offset": self.offset, **more})

    def go_on(self) -> None:
        """Work at the speed that is set."""
        self.turn += 1
        turn = self.turn
        seconds = self.length / self.speed if self.speed else 0.0
        self.machine.later(seconds, lambda: self._work(turn))

    def _work(self, turn: int) -> None:
        """All has been copied, unless the job was steered otherwise since."""
        if turn != self.turn or self.status != "running":
            return
        if not all(is_readable(self.machine, node) for node in self.nodes[:1]):
            self._fail()
            return
        self.offset = self.length
        if self.kind in _WAITS:
            self.become("ready")
            self.tell("BLOCK_JOB_READY")
        else:
            self.complete()

    def _fail(self) -> None:
        """The source cannot be read."""
        source = self.nodes[0]
        self.error = "the source cannot be read"
        if source.votes:
            sectors = source.size // 512
            data: dict[str, Value] = {"reference": source.name, "sector-num": 0}
            self.machine.emit("QUORUM_FAILURE", {**data, "sectors-count": sectors})
        self.tell("BLOCK_JOB_ERROR", operation="read", action="report")
        self.become("aborting")
        self.tell("BLOCK_JOB_COMPLETED", error=self.error)
        self._conclude()

    def complete(self) -> None:
        """The work is done: what is left is to finalize, and to dismiss."""
        self.become("waiting")
        self.become("pending")
        if self.auto_finalize:
            self.finalize()
        else:
            self.tell("BLOCK_JOB_PENDING")

    def finalize(self) -> None:
        """Let go of the nodes, and end."""
        self.tell("BLOCK_JOB_COMPLETED")
        self._conclude()

    def cancel(self) -> None:
        """Give up."""
        self.error = "the job was cancelled"
        self.become("aborting")
        self.tell("BLOCK_JOB_CANCELLED")
        self._conclude()

    def _conclude(self) -> None:
        for node in self.nodes:
            node.users.discard(f"job {self.id}")
        self.become("concluded")
        if self.auto_dismiss:
            self.dismiss()

    def dismiss(self) -> None:
        """Be forgotten."""
        self.become("null")
        del self.machine.jobs[self.id]

    def pause(self) -> None:
        """Stand still until `resume`."""
        self.paused = True
        self.become("paused" if self.status == "running" else "standby")

    def resume(self) -> None:
        """Go on."""
        self.paused = False
        self.become("running" if self.status == "paused" else "ready")
        if self.status == "running":
            self.go_on()


# --- commands that start one ----------------------------------------------------------------------


def _starter(kind: str, *, target: bool = False) -> Callable[[Machine, Arguments], Value]:
    """A command that starts a block job of this kind on the node of its argument ``device``."""

    def begin(machine: Machine, arguments: Arguments) -> Value:
        source = node_of(machine, arguments["device"])
        nodes = [source, *([node_of(machine, arguments["target"])] if target else [])]
        if target and nodes[0] is nodes[1]:
            raise Refusal("source and target must not be the same node")
        identity: Any = arguments.get("job-id") or source.backend or arguments["device"]
        speed: Any = arguments.get("speed", 0)
        if speed < 0:
            raise Refusal("speed must not be negative")
        _refuse_twice(machine, identity)
        Job(
            machine,
            identity,
            kind,
            source.size,
            speed,
            bool(arguments.get("auto-finalize", True)),
            bool(arguments.get("auto-dismiss", True)),
            tuple(nodes),
            block=True,
        ).start()
        return {}

    return begin


def _refuse_twice(machine: Machine, identity: str) -> None:
    if identity in machine.jobs:
        raise Refusal(f"there is a job {identity!r} already")


def blockdev_create(machine: Machine, arguments: Arguments) -> Value:
    """A job that would create an image; nothing is written."""
    identity: Any = arguments["job-id"]
    options: Any = arguments["options"]
    _refuse_twice(machine, identity)
    nodes = tuple(
        node_of(machine, options[role])
        for role in ("file", "data-file")
        if isinstance(options.get(role), str)
    )
    Job(machine, identity, "create", 1, 0, True, False, nodes, block=False).start()
    return {}


# --- commands that steer one ----------------------------------------------------------------------


def _steer(
    step: Callable[[Job, Arguments], None], *allowed: str, block: bool = False
) -> Callable[[Machine, Arguments], Value]:
    """A command that does `step` to a job whose status is one of `allowed`."""

    def act(machine: Machine, arguments: Arguments) -> Value:
        # The member was renamed: block-job-finalize and -dismiss call it id.
        identity: Any = arguments.get("id", arguments.get("device"))
        job = machine.jobs.get(identity)
        if job is None or (block and not job.block):
            raise Refusal(f"there is no job {identity!r}", *([NOT_ACTIVE] if block else []))
        if allowed and job.status not in allowed:
            raise Refusal(f"the job {identity!r} is in the status {job.status}")
        step(job, arguments)
        return {}

    return act


def _cancel(job: Job, arguments: Arguments) -> None:
    """A mirror that is ready ends well when it is cancelled without force."""
    if job.status == "ready" and not arguments.get("force", False):
        job.complete()
    else:
        job.cancel()


def _set_speed(job: Job, arguments: Arguments) -> None:
    speed: Any = arguments["speed"]
    if speed < 0:
        raise Refusal("speed must not be negative")
    job.speed = speed
    if job.status == "running":
        job.go_on()


def query_jobs(machine: Machine, _arguments: Arguments) -> Value:
    """Every job."""
    return [
        {
            "id": job.id,
            "type": job.kind,
            "status": job.status,
            "current-progress": job.offset,
            "total-progress": job.length,
            **({"error": job.error} if job.error else {}),
        }
        for job in machine.jobs.values()
    ]


def query_block_jobs(machine: Machine, _arguments: Arguments) -> Value:
    """Every block job."""
    return [
        {
            "device": job.id,
            "type": job.kind,
            "status": job.status,
            "len": job.length,
            "offset": job.offset,
            "busy": job.status == "running",
            "paused": job.paused,
            "speed": job.speed,
            "io-status": "ok",
            "ready": job.status == "ready",
            "auto-finalize": job.auto_finalize,
            "auto-dismiss": job.auto_dismiss,
        }
        for job in machine.jobs.values()
        if job.block
    ]


_LIVE = ("created", "running", "paused", "ready", "standby", "waiting", "pending")

_STEPS: dict[str, tuple[Callable[[Job, Arguments], None], tuple[str, ...]]] = {
    "cancel": (_cancel, _LIVE),
    "complete": (lambda job, _: job.complete(), ("ready",)),
    "finalize": (lambda job, _: job.finalize(), ("pending",)),
    "dismiss": (lambda job, _: job.dismiss(), ("concluded",)),
    "pause": (lambda job, _: job.pause(), ("running", "ready")),
    "resume": (lambda job, _: job.resume(), ("paused", "standby")),
}

COMMANDS = {
    "blockdev-create": blockdev_create,
    "blockdev-backup": _starter("backup", target=True),
    "blockdev-mirror": _starter("mirror", target=True),
    "block-stream": _starter("stream"),
    "block-commit": _starter("commit"),
    "query-jobs": query_jobs,
    "query-block-jobs": query_block_jobs,
    "block-job-set-speed": _steer(_set_speed, *_LIVE, block=True),
    **{f"job-{name}": _steer(step, *allowed) for name, (step, allowed) in _STEPS.items()},
    **{
        f"block-job-{name}": _steer(step, *allowed, block=True)
        for name, (step, allowed) in _STEPS.items()
    },
}
