"""Lists in TOML that users write and read: ``[[known]]``, ``[[mask]]``, ``[[server]]`` and their like.

One reader, whose every error names file and line, and one writer, upon `qmpconf.toml`.  It knows
nothing of what the lists are about.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from qmpconf.errors import InputError
from qmpconf.toml import parse_toml, toml_string


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text, to say where in it something is.

    `table` is the dotted name of the list's table, ``known`` or ``replay.mask``; `what` says what the
    file should be.  All that is wrong in it raises `InputError`.
    """

    path: str
    text: str
    table: str
    what: str = "TOML"

    def parsed(self) -> dict[str, Any]:
        """All that the file says.  Raises `InputError` for what is not TOML."""
        return parse_toml(self.text, self.path, self.what)

    def line(self, number: int = 0, key: str = "") -> str:
        """``PATH:LINE`` of a key, in the entry of that number (counted from 1) or anywhere."""
        lines = self.text.splitlines()
        at, until = 0, len(lines)
        if number:
            head = re.compile(rf"\s*\[\[\s*{re.escape(self.table)}\s*\]\]")
            heads = [index for index, line in enumerate(lines) if head.match(line)]
            if number <= len(heads):
                at = heads[number - 1]
                until = heads[number] if number < len(heads) else until
        if key:
            one = re.compile(rf"""\s*(\[*[\w.]*\b)?["']?{re.escape(key)}["']?\s*[]=.]""")
            at = next((index for index in range(at, until) if one.match(lines[index])), at)
        return f"{self.path}:{at + 1}"

    def only(self, value: Mapping[str, Any], known: Sequence[str], number: int = 0) -> None:
        """Raise an error for a key that is not known."""
        for key in value:
            if key not in known:
                words = f"unknown key {key!r}{suggestion(key, known)}"
                raise InputError(f"{self.line(number, key)}: {words}")

    def entries(self, tables: Any) -> list[ListEntry]:
        """The entries of the list, `tables` being the value of its key."""
        name = self.table.rpartition(".")[2]
        if not isinstance(tables, list):
            words = f"write [[{self.table}]], once for each {name}"
            raise InputError(f"{self.line(key=name)}: {words}")
        for number, table in enumerate(tables, 1):
            if not isinstance(table, dict):
                raise InputError(f"{self.line(key=name)}: {name} {number} is not a table")
        return [ListEntry(self, number, table) for number, table in enumerate(tables, 1)]


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry of a list: its `number` (from 1) and its `values`."""

    source: Source
    number: int
    values: Mapping[str, Any]

    def fail(self, words: str, key: str = "") -> NoReturn:
        """Raise an error about the entry, or one of its keys, with file and line."""
        raise InputError(f"{self.source.line(self.number, key)}: {words}")

    def only(self, needed: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Raise an error for a key that is missing or not known."""
        self.source.only(self.values, (*needed, *optional), self.number)
        for key in needed:
            if key not in self.values:
                self.fail(f"{self.source.table.rpartition('.')[2]} {self.number} has no {key!r}")

    def text(self, key: str, default: str = "") -> str:
        """A string that says something; `default` where the key is missing."""
        if key not in self.values:
            return default
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            self.fail(f"{key!r} must be a string, not empty", key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings that say something; empty where the key is missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self.fail(f"{key!r} must be a list of strings, none of them empty", key)
        return tuple(value)

    def flag(self, key: str) -> bool:
        """True or false; false where the key is missing."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fail(f"{key!r} must be true or false", key)
        return value


def read_list(text: str, path: str, name: str, what: str = "TOML") -> list[ListEntry]:
    """The entries of a file that holds the list `name` and nothing else.  Raises `InputError`."""
    source = Source(path, text, name, what=what)
    value = source.parsed()
    source.only(value, (name,))
    return source.entries(value.get(name, []))


def dumped(
    name: str, entries: Iterable[Mapping[str, str | list[str]]], comments: Iterable[str] = ()
) -> str:
    """The list as a file: `comments` first, each a line."""
    parts = ["".join(f"# {line}\n" for line in comments)]
    for entry in entries:
        lines = (f"{key} = {toml(value)}\n" for key, value in entry.items())
        parts.append(f"[[{name}]]\n" + "".join(lines))
    return "\n".join(filter(None, parts))


def toml(value: str | list[str]) -> str:
    """A string, or a list of strings, as TOML."""
    return toml_string(value) if isinstance(value, str) else f"[{', '.join(map(toml, value))}]"


def suggestion(word: str, known: Sequence[str]) -> str:
    """What was probably meant, as the end of a sentence; or empty."""
    near = difflib.get_close_matches(word, known, 1, 0.7)
    return f"; did you mean {near[0]!r}?" if near else ""
