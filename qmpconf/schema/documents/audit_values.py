"""What is wrong with the value in an example, in the words of the document's editor.

Turns a validator's problems into flaws of the document, each at its offset in the example's text.
A member that is unknown here may be misplaced (the document has it elsewhere in the same value) or
misnamed (a documented one, of nearly the same name, is missing here).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qmpconf.protocol.places import pointer
from qmpconf.schema.documents.tolerant import Node
from qmpconf.schema.model import Array, Catalog, Member, Object
from qmpconf.schema.problems import Path, Problem, suggest
from qmpconf.schema.walk import shape_of
from qmpconf.text import shortened

#: How alike two names are (difflib's ratio) when one is taken for a misspelling of the other.
ALIKE = 0.75


@dataclass(frozen=True, slots=True)
class Flaw:
    """A defect at an offset of an example's text."""

    rule: str
    at: int
    message: str
    pointer: str = ""
    expected: str = ""
    seen: str = ""


def flaws_of(
    catalog: Catalog, key: str, node: Node, problems: Sequence[Problem], whole: str
) -> Iterator[Flaw]:
    """The flaws behind `problems` of `node`, a value of the catalog's type `key`.

    `whole` is what the value is called ("the arguments").
    """
    if problems:
        yield from _Judge(catalog, key, node, whole).judge(problems)


class _Judge:
    def __init__(self, catalog: Catalog, key: str, node: Node, whole: str) -> None:
        self.catalog, self.node, self.whole = catalog, node, whole
        #: Every object in the value of which the document knows the members, by its path.
        self.objects: dict[Path, tuple[Node, Mapping[str, Member]]] = {}
        self._visit(key, node, ())

    def _visit(self, key: str, node: Node, path: Path) -> None:
        found = self.catalog.types.get(key)
        if isinstance(found, Array) and node.kind == "array":
            for index, one in enumerate(node.items):
                self._visit(found.element, one, (*path, index))
        elif isinstance(found, Object) and node.kind == "object":
            members = self._members(key, node)
            self.objects[path] = node, members
            for name, _, one in node.members:
                if name in members:
                    self._visit(members[name].type, one, (*path, name))

    def _members(self, key: str, node: Node) -> Mapping[str, Member]:
        """The members that the object can have, those of its variant included."""
        shape = shape_of(self.catalog, key)
        members = dict(shape.members)
        tag = node.get(shape.tag) if shape.tag else None
        variant = shape.variants.get(str(tag.value)) if tag else None
        if variant:
            members |= self._members(variant, node)
        return members

    # ── problems become flaws ────────────────────────────────────────────────────────────────

    def judge(self, problems: Sequence[Problem]) -> Iterator[Flaw]:
        unknown = [one for one in problems if one.kind == "unknown"]
        explained: set[tuple[Path, str]] = set()
        flaws = [self._unknown(one, explained) for one in unknown]
        unhinted = self._hidden(unknown, explained)
        missing: dict[Path, list[str]] = {}
        for one in (*problems, *unhinted):
            if one.kind == "missing":
                if (one.path, one.member) not in explained:
                    missing.setdefault(one.path, []).append(one.member)
            elif one.kind != "unknown":
                flaws.append(self._wrong(one))
        for path, names in missing.items():
            flaws += self._missing(path, names)
        yield from sorted(flaws, key=lambda flaw: flaw.at)

    def _place(self, path: Path) -> int:
        """Offset of the name of the member at `path`."""
        parent = self.node.nearest(path[:-1])
        return next((at for name, at, _ in parent.members if name == path[-1]), parent.start)

    def _unknown(self, one: Problem, explained: set[tuple[Path, str]]) -> Flaw:
        at, where = self._place(one.path), one.path[:-1]
        name = one.member
        home = self._home(where, name)
        if home is not None:
            explained.add((home, name))
            words = self._where(home)
            message = f"the member {name!r} stands {self._where(where)}, but is documented {words}"
            return Flaw("example.misplaced-member", at, message, pointer(map(str, one.path)))
        meant = self._meant(where, name)
        if meant:
            explained.add((where, meant))
            message = f"the member {name!r} is documented as {meant!r}"
            return Flaw(
                "example.misnamed-member", at, message, pointer(map(str, one.path)), meant, name
            )
        message = f"the member {name!r} is not documented {self._where(where)}"
        return Flaw("example.undocumented-member", at, message, pointer(map(str, one.path)))

    def _where(self, path: Path) -> str:
        """Where an object is, in words: by the nearest name."""
        names = [part for part in path if isinstance(part, str)]
        return f"in {names[-1]!r}" if names else f"in {self.whole}"

    def _home(self, where: Path, name: str) -> Path | None:
        """The object of this value that is documented to hold `name`, and lacks it.

        One of those around the place, or one right beside or inside of it.
        """
        for path, (node, members) in self.objects.items():
            near = where[: len(path)] == path or path[:-1] in (where, where[:-1])
            if near and path != where and name in members and node.get(name) is None:
                return path
        return None

    def _meant(self, where: Path, name: str) -> str:
        node, members = self.objects.get(where, (self.node, {}))
        free = [one for one in members if node.get(one) is None]
        close = difflib.get_close_matches(name, free, 1, ALIKE)
        plain = {one.lower().replace("_", "-"): one for one in free}
        return close[0] if close else plain.get(name.lower().replace("_", "-"), "")

    def _hidden(
        self, unknown: Sequence[Problem], explained: set[tuple[Path, str]]
    ) -> list[Problem]:
        """Missing members that the validator took for the unknown ones under another name."""
        found = []
        for one in unknown:
            where = one.path[:-1]
            node, members = self.objects.get(where, (self.node, {}))
            hint = suggest(one.member, [name for name in members if node.get(name) is None])
            member = members.get(hint)
            if member and not member.optional and (where, hint) not in explained:
                found.append(Problem("missing", where, "", f"member {hint!r}", "", "", hint))
        return found

    def _missing(self, path: Path, names: Sequence[str]) -> list[Flaw]:
        node = self.node.nearest(path)
        if node.elided:
            return []
        shown = ", ".join(map(repr, names))
        subject = f"the member {shown} is" if len(names) == 1 else f"the members {shown} are"
        place, which = self._where(path), "it" if len(names) == 1 else "them"
        message = f"{subject} documented as always there {place}, but the example lacks {which}"
        where = pointer(map(str, path))
        return [Flaw("example.missing-member", node.start, message, where, shown)]

    def _wrong(self, one: Problem) -> Flaw:
        node = self.node.nearest(one.path)
        name = next((part for part in reversed(one.path) if isinstance(part, str)), "")
        subject = f"the member {name!r}" if name else self.whole
        rule = {"value": "example.wrong-value"}.get(one.kind, "example.wrong-type")
        verb = "is" if name or not self.whole.endswith("s") else "are"
        message = f"{subject} {verb} documented as {shortened(one.expected, 80)}, but the example has {one.seen}"
        return Flaw(rule, node.start, message, pointer(map(str, one.path)), one.expected, one.seen)
