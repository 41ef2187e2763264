"""Character devices: a list of labels, and ring buffers that really hold what is written to them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qmpconf.monitor.refusal import Refusal

if TYPE_CHECKING:
    from qmpconf.monitor.machine import Arguments, Machine
    from qmpconf.protocol.values import Value

#: Bytes that a ring buffer holds unless it is said otherwise.
_RING = 65536


@dataclass(slots=True)
class Chardev:
    """One character device; `in_use` while something is connected to it (the monitor itself)."""

    label: str
    filename: str
    kind: str = "null"
    in_use: bool = False
    size: int = 0
    content: bytes = b""


def query_chardev(machine: Machine, _arguments: Arguments) -> Value:
    """Every device."""
    return [
        {"frontend-open": one.in_use, "filename": one.filename, "label": one.label}
        for one in machine.chardevs.values()
    ]


def chardev_add(machine: Machine, arguments: Arguments) -> Value:
    """Add a device; none of them moves a byte, except for ring buffers."""
    label: Any = arguments["id"]
    backend: Any = arguments["backend"]
    if not isinstance(backend, dict):
        raise Refusal("backend must be an object")
    kind, data = str(backend.get("type", "")), backend.get("data")
    if label in machine.chardevs:
        raise Refusal(f"there is a character device {label!r} already")
    if kind == "pty":
        raise Refusal("the embedded monitor has no pseudo terminals")
    size = data.get("size") if isinstance(data, dict) else None
    size = 0 if kind not in ("ringbuf", "memory") else size if isinstance(size, int) else _RING
    if size < 0 or size & (size - 1):
        raise Refusal("size of a ring buffer must be a power of two")
    machine.chardevs[label] = Chardev(label, kind, kind, size=size)
    return {}


def chardev_remove(machine: Machine, arguments: Arguments) -> Value:
    """Remove a device that nothing uses."""
    label: Any = arguments["id"]
    if label not in machine.chardevs:
        raise Refusal(f"there is no character device {label!r}")
    if machine.chardevs[label].in_use:
        raise Refusal(f"the character device {label!r} is in use")
    del machine.chardevs[label]
    return {}


def _ring(machine: Machine, arguments: Arguments) -> Chardev:
    device: Any = arguments["device"]
    found = machine.chardevs.get(device)
    if found is None:
        raise Refusal(f"there is no character device {device!r}")
    if not found.size:
        raise Refusal(f"the character device {device!r} is not a ring buffer")
    return found


def ringbuf_write(machine: Machine, arguments: Arguments) -> Value:
    """Write to a ring buffer; what does not fit pushes the oldest bytes out."""
    ring = _ring(machine, arguments)
    text: Any = arguments["data"]
    try:
        coded = arguments.get("format") == "base64"
        data = base64.b64decode(text, validate=True) if coded else text.encode()
    except (binascii.Error, ValueError):
        raise Refusal("data is not base64") from None
    ring.content = (ring.content + data)[-ring.size :]
    return {}


def ringbuf_read(machine: Machine, arguments: Arguments) -> Value:
    """Take up to `size` bytes out of a ring buffer."""
    ring = _ring(machine, arguments)
    size: Any = arguments["size"]
    if size <= 0:
        raise Refusal("size must be greater than zero")
    data, ring.content = ring.content[:size], ring.content[size:]
    if arguments.get("format") == "base64":
        return base64.b64encode(data).decode("ascii")
    return data.decode("utf-8", "replace")


COMMANDS = {
    "query-chardev": query_chardev,
    "chardev-add": chardev_add,
    "chardev-remove": chardev_remove,
    "ringbuf-write": ringbuf_write,
    "ringbuf-read": ringbuf_read,
}
