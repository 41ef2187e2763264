"""Known failures: cases that are expected to fail, each with the reason.

TOML, so that people can write and comment it::

    [[known]]
    case = "framing.valid-json/huge*"
    reason = "an id of 1e400 comes back as inf"
    since = "2.11"        # optional: versions (of the greeting) for which it holds, both included
    until = "11.0"
    product = "qemu"      # optional
    sometimes = true      # optional: it need not fail every time

`case` is the id of a case, or a glob.  A case that is listed and passes fails the run, so that the
list stays true.  The project ships one list, of what real servers are known to do; the greeting
chooses the entries.
"""

from __future__ import annotations

import fnmatch
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from qmpconf.conform.target import Facts
from qmpconf.conform.verdicts import Result, Verdict
from qmpconf.errors import InputError

_MEMBERS = {"case": str, "reason": str, "since": str, "until": str, "product": str}
#: A package of this name is no QEMU, whatever version it tells.
_NOT_QEMU = "qmpconf "


@dataclass(frozen=True, slots=True)
class Entry:
    """One known failure."""

    case: str
    reason: str
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = ()
    product: str = ""
    sometimes: bool = False

    def holds(self, facts: Facts) -> bool:
        """Whether it is about a server like this."""
        version = facts.version
        return (
            self.product in ("", facts.product)
            and version >= self.since
            and (not self.until or version[: len(self.until)] <= self.until)
        )

    def meets(self, case: str) -> bool:
        """Whether it is about this case."""
        return case == self.case or fnmatch.fnmatchcase(case, self.case)


@dataclass(frozen=True, slots=True)
class Known:
    """A list of known failures; `where` tells where it comes from."""

    entries: tuple[Entry, ...] = ()
    where: str = ""

    @classmethod
    def parse(cls, text: str, where: str) -> Known:
        """Read a list.  Raises InputError, which names `where`."""
        try:
            value = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{where}: is no list of known failures: {error}") from None
        tables = value.pop("known", [])
        if value or not isinstance(tables, list):
            odd = ", ".join(value) or "known"
            raise InputError(f"{where}: unexpected {odd!r}; a list has [[known]] tables alone")
        entries = [_entry(one, f"{where}: entry {n}") for n, one in enumerate(tables, 1)]
        return cls(tuple(entries), where)

    @classmethod
    def shipped(cls, facts: Facts) -> Known:
        """What real servers of this product and version are known to do."""
        if facts.package.startswith(_NOT_QEMU) or not facts.version:
            return cls()
        file = resources.files("qmpconf.conform") / "known.toml"
        known = cls.parse(file.read_text(encoding="utf-8"), "the shipped list")
        return cls(tuple(one for one in known.entries if one.holds(facts)), known.where)

    def joined(self, other: Known) -> Known:
        """Both lists; this one goes first."""
        where = " and ".join(part for part in (self.where, other.where) if part)
        return Known(self.entries + other.entries, where)

    def reason_of(self, result: Result) -> str:
        """Why a case is expected to fail; empty if it is not."""
        return self.reason_for(result.case)

    def reason_for(self, case: str) -> str:
        """Why the case of this id is expected to fail; empty if it is not."""
        return next((one.reason for one in self.entries if one.meets(case)), "")

    def healed(self, results: Iterable[Result]) -> list[tuple[Entry, str]]:
        """Entries whose cases were run and all of them passed, with the id of one."""
        found = []
        results = list(results)
        for entry in self.entries:
            met = [one for one in results if entry.meets(one.case)]
            passed = [one for one in met if one.verdict is Verdict.PASS]
            if passed and not entry.sometimes and not any(one.verdict.broken for one in met):
                found.append((entry, passed[0].case))
        return found


def dumped(results: Iterable[Result], old: Known) -> str:
    """The list that a run of these results makes true; reasons of `old` are kept."""
    parts = ["# Known failures of one server, written by qmpconf conform --update-known-failing.\n"]
    for one in sorted((one for one in results if one.verdict.broken), key=lambda one: one.case):
        reason = old.reason_for(one.case) or f"to be explained: {one.reason}"
        parts.append(f"[[known]]\ncase = {json.dumps(one.case)}\nreason = {json.dumps(reason)}\n")
    return "\n".join(parts)


def _entry(value: Any, where: str) -> Entry:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: is no table")
    odd = value.keys() - _MEMBERS.keys() - {"sometimes"}
    if odd:
        raise InputError(f"{where}: unexpected {', '.join(sorted(odd))!r}")
    for name, kind in _MEMBERS.items():
        if name in value and not isinstance(value[name], kind):
            raise InputError(f"{where}: {name} is no string")
    if not value.get("case") or not str(value.get("reason", "")).strip():
        raise InputError(f"{where}: needs the strings `case` and `reason`")
    if not isinstance(value.get("sometimes", False), bool):
        raise InputError(f"{where}: sometimes is true or false")
    return Entry(
        value["case"],
        value["reason"],
        _version(value.get("since", ""), where),
        _version(value.get("until", ""), where),
        value.get("product", ""),
        value.get("sometimes", False),
    )


def _version(text: str, where: str) -> tuple[int, ...]:
    parts = text.split(".") if text else []
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"{where}: {text!r} is no version; write for example 7.2")
    return tuple(map(int, parts))
