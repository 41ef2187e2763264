"""What the embedded guest agent's guest has: a clock, files in memory, three programs, a freeze.

Every command of `COMMANDS` has the effect that its document says (qemu-ga-ref(7)), on this model
alone: nothing of the machine that runs it is read, written or started.  Times are in nanoseconds.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qmpconf.monitor.refusal import Refusal
from qmpconf.protocol.values import Value
from qmpconf.schema.model import Catalog

Arguments = Mapping[str, Any]

#: Bytes that a file may have, files that there may be, and those that one read gives unasked.
_LARGEST, _MOST_FILES, _READ = 1 << 20, 64, 4096
#: Where handles and process ids begin.
_FIRST_HANDLE, _FIRST_PID = 1000, 500

_MODES = frozenset(
    base + binary for base in ("r", "w", "a", "r+", "w+", "a+") for binary in ("", "b")
) | {"rb+", "wb+", "ab+"}


@dataclass(slots=True)
class _Open:
    """An open file: its content, which other handles share, and where this one stands."""

    content: bytearray
    mode: str
    at: int = 0


@dataclass(slots=True)
class Guest:
    """One guest.  `clock` gives microseconds since 1970; `ended` says that it was shut down."""

    catalog: Catalog
    clock: Callable[[], int]
    name: str = "guest"
    silent: frozenset[str] = frozenset()
    ended: bool = False
    frozen: bool = False
    ahead: int = 0  # nanoseconds by which the guest's clock was set
    files: dict[str, bytearray] = field(default_factory=dict)
    handles: dict[int, _Open] = field(default_factory=dict)
    processes: dict[int, dict[str, Value]] = field(default_factory=dict)
    opened: int = 0
    started: int = 0

    def __post_init__(self) -> None:
        self.files.setdefault("/etc/hostname", bytearray(f"{self.name}\n".encode()))

    def handle(self, arguments: Arguments) -> _Open:
        """The open file of a handle.  Raises Refusal."""
        found = self.handles.get(arguments["handle"])
        if found is None:
            raise Refusal(f"there is no handle {arguments['handle']}")
        return found


def _nothing(_guest: Guest, _arguments: Arguments) -> Value:
    return {}


def _sync(_guest: Guest, arguments: Arguments) -> Value:
    number: Value = arguments["id"]
    return number


def _info(guest: Guest, _arguments: Arguments) -> Value:
    listed: list[Value] = [
        {"name": name, "enabled": name in COMMANDS, "success-response": name not in guest.silent}
        for name in guest.catalog.commands
    ]
    return {"version": guest.catalog.source.version, "supported_commands": listed}


def _get_time(guest: Guest, _arguments: Arguments) -> Value:
    return guest.clock() * 1000 + guest.ahead


def _set_time(guest: Guest, arguments: Arguments) -> Value:
    now = guest.clock() * 1000
    guest.ahead = arguments.get("time", now) - now
    return {}


def _shutdown(guest: Guest, arguments: Arguments) -> Value:
    if arguments.get("mode", "powerdown") not in ("halt", "powerdown", "reboot"):
        raise Refusal("the mode is none of halt, powerdown and reboot")
    guest.ended = True
    return {}


def _freeze(guest: Guest, arguments: Arguments) -> Value:
    guest.frozen = "/" in arguments.get("mountpoints", ["/"])
    return int(guest.frozen)


def _thaw(guest: Guest, _arguments: Arguments) -> Value:
    thawed, guest.frozen = int(guest.frozen), False
    return thawed


def _status(guest: Guest, _arguments: Arguments) -> Value:
    return "frozen" if guest.frozen else "thawed"


def _open(guest: Guest, arguments: Arguments) -> Value:
    path, mode = arguments["path"], arguments.get("mode", "r")
    if mode not in _MODES:
        raise Refusal(f"{mode!r} is not a mode of fopen(3)")
    if path not in guest.files:
        if mode.startswith("r"):
            raise Refusal(f"failed to open file {path!r}: no such file or directory")
        if len(guest.files) >= _MOST_FILES:
            raise Refusal(f"failed to open file {path!r}: no space is left")
        guest.files[path] = bytearray()
    if len(guest.handles) >= _MOST_FILES:
        raise Refusal(f"failed to open file {path!r}: too many are open")
    content = guest.files[path]
    if mode.startswith("w"):
        content.clear()
    number = _FIRST_HANDLE + guest.opened
    guest.opened += 1
    guest.handles[number] = _Open(content, mode)
    return number


def _close(guest: Guest, arguments: Arguments) -> Value:
    guest.handle(arguments)
    del guest.handles[arguments["handle"]]
    return {}


def _read(guest: Guest, arguments: Arguments) -> Value:
    one, count = guest.handle(arguments), arguments.get("count", _READ)
    if count < 0:
        raise Refusal("the count is below 0")
    if one.mode[0] != "r" and "+" not in one.mode:
        raise Refusal("the file is not open for reading")
    data = bytes(one.content[one.at : one.at + count])
    one.at += len(data)
    text = base64.b64encode(data).decode("ascii")
    return {"count": len(data), "buf-b64": text, "eof": len(data) < count}


def _write(guest: Guest, arguments: Arguments) -> Value:
    one = guest.handle(arguments)
    try:
        data = base64.b64decode(arguments["buf-b64"], validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("buf-b64 is not base64") from None
    count = arguments.get("count", len(data))
    if not 0 <= count <= len(data):
        raise Refusal("the count is below 0, or beyond the data")
    if one.mode[0] == "r" and "+" not in one.mode:
        raise Refusal("the file is not open for writing")
    at = len(one.content) if one.mode[0] == "a" else one.at
    if at + count > _LARGEST:
        raise Refusal("no space is left")
    one.content += bytes(max(0, at - len(one.content)))
    one.content[at : at + count] = data[:count]
    one.at = at + count
    return {"count": count, "eof": False}


def _seek(guest: Guest, arguments: Arguments) -> Value:
    one, whence = guest.handle(arguments), arguments["whence"]
    begins: dict[str | int, int] = {"set": 0, "cur": one.at, "end": len(one.content)}
    begins |= {0: 0, 1: one.at, 2: len(one.content)}
    begin = begins.get(whence)
    at = None if begin is None else begin + arguments["offset"]
    if at is None or not 0 <= at <= _LARGEST:
        raise Refusal("there is no such place in a file")
    one.at = at
    return {"position": at, "eof": False}


def _flush(guest: Guest, arguments: Arguments) -> Value:
    guest.handle(arguments)
    return {}


def _exec(guest: Guest, arguments: Arguments) -> Value:
    program = arguments["path"].rpartition("/")[2]
    if program not in ("true", "false", "echo"):
        raise Refusal(f"failed to execute {arguments['path']!r}: no such file or directory")
    done: dict[str, Value] = {"exited": True, "exitcode": int(program == "false")}
    said = " ".join(arguments.get("arg", [])) + "\n" if program == "echo" else ""
    if arguments.get("capture-output") and said:
        done["out-data"] = base64.b64encode(said.encode("utf-8", "surrogatepass")).decode("ascii")
    if len(guest.processes) >= _MOST_FILES:
        guest.processes.pop(next(iter(guest.processes)))
    number = _FIRST_PID + guest.started
    guest.started += 1
    guest.processes[number] = done
    return {"pid": number}


def _exec_status(guest: Guest, arguments: Arguments) -> Value:
    done = guest.processes.pop(arguments["pid"], None)
    if done is None:
        raise Refusal(f"there is no process {arguments['pid']}")
    return done


def _host_name(guest: Guest, _arguments: Arguments) -> Value:
    return {"host-name": guest.name}


def _timezone(_guest: Guest, _arguments: Arguments) -> Value:
    return {"zone": "UTC", "offset": 0}


def _osinfo(_guest: Guest, _arguments: Arguments) -> Value:
    return {"id": "qmpconf", "name": "qmpconf", "pretty-name": "qmpconf's embedded guest"}


def _none(_guest: Guest, _arguments: Arguments) -> Value:
    return []


#: What each command does; a catalog may lack some of them.
COMMANDS: Mapping[str, Callable[[Guest, Arguments], Value]] = {
    "guest-sync": _sync,
    "guest-sync-delimited": _sync,
    "guest-ping": _nothing,
    "guest-info": _info,
    "guest-get-time": _get_time,
    "guest-set-time": _set_time,
    "guest-shutdown": _shutdown,
    "guest-suspend-disk": _nothing,
    "guest-suspend-ram": _nothing,
    "guest-suspend-hybrid": _nothing,
    "guest-fsfreeze-freeze": _freeze,
    "guest-fsfreeze-freeze-list": _freeze,
    "guest-fsfreeze-thaw": _thaw,
    "guest-fsfreeze-status": _status,
    "guest-file-open": _open,
    "guest-file-close": _close,
    "guest-file-read": _read,
    "guest-file-write": _write,
    "guest-file-seek": _seek,
    "guest-file-flush": _flush,
    "guest-exec": _exec,
    "guest-exec-status": _exec_status,
    "guest-get-host-name": _host_name,
    "guest-get-timezone": _timezone,
    "guest-get-osinfo": _osinfo,
    "guest-get-users": _none,
    "guest-get-fsinfo": _none,
    "guest-get-disks": _none,
}
