"""The model behind the embedded monitor: a virtual machine's run state, and its commands.

`COMMANDS` says what is implemented: a table from a command's name to the function that does it.
What is not in it does not exist.  A function gets the machine and the checked arguments, and
gives the value of ``return``; it raises `Refusal`, and emits events through the machine.

The machine answers as the newest version does; `qmpconf.monitor.offer.fit` drops what an older
one does not know.  It knows no session, no bytes and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qmpconf.monitor.offer import introspect
from qmpconf.monitor.refusal import NO_DEVICE, Refusal
from qmpconf.protocol.values import Value
from qmpconf.schema.model import Catalog

Arguments = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a machine says of itself.

    `version` is (major, minor, micro), `package` the build's package string, `name` the guest's
    name (empty: none was given), `uuid` its UUID, `chardevs` (label, file name) of its character
    devices.
    """

    version: tuple[int, int, int]
    package: str = ""
    name: str = ""
    uuid: str = "00000000-0000-0000-0000-000000000000"
    chardevs: tuple[tuple[str, str], ...] = (("qmp", "socket"),)


@dataclass(slots=True)
class Machine:
    """One virtual machine.

    `offered` is the catalog of what it offers; `emit(event, data)` tells an event to whoever
    listens; `ended` is set once it was told to quit.
    """

    identity: Identity
    offered: Catalog
    emit: Callable[[str, dict[str, Value]], None]
    running: bool = True
    ended: bool = field(default=False, init=False)

    @property
    def version(self) -> dict[str, Value]:
        """The version as greeting and ``query-version`` tell it."""
        major, minor, micro = self.identity.version
        return {
            "qemu": {"micro": micro, "minor": minor, "major": major},
            "package": self.identity.package,
        }


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


def _query_version(machine: Machine, _arguments: Arguments) -> Value:
    return machine.version


def _query_commands(machine: Machine, _arguments: Arguments) -> Value:
    return [{"name": name} for name in sorted(machine.offered.commands)]


def _query_name(machine: Machine, _arguments: Arguments) -> Value:
    return {"name": machine.identity.name} if machine.identity.name else {}


def _query_uuid(machine: Machine, _arguments: Arguments) -> Value:
    return {"UUID": machine.identity.uuid}


def _query_chardev(machine: Machine, _arguments: Arguments) -> Value:
    return [
        {"frontend-open": True, "filename": filename, "label": label}
        for label, filename in machine.identity.chardevs
    ]


def _query_qmp_schema(machine: Machine, _arguments: Arguments) -> Value:
    return introspect(machine.offered)


def _query_yank(machine: Machine, _arguments: Arguments) -> Value:
    return [{"type": "chardev", "id": label} for label, _ in machine.identity.chardevs]


def _yank(machine: Machine, arguments: Arguments) -> Value:
    instances: list[Any] = arguments.get("instances", [])
    known = _query_yank(machine, {})
    for instance in instances:
        if instance not in known:
            raise Refusal("there is no such yank instance", NO_DEVICE)
    if instances:
        raise Refusal("the monitor's own connection cannot be yanked")
    return {}


#: Every command that is implemented; ``qmp_capabilities`` belongs to the session.
COMMANDS: Mapping[str, Callable[[Machine, Arguments], Value]] = {
    "query-status": _query_status,
    "stop": _stop,
    "cont": _cont,
    "quit": _quit,
    "system_reset": _system_reset,
    "query-version": _query_version,
    "query-commands": _query_commands,
    "query-name": _query_name,
    "query-uuid": _query_uuid,
    "query-chardev": _query_chardev,
    "query-qmp-schema": _query_qmp_schema,
    "query-yank": _query_yank,
    "yank": _yank,
}

#: Every event that they emit.
EVENTS = ("STOP", "RESUME", "RESET", "SHUTDOWN")
