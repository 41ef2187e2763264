"""What the recorded server has offered: the names that its replies listed, and in which line.

A client that adapts asks first: it gets the capabilities of migration from
``query-migrate-capabilities``, and sets those that the reply lists.  Another server lists others, and
is sent others.  So a use of what a reply had listed says nothing about a server that lists less.

Only a list of *such names* is taken for the cause of a use.  `_LISTS` says which reply lists names
for which use.  The reply to ``query-qmp-schema`` lists everything; a client may have read there what
it uses, or may have asked for another reason (a recorder asks, so that its trace holds the schema).
So it counts as a list of commands, and as a weak one (`Offer.whole`), and for nothing else: libvirt
reads the schema, and sends ``migrate`` with ``detach`` to every server all the same.

What one version of a server has offered counts for all sessions with that version in the trace:
libvirt asks a server in one session, and uses it in others.

The greeting is a reply in this sense: it lists what ``qmp_capabilities`` may enable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from qmpconf.check.told import MOST_NAMES as MOST_PROPERTIES
from qmpconf.check.told import TELLING, Told
from qmpconf.protocol.messages import Success, from_server

if TYPE_CHECKING:
    from qmpconf.check.told import Fact
    from qmpconf.protocol.messages import Command, Greeting

#: How many names are remembered of one trace; a server can make up any number of them.
MOST_NAMES = 100_000
#: Bytes of replies that are kept to be read when somebody asks; as values they take some 20 times as much.
_ROOM = 1 << 20
#: No name that is worth remembering has more characters.
_LONGEST = 200
#: Replies that are known again.
_MOST_AGAIN = 1000


@dataclass(frozen=True, slots=True)
class Offer:
    """A reply that listed a name: to which command, and the line (1-based) where it stands.

    `whole` says that it is the whole schema, which says little about why a client asked.
    """

    reply: str
    line: int
    whole: bool = False


class Use(NamedTuple):
    """Where a name is used: as a command, as a value, or as a member's name.

    `place` is the path below the arguments, ``*`` for each index: of the value, or of the object
    whose member it is.  `among` is a further condition: the type whose properties were listed, or
    the path of the object.
    """

    kind: str
    command: str = ""
    place: str = ""
    among: str = ""


_COMMAND = Use("command")

#: The command whose reply is the whole schema.
SCHEMA = "query-qmp-schema"

#: For a reply's result and the arguments of its command: uses, and the names listed for each.
_Reader = Callable[[Any, Mapping[str, Any]], Iterator[tuple[Use, Iterable[Any]]]]


def _names(path: str, *uses: Use) -> _Reader:
    """Strings at `path` of the result (``*``: each element, ``?``: the names of the members)."""
    parts = path.split("/")

    def read(result: Any, _asked: Mapping[str, Any]) -> Iterator[tuple[Use, Iterable[Any]]]:
        names = list(_at(result, parts))
        for use in uses:
            yield use, names

    return read


def _names_of(argument: str, path: str, *uses: Use) -> _Reader:
    """The same, for uses that name what `argument` of the asking command named."""
    read = _names(path, *uses)

    def qualified(result: Any, asked: Mapping[str, Any]) -> Iterator[tuple[Use, Iterable[Any]]]:
        among = asked.get(argument)
        if isinstance(among, str):
            for use, names in read(result, asked):
                yield use._replace(among=among), names

    return qualified


def _several(*readers: _Reader) -> _Reader:
    def read(result: Any, asked: Mapping[str, Any]) -> Iterator[tuple[Use, Iterable[Any]]]:
        for one in readers:
            yield from one(result, asked)

    return read


def _commands_of_schema(
    result: Any, _asked: Mapping[str, Any]
) -> Iterator[tuple[Use, Iterable[Any]]]:
    yield (
        _COMMAND,
        [
            one.get("name")
            for one in (result if isinstance(result, list) else ())
            if isinstance(one, dict) and one.get("meta-type") == "command"
        ],
    )


#: Options of the command line whose parameters are members of a command's arguments, too.
_OPTIONS = {
    "chardev": Use("member", "chardev-add", "backend/data"),
    "device": Use("member", "device_add"),
    "netdev": Use("member", "netdev_add"),
    "object": Use("member", "object-add"),
}


def _parameters(result: Any, _asked: Mapping[str, Any]) -> Iterator[tuple[Use, Iterable[Any]]]:
    for one in result if isinstance(result, list) else ():
        use = _OPTIONS.get(str(one.get("option"))) if isinstance(one, dict) else None
        if use is not None:
            yield use, _at(one, ["parameters", "*", "name"])


_CPU_MODELS = (
    Use("value", "query-cpu-model-expansion", "model/name"),
    Use("value", "query-cpu-model-comparison", "modela/name"),
    Use("value", "query-cpu-model-comparison", "modelb/name"),
    Use("value", "query-cpu-model-baseline", "modela/name"),
    Use("value", "query-cpu-model-baseline", "modelb/name"),
)
_DRIVER = Use("value", "device_add", "driver")
_BACKENDS = (
    Use("value", "chardev-add", "backend/type"),
    Use("value", "chardev-change", "backend/type"),
)

#: Commands whose replies are lists of names, and the uses of these names.  Lists that are not here
#: (``query-events``, ``query-machines``, ``query-tpm-types``) have names that no command takes.
_LISTS: Mapping[str, _Reader] = MappingProxyType(
    {
        "query-commands": _names("*/name", _COMMAND),
        "guest-info": _names("supported_commands/*/name", _COMMAND),
        SCHEMA: _commands_of_schema,
        "query-migrate-capabilities": _names(
            "*/capability", Use("value", "migrate-set-capabilities", "capabilities/*/capability")
        ),
        "query-migrate-parameters": _names("?", Use("member", "migrate-set-parameters")),
        "qom-list-types": _names(
            "*/name",
            Use("value", "object-add", "qom-type"),
            _DRIVER,
            Use("value", "device-list-properties", "typename"),
            Use("value", "qom-list-properties", "typename"),
        ),
        "device-list-properties": _names_of("typename", "*/name", Use("member", "device_add")),
        "qom-list-properties": _names_of(
            "typename",
            "*/name",
            Use("member", "object-add"),
            Use("member", "object-add", "props"),
            Use("member", "device_add"),
        ),
        "qom-list": _names_of(
            "path",
            "*/name",
            Use("value", "qom-get", "property"),
            Use("value", "qom-set", "property"),
        ),
        "query-command-line-options": _parameters,
        "query-chardev-backends": _names("*/name", *_BACKENDS),
        "query-cpu-definitions": _several(
            _names("*/name", *_CPU_MODELS), _names("*/typename", _DRIVER)
        ),
        "query-hotpluggable-cpus": _several(
            _names("*/type", _DRIVER), _names("*/props/?", Use("member", "device_add"))
        ),
        "query-dump-guest-memory-capability": _names(
            "formats/*", Use("value", "dump-guest-memory", "format")
        ),
        "query-stats-schemas": _several(
            _names("*/provider", Use("value", "query-stats", "providers/*/provider")),
            _names("*/target", Use("value", "query-stats", "target")),
        ),
    }
)

#: Commands whose replies are listened to.
LISTENED = TELLING | _LISTS.keys()

#: Members of the arguments that say among which names a use is.
_AMONG = ("driver", "qom-type", "path")


class _Later(NamedTuple):
    """A reply whose names are read when somebody asks for one: of most traces, nobody does."""

    read: _Reader
    result: Callable[[], Any]
    asked: Mapping[str, Any]
    offer: Offer
    size: int


class Offered:
    """What the servers of one version have offered.

    `budget` is how many more names are remembered, `room` how many bytes of replies are kept to be read later,
    both shared with those of other versions.
    """

    def __init__(
        self, budget: list[int], properties: list[int] | None = None, room: list[int] | None = None
    ) -> None:
        self._names: dict[Use, dict[str, Offer]] = {}
        self._budget = budget
        self._room = [0] if room is None else room
        self._later: list[_Later] = []
        #: Version and package of the servers; empty where they did not greet.
        self.of: tuple[object, ...] = ()
        #: The line of the first reply to ``query-qmp-schema``, or 0.
        self.schema_line = 0
        self._again: dict[int, object] = {}
        #: What they said about the properties of types and objects.
        self.told = Told(properties)

    def heard(self, command: Command, result: Any, line: int, size: int = 0) -> None:
        """Take note of the names in a reply of so many bytes, if it is one that lists names."""
        if command.name in TELLING:
            self.told.heard(command, result, line)
        self.lists(command.name, command.arguments, result, line, size)

    def lists(self, name: str, asked: Mapping[str, Any], result: Any, line: int, size: int) -> None:
        """Take note of the names that it listed.  To do it again with the same reply changes nothing."""
        if name in _LISTS:
            self._list(name, asked, lambda: result, line, size)

    def heard_text(
        self, command: Command, text: bytes, fact: Fact | None, line: int, reply: object
    ) -> None:
        """The same as `heard` with the text of a success; `fact` is what it says of properties.

        `reply` stands for all texts that are the same but for their ids: of one that was heard before, no name is new.
        """
        if fact is not None:
            self.told.keep(fact, line)
        if command.name not in _LISTS or self._again.get(id(reply)) is reply:
            return
        if len(self._again) >= _MOST_AGAIN:
            self._again.clear()
        self._again[id(reply)] = reply
        self._list(command.name, command.arguments, lambda: _result_of(text), line, len(text))

    def _list(
        self,
        name: str,
        asked: Mapping[str, Any],
        result: Callable[[], Any],
        line: int,
        size: int,
    ) -> None:
        whole = name == SCHEMA
        if whole and not self.schema_line:
            self.schema_line = line
        reply = _Later(_LISTS[name], result, asked, Offer(name, line, whole), size)
        if size > self._room[0]:
            self._read_all()
            self._read(reply)
        else:
            self._room[0] -= size
            self._later.append(reply)

    def close(self) -> None:
        """Nobody will ask any more."""
        self._later.clear()
        self._again.clear()

    def greeted(self, greeting: Greeting, line: int) -> None:
        """Take note of the capabilities that a greeting lists."""
        offer = Offer("the greeting", line)
        names = greeting.capabilities
        self._note(Use("value", "qmp_capabilities", "enable/*"), names, offer)
        if names:
            self._note(Use("member", "qmp_capabilities"), ("enable",), offer)

    def _read_all(self) -> None:
        """Take note of the names in the replies that were kept, in their order."""
        later, self._later = self._later, []
        for reply in later:
            self._room[0] += reply.size
            self._read(reply)

    def _read(self, reply: _Later) -> None:
        for use, names in reply.read(reply.result(), reply.asked):
            self._note(use, names, reply.offer)

    def _note(self, use: Use, names: Iterable[Any], offer: Offer) -> None:
        if len(use.among) > _LONGEST:
            return
        known = self._names.get(use, {})
        for name in names:
            if not isinstance(name, str):
                continue
            earlier = known.get(name)
            if earlier is not None:
                if earlier.whole and not offer.whole:
                    known[name] = offer
            elif len(name) <= _LONGEST and self._budget[0] > 0:
                self._budget[0] -= 1
                known[name] = offer
        if known:
            self._names[use] = known

    def _of(self, use: Use) -> Mapping[str, Offer]:
        """The names that were offered for a use."""
        if self._later:
            self._read_all()
        return self._names.get(use, {})

    def command(self, name: str) -> Offer | None:
        """The reply that listed the command `name`."""
        return self._of(_COMMAND).get(name)

    def value(self, command: Command, path: tuple[str | int, ...]) -> Offer | None:
        """The reply that listed the value at `path` of the command's arguments."""
        value: Any = command.arguments
        for part in path:
            value = value[part]
        return self._find("value", command, path, value)

    def member(self, command: Command, path: tuple[str | int, ...]) -> Offer | None:
        """The reply that listed the name of the member at `path` of the command's arguments."""
        return self._find("member", command, path[:-1], path[-1]) if path else None

    def _find(
        self, kind: str, command: Command, path: tuple[str | int, ...], name: Any
    ) -> Offer | None:
        if not isinstance(name, str):
            return None
        place = "/".join("*" if isinstance(one, int) else one for one in path)
        given = (command.arguments.get(one) for one in _AMONG)
        for among in ("", *(one for one in given if isinstance(one, str) and one)):
            offer = self._of(Use(kind, command.name, place, among)).get(name)
            if offer is not None:
                return offer
        return None


class Offers:
    """What the servers of one trace have offered, those of each version apart."""

    def __init__(self) -> None:
        self._budget = [MOST_NAMES]
        self._properties = [MOST_PROPERTIES]
        self._room = [_ROOM]
        #: What counts for a session that has not been greeted: that of the latest greeting.
        self.latest = Offered(self._budget, self._properties, self._room)
        self._of: dict[tuple[object, ...], Offered] = {}

    def greeted(self, greeting: Greeting, line: int) -> Offered:
        """What servers with this greeting's version have offered; its capabilities are noted."""
        key = (greeting.version, greeting.package)
        if key not in self._of and len(self._of) < MOST_NAMES:
            self._of[key] = Offered(self._budget, self._properties, self._room)
            self._of[key].of = key
        self.latest = self._of.get(key, self.latest)
        self.latest.greeted(greeting, line)
        return self.latest

    def counts(self, offered: Offered, sent: int, line: int) -> None:
        """A server, which has `offered` so much, answers in `line` the command in line `sent`, and it counts."""

    def close(self) -> None:
        """Let go of the replies that were kept: nobody will ask any more."""
        for one in (self.latest, *self._of.values()):
            one.close()


def _result_of(text: bytes) -> Any:
    """The result in the text of a success."""
    message = from_server(text)
    return message.result if isinstance(message, Success) else None


def _at(value: Any, parts: list[str]) -> Iterator[Any]:
    """Everything at a path of `value`; nothing where it is of another shape."""
    if not parts:
        yield value
    elif parts[0] == "?":
        yield from value if isinstance(value, dict) else ()
    elif parts[0] == "*":
        for one in value if isinstance(value, list) else ():
            yield from _at(one, parts[1:])
    elif isinstance(value, dict) and parts[0] in value:
        yield from _at(value[parts[0]], parts[1:])
