"""The catalog: what one source says about a QMP server's commands, events and types.

A catalog is plain data.  Compilers make it (from a document, or from the reply to
``query-qmp-schema``), everything else only reads it.  It knows no JSON Schema, no message and
no file; `qmpconf.schema.store` turns it into bytes and back.

Names follow QAPI (docs/devel/qapi-code-gen): a command has *arguments* and a *return type*, an
event has *data*, and a type is a *builtin*, an *enum*, an *array*, an *object* (with an optional
*tag* and *variants*, the discriminated union) or an *alternate*.

Types refer to each other by key, never by nesting, so recursion needs no special case.  A key is
only an address: `Type.name` is what a user may be shown, and it is empty where the source has no
name (introspection masks its type names; a member list that stands inside a paragraph has none).
Builtin types have the keys of `BUILTINS`, and are never listed in `Catalog.types`.
"""

from __future__ import annotations

# Not only for type checkers: msgspec reads the hints when a catalog is loaded.
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Key of each builtin type, with the JSON type that it has on the wire (QAPI: ``json-type``).
BUILTINS: Mapping[str, str] = {
    "str": "string",
    "int": "int",
    "number": "number",
    "bool": "boolean",
    "null": "null",
    "any": "value",
}

#: Integer types that documents name; all are ``int`` on the wire, with these inclusive bounds.
INTEGER_BOUNDS: Mapping[str, tuple[int, int]] = {
    "int": (-(2**63), 2**64 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "size": (0, 2**64 - 1),
}


#: How a source supports a fact: it says so; only its examples show it; it also says otherwise.
Strength = Literal["stated", "example", "contradicted"]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A place where the source says otherwise, in `line`.

    `about` is what it denies: that a member is always there (``missing``), or its ``type``, which
    for an integer includes its range.
    """

    about: Literal["missing", "type"]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a command takes or returns where its source does not state it: the type `key`.

    `how` it was concluded: from an ``example``, from a name with a slip (``spelling``), since nothing else
    uses the type (``rest``), or from the QAPI ``source`` where the text is wrong; `line` says where.
    """

    how: Literal["example", "spelling", "rest", "source"]
    key: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What any documented entity can carry besides its shape.

    `line` is the 1-based line of the source (0: unknown; introspection has none), `file` the file of
    a source that has several.  `since` is a version as the source writes it ("2.10").  `features` are
    QAPI feature names, of which ``deprecated`` and ``unstable`` have a meaning everywhere.
    `condition` says on which settings of a build it depends: of QAPI source as in
    `qmpconf.schema.conditions`, of a document its ``If:`` text; `features_if` are the same for single
    features.  `text` is what the source says to people about it, which no catalog that ships has
    (they hold facts only).  `strength` says how far the fact carries: only what a source states, and nowhere
    contradicts, can make an error.  `instead` are the names of what the source says to use in place
    of something deprecated: commands, or siblings of a member or value.  `against` are the first
    contradictions of each sort; `concluded` is what a document about a command does not state.
    """

    line: int = 0
    since: str = ""
    features: tuple[str, ...] = ()
    condition: str = ""
    strength: Strength = "stated"
    instead: tuple[str, ...] = ()
    against: tuple[Contradiction, ...] = ()
    file: str = ""
    text: str = ""
    features_if: tuple[tuple[str, str], ...] = ()
    concluded: tuple[Conclusion, ...] = ()


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: argument, return member or event datum.

    `type` is a key of `Catalog.types` or `BUILTINS` (or of `INTEGER_BOUNDS`).  `default` is the
    default as the source writes it, where it gives one.
    """

    name: str
    type: str
    optional: bool = False
    default: str = ""
    facts: Facts = NO_FACTS


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enumeration."""

    name: str
    facts: Facts = NO_FACTS


@dataclass(frozen=True, slots=True)
class Enum:
    """A string out of a closed list.  `open` marks a list that the source calls incomplete.

    `shown` are values that only examples of the source have: they are not part of the list.
    """

    values: tuple[EnumValue, ...]
    name: str = ""
    open: bool = False
    facts: Facts = NO_FACTS
    shown: tuple[EnumValue, ...] = ()
    kind: Literal["enum"] = "enum"


@dataclass(frozen=True, slots=True)
class Array:
    """A list whose elements are all of one type."""

    element: str
    name: str = ""
    facts: Facts = NO_FACTS
    kind: Literal["array"] = "array"


@dataclass(frozen=True, slots=True)
class Object:
    """A JSON object.

    `members` holds its own members; `base` names an object type whose members (and tag) it has
    as well.  With `tag`, the value of that member chooses an object type out of `variants` whose
    members are present too (a value without an entry adds none).  `open` marks an object that
    takes members beyond those listed (``device_add``), because the source says so or because it
    does not determine them.  `shown` are members that only examples of the source have: they are
    not part of the type.  `variants_if` are the conditions of variants (`Facts.condition`), by the
    tag's value.
    """

    members: tuple[Member, ...] = ()
    base: str = ""
    tag: str = ""
    variants: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    name: str = ""
    facts: Facts = NO_FACTS
    shown: tuple[Member, ...] = ()
    variants_if: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["object"] = "object"


@dataclass(frozen=True, slots=True)
class Alternate:
    """One of several types that differ in their JSON type.

    `branches_if` are the conditions of branches (`Facts.condition`), by the type's key.
    """

    branches: tuple[str, ...]
    name: str = ""
    facts: Facts = NO_FACTS
    branches_if: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["alternate"] = "alternate"


Type = Enum | Array | Object | Alternate


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    `arguments` and `returns` are type keys; an empty `arguments` means that it takes none, an
    empty `returns` that it returns nothing (``{}`` on the wire).  Only QAPI source says whether it is
    taken before the machine is made (`allow_preconfig`), whether it is a `coroutine`, and whether it is
    `silent`: not answered where it succeeds (``success-response: false``).
    """

    name: str
    arguments: str = ""
    returns: str = ""
    allow_oob: bool = False
    facts: Facts = NO_FACTS
    allow_preconfig: bool = False
    coroutine: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """An event; an empty `data` means that it carries none."""

    name: str
    data: str = ""
    facts: Facts = NO_FACTS


@dataclass(frozen=True, slots=True)
class Source:
    """Where a catalog comes from.

    `kind` is ``introspection``, ``qapi`` (QAPI source) or ``document``; `form` the document's form as the compiler
    detected it; `version` the QEMU version that it describes ("7.2.22", "5.2.0"); `package` the
    build's package string; `product` ``qemu``, ``qemu-storage-daemon`` or ``qemu-ga``; `sha256` of the bytes
    compiled; `title` a short name of the document for citations ("qmp-commands.txt 1.6.2").
    `partial` says why the source describes only a part of what its server has, and is empty for a
    whole one: what a partial catalog lacks proves nothing.  `origin` says who published it, where that is not
    who built the server ("libvirt 9.0.0, caps_6.0.0.x86_64.replies"); `architecture` is the server's target as
    QEMU names it ("aarch64"), empty for x86_64 and where it is not known.
    """

    kind: Literal["introspection", "qapi", "document"]
    product: str = "qemu"
    version: str = ""
    package: str = ""
    form: str = ""
    title: str = ""
    sha256: str = ""
    partial: str = ""
    origin: str = ""
    architecture: str = ""

    @property
    def lists_all(self) -> bool:
        """Whether the server lacks what the catalog lacks: a command, an argument, a value.

        So it is with introspection, and with the manuals that QEMU makes out of its schema; the
        documents before them (``qmp-commands.txt``, ``.hx``) were written by hand, and leave some
        of each out.
        """
        return not self.partial and not self.form.startswith(("qmp-commands", "qmp-events"))

    @property
    def is_exact(self) -> bool:
        """Whether the source is read by programs, and so says all of what it says about an entry.

        That is introspection and QAPI source; documents leave out, for example, which commands may
        be sent out of band.
        """
        return self.kind in {"introspection", "qapi"}


@dataclass(frozen=True, slots=True)
class Catalog:
    """A compiled set of documented commands, events and types (qmpconf/README.md, Catalogs)."""

    name: str
    source: Source
    commands: Mapping[str, Command]
    events: Mapping[str, Event]
    types: Mapping[str, Type]

    def object_members(self, key: str) -> Iterator[Member]:
        """Every member of the object type `key` that does not depend on a tag, bases first.

        Raises KeyError when `key` is not a type of this catalog.
        """
        seen: list[Object] = []
        while key:
            found = self.types[key]
            if not isinstance(found, Object) or found in seen:
                break
            seen.append(found)
            key = found.base
        for one in reversed(seen):
            yield from one.members
