"""How far a document's statements carry: what it contradicts itself, and what only examples show.

The examples of a document are held against its own catalog, as the audit does.  A fact that one of
them breaks is marked, at the member or value and with the line of the example: it is
``contradicted`` (`Facts.against`), or known by ``example`` alone (`shown`).  For ``.hx``, the table is a
second witness, which `qmpconf.schema.documents.hx` hears.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from qmpconf.schema.documents.audit import Held, held, line_at
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.doubts import denied, holder_of, place_of
from qmpconf.schema.model import Catalog, Enum, EnumValue, Facts, Member, Object
from qmpconf.schema.problems import Path, Problem


def weighed(compilation: Compilation) -> Compilation:
    """The same, with a catalog that knows which of its facts are doubtful."""
    marks = _Marks(compilation.catalog)
    for one in held(compilation):
        for problem in one.problems:
            marks.take(one, problem)
    return replace(compilation, catalog=marks.catalog())


@dataclass(slots=True)
class _Marks:
    """Marks on the facts of a catalog, which is made anew with them."""

    before: Catalog
    #: Members that are contradicted, by type and name; the same of whole types, commands, events.
    members: dict[tuple[str, str], Facts] = field(default_factory=dict)
    types: dict[str, Facts] = field(default_factory=dict)
    entries: dict[str, Facts] = field(default_factory=dict)
    #: What examples show, by type and name, with the line of the first one.
    shown: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, one: Held, problem: Problem) -> None:
        """Mark the fact that an example breaks."""
        value: Any = one.node.plain()
        path = problem.path[:-1] if problem.kind == "unknown" else problem.path
        place = place_of(self.before, one.key, value, path)
        line = _line(one, problem.path)
        if place is None:
            return
        kind = self.before.types.get(place.key)
        if problem.kind == "unknown":
            if isinstance(kind, Object):
                self.shown.setdefault(place.key, {}).setdefault(problem.member, line)
            if problem.hint:  # what is there under another name is not there under its own
                self.missing(place.key, _value(value, path), problem.hint, line)
        elif problem.kind == "missing":
            if not one.node.nearest(path).elided:
                self.missing(place.key, _value(value, path), problem.member, line)
        elif problem.kind == "value" and isinstance(kind, Enum):
            self.shown.setdefault(place.key, {}).setdefault(str(_value(value, path)), line)
        elif place.member is not None:
            self._member(place.owner, place.member, "type", line)
        elif kind is not None:
            self.types[place.key] = denied(self.types.get(place.key, kind.facts), "type", line)
        else:
            facts = self.entries.get(one.entry.name, one.entry.facts)
            self.entries[one.entry.name] = denied(facts, "type", line)

    def missing(self, key: str, value: Any, name: str, line: int) -> None:
        """Mark a member that is not always there."""
        found = holder_of(self.before, key, value, name)
        if found is not None and not found[1].optional:
            self._member(*found, "missing", line)

    def _member(
        self, owner: str, member: Member, about: Literal["missing", "type"], line: int
    ) -> None:
        key = owner, member.name
        self.members[key] = denied(self.members.get(key, member.facts), about, line)

    def catalog(self) -> Catalog:
        """The catalog with all marks."""
        before = self.before
        return replace(
            before,
            commands={name: self._entry(one) for name, one in before.commands.items()},
            events={name: self._entry(one) for name, one in before.events.items()},
            types={key: self._type(key, one) for key, one in before.types.items()},
        )

    def _entry(self, one: Any) -> Any:
        facts = self.entries.get(one.name)
        return one if facts is None else replace(one, facts=facts)

    def _type(self, key: str, found: Any) -> Any:
        if key in self.types:
            found = replace(found, facts=self.types[key])
        lines = self.shown.get(key, {})
        if isinstance(found, Enum) and lines:
            values = (EnumValue(name, _by_example(line)) for name, line in lines.items())
            return replace(found, shown=tuple(values))
        if not isinstance(found, Object):
            return found
        members = tuple(
            replace(one, facts=facts) if (facts := self.members.get((key, one.name))) else one
            for one in found.members
        )
        shown = (Member(name, "any", True, "", _by_example(line)) for name, line in lines.items())
        return replace(found, members=members, shown=tuple(shown))


def _by_example(line: int) -> Facts:
    return Facts(line, strength="example")


def _line(one: Held, path: Path) -> int:
    """The document's line of the place where an example breaks the document."""
    parent = one.node.nearest(path[:-1])
    node = one.node.nearest(path)
    at = next((at for name, at, _ in parent.members if path and name == path[-1]), node.start)
    return line_at(one.example, at)[0]


def _value(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value
