"""Reads the JSON of an example as its writer meant it, and says where it is not JSON.

Examples in documents leave out commas and quotes, use single quotes, stop with a comma, and
shorten with ``...``.  `read` gives a tree all the same, whose nodes know their place in the text,
and the list of what is wrong.  What is only shortened is not wrong.

Knows no schema and no document; never raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from qmpconf.protocol.values import Float
from qmpconf.text import shortened

Kind = Literal["object", "array", "scalar", "elision"]

#: Deeper nesting is not an example.
MOST_NESTING = 60

#: A text with more flaws is not meant to be JSON; the rest is not listed.
MOST_FLAWS = 100

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"[\w.+/-]+")
#: Words that stand for a value in JSON.
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_ELISION = re.compile(r"(?:\.\.\.|…)[^\"'{}\[\],]*")
_BARE_QUOTE = re.compile(r'(?<!\\)"')
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:[\"\\/bfnrt']|u[0-9a-fA-F]{4})")


@dataclass(slots=True)
class Flaw:
    """Where the text is not JSON: the offset, and what is wrong there."""

    at: int
    message: str


@dataclass(slots=True)
class Node:
    """A value in the text, from offset `start` up to `end`.

    `members` (with the offset of each name) are an object's, the `first` of each name by it;
    `items` are an array's, `value` a scalar's.  `elided` marks an object or array that the document shortened.
    """

    kind: Kind
    start: int
    end: int = 0
    value: Any = None
    members: list[tuple[str, int, Node]] = field(default_factory=list)
    first: dict[str, Node] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)
    elided: bool = False

    def plain(self) -> Any:
        """The value, as Python has it; an elided element is left out."""
        if self.kind == "object":
            return {name: one.plain() for name, _, one in self.members}
        if self.kind == "array":
            return [one.plain() for one in self.items]
        return self.value

    def get(self, name: str) -> Node | None:
        """The member `name` of an object."""
        return self.first.get(name)

    def nearest(self, path: tuple[str | int, ...]) -> Node:
        """The value at `path`, or the nearest one on the way."""
        node = self
        for part in path:
            if isinstance(part, int):
                found = node.items[part] if part < len(node.items) else None
            else:
                found = node.get(part)
            if found is None:
                return node
            node = found
        return node

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
        """Every object in the value, with the names that lead to it (arrays add none)."""
        if self.kind == "object":
            yield path, self
        for name, _, one in self.members:
            yield from one.walk((*path, name))
        for one in self.items:
            yield from one.walk(path)


@dataclass(slots=True)
class Reading:
    """What was read: the value (None: none at all), the flaws, and where single quotes stand."""

    node: Node | None
    flaws: list[Flaw]
    single_quotes: list[int]


def read(text: str) -> Reading:
    """Read one value; text that follows it is a flaw."""
    reader = _Reader(text)
    node = reader.value(0)
    rest = text[reader.at :]
    if node is not None and rest.strip():
        at = reader.skip()
        reader.flaw(at, f"{_shown(rest.strip())} follows the end of the value")
    return Reading(node, reader.flaws, reader.single_quotes)


def _shown(text: str) -> str:
    return repr(shortened(text, 20))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.flaws: list[Flaw] = []
        self.single_quotes: list[int] = []

    def flaw(self, at: int, message: str) -> None:
        if len(self.flaws) < MOST_FLAWS:
            self.flaws.append(Flaw(at, message))
        elif len(self.flaws) == MOST_FLAWS:
            self.flaws.append(Flaw(at, "more is wrong from here on than can be listed"))

    def skip(self) -> int:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def peek(self) -> str:
        self.skip()
        return self.text[self.at : self.at + 1]

    def value(self, depth: int) -> Node | None:
        """The value at this place; None (with a flaw) where there is none."""
        char = self.peek()
        if depth > MOST_NESTING:
            self.flaw(self.at, "is nested too deeply")
            self.at = len(self.text)
            return None
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._array(depth)
        start = self.at
        if char in ('"', "'") and char:
            text = self._string()
            return Node("scalar", start, self.at, text)
        return self._scalar(start)

    def _scalar(self, start: int) -> Node | None:
        number = _NUMBER.match(self.text, start)
        if number:
            self.at = number.end()
            whole = number.group().lstrip("-").isdigit()
            digits = number.group()
            value = int(digits) if whole and len(digits) < 100 else Float(digits)
            return Node("scalar", start, self.at, value)
        word = _WORD.match(self.text, start)
        if not word:
            self.flaw(start, "a value is missing")
            return None
        self.at = word.end()
        if word.group() not in _WORDS:
            self.flaw(start, f"{_shown(word.group())} is not a JSON value")
            return Node("scalar", start, self.at, word.group())
        return Node("scalar", start, self.at, _WORDS[word.group()])

    def _string(self) -> str:
        """The string at this place; one that is not closed ends with its line."""
        start, quote = self.at, self.text[self.at]
        if quote == "'":
            self.single_quotes.append(start)
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == quote:
                raw = self.text[start + 1 : self.at]
                self.at += 1
                return self._unescaped(raw, start)
            if char == "\n":
                break
            self.at += 2 if char == "\\" else 1
        self.at = min(self.at, len(self.text))
        self.flaw(start, "a string is not closed")
        return self.text[start + 1 : self.at]

    def _unescaped(self, raw: str, start: int) -> str:
        for escape in re.finditer(r"\\.", raw):
            if not _ESCAPE.match(raw, escape.start()):
                self.flaw(start + 1 + escape.start(), f"{escape.group()!r} is not a JSON escape")
                return raw
        try:
            plain = _BARE_QUOTE.sub('\\\\"', raw.replace("\\'", "'"))
            text = str(json.loads(f'"{plain}"'))
        except ValueError:
            return raw
        if _SURROGATE.search(text):
            self.flaw(start, "an escaped surrogate has no partner")
            return raw
        return text

    def _object(self, depth: int) -> Node:
        node = Node("object", self.at)
        self.at += 1
        comma = -1
        while (char := self.peek()) != "}":
            if not char:
                self.flaw(node.start, "an object is not closed")
                break
            elision = _ELISION.match(self.text, self.at)
            if elision:
                node.elided, self.at = True, elision.end()
            elif not self._member(node, depth):
                break
            comma = self._comma("}", elided=node.elided)
        else:
            self._trailing(comma, node)
            self.at += 1
        node.end = self.at
        return node

    def _member(self, node: Node, depth: int) -> bool:
        """Read one member; False where nothing can be made of the text."""
        start, char = self.at, self.text[self.at]
        if char in "\"'":
            name = self._string()
            bare = self.peek()
            if name.endswith(":") and bare not in (":", "", ",", "}"):
                # The name's closing quote is missing, and what closed it opens the value.
                self.flaw(start, f"the closing quote of the name {name[:-1]!r} is missing")
                name = name[:-1]
                self.at = self.text.rindex(char, start, self.at)
                return self._add(node, name, start, depth)
        else:
            word = _WORD.match(self.text, start)
            if not word:
                self.flaw(start, f"{char!r} where a member's name should stand")
                self.at += 1
                return char != "]"
            name, self.at = word.group(), word.end()
            self.flaw(start, f"the name {name!r} has no quotes")
        if self.peek() != ":":
            self.flaw(self.at, f"the colon after the name {name!r} is missing")
        else:
            self.at += 1
        return self._add(node, name, start, depth)

    def _add(self, node: Node, name: str, start: int, depth: int) -> bool:
        found = self.value(depth + 1)
        if found is None:
            return self.peek() in (",", "}")
        if name in node.first:
            self.flaw(start, f"the member {name!r} stands here twice")
        node.first.setdefault(name, found)
        node.members.append((name, start, found))
        return True

    def _array(self, depth: int) -> Node:
        node = Node("array", self.at)
        self.at += 1
        comma = -1
        while (char := self.peek()) != "]":
            if not char or char == "}":
                self.flaw(node.start, "an array is not closed")
                break
            elision = _ELISION.match(self.text, self.at)
            if elision:
                node.elided, self.at = True, elision.end()
            else:
                found = self.value(depth + 1)
                if found is None:
                    break
                if _is_elision(found):
                    node.elided = True
                else:
                    node.items.append(found)
            comma = self._comma("]", elided=node.elided)
        else:
            self._trailing(comma, node)
            self.at += 1
        node.end = self.at
        return node

    def _comma(self, close: str, *, elided: bool) -> int:
        """Step over the comma after a member or an element; its offset, or -1."""
        end = self.at
        char = self.peek()
        if char == ",":
            self.at += 1
            return self.at - 1
        shortened = elided or _ELISION.match(self.text, self.at)
        if char not in (close, "") and char not in "}]" and not shortened:
            self.flaw(end, "a comma is missing")
        return -1

    def _trailing(self, comma: int, node: Node) -> None:
        if comma >= 0 and not node.elided:
            self.flaw(comma, "a comma with nothing behind it")


def _is_elision(node: Node) -> bool:
    """Whether an element only says that more would follow: ``{...}`` or ``[ ... ]``."""
    return node.elided and not node.members and not node.items
