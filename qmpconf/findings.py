"""Findings: one requirement broken, or worth a note, at one place (qmpconf/README.md, Findings and verdicts).

Every room makes the same `Finding`: the checker of a trace, the conformance suites of a case, the
audit of a document, `schema diff` of a change, a replay of a difference, `coverage` of a limit.
`Groups` puts equal ones together.  What makes two findings equal is their fingerprint: the
requirement, who is to blame, the command or event (where it matters), the place inside the message
(list indexes left out) and the sentence; never the trace, the line or the values seen.  So a
fingerprint is the same in every recording of the same fault, and a baseline can name it.

Pure, and below every floor: knows no file and no register.
"""

from __future__ import annotations

import hashlib
import re
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Severity = Literal["error", "warning", "note"]
Blame = Literal["client", "server", "recorder", "document", "nobody"]

#: From the worst to the least.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

#: How many different findings `Groups` keeps; a trace made to exhaust memory does not.
MOST_GROUPS = 10_000

#: Lines that a group keeps of its findings, the first ones.
KEPT_LINES = 20

#: Where in a trace something showed: later is greater (`qmpconf.trace.order`).
Place = tuple[int, int, int]

#: Requirements whose findings differ from command to command, from event to event; a breach of
#: any other one is the same breach with every command.
_BY_SUBJECT = (
    "schema.",
    "compat.",
    "practice.",
    "response.void",
    "request.strict-arguments",
    "request.unknown-command",
)

_INDEX = re.compile(r"/\d+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement broken, or worth a note, at one place: of a trace as a rule.

    `requirement` is an id of `qmpconf.check.requirements`, or one that only its verb has
    (``document.*``, ``diff.*``, ``replay.*``, ``coverage.limit``); `level` its level (MUST, SHOULD,
    MAY).  `path` and `line` (1-based, 0: none) are the trace's or document's, `column` (1-based, 0:
    the whole line) that of a document whose lines were lost, `session` the connection number (0:
    none), `pointer` a JSON pointer into the whole message, or the place in a schema.  `subject` is
    the command or event that it is about, or empty.
    `message` is one sentence without a full stop; `expected` and `seen` give both sides; `source`
    is the document and line, catalog entry or section of the specification; `hint` what was
    probably meant, or empty; `answer` the error with which the server refused the command that it
    is about, as ``CLASS: DESCRIPTION``, or empty; `more` what else there is to know, as names and
    words; `around` are the messages before it as short lines, where whoever found it has them.
    One finding may stand for a `count` of equal ones.  Of those that are weighed, the one with the
    greatest `weight` goes first.  `identity` is what makes it equal to another one, where that is
    something else than above (a change of a schema is the same wherever its lines are); empty as a rule.
    """

    requirement: str
    level: str
    severity: Severity
    blame: Blame
    path: str = ""
    line: int = 0
    session: int = 0
    pointer: str = ""
    subject: str = ""
    message: str = ""
    expected: str = ""
    seen: str = ""
    source: str = ""
    hint: str = ""
    answer: str = ""
    more: tuple[tuple[str, str], ...] = ()
    count: int = 1
    weight: float = 0.0
    column: int = 0
    around: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, the same for equal findings in every trace."""
        return fingerprint_of(*(self.identity or self._identity()))

    def _identity(self) -> tuple[str, ...]:
        return (
            self.requirement,
            self.severity,
            self.blame,
            self.subject if self.requirement.startswith(_BY_SUBJECT) else "",
            _INDEX.sub("/*", self.pointer),
            self.message,
        )


def fingerprint_of(*parts: str) -> str:
    """16 hexadecimal digits that stand for some texts."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(slots=True)
class Group:
    """Equal findings: the `first` of them, how many there are, and the first few of their lines.

    `place` is where the first one showed, for whoever puts groups of one trace together.
    """

    first: Finding
    fingerprint: str
    count: int = 0
    lines: list[int] = field(default_factory=list)
    place: Place = (0, 0, 0)

    def add(self, finding: Finding) -> None:
        """One more, equal to the first."""
        self.count += finding.count
        if finding.line:
            self._note(finding.line)

    def _note(self, line: int) -> None:
        lines = self.lines
        if (len(lines) < KEPT_LINES or line < lines[-1]) and line not in lines:
            insort(lines, line)
            del lines[KEPT_LINES:]

    def merge(self, other: Group) -> Group:
        """Both, of one fingerprint and of one trace; the first is that which showed first."""
        first = min(self, other, key=lambda one: one.place)
        both = Group(first.first, first.fingerprint, self.count + other.count, [], first.place)
        for line in (*self.lines, *other.lines):
            both._note(line)
        return both

    @classmethod
    def of(cls, finding: Finding) -> Group:
        """A group of one finding, which may stand for several."""
        made = cls(finding, finding.fingerprint)
        made.add(finding)
        return made


def _nowhere() -> Place:
    return 0, 0, 0


class Groups:
    """Findings as they come, equal ones grouped.

    `totals` counts the findings of each severity; `dropped` those that started no group because
    there are `MOST_GROUPS` already.  `place` gives where in its trace a finding shows.
    """

    def __init__(
        self, findings: Iterable[Finding] = (), place: Callable[[], Place] = _nowhere
    ) -> None:
        self._place = place
        self._groups: dict[str, Group] = {}
        self.totals: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
        self.dropped = 0
        for finding in findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        self.totals[finding.severity] += finding.count
        fingerprint = finding.fingerprint
        group = self._groups.get(fingerprint)
        if group is None and len(self._groups) < MOST_GROUPS:
            group = self._groups[fingerprint] = Group(finding, fingerprint, place=self._place())
        if group is not None:
            group.add(finding)
        else:
            self.dropped += finding.count

    def merge(self, other: Groups) -> Groups:
        """Both, of one trace, in the order in which they showed; where nothing was dropped, nothing is."""
        groups = dict(self._groups)
        for key, group in other._groups.items():
            groups[key] = groups[key].merge(group) if key in groups else group
        both = Groups()
        both._groups = dict(sorted(groups.items(), key=lambda one: one[1].place))
        both.totals = {key: self.totals[key] + other.totals[key] for key in SEVERITIES}
        both.dropped = self.dropped + other.dropped
        return both

    def __iter__(self) -> Iterator[Group]:
        """The worst first; equally bad ones in the order in which they appeared."""
        order = {severity: rank for rank, severity in enumerate(SEVERITIES)}
        yield from sorted(self._groups.values(), key=lambda group: order[group.first.severity])

    def __len__(self) -> int:
        return len(self._groups)
