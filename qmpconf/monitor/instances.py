"""Values out of a catalog: the smallest that a type has, and values made to fit their type.

`instance` is what the monitor answers to a query that its model knows nothing about: no optional
member, empty lists and strings, zeros, the first value of an enumeration.  The same catalog always
gives the same value.  `fit` makes what the model says an answer of any version: it drops members
that the type does not have, and adds the ones that it must have.

Knows catalogs only; no session, no machine.
"""

from __future__ import annotations

from typing import Any

from qmpconf.protocol.values import Value
from qmpconf.schema.model import INTEGER_BOUNDS, Alternate, Array, Catalog, Enum, Object
from qmpconf.schema.walk import Shape, shape_of

#: The smallest values of the builtin types; what a document leaves open may be any object.
_SMALLEST: dict[str, Value] = {"str": "", "number": 0, "bool": False, "null": None}

_KINDS: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "number": (int, float),
    "bool": bool,
    "null": type(None),
}


class EndlessError(Exception):
    """A type has no value that ends."""


def instance(catalog: Catalog, key: str) -> Value:
    """The smallest value of the type `key`; raises `EndlessError` when it has none."""
    return _make(catalog, key, ())


def _make(catalog: Catalog, key: str, above: tuple[str, ...]) -> Any:
    if key in INTEGER_BOUNDS:
        return 0
    if key in _SMALLEST:
        return _SMALLEST[key]
    found = catalog.types.get(key)
    if key in above:
        raise EndlessError(key)
    if isinstance(found, Array):
        return []
    if isinstance(found, Enum):
        return found.values[0].name if found.values else ""
    if isinstance(found, Alternate):
        return _first(catalog, found, (*above, key))
    if isinstance(found, Object):
        return _object(catalog, shape_of(catalog, key), {}, (*above, key))
    return {}


def _first(catalog: Catalog, found: Alternate, above: tuple[str, ...]) -> Any:
    """The value of the first branch that has one."""
    for branch in found.branches:
        try:
            return _make(catalog, branch, above)
        except EndlessError:
            continue
    raise EndlessError(found.name)


def _object(catalog: Catalog, shape: Shape, given: dict[str, Any], above: tuple[str, ...]) -> Any:
    """`given` with every member that it must have, and those of the variant of its tag."""
    made = dict(given)
    for member in shape.members.values():
        if not member.optional and member.name not in made:
            made[member.name] = _make(catalog, member.type, above)
    if not shape.variants:
        return made
    choices = [made[shape.tag]] if shape.tag in made else []
    if shape.tag not in given and shape.tag in shape.members:
        tags = catalog.types.get(shape.members[shape.tag].type)
        choices = [one.name for one in tags.values] if isinstance(tags, Enum) else choices
    for choice in choices:
        variant = shape.variants.get(str(choice))
        chosen = {**made, shape.tag: choice}
        if not variant:
            return chosen
        if variant in above:
            continue
        try:
            return _object(catalog, shape_of(catalog, variant), chosen, (*above, variant))
        except EndlessError:
            continue
    if choices:
        raise EndlessError(str(choices[0]))
    return made


def fit(catalog: Catalog, key: str, value: Value) -> Any:
    """`value` as the type `key` has it, at any depth.

    Members that the type does not have are dropped, those that it must have are added, and what is
    of another type is replaced, each by its smallest instance.
    """
    found = catalog.types.get(key)
    if isinstance(found, Array):
        return [fit(catalog, found.element, one) for one in value] if _is(list, value) else []
    if isinstance(found, Object):
        return _fitted(catalog, key, value if isinstance(value, dict) else {})
    if isinstance(found, Enum):
        known = found.open or any(one.name == value for one in found.values)
        return value if known else instance(catalog, key)
    if key in INTEGER_BOUNDS:
        return value if _is(int, value) and not _is(bool, value) else 0
    if key in _KINDS:
        return value if isinstance(value, _KINDS[key]) else _SMALLEST[key]
    return value


def _is(kind: type, value: Any) -> Any:
    return isinstance(value, kind)


def _fitted(catalog: Catalog, key: str, value: dict[str, Any]) -> Any:
    shape = shape_of(catalog, key)
    members = dict(shape.members)
    if shape.tag in value and shape.tag in members:
        tag = fit(catalog, members[shape.tag].type, value[shape.tag])
        value = {**value, shape.tag: tag}
        variant = shape.variants.get(str(tag))
        members |= shape_of(catalog, variant).members if variant else {}
    kept = {
        name: fit(catalog, members[name].type, one) if name in members else one
        for name, one in value.items()
        if name in members or shape.open
    }
    return _object(catalog, shape, kept, (key,))
