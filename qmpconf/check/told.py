"""What a recorded server said about properties: of its types, and of its objects.

Replies to ``device-list-properties``, ``qom-list-properties`` and ``qom-list``, lists of all types, and
which objects ``device_add`` and ``object-add`` made of which type.  It is the first that
`qmpconf.check.properties` asks.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from qmpconf.schema.property_catalog import Properties, properties_in

if TYPE_CHECKING:
    from qmpconf.protocol.messages import Command

#: The member that names the type of what is made, and where it is then found.
_MAKES = {
    "device_add": ("driver", "/machine/peripheral/"),
    "object-add": ("qom-type", "/objects/"),
}

#: Commands whose successes say something.
TELLING = frozenset(
    {"device-list-properties", "qom-list-properties", "qom-list", "qom-list-types", *_MAKES}
)

#: How many names are remembered of one trace: of types, objects and properties.
MOST_NAMES = 250_000
#: No name that is worth remembering has more characters.
_LONGEST = 200


@dataclass(slots=True)
class Listed:
    """Properties that a reply listed, and the reply's line (1-based)."""

    properties: Properties
    reply: str
    line: int


class Fact(NamedTuple):
    """What a reply to `command` says, wherever it stands: `about` a type or object.

    `said` are its properties, its type, or the names of all types; `about` is None where nobody can be named.
    """

    command: str
    about: str | None
    said: Properties | frozenset[str] | str | None


def fact_of(command: Command, result: Any) -> Fact:
    """What a success of `command` (one of `TELLING`) says."""
    name, asked = command.name, command.arguments
    if name in _MAKES:
        made, of = asked.get("id"), asked.get(_MAKES[name][0])
        return Fact(name, made, of) if _is_name(made) and _is_name(of) else Fact(name, None, None)
    if name == "qom-list-types":
        devices = asked.get("implements") in (None, "device") and isinstance(result, list)
        given = (one.get("name") for one in (result if devices else ()) if isinstance(one, dict))
        names = frozenset(one for one in given if _is_name(one))
        return Fact(name, None, names if devices else None)
    about = asked.get("path" if name == "qom-list" else "typename")
    return Fact(name, about, _properties(result)) if _is_name(about) else Fact(name, None, None)


class Told:
    """What the servers of one version told about properties: types, objects, and what they are of.

    `budget` is how many more names are remembered, shared with those of other versions.
    """

    def __init__(self, budget: list[int] | None = None) -> None:
        self._types: dict[str, Listed] = {}
        self._objects: dict[str, Listed] = {}
        self._type_of: dict[str, str] = {}
        self._all: tuple[frozenset[str], int] = frozenset(), 0
        self._budget = [MOST_NAMES] if budget is None else budget

    def elsewhere(self) -> Told:
        """What of it holds for any server: of which type the client has made objects."""
        made = Told(self._budget)
        made._type_of = self._type_of
        return made

    def heard(self, command: Command, result: Any, line: int) -> None:
        """Take note of a success: of `command` (one of `TELLING`), whose reply stands in `line`."""
        self.keep(fact_of(command, result), line)

    def keep(self, fact: Fact, line: int) -> None:
        """Take note of what a reply in `line` says."""
        key, said = fact.about, fact.said
        if fact.command == "qom-list-types":
            if isinstance(said, frozenset) and self._affords(len(said) - len(self._all[0])):
                self._all = said, line
        elif key is None:
            return
        elif isinstance(said, str):
            if key in self._type_of or self._affords(2):
                self._type_of[_MAKES[fact.command][1] + key] = said
                self._type_of[key] = said  # a part of a path that leads to one object is enough
        elif isinstance(said, dict):
            lists = self._objects if fact.command == "qom-list" else self._types
            known = lists.get(key)
            if self._affords(len(said) - (len(known.properties) if known else -1)):
                lists[key] = Listed(said, fact.command, line)

    def _affords(self, names: int) -> bool:
        if names > self._budget[0]:
            return False
        self._budget[0] -= names
        return True

    def of_type(self, type_name: str) -> Listed | None:
        """What was said about a type."""
        return self._types.get(type_name)

    def of_object(self, path: str) -> Listed | None:
        """What was said about an object."""
        return self._objects.get(path)

    def type_of(self, path: str) -> str:
        """The type of the object at `path`, where the client made it; else empty."""
        return self._type_of.get(path, "")

    def lacks_type(self, type_name: str) -> int:
        """The line of a list of all types, if the type is not in it; else 0."""
        names, line = self._all
        return 0 if type_name in names else line


def _properties(reply: Any) -> Properties:
    found = properties_in(reply) or {}
    return {
        sys.intern(name): sys.intern(of)
        for name, of in found.items()
        if len(name) <= _LONGEST and len(of) <= _LONGEST
    }


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST


#: The session told nothing, or it is about another server.
NOTHING_TOLD = Told()
