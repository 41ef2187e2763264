"""Findings for the page: one entry for each kind, with every subject that shows it.

Also the session around an entry, as rows of a sequence diagram.  The diagrams of the first
entries, the worst, are all there; a report with thousands of findings must still load.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qmpconf.findings import SEVERITIES
from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import FindingRecord, Message, Rule
from qmpconf.report.views.grouping import Kind, kinds, place_of, shown_kinds
from qmpconf.report.views.html.words import MOST_BODY, Lines, anchor, cut, volume
from qmpconf.text import duration
from qmpconf.trace.wording import FATES, said

#: Entries with a diagram, and with the text of its messages.
MOST_DIAGRAMS = 1000
MOST_BODIES = 200

#: Lines of a trace that are named for one place.
MOST_LINES = 12

#: Seconds between two messages from which on the diagram says that time went by.
PAUSE = 0.1

#: Kinds that a style sheet knows; any word may stand in a result.
_STYLES = {*FATES, "greeting", "command", "return", "error", "event", "malformed", "short"}

#: A line of an excerpt: a mark, the line's number, the time, which way, the text.
_SHORT = re.compile(r"\s*(>?)\s*(\d{0,9})\s*(?:\d+\.\d+\s+)?(->|<-|--)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One message of a diagram.

    `way` is ``c2s``, ``s2c`` or ``fate``; `here` marks the message that the finding is about,
    `busy` one that comes while the server has a command to answer.  `clock` is its time, `pause`
    what went by before it, where that is long.
    """

    way: str
    kind: str
    name: str
    told: str = ""
    clock: str = ""
    pause: str = ""
    line: int = 0
    here: bool = False
    busy: bool = False
    body: str = ""

    @property
    def style(self) -> str:
        """Its kind, as the style sheet calls it."""
        return self.kind if self.kind in _STYLES else "other"

    @property
    def who(self) -> str:
        """Who sends to whom, for those who do not see the arrow."""
        return {"c2s": "client to server: ", "s2c": "server to client: "}.get(self.way, "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one subject shows the finding; `number` is the subject's, from 1, or 0.

    Of notes that say the same, `name` is the place in the message, and `anchor` the id that leads
    to the note, where it is not that of the whole entry.
    """

    number: int
    one: FindingRecord
    name: str = ""
    anchor: str = ""

    @property
    def lines(self) -> str:
        """The first few of its lines, for a place that has several."""
        rest = [line for line in self.one.lines if line != self.one.line]
        told = ", ".join(str(line) for line in rest[:MOST_LINES])
        return told + (", …" if len(rest) > MOST_LINES else "")


@dataclass(slots=True)
class FindingEntry:
    """Equal findings of all subjects, or notes that say the same: the words of `first` stand for all."""

    anchor: str
    rule: Rule | None
    first: FindingRecord
    places: list[Place] = field(default_factory=list)
    rows: Sequence[Row] = ()

    @property
    def subjects(self) -> int:
        """How many subjects show it."""
        return len({place.one.subject for place in self.places})

    @property
    def count(self) -> int:
        """How often it was found."""
        return sum(place.one.count for place in self.places)

    @property
    def status(self) -> str:
        """``new`` where it is new for any subject."""
        return "new" if any(place.one.status == "new" for place in self.places) else "known"

    @property
    def numbers(self) -> str:
        """The numbers of its subjects, for the filter."""
        return " ".join(dict.fromkeys(str(place.number) for place in self.places))

    @property
    def blames(self) -> str:
        """Who is to blame, for the filter."""
        return " ".join(dict.fromkeys(place.one.blame for place in self.places))


def entries(report: Report) -> list[FindingEntry]:
    """All findings of a report: the new ones first, the worst first; notes as the text has them."""
    every = kinds(sorted(report.findings, key=_order))
    new = [one for one in every if one.first.status == "new"]
    known = [one for one in every if one.first.status != "new"]
    numbers = {subject.name: number for number, subject in enumerate(report.subjects, 1)}
    taken: Counter[str] = Counter()
    found = [_entry(report, kind, numbers, taken) for kind in (*shown_kinds(report, new), *known)]
    for place, entry in enumerate(found[:MOST_DIAGRAMS]):
        entry.rows = _diagram(report, entry, bodies=place < MOST_BODIES)
    return found


def _entry(
    report: Report, kind: Kind, numbers: Mapping[str, int], taken: Counter[str]
) -> FindingEntry:
    """One kind; `taken` counts the anchors that are in use."""
    own = _anchor(kind.first, taken)
    entry = FindingEntry(own, report.rules.get(kind.first.rule), kind.first)
    anchors = {kind.first.fingerprint: ""}
    several = len({one.fingerprint for one in kind.findings}) > 1
    for one in kind.findings:
        fresh = one.fingerprint not in anchors
        name = anchors.setdefault(one.fingerprint, _anchor(one, taken) if fresh else "")
        place = place_of(one) if several else ""
        entry.places.append(Place(numbers.get(one.subject, 0), one, place, name if fresh else ""))
    return entry


def _anchor(one: FindingRecord, taken: Counter[str]) -> str:
    """An id that no other finding has."""
    name = anchor("f", one.fingerprint)
    taken[name] += 1
    return name + (f"-{taken[name]}" if taken[name] > 1 else "")


def _order(one: FindingRecord) -> tuple[bool, int]:
    return (one.status != "new", SEVERITIES.index(one.severity))


def facets(found: Iterable[FindingEntry], of: Callable[[FindingEntry], str]) -> Mapping[str, int]:
    """What a filter can choose: each value, and how many entries have it, the most first."""
    counts = Counter(of(one) for one in found)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _diagram(report: Report, entry: FindingEntry, *, bodies: bool) -> list[Row]:
    """The messages around it, of the first subject that kept any; else the short lines."""
    for place in entry.places:
        messages = report.around(place.one)
        if messages:
            return _rows(messages, place.one, bodies=bodies)
    return [_short(line) for line in entry.first.around]


def _rows(messages: Sequence[Message], finding: FindingRecord, *, bodies: bool) -> list[Row]:
    rows = []
    waiting = {one.answers for one in messages if one.answers}
    waiting -= {one.line for one in messages}
    before: Message | None = None
    for one in messages:
        if one.kind == "command":
            waiting.add(one.line)
        since = one.t - before.t if before else 0.0
        rows.append(
            Row(
                way="fate" if one.kind in FATES else "c2s" if one.sender == "client" else "s2c",
                kind=one.kind,
                name=said(one)[0],
                told=_told(one),
                clock=f"+{duration(since)}" if before else _clock(one.t),
                pause=duration(since) if since >= PAUSE else "",
                line=one.line,
                here=bool(finding.line) and one.line == finding.line,
                busy=bool(waiting),
                body=Lines(cut(one.body, MOST_BODY)) if bodies else "",
            )
        )
        waiting.discard(one.answers)
        before = one
    return rows


def _clock(t: float) -> str:
    """The time of the first message, since the trace was started."""
    return f"{t:.6f} s" if t < 10 else f"{t:.3f} s"


def _told(one: Message) -> str:
    """What stands behind the words: the id, how long it took, how large it is."""
    parts = [
        f"id {one.id}" if one.id else "",
        f"took {duration(one.latency)}" if one.latency is not None else "",
        volume(one.size) if one.size and one.kind not in {"command", "gap"} else "",
    ]
    return " · ".join(filter(None, parts))


def _short(line: str) -> Row:
    """A line of an excerpt, ``>   12  0.500000  -> text``: from the client; ``<-``: from the server."""
    found = _SHORT.match(line)
    if found is None:
        return Row("fate", "other", line)
    mark, number, arrow, text = found.groups()
    way = {"->": "c2s", "<-": "s2c"}.get(arrow, "fate")
    return Row(way, "short", text, line=int(number or 0), here=bool(mark))
