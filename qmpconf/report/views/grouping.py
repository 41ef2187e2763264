"""Findings as a person reads them: equal ones are one kind, notes that say the same are one, the worst is first.

Knows no view, and no format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import FindingRecord


@dataclass(slots=True)
class Kind:
    """Findings with one fingerprint, of whichever subjects; or notes that say the same.

    `first` is the one whose words stand for all of `findings`.
    """

    first: FindingRecord
    findings: list[FindingRecord] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How often they were found."""
        return sum(one.count for one in self.findings)

    @property
    def subjects(self) -> list[str]:
        """The subject of each."""
        return [one.subject for one in self.findings]

    @property
    def paths(self) -> list[str]:
        """The file of each."""
        return [one.path for one in self.findings]


def kinds(findings: Iterable[FindingRecord]) -> list[Kind]:
    """The same finding of several subjects is one kind; in the order of `findings`."""
    found: dict[tuple[str, str], Kind] = {}
    for one in findings:
        kind = found.setdefault((one.rule, one.fingerprint), Kind(one))
        kind.findings.append(one)
    return list(found.values())


def verb_of(report: Report) -> str:
    """The verb that wrote all the results, or empty where there were several."""
    verbs = {run.header.verb for run in report.runs}
    return str(verbs.pop()) if len(verbs) == 1 else ""


def several(names: Iterable[str], most: int = 4) -> str:
    """Some names, and how many more there are."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


#: What a difference means for an upgrade, and what it is a consequence of, among its `more`.
EFFECT, FOLLOWS = "for an upgrade", "follows from"
BROKE, CHANGED, NEWS = "the client loses something", "behaves otherwise", "new by design"


def effect(one: FindingRecord) -> str:
    """What a difference means for an upgrade; empty where that was not asked."""
    return one.more.get(EFFECT, "") if one.severity != "note" else ""


def is_news(one: FindingRecord) -> bool:
    """Whether it is a note about what another release brings: its sentence says it all."""
    return one.severity == "note" and one.more.get(EFFECT, "") == NEWS


@dataclass(frozen=True, slots=True)
class Section:
    """Kinds of findings under one title; empty: the only ones."""

    title: str
    kinds: list[Kind]


def sections(report: Report) -> list[Section]:
    """The findings that are not known; of an upgrade what broke first, then what differs."""
    found = kinds(report.new)
    if not any(effect(kind.first) for kind in found):
        return [Section("", found)] if found else []
    parts: dict[str, list[Kind]] = {}
    for kind in found:
        one = kind.first
        follows = bool(one.more.get(FOLLOWS))
        title = "What follows from that" if follows else _TITLES.get(effect(one), "Notes")
        parts.setdefault(title, []).append(kind)
    order = (*_TITLES.values(), "What follows from that", "Notes")
    return [Section(title, parts[title]) for title in order if title in parts]


_TITLES: Mapping[str, str] = {BROKE: "What broke", CHANGED: "What behaves otherwise"}


#: Notes of one requirement that say the same are one from so many kinds on.
_ALIKE = 3
#: Places that are named of notes that say the same.
_PLACES = 8


def grouped(found: Iterable[Kind]) -> list[Kind]:
    """The same, with notes that say the same of several places as one kind."""
    alike: dict[tuple[str, str], list[Kind]] = {}
    for kind in found:
        one = kind.first
        text = one.message.partition(": ")[0] if one.severity == "note" else one.fingerprint
        alike.setdefault((one.rule, text), []).append(kind)
    made = []
    for (_, text), same in alike.items():
        if same[0].first.severity != "note" or len(same) < _ALIKE:
            made += same
            continue
        names = dict.fromkeys(place_of(kind.first) for kind in same)
        words = f"{text}: {several(names, _PLACES)}"
        first = msgspec.structs.replace(
            same[0].first, message=words, about="", pointer="", expected="", seen="", around=()
        )
        made.append(Kind(first, [one for kind in same for one in kind.findings]))
    return made


def shown_kinds(report: Report, found: Iterable[Kind]) -> list[Kind]:
    """The kinds that a view lists: `grouped`, but whoever compares catalogs wants every change."""
    return list(found) if verb_of(report) == "diff" else grouped(found)


def place_of(one: FindingRecord) -> str:
    """Where a note is, without the kind of its message."""
    about = one.about.removeprefix("reply to ").removeprefix("schema: ")
    return " ".join(filter(None, (about, _INDEX.sub("/*", one.pointer))))


_INDEX = re.compile(r"/\d+(?=/|$)")
