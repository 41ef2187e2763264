"""The values of an enumeration, in all the ways in which an item lists them.

"Possible values", ``[ a | b ]``, "one of 'a', 'b'", a line for each value, "fixed": each way is a
pattern here.  Knows the text of an item, and nothing else of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qmpconf.schema.documents.blocks import Text

#: A quoted word.
QUOTED = r"(?:\"[^\"\s]+\"|'[^'\s]+')"
_CHAIN = re.compile(rf"{QUOTED}(?:(?:,| and| or|, and| or,|, or)? (?:\(default\)|{QUOTED}))*")
_EITHER = re.compile(rf"{QUOTED}(?:, {QUOTED})*,? or {QUOTED}")
_AND_SO_ON = re.compile(rf"{QUOTED}(?:, {QUOTED})*,? (?:\.\.\.|etc)")
_ONE_OF = re.compile(rf"\bone of (?:{QUOTED}(?:, or |, | or )?)+")
_BRACKETS = re.compile(r"\[ (?P<values>[^\[\]|]+(?: \| [^\[\]|]+)+) \]")
_ONLY = re.compile(rf"\bonly supported value is {QUOTED}")
_FIXED = re.compile(rf"^{QUOTED} \([^()]*\bfixed\b[^()]*\)")
_INCLUDE = re.compile(r"\b(?:possibilities|values) include\b.*")
_POSSIBLE = re.compile(r"\bPossible values?: ")
_LISTED = re.compile(r'"(?P<value>[^"\s]+)" - ')
_WORD = re.compile(r"\"([^\"\s]+)\"|'([^'\s]+)'")


@dataclass(frozen=True, slots=True)
class Value:
    """A value of an enumeration and the line where it stands."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Listed:
    """Values, and whether there are more of them than the text lists."""

    values: tuple[Value, ...] = ()
    more: bool = False


def listed(text: Text, words: str, start: int, *, named: bool) -> Listed:
    """The values that the `words` of an item list; they stand in `text` from `start` on.

    `named` says that the item is of a type which the document names: then each value that is
    mentioned counts, for the list is not expected to be here.
    """
    shift = str(text).index(words, start) if words else start
    if re.search(r"\bone of the following values\b", words):
        return _at(text, [(one["value"], one.start()) for one in _LISTED.finditer(words)], shift)
    if brackets := _BRACKETS.search(words):
        return _bracketed(text, brackets, shift)
    if found := (_ONLY.search(words) or _FIXED.search(words) or _ONE_OF.search(words)):
        return _at(text, _quoted(found), shift)
    if (said := _POSSIBLE.search(words)) and (found := _CHAIN.search(words, said.end())):
        return _at(text, _quoted(found), shift)
    if found := _INCLUDE.search(words):
        return _at(text, _quoted(found), shift, more=True)
    if named:
        mentioned = [
            (one.group(1) or one.group(2), one.start())
            for one in _WORD.finditer(words)
            if _tells_value(words, one.start(), one.end())
        ]
        return _at(text, mentioned, shift, more=True)
    if found := _EITHER.search(words):
        return _at(text, _quoted(found), shift)
    if found := _AND_SO_ON.search(words):
        return _at(text, _quoted(found), shift, more=True)
    return Listed()


def chain(text: Text) -> tuple[Value, ...]:
    """The first run of quoted values in `text`."""
    found = _CHAIN.search(str(text))
    return _at(text, _quoted(found), 0).values if found else ()


def without_doubles(values: Sequence[Value]) -> tuple[Value, ...]:
    """The values, each once, in order."""
    first: dict[str, Value] = {}
    for value in values:
        first.setdefault(value.name, value)
    return tuple(first.values())


def doubles(values: Sequence[Value]) -> list[Value]:
    """The values that were listed before."""
    seen: set[str] = set()
    found = []
    for value in values:
        if value.name in seen:
            found.append(value)
        seen.add(value.name)
    return found


def _tells_value(words: str, start: int, end: int) -> bool:
    """Whether a quoted word of a named type's item is one of the type's values."""
    return bool(
        re.search(r"\bdefault\s+$", words[:start])
        or re.match(r",? (?:and|or|can) |, ['\"]", words[end:])
        or re.search(r"['\"],? (?:and|or) $|['\"], $", words[:start])
    )


def _quoted(found: re.Match[str]) -> list[tuple[str, int]]:
    return [
        (one.group(1) or one.group(2), found.start() + one.start())
        for one in _WORD.finditer(found.group())
    ]


def _bracketed(text: Text, found: re.Match[str], shift: int) -> Listed:
    """``[ a | b | c ]``; ``+x`` and ``x`` stand for any number, and leave the list open."""
    values, at = [], found.start("values")
    for part in found["values"].split("|"):
        values.append((part.strip(), at))
        at += len(part) + 1
    free = {name.lstrip("+") for name, _ in values if name.startswith("+")}
    fixed = [one for one in values if one[0].lstrip("+") not in free]
    return _at(text, fixed, shift, more=bool(free))


def _at(text: Text, found: Sequence[tuple[str, int]], shift: int, *, more: bool = False) -> Listed:
    return Listed(tuple(Value(name, text.line_at(shift + at)) for name, at in found), more)
