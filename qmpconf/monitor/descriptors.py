"""Descriptors that clients pass: by name (``getfd``), and in numbered sets (``add-fd``).

A descriptor is a number here, and nothing is done to it: what is to be closed goes to
`Machine.discard`, whose owner closes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmpconf.monitor.refusal import Refusal

if TYPE_CHECKING:
    from qmpconf.monitor.machine import Arguments, Machine
    from qmpconf.protocol.values import Value


@dataclass(slots=True)
class Descriptors:
    """What the machine holds.

    `arrived` came with the message that is carried out now, or with earlier ones; `named` by the
    names of ``getfd``; `sets` by the numbers of ``add-fd``, each (descriptor, opaque text).
    """

    arrived: list[int] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)
    sets: dict[int, list[tuple[int, str]]] = field(default_factory=dict)

    def everything(self) -> list[int]:
        """Every descriptor that is held."""
        inside = [fd for members in self.sets.values() for fd, _ in members]
        return [*self.arrived, *self.named.values(), *inside]


def _take(machine: Machine) -> int:
    """The descriptor that came with the message; the others that came with it are dropped."""
    held = machine.descriptors
    if not held.arrived:
        raise Refusal("no file descriptor was passed with the command (SCM_RIGHTS)")
    first, *others = held.arrived
    held.arrived = []
    machine.discard(others)
    return first


def getfd(machine: Machine, arguments: Arguments) -> Value:
    """Keep the descriptor under a name, in place of the one that had it."""
    name: Any = arguments["fdname"]
    if name[:1].isdigit():
        raise Refusal("fdname must not begin with a digit")
    fd = _take(machine)
    if name in machine.descriptors.named:
        machine.discard([machine.descriptors.named[name]])
    machine.descriptors.named[name] = fd
    return {}


def closefd(machine: Machine, arguments: Arguments) -> Value:
    """Close the descriptor of a name."""
    name: Any = arguments["fdname"]
    if name not in machine.descriptors.named:
        raise Refusal(f"there is no file descriptor named {name!r}")
    machine.discard([machine.descriptors.named.pop(name)])
    return {}


def add_fd(machine: Machine, arguments: Arguments) -> Value:
    """Put the descriptor into a set: the one that was named, else the first free number."""
    number: Any = arguments.get("fdset-id")
    if number is not None and number < 0:
        raise Refusal("fdset-id must not be negative")
    opaque: Any = arguments.get("opaque", "")
    fd = _take(machine)
    sets = machine.descriptors.sets
    if number is None:
        number = next(free for free in range(len(sets) + 1) if free not in sets)
    sets.setdefault(number, []).append((fd, opaque))
    return {"fdset-id": number, "fd": fd}


def remove_fd(machine: Machine, arguments: Arguments) -> Value:
    """Take one descriptor, or all, out of a set."""
    number: Any = arguments["fdset-id"]
    wanted = arguments.get("fd")
    members = machine.descriptors.sets.get(number, [])
    gone = [fd for fd, _ in members if wanted in (None, fd)]
    if not gone:
        which = "" if wanted is None else f" the file descriptor {wanted} in"
        raise Refusal(f"there is no{which} fdset {number}")
    left = [one for one in members if one[0] not in gone]
    if left:
        machine.descriptors.sets[number] = left
    else:
        del machine.descriptors.sets[number]
    machine.discard(gone)
    return {}


def query_fdsets(machine: Machine, _arguments: Arguments) -> Value:
    """Every set with its descriptors."""
    return [
        {
            "fdset-id": number,
            "fds": [{"fd": fd, **({"opaque": text} if text else {})} for fd, text in members],
        }
        for number, members in sorted(machine.descriptors.sets.items())
    ]


COMMANDS = {
    "getfd": getfd,
    "closefd": closefd,
    "add-fd": add_fd,
    "remove-fd": remove_fd,
    "query-fdsets": query_fdsets,
}
