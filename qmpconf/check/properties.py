"""Open-ended arguments: the properties of the types that ``device_add`` and its like set.

The schema of ``device_add`` (and of ``object-add`` and ``netdev_add`` of old servers) takes any
member, and that of ``qom-set`` any value: what they may be depends on the type that is added, or on the
object.  Who knows them:

1. the recorded server itself, in its replies to ``device-list-properties``,
   ``qom-list-properties`` and ``qom-list`` (`Told`), where the question is about that server;
2. else the property catalog of a real build (`Source`), chosen by the rule for schemas;
3. else nobody.  What a property of the same name is in every type is then still worth a guess.

`judge` is the one judgement.  It is pure: it gives what the server refuses (`refused`), what it takes
although it is deprecated (`deprecated`), what is probably wrong (`probable`) and what could not be
judged (`unjudged`); who is to blame, and in which words, is up to `qmpconf.check.calls`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmpconf.check.property_source import with_type
from qmpconf.schema.model import Object
from qmpconf.schema.problems import Kind, Problem, show, suggest
from qmpconf.schema.property_catalog import UNLISTED, Properties
from qmpconf.schema.property_rules import (
    Shape,
    as_text,
    looks_typed,
    misfit,
    shape_of,
    text_misfit,
    way_of,
)
from qmpconf.text import counted

if TYPE_CHECKING:
    from qmpconf.check.property_source import Source
    from qmpconf.check.told import Told
    from qmpconf.protocol.messages import Command
    from qmpconf.schema.model import Catalog
    from qmpconf.schema.select import Version

#: Commands that have CPU models, with features, among their arguments.
_MODELS = frozenset(
    {"query-cpu-model-expansion", "query-cpu-model-comparison", "query-cpu-model-baseline"}
)
#: The members that are models, and how the type of a model ends where there is a catalog for it.
_MODEL, _CPU = ("model", "modela", "modelb"), "-x86_64-cpu"

#: Commands that are judged here, where the schema leaves their arguments open.
OPEN_ENDED = frozenset({"device_add", "netdev_add", "object-add", "qom-set", *_MODELS})

#: What to do where nobody knows the properties.
ADVICE = (
    "fetch the server's own with 'qmpconf schema fetch --properties', or record a session that asks "
    "for device-list-properties"
)

#: Members that are none of the type's properties.
_OWN: Mapping[str, frozenset[str]] = {
    "device_add": frozenset({"driver", "bus", "id"}),
    "object-add": frozenset({"qom-type", "id", "props"}),
    "netdev_add": frozenset({"type", "id"}),
}
#: The member that names the type.
_TYPE = {"device_add": "driver", "object-add": "qom-type", "netdev_add": "type"}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one property: the problem, and who says so.

    `told` says that it is the recorded server itself which listed the property.
    """

    problem: Problem
    source: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A value that is taken, but ought to be of another type: its place, in words, who says so.

    `expected` and `seen` are both sides.
    """

    path: Path
    what: str
    source: str
    expected: str
    seen: str


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be judged, as a clause; `path` leads to it."""

    path: Path
    text: str


@dataclass(slots=True)
class Judgement:
    """What `judge` found in the arguments of one command.

    `used` says that the property catalog was asked.
    """

    refused: list[Wrong] = field(default_factory=list)
    probable: list[Wrong] = field(default_factory=list)
    deprecated: list[Deprecated] = field(default_factory=list)
    unjudged: list[Gap] = field(default_factory=list)
    used: bool = False


def is_open(catalog: Catalog, name: str) -> bool:
    """Whether the catalog leaves the arguments of that command open, so that they are judged here."""
    command = catalog.commands.get(name) if name in OPEN_ENDED else None
    if command is None or name == "qom-set" or name in _MODELS:
        return command is not None
    arguments = catalog.types.get(command.arguments)
    return isinstance(arguments, Object) and arguments.open


# ── the judgement ────────────────────────────────────────────────────────────────────────────


def judge(
    command: Command, told: Told, source: Source | None, version: Version | None
) -> Judgement:
    """Judge the open-ended arguments of one command, whose name is one of `OPEN_ENDED`.

    `told` is what the server in question said itself (`Told.elsewhere` if the user named another one),
    `source` the property catalog for it, `version` its version, as far as it is known.
    """
    asker = _Asker(command, told, source, version)
    if command.name == "qom-set":
        asker.qom_set()
    elif command.name in _MODELS:
        asker.models()
    else:
        asker.members()
    return asker.found


class _Asker:
    """Judges one command."""

    def __init__(
        self, command: Command, told: Told, source: Source | None, version: Version | None
    ) -> None:
        self._command = command
        self._told = told
        self._source = source
        self._way, self._rule = way_of(command.name, version)
        self.found = Judgement()

    # ── which properties ─────────────────────────────────────────────────────────────────────

    def qom_set(self) -> None:
        """``qom-set`` gives one value to one property of one object."""
        asked = self._command.arguments
        path, name = asked.get("path"), asked.get("property")
        if not isinstance(path, str) or not isinstance(name, str) or "value" not in asked:
            return  # the schema says what is wrong
        own, of = self._told.of_object(path), self._told.type_of(path)
        if own is not None and name in own.properties:
            source = f"{own.reply}, line {own.line}"
            self._value(("value",), name, own.properties[name], asked["value"], source, told=True)
            return
        known, source, told = self._of_type(of) if of else (None, "", False)
        if known is not None and name in known:
            self._value(("value",), name, known[name], asked["value"], source, told=told)
            return
        if not self._guess(("value",), name, asked["value"]):
            why = (
                f"the properties of {of} do not include {name!r}"
                if known is not None
                else (f"the type of the object {path!r} is not known")
            )
            self._gap(("value",), why)

    def models(self) -> None:
        """The features of a CPU model are properties of its type."""
        for member in _MODEL:
            model = self._command.arguments.get(member)
            if not isinstance(model, dict) or not isinstance(model.get("props"), dict):
                continue
            name, features = model.get("name"), model["props"]
            if not isinstance(name, str) or not features:
                continue
            known, source, told = self._of_type(name + _CPU)
            for feature, value in features.items():
                path = (member, "props", feature)
                if known is not None and feature in known:
                    self._value(path, feature, known[feature], value, source, told=told)
                else:  # models of other architectures have these names, too
                    self._gap(path, f"which features the CPU model {name!r} has is not known")

    def members(self) -> None:
        """Every further member is a property of the type that is added."""
        name, asked = self._command.name, self._command.arguments
        of = asked.get(_TYPE[name])
        given = list(self._given())
        if not isinstance(of, str) or (not given and name != "device_add"):
            return
        if name == "netdev_add":
            self._gap(
                given[0][0][:-1], f"options of the network backend {of!r}: no source types them"
            )
            return
        known, source, told = self._of_type(of)
        if known is None:
            self._unknown_type(of, given)
            return
        for path, value in given:
            member = str(path[-1])
            if member in known:
                self._value(path, member, known[member], value, source, told=told)
            elif member not in UNLISTED:
                self._unknown(path, member, value, known, of, source, told=told)

    def _given(self) -> Iterator[tuple[Path, Any]]:
        own = _OWN[self._command.name]
        for name, value in self._command.arguments.items():
            if name not in own:
                yield (name,), value
            elif name == "props" and isinstance(value, dict):
                yield from (((name, inner), one) for inner, one in value.items())

    def _of_type(self, type_name: str) -> tuple[Properties | None, str, bool]:
        """The properties of a type, who says so, and whether it is the server in question."""
        catalog = self._source.catalog if self._source else None
        names = [type_name]
        if catalog is not None and type_name in catalog.aliases:
            names.append(catalog.aliases[type_name])
        for name in names:
            own = self._told.of_type(name)
            if own is not None:
                return own.properties, f"{own.reply} of {name}, line {own.line}", True
        found = catalog.of(type_name) if catalog else None
        if found is None or catalog is None:
            return None, "", False
        self.found.used = True
        return found, f"{catalog.name}, properties of {names[-1]}", False

    # ── one value ────────────────────────────────────────────────────────────────────────────

    def _value(
        self, path: Path, name: str, type_name: str, value: Any, source: str, *, told: bool
    ) -> None:
        shape = shape_of(name, type_name)
        if shape is None:
            if not type_name.startswith("child<"):
                self._gap(path, f"what type {type_name!r} takes is not known")
            return
        wrong = misfit(shape, value)
        if self._way == "typed":
            if wrong is not None:
                kind, words = wrong
                self._refuse(kind, path, words, shape, type_name, value, source, told=told)
            return
        text = as_text(value)
        words = text_misfit(shape, type_name, text) if text is not None else ""
        if words:
            self._refuse("value", path, words, shape, type_name, value, source, told=told)
        elif wrong is not None and self._way != "text":
            what = f"{show(value)} for a property of type {type_name}"
            self._deprecate(path, what, source, _expected(shape, type_name), value)

    def _refuse(
        self,
        kind: Kind,
        path: Path,
        words: str,
        shape: Shape,
        type_name: str,
        value: Any,
        source: str,
        *,
        told: bool,
    ) -> None:
        expected = _expected(shape, type_name)
        message = f"{words}: the property is of type {type_name}"
        self.found.refused.append(
            Wrong(Problem(kind, path, message, expected, show(value)), source, told)
        )

    def _deprecate(self, path: Path, what: str, source: str, expected: str, value: Any) -> None:
        cited = "; ".join(filter(None, (source, self._rule)))
        self.found.deprecated.append(Deprecated(path, what, cited, expected, show(value)))

    def _unknown(
        self,
        path: Path,
        name: str,
        value: Any,
        known: Properties,
        of: str,
        source: str,
        *,
        told: bool,
    ) -> None:
        if not told and self._source is not None and not self._source.same_release:
            catalog = self._source.catalog.name
            self._gap(path, f"the property is not among those of {of} in {catalog}")
            return
        if self._way != "typed" and as_text(value) is None:
            self._gap(path, f"{of} has no property {name!r}, but the server ignores such values")
            return
        self.found.refused.append(
            Wrong(
                Problem(
                    "unknown",
                    path,
                    f"{of} has no property {name!r}",
                    f"one of its {counted(len(known), 'property', 'properties')}",
                    f"{name!r}: {show(value)}",
                    suggest(name, known),
                    name,
                ),
                source,
                told,
            )
        )

    # ── where nobody knows ───────────────────────────────────────────────────────────────────

    def _unknown_type(self, of: str, given: list[tuple[Path, Any]]) -> None:
        catalog = self._source.catalog if self._source else None
        line = self._told.lacks_type(of) if self._command.name == "device_add" else 0
        if line and not (catalog and of in catalog.aliases):
            self.found.refused.append(
                Wrong(
                    Problem(
                        "value",
                        ("driver",),
                        f"{show(of)} is not among the server's device types",
                        "a type that the server listed",
                        show(of),
                    ),
                    f"qom-list-types, line {line}",
                    told=True,
                )
            )
            return
        why = f"nobody says which properties {of!r} has"
        if catalog:
            why = f"the type {of!r} is not among those of {catalog.name}"
            there = [name for name in with_type(of) if name != catalog.name]
            why += f", but of {there[-1]}: it is gone, or in a module" if there else ""
        self._gap((_TYPE[self._command.name],), why)
        for path, value in given:
            self._guess(path, str(path[-1]), value)

    def _guess(self, path: Path, name: str, value: Any) -> bool:
        """Whether the value fits what a property of that name takes everywhere; it may be suspect."""
        types = self._source.catalog.types_by_name.get(name, ()) if self._source else ()
        shapes = {one: shape_of(name, one) for one in types}
        forms = {shape.form if shape else "" for shape in shapes.values()}
        looks = looks_typed(value)
        if not types and looks is not None:
            self._suspect(path, name, value, f"of type {looks}", looks)
        elif len(forms) == 1 and "" not in forms:
            self.found.used = True
            misfits = [one for one in shapes.values() if one and misfit(one, value)]
            if not misfits:
                return True
            if len(misfits) == len(shapes) and misfits[0].form != "string":
                known = f"of type {' or '.join(sorted(types))}"
                self._suspect(path, name, value, known, misfits[0].form)
        return False

    def _suspect(self, path: Path, name: str, value: Any, known: str, expected: str) -> None:
        if self._way == "text":
            return
        catalog = self._source.catalog.name if self._source else "the schema"
        if self._way == "typed":
            message = f"the property {name!r} is probably {known}"
            problem = Problem("type", path, message, f"probably {expected}", show(value))
            self.found.probable.append(Wrong(problem, catalog))
        else:
            what = f"{show(value)} for a property that is probably {known}"
            self._deprecate(path, what, catalog, f"probably {expected}", value)

    def _gap(self, path: Path, text: str) -> None:
        self.found.unjudged.append(Gap(path, text))


def _expected(shape: Shape, type_name: str) -> str:
    return shape.words if shape.words == type_name else f"{shape.words} ({type_name})"
