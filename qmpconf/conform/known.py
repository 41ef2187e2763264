"""Known failures: cases that are expected to fail, each with the reason.

TOML, so that people can write and comment it::

    [[known]]
    case = "framing.valid-json/huge*"
    reason = "an id of 1e400 comes back as inf"
    since = "2.11"        # optional: versions (of the greeting) for which it holds, both included
    until = "11.0"
    product = "qemu"      # optional
    sometimes = true      # optional: it need not fail every time

`case` is the id of a case, or a glob.  A case that a user lists and that passes fails the run, so
that the list stays true.  The project ships one list, of what the builds that it was tried on are
known to do: each entry names them (`builds`), and holds for no other server, whatever that one
greets with.  An entry of it that passes is a note.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources

from qmpconf.check.baseline import TABLE
from qmpconf.check.baseline import dumped as listed
from qmpconf.conform.target import Facts
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.lists import ListEntry as Listed
from qmpconf.lists import read_list


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """One known failure; `ours` says that it is of the shipped list, and not a user's."""

    case: str
    reason: str
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = ()
    product: str = ""
    sometimes: bool = False
    builds: tuple[str, ...] = ()
    ours: bool = False

    def holds(self, facts: Facts) -> bool:
        """Whether it is about a server like this."""
        version = facts.version
        return (
            self.product in ("", facts.product)
            and (not self.builds or facts.build in self.builds)
            and version >= self.since
            and (not self.until or version[: len(self.until)] <= self.until)
        )

    def meets(self, case: str) -> bool:
        """Whether it is about this case."""
        return case == self.case or fnmatch.fnmatchcase(case, self.case)


@dataclass(frozen=True, slots=True)
class Known:
    """A list of known failures; `where` tells where it comes from."""

    entries: tuple[KnownFailure, ...] = ()
    where: str = ""

    @classmethod
    def parse(cls, text: str, where: str) -> Known:
        """Read a list.  Raises InputError, which names `where`."""
        return cls(
            tuple(map(_entry, read_list(text, where, TABLE, "a list of known failures"))), where
        )

    @classmethod
    def shipped(cls, facts: Facts) -> Known:
        """What the very build that the target is, is known to do."""
        file = resources.files("qmpconf.conform") / "known.toml"
        known = cls.parse(file.read_text(encoding="utf-8"), "the shipped list")
        ours = (replace(one, ours=True) for one in known.entries if one.builds)
        entries = tuple(one for one in ours if one.holds(facts))
        return cls(entries, known.where if entries else "")

    def joined(self, other: Known) -> Known:
        """Both lists; this one goes first."""
        where = " and ".join(part for part in (self.where, other.where) if part)
        return Known(self.entries + other.entries, where)

    def reason_of(self, result: CaseResult) -> str:
        """Why a case is expected to fail; empty if it is not."""
        return self.reason_for(result.case)

    def reason_for(self, case: str) -> str:
        """Why the case of this id is expected to fail; empty if it is not."""
        return next((one.reason for one in self.entries if one.meets(case)), "")

    def healed(self, results: Iterable[CaseResult]) -> list[tuple[KnownFailure, str]]:
        """Entries whose cases were run and all of them passed, with the id of one."""
        found = []
        results = list(results)
        for entry in self.entries:
            met = [one for one in results if entry.meets(one.case)]
            passed = [one for one in met if one.verdict is Verdict.PASS]
            if passed and not entry.sometimes and not any(one.verdict.broken for one in met):
                found.append((entry, passed[0].case))
        return found


def dumped(results: Iterable[CaseResult], old: Known, verb: str) -> str:
    """The list that a run of these results makes true; reasons of `old` are kept."""
    broken = {one.case: one.reason for one in results if one.verdict.broken}
    found = {case: broken[case] for case in sorted(broken)}
    return listed(found, {case: old.reason_for(case) for case in found}, verb, "case")


def _entry(entry: Listed) -> KnownFailure:
    if "fingerprint" in entry.values:
        entry.fail("the conformance suites name a 'case', not a 'fingerprint'", "fingerprint")
    entry.only(("case", "reason"), ("since", "until", "product", "sometimes", "builds"))
    return KnownFailure(
        entry.text("case"),
        entry.text("reason"),
        _version(entry, "since"),
        _version(entry, "until"),
        entry.text("product"),
        entry.flag("sometimes"),
        entry.texts("builds"),
    )


def _version(entry: Listed, key: str) -> tuple[int, ...]:
    text = entry.text(key)
    parts = text.split(".") if text else []
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        entry.fail(f"{text[:40]!r} is not a version; write for example 7.2", key)
    return tuple(map(int, parts))
