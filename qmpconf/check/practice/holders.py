"""Who holds what: the devices, nodes, jobs, exports and objects that a client makes in one session.

A *holder* has a name, was made by one command, uses other things by their names, and may be *going*:
the server was asked to take it away and has not said yet that it is gone.  A device goes with
DEVICE_DELETED, a job with JOB_STATUS_CHANGE to ``null``, an export with BLOCK_EXPORT_DELETED, anything
else with the answer to the command that removes it.

A holder is entered when its command is *sent*, because events about it may come before the answer;
it counts once the command has succeeded.  What changes the graph of block nodes (a snapshot, the end
of a job) makes it unknown who uses which node: from there on nothing is said about those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from qmpconf.check.practice.watch import Call
    from qmpconf.protocol.messages import Event
    from qmpconf.protocol.values import Value

Kind = Literal["device", "node", "netdev", "chardev", "object", "job", "export"]

#: What a name stands for.
Key = tuple[Kind, str]

#: Holders that are remembered in one session, and things that one of them uses.
_MOST = 2000
_MOST_USES = 100

#: Levels of a tree of nodes that are looked at.
_DEEPEST = 16


@dataclass(slots=True, eq=False)
class Holder:
    """One thing that a client made.

    `line` and `command` are those that made it (0 and empty: it was there), `going` and `asked` those
    that take it away (0: nobody did), at the time `since` in seconds; `state` is a job's latest.
    `sure` says that the command has succeeded, `told` that a finding names it already.
    """

    key: Key
    line: int = 0
    command: str = ""
    uses: frozenset[Key] = frozenset()
    going: int = 0
    asked: str = ""
    since: float = 0.0
    state: str = ""
    sure: bool = False
    told: bool = False

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.key[0]

    @property
    def name(self) -> str:
        """Its name."""
        return self.key[1]


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _named(kind: Kind, *values: Value) -> Iterator[Key]:
    yield from ((kind, value) for value in values if isinstance(value, str) and value)


# --- what commands make ------------------------------------------------------------------------

_Arguments = Mapping[str, "Value"]
_Made = tuple[Key, frozenset[Key]]

#: Members of a device that name something else.
_OF_DEVICE: Mapping[str, Kind] = {
    "drive": "node",
    "netdev": "netdev",
    "chardev": "chardev",
    "iothread": "object",
    "memdev": "object",
    "rng": "object",
    "cryptodev": "object",
}

#: Members of a node that name another one, or an object.
_CHILDREN = ("file", "backing", "data-file", "image", "test", "raw", "log")
_OF_NODE = ("throttle-group", "key-secret", "password-secret", "tls-creds")

#: Commands that start a job of their own, by what the job does.
JOBS = frozenset(
    {
        "block-stream",
        "block-commit",
        "blockdev-mirror",
        "drive-mirror",
        "blockdev-backup",
        "drive-backup",
        "blockdev-create",
        "x-blockdev-amend",
        "snapshot-save",
        "snapshot-load",
        "snapshot-delete",
    }
)
_OF_JOB = ("device", "target", "base-node", "top-node", "bottom", "node-name", "vmstate")


def _device(given: _Arguments) -> _Made:
    uses = [key for name, kind in _OF_DEVICE.items() for key in _named(kind, given.get(name))]
    return ("device", _text(given.get("id"))), frozenset(uses)


def _node(given: _Arguments) -> _Made:
    uses: set[Key] = set()
    waiting: list[tuple[_Arguments, int]] = [(given, 0)]
    while waiting and len(uses) < _MOST_USES:
        one, depth = waiting.pop()
        if depth:
            uses.update(_named("node", one.get("node-name")))
        uses.update(_named("object", *(one.get(name) for name in _OF_NODE)))
        children = one.get("children")
        members = [one.get(name) for name in _CHILDREN]
        for child in members + (children[:_MOST_USES] if isinstance(children, list) else []):
            if isinstance(child, dict) and depth < _DEEPEST:
                waiting.append((child, depth + 1))
            else:
                uses.update(_named("node", child))
    return ("node", _text(given.get("node-name"))), frozenset(uses)


def _job(given: _Arguments) -> _Made:
    names = [given.get(name) for name in _OF_JOB]
    options, devices = given.get("options"), given.get("devices")
    if isinstance(options, dict):
        names += [options.get(name) for name in _CHILDREN]
    if isinstance(devices, list):
        names += devices[:_MOST_USES]
    name = _text(given.get("job-id")) or _text(given.get("device"))
    return ("job", name), frozenset(_named("node", *names))


def _export(given: _Arguments) -> _Made:
    node = given.get("node-name") or given.get("device")
    name = _text(given.get("id")) or _text(given.get("name")) or _text(node)
    uses = (*_named("node", node), *_named("object", given.get("iothread")))
    return ("export", name), frozenset(uses)


def _plain(kind: Kind) -> Callable[[_Arguments], _Made]:
    def made(given: _Arguments) -> _Made:
        uses = (
            *_named("chardev", given.get("chardev")),
            *(_named("netdev", given.get("netdev")) if kind == "object" else ()),
        )
        return (kind, _text(given.get("id"))), frozenset(uses)

    return made


_MAKES: Mapping[str, Callable[[_Arguments], _Made]] = {
    "device_add": _device,
    "blockdev-add": _node,
    "block-export-add": _export,
    "nbd-server-add": _export,
    "object-add": _plain("object"),
    "netdev_add": _plain("netdev"),
    "chardev-add": _plain("chardev"),
    **dict.fromkeys(JOBS, _job),
}

#: Commands that remove something at once, and the member that names it.
REMOVES: Mapping[str, tuple[Kind, str]] = {
    "blockdev-del": ("node", "node-name"),
    "netdev_del": ("netdev", "id"),
    "chardev-remove": ("chardev", "id"),
    "object-del": ("object", "id"),
}

#: Commands that ask something to go, and the member that names it.
_ASKS: Mapping[str, tuple[Kind, str]] = {
    "device_del": ("device", "id"),
    "block-export-del": ("export", "id"),
    "nbd-server-remove": ("export", "name"),
}

#: Events that say that something is gone, and the member that names it.
_GONE: Mapping[str, tuple[Kind, str]] = {
    "DEVICE_DELETED": ("device", "device"),
    "BLOCK_EXPORT_DELETED": ("export", "id"),
}

#: Events that say that it stays.
STAYS = frozenset({"DEVICE_UNPLUG_GUEST_ERROR", "MEM_UNPLUG_ERROR"})

#: Events that say how far a job is, or that it has ended.
_OF_JOBS = frozenset({"JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED"})
#: Every event that changes who holds what.
EVENTS = frozenset({*_GONE, *STAYS, *_OF_JOBS})

#: Commands that change who uses which node, and commands whose job does so at its end.
_REGRAPHS = frozenset(
    {
        "blockdev-snapshot",
        "blockdev-snapshot-sync",
        "blockdev-reopen",
        "x-blockdev-reopen",
        "x-blockdev-change",
        "blockdev-change-medium",
        "blockdev-insert-medium",
        "blockdev-remove-medium",
        "change-backing-file",
        "eject",
        "change",
        "qom-set",
        "transaction",
        "human-monitor-command",
        "job-complete",
        "block-job-complete",
    }
)
_REGRAPHING_JOBS = frozenset({"block-stream", "block-commit", "blockdev-mirror", "drive-mirror"})

#: Every command that changes who holds what.
CHANGES = frozenset({*_MAKES, *REMOVES, *_ASKS, *_REGRAPHS})

#: Those of them that change something as soon as they are sent.
OPENS = frozenset({*_MAKES, *_ASKS, "transaction"})


def makes(command: str, given: _Arguments) -> Iterator[tuple[str, Key, frozenset[Key]]]:
    """What a command makes: the command or action that does so, its name, and what it uses."""
    made = _MAKES.get(command)
    if made is not None:
        yield command, *made(given)
    elif command == "transaction" and isinstance(actions := given.get("actions"), list):
        for one in actions[:_MOST_USES]:
            name, data = (one.get("type"), one.get("data")) if isinstance(one, dict) else ("", None)
            if name in JOBS and isinstance(data, dict):
                yield str(name), *_job(data)


def target(table: Mapping[str, tuple[Kind, str]], name: str, given: _Arguments) -> Key | None:
    """What a command or event of one of the tables is about; a device's path stands for its id."""
    entry = table.get(name)
    text = _text(given.get(entry[1])) if entry else ""
    if entry is None or not text:
        return None
    return entry[0], text.rpartition("/")[2] if entry[0] == "device" else text


@dataclass(slots=True)
class _Open:
    """What a command that waits would make (each with whether it is entered), or asked to go."""

    made: list[tuple[Holder, bool]]
    asked: Holder | None = None
    first: bool = False  # whether nobody had asked that before


class Holders:
    """The holders of one session."""

    def __init__(self) -> None:
        self._held: dict[Key, Holder] = {}
        self._users: dict[Key, dict[int, Holder]] = {}  # by the users' identity
        self._open: dict[int, _Open] = {}  # by the call's identity

    def __iter__(self) -> Iterator[Holder]:
        yield from self._held.values()

    def get(self, key: Key | None) -> Holder | None:
        """The holder of that name, if it is there for sure."""
        found = self._held.get(key) if key else None
        return found if found is not None and found.sure else None

    def users(self, key: Key) -> list[Holder]:
        """Who uses it for sure; who is going first."""
        found = [one for one in self._users.get(key, {}).values() if one.sure]
        return sorted(found, key=lambda one: not one.going)

    def clear(self) -> None:
        """Nothing is known any more."""
        self._held.clear()
        self._users.clear()
        self._open.clear()

    # --- what happens ----------------------------------------------------------------------------

    def sent(self, call: Call) -> None:
        """A command is sent."""
        made: list[tuple[Holder, bool]] = []
        for command, key, uses in makes(call.name, call.command.arguments):
            if key[1]:
                holder = Holder(key, call.line, command, uses)
                made.append((holder, key not in self._held))
                if made[-1][1]:
                    self._enter(holder)
        open_ = _Open(made)
        key_ = target(_ASKS, call.name, call.command.arguments)
        if key_ is not None:
            open_.asked = self._held.get(key_)
            if open_.asked is None:
                open_.asked = Holder(key_)
                self._enter(open_.asked)
            if not open_.asked.going:
                open_.first = True
                open_.asked.going, open_.asked.asked = call.line, call.name
                open_.asked.since = call.t
        if made or key_ is not None:
            self._open[id(call)] = open_
            if len(self._open) > _MOST:
                del self._open[next(iter(self._open))]

    def answered(self, call: Call, *, success: bool) -> None:
        """A command is answered."""
        open_ = self._open.pop(id(call), None)
        if open_ is not None:
            self._settle(open_, success=success)
        if not success:
            return
        removed = target(REMOVES, call.name, call.command.arguments)
        if removed is not None:
            self._drop(removed)
        if call.name in _REGRAPHS and not _only_asks(call):
            self._forget_nodes()

    def _settle(self, open_: _Open, *, success: bool) -> None:
        for holder, entered in open_.made:
            is_there = self._held.get(holder.key) is holder
            if success and (is_there or not entered):  # else an event has said that it is gone
                holder.sure = True
                if not entered:
                    self._drop(holder.key)
                    self._enter(holder)
            elif not success and is_there:
                self._drop(holder.key)
        asked = open_.asked
        if asked is None or self._held.get(asked.key) is not asked:
            return
        if success:
            asked.sure = True
        elif not asked.sure:
            self._drop(asked.key)
        elif open_.first:
            asked.going, asked.asked = 0, ""

    def event(self, event: Event) -> None:
        """An event comes."""
        data = event.data if isinstance(event.data, dict) else {}
        if event.name in _GONE:
            gone = target(_GONE, event.name, data)
            if gone is not None:
                self._drop(gone)
        elif event.name in STAYS:
            stays = self._held.get(("device", _text(data.get("device"))))
            if stays is not None:
                stays.going, stays.asked = 0, ""
        elif event.name == "JOB_STATUS_CHANGE":
            self._job(_text(data.get("id")), _text(data.get("status")))
        elif event.name in _OF_JOBS:
            self._job_ended(_text(data.get("device")))

    def _job(self, name: str, status: str) -> None:
        job = self._held.get(("job", name))
        if job is None:
            return
        job.state = status
        if status in ("concluded", "null"):
            self._job_ended(name)
        if status == "null":
            self._drop(job.key)

    def _job_ended(self, name: str) -> None:
        """A job uses nothing any more; its name is free with its last status, where it has any."""
        job = self._held.get(("job", name))
        if job is None:
            return
        self._release(job)
        if not job.state:
            self._drop(job.key)
        if job.command in _REGRAPHING_JOBS:
            self._forget_nodes()

    # --- what is known ---------------------------------------------------------------------------

    def _enter(self, holder: Holder) -> None:
        self._held[holder.key] = holder
        for key in holder.uses:
            self._users.setdefault(key, {})[id(holder)] = holder
        if len(self._held) > _MOST:
            self._drop(next(iter(self._held)))

    def _drop(self, key: Key) -> None:
        holder = self._held.pop(key, None)
        if holder is not None:
            self._release(holder)

    def _release(self, holder: Holder) -> None:
        for key in holder.uses:
            users = self._users.get(key, {})
            users.pop(id(holder), None)
            if not users:
                self._users.pop(key, None)
        holder.uses = frozenset()

    def _forget_nodes(self) -> None:
        """It is not known any more which nodes devices and other nodes use."""
        for holder in self._held.values():
            if holder.kind in ("device", "node"):
                rest = frozenset(key for key in holder.uses if key[0] != "node")
                if rest != holder.uses:
                    self._release(holder)
                    holder.uses = rest
                    for key in rest:
                        self._users.setdefault(key, {})[id(holder)] = holder


def _only_asks(call: Call) -> bool:
    """Whether a command of the human monitor only asks for something."""
    line = call.command.arguments.get("command-line")
    return isinstance(line, str) and line.lstrip().startswith("info")
