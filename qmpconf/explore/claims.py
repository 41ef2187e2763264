"""Whether a server's queries agree with what was done: what was added is listed, what was removed is not.

`Claims` sees the commands of one session with their answers, as a trace has them, and remembers what
must hold: a node that ``blockdev-add`` has made stands in ``query-named-block-nodes`` until
``blockdev-del`` has taken it away; one that was refused does not stand there; parameters that were set
are shown as they were set.  What may have another reason is not claimed: a name that stood
anywhere before, a device that is asked to go, an object of the command line.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from qmpconf.protocol.messages import Command, Event, Failure, Success
from qmpconf.protocol.values import Value

Names = Callable[[Mapping[str, Value], Value], "set[str] | None"]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something with a name that comes and goes.

    `added` and `removed` are the commands, with the member that names it; `asked` goes away later, in
    its own time; `query` lists all there are, and `names` gives their names out of its arguments and
    result (None: it was about something else).
    """

    kind: str
    added: tuple[str, str]
    removed: tuple[str, str]
    query: str
    names: Names
    at_once: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """An answer that contradicts what was done: lines of the answer and of what it contradicts."""

    rule: str
    line: int
    since: int
    query: str
    command: str
    sentence: str
    expected: str
    seen: str


def _members(name: str) -> Names:
    def names(_sent: Mapping[str, Value], result: Value) -> set[str] | None:
        if not isinstance(result, list):
            return None
        return {str(one.get(name)) for one in result if isinstance(one, dict)}

    return names


def _children(path: str) -> Names:
    def names(sent: Mapping[str, Value], result: Value) -> set[str] | None:
        if sent.get("path") != path or not isinstance(result, list):
            return None
        return {str(one.get("name")) for one in result if isinstance(one, dict)}

    return names


THINGS: tuple[Thing, ...] = (
    Thing(
        "node",
        ("blockdev-add", "node-name"),
        ("blockdev-del", "node-name"),
        "query-named-block-nodes",
        _members("node-name"),
    ),
    Thing("object", ("object-add", "id"), ("object-del", "id"), "qom-list", _children("/objects")),
    Thing(
        "character device",
        ("chardev-add", "id"),
        ("chardev-remove", "id"),
        "query-chardev",
        _members("label"),
    ),
    Thing(
        "device",
        ("device_add", "id"),
        ("device_del", "id"),
        "qom-list",
        _children("/machine/peripheral"),
        at_once=False,
    ),
    Thing(
        "export",
        ("block-export-add", "id"),
        ("block-export-del", "id"),
        "query-block-exports",
        _members("id"),
        at_once=False,
    ),
)

#: A query that shows what a command has set.
SETTINGS = {
    "migrate-set-parameters": "query-migrate-parameters",
    "migrate-set-capabilities": "query-migrate-capabilities",
}

#: The query (with its arguments) that shows what a command did.
SHOWN: Mapping[str, tuple[str, Mapping[str, Value]]] = {
    **{thing.added[0]: (thing.query, {}) for thing in THINGS if thing.query != "qom-list"},
    **{thing.removed[0]: (thing.query, {}) for thing in THINGS if thing.query != "qom-list"},
    "object-add": ("qom-list", {"path": "/objects"}),
    "object-del": ("qom-list", {"path": "/objects"}),
    "device_add": ("qom-list", {"path": "/machine/peripheral"}),
    "device_del": ("qom-list", {"path": "/machine/peripheral"}),
    "stop": ("query-status", {}),
    "job-dismiss": ("query-jobs", {}),
    **{command: (query, {}) for command, query in SETTINGS.items()},
}

#: What takes exports away, other than its own command.
_ENDS_EXPORTS = frozenset({"nbd-server-stop", "nbd-server-remove", "quit"})


@dataclass(slots=True)
class Claims:
    """What must hold in one session; give it every answered command, and every event."""

    _there: dict[tuple[str, str], tuple[int, bool]] = field(default_factory=dict)
    _stood: set[str] = field(default_factory=set)
    _set: dict[str, dict[str, tuple[Value, int]]] = field(default_factory=dict)
    _stopped: int = 0
    _dismissed: dict[str, int] = field(default_factory=dict)

    def answered(self, command: Command, answer: Success | Failure, line: int) -> Iterator[Broken]:
        """What the answer in `line` contradicts; then what it makes true."""
        if isinstance(answer, Success):
            yield from self._held(command, answer.result, line)
        self._learn(command, answer, line)
        self._stood.update(_strings(command.arguments))
        if isinstance(answer, Success):
            self._stood.update(_strings(answer.result))

    def happened(self, event: Event) -> None:
        """An event came: what it may have changed is not claimed any more."""
        if event.name in ("RESUME", "RESET", "SHUTDOWN"):
            self._stopped = 0
        for name in _strings(event.data):
            for kind in ("device", "export"):
                self._there.pop((kind, name), None)
            self._dismissed.pop(name, None)
            self._stood.add(name)

    def forget(self) -> None:
        """A command was executed out of band: nobody knows between which others, so nothing is claimed any more."""
        self._there.clear()
        self._set.clear()
        self._dismissed.clear()
        self._stopped = 0

    # --- what holds ---------------------------------------------------------------------------

    def _held(self, command: Command, result: Value, line: int) -> Iterator[Broken]:
        name = command.name
        for thing in THINGS:
            listed = thing.names(command.arguments, result) if thing.query == name else None
            if listed is None:
                continue
            for (kind, what), (since, there) in list(self._there.items()):
                if kind == thing.kind and (what in listed) is not there:
                    yield self._contradicted(thing, what, since, line, there=there)
                    del self._there[kind, what]
        if name == "query-status" and self._stopped and isinstance(result, dict):
            if result.get("running") is True:
                yield Broken(
                    "status",
                    line,
                    self._stopped,
                    name,
                    "stop",
                    "the guest runs though it was stopped",
                    "running: false",
                    f"status {result.get('status')}",
                )
            self._stopped = 0
        if name == "query-jobs" and isinstance(result, list):
            ids = {one.get("id") for one in result if isinstance(one, dict)}
            for job, since in list(self._dismissed.items()):
                if job in ids:
                    yield Broken(
                        "job",
                        line,
                        since,
                        name,
                        "job-dismiss",
                        "a job is listed that was dismissed",
                        f"no job {job}",
                        f"job {job}",
                    )
                del self._dismissed[job]
        yield from self._as_set(name, result, line)

    @staticmethod
    def _contradicted(thing: Thing, what: str, since: int, line: int, *, there: bool) -> Broken:
        did = thing.added[0] if there else thing.removed[0]
        sentence = (
            f"what {thing.added[0]} has added is not listed"
            if there
            else f"what {thing.removed[0]} has removed, or {thing.added[0]} did not add, is listed"
        )
        expected, seen = (what, f"no {what}") if there else (f"no {what}", what)
        return Broken(thing.kind, line, since, thing.query, did, sentence, expected, seen)

    def _as_set(self, query: str, result: Value, line: int) -> Iterator[Broken]:
        for command, shows in SETTINGS.items():
            if shows != query:
                continue
            shown = _settings(result)
            for name, (value, since) in list(self._set.get(command, {}).items()):
                if name in shown and not _equal(shown[name], value):
                    yield Broken(
                        f"{command} {name}",
                        line,
                        since,
                        query,
                        command,
                        f"{name} is not what it was set to",
                        str(value),
                        str(shown[name]),
                    )
                    del self._set[command][name]

    # --- what it makes true -----------------------------------------------------------------------

    def _learn(self, command: Command, answer: Success | Failure, line: int) -> None:
        name, sent, worked = command.name, command.arguments, isinstance(answer, Success)
        if worked:
            self._may_have_changed(name, sent)
        for thing in THINGS:
            of = sent.get(thing.added[1]) if name == thing.added[0] else None
            if isinstance(of, str) and (thing.kind, of) not in self._there:
                # A refusal proves nothing of a name that something has already.
                if worked or of not in self._stood:
                    self._there[thing.kind, of] = line, worked
            elif isinstance(of, str) and worked:
                self._there[thing.kind, of] = line, True
            gone = sent.get(thing.removed[1]) if name == thing.removed[0] else None
            if isinstance(gone, str) and worked:
                self._there.pop((thing.kind, gone), None)
                if thing.at_once:
                    self._there[thing.kind, gone] = line, False
        if name == "stop" and worked:
            self._stopped = line
        elif not name.startswith("query-"):
            self._stopped = 0
        if name == "job-dismiss" and worked and isinstance(sent.get("id"), str):
            self._dismissed[str(sent["id"])] = line
        if name in SETTINGS:
            known = self._set.setdefault(name, {})
            if worked:
                known.update({one: (value, line) for one, value in _settings(sent).items()})
            else:
                known.clear()  # what was set before the one that was refused is not known

    def _may_have_changed(self, name: str, sent: Mapping[str, Value]) -> None:
        """Drop claims that something is not there, where its name is used for something else."""
        if name in _ENDS_EXPORTS:
            self._there = {key: at for key, at in self._there.items() if key[0] != "export"}
        if name in ("snapshot-load", "system_reset", "migrate-incoming"):
            self._there.clear()
            self._set.clear()
        removed = {thing.removed[0] for thing in THINGS}
        if name.startswith(("query-", "qom-list", "qom-get")) or name in removed:
            return
        for one in _strings(sent):
            self._dismissed.pop(one, None)
            for thing in THINGS:
                known = self._there.get((thing.kind, one))
                if known is not None and not known[1]:
                    del self._there[thing.kind, one]


def _settings(value: Value) -> dict[str, Value]:
    """Settings by name: numbers and truth values of an object, or capabilities with their states."""
    if isinstance(value, dict) and isinstance(value.get("capabilities"), list):
        value = value["capabilities"]
    if isinstance(value, list):
        return {
            str(one["capability"]): one.get("state")
            for one in value
            if isinstance(one, dict) and "capability" in one
        }
    if isinstance(value, dict):
        return {name: one for name, one in value.items() if isinstance(one, bool | int)}
    return {}


def _equal(one: Value, other: Value) -> bool:
    """Whether two settings are the same: servers keep a number below 0 as one of 64 bits without a sign."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int) and isinstance(other, int):
        return (one - other) % (1 << 64) == 0
    return bool(one == other)


def _strings(value: Value) -> Iterator[str]:
    waiting: list[Value] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
