"""A filter as a tree, and the tree as text.

``str(one)`` is the filter in the language; read again, it is the same tree.  `both`, `either` and `opposite`
put filters together in the one form that the parser gives, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.trace.filter import advice
from qmpconf.trace.filter.fields import FIELDS, Field
from qmpconf.trace.filter.literals import Range, Scalar, written
from qmpconf.trace.filter.words import is_word, quoted


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Any value in a list or object; with `deep`, in any that are within, too, and the value itself."""

    deep: bool = False

    def __str__(self) -> str:
        return "**" if self.deep else "*"


Step = str | Wildcard


@dataclass(frozen=True, slots=True)
class Place:
    """A field, and of one that holds JSON the path of a value in it."""

    name: str
    path: tuple[Step, ...] = ()

    @property
    def field(self) -> Field:
        """What the table says of it."""
        return FIELDS[self.name]

    def __str__(self) -> str:
        return "/".join((self.name, *map(_step, self.path)))


def _step(step: Step) -> str:
    if isinstance(step, Wildcard):
        return str(step)
    plain = is_word(step) and "/" not in step and step not in ("*", "**")
    return step if plain else quoted(step)


@dataclass(frozen=True, slots=True)
class Has:
    """There is one; of a field that says yes or no, that it says yes."""

    place: Place

    def __str__(self) -> str:
        return str(self.place)


@dataclass(frozen=True, slots=True)
class Compare:
    """A field, an operator, and what it is compared with."""

    place: Place
    operator: str
    value: Scalar

    def __str__(self) -> str:
        said, field = str(self.value), self.place.field
        is_text = "~" in self.operator or isinstance(self.value, str)
        literal = (
            quoted(said)
            if is_text and (not is_word(said) or advice.against(field, self.operator, said))
            else written(self.value, "text" if "~" in self.operator else self.place.field.type)
        )
        return f"{self.place} {self.operator} {literal}"


@dataclass(frozen=True, slots=True)
class In:
    """A field, and the values and ranges of which it is to be one."""

    place: Place
    items: tuple[Scalar | Range, ...]

    def __str__(self) -> str:
        items = ", ".join(written(one, self.place.field.type) for one in self.items)
        return f"{self.place} in ({items})"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: Filter

    def __str__(self) -> str:
        return f"not {_in_parentheses(self.inner, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """All of them; with none, everything."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(_in_parentheses(one, And, Or) for one in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """One of them."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(_in_parentheses(one, Or) for one in self.parts)


Filter = Has | Compare | In | Not | And | Or

#: Asks nothing.  (Only `both` of nothing makes it: there is no text for it.)
EVERYTHING = And(())


def _in_parentheses(one: Filter, *kinds: type[And | Or]) -> str:
    return f"({one})" if isinstance(one, kinds) else str(one)


def both(*parts: Filter) -> Filter:
    """What passes all of them."""
    flat = [inner for one in parts for inner in (one.parts if isinstance(one, And) else (one,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def either(*parts: Filter) -> Filter:
    """What passes one of them (of at least one)."""
    flat = [inner for one in parts for inner in (one.parts if isinstance(one, Or) else (one,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def opposite(one: Filter) -> Filter:
    """What does not pass."""
    return Not(one)


def is_late(one: Filter) -> bool:
    """Whether a command passes or not shows only once it is answered."""
    if isinstance(one, And | Or):
        return any(map(is_late, one.parts))
    if isinstance(one, Not):
        return is_late(one.inner)
    return one.place.field.late
