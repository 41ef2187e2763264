"""How far catalogs agree (`qmpconf.schema.agreement`), for people and for programs.

`text` is for a terminal, `markdown` for ``reports/``, `data` is JSON::

    {"qmpconf-agree": 1, "pairs": [{"here": ..., "there": ..., "ratio": 0.99, "counts": {...},
     "differences": [...], "only_here": [...], "only_there": [...]}], "unexplained": 0,
     "stale": [...]}
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from qmpconf.schema.agreement import ASPECTS, Agreement, Alone, Difference, Note
from qmpconf.text import counted, harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION = 1

_OUTCOMES = ("agree", "disagree", "undetermined", "conditional")
_BLAMES = {
    "document": "the document",
    "build": "what was built",
    "compiler": "our compiler",
    "": "not explained",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """Several agreements with the notes on them.

    `unexplained` counts the disagreements, and the entries that only one has, that no note is
    about; `stale` are notes that are about nothing any more.
    """

    pairs: tuple[Agreement, ...]
    notes: tuple[Note, ...]

    def note(self, pair: Agreement, found: Difference | Alone) -> Note:
        """The note about a place; one without text where there is none."""
        for note in self.notes:
            if note.fits(pair.here, found.place):
                return note
        if found.condition:
            return Note("", "", "build", f"only with {found.condition}, the document says")
        return Note("", "", "", "")

    def to_explain(self, pair: Agreement) -> list[Difference | Alone]:
        """What a careful reader wants to know the reason of."""
        disagreeing = [one for one in pair.differences if one.outcome == "disagree"]
        return [*disagreeing, *pair.only_here, *pair.only_there]

    @property
    def unexplained(self) -> int:
        """How many places have no reason."""
        return sum(
            not self.note(pair, one).blame for pair in self.pairs for one in self.to_explain(pair)
        )

    @property
    def stale(self) -> list[Note]:
        """Notes that no place needs."""
        return [
            note
            for note in self.notes
            if not any(
                note.fits(pair.here, one.place)
                for pair in self.pairs
                for one in self.to_explain(pair)
            )
        ]


def percent(pair: Agreement, *, strict: bool = False) -> str:
    """The agreement of a pair, cut off after two digits, so that it is never said too high.

    `strict` as in `Agreement.ratio`.
    """
    return f"{int(pair.ratio(strict=strict) * 10_000) / 100:.2f} %"


def _summary(pair: Agreement) -> list[object]:
    return [
        pair.here,
        pair.there,
        len(pair.shared),
        *(pair.count(outcome) for outcome in _OUTCOMES),  # type: ignore[arg-type]  # literals all
        percent(pair),
        percent(pair, strict=True),
    ]


_SUMMARY_HEAD = ("document", "server", "commands, events", *_OUTCOMES, "agreement", "all")


def _aspects(pair: Agreement) -> list[list[object]]:
    return [
        [aspect, *(pair.count(outcome, aspect) for outcome in _OUTCOMES)]  # type: ignore[arg-type]  # literals all
        for aspect in ASPECTS
    ]


def _row(explained: Explained, pair: Agreement, one: Difference | Alone) -> list[object]:
    note = explained.note(pair, one)
    if isinstance(one, Difference):
        words = [one.here or "—", one.there or "—"]
    else:
        words = ["there", "—"] if one in pair.only_here else ["—", "there"]
    return [one.line or "", one.place, *words, _BLAMES[note.blame], note.reason]


_ROW_HEAD = ("line", "place", "document", "server", "because of", "reason")


def _undetermined(pair: Agreement) -> list[list[object]]:
    return [
        [one.line or "", one.place, one.here, one.there]
        for one in pair.differences
        if one.outcome == "undetermined"
    ]


def _conditional(pair: Agreement) -> list[list[object]]:
    return [
        [one.line or "", one.place, one.condition]
        for one in pair.differences
        if one.outcome == "conditional"
    ]


def text(explained: Explained) -> str:
    """For a terminal: one summary, then each place that differs."""
    parts = [tabulate(map(_summary, explained.pairs), _SUMMARY_HEAD, tablefmt="simple")]
    for pair in explained.pairs:
        rows = [_row(explained, pair, one) for one in explained.to_explain(pair)]
        if rows:
            parts += ["", f"{pair.here} and {pair.there}:"]
            parts.append(tabulate(rows, _ROW_HEAD, tablefmt="simple"))
    parts += [f"stale note: {note.catalog}: {note.place}" for note in explained.stale]
    if explained.unexplained:
        parts += ["", f"{counted(explained.unexplained, 'place')} without a reason"]
    return harmless("\n".join(parts) + "\n")


def markdown(explained: Explained, preamble: str = "") -> str:
    """A page: the summary, and for each pair every place that differs, with its reason."""
    parts = [preamble.rstrip(), "", _table(map(_summary, explained.pairs), _SUMMARY_HEAD)]
    for pair in explained.pairs:
        parts += ["", f"## {pair.here} and {pair.there}", ""]
        parts.append(_table(_aspects(pair), ("aspect", *_OUTCOMES)))
        rows = [_row(explained, pair, one) for one in explained.to_explain(pair)]
        for title, head, lines in (
            ("Disagreements, and what only one of them has", _ROW_HEAD, rows),
            (
                "Undetermined by the document",
                ("line", "place", "document", "server"),
                _undetermined(pair),
            ),
            (
                "Not built, and the document says on what that depends",
                ("line", "place", "condition"),
                _conditional(pair),
            ),
        ):
            if lines:
                parts += ["", f"### {title}", "", _table(lines, head)]
    return harmless("\n".join(parts).lstrip("\n") + "\n")


def data(explained: Explained) -> dict[str, Any]:
    """As JSON values."""
    return {
        "qmpconf-agree": VERSION,
        "pairs": [
            {
                "here": pair.here,
                "there": pair.there,
                "ratio": pair.ratio(),
                "strict_ratio": pair.ratio(strict=True),
                "shared": len(pair.shared),
                "counts": {
                    f"{aspect} {outcome}": number
                    for (aspect, outcome), number in sorted(pair.counts.items())
                },
                "differences": [_entry(explained, pair, one) for one in pair.differences],
                "only_here": [_entry(explained, pair, one) for one in pair.only_here],
                "only_there": [_entry(explained, pair, one) for one in pair.only_there],
            }
            for pair in explained.pairs
        ],
        "unexplained": explained.unexplained,
        "stale": [dataclasses.asdict(note) for note in explained.stale],
    }


def _entry(explained: Explained, pair: Agreement, one: Difference | Alone) -> dict[str, Any]:
    note = explained.note(pair, one)
    return dataclasses.asdict(one) | {"blame": note.blame, "reason": note.reason}


def _table(rows: Iterable[Sequence[object]], head: Sequence[str]) -> str:
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return tabulate(cells, head, tablefmt="github", disable_numparse=True)
