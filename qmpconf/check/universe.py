"""Every place of a catalog that a session can use: members, values, branches, in both directions.

A place is named as in `qmpconf.schema.diff`, here without the command or event in front:
``/arguments/MEMBER``, ``/return/*/MEMBER``, ``/data/MEMBER=VALUE``, a branch of a union
``/arguments[TAG=VALUE]`` with its members behind it, a branch of an alternate ``/return(str)``.
The values of a union's tag are its branches, and count once, as these.

Types are shared, and some contain themselves.  Within one payload (a command's arguments, its
result, an event's data) an object or alternate type has its places once: where it stands nearest
to the top.  What is used of it elsewhere in the same payload counts there.  So the driver of a
node inside of a node of ``blockdev-add`` counts as one of its drivers; and commands that share a
type have its places each for itself.

`Payload` holds one payload's places, and the nodes along which a value is walked to count them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal, get_args

from qmpconf.schema.model import BUILTINS, Alternate, Array, Catalog, Enum, Facts, Object
from qmpconf.schema.walk import is_builtin, shape_of

if TYPE_CHECKING:
    from qmpconf.protocol.values import Value
    from qmpconf.schema.features import Features

#: What is counted, each kind for itself.  ``values`` and ``variants`` are those of arguments;
#: ``returns`` and ``data`` are the members of results and events, with their values and branches.
Kind = Literal["commands", "arguments", "values", "variants", "returns", "events", "data"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: What stands before the last part of a place.
SEPARATORS = "/=[("

#: Kind of type -> the Python types of its values.
_PYTHON: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "enum": (str,),
    "int": (int,),
    "number": (int, float),
    "bool": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def kind_of(place: str) -> Kind:
    """The kind of a place inside of a command or event."""
    if place.startswith("/return"):
        return "returns"
    if place.startswith("/data"):
        return "data"
    if place.endswith(("]", ")")):
        return "variants"
    return "values" if place.rfind("=") > max(place.rfind("/"), place.rfind("]")) else "arguments"


class ObjectNode:
    """An object type: its members and branches, each with its place's number and what is below."""

    __slots__ = ("cases", "members", "tag")

    def __init__(self) -> None:
        self.members: dict[str, tuple[int, Node]] = {}
        self.tag = ""
        self.cases: dict[str, tuple[int, Node]] = {}


class AlternateNode:
    """An alternate: its branches by the Python type of a value."""

    __slots__ = ("branches",)

    def __init__(self) -> None:
        self.branches: dict[type, tuple[int, Node]] = {}


class ArrayNode:
    """An array: what its elements are."""

    __slots__ = ("element",)

    def __init__(self, element: Node) -> None:
        self.element = element


#: What is below a place: None for nothing, a dictionary for the values of an enumeration.
Node = ObjectNode | AlternateNode | ArrayNode | dict[str, int] | None
Marks = tuple[str, ...]


class Payload:
    """The places of one payload; `marks` says which of them are deprecated or unstable.

    `root` is ``/arguments``, ``/return`` or ``/data``, `key` the payload's type; an empty one has
    no places.
    """

    def __init__(self, catalog: Catalog, features: Features, root: str, key: str) -> None:
        self.places: list[str] = []
        self.marks: dict[str, Marks] = {}
        self._catalog = catalog
        self._features = features
        self._numbers: dict[str, int] = {}
        self._shared: dict[str, ObjectNode | AlternateNode] = {}
        self._waiting: deque[tuple[str, str, Marks]] = deque()  # nearest to the top first
        self._start = self._node(root, key, ())
        while self._waiting:
            self._fill(*self._waiting.popleft())

    # ── the catalog, once ────────────────────────────────────────────────────────────────────

    def _place(self, place: str, marks: Marks) -> int:
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self.places)
            self.places.append(place)
            if marks:
                self.marks[place] = marks
        return number

    def _marked(self, above: Marks, name: str, facts: Facts) -> Marks:
        """Whatever is part of something deprecated is deprecated as well."""
        own = self._features.marks(name, facts)
        return tuple(sorted({*above, *own})) if own else above

    def _node(self, place: str, key: str, marks: Marks) -> Node:
        arrays: set[str] = set()
        found = self._catalog.types.get(key)
        levels = 0
        while isinstance(found, Array) and key not in arrays:
            arrays.add(key)
            levels += 1
            key = found.element
            found = self._catalog.types.get(key)
        node = self._inner(place + "/*" * levels, key, marks)
        for _ in range(levels if node is not None else 0):
            node = ArrayNode(node)
        return node

    def _inner(self, place: str, key: str, marks: Marks) -> Node:
        """What `key`, which is not an array, has below it."""
        found = self._catalog.types.get(key)
        if isinstance(found, Enum):
            return {
                one.name: self._place(f"{place}={one.name}", self._marked(marks, "", one.facts))
                for one in found.values
            }
        if not isinstance(found, Object | Alternate):
            return None
        node = self._shared.get(key)
        if node is None:
            node = ObjectNode() if isinstance(found, Object) else AlternateNode()
            self._shared[key] = node
            self._waiting.append((place, key, marks))
        return node

    def _fill(self, place: str, key: str, marks: Marks) -> None:
        node = self._shared[key]
        if isinstance(node, ObjectNode):
            self._fill_object(node, place, key, marks)
            return
        found = self._catalog.types[key]
        for branch in found.branches if isinstance(found, Alternate) else ():
            kind = self._kind(branch)
            at = f"{place}({kind})"
            below = self._place(at, marks), self._node(at, branch, marks)
            for one in _PYTHON.get(kind, ()):
                node.branches.setdefault(one, below)

    def _kind(self, key: str) -> str:
        if is_builtin(key):
            return key if key in BUILTINS else "int"
        return self._catalog.types[key].kind

    def _fill_object(self, node: ObjectNode, place: str, key: str, marks: Marks) -> None:
        shape = shape_of(self._catalog, key)
        node.tag = shape.tag
        for name, member in shape.members.items():
            at = f"{place}/{name}"
            own = self._marked(marks, name, member.facts)
            number = self._place(at, own)
            below = None if name == shape.tag else self._node(at, member.type, own)
            node.members[name] = number, below
        for value, facts in self._values(shape.tag, key).items():
            at = f"{place}[{shape.tag}={value}]"
            own = self._marked(marks, "", facts)
            number = self._place(at, own)
            branch = shape.variants.get(value, "")
            node.cases[value] = number, self._node(at, branch, own)

    def _values(self, tag: str, key: str) -> dict[str, Facts]:
        """The values of a union's tag, also those that add no members."""
        shape = shape_of(self._catalog, key)
        found = {value: Facts() for value in shape.variants}
        member = shape.members.get(tag)
        kind = self._catalog.types.get(member.type) if member else None
        if isinstance(kind, Enum):
            found |= {one.name: one.facts for one in kind.values}
        return found

    # ── a value ──────────────────────────────────────────────────────────────────────────────

    def count(self, value: Value, counts: list[int]) -> None:
        """Add one to the number of each place that `value` uses, each time that it does.

        What the catalog does not know is passed over, and so is what does not fit it.
        """
        waiting: list[tuple[Node, Value]] = [(self._start, value)]
        while waiting:
            node, one = waiting.pop()
            if type(node) is ObjectNode:
                if not isinstance(one, dict):
                    continue
                if node.tag:
                    case = one.get(node.tag)
                    found = node.cases.get(case) if type(case) is str else None
                    if found is not None:
                        counts[found[0]] += 1
                        if found[1] is not None:
                            waiting.append((found[1], one))
                members = node.members
                for name, inner in one.items():
                    found = members.get(name)
                    if found is not None:
                        number, below = found
                        counts[number] += 1
                        if type(below) is dict:
                            if type(inner) is str and inner in below:
                                counts[below[inner]] += 1
                        elif below is not None:
                            waiting.append((below, inner))
            elif type(node) is dict:
                if type(one) is str and one in node:
                    counts[node[one]] += 1
            elif type(node) is ArrayNode:
                if isinstance(one, list):
                    waiting += [(node.element, inner) for inner in one]
            elif type(node) is AlternateNode:
                kind = dict if isinstance(one, dict) else type(one)
                found = node.branches.get(kind if kind in node.branches else _base(kind))
                if found is not None:
                    counts[found[0]] += 1
                    waiting.append((found[1], one))


def _base(kind: type) -> type:
    """The plain type of a value: a number that keeps its text is a float."""
    return float if issubclass(kind, float) else kind
