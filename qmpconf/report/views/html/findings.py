"""Findings for the page: one entry for each fingerprint, with every subject that shows it.

Also the session around an entry, as rows of a sequence diagram.  The diagrams of the first
entries, the worst, are all there; a report with thousands of findings must still load.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qmpconf.check.findings import SEVERITIES
from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import Finding, Message, Rule
from qmpconf.report.views.html.words import MOST_BODY, Lines, anchor, cut, volume
from qmpconf.text import duration

#: Entries with a diagram, and with the text of its messages.
MOST_DIAGRAMS = 1000
MOST_BODIES = 200

#: Lines of a trace that are named for one place.
MOST_LINES = 12

#: Seconds between two messages from which on the diagram says that time went by.
PAUSE = 0.1

#: Kinds of message that are no arrow from one lane to the other.
_FATES = {
    "open": "session opens",
    "shut": "stops sending",
    "close": "session closes",
    "gap": "a gap in the recording",
}

#: Kinds that a style sheet knows; any word may stand in a result.
_STYLES = {*_FATES, "greeting", "command", "return", "error", "event", "malformed", "short"}

#: A line of a transcript: a mark, the line's number, which way, the text.
_SHORT = re.compile(r"\s*(>?)\s*(\d{0,9})\s*(->|<-|--)\s*(.*)", re.DOTALL)


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
    """Where one subject shows the finding; `number` is the subject's, from 1, or 0."""

    number: int
    one: Finding

    @property
    def lines(self) -> str:
        """The first few of its lines, for a place that has several."""
        rest = [line for line in self.one.lines if line != self.one.line]
        told = ", ".join(str(line) for line in rest[:MOST_LINES])
        return told + (", …" if len(rest) > MOST_LINES else "")


@dataclass(slots=True)
class Entry:
    """Equal findings of all subjects."""

    anchor: str
    rule: Rule | None
    places: list[Place] = field(default_factory=list)
    rows: Sequence[Row] = ()

    @property
    def first(self) -> Finding:
        """The one whose words stand for all."""
        return self.places[0].one

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


def entries(report: Report) -> list[Entry]:
    """All findings of a report: the new ones first, the worst first."""
    numbers = {subject.name: number for number, subject in enumerate(report.subjects, 1)}
    found: dict[tuple[str, str], Entry] = {}
    taken: Counter[str] = Counter()
    for one in sorted(report.findings, key=_order):
        key = (one.fingerprint, one.rule)
        entry = found.get(key)
        if entry is None:
            name = anchor("f", one.fingerprint)
            taken[name] += 1
            name += f"-{taken[name]}" if taken[name] > 1 else ""
            entry = found[key] = Entry(name, report.rules.get(one.rule))
        entry.places.append(Place(numbers.get(one.subject, 0), one))
    for place, entry in enumerate(list(found.values())[:MOST_DIAGRAMS]):
        entry.rows = _diagram(report, entry, bodies=place < MOST_BODIES)
    return list(found.values())


def _order(one: Finding) -> tuple[bool, int]:
    return (one.status != "new", SEVERITIES.index(one.severity))


def facets(found: Iterable[Entry], of: Callable[[Entry], str]) -> Mapping[str, int]:
    """What a filter can choose: each value, and how many entries have it, the most first."""
    counts = Counter(of(one) for one in found)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _diagram(report: Report, entry: Entry, *, bodies: bool) -> list[Row]:
    """The messages around it, of the first subject that kept any; else the short lines."""
    for place in entry.places:
        messages = report.around(place.one)
        if messages:
            return _rows(messages, place.one, bodies=bodies)
    return [_short(line) for line in entry.first.around]


def _rows(messages: Sequence[Message], finding: Finding, *, bodies: bool) -> list[Row]:
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
                way="fate" if one.kind in _FATES else "c2s" if one.sender == "client" else "s2c",
                kind=one.kind,
                name=_name(one),
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


def _name(one: Message) -> str:
    if one.kind in _FATES:
        return _FATES[one.kind]
    return one.name or one.kind


def _told(one: Message) -> str:
    """What stands behind the name: the outcome, the id, how long it took, how large it is."""
    kind = {"command": "", "event": "event"}.get(one.kind, one.kind if one.name else "")
    parts = [
        kind,
        one.outcome,
        one.text if one.kind in _FATES else "",
        f"id {one.id}" if one.id else "",
        "out of band" if one.oob else "",
        f"took {duration(one.latency)}" if one.latency is not None else "",
        volume(one.size) if one.size and one.kind != "command" else "",
    ]
    return " · ".join(filter(None, parts))


def _short(line: str) -> Row:
    """A line of a transcript, ``>   12 -> text``: from the client; ``<-``: from the server."""
    found = _SHORT.match(line)
    if found is None:
        return Row("fate", "other", line)
    mark, number, arrow, text = found.groups()
    way = {"->": "c2s", "<-": "s2c"}.get(arrow, "fate")
    return Row(way, "short", text, line=int(number or 0), here=bool(mark))
