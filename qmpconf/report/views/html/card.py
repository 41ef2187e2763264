"""The report card: requirements by subjects; and cases by subjects, which look the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import WORST_FIRST, Case, Rule, Verdict, VerdictWord
from qmpconf.report.views.html.words import anchor

#: From this many subjects on, a cell has room for its sign alone; its word is for screen readers.
MANY = 7

#: What stands in a cell: a sign that is understood without colour, and a word.
SIGNS: Mapping[VerdictWord, tuple[str, str]] = {
    "pass": ("✓", "pass"),
    "fail": ("✗", "FAIL"),
    "warn": ("!", "warn"),
    "not-applicable": ("\u2013", "n/a"),
    "inconclusive": ("?", "unclear"),
    "not-exercised": ("·", "not seen"),
}

#: What the signs mean, for those that a report has.
MEANINGS: Mapping[VerdictWord, str] = {
    "pass": "nothing was found against it",
    "fail": "a MUST is broken",
    "warn": "a SHOULD is broken",
    "not-applicable": "not offered by this subject",
    "inconclusive": "no case could find out",
    "not-exercised": "there was no occasion to judge it",
}

_BROKEN = ("fail", "warn")


@dataclass(frozen=True, slots=True)
class Cell:
    """One requirement or case with one subject; `word` is empty where nothing is said of it."""

    number: int
    subject: str
    word: VerdictWord | Literal[""] = ""
    known: bool = False

    @property
    def sign(self) -> str:
        """The sign."""
        return SIGNS[self.word][0] if self.word else ""

    @property
    def text(self) -> str:
        """The word."""
        return SIGNS[self.word][1] if self.word else "not said"


@dataclass(slots=True)
class Row:
    """One requirement or case; `why` are its reasons: subjects' numbers, reason, why known."""

    id: str
    anchor: str
    text: str
    rule: Rule | None
    cells: Sequence[Cell]
    why: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def worst(self) -> str:
        """Its worst word: ``fail`` where one subject breaks it."""
        words = {cell.word for cell in self.cells}
        return next((one for one in WORST_FIRST if one in words), "")

    @property
    def verdict(self) -> tuple[str, str]:
        """The sign and the word of the worst."""
        return next((SIGNS[one] for one in WORST_FIRST if one == self.worst), ("", "not said"))

    @property
    def same(self) -> bool:
        """Whether it came to the same with all of several subjects."""
        return len(self.cells) > 1 and len({(one.word, one.known) for one in self.cells}) == 1

    @property
    def broken(self) -> bool:
        """Whether it is broken with any subject."""
        return self.worst in _BROKEN


@dataclass(slots=True)
class Family:
    """Rows whose ids begin alike."""

    name: str
    rows: list[Row] = field(default_factory=list)

    @property
    def counts(self) -> str:
        """``10 pass, 1 FAIL``: how many rows have which worst word."""
        return told(Counter(row.worst for row in self.rows))


def told(counts: Mapping[str, int]) -> str:
    """Counts of verdicts as words, the worst first."""
    return ", ".join(f"{counts[one]:,} {SIGNS[one][1]}" for one in WORST_FIRST if counts.get(one))


def card(report: Report) -> list[Family]:
    """Every requirement with a verdict, the families in the order of their names."""
    families: dict[str, Family] = {}
    for id_, verdicts in _by(report.verdicts, lambda one: one.rule).items():
        rule = report.rules.get(id_)
        row = Row(id_, anchor("r", id_), rule.text if rule else "", rule, _cells(report, verdicts))
        row.why = _why(report, verdicts)
        name = id_.partition(".")[0]
        families.setdefault(name, Family(name)).rows.append(row)
    return list(families.values())


def cases(report: Report) -> list[Family]:
    """Every case of the suite, by the first part of its id."""
    families: dict[str, Family] = {}
    for id_, found in _by(report.cases, lambda one: one.id).items():
        row = Row(id_, anchor("c", id_), found[0].title, None, _cells(report, found))
        row.why = _why(report, found)
        name = id_.partition("::")[0].partition(".")[0].partition("[")[0]
        families.setdefault(name, Family(name)).rows.append(row)
    return list(families.values())


def meanings(report: Report) -> list[tuple[str, str, str, str]]:
    """What the signs of this report mean: word, sign, text, meaning."""
    words = {one.verdict for one in report.verdicts} | {one.verdict for one in report.cases}
    return [(one, *SIGNS[one], MEANINGS[one]) for one in SIGNS if one in words]


_Judged = TypeVar("_Judged", Verdict, Case)


def _by(judged: Iterable[_Judged], key: Callable[[_Judged], str]) -> dict[str, list[_Judged]]:
    found: dict[str, list[_Judged]] = {}
    for one in judged:
        found.setdefault(key(one), []).append(one)
    return dict(sorted(found.items()))


def _cells(report: Report, judged: Sequence[Verdict] | Sequence[Case]) -> list[Cell]:
    by_subject = {one.subject: one for one in judged}
    cells = []
    for number, subject in enumerate(report.subjects, 1):
        one = by_subject.get(subject.name)
        if one is None:
            cells.append(Cell(number, subject.name))
        else:
            cells.append(Cell(number, subject.name, one.verdict, bool(one.known)))
    return cells


def _why(report: Report, judged: Sequence[Verdict] | Sequence[Case]) -> list[tuple[str, str, str]]:
    """The reasons, each once, with the numbers of the subjects that it is said of."""
    numbers = {subject.name: number for number, subject in enumerate(report.subjects, 1)}
    found: dict[tuple[str, str], list[int]] = {}
    for one in judged:
        if one.reason or one.known:
            found.setdefault((one.reason, one.known), []).append(numbers.get(one.subject, 0))
    return [(ranges(where), *key) for key, where in found.items()]


def ranges(numbers: Iterable[int]) -> str:
    """Subjects' numbers in few words: ``1-3, 7``, with a dash; 0 is one that no record describes."""
    found: list[list[int]] = []
    for one in sorted(set(numbers)):
        if found and found[-1][-1] and found[-1][-1] == one - 1:
            found[-1].append(one)
        else:
            found.append([one])
    named = (
        ["?"] if one[0] == 0 else sorted({str(one[0]), str(one[-1])}, key=int) for one in found
    )
    return ", ".join("\u2013".join(ends) for ends in named)
