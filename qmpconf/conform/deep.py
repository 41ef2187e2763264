"""Wrong arguments at depth: each type that commands take is put to the test once, where it is reached first.

A catalog has thousands of paths into its types, and some hundred types: a server reads a type with
the same code wherever it stands.  `plan` gives each type to one command; `deep_arguments` makes, of
each place of a command, an unknown member, a missing one, a member of the wrong type, a value that an
enumeration lacks (so also a tag), an element of the wrong type.  Around the place everything is as
the schema wants it, and names nothing that exists.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qmpconf.conform.instances import (
    UNKNOWN_ARGUMENT,
    Impossible,
    arguments,
    misfits,
)
from qmpconf.schema.model import Alternate, Array, Catalog, Enum, Object
from qmpconf.schema.walk import shape_of


@dataclass(frozen=True, slots=True)
class Wrong:
    """Arguments that a command must refuse, and why."""

    why: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A value inside of a command's arguments: its path, its type, and what stands around it.

    `around` makes whole arguments out of a value for this place.
    """

    path: str
    type: str
    around: Callable[[Any], dict[str, Any]]


def plan(catalog: Catalog, commands: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """For each command the types that it shows: each type once, for the first command that has it."""
    taken: set[str] = set()
    shown = {}
    for name in commands:
        key = catalog.commands[name].arguments
        new = [one.type for one in places(catalog, key) if one.type not in taken] if key else []
        if new:
            shown[name] = tuple(new)
            taken.update(new)
    return shown


def places(catalog: Catalog, key: str) -> Iterator[Place]:
    """A place of each type below the arguments' type `key`, the nearest ones first.

    A union whose tag stands among the arguments themselves is one of them: it has further forms.
    """
    seen = {key}
    waiting = deque([Place("", key, _whole)])
    while waiting:
        place = waiting.popleft()
        if place.path or shape_of(catalog, key).tag:
            yield place
        for inner in _below(catalog, place):
            if inner.type not in seen and inner.type in catalog.types:
                seen.add(inner.type)
                waiting.append(inner)


def deep_arguments(catalog: Catalog, key: str, types: Iterable[str]) -> Iterator[Wrong]:
    """What is wrong at one place of each of these types, below the arguments' type `key`."""
    wanted = set(types)
    for place in places(catalog, key):
        if place.type in wanted:
            for why, value in _wrong(catalog, place):
                yield Wrong(why, place.around(value))


# --- places --------------------------------------------------------------------------------------


def _whole(value: Any) -> dict[str, Any]:
    whole: dict[str, Any] = value
    return whole


def _below(catalog: Catalog, place: Place) -> Iterator[Place]:
    """The places right below one: members (with each value of the tag), elements, branches."""
    found = catalog.types.get(place.type)
    if isinstance(found, Array):
        yield Place(f"{place.path}[0]", found.element, _in_array(place))
    elif isinstance(found, Alternate):
        for branch in found.branches:
            yield Place(place.path, branch, place.around)
    elif isinstance(found, Object):
        for base, members in _forms(catalog, place.type):
            for name, kind in members:
                yield Place(_inside(place.path, name), kind, _in_object(place, base, name))


def _forms(catalog: Catalog, key: str) -> Iterator[tuple[dict[str, Any], list[tuple[str, str]]]]:
    """The forms of an object: a smallest value, and the members that it can have, with their types."""
    shape = shape_of(catalog, key)
    own = [(one.name, one.type) for one in shape.members.values()]
    for tag, variant in [("", ""), *shape.variants.items()]:
        try:
            base = (
                _tagged(catalog, key, shape.tag, tag, variant) if tag else arguments(catalog, key)
            )
        except Impossible:
            continue
        members = shape_of(catalog, variant).members.values() if variant else ()
        yield base, [(one.name, one.type) for one in members] if tag else own


def _tagged(catalog: Catalog, key: str, tag: str, value: str, variant: str) -> dict[str, Any]:
    """The smallest object of the type `key` with that tag: its own members, and those of the variant."""
    plain = arguments(catalog, key)
    own = {name: plain[name] for name in shape_of(catalog, key).members if name in plain}
    return {**arguments(catalog, variant), **own, tag: value}


def _in_array(place: Place) -> Callable[[Any], dict[str, Any]]:
    return lambda value: place.around([value])


def _in_object(place: Place, base: Mapping[str, Any], name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: place.around({**base, name: value})


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# --- what is wrong at a place -----------------------------------------------------------------------


def _wrong(catalog: Catalog, place: Place) -> Iterator[tuple[str, Any]]:
    """Values that do not fit, each with a word for why."""
    found = catalog.types[place.type]
    if isinstance(found, Object):
        yield from _wrong_objects(catalog, place)
    elif isinstance(found, Array):
        yield f"{place.path}: wrong type", 12345
        if found.element not in catalog.types:  # else the element's type has a place of its own
            for why, value in misfits(catalog, found.element):
                yield f"{place.path}[0]: {why}", [value]
    elif isinstance(found, Enum | Alternate):
        for why, value in misfits(catalog, place.type):
            yield f"{place.path}: {why}", value


def _wrong_objects(catalog: Catalog, place: Place) -> Iterator[tuple[str, Any]]:
    shape = shape_of(catalog, place.type)
    for number, (base, members) in enumerate(_forms(catalog, place.type)):
        if number == 0:
            yield from _missing(
                place, base, (one.name for one in shape.members.values() if not one.optional)
            )
        tag = str(base.get(shape.tag, "")) if shape.tag else ""
        form = f"{place.path} ({shape.tag} {tag})".lstrip() if tag else place.path
        tagged = bool(tag) == bool(number)  # the first form of a union has a tag that comes again
        if tagged and not shape.open and not _open_variant(catalog, shape.variants.get(tag, "")):
            yield f"{form}: an unknown member", {**base, UNKNOWN_ARGUMENT: 1}
        for name, kind in members:
            if kind not in catalog.types:  # else it has a place of its own
                for why, value in misfits(catalog, kind):
                    yield f"{_inside(place.path, name)}: {why}", {**base, name: value}


def _missing(
    place: Place, base: Mapping[str, Any], names: Iterable[str]
) -> Iterator[tuple[str, Any]]:
    for name in names:
        left = {key: value for key, value in base.items() if key != name}
        yield f"{_inside(place.path, name)} is missing", left


def _open_variant(catalog: Catalog, variant: str) -> bool:
    return bool(variant) and shape_of(catalog, variant).open
