"""The files of a schema: what stands at their top level, with what they include, in order.

An ``include`` stands for the other file's definitions; a file that was read already is passed over, and
one that includes itself, perhaps over others, is an error.  A ``pragma`` holds for all files of the
schema, as in QEMU.  Reading files is left to the caller (`Read`), so that this module opens none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from qmpconf.errors import InputError
from qmpconf.schema.qapi.comments import Comment, read_comment
from qmpconf.schema.qapi.dialect import Dialect
from qmpconf.schema.qapi.places import Place, SourceError
from qmpconf.schema.qapi.values import Budget, Node, Tokens

#: Gives the text of a file.  Raises InputError when it cannot be read.
Read = Callable[[str], str]

#: Characters of all files together; the schema of QEMU 10.0 has 0.7 million.
_LARGEST = 4 << 20

#: Name of a pragma -> its attribute of `Pragma`; the old names mean the same.
_LISTS = {
    "command-name-exceptions": "command_names",
    "command-returns-exceptions": "command_returns",
    "returns-whitelist": "command_returns",
    "documentation-exceptions": "undocumented",
    "member-name-exceptions": "member_names",
    "name-case-whitelist": "member_names",
}
_OLD = {"returns-whitelist", "name-case-whitelist"}


@dataclass(slots=True)
class Pragma:
    """What the schema asks for beyond the rules, and what it is excused from."""

    doc_required: bool = False
    command_names: frozenset[str] = frozenset()
    command_returns: frozenset[str] = frozenset()
    undocumented: frozenset[str] = frozenset()
    member_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Expression:
    """An object of the top level that defines something, and the comment above it."""

    node: Node
    comment: Comment | None


@dataclass(slots=True)
class Schema:
    """All files of a schema: their expressions and comments in order, and their texts by name."""

    expressions: list[Expression] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    pragma: Pragma = field(default_factory=Pragma)
    texts: dict[str, str] = field(default_factory=dict)


def read_schema(file: str, read: Read, dialect: Dialect) -> Schema:
    """The schema whose main file is `file`.

    Raises InputError when that cannot be read, and `SourceError` for what is wrong in any file.
    """
    schema = Schema()
    reader = _Reader(schema, read, dialect)
    reader.file(normpath(file), read(file), ())
    return schema


class _Reader:
    def __init__(self, schema: Schema, read: Read, dialect: Dialect) -> None:
        self._schema = schema
        self._read = read
        self._dialect = dialect
        self._budget = Budget()
        self._size = 0

    def file(self, name: str, text: str, included: tuple[Place, ...]) -> None:
        """Read the file `name`, which has the `text`, with what it includes."""
        self._schema.texts[name] = text
        self._size += len(text)
        if self._size > _LARGEST:
            what = f"the files of a schema have no more than {_LARGEST >> 20} MiB together"
            raise SourceError(Place(name, 1, 0, included), what)
        tokens = Tokens(text, name, included, self._budget)
        above: Comment | None = None
        while tokens.token.kind:
            if tokens.token.kind == "#":
                self._unused(above)
                above = read_comment(tokens, self._dialect)
                self._schema.comments.append(above)
                continue
            node = tokens.value()
            if not isinstance(node.value, dict):
                raise SourceError(
                    node.place, "a definition or directive is an object, and not this"
                )
            if "include" in node.value:
                self._unused(above)
                self._include(node, name)
            elif "pragma" in node.value:
                self._unused(above)
                self._pragma(node)
            else:
                if above and not above.symbol and self._dialect.documents:
                    what = (
                        "the comment of a definition begins with '@NAME:'; a free-form one cannot "
                        f"stand above the definition in line {node.place.line}"
                    )
                    raise SourceError(_whole(above.place), what)
                self._schema.expressions.append(Expression(node, above))
            above = None
        self._unused(above)

    def _unused(self, above: Comment | None) -> None:
        if above and above.symbol and self._dialect.documents:
            what = f"the definition of {above.symbol!r} does not follow its documentation"
            raise SourceError(_whole(above.place), what)

    # ── directives ───────────────────────────────────────────────────────────────────────────

    def _include(self, node: Node, name: str) -> None:
        wanted = _alone(node, "include")
        if not isinstance(wanted.value, str):
            raise SourceError(node.place, "'include' takes the name of a file, a string")
        file = normpath(join(dirname(name), wanted.value))
        chain = (*node.place.included, node.place)
        if any(one.file == file for one in chain):
            raise SourceError(node.place, f"{wanted.value!r} includes itself: {_loop(chain, file)}")
        if file in self._schema.texts:
            return
        try:
            text = self._read(file)
        except InputError as error:
            raise SourceError(node.place, f"the included file is missing: {error}") from None
        self.file(file, text, chain)

    def _pragma(self, node: Node) -> None:
        wanted = _alone(node, "pragma")
        if not isinstance(wanted.value, dict):
            raise SourceError(node.place, "'pragma' takes an object")
        for name, one in wanted.value.items():
            known = _LISTS.get(name, "")
            if name in _OLD and not self._dialect.strings:
                known = ""
            if name == "doc-required":
                if not isinstance(one.value, bool):
                    raise SourceError(node.place, f"the pragma {name!r} takes true or false")
                self._schema.pragma.doc_required = one.value
            elif known:
                setattr(self._schema.pragma, known, frozenset(_strings(node, name, one)))
            else:
                raise SourceError(node.place, f"the pragma {name!r} is unknown")


def _alone(node: Node, directive: str) -> Node:
    if not isinstance(node.value, dict) or len(node.value) != 1:
        raise SourceError(node.place, f"beside {directive!r} stands something else")
    return node.value[directive]


def _strings(node: Node, name: str, found: Node) -> list[str]:
    items = found.value if isinstance(found.value, list) else [found]
    names = [one.value for one in items if isinstance(one.value, str)]
    if not isinstance(found.value, list) or len(names) < len(items):
        raise SourceError(node.place, f"the pragma {name!r} takes a list of strings")
    return names


def _whole(place: Place) -> Place:
    """The line alone: what is wrong is the whole comment that begins there."""
    return Place(place.file, place.line, 1, place.included)


def _loop(chain: tuple[Place, ...], file: str) -> str:
    names = [one.file for one in chain]
    return " → ".join([*names[names.index(file) :], file])
