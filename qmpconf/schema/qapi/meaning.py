"""Whether the definitions of a schema fit together: names are unique, types are there, and may stand there.

Follows docs/devel/qapi-code-gen where it says what a definition may refer to.  Definitions are checked in
their order, so that the first error is the one that QEMU reports as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qmpconf.schema.model import BUILTINS, INTEGER_BOUNDS
from qmpconf.schema.qapi.definitions import Definition, Feature, Part
from qmpconf.schema.qapi.dialect import Dialect
from qmpconf.schema.qapi.names import plainly
from qmpconf.schema.qapi.places import SourceError
from qmpconf.schema.qapi.source import Schema

#: The one enumeration that every schema has without defining it.
QTYPE = "QType"
QTYPES = ("none", "qnull", "qnum", "qstring", "qdict", "qlist", "qbool")
#: What early releases wrote for any value.
ANYTHING = "**"

_OBJECTS = ("struct", "union")
_TYPES = (*_OBJECTS, "enum", "alternate")
#: Features with a meaning for members and commands, and none for types.
_SPECIAL = ("deprecated", "unstable")
_MOST_FEATURES = 64
#: Name of the member that a union without a discriminator has for one, and of that of its branches.
SIMPLE_TAG, SIMPLE_DATA = "type", "data"


@dataclass(slots=True)
class Meaning:
    """The definitions by name, in order, and how they are looked up."""

    named: dict[str, Definition] = field(default_factory=dict)

    def types(self) -> Mapping[str, Definition]:
        """The types among them."""
        return {name: one for name, one in self.named.items() if one.meta in _TYPES}

    def type_of(self, name: str) -> Definition | None:
        """The type of that name, if the schema defines it."""
        found = self.named.get(name)
        return found if found and found.meta in _TYPES else None

    def kind(self, name: str) -> str:
        """The meta-type of the type `name`, ``built-in``, or nothing where there is none."""
        found = self.type_of(name)
        if found:
            return found.meta
        if name == QTYPE:
            return "enum"
        return "built-in" if name in BUILTINS or name in INTEGER_BOUNDS else ""


def checked(schema: Schema, found: Iterable[Definition], dialect: Dialect) -> Meaning:
    """The definitions, if they fit together.  Raises `SourceError`."""
    meaning = Meaning()
    for one in found:
        _unique(meaning, one)
        meaning.named[one.name] = one
    check = _Check(schema, meaning, dialect)
    for one in meaning.named.values():
        check.definition(one)
    if dialect.documents:
        check.comments()
    check.number_of_features()
    return meaning


def _unique(meaning: Meaning, one: Definition) -> None:
    before = meaning.named.get(one.name)
    if before:
        raise one.fail(f"the name is taken: {before} is defined in {before.place}")
    if one.name in BUILTINS or one.name in INTEGER_BOUNDS or one.name == QTYPE:
        raise one.fail("the name is taken by a type that every schema has")


class _Check:
    def __init__(self, schema: Schema, meaning: Meaning, dialect: Dialect) -> None:
        self._schema = schema
        self._pragma = schema.pragma
        self._meaning = meaning
        self._dialect = dialect
        self._open: list[str] = []
        #: All members of each object type that was checked, those of its bases first.
        self._members: dict[str, list[Part]] = {}

    def definition(self, one: Definition) -> None:
        if one.meta in _OBJECTS:
            self._object(one)
        else:
            getattr(self, f"_{one.meta}")(one)
        self._connected(one)

    # ── types ────────────────────────────────────────────────────────────────────────────────

    def _of_type(self, one: Definition) -> None:
        self._distinct(one, one.features)
        for feature in one.features:
            if feature.name in _SPECIAL and self._dialect.reserved:
                raise one.fail(f"a type cannot have the feature {feature.name!r}")

    @staticmethod
    def _distinct(one: Definition, names: Sequence[Feature | Part], what: str = "feature") -> None:
        seen: dict[str, str] = {}
        for part in names:
            plain = plainly(part.name)
            if plain in seen:
                at = part.place if isinstance(part, Part) else None
                raise one.fail(f"the {what} {part.name!r} collides with {seen[plain]!r}", at)
            seen[plain] = part.name

    def _enum(self, one: Definition) -> None:
        self._of_type(one)
        self._distinct(one, one.parts, "value")
        for value in one.parts:
            self._distinct(one, value.features)

    def _object(self, one: Definition) -> None:
        if one.name in self._members:
            return
        if one.name in self._open:
            raise one.fail("contains itself")
        self._open.append(one.name)
        self._of_type(one)
        seen: dict[str, tuple[Part, str]] = {}
        if one.base:
            base = self._known(one, one.base, "'base'")
            if base != "struct":
                raise one.fail(f"'base' takes a struct, and {one.base!r} is of kind {base}")
            of_base = self._meaning.named[one.base]
            self._object(of_base)
            self._collisions(one, self._members[one.base], seen, one.base)
        for member in one.members or ():
            self._typed(one, member, "member")
        self._collisions(one, one.members or (), seen)
        self._members[one.name] = [part for part, _ in seen.values()]
        if one.meta == "union":
            self._union(one, seen)
        self._open.remove(one.name)

    def _union(self, one: Definition, seen: dict[str, tuple[Part, str]]) -> None:
        if not one.tag:
            # Allowed by the dialect, or the definition would have been refused before.
            self._distinct(one, one.parts, "branch")
            for branch in one.parts:
                self._typed(one, branch, "branch")
            if not one.parts:
                raise one.fail("has no branches")
            return
        tag = seen.get(plainly(one.tag), (None, ""))[0]
        if tag is None or tag.name != one.tag:
            raise one.fail(f"the discriminator {one.tag!r} is not a member of the base")
        values = self._values(tag)
        if values is None and self._dialect.early and tag.type == "str" and not tag.array:
            values = [branch.name for branch in one.parts]  # as 1.7 had it
        if values is None:
            raise one.fail(f"the discriminator {one.tag!r} is not of an enumeration's type")
        if tag.optional:
            raise one.fail(f"the discriminator {one.tag!r} must not be optional")
        if tag.condition:
            raise one.fail(f"the discriminator {one.tag!r} must not have a condition")
        if not values:
            raise one.fail("has no branches")
        for branch in one.parts:
            kind = self._typed(one, branch, "branch")
            if branch.name not in values:
                text = f"the branch {branch.name!r} is not a value of {tag.type!r}"
                raise one.fail(text, branch.place)
            if kind not in _OBJECTS:
                text = f"the branch {branch.name!r} takes an object type; {branch.type!r} is {kind}"
                raise one.fail(text, branch.place)
            self._object(self._meaning.named[branch.type])
        # What a branch's own branches have collides among them where that union is checked.
        waiting, known = [branch.type for branch in reversed(one.parts)], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in known:
                known.add(name)
                self._collisions(one, self._members[name], dict(seen), name)
                inner = self._meaning.named[name]
                waiting += [part.type for part in inner.parts if inner.tag]

    def _values(self, tag: Part) -> list[str] | None:
        """The values of the discriminator's type; None where it is not an enumeration."""
        found = self._meaning.type_of(tag.type)
        if tag.array or self._meaning.kind(tag.type) != "enum":
            return None
        return [value.name for value in found.parts] if found else list(QTYPES)

    @staticmethod
    def _collisions(
        one: Definition,
        members: Iterable[Part],
        seen: dict[str, tuple[Part, str]],
        owner: str = "",
    ) -> None:
        for member in members:
            plain = plainly(member.name)
            if plain in seen:
                other, of = seen[plain]
                first = f"the member {member.name!r}" + (f" of {owner!r}" if owner else "")
                second = f"{other.name!r}" + (f" of {of!r}" if of else "")
                raise one.fail(f"{first} collides with {second}")
            seen[plain] = member, owner

    def _alternate(self, one: Definition) -> None:
        self._of_type(one)
        kinds = {branch.name: self._typed(one, branch, "branch") for branch in one.parts}
        self._distinct(one, one.parts, "branch")
        taken: dict[str, str] = {}
        for branch in one.parts:
            looks = self._looks(branch, kinds[branch.name])
            if not looks:
                text = f"the branch {branch.name!r} cannot be of the type {branch.type!r}"
                raise one.fail(text, branch.place)
            for look in looks:
                if look in taken:
                    text = f"the branches {taken[look]!r} and {branch.name!r} cannot be kept apart"
                    raise one.fail(text, branch.place)
            taken |= dict.fromkeys(looks, branch.name)

    def _looks(self, branch: Part, kind: str) -> set[str]:
        """The JSON types that a branch's values have, or that what stands for them in text has."""
        if branch.array:
            return {"array"}
        if kind in _OBJECTS:
            return {"object"}
        if kind == "enum":
            names = self._values(branch) or []
            looks = {"string"}
            # On a command line, values of other types are text as well.
            looks |= {"boolean"} if {"on", "off"} & set(names) else set()
            looks |= {"number"} if any(re.match(r"[-+0-9.]", name) for name in names) else set()
            return looks
        if branch.type == "str":
            return {"string", "number", "boolean"}
        return {"bool": {"boolean"}, "null": {"null"}, "any": set[str]()}.get(
            branch.type, set[str]() if kind == "alternate" else {"number"}
        )

    # ── commands and events ──────────────────────────────────────────────────────────────────

    def _command(self, one: Definition) -> None:
        self._distinct(one, one.features)
        self._payload(one)
        if one.returns is None:
            return
        kind = self._known(one, one.returns.type, "'returns'", array=one.returns.array)
        excused = one.name in self._pragma.command_returns or not self._dialect.reserved
        if kind not in _OBJECTS and not excused:
            text = (
                f"'returns' takes an object type or an array of one; {one.returns.type!r} is {kind}"
            )
            raise one.fail(text)

    def _event(self, one: Definition) -> None:
        self._distinct(one, one.features)
        self._payload(one)

    def _payload(self, one: Definition) -> None:
        """Arguments or data."""
        seen: dict[str, tuple[Part, str]] = {}
        members: Sequence[Part] = one.members or ()
        for member in members:
            self._typed(one, member, "member")
        self._collisions(one, members, seen)
        boxed = one.flags.get("boxed", False)
        if one.data and not (one.data == ANYTHING and self._dialect.early):
            kind = self._known(one, one.data, "'data'")
            if kind not in _OBJECTS:
                raise one.fail(f"'data' takes an object type; {one.data!r} is of kind {kind}")
            if kind == "union" and not boxed:
                raise one.fail(f"'data' takes the union {one.data!r} only with 'boxed': true")
            self._object(self._meaning.named[one.data])
            members = self._members[one.data]
        if any(member.condition for member in members) and not boxed and self._dialect.boxed:
            raise one.fail("members with conditions need 'boxed': true")

    # ── references ───────────────────────────────────────────────────────────────────────────

    def _known(self, one: Definition, name: str, what: str, *, array: bool = False) -> str:
        """The kind of the type `name`; an error where there is none."""
        kind = self._meaning.kind(name)
        if not kind and name == ANYTHING and self._dialect.early:
            return "built-in"
        if not kind:
            raise one.fail(f"{what}: there is no type {name!r}")
        return f"array of {kind}" if array and kind not in _OBJECTS else kind

    def _typed(self, one: Definition, part: Part, what: str) -> str:
        """The same for a member or branch, whose features are looked at as well."""
        kind = self._meaning.kind(part.type)
        if not kind and part.type == ANYTHING and self._dialect.early:
            kind = "built-in"
        if not kind:
            text = f"the {what} {part.name!r}: there is no type {part.type!r}"
            raise one.fail(text, part.place)
        self._distinct(one, part.features)
        return kind

    # ── documentation ────────────────────────────────────────────────────────────────────────

    def _connected(self, one: Definition) -> None:
        """Whether a documented definition describes all that it has."""
        comment = one.comment
        if comment is None or not self._dialect.documents:
            return
        described = {part.name for part in comment.of("member")}
        excused = one.name in self._pragma.undocumented or not self._dialect.described
        for part in documented(one):
            if part.name not in described and not excused:
                raise one.fail(f"{part.name!r} has no description", part.place)
        named = {part.name for part in comment.of("feature")}
        for feature in features(one):
            if feature.name not in named:
                raise one.fail(f"the feature {feature.name!r} has no description")

    def comments(self) -> None:
        """What is described, and is not there."""
        for one in self._meaning.named.values():
            if one.comment is None:
                continue
            has = {
                "member": {part.name for part in documented(one)},
                "feature": {feature.name for feature in features(one)},
            }
            if one.meta == "union" and not one.tag:
                has["member"].add(SIMPLE_TAG)
            for section in one.comment.sections:
                if section.kind in has and section.name not in has[section.kind]:
                    text = f"{section.name!r} is described, and is not a {section.kind} of {one}"
                    raise SourceError(one.comment.place_of(section, self._dialect), text)

    def number_of_features(self) -> None:
        """QEMU has room for so many different ones."""
        known = dict.fromkeys(_SPECIAL)
        for one in self._meaning.named.values():
            for feature in features(one):
                known.setdefault(feature.name)
                if len(known) > _MOST_FEATURES:
                    text = f"{feature.name!r} is one more feature than the {_MOST_FEATURES} there may be"
                    raise one.fail(text)


def documented(one: Definition) -> tuple[Part, ...]:
    """The parts of a definition that its comment describes: members, or values, or branches.

    The branches of a union are none of them.
    """
    return (*(one.members or ()), *(one.parts if one.meta in {"enum", "alternate"} else ()))


def features(one: Definition) -> list[Feature]:
    """The features of a definition and of its parts."""
    return [*one.features, *(each for part in documented(one) for each in part.features)]
