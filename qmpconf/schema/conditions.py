"""Conditions of QAPI: on which settings of a build something depends.

A condition is one of

- a setting's name (``CONFIG_LINUX``), true where it is defined,
- ``not`` with one condition, ``and`` or ``or`` with several,
- a piece of the C preprocessor's language that is none of these (in releases up to 6.0), in backquotes.

A catalog keeps it as text in this form (`Facts.condition`): ``A and (B or not C)``.  A document's ``If:``
that has another form is a text that nothing can be concluded from.

This module knows no catalog and no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

#: A setting's name, an operator, or the rest of the preprocessor's language.
_TEXT = re.compile(r"\s*(?:(\(|\))|(and|or|not)\b|([A-Za-z_]\w*)|`([^`]+)`)")
_C = re.compile(r"\s*(?:(\(|\)|&&|\|\||!(?!=))|defined\s*(?:\(\s*(\w+)\s*\)|(\w+)))")
_C_WORDS = {"&&": "and", "||": "or", "!": "not", "(": "(", ")": ")"}
#: Deeper than any condition.
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a name alone, or an operator over `parts`."""

    kind: Literal["name", "and", "or", "not"]
    name: str = ""
    parts: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return _written(self)


def name(text: str) -> Condition:
    """The condition that a setting is defined."""
    return Condition("name", text)


def together(kind: Literal["and", "or"], parts: Iterable[Condition]) -> Condition:
    """All of the parts, or any; one part alone is itself."""
    found = tuple(parts)
    return found[0] if len(found) == 1 else Condition(kind, "", found)


def negated(one: Condition) -> Condition:
    """The opposite."""
    return Condition("not", "", (one,))


def _written(one: Condition, *, inside: bool = False) -> str:
    if one.kind == "name":
        return one.name if re.fullmatch(r"\w+", one.name) else f"`{one.name}`"
    if one.kind == "not":
        return f"not {_written(one.parts[0], inside=True)}"
    text = f" {one.kind} ".join(_written(part, inside=True) for part in one.parts)
    return f"({text})" if inside else text


def parsed(text: str) -> Condition | None:
    """The condition in a catalog's text; None when it is in another form."""
    words: list[tuple[str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        found = _TEXT.match(text, at)
        if not found:
            return None
        mark, word, plain, quoted = found.groups()
        words.append(("name", plain or quoted) if plain or quoted else (mark or word, ""))
        at = found.end()
    return _Reader(words).whole()


def from_preprocessor(text: str) -> Condition:
    """The condition in an expression of the C preprocessor, such as ``defined(A) && !defined(B)``."""
    words: list[tuple[str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        found = _C.match(text, at)
        if not found:
            return name(text.strip().replace("`", "'"))
        mark, inner, plain = found.groups()
        words.append((_C_WORDS[mark], "") if mark else ("name", inner or plain))
        at = found.end()
    return _Reader(words).whole() or name(text.strip().replace("`", "'"))


class _Reader:
    """Reads words; ``not`` binds closest, then ``and``, then ``or``."""

    def __init__(self, words: list[tuple[str, str]]) -> None:
        self._words = words
        self._at = 0

    def whole(self) -> Condition | None:
        found = self._any(0) if self._words else None
        return found if self._at == len(self._words) else None

    def _takes(self, word: str) -> bool:
        if self._at < len(self._words) and self._words[self._at][0] == word:
            self._at += 1
            return True
        return False

    def _any(self, depth: int) -> Condition | None:
        return self._several("or", depth)

    def _several(self, kind: Literal["and", "or"], depth: int) -> Condition | None:
        parts = []
        while True:
            part = self._several("and", depth) if kind == "or" else self._one(depth)
            if part is None:
                return None
            parts.append(part)
            if not self._takes(kind):
                return together(kind, parts)

    def _one(self, depth: int) -> Condition | None:
        if depth > _DEEPEST:
            return None
        if self._takes("not"):
            part = self._one(depth + 1)
            return negated(part) if part else None
        if self._takes("("):
            part = self._any(depth + 1)
            return part if self._takes(")") else None
        at = self._at
        if self._takes("name"):
            return name(self._words[at][1])
        return None


# ── what is known ────────────────────────────────────────────────────────────────────────────


class Settings:
    """What is known about a build: which settings are defined, and which conditions hold."""

    def __init__(self, known: Mapping[str, bool] | None = None) -> None:
        self._known: dict[str, bool] = dict(known or {})
        self.contradictory: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def known(self) -> Mapping[str, bool]:
        """Names of settings, and whether each is defined."""
        return {one: held for one, held in self._known.items() if re.fullmatch(r"\w+", one)}

    def holds(self, text: str) -> bool | None:
        """Whether the condition of that text holds; None where that does not follow."""
        if text in self._known:
            return self._known[text]
        condition = parsed(text)
        return None if condition is None else self._value(condition)

    def _value(self, one: Condition) -> bool | None:
        known = self._known.get(str(one))
        if known is not None or one.kind == "name":
            return known if known is not None else self._known.get(one.name)
        values = [self._value(part) for part in one.parts]
        if one.kind == "not":
            return None if values[0] is None else not values[0]
        decisive = one.kind == "or"  # one true part of an `or`, one false part of an `and`
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    def learn(self, text: str, *, held: bool) -> None:
        """Note that the condition of that text holds or not, and what follows for its parts.

        A condition that is known otherwise is noted as contradictory, and nothing else.
        """
        before = self.holds(text)
        if before is not None and before != held:
            self.contradictory[text] = None
            return
        self._known[text] = held
        condition = parsed(text)
        if condition is not None:
            self._learn(condition, held=held)

    def _learn(self, one: Condition, *, held: bool) -> None:
        if one.kind == "name":
            self._known.setdefault(one.name, held)
        elif one.kind == "not":
            self._learn(one.parts[0], held=not held)
        elif (one.kind == "and") == held:
            for part in one.parts:
                self._learn(part, held=held)
        else:
            # All parts but one are known not to decide it: so that one does.
            open_ = [part for part in one.parts if self._value(part) != (one.kind == "and")]
            if len(open_) == 1 and self._value(open_[0]) is None:
                self._learn(open_[0], held=held)
