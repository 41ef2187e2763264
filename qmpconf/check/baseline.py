"""The baseline: what is known, each with a reason (qmpconf/README.md, Findings and verdicts).

TOML, so that people can write and comment it::

    [[known]]
    fingerprint = "0f3c5a9e12b44d07"
    reason = "QEMU bug 1234, fixed in 8.0"

What is known does not fail the run.  What no longer shows does, so that the list stays true.  The
conformance suites name cases in place of fingerprints (`qmpconf.conform.known`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qmpconf.check.verdict import exit_code
from qmpconf.lists import dumped as listed
from qmpconf.lists import read_list

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from qmpconf.findings import Group, Groups

#: The table of a list of what is known.
TABLE = "known"

#: What the reason of a new entry begins with, until somebody writes one.
UNEXPLAINED = "to be explained"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Fingerprints of known findings, with the reasons; `places` has ``PATH:LINE`` of each."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, where: str) -> Baseline:
        """Read a baseline file's text.  Raises InputError, which names `where` and the line."""
        reasons, places = {}, {}
        for entry in read_list(text, where, TABLE, "a baseline"):
            if "case" in entry.values:
                entry.fail("'case' is for the conformance suites; a finding has a 'fingerprint'")
            entry.only(("fingerprint", "reason"))
            fingerprint = entry.text("fingerprint")
            reasons[fingerprint] = entry.text("reason")
            places[fingerprint] = entry.source.line(entry.number)
        return cls(reasons, places)

    def gone(self, shown: Container[str]) -> list[str]:
        """The fingerprints that are known, and not among those `shown`."""
        return [one for one in self.reasons if one not in shown]

    def compare(self, groups: Groups) -> Comparison:
        """Which groups are new, which are known, and which known ones did not show."""
        new = [group for group in groups if group.fingerprint not in self.reasons]
        known = [group for group in groups if group.fingerprint in self.reasons]
        return Comparison(new, known, self.gone({group.fingerprint for group in known}))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings held against a baseline; `gone` are fingerprints that did not show."""

    new: list[Group]
    known: list[Group]
    gone: list[str]

    def failed(self, *, strict: bool = False) -> bool:
        """Whether the run fails (`qmpconf.check.verdict`)."""
        new = (group.first.severity for group in self.new)
        return bool(exit_code(new, strict=strict, gone=bool(self.gone)))


def dumped(found: Mapping[str, str], old: Mapping[str, str], verb: str, by: str) -> str:
    """The list that `found` makes true: fingerprints or cases, each with what it is about.

    `by` is the entries' key.  Reasons of `old` are kept; a new entry asks for one.
    """
    entries = [
        {by: key, "reason": old.get(key) or f"{UNEXPLAINED}: {words}"}
        for key, words in found.items()
    ]
    return listed(TABLE, entries, [f"What is known, written by qmpconf {verb} --update."])
