"""What a replay needs and no recording holds: files that were made outside QMP, descriptors, a signal.

A client makes a file (``qemu-img``, ``touch``), and then sends the server a command that opens it.  `needed_files`
finds those: files that a command opened, with success, which nothing in the recording had made.  And
a client names descriptors: `Lacks` says which of them the recording cannot give back.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qmpconf.protocol.messages import Command, Event, Success
from qmpconf.protocol.values import Value
from qmpconf.replay.plan import Expect, Send, Step
from qmpconf.replay.said import Said

#: What stands early in every command that may open or make a file; for a first, quick look.
SIGNS = (b'"blockdev-', b'"object-add"', b'"drive-', b'"transaction"')

#: Drivers of block devices that open a file of the host.
_FILES = frozenset({"file", "host_device", "host_cdrom"})
#: Command: the member that names a file which is made, unless the member `mode` is ``existing``.
_TARGETS = {
    "blockdev-snapshot-sync": "snapshot-file",
    "drive-mirror": "target",
    "drive-backup": "target",
}
#: Names of a file that are no paths: a descriptor set, a pseudo-protocol, JSON.
_NO_PATH = re.compile(r"/dev/(?:fdset|null|zero|stdin|fd)\b|json:|[a-z0-9+.-]+://|nbd:|rbd:")

#: Members whose value names a descriptor.
_NAMED = frozenset({"fd", "fds", "vhostfd", "vhostfds"})
_BY_NAME = re.compile(r"fd:(.+)")
_BY_SET = re.compile(r"/dev/fdset/([0-9]+)")


@dataclass(frozen=True, slots=True)
class NeededFile:
    """A file that the server opened: its path as the client wrote it, and the first command."""

    path: str
    line: int
    command: str


def needed_files(steps: Iterable[Step]) -> list[NeededFile]:
    """The files of a recording that were made outside QMP, in the order in which they were opened."""
    found: dict[str, NeededFile] = {}
    made: set[str] = set()
    waiting: dict[tuple[int, int], tuple[list[NeededFile], list[str]]] = {}
    for step in steps:
        if isinstance(step, Send) and step.number is not None:
            message = step.message
            if not isinstance(message, Command):
                continue
            opens = list(_opened(message.name, message.arguments))
            makes = list(_made(message.name, message.arguments))
            if opens or makes:
                files = [NeededFile(path, step.line, message.name) for path in opens]
                waiting[step.conn, step.number] = files, makes
        elif isinstance(step, Expect) and step.said.answers is not None:
            files, makes = waiting.pop((step.conn, step.said.answers), ([], []))
            if isinstance(step.said.message, Success):
                for one in files:
                    if one.path not in made:
                        found.setdefault(one.path, one)
                made.update(makes)
    return list(found.values())


def _opened(command: str, arguments: dict[str, Value]) -> Iterator[str]:
    """The files that a command makes the server open, and that have to be there."""
    if command == "transaction":
        for kind, data in _actions(arguments):
            yield from _opened(kind, data)
    elif command in ("blockdev-add", "blockdev-reopen"):
        yield from files_of_nodes(arguments)
    elif command == "blockdev-change-medium":
        yield from _paths([arguments.get("filename")])
    elif command in _TARGETS and arguments.get("mode") == "existing":
        yield from _paths([arguments.get(_TARGETS[command])])
    elif command == "object-add" and str(arguments.get("qom-type", "")).startswith("secret"):
        yield from _paths([arguments.get("file")])


def _made(command: str, arguments: dict[str, Value]) -> Iterator[str]:
    """The files that a command makes."""
    if command == "transaction":
        for kind, data in _actions(arguments):
            yield from _made(kind, data)
    elif command == "blockdev-create":
        options = arguments.get("options")
        if isinstance(options, dict) and options.get("driver") in _FILES:
            yield from _paths([options.get("filename")])
    elif command in _TARGETS and arguments.get("mode") != "existing":
        yield from _paths([arguments.get(_TARGETS[command])])


def _actions(arguments: dict[str, Value]) -> Iterator[tuple[str, dict[str, Value]]]:
    actions = arguments.get("actions")
    for action in actions if isinstance(actions, list) else ():
        if isinstance(action, dict) and isinstance(data := action.get("data"), dict):
            yield str(action.get("type")), data


def files_of_nodes(value: Value) -> Iterator[str]:
    """The files of the host that a block node opens, and the nodes that are described within it."""
    yield from _paths(_of_nodes(value))


def _of_nodes(value: Value) -> Iterator[Value]:
    waiting = [value]  # nodes may nest deeper than Python may recurse
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("driver") in _FILES:
                yield one.get("filename")
            waiting += reversed(one.values())
        elif isinstance(one, list):
            waiting += reversed(one)


def _paths(values: Iterable[Value]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str) and value and not _NO_PATH.match(value):
            yield value.removeprefix("file:")


def is_killed(said: Said) -> bool:
    """Whether a message says that the server was sent a signal to end, which came from outside QMP."""
    message = said.message
    if not isinstance(message, Event) or message.name != "SHUTDOWN":
        return False
    data = message.value.get("data") if isinstance(message.value, dict) else None
    return isinstance(data, dict) and data.get("reason") == "host-signal"


class Lacks:
    """Tells of the descriptors that commands of a recording use, and that it cannot give back."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._sets: set[str] = set()
        self._any_set = False

    def of(self, step: Send) -> list[str]:
        """What the command lacks, a sentence each."""
        message = step.message
        if not isinstance(message, Command):
            return []
        found = []
        if step.fds:
            self._passed(message)
            what = {one.kind for one in step.fds if one.access == "r"} & {"pipe", "file"}
            found += [
                f"what the client had put into the {kind} that it passes is in no recording"
                for kind in sorted(what)
            ]
        elif message.name not in ("getfd", "closefd", "add-fd", "remove-fd"):
            found += dict.fromkeys(self._unknown(message.arguments))
        return [
            f"line {step.line}: {message.name}: {text}; what differs from there on may come of that"
            for text in found
        ]

    def _passed(self, message: Command) -> None:
        if isinstance(name := message.arguments.get("fdname"), str):
            self._names.add(name)
        elif message.name == "add-fd":
            number = message.arguments.get("fdset-id")
            self._sets.add(str(number))
            self._any_set = self._any_set or number is None  # the server chose its number

    def _unknown(self, value: Value) -> Iterator[str]:
        waiting = [("", value)]  # values may nest deeper than Python may recurse
        while waiting:
            member, one = waiting.pop()
            if isinstance(one, dict):
                is_address = one.get("type") == "fd"
                waiting += [
                    ("fd" if is_address and name == "str" else name, inner)
                    for name, inner in reversed(one.items())
                ]
            elif isinstance(one, list):
                waiting += [(member, inner) for inner in reversed(one)]
            elif isinstance(one, str):
                yield from self._named(member, one)

    def _named(self, member: str, text: str) -> Iterator[str]:
        if (by_set := _BY_SET.fullmatch(text)) and not self._any_set:
            if by_set[1] not in self._sets:
                yield (
                    f"{text} is a set that the recorded server was started with, and no trace "
                    "can hold it (start the target with -add-fd)"
                )
            return
        named = _BY_NAME.fullmatch(text) if member in ("uri", "target", "filename") else None
        for name in (named[1],) if named else text.split(":") if member in _NAMED else ():
            yield from self._descriptor(name)

    def _descriptor(self, name: str) -> Iterator[str]:
        if name.isascii() and name.isdigit():
            yield (
                f"fd:{name} is a descriptor that the recorded server had inherited, and no trace can "
                f"hold it (start the target with one of its own: {name}<FILE before the command)"
            )
        elif name not in self._names:
            yield f"the descriptor {name!r} was passed before the recording began"
