"""What a server is known to have: the names in its replies and events, by what they name.

A name that a reply gives becomes an argument of a later command of the same kind: nodes, devices,
jobs, character devices, objects, bitmaps, exports, QOM paths with their properties.  `KINDS` says
what the arguments of commands name.  Types of objects stay known when a server is started anew; what
exists does not.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from qmpconf.protocol.messages import Event
from qmpconf.protocol.values import Value

#: Command and member (globs): the kind of thing that the argument names; ``+`` where it makes one.
KINDS: tuple[tuple[str, str, str], ...] = (
    ("blockdev-add", "node-name", "+node"),
    ("*", "snapshot-node-name", "+node"),
    ("*", "filter-node-name", "+node"),
    ("*", "node-name", "node"),
    ("block-dirty-bitmap-add", "name", "+bitmap"),
    ("block-dirty-bitmap-*", "name", "bitmap"),
    ("block-dirty-bitmap-*", "target", "bitmap"),
    ("block-dirty-bitmap-*", "bitmaps", "bitmap"),
    ("*", "bitmap", "bitmap"),
    ("device_add", "id", "+device"),
    ("device_del", "id", "device"),
    ("device_add", "driver", "devicetype"),
    ("device_add", "bus", "bus"),
    ("object-add", "id", "+object"),
    ("object-add", "qom-type", "usertype"),
    ("object-del", "id", "object"),
    ("chardev-add", "id", "+chardev"),
    ("chardev-*", "id", "chardev"),
    ("ringbuf-*", "device", "chardev"),
    ("netdev_add", "id", "+netdev"),
    ("netdev_del", "id", "netdev"),
    ("set_link", "name", "netdev"),
    ("job-*", "id", "job"),
    ("block-job-*", "device", "job"),
    ("block-job-*", "id", "job"),
    ("*", "job-id", "+job"),
    ("block-export-add", "id", "+export"),
    ("block-export-del", "id", "export"),
    ("nbd-server-remove", "name", "export"),
    ("nbd-server-add", "name", "+export"),
    ("qom-*", "path", "path"),
    ("qom-*", "property", "property"),
    ("device-list-properties", "typename", "devicetype"),
    ("qom-*", "typename", "type"),
    ("qom-*", "implements", "type"),
    ("*", "qom-path", "path"),
    ("*", "qdev*", "path"),
    ("*", "vcpus", "path"),
    ("*", "chardev", "chardev"),
    ("*", "netdev", "netdev"),
    ("*", "iothread", "object"),
    ("*", "memdev", "object"),
    ("*", "throttle-group", "object"),
    ("*", "group", "object"),
    ("*", "*secret*", "object"),
    ("*", "tls-*", "object"),
    ("drive-*", "target", "file"),
    ("*", "target", "node"),
    ("*", "device", "node"),
    ("*", "drive", "node"),
    ("*", "node", "node"),
    ("*", "replaces", "node"),
    ("*", "parent", "node"),
    ("*", "child", "child"),
    ("*", "overlay", "node"),
    ("*", "*-node", "node"),
    ("blockdev-add", "file", "node"),
    ("blockdev-add", "backing", "node"),
    ("*", "host", "host"),
    ("*", "port", "port"),
    ("*", "ipv4*", "host"),
    ("*", "uri", "uri"),
    ("dump-guest-memory", "protocol", "protocol"),
    ("human-monitor-command", "command-line", "line"),
    ("*", "*file*", "file"),
    ("*", "path", "file"),
    ("*", "*dir*", "file"),
    ("*", "mem-path", "file"),
    ("*", "out", "file"),
    ("*", "in", "file"),
    ("*", "mountpoint", "file"),
    ("*", "top", "file"),
    ("*", "base", "file"),
    ("snapshot-*", "tag", "tag"),
    ("*snapshot*", "name", "tag"),
    ("*", "qom-type", "usertype"),
)

#: What is there before anything was said.
ALWAYS: Mapping[str, tuple[str, ...]] = {
    "file": ("a.img", "b.img", "small", "new.img", "mig.img"),
    "host": ("127.0.0.1",),
    "port": ("0",),
    "uri": ("unix:mig.sock", "file:mig.img", "tcp:127.0.0.1:0"),
    "protocol": ("file:dump.bin",),
    "line": ("info status", "info block", "info qtree", "info mtree", "info jit", "info chardev"),
    "tag": ("tag0", "tag1"),
    "child": ("file", "backing", "children.0", "children.1", "node"),
    "path": ("/", "/machine", "/objects", "/machine/peripheral", "/machine/unattached"),
    "type": ("device", "object", "user-creatable", "machine"),
}

#: Types of buses that do not say so.
_BUSES = frozenset({"PCI", "PCIE", "SCSI", "IDE", "ISA", "HDA", "System", "SDBus"})

#: Names of each kind that are remembered, and properties of each object.
_MOST = 3000
_LONGEST = 200

#: Members whose value in a reply or event names a thing, by the command (or event) that says it.
_SAID: tuple[tuple[str, str, str], ...] = (
    ("*", "node-name", "node"),
    ("query-block", "device", "node"),
    ("query-block", "qdev", "path"),
    ("query-jobs", "id", "job"),
    ("query-block-jobs", "device", "job"),
    ("JOB_STATUS_CHANGE", "id", "job"),
    ("BLOCK_JOB_*", "device", "job"),
    ("query-chardev", "label", "chardev"),
    ("query-block-exports", "id", "export"),
    ("query-iothreads", "id", "object"),
    ("query-memdev", "id", "object"),
    ("query-named-block-nodes", "name", "bitmap"),
    ("*", "qom-path", "path"),
)

#: Kinds of things that several commands are about, one after the other.
_FOCUSED = frozenset(
    {"node", "device", "object", "chardev", "netdev", "job", "export", "bitmap", "tag", "path"}
)

#: Members of arguments that name what a successful command has made.
_MAKERS = ("node-name", "id", "job-id", "name", "snapshot-node-name", "filter-node-name")


@lru_cache(1 << 16)
def kind_of(command: str, member: str) -> str:
    """What the argument `member` of a command names (``+`` in front: makes); empty for nothing known."""
    return next(
        (
            kind
            for of, name, kind in KINDS
            if fnmatchcase(command, of) and fnmatchcase(member, name)
        ),
        "",
    )


@lru_cache(1 << 10)
def _rules(of: str) -> Mapping[str, str]:
    """Members that name a thing in what a command returns, or an event says: the kind of each."""
    return {member: kind for who, member, kind in reversed(_SAID) if fnmatchcase(of, who)}


def asks(command: str) -> bool:
    """Whether a command only asks."""
    return command.startswith(("query-", "qom-list", "qom-get", "device-list", "x-query-"))


class World:
    """The names that one server has given, and its types; `fresh` gives names that it has not."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, None]] = {}
        #: QOM path or type: its properties, with their types.
        self.properties: dict[str, dict[str, str]] = {}
        self.enumerated: dict[str, set[str]] = {}
        #: The kind and name of what the latest command that changed something was about.
        self.focus = ("", "")
        #: Commands and names that went together badly: the command was refused.
        self.spurned: set[tuple[str, str]] = set()
        self._made = 0
        self.renew()

    def renew(self) -> None:
        """The server is a new one: what exists is forgotten, types are not."""
        kept = {
            kind: self.names[kind]
            for kind in ("type", "devicetype", "usertype")
            if kind in self.names
        }
        self.names = {kind: dict.fromkeys(names) for kind, names in ALWAYS.items()} | kept
        self.properties = {
            name: of for name, of in self.properties.items() if not name.startswith("/")
        }
        self.focus = ("", "")
        self.spurned.clear()
        self._made = 0

    def of(self, kind: str) -> list[str]:
        """The names of a kind, the newest last."""
        return list(self.names.get(kind, ()))

    def fresh(self, kind: str) -> str:
        """A name that nothing has yet."""
        self._made += 1
        return f"{kind}{self._made}"

    def add(self, kind: str, name: Value) -> None:
        """The server has something of that name."""
        if isinstance(name, str) and 0 < len(name) <= _LONGEST:
            known = self.names.setdefault(kind, {})
            if len(known) < _MOST:
                known.pop(name, None)
                known[name] = None

    def drop(self, kind: str, name: Value) -> None:
        """It has it no more."""
        if isinstance(name, str):
            self.names.get(kind, {}).pop(name, None)

    def answered(self, name: str, sent: Mapping[str, Value], result: Value) -> None:
        """The command `name` was answered with a result."""
        if name in ("qom-list", "qom-list-properties", "device-list-properties"):
            self._listed(sent.get("path") or sent.get("typename"), name, result)
        elif name == "qom-list-types":
            self._types(sent, result)
        else:
            self._walk(name, result)
        self._did(name, sent)

    def refused(self, name: str, sent: Mapping[str, Value]) -> None:
        """The command `name` was refused, though its schema allows it."""
        for member, value in sent.items():
            if isinstance(value, str) and kind_of(name, member) in _FOCUSED:
                self.spurned.add((name, value))

    def happened(self, event: Event) -> None:
        """An event came."""
        self._walk(event.name, event.data)
        if event.name == "DEVICE_DELETED" and isinstance(event.data, dict):
            self.drop("device", event.data.get("device"))

    def turn_to(self, command: str, sent: Mapping[str, Value]) -> None:
        """What a command that changes something is about comes into focus."""
        for member, value in sent.items():
            kind = kind_of(command, member).lstrip("+")
            if kind in _FOCUSED and isinstance(value, str) and not asks(command):
                self.focus = kind, value

    def _did(self, command: str, sent: Mapping[str, Value]) -> None:
        self.turn_to(command, sent)
        for member, value in sent.items():
            kind = kind_of(command, member)
            if kind.startswith("+") and member in _MAKERS:
                self.add(kind[1:], value)
                if kind in ("+object", "+device"):
                    folder = "/objects" if kind == "+object" else "/machine/peripheral"
                    self.add("path", f"{folder}/{value}")
                    self.add(kind[1:], value)
            elif command in ("blockdev-del", "object-del", "chardev-remove", "netdev_del"):
                self.drop(kind, value)
            elif command == "block-dirty-bitmap-remove" and member == "name":
                self.drop("bitmap", value)

    def _walk(self, of: str, value: Value) -> None:
        rules = _rules(of)
        waiting: list[Value] = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += one[:_MOST]
            elif isinstance(one, dict):
                for member, inner in one.items():
                    if isinstance(inner, str):
                        kind = rules.get(member)
                        if kind is not None and not inner.startswith("#"):
                            self.add(kind, inner)
                    else:
                        waiting.append(inner)

    def _types(self, sent: Mapping[str, Value], result: Value) -> None:
        wanted = {"device": "devicetype", "user-creatable": "usertype"}
        kind = wanted.get(str(sent.get("implements")), "type")
        for one in result if isinstance(result, list) else ():
            if isinstance(one, dict):
                self.add("type", one.get("name"))
                if not one.get("abstract"):
                    self.add(kind, one.get("name"))

    def _listed(self, whose: Value, command: str, result: Value) -> None:
        if not isinstance(whose, str) or not isinstance(result, list):
            return
        found: dict[str, str] = {}
        for one in result:
            name, of = (one.get("name"), one.get("type")) if isinstance(one, dict) else (None, None)
            if not isinstance(name, str) or not isinstance(of, str):
                continue
            found[name] = of
            if command == "qom-list" and whose.startswith("/"):
                if of.startswith("child<"):
                    self.add("path", f"{whose.rstrip('/')}/{name}")
                if of.startswith("child<") and (of.endswith("-bus>") or of[6:-1] in _BUSES):
                    self.add("bus", name)
                if of.startswith("child<") and whose == "/machine/peripheral":
                    self.add("device", name)
        if len(self.properties) < _MOST:
            self.properties[whose] = found


def subject_of(command: str, sent: Mapping[str, Any]) -> str:
    """The type that a command is about, where its name alone says little; else empty."""
    for member in ("driver", "qom-type", "typename"):
        if isinstance(sent.get(member), str) and command in (
            *("device_add", "object-add", "blockdev-add", "device-list-properties"),
            "qom-list-properties",
        ):
            return str(sent[member])
    if command in ("qom-set", "qom-get"):
        return str(sent.get("property", ""))
    return ""
