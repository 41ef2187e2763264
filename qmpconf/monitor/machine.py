"""The model behind the embedded monitor: a virtual machine, as far as its monitor shows it.

It has a run state, names, character devices, block nodes, jobs and descriptors; each of these has
a module with the functions of its commands, and `qmpconf.monitor.commands` has the table of all.
A function gets the machine and the checked arguments, and gives the value of ``return``; it raises
`Refusal`, and emits events through the machine.

The machine answers as the newest version does; `qmpconf.monitor.instances.fit` makes it an answer
of the version that is served.  It knows no session, no bytes and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qmpconf.monitor.chardevs import Chardev
from qmpconf.monitor.descriptors import Descriptors
from qmpconf.monitor.hardware import Hardware
from qmpconf.monitor.instances import fit
from qmpconf.monitor.offer import introspect
from qmpconf.monitor.refusal import NO_DEVICE, Refusal
from qmpconf.monitor.settings import Settings
from qmpconf.protocol.values import Value
from qmpconf.schema.model import Catalog

if TYPE_CHECKING:
    from qmpconf.monitor.blocks import Node
    from qmpconf.monitor.jobs import Job

Arguments = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a machine says of itself.

    `version` is (major, minor, micro), `package` the build's package string, `name` the guest's
    name (empty: none was given), `uuid` its UUID, `chardevs` (label, file name) of its character
    devices, which the monitor uses.
    """

    version: tuple[int, int, int]
    package: str = ""
    name: str = ""
    uuid: str = "00000000-0000-0000-0000-000000000000"
    chardevs: tuple[tuple[str, str], ...] = (("qmp", "socket"),)


@dataclass
class Machine:
    """One virtual machine.

    `offered` is the catalog of what it offers.  `emit(event, data)` sends an event to whoever
    listens, `later(seconds, step)` has `step` called when so much time has passed, `discard` closes
    descriptors.  `ended` is set once it was told to quit; `objects` holds the types of user
    objects by id, `unnamed` how many nodes got a name from the machine.
    """

    identity: Identity
    offered: Catalog
    emit: Callable[[str, dict[str, Value]], None]
    later: Callable[[float, Callable[[], None]], None]
    discard: Callable[[Sequence[int]], None]
    running: bool = True
    ended: bool = field(default=False, init=False)
    chardevs: dict[str, Chardev] = field(default_factory=dict, init=False)
    nodes: dict[str, Node] = field(default_factory=dict, init=False)
    jobs: dict[str, Job] = field(default_factory=dict, init=False)
    objects: dict[str, str] = field(default_factory=dict, init=False)
    descriptors: Descriptors = field(default_factory=Descriptors, init=False)
    hardware: Hardware = field(default_factory=Hardware, init=False)
    settings: Settings = field(default_factory=Settings, init=False)
    unnamed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.chardevs = {
            label: Chardev(label, name, "socket", in_use=True)
            for label, name in self.identity.chardevs
        }

    @property
    def version(self) -> dict[str, Value]:
        """The version as greeting and ``query-version`` give it."""
        major, minor, micro = self.identity.version
        return {
            "qemu": {"micro": micro, "minor": minor, "major": major},
            "package": self.identity.package,
        }

    @cached_property
    def introspection(self) -> list[Any]:
        """What ``query-qmp-schema`` returns."""
        known = self.offered.commands["query-qmp-schema"]
        entries: list[Any] = fit(self.offered, known.returns, list(introspect(self.offered)))
        return entries


# --- run state -------------------------------------------------------------------------------------


def _query_status(machine: Machine, _arguments: Arguments) -> Value:
    status = "running" if machine.running else "paused"
    return {"status": status, "singlestep": False, "running": machine.running}


def _stop(machine: Machine, _arguments: Arguments) -> Value:
    if machine.running:
        machine.running = False
        machine.emit("STOP", {})
    return {}


def _cont(machine: Machine, _arguments: Arguments) -> Value:
    if not machine.running:
        machine.running = True
        machine.emit("RESUME", {})
    return {}


def _quit(machine: Machine, _arguments: Arguments) -> Value:
    machine.ended = True
    machine.emit("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"})
    return {}


def _system_reset(machine: Machine, _arguments: Arguments) -> Value:
    machine.emit("RESET", {"guest": False, "reason": "host-qmp-system-reset"})
    return {}


def _system_powerdown(machine: Machine, _arguments: Arguments) -> Value:
    """The guest is asked to shut down; there is none that would."""
    machine.emit("POWERDOWN", {})
    return {}


def _system_wakeup(_machine: Machine, _arguments: Arguments) -> Value:
    raise Refusal("the guest is not suspended")


# --- what the machine says of itself ---------------------------------------------------------------


def _query_version(machine: Machine, _arguments: Arguments) -> Value:
    return machine.version


def _query_commands(machine: Machine, _arguments: Arguments) -> Value:
    return [{"name": name} for name in sorted(machine.offered.commands)]


def _query_events(machine: Machine, _arguments: Arguments) -> Value:
    return [{"name": name} for name in sorted(machine.offered.events)]


def _query_name(machine: Machine, _arguments: Arguments) -> Value:
    return {"name": machine.identity.name} if machine.identity.name else {}


def _query_uuid(machine: Machine, _arguments: Arguments) -> Value:
    return {"UUID": machine.identity.uuid}


def _query_target(_machine: Machine, _arguments: Arguments) -> Value:
    return {"arch": "x86_64"}


def _query_machines(_machine: Machine, _arguments: Arguments) -> Value:
    return [{"name": "none", "cpu-max": 1, "is-default": True}]


def _query_model(_machine: Machine, arguments: Arguments) -> Value:
    """A model is expanded to itself: there is no processor that would have properties."""
    model: Any = arguments.get("model")
    name = model.get("name", "") if isinstance(model, dict) else ""
    return {"model": {"name": name, "props": {}}}


def _query_qmp_schema(machine: Machine, _arguments: Arguments) -> Value:
    return machine.introspection


# --- user objects ----------------------------------------------------------------------------------


def _object_add(machine: Machine, arguments: Arguments) -> Value:
    identity: Any = arguments["id"]
    if identity in machine.objects:
        raise Refusal(f"there is an object {identity!r} already")
    machine.objects[identity] = str(arguments["qom-type"])
    return {}


def _object_del(machine: Machine, arguments: Arguments) -> Value:
    identity: Any = arguments["id"]
    if identity not in machine.objects:
        raise Refusal(f"there is no object {identity!r}")
    del machine.objects[identity]
    return {}


def _query_iothreads(machine: Machine, _arguments: Arguments) -> Value:
    threads = [name for name, kind in machine.objects.items() if kind == "iothread"]
    return [{"id": name, "thread-id": number} for number, name in enumerate(threads, 1)]


# --- what may be executed out of band --------------------------------------------------------------


def _query_yank(machine: Machine, _arguments: Arguments) -> Value:
    sockets = [one.label for one in machine.chardevs.values() if one.kind == "socket"]
    return [{"type": "chardev", "id": label} for label in sockets]


def _yank(machine: Machine, arguments: Arguments) -> Value:
    instances: Any = arguments["instances"]
    known: Any = _query_yank(machine, {})
    for instance in instances:
        if instance not in known:
            raise Refusal("there is no such yank instance", NO_DEVICE)
    if instances:
        raise Refusal("the embedded monitor cannot yank a connection")
    return {}


def _no_migration(_machine: Machine, _arguments: Arguments) -> Value:
    raise Refusal("there is no migration that could be paused or recovered")


COMMANDS: Mapping[str, Callable[[Machine, Arguments], Value]] = {
    "query-status": _query_status,
    "stop": _stop,
    "cont": _cont,
    "quit": _quit,
    "system_reset": _system_reset,
    "system_powerdown": _system_powerdown,
    "system_wakeup": _system_wakeup,
    "query-version": _query_version,
    "query-commands": _query_commands,
    "query-events": _query_events,
    "query-target": _query_target,
    "query-machines": _query_machines,
    "query-cpu-model-expansion": _query_model,
    "query-name": _query_name,
    "query-uuid": _query_uuid,
    "query-qmp-schema": _query_qmp_schema,
    "object-add": _object_add,
    "object-del": _object_del,
    "query-iothreads": _query_iothreads,
    "query-yank": _query_yank,
    "yank": _yank,
    "migrate-pause": _no_migration,
    "migrate-recover": _no_migration,
}
