"""Devices, network back ends and memory, as far as commands and queries show them.

Nothing is emulated.  A device that is plugged in is on the list and has the properties that it was
given; asked to leave, it does so a moment later, as with a guest that helps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmpconf.monitor.refusal import NO_DEVICE, Refusal
from qmpconf.schema.model import Enum
from qmpconf.schema.walk import shape_of

if TYPE_CHECKING:
    from qmpconf.monitor.machine import Arguments, Machine
    from qmpconf.protocol.values import Value

#: Bytes of memory that the guest has.
_MEMORY = 128 << 20
#: Seconds that a guest takes to let a device go.
_UNPLUG = 0.05

_PERIPHERAL = "/machine/peripheral/"
_OBJECTS = "/objects/"
#: What stands under the paths that are always there: (name, type).
_TREE: Mapping[str, tuple[tuple[str, str], ...]] = {
    "/": (("machine", "child<none-machine>"), ("objects", "child<container>")),
    "/machine": (
        ("type", "string"),
        ("peripheral", "child<container>"),
        ("peripheral-anon", "child<container>"),
        ("unattached", "child<container>"),
    ),
    "/machine/peripheral-anon": (("type", "string"),),
    "/machine/unattached": (("type", "string"),),
}
_TYPES = ("container", "device", "machine", "memory-region", "none-machine", "object", "tcg-accel")


@dataclass(slots=True)
class Hardware:
    """`devices` and `netdevs` have their options by id; `leaving` devices were asked to go.

    `memory` is how many bytes the balloon leaves to the guest.
    """

    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    netdevs: dict[str, dict[str, Any]] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)
    memory: int = _MEMORY


def _text(arguments: Arguments, name: str) -> str:
    """An argument; old documents leave open what there is and of which type."""
    return str(arguments.get(name, ""))


# --- devices ---------------------------------------------------------------------------------------


def _device_add(machine: Machine, arguments: Arguments) -> Value:
    options = dict(arguments)
    name = _text(arguments, "id")
    devices = machine.hardware.devices
    if name and name in devices:
        raise Refusal(f"there is a device {name!r} already")
    if name:
        devices[name] = options
    return {}


def _device_del(machine: Machine, arguments: Arguments) -> Value:
    hardware = machine.hardware
    name = _text(arguments, "id").removeprefix(_PERIPHERAL)
    if name not in hardware.devices:
        raise Refusal(f"there is no device {name!r}", NO_DEVICE)
    if name in hardware.leaving:
        raise Refusal(f"the device {name!r} is being unplugged already")
    hardware.leaving.add(name)

    def gone() -> None:
        hardware.leaving.discard(name)
        del hardware.devices[name]
        machine.emit("DEVICE_DELETED", {"device": name, "path": _PERIPHERAL + name})

    machine.later(_UNPLUG, gone)
    return {}


def _netdev_add(machine: Machine, arguments: Arguments) -> Value:
    name = _text(arguments, "id")
    if name in machine.hardware.netdevs:
        raise Refusal(f"there is a network back end {name!r} already")
    machine.hardware.netdevs[name] = dict(arguments)
    return {}


def _netdev_del(machine: Machine, arguments: Arguments) -> Value:
    name = _text(arguments, "id")
    if name not in machine.hardware.netdevs:
        raise Refusal(f"there is no network back end {name!r}", NO_DEVICE)
    del machine.hardware.netdevs[name]
    return {}


def _set_link(machine: Machine, arguments: Arguments) -> Value:
    name = _text(arguments, "name")
    hardware = machine.hardware
    if name not in hardware.devices and name not in hardware.netdevs:
        raise Refusal(f"there is no device {name!r}", NO_DEVICE)
    return {}


def _set_throttle(machine: Machine, arguments: Arguments) -> Value:
    name = _text(arguments, "id") or _text(arguments, "device")
    backends = {node.backend for node in machine.nodes.values()}
    if name not in machine.hardware.devices and name not in machine.nodes and name not in backends:
        raise Refusal(f"there is no device {name!r}", NO_DEVICE)
    return {}


# --- memory ----------------------------------------------------------------------------------------


def _balloon(machine: Machine, arguments: Arguments) -> Value:
    wanted = arguments.get("value")
    if not isinstance(wanted, int) or wanted <= 0:
        raise Refusal("the size of a balloon is a number of bytes above 0")
    machine.hardware.memory = min(wanted, _MEMORY)
    machine.emit("BALLOON_CHANGE", {"actual": machine.hardware.memory})
    return {}


def _query_balloon(machine: Machine, _arguments: Arguments) -> Value:
    return {"actual": machine.hardware.memory}


def _query_memory(_machine: Machine, _arguments: Arguments) -> Value:
    return {"base-memory": _MEMORY, "plugged-memory": 0}


# --- the object model ------------------------------------------------------------------------------


def _properties(machine: Machine, path: str) -> dict[str, Any]:
    """The properties of the device or user object at `path`.  Raises Refusal."""
    if path.startswith(_OBJECTS) and (kind := machine.objects.get(path.removeprefix(_OBJECTS))):
        return {"type": kind}
    options = machine.hardware.devices.get(path.removeprefix(_PERIPHERAL))
    if options is None:
        raise Refusal(f"there is no object at {path!r}", NO_DEVICE)
    return {"type": options.get("driver", ""), **options}


def _qom_list(machine: Machine, arguments: Arguments) -> Value:
    path = _text(arguments, "path").rstrip("/") or "/"
    if path in _TREE:
        return [{"name": name, "type": kind} for name, kind in _TREE[path]]
    if path == _PERIPHERAL.rstrip("/"):
        devices = machine.hardware.devices.items()
        return [
            {"name": "type", "type": "string"},
            *({"name": name, "type": f"child<{one.get('driver', '')}>"} for name, one in devices),
        ]
    if path == _OBJECTS.rstrip("/"):
        return [{"name": name, "type": f"child<{one}>"} for name, one in machine.objects.items()]
    return [{"name": name, "type": "string"} for name in _properties(machine, path)]


def _qom_get(machine: Machine, arguments: Arguments) -> Value:
    path, name = _text(arguments, "path"), _text(arguments, "property")
    found = {"type": "container"} if path.rstrip("/") in _TREE else _properties(machine, path)
    if name not in found:
        raise Refusal(f"the object at {path!r} has no property {name!r}")
    value: Value = found[name]
    return value


def _qom_set(machine: Machine, arguments: Arguments) -> Value:
    path, name = _text(arguments, "path"), _text(arguments, "property")
    _properties(machine, path)
    device = machine.hardware.devices.get(path.removeprefix(_PERIPHERAL))
    if device is None:
        raise Refusal(f"the property {name!r} of {path!r} cannot be changed")
    device[name] = arguments.get("value")
    return {}


def _types(machine: Machine) -> set[str]:
    """The types that there are: of the tree, of devices, and of the user objects of the catalog."""
    drivers = {_text(one, "driver") for one in machine.hardware.devices.values()}
    known = machine.offered.commands.get("object-add")
    found: Any = None
    if known and known.arguments:
        member = shape_of(machine.offered, known.arguments).members.get("qom-type")
        found = machine.offered.types.get(member.type) if member else None
    creatable = [one.name for one in found.values] if isinstance(found, Enum) else []
    return {*_TYPES, *drivers, *creatable, *machine.objects.values()}


def _qom_list_types(machine: Machine, _arguments: Arguments) -> Value:
    return [{"name": name} for name in sorted(_types(machine))]


def _list_properties(machine: Machine, arguments: Arguments) -> Value:
    name = _text(arguments, "typename")
    if name not in _types(machine):
        raise Refusal(f"there is no type {name!r}", NO_DEVICE)
    return []


COMMANDS: Mapping[str, Callable[[Machine, Arguments], Value]] = {
    "device_add": _device_add,
    "device_del": _device_del,
    "netdev_add": _netdev_add,
    "netdev_del": _netdev_del,
    "set_link": _set_link,
    "block_set_io_throttle": _set_throttle,
    "balloon": _balloon,
    "query-balloon": _query_balloon,
    "query-memory-size-summary": _query_memory,
    "qom-list": _qom_list,
    "qom-get": _qom_get,
    "qom-set": _qom_set,
    "qom-list-types": _qom_list_types,
    "qom-list-properties": _list_properties,
    "device-list-properties": _list_properties,
}
