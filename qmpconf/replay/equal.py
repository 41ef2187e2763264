"""The command line that starts a server equal to a recorded one, out of what the trace's header says.

A machine that libvirt had started got things that nobody can inherit again: its monitor's socket, those
of other devices, a network, keys that libvirt has made.  `equal_to` puts something in their
place that a replay can live with, and says so of each.  It changes nothing else: where QEMU is to be another one,
its user says which.  Pure.

QEMU's options are read as QEMU reads them: names and values with commas between, or JSON.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qmpconf.protocol.values import Value
from qmpconf.record.emulator.command import OFF, ON, options, pairs, read
from qmpconf.replay.needs import files_of_nodes
from qmpconf.text import counted
from qmpconf.trace.redaction import REPLACEMENT

#: Where the target's monitor is (`qmpconf.net.process.Server`); other sockets and files go beside it.
SOCKET = "{socket}"

#: A key that libvirt had made, and removed: as long as its own, and known to everybody.
_KEY = "A" * 43 + "="
#: Options that name a descriptor that QEMU had inherited.
_DESCRIPTORS = ("fd", "fds", "vhostfd", "vhostfds")
#: Options of QEMU's with a file behind them.
_FILES = frozenset({"kernel", "initrd", "dtb", "bios", "cdrom", "hda", "hdb", "hdc", "hdd"})
_INHERITED = re.compile(r"fd:[0-9]+")
#: How a shell opens a descriptor that is given to ``-add-fd``, by the access of the one that was inherited.
_OPENED = {"r": "<", "w": ">", "rw": "<>"}


@dataclass(slots=True)
class Equal:
    """A command line, as words; the monitor's socket is ``{socket}`` in it.

    `changed` says what is in the place of what was recorded, `missing` what the line still needs, a
    sentence each; `files` are the files of the host that the server opens.
    """

    words: list[str]
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The command line as a shell takes it, and ``--spawn``."""
        return shlex.join(self.words)


def equal_to(meta: Mapping[str, Any], qemu: str = "") -> Equal:
    """What starts a server equal to the one of a trace whose header has `meta`.

    With `qemu`, that program in QEMU's place.  Raises ValueError where the header does not say how the
    server was started, or it cannot be changed.
    """
    spawned, started = meta.get("spawn"), meta.get("emulator")
    if isinstance(spawned, str):
        if qemu:
            raise ValueError(f"its server was started by --spawn {spawned!r}: change that line")
        found = Equal(_split(spawned))
    elif not isinstance(started, str):
        raise ValueError(  # noqa: TRY004 - of a file, not of a caller
            "it does not say how its server was started; recordings by the wrapper of 'qmpconf emulator "
            "install' and by 'record --spawn' do"
        )
    else:
        words = _split(started)
        if not words:
            raise ValueError("its header names no server")
        found = _Machine([qemu or words[0], *words[1:]], meta).equal()
    if any(REPLACEMENT in word for word in found.words):
        found.missing.append(f"a secret was redacted: write it where {REPLACEMENT} stands")
    return found


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise ValueError(f"the command line in its header cannot be read: {error}") from error


class _Machine:
    """Changes the words of one QEMU."""

    def __init__(self, words: list[str], meta: Mapping[str, Any]) -> None:
        self._words: list[str | None] = [*words]  # None: left out
        self._found = Equal([])
        self._listen = str(meta.get("listen", ""))
        noted = meta.get("inherited")
        self._inherited = noted if isinstance(noted, dict) else {}
        self._opened: dict[str, int] = {}  # how a descriptor for -add-fd is opened: its number
        self._hubs = 0
        self._monitors = {one.word + 1: one for one in read(words[1:]).monitors}
        self._by_option: dict[str, Callable[[int, str], None]] = {
            "chardev": self._chardev,
            "qmp": self._qmp,
            "qmp-pretty": self._qmp,
            "netdev": self._netdev,
            "object": self._object,
            "add-fd": self._add_fd,
            "blockdev": self._blockdev,
            "drive": self._drive,
            "vnc": self._vnc,
            "spice": self._spice,
            "pidfile": self._pidfile,
            "incoming": self._incoming,
        }

    def equal(self) -> Equal:
        """The words that start it again."""
        words = [word or "" for word in self._words]
        for place, option, value in options(words[1:]):
            place += 1  # noqa: PLW2901 - the first word is QEMU's name
            if option == "daemonize":
                self._words[place] = None
                self._changed("-daemonize is left out: what starts it waits for it")
            elif option in _FILES:
                self._found.files.append(value)
            else:
                self._by_option.get(option, self._other)(place, value)
        found = self._found
        if not any(_path_of(word) == SOCKET for word in self._words if word):
            found.missing.append(
                f"the recorded monitor ({self._listen}) is not in this line: write a monitor with "
                f"{SOCKET} for its path"
            )
        found.words = [word for word in self._words if word is not None]
        if self._opened:
            opened = " ".join(f"{number}{how}" for how, number in self._opened.items())
            found.words = ["sh", "-c", f'exec "$0" "$@" {opened}', *found.words]
        found.files = list(dict.fromkeys(found.files))
        return found

    # --- character devices and monitors --------------------------------------------------------

    def _chardev(self, place: int, value: str) -> None:
        told = pairs(value, "backend")
        name = told.get("id", "")
        monitor = self._monitors.get(place)
        inherits = "fd" in told
        if told.get("backend") == "socket":
            was = f"fd={told['fd']}" if inherits else f"path={told.get('path')}"
            if told.get("server", "off") in OFF and inherits:
                self._write(place, {"backend": "null", "id": name}, "backend")
                self._changed(f"the character device {name} leads nowhere; it was {was}")
            elif told.get("server", "off") in OFF:
                if "path" in told:
                    self._missing(f"{told['path']}: something has to listen there ({name})")
            elif inherits or "path" in told:
                self._listens(place, told, "backend", name, is_monitor=monitor is not None)
        elif told.get("backend") in ("file", "pipe") and not _is_set(told.get("path", "")):
            self._write(place, told | {"path": f"{SOCKET}.{name}"}, "backend")
            self._changed(f"the character device {name} writes beside the monitor's socket")
        logfile = told.get("logfile", "")
        if logfile and not _is_set(logfile):
            now = pairs(str(self._words[place]), "backend")
            self._write(place, now | {"logfile": f"{SOCKET}.{name}.log"}, "backend")

    def _qmp(self, place: int, value: str) -> None:
        if place in self._monitors:
            told = pairs(value.removeprefix("unix:"), "path")
            self._listens(place, told, "path", "qmp", is_monitor=True)
            self._words[place] = f"unix:{self._words[place]}"

    def _listens(
        self, place: int, told: dict[str, str], implied: str, name: str, *, is_monitor: bool
    ) -> None:
        """Have a socket listen at a path of ours: at the monitor's, if it is the recorded one."""
        was = f"fd:{told['fd']}" if "fd" in told else f"unix:{told['path']}"
        is_recorded = is_monitor and (was == self._listen or len(self._monitors) == 1)
        path = SOCKET if is_recorded else f"{SOCKET}.{name or place}"
        new = {("path" if key == "fd" else key): value for key, value in told.items()}
        self._write(place, new | {"path": path}, implied)
        what = "the monitor" if is_recorded else f"the socket {name}"
        self._changed(f"{what} listens at {path}; it was {was}")

    # --- networks, keys, descriptors -----------------------------------------------------------

    def _netdev(self, place: int, value: str) -> None:
        told = _told(value, "type")
        address = told.get("addr")
        kind = address.get("type") if isinstance(address, dict) else told.get("addr.type")
        if kind == "fd" or any(name in told for name in _DESCRIPTORS):
            self._hubs += 1
            new = {"type": "hubport", "id": told.get("id"), "hubid": self._hubs}
            self._words[place] = json.dumps(new)
            self._changed(
                f"the network {told.get('id')} ({told.get('type')}) leads nowhere: its descriptors were inherited"
            )

    def _object(self, place: int, value: str) -> None:
        told = _told(value, "qom-type")
        if told.get("qom-type") != "secret":
            self._other(place, value)
            return
        name, path = told.get("id"), str(told.get("file", ""))
        if path.endswith("/master-key.aes"):
            new = {"qom-type": "secret", "id": name, "format": "base64", "data": _KEY}
            self._changed(
                f"the secret {name} is another key: libvirt had made it for this one start, and what is "
                "encrypted with it cannot be read"
            )
        elif "keyid" in told:
            new = {"qom-type": "secret", "id": name, "data": REPLACEMENT}
            self._changed(f"the secret {name} is no longer encrypted: nobody has its key")
        else:
            if path:
                self._found.files.append(path)
            return
        self._words[place] = json.dumps(new)

    def _add_fd(self, place: int, value: str) -> None:
        told = pairs(value, "set")
        access = self._access(told.get("fd", ""))
        how = f"{_OPENED[access]}/dev/null"
        number = self._opened.setdefault(how, len(self._opened) + 3)
        self._write(place, told | {"fd": str(number)}, "")
        self._changed(f"the descriptor set {told.get('set')} holds /dev/null ({access})")

    def _access(self, number: str) -> str:
        """How a descriptor that was inherited had been opened."""
        noted = self._inherited.get(number)
        access = noted.get("access") if isinstance(noted, dict) else None
        return access if access in _OPENED else "rw"

    # --- files ---------------------------------------------------------------------------------

    def _blockdev(self, place: int, value: str) -> None:
        told = _told(value, "driver")
        files = list(files_of_nodes(told))
        if isinstance(inner := told.get("file.filename"), str):
            files.append(inner)
        self._found.files += files
        self._other(place, value)

    def _drive(self, _: int, value: str) -> None:
        told = pairs(value, "file")
        self._found.files += [told[name] for name in ("file", "file.filename") if told.get(name)]

    def _vnc(self, place: int, value: str) -> None:
        told = pairs(value, "display")
        for name in ("display", "vnc"):
            address = told.get(name, "")
            if address.startswith("unix:"):
                self._write(place, told | {name: f"unix:{SOCKET}.vnc"}, "display")
                self._changed(f"VNC listens at {SOCKET}.vnc; it was {address}")
                return
        if told.get("display", "none") != "none":
            self._missing(
                f"VNC listens at {told['display']}, as recorded: that port has to be free"
            )

    def _spice(self, place: int, value: str) -> None:
        told = pairs(value, "")
        if told.get("unix") in ON:
            self._write(place, told | {"addr": f"{SOCKET}.spice"}, "")
            self._changed(f"SPICE listens at {SOCKET}.spice; it was {told.get('addr')}")
        for name in ("port", "tls-port"):
            if told.get(name, "0") != "0":
                self._missing(
                    f"SPICE listens at port {told[name]}, as recorded: that port has to be free"
                )

    def _pidfile(self, place: int, value: str) -> None:
        self._words[place] = f"{SOCKET}.pid"
        self._changed(f"the file of its process id is {SOCKET}.pid; it was {value}")

    def _incoming(self, _: int, value: str) -> None:
        if _INHERITED.fullmatch(value):
            self._missing(_needed(value.partition(":")[2], f"-incoming {value}"))

    def _other(self, place: int, value: str) -> None:
        """An option that stays; it may name a descriptor."""
        told = _told(value, "")
        for name in _DESCRIPTORS:
            for number in str(told.get(name, "")).split(":"):
                if number.isascii() and number.isdigit():
                    option = str(self._words[place - 1]).lstrip("-")
                    self._missing(_needed(number, f"-{option} {told.get('id', '')}".strip()))

    # --- what is written -----------------------------------------------------------------------

    def _write(self, place: int, told: Mapping[str, str], implied: str) -> None:
        pieces = [
            (value if name == implied else f"{name}={value}").replace(",", ",,")
            for name, value in told.items()
        ]
        self._words[place] = ",".join(pieces)

    def _changed(self, text: str) -> None:
        self._found.changed.append(text)

    def _missing(self, text: str) -> None:
        self._found.missing.append(text)


def _needed(number: str, what: str) -> str:
    return (
        f"descriptor {number} was inherited ({what}): write {number}<FILE behind the replay's command "
        "line, or leave that option out"
    )


def _is_set(path: str) -> bool:
    return path.startswith("/dev/fdset/")


def _path_of(word: str) -> str:
    """The path of an option that names a socket."""
    told = pairs(word.removeprefix("unix:"), "path" if word.startswith("unix:") else "")
    return told.get("path", "")


def _told(value: str, implied: str) -> dict[str, Value]:
    """What an option says, as text or as JSON; empty where it is neither."""
    if not value.startswith("{"):
        return {**pairs(value, implied)}
    try:
        told = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def said(found: Equal) -> Iterable[str]:
    """What a user should know of the line: sentences."""
    yield from found.changed
    yield from found.missing
    if found.files:
        yield (
            f"it opens {counted(len(found.files), 'file')}, which the replay writes into as the recorded "
            f"machine did (use copies): {', '.join(found.files)}"
        )
