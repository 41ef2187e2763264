"""What each expression of a schema defines, and whether it has the form that its kind asks for.

Follows docs/devel/qapi-code-gen ("Definitions"): which members an expression of each meta-type must and
may have, of which form these are, and how names are spelled.  Whether what they refer to is there, and
fits, is asked in `qmpconf.schema.qapi.meaning`.

As in QEMU, an error stands at the line in which the definition begins; where the very place is in
another line, the message names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from qmpconf.schema.qapi import names
from qmpconf.schema.qapi.comments import Comment
from qmpconf.schema.qapi.dialect import Dialect
from qmpconf.schema.qapi.early import as_today
from qmpconf.schema.qapi.ifs import condition_of
from qmpconf.schema.qapi.places import Place, SourceError
from qmpconf.schema.qapi.source import Expression, Pragma, Schema
from qmpconf.schema.qapi.values import Node

#: Flags that may only be false, and only be true: leaving one out is the other.
_ONLY_FALSE = ("gen", "success-response")
_ONLY_TRUE = ("boxed", "allow-oob", "allow-preconfig", "coroutine")
#: Meta-type -> the members that its expression must have, and those that it may have besides.
_KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "enum": (frozenset({"enum", "data"}), frozenset({"if", "features", "prefix"})),
    "struct": (frozenset({"struct", "data"}), frozenset({"base", "if", "features"})),
    "union": (
        frozenset({"union", "base", "discriminator", "data"}),
        frozenset({"if", "features"}),
    ),
    "alternate": (frozenset({"alternate", "data"}), frozenset({"if", "features"})),
    "command": (
        frozenset({"command"}),
        frozenset({"data", "returns", "if", "features", *_ONLY_FALSE, *_ONLY_TRUE}),
    ),
    "event": (frozenset({"event"}), frozenset({"data", "boxed", "if", "features"})),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature, perhaps with a condition."""

    name: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A member of an object, a branch of a union or alternate, or a value of an enumeration.

    `type` is the type's name, of the elements if it is an `array`; a value has none.
    """

    name: str
    place: Place
    type: str = ""
    array: bool = False
    optional: bool = False
    condition: str = ""
    features: tuple[Feature, ...] = ()


@dataclass(slots=True)
class Definition:
    """One definition of a schema.

    `members` are those of a struct, the inline ones of a union's base, or the inline arguments of a
    command or data of an event (None: there are none, and `data` may name a type); `parts` are the
    branches of a union or alternate, and the values of an enumeration.  A struct that early releases
    define `inside` of another one has the name of that member there.
    """

    meta: str
    name: str
    place: Place
    comment: Comment | None = None
    condition: str = ""
    features: tuple[Feature, ...] = ()
    members: tuple[Part, ...] | None = None
    parts: tuple[Part, ...] = ()
    base: str = ""
    tag: str = ""
    data: str = ""
    returns: Part | None = None
    flags: dict[str, bool] = field(default_factory=dict)
    inside: str = ""

    def __str__(self) -> str:
        return f"{self.meta} {self.name!r}"

    def fail(self, what: str, at: Place | None = None) -> SourceError:
        """The error that `what` is wrong in the definition, `at` a place in it."""
        if at is not None and at.line != self.place.line:
            what += f" (line {at.line})"
        elif at is not None:
            return SourceError(at, what, str(self))
        return SourceError(self.place, what, str(self))


def definitions(schema: Schema, dialect: Dialect) -> Iterator[Definition]:
    """What the schema defines, in the order of its files.  Raises `SourceError`."""
    for expression in schema.expressions:
        found = _Checked(expression, schema.pragma, dialect)
        one = found.definition()
        yield from found.inner
        yield one


class _Checked:
    """One expression, as it is turned into a definition."""

    def __init__(self, expression: Expression, pragma: Pragma, dialect: Dialect) -> None:
        self._node = as_today(expression.node) if dialect.early else expression.node
        self._members = self._node.members
        self._comment = expression.comment
        self._pragma = pragma
        self._dialect = dialect
        self._found = Definition("", "", self._node.place)
        self.inner: list[Definition] = []

    def definition(self) -> Definition:
        metas = [one for one in self._members if one in _KEYS]
        if len(metas) != 1:
            kinds = ", ".join(repr(one) for one in _KEYS)
            what = f"a definition has one of {kinds}; this has {' and '.join(metas) or 'none'}"
            raise SourceError(self._node.place, what)
        meta = metas[0]
        name = self._members[meta].value
        if not isinstance(name, str):
            raise SourceError(self._node.place, f"{meta!r} takes a name, a string")
        comment = self._comment if self._comment and self._comment.symbol else None
        self._found = Definition(meta, name, self._node.place, comment)
        self._spelling()
        self._documented()
        self._keys(self._node, "", *self._allowed(meta))
        getattr(self, f"_{meta}")()
        self._found.condition = self._condition(self._node, "")
        self._found.features = self._features(self._node)
        self._flags()
        return self._found

    def _allowed(self, meta: str) -> tuple[frozenset[str], frozenset[str]]:
        must, may = _KEYS[meta]
        if meta == "union" and self._dialect.simple:
            return must - {"base", "discriminator"}, may | {"base", "discriminator"}
        if meta == "enum" and self._dialect.strings:
            return must, may | {"prefix"}
        return must, may

    # ── names and documentation ──────────────────────────────────────────────────────────────

    def _spelling(self) -> None:
        """How a definition is named."""
        meta, name = self._found.meta, self._found.name
        style = {"event": names.Style.UPPER, "command": names.Style.LOWER}.get(
            meta, names.Style.CAMEL
        )
        excused = meta == "command" and name in self._pragma.command_names
        flaw = names.flaw(name, style, excused=excused or not self._dialect.names)
        if flaw and not self._dialect.early:
            raise self._found.fail(f"its name: {flaw}")
        if style is names.Style.CAMEL and self._dialect.strings and self._dialect.reserved:
            for ending in ("Kind", "List"):
                if name.endswith(ending):
                    raise self._found.fail(f"a type's name cannot end in {ending!r}")

    def _named(self, name: str, what: str, at: Place, *, excused: bool = False) -> None:
        """A member's, value's, branch's or feature's name."""
        flaw = names.flaw(name, names.Style.LOWER, excused=excused or not self._dialect.names)
        if flaw and not self._dialect.early:
            raise self._found.fail(f"the {what} {name!r}: {flaw}", at)

    def _documented(self) -> None:
        comment, found = self._found.comment, self._found
        if not self._dialect.documents:
            return
        if comment is None:
            if self._pragma.doc_required:
                raise found.fail("has no documentation, which a pragma asks for")
            return
        if comment.symbol != found.name:
            raise found.fail(f"the comment above it documents {comment.symbol!r}")
        for one in comment.of("tagged"):
            void = found.meta == "command" and "returns" not in self._members
            if one.name == "Returns" and void and self._dialect.described:
                raise SourceError(one.place, "'Returns:' of a command that returns nothing")
            if one.name in {"Returns", "Errors"} and found.meta != "command":
                place = comment.place_of(one, self._dialect)
                raise SourceError(place, f"'{one.name}:' is for commands alone")

    # ── the members of an expression ─────────────────────────────────────────────────────────

    def _keys(self, node: Node, what: str, must: frozenset[str], may: frozenset[str]) -> None:
        there = node.members.keys()
        missing, unknown = sorted(must - there), sorted(there - must - may)
        what += ": " if what else ""
        if missing:
            raise self._found.fail(f"{what}{_and(missing)} missing", node.place)
        if unknown:
            known = ", ".join(sorted(must | may))
            text = f"{what}{_and(unknown)} not known here; known: {known}"
            raise self._found.fail(text, node.keys.get(unknown[0], node.place))

    def _get(self, name: str) -> Any:
        node = self._members.get(name)
        return None if node is None else node.value

    def _enum(self) -> None:
        data, prefix = self._members["data"], self._get("prefix")
        if not isinstance(data.value, list):
            raise self._found.fail("'data' takes an array", data.place)
        if prefix is not None and not isinstance(prefix, str):
            raise self._found.fail("'prefix' takes a string", self._members["prefix"].place)
        excused = self._found.name in self._pragma.member_names
        values = []
        for one in data.value:
            node = one if isinstance(one.value, dict) else Node({"name": one}, one.place)
            self._keys(node, "a value", frozenset({"name"}), frozenset({"if", "features"}))
            name = node.members["name"].value
            if not isinstance(name, str):
                raise self._found.fail("a value's name is a string", one.place)
            # A value may begin with a digit.
            self._named(
                "d" + name if name[:1].isdigit() else name, "value", one.place, excused=excused
            )
            values.append(self._part(name, "value", node, one.place))
        self._found.parts = tuple(values)

    def _struct(self) -> None:
        self._found.members = self._inline("data", self._found.name)
        self._found.base = self._type_name("base")

    def _union(self) -> None:
        base, tag, data = self._get("base"), self._get("discriminator"), self._members["data"]
        if isinstance(base, dict):
            self._found.members = self._inline("base", self._found.name)
        elif base is not None and not isinstance(base, str):
            raise self._found.fail("'base' takes a type's name or an object")
        else:
            self._found.base = base or ""
        if tag is not None and not isinstance(tag, str):
            raise self._found.fail("'discriminator' takes a name, a string")
        self._found.tag = tag or ""
        if base is not None and tag is None and not self._dialect.early:
            raise self._found.fail("'base' needs 'discriminator'")
        self._found.parts = self._branches(data, arrays=not tag, named=not tag)

    def _alternate(self) -> None:
        data = self._members["data"]
        if not data.value:
            raise self._found.fail("'data' is empty", data.place)
        self._found.parts = self._branches(data, arrays=True, named=True)

    def _branches(self, data: Node, *, arrays: bool, named: bool = False) -> tuple[Part, ...]:
        if not isinstance(data.value, dict):
            raise self._found.fail("'data' takes an object", data.place)
        found = []
        for name, one in data.value.items():
            what, place = f"the branch {name!r}", data.keys[name]
            if named:
                excused = self._found.name in self._pragma.member_names
                self._named(name, "branch", place, excused=excused)
            node = _in_full(one)
            self._keys(node, what, frozenset({"type"}), frozenset({"if"}))
            part = self._part(name, what, node, place)
            found.append(self._typed(part, node, what, arrays=arrays))
        return tuple(found)

    def _command(self) -> None:
        self._payload()
        returns = self._members.get("returns")
        if returns is not None:
            part = Part("", returns.place)
            node = Node({"type": returns}, returns.place)
            self._found.returns = self._typed(part, node, "'returns'", arrays=True)

    def _event(self) -> None:
        self._payload()

    def _payload(self) -> None:
        data = self._get("data")
        if self._get("boxed"):
            if data is None:
                raise self._found.fail("'boxed' needs 'data'")
            self._found.data = self._type_name("data")
        elif isinstance(data, str):
            self._found.data = data
        elif data is not None:
            self._found.members = self._inline("data", "")

    def _type_name(self, key: str) -> str:
        value = self._get(key)
        if value is not None and not isinstance(value, str):
            raise self._found.fail(f"{key!r} takes a type's name", self._members[key].place)
        return value or ""

    def _inline(self, key: str, owner: str) -> tuple[Part, ...]:
        """The members of an object that is defined where it is used."""
        data = self._members[key]
        if not isinstance(data.value, dict):
            raise self._found.fail(
                f"{key!r} takes an object, or in places a type's name", data.place
            )
        excused = owner in self._pragma.member_names
        return self._parts(data, excused=excused)

    def _parts(self, data: Node, *, excused: bool, inside: str = "") -> tuple[Part, ...]:
        found = []
        for spelled, one in data.members.items():
            name, place = spelled.removeprefix("*"), data.keys[spelled]
            self._named(name, "member", place, excused=excused)
            if self._dialect.reserved and names.is_reserved(name):
                raise self._found.fail(f"the name {name!r} is reserved for generated code", place)
            what, node = f"the member {name!r}", _in_full(one)
            if self._dialect.early and one.members:
                node = self._struct_inside(name, inside, one, excused=excused)
            self._keys(node, what, frozenset({"type"}), frozenset({"if", "features"}))
            part = self._part(name, what, node, place, optional=spelled != name)
            found.append(self._typed(part, node, what, arrays=True))
        return tuple(found)

    def _struct_inside(self, name: str, inside: str, one: Node, *, excused: bool) -> Node:
        """The type of a member that early releases define where it is used."""
        path = f"{inside}.{name}" if inside else name
        members = self._parts(one, excused=excused, inside=path)
        full = f"{self._found.name}.{path}"
        self.inner.append(
            Definition(
                "struct",
                full,
                one.place,
                self._found.comment,
                members=members,
                inside=path,
            )
        )
        return _in_full(Node(full, one.place))

    def _part(
        self, name: str, what: str, node: Node, place: Place, *, optional: bool = False
    ) -> Part:
        condition = self._condition(node, what)
        features = self._features(node)
        return Part(name, place, optional=optional, condition=condition, features=features)

    def _typed(self, part: Part, node: Node, what: str, *, arrays: bool) -> Part:
        """The part with the type that the object `node` gives it."""
        wanted = node.members["type"]
        value, array = wanted.value, False
        if isinstance(value, list) and arrays:
            if len(value) != 1 or not isinstance(value[0].value, str):
                raise self._found.fail(f"{what}: an array has one type's name in it", wanted.place)
            value, array = value[0].value, True
        if not isinstance(value, str):
            kinds = "a type's name or an array of one" if arrays else "a type's name"
            raise self._found.fail(f"{what} takes {kinds}", wanted.place)
        return Part(
            part.name, part.place, value, array, part.optional, part.condition, part.features
        )

    # ── what all may have ────────────────────────────────────────────────────────────────────

    def _features(self, node: Node) -> tuple[Feature, ...]:
        listed = node.members.get("features")
        if listed is None:
            return ()
        if not isinstance(listed.value, list):
            raise self._found.fail("'features' takes an array", listed.place)
        found = []
        for one in listed.value:
            entry = one if isinstance(one.value, dict) else Node({"name": one}, one.place)
            self._keys(entry, "a feature", frozenset({"name"}), frozenset({"if"}))
            name = entry.members["name"].value
            if not isinstance(name, str):
                raise self._found.fail("a feature's name is a string", one.place)
            self._named(name, "feature", one.place)
            found.append(Feature(name, self._condition(entry, f"the feature {name!r}")))
        return tuple(found)

    def _flags(self) -> None:
        for flags, only in ((_ONLY_FALSE, False), (_ONLY_TRUE, True)):
            for name in flags:
                value = self._get(name)
                if value is not None and value is not only:
                    text = f"{name!r} can only be {str(only).lower()}, or left out"
                    raise self._found.fail(text, self._members[name].place)
                if value is not None:
                    self._found.flags[name] = only
        if {"allow-oob", "coroutine"} <= self._found.flags.keys():
            raise self._found.fail("'allow-oob' and 'coroutine' exclude each other")

    def _condition(self, node: Node, what: str) -> str:
        wanted = node.members.get("if")
        if wanted is None:
            return ""
        return str(condition_of(wanted, self._found.fail, what, strings=self._dialect.strings))


def _in_full(node: Node) -> Node:
    """A member or branch as an object, also where it stands for its type alone."""
    return node if isinstance(node.value, dict) else Node({"type": node}, node.place)


def _and(names: Sequence[str]) -> str:
    quoted = [repr(one) for one in names]
    return f"{' and '.join(quoted)} {'is' if len(names) == 1 else 'are'}"
