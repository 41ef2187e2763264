"""Which problems prove nothing, because the catalog's own source says otherwise elsewhere.

A document states that a member is always there, and shows an example without it; it lists values,
and shows one more.  The compiler marks such facts (`Facts.strength`); here a `Problem` of a value
finds its way back to the fact that it is about.

Knows neither messages nor findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from qmpconf.schema.model import Alternate, Array, Catalog, Contradiction, Enum, Facts, Object

if TYPE_CHECKING:
    from qmpconf.schema.model import Member
    from qmpconf.schema.problems import Path, Problem

#: JSON types that a type of the catalog has.
_FITS: dict[str, type] = {"object": dict, "array": list, "enum": str}

#: Objects that are bases or variants of each other, at most.
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where a problem is: the type (key) there, and the member that has it, of the type `owner`.

    `member` is None, and `owner` empty, for the whole value.
    """

    key: str
    owner: str = ""
    member: Member | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a problem proves nothing: what the source does in `line` (0: unknown)."""

    what: Literal["shown", "missing", "type", "concluded", "corrected"]
    line: int = 0

    @property
    def sentence(self) -> str:
        """As a clause about the document."""
        where = f"line {self.line}" if self.line else "text"
        if self.what == "concluded":
            return f"the document does not state the type, which was concluded from its {where}"
        if self.what == "corrected":
            return f"the document's {where} states another type, which is wrong by the QAPI source"
        return f"the document's own {where} {_DOES[self.what]}, too"


_DOES = {"shown": "has it", "missing": "leaves it out", "type": "shows another type"}


def doubt(catalog: Catalog, facts: Facts, key: str, value: Any, problem: Problem) -> Doubt | None:
    """What makes a problem of `value`, which should be of the type `key`, doubtful; else None.

    `facts` are those of the command or event that it belongs to.
    """
    path = problem.path[:-1] if problem.kind == "unknown" else problem.path
    soft = next((one for one in facts.concluded if one.key == key), None)
    if soft is not None:
        return Doubt("corrected" if soft.how == "source" else "concluded", soft.line)
    place = place_of(catalog, key, value, path)
    if place is None:
        return None
    if problem.kind == "unknown":
        shown = (
            one for kind in parts_of(catalog, place.key, _at(value, path)) for one in kind.shown
        )
        return next(
            (Doubt("shown", one.facts.line) for one in shown if one.name == problem.member), None
        )
    if problem.kind == "missing":
        found = holder_of(catalog, place.key, _at(value, path), problem.member)
        return _against(found[1].facts, "missing") if found else None
    kind = catalog.types.get(place.key)
    if problem.kind == "value" and isinstance(kind, Enum):
        seen = _at(value, path)
        line = next((one.facts.line for one in kind.shown if one.name == seen), None)
        if line is not None:
            return Doubt("shown", line)
    told = place.member.facts if place.member else kind.facts if kind else facts
    if told.strength == "example":
        return Doubt("concluded", told.line)
    return _against(told, "type")


def _against(facts: Facts, about: Literal["missing", "type"]) -> Doubt | None:
    return next((Doubt(about, one.line) for one in facts.against if one.about == about), None)


# ── from a path to the type and the member there ─────────────────────────────────────────────


def place_of(catalog: Catalog, key: str, value: Any, path: Path) -> Place | None:
    """What the catalog has at `path` in a value of the type `key`; None where it leads nowhere.

    An element of an array belongs to the member that holds the array.
    """
    place = Place(key)
    for part in path:
        found = catalog.types.get(_branch(catalog, place.key, value))
        if isinstance(found, Array) and isinstance(value, list) and isinstance(part, int):
            place = Place(found.element, place.owner, place.member)
        elif isinstance(value, dict) and part in value:
            held = holder_of(catalog, _branch(catalog, place.key, value), value, str(part))
            if held is None:
                return None
            place = Place(held[1].type, *held)
        else:
            return None
        value = value[part]
    return Place(_branch(catalog, place.key, value), place.owner, place.member)


def _branch(catalog: Catalog, key: str, value: Any) -> str:
    """The branch of an alternate that a value belongs to; `key` itself where it is none."""
    found = catalog.types.get(key)
    if not isinstance(found, Alternate):
        return key
    fitting = (one for one in found.branches if _fits(catalog, one, value))
    return next(fitting, key)


def _fits(catalog: Catalog, key: str, value: Any) -> bool:
    found = catalog.types.get(key)
    return found is not None and isinstance(value, _FITS.get(found.kind, ()))


def parts_of(catalog: Catalog, key: str, value: Any) -> Iterator[Object]:
    """The object type `key`, its bases, and the variants that `value` chooses."""
    return (found for _, found in _parts(catalog, key, value))


def _parts(catalog: Catalog, key: str, value: Any) -> Iterator[tuple[str, Object]]:
    waiting, seen = [key], set[str]()
    while waiting and len(seen) < _DEEPEST:
        current = waiting.pop(0)
        found = catalog.types.get(current)
        if current in seen or not isinstance(found, Object):
            continue
        seen.add(current)
        yield current, found
        variant = found.variants.get(str(value.get(found.tag))) if isinstance(value, dict) else None
        waiting += [one for one in (found.base, variant) if one]


def holder_of(catalog: Catalog, key: str, value: Any, name: str) -> tuple[str, Member] | None:
    """The type that has the member `name` in an object of the type `key`, and the member."""
    for owner, found in _parts(catalog, key, value):
        for one in found.members:
            if one.name == name:
                return owner, one
    return None


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


# ── marks ────────────────────────────────────────────────────────────────────────────────────


def denied(facts: Facts, about: Literal["missing", "type"], line: int) -> Facts:
    """The same facts, one of which the source denies in `line`; the first place counts."""
    if any(one.about == about for one in facts.against):
        return facts
    against = (*facts.against, Contradiction(about, line))
    return replace(facts, strength="contradicted", against=against)
