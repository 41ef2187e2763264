"""The values of QAPI source: objects, arrays, strings and booleans in a dialect of JSON.

The dialect (docs/devel/qapi-code-gen, "Schema syntax"): strings stand in single quotes, hold printable
ASCII alone and know one escape (a doubled backslash); there are neither numbers nor null; ``#`` begins a
comment up to the end of the line, and ``##`` a documentation comment, which may only stand between the
values of the top level.  Everything keeps its place.

This module knows no file, and not what the values mean.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from qmpconf.schema.qapi.places import Place, SourceError

#: More levels than any schema has; Python's own stack ends far behind it.
_DEEPEST = 64

#: Values and lines of comments that a schema may have together; that of QEMU 10.0 has 32,000.
MOST = 150_000

_BLANK = re.compile(r"\s+")
_STRING = re.compile(r"'([ -&(-\[\]-~]*)'")
_WORD = re.compile(r"[^\[\]{}:,\s']+")
_MARKS = frozenset("[]{}:,")
_BOOLEANS = {"true": True, "false": False}
_LOWEST, _HIGHEST = 32, 127


@dataclass(slots=True)
class Budget:
    """What all files of a schema may still hold, so that no input takes all memory."""

    left: int = MOST


@dataclass(slots=True)
class Node:
    """A value with its place; `keys` has the places of an object's names."""

    value: str | bool | list[Node] | dict[str, Node]
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def members(self) -> dict[str, Node]:
        """The members of an object; of anything else none."""
        return self.value if isinstance(self.value, dict) else {}


class Token(NamedTuple):
    """One token.

    `kind` is a structural character, ``'`` (a string), ``b`` (a boolean), ``#`` (a comment, which only
    `Tokens.comment` gives, or one that begins with ``##``), or empty at the end of the file.
    """

    kind: str
    value: str | bool
    at: int


class Tokens:
    """The tokens of one file, one after the other; `token` is the one at hand."""

    def __init__(
        self,
        text: str,
        file: str,
        included: tuple[Place, ...] = (),
        budget: Budget | None = None,
    ) -> None:
        self._text = text
        self._file = file
        self._included = included
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._budget = Budget() if budget is None else budget
        self._cursor = 0
        self.token = Token("", "", 0)
        self.advance()

    def place(self, at: int | None = None) -> Place:
        """The place of the token at hand, or of the character number `at`."""
        at = self.token.at if at is None else at
        line = bisect_right(self._lines, at)
        return Place(self._file, line, at - self._lines[line - 1] + 1, self._included)

    def fail(self, what: str) -> SourceError:
        """The error that `what` is wrong at the token at hand."""
        return SourceError(self.place(), what)

    def advance(self, *, comments: bool = False) -> Token:
        """Go on to the next token; with `comments`, one is a token."""
        text = self._text
        while True:
            blank = _BLANK.match(text, self._cursor)
            at = self._cursor = blank.end() if blank else self._cursor
            if at >= len(text):
                # The end is where the last line ends: what is missing is missing there.
                self.token = Token("", "", len(text.removesuffix("\n")))
                return self.token
            first = text[at]
            if first == "#":
                end = text.find("\n", at)
                self._cursor = len(text) if end < 0 else end
                if comments or text.startswith("##", at):
                    self.token = Token("#", text[at : self._cursor], at)
                    return self.token
                continue
            self.token = self._next(first, at)
            return self.token

    def _next(self, first: str, at: int) -> Token:
        if first in _MARKS:
            self._cursor = at + 1
            return Token(first, "", at)
        if first == "'":
            found = _STRING.match(self._text, at)
            if found:
                self._cursor = found.end()
                return Token("'", found[1], at)
            return Token("'", self._slowly(at), at)
        word = _WORD.match(self._text, at)
        plain = word[0] if word else first
        if plain in _BOOLEANS:
            self._cursor = at + len(plain)
            return Token("b", _BOOLEANS[plain], at)
        raise SourceError(self.place(at), f"{plain!r} does not belong here")

    def _slowly(self, at: int) -> str:
        """The string that begins at `at`: one with an escape, or one in which something is wrong."""
        found, here = "", at + 1
        while True:
            one = self._text[here : here + 1]
            if one in {"", "\n"}:
                raise SourceError(self.place(at), "this string does not end on its line")
            if one == "'":
                self._cursor = here + 1
                return found
            if one == "\\":
                here += 1
                one = self._text[here : here + 1]
                if one != "\\":
                    what = f"the escape \\{one.strip() or ' '} is unknown: only \\\\ is one"
                    raise SourceError(self.place(here - 1), what)
            if not _LOWEST <= ord(one) < _HIGHEST:
                what = f"a string holds printable ASCII characters alone, and not {one!a}"
                raise SourceError(self.place(here), what)
            found += one
            here += 1

    def spend(self) -> None:
        """Count a value or a line of a comment.  Raises `SourceError` for the first one too many."""
        self._budget.left -= 1
        if self._budget.left < 0:
            raise self.fail(f"a schema has no more than {MOST:,} values and lines of comments")

    # ── values ───────────────────────────────────────────────────────────────────────────────

    def value(self, depth: int = 0) -> Node:
        """The value that begins with the token at hand; the one behind it is at hand then."""
        self.spend()
        kind, value, _ = self.token
        place = self.place()
        if depth > _DEEPEST:
            raise SourceError(place, "is nested too deeply")
        if kind == "{":
            return self._object(place, depth)
        if kind == "[":
            return self._array(place, depth)
        if kind not in {"'", "b"}:
            raise self._expected("a string, a boolean, '[' or '{'")
        self.advance()
        return Node(value, place)

    def _object(self, place: Place, depth: int) -> Node:
        members: dict[str, Node] = {}
        node = Node(members, place)
        if self.advance().kind == "}":
            self.advance()
            return node
        while True:
            if self.token.kind != "'":
                raise self._expected("the name of a member" if members else "a name or '}'")
            name = str(self.token.value)
            where = self.place()
            if self.advance().kind != ":":
                raise self._expected(f"':' behind {name!r}")
            self.advance()
            if name in members:
                raise SourceError(where, f"the name {name!r} stands here twice")
            node.keys[name] = where
            members[name] = self.value(depth + 1)
            if self._closes("}"):
                return node

    def _array(self, place: Place, depth: int) -> Node:
        items: list[Node] = []
        if self.advance().kind == "]":
            self.advance()
            return Node(items, place)
        while True:
            items.append(self.value(depth + 1))
            if self._closes("]"):
                return Node(items, place)

    def _closes(self, end: str) -> bool:
        """Whether the object or array ends here; else a comma must stand here."""
        kind = self.token.kind
        if kind not in {end, ","}:
            raise self._expected(f"',' or '{end}'")
        self.advance()
        return kind == end

    def _expected(self, what: str) -> SourceError:
        kind, value, _ = self.token
        if kind == "'":
            seen = f"the string '{value}'"
        elif kind == "b":
            seen = str(value).lower()
        elif kind == "#":
            seen = "a documentation comment"
        else:
            seen = f"'{kind}'" if kind else "the end of the file"
        return self.fail(f"expected {what}, not {seen}")
