"""What a result stream holds, version 1: one JSON object a line.

The first line is the `Header`, the last one the `Finish`; without it the stream was cut off.  Each
line between them is one record, whose ``record`` member says which:

=============  =================================================================================
`subject`      what was judged: a trace, a server, a document, two catalogs
`rule`         a requirement that a finding or a verdict names
`finding`      equal findings, grouped: the first of them, and how many there are
`verdict`      what one requirement came to with one subject
`case`         one case of the conformance suite
`message`      a message near a finding, for the views that show a session
`latency`      how long one command took
`coverage`     what was exercised of one command or event of a schema
`table`        rows that only one verb has: masks, bindings, what an upgrade means
`note`         a sentence that every reader should see: a torn line, a catalog that was chosen
`unjudged`     what was not judged of a subject: no schema, a call that was refused
`gone`         a known finding of a baseline or list that was not found any more
=============  =================================================================================

A view is made from these records alone (`qmpconf.report.results.merge`), in a later process, on
another machine, out of several streams.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from qmpconf.check.collect import Exercised
from qmpconf.findings import Blame, Severity
from qmpconf.trace.figures import Figures, Whole

#: The version that this module describes.
VERSION = 1

#: The verbs that write results.
Verb = Literal[
    "check",
    "replay",
    "conform",
    "conform-client",
    "audit",
    "diff",
    "coverage",
    "stats",
    "trace-diff",
    "explore",
]

SubjectKind = Literal["trace", "server", "client", "document", "catalogs"]

#: ``new``: counts; ``known``: expected, with a reason.
Status = Literal["new", "known"]

#: Of a requirement or a case.  ``not-exercised``: the trace gave no occasion to judge it.
VerdictWord = Literal["pass", "fail", "warn", "not-applicable", "inconclusive", "not-exercised"]

#: From the one that counts most, where several are said of one requirement and subject.
WORST_FIRST: tuple[VerdictWord, ...] = (
    "fail",
    "warn",
    "pass",
    "inconclusive",
    "not-applicable",
    "not-exercised",
)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: the format's version, which verb wrote it, when (UTC, RFC 3339) and how.

    `command` is the command line that gives the same result again; `label` what its user calls
    this run (a shard, a job), or empty; `strict` says whether warnings make it fail.
    """

    qmpresult: int = VERSION
    verb: Verb
    by: str = ""
    started: str = ""
    command: str = ""
    label: str = ""
    strict: bool = False


class _Record(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="record", omit_defaults=True, gc=False
):
    """The members of every record between the first line and the last; none refers to itself."""


class Subject(_Record, frozen=True, kw_only=True, tag="subject"):
    """What was judged.

    `name` is its key in this stream: a trace's path, a server's product and version.  `facts` are
    for people: messages, sessions, schema, address, seconds.
    """

    name: str
    kind: SubjectKind
    facts: dict[str, str | int | float | bool] = {}


class Rule(_Record, frozen=True, kw_only=True, tag="rule"):
    """A requirement: its id, level (MUST, SHOULD, MAY), who it binds, sentence and source."""

    id: str
    level: str
    party: str = ""
    text: str = ""
    source: str = ""


class FindingRecord(_Record, frozen=True, kw_only=True, tag="finding"):
    """Equal findings (`qmpconf.findings.Finding`) of one subject, as they are written.

    `path` and `line` (1-based, 0: none) are of the first one, `lines` of the first few; `session`
    is its connection number (0: none), `pointer` the place in the message.  `about` is the command
    or event, `case` the case of the suite that shows it, `repeat` the command that shows it again.
    `around` are the messages before it as short lines, where the verb keeps those and no
    `Message`.  Of those with a `weight`, the greatest goes first.  `more` is what only one verb says
    (``answered``, ``nearest``).
    """

    subject: str
    fingerprint: str
    rule: str
    severity: Severity
    blame: Blame
    message: str
    path: str = ""
    line: Whole = 0
    session: int = 0
    pointer: str = ""
    about: str = ""
    expected: str = ""
    seen: str = ""
    source: str = ""
    hint: str = ""
    count: Whole = 1
    lines: tuple[int, ...] = ()
    status: Status = "new"
    reason: str = ""
    case: str = ""
    repeat: str = ""
    around: tuple[str, ...] = ()
    more: dict[str, str] = {}
    weight: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether it is new, and more than a note."""
        return self.status == "new" and self.severity != "note"


class Verdict(_Record, frozen=True, kw_only=True, tag="verdict"):
    """What one requirement came to with one subject."""

    subject: str
    rule: str
    verdict: VerdictWord
    reason: str = ""
    known: str = ""


class Case(_Record, frozen=True, kw_only=True, tag="case"):
    """One case of the suite; `seconds` is how long it took, `trace` the path of its trace."""

    subject: str
    id: str
    verdict: VerdictWord
    title: str = ""
    rules: tuple[str, ...] = ()
    reason: str = ""
    known: str = ""
    seconds: float = 0.0
    trace: str = ""


class Message(_Record, frozen=True, kw_only=True, tag="message"):
    """A message near a finding; the members are those of `qmpconf.trace.summary.Summary`.

    `body` is the message as text, shortened; `latency` is in seconds.
    """

    path: str
    line: Whole
    t: float
    conn: int
    sender: str
    kind: str
    name: str = ""
    id: str = ""
    oob: bool = False
    latency: float | None = None
    answers: Whole = 0
    outcome: str = ""
    text: str = ""
    size: Whole = 0
    fds: Whole = 0
    members: dict[str, str | int | bool] = {}
    body: str = ""


class Latency(_Record, frozen=True, kw_only=True, tag="latency"):
    """How long one command took, in seconds; `buckets` are (upper bound, count)."""

    subject: str
    name: str
    count: Whole
    errors: Whole = 0
    p50: float = 0.0
    p95: float = 0.0
    max: float = 0.0
    total: float = 0.0
    buckets: tuple[tuple[float, Whole], ...] = ()


class Coverage(_Record, frozen=True, kw_only=True, tag="coverage"):
    """What was exercised of one command or event of the catalog `schema`.

    `calls` counts successes (of an event: occurrences), `refused` errors.  `places` are the places
    below it that were exercised, with how often (`qmpconf.check.coverage`), `missing` the others.
    """

    subject: str
    schema: str
    kind: Literal["command", "event"]
    name: str
    calls: Whole = 0
    refused: Whole = 0
    places: dict[str, Whole] = {}
    missing: tuple[str, ...] = ()


class Table(_Record, frozen=True, kw_only=True, tag="table"):
    """Rows that only one verb has; where it is `folded`, text says how many there are."""

    subject: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: bool = False


class Exercise(_Record, frozen=True, kw_only=True, tag="exercised"):
    """All that some traces exercise of catalogs and requirements (`qmpconf coverage`)."""

    exercised: Exercised


class Traffic(_Record, frozen=True, kw_only=True, tag="figures"):
    """How many messages of which kind some traces hold, how long and how big (`qmpconf stats`)."""

    figures: Figures


class Note(_Record, frozen=True, kw_only=True, tag="note"):
    """A sentence that every reader should see."""

    subject: str
    text: str


class Unjudged(_Record, frozen=True, kw_only=True, tag="unjudged"):
    """What was not judged of a subject, and why (`qmpconf.check.unjudged`).

    `kind` is ``trace``, ``schema``, ``call``, ``event``, ``property``, ``line``, ``time``,
    ``session`` or ``response``; `advice` says what to do.
    """

    subject: str
    kind: str
    text: str
    advice: str = ""
    line: Whole = 0
    count: Whole = 1


class Gone(_Record, frozen=True, kw_only=True, tag="gone"):
    """An entry of a baseline or list that nothing was found for; it makes the run fail.

    `place` is ``FILE:LINE`` of the entry, or empty.
    """

    subject: str
    fingerprint: str
    reason: str = ""
    place: str = ""


Record = (
    Subject
    | Rule
    | FindingRecord
    | Verdict
    | Case
    | Message
    | Latency
    | Coverage
    | Table
    | Exercise
    | Traffic
    | Note
    | Unjudged
    | Gone
)


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The last line: how many records there are, and the verb's exit code (qmpconf/README.md, Exit codes).

    `failure` says why the run did not get to its end, or is empty.
    """

    finish: int
    exit_code: int
    failure: str = ""
