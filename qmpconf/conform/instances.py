"""Values out of a catalog: the smallest ones that fit a type, and ones that surely do not.

They name nothing that exists, so that a server which carries a command out all the same finds
nothing to carry it out on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qmpconf.schema.model import INTEGER_BOUNDS, Alternate, Array, Catalog, Enum, Object
from qmpconf.schema.walk import shape_of

#: Names nothing that exists.
NOWHERE = "qmpconf-no-such-thing"
_NO_FILE = "/qmpconf/no/such/file"
_FILE_WORDS = ("file", "path", "uri", "socket", "protocol")

UNKNOWN_ARGUMENT = "qmpconf-no-such-argument"
UNKNOWN_VALUE = "qmpconf-no-such-value"

#: How deep an instance may nest.
_DEEPEST = 12


class Impossible(Exception):  # noqa: N818 - an answer, not an error
    """No value of the type can be made."""


def instance(catalog: Catalog, key: str, name: str = "", depth: int = 0) -> Any:
    """The smallest value of the type `key`; `name` is that of the member it is for.

    Raises Impossible for a type without an end.
    """
    if depth > _DEEPEST:
        raise Impossible(key)
    if key in INTEGER_BOUNDS:
        return 0
    simple = {"number": 0.5, "bool": False, "null": None, "any": 0}
    if key in simple:
        return simple[key]
    if key == "str":
        return _NO_FILE if any(word in name for word in _FILE_WORDS) else NOWHERE
    found = catalog.types.get(key)
    if isinstance(found, Enum):
        if not found.values:
            raise Impossible(key)
        return found.values[0].name
    if isinstance(found, Array):
        return []
    if isinstance(found, Alternate):
        return _simplest(catalog, found, name, depth)
    if isinstance(found, Object):
        return arguments(catalog, key, depth)
    raise Impossible(key)


def _simplest(catalog: Catalog, alternate: Alternate, name: str, depth: int) -> Any:
    """A value of one of the branches: not an object, where there is another one."""
    branches = sorted(alternate.branches, key=lambda key: _kind(catalog, key) == "object")
    for branch in branches:
        try:
            return instance(catalog, branch, name, depth + 1)
        except Impossible:
            continue
    raise Impossible(name)


def arguments(catalog: Catalog, key: str, depth: int = 0) -> dict[str, Any]:
    """The smallest object of the object type `key`: its required members, and those of its variant."""
    shape = shape_of(catalog, key)
    made = {
        one.name: instance(catalog, one.type, one.name, depth + 1)
        for one in shape.members.values()
        if not one.optional
    }
    variant = shape.variants.get(str(made.get(shape.tag))) if shape.tag else None
    return {**arguments(catalog, variant, depth + 1), **made} if variant else made


def misfits(catalog: Catalog, key: str) -> Iterator[tuple[str, Any]]:
    """Values that are not of the type `key`, each with a word for what is wrong with it."""
    if key == "any":
        return
    found = catalog.types.get(key)
    if isinstance(found, Enum):
        if not found.open:
            yield "unknown value", UNKNOWN_VALUE
        yield "wrong type", 12345
    elif isinstance(found, Alternate):
        kinds = {_kind(catalog, branch) for branch in found.branches}
        for kind, value in _SAMPLES.items():
            if kind not in kinds and "any" not in kinds:
                yield "wrong type", value
                return
    else:
        kind = _kind(catalog, key)
        yield "wrong type", _SAMPLES["string" if kind != "string" else "int"]
        if kind not in ("object", "any"):
            yield "wrong type", {}
        if kind == "int":
            yield "no whole number", 0.5


_SAMPLES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "int": 12345,
    "array": [],
    "object": {},
    "string": NOWHERE,
}


def _kind(catalog: Catalog, key: str) -> str:
    """The JSON type of a type's values; ``any`` where there are several."""
    if key in INTEGER_BOUNDS:
        return "int"
    names = {"number": "int", "bool": "boolean", "null": "null", "str": "string", "any": "any"}
    if key in names:
        return "number" if key == "number" else names[key]
    found = catalog.types.get(key)
    if isinstance(found, Enum):
        return "string"
    if isinstance(found, Array):
        return "array"
    return "object" if isinstance(found, Object) else "any"
