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

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from qmpconf.check.told import MOST_NAMES as MOST_PROPERTIES
from qmpconf.check.told import TELLING, Told

if TYPE_CHECKING:
    from qmpconf.protocol.messages import Command, Greeting

#: How many names are remembered of one trace; a server can make up any number of them.
MOST_NAMES = 100_000
#: No name that is worth remembering has more characters.
_LONGEST = 200


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

#: For a reply's result and the arguments of its command: uses, and the names listed for them.
_Reader = Callable[[Any, Mapping[str, Any]], Iterator[tuple[Use, Any]]]


def _names(path: str, *uses: Use) -> _Reader:
    """Strings at `path` of the result (``*``: each element, ``?``: the names of the members)."""
    parts = path.split("/")

    def read(result: Any, _asked: Mapping[str, Any]) -> Iterator[tuple[Use, Any]]:
        for name in _at(result, parts):
            for use in uses:
                yield use, name

    return read


def _names_of(argument: str, path: str, *uses: Use) -> _Reader:
    """The same, for uses that name what `argument` of the asking command named."""
    read = _names(path, *uses)

    def qualified(result: Any, asked: Mapping[str, Any]) -> Iterator[tuple[Use, Any]]:
        among = asked.get(argument)
        if isinstance(among, str):
            for use, name in read(result, asked):
                yield use._replace(among=among), name

    return qualified


def _several(*readers: _Reader) -> _Reader:
    def read(result: Any, asked: Mapping[str, Any]) -> Iterator[tuple[Use, Any]]:
        for one in readers:
            yield from one(result, asked)

    return read


def _commands_of_schema(result: Any, _asked: Mapping[str, Any]) -> Iterator[tuple[Use, Any]]:
    for one in result if isinstance(result, list) else ():
        if isinstance(one, dict) and one.get("meta-type") == "command":
            yield _COMMAND, one.get("name")


#: Options of the command line whose parameters are members of a command's arguments, too.
_OPTIONS = {
    "chardev": Use("member", "chardev-add", "backend/data"),
    "device": Use("member", "device_add"),
    "netdev": Use("member", "netdev_add"),
    "object": Use("member", "object-add"),
}


def _parameters(result: Any, _asked: Mapping[str, Any]) -> Iterator[tuple[Use, Any]]:
    for one in result if isinstance(result, list) else ():
        use = _OPTIONS.get(str(one.get("option"))) if isinstance(one, dict) else None
        if use is not None:
            for name in _at(one, ["parameters", "*", "name"]):
                yield use, name


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
        "query-qmp-schema": _commands_of_schema,
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

#: Members of the arguments that say among which names a use is.
_AMONG = ("driver", "qom-type", "path")


class Offered:
    """What the servers of one version have offered."""

    def __init__(self, budget: list[int], properties: list[int] | None = None) -> None:
        self._names: dict[Use, dict[str, Offer]] = {}
        self._budget = budget
        #: The line of the first reply to ``query-qmp-schema``, or 0.
        self.schema_line = 0
        #: What they said about the properties of types and objects.
        self.told = Told(properties)

    def heard(self, command: Command, result: Any, line: int) -> None:
        """Take note of the names in a reply, if it is one that lists names."""
        if command.name in TELLING:
            self.told.heard(command, result, line)
        read = _LISTS.get(command.name)
        if read is None:
            return
        whole = command.name == "query-qmp-schema"
        if whole and not self.schema_line:
            self.schema_line = line
        offer = Offer(command.name, line, whole)
        for use, name in read(result, command.arguments):
            self._note(use, name, offer)

    def greeted(self, greeting: Greeting, line: int) -> None:
        """Take note of the capabilities that a greeting lists."""
        offer = Offer("the greeting", line)
        for name in greeting.capabilities:
            self._note(Use("value", "qmp_capabilities", "enable/*"), name, offer)
            self._note(Use("member", "qmp_capabilities"), "enable", offer)

    def _note(self, use: Use, name: Any, offer: Offer) -> None:
        if not isinstance(name, str) or max(len(name), len(use.among)) > _LONGEST:
            return
        known = self._names.get(use, {}).get(name)
        if known is not None:
            if known.whole and not offer.whole:
                self._names[use][name] = offer
        elif self._budget[0] > 0:
            self._budget[0] -= 1
            self._names.setdefault(use, {})[name] = offer

    def command(self, name: str) -> Offer | None:
        """The reply that listed the command `name`."""
        return self._names.get(_COMMAND, {}).get(name)

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
            offer = self._names.get(Use(kind, command.name, place, among), {}).get(name)
            if offer is not None:
                return offer
        return None


class Offers:
    """What the servers of one trace have offered, those of each version apart."""

    def __init__(self) -> None:
        self._budget = [MOST_NAMES]
        self._properties = [MOST_PROPERTIES]
        #: What counts for a session that has not been greeted: that of the latest greeting.
        self.latest = Offered(self._budget, self._properties)
        self._of: dict[tuple[object, ...], Offered] = {}

    def greeted(self, greeting: Greeting, line: int) -> Offered:
        """What servers with this greeting's version have offered; its capabilities are noted."""
        key = (greeting.version, greeting.package)
        if key not in self._of and len(self._of) < MOST_NAMES:
            self._of[key] = Offered(self._budget, self._properties)
        self.latest = self._of.get(key, self.latest)
        self.latest.greeted(greeting, line)
        return self.latest


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
