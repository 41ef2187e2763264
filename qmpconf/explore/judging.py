"""From a life's trace and its end to what was found: the checker, the claims, and how the server ended.

A crash, an end nobody asked for, a hang and a contradiction are findings like those of the checker, with
requirements of their own (``explore.*``).  What makes two of them equal is their `Finding.identity`: of a
crash the signal, what the server printed (an assertion, without numbers) and the last command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qmpconf.check.basis import Basis
from qmpconf.check.checking import check
from qmpconf.check.collect import Collector
from qmpconf.check.practice import NOTHING
from qmpconf.explore.claims import Broken, Claims
from qmpconf.explore.life import Ending
from qmpconf.explore.world import subject_of
from qmpconf.findings import Finding
from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import Command, Event, Failure, Success
from qmpconf.protocol.phases import Phase
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.steps import Step
from qmpconf.text import shortened
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

#: Requirements that only exploration has.
CRASH, ENDED, HANG, CLOSED, CONTRADICTION = (
    "explore.crash",
    "explore.ended",
    "explore.hang",
    "explore.closed",
    "explore.contradiction",
)

#: The sentence of each, the worst first.
RULES: Mapping[str, str] = {
    CRASH: "No command makes a signal end the server.",
    ENDED: "The server does not end unless it is asked to.",
    HANG: "The server answers, and ends when it is asked to.",
    CLOSED: "The server does not close a session by itself.",
    CONTRADICTION: "Queries agree with what was done.",
}

#: Lines of a log that say why a program ended.
_REASONS = re.compile(
    r"[Aa]ssertion|assert|ERROR:|\*\*|[Bb]ail out|[Ff]atal|failed|abort|corrupt|free\(\)|malloc|Unexpected"
)
#: What differs from one run to the next.
_VARIABLE = (
    (re.compile(r"0x[0-9a-fA-F]+"), "N"),
    (re.compile(r"(?<![^\s:])[^\s:]*/"), ""),
    (re.compile(r"^\S*qemu[\w.-]*: "), ""),
    (re.compile(r"(?<=\w)\[\d+\]"), ""),
    (re.compile(r"\d+"), "N"),
)
#: What is printed when a limit of ours refuses memory or a file, and how much memory was asked for.
_MEMORY = re.compile(
    r"failed to allocate (\d+) bytes|[Cc]annot allocate memory|[Oo]ut of memory|File too large"
)
#: An amount that no machine gives: not the fault of a limit.
_NO_MACHINE = 1 << 42

_LONGEST = 200


@dataclass(slots=True)
class Judged:
    """What one life came to: `limited` says that the limit of memory ended it, and that is not a finding."""

    findings: list[Finding] = field(default_factory=list)
    collector: Collector = field(default_factory=lambda: Collector(NOTHING))
    limited: bool = False


class _Judge:
    """The checker's observer: coverage, claims, and which command was the last."""

    def __init__(self, collector: Collector) -> None:
        self.broken: list[Broken] = []
        self.commands: dict[int, Command] = {}
        self.last: Command | None = None
        self._claims = Claims()
        self._collector = collector

    def sent(
        self, session: Session, basis: Basis | None, item: Item, step: Step, found: list[Finding]
    ) -> None:
        """A frame of the client, and what was found in it."""
        self._collector.sent(session, basis, item, step, found)
        if isinstance(step.message, Command):
            self.commands[item.line] = self.last = step.message

    def received(
        self, session: Session, basis: Basis | None, item: Item, step: Step, phase: Phase
    ) -> None:
        """A frame of the server."""
        self._collector.received(session, basis, item, step, phase)
        message = step.message
        asked = step.answered.message if step.answered else None
        if isinstance(message, Event):
            self._claims.happened(message)
        elif isinstance(asked, Command) and isinstance(message, Success | Failure):
            if asked.oob:
                self._claims.forget()
            else:
                self.broken += self._claims.answered(asked, message, item.line)

    def shut(self, session: Session, who: Party) -> None:
        """`who` has closed its sending direction."""
        self._collector.shut(session, who)

    def ended(
        self, session: Session, basis: Basis | None, pending: Sequence[Pending], who: Party | None
    ) -> None:
        """The session ended; `pending` still waited."""
        self._collector.ended(session, basis, pending, who)


def judge(path: str, basis: Basis | None, ending: Ending) -> Judged:
    """What the trace `path` and the end of its server come to.

    Raises `InputError` for a trace that cannot be read.
    """
    judged = Judged()
    observer = _Judge(judged.collector)
    reader = TraceReader(path)
    outcome = check(reader, lambda *_: basis, observer=observer, practice=NOTHING)
    of_end = () if ending.is_sound else _CONSEQUENCES
    for group in outcome.groups:
        one = group.first
        if one.blame == "server" and one.severity != "note" and one.requirement not in of_end:
            judged.findings.append(one)
    judged.findings += [_contradiction(path, one) for one in observer.broken]
    if not ending.is_sound:
        if _is_limit(ending):
            judged.limited = True
        else:
            last = observer.commands.get(ending.line) or observer.last
            judged.findings.append(_end(path, ending, last))
    return judged


#: What is broken by a server that has crashed, and not a finding of its own.
_CONSEQUENCES = ("response.exactly-one", "framing.valid-json", "framing.crlf")


def _contradiction(path: str, one: Broken) -> Finding:
    return Finding(
        CONTRADICTION,
        "MUST",
        "error",
        "server",
        path=path,
        line=one.line,
        session=1,
        subject=one.query,
        message=one.sentence,
        expected=one.expected,
        seen=one.seen,
        source=f"{one.command} in line {one.since}",
        more=(("since", str(one.since)),),
        identity=(CONTRADICTION, one.rule, one.command, one.sentence),
    )


def _end(path: str, ending: Ending, last: Command | None) -> Finding:
    name = last.name if last else ""
    subject = subject_of(name, last.arguments) if last else ""
    about = f"{name} {subject}".strip()
    reason = reason_in(ending)
    requirement, message = _words(ending.how)
    return Finding(
        requirement,
        "MUST",
        "error",
        "server",
        path=path,
        line=ending.line,
        session=1,
        subject=about,
        message=message,
        expected="an answer",
        seen=reason or "nothing was printed",
        more=(("printed", ending.words[-2000:]),) if ending.words else (),
        identity=(requirement, ending.how, stable(reason), about),
    )


def _words(how: str) -> tuple[str, str]:
    if how.startswith("signal"):
        return CRASH, f"the server ended by {how}"
    if how.startswith("exit"):
        return ENDED, f"the server ended by itself, with {how}"
    if how == "hang":
        return HANG, "the server does not answer"
    return CLOSED, "the server closed the session, and runs on"


def reason_in(ending: Ending) -> str:
    """The line of a server's log that says why it ended; empty where none does.

    A program that aborts or exits says why; one that hangs, or reads where nothing is, does not know it.
    """
    says = ("signal SIGABRT", "signal SIGTRAP", "exit")
    if not ending.how.startswith(says):
        return ""
    lines = [line.strip() for line in ending.words.splitlines() if line.strip()]
    found = [line for line in lines if _REASONS.search(line) and not line.startswith("Bail out")]
    return shortened((found or lines)[-1], _LONGEST) if lines else ""


def stable(reason: str) -> str:
    """A reason without what differs from one run, or build, to the next."""
    for pattern, stands in _VARIABLE:
        reason = pattern.sub(stands, reason)
    return reason


def same(one: Finding, other: Finding) -> bool:
    """Whether `one`, of a shorter trace, is the finding `other`.

    With an assertion, it is whichever command was the last one.  Where a server reads or writes where it must
    not, chance decides how that ends: by which signal, or in no answer to the same command.
    """
    if one.fingerprint == other.fingerprint:
        return True
    if not (one.identity and other.identity) or other.requirement not in (CRASH, ENDED):
        return False
    _, _, reason, about = other.identity
    if reason:
        return one.identity[:3] == other.identity[:3]
    return one.requirement in (CRASH, HANG) and bool(about) and one.identity[3] == about


def _is_limit(ending: Ending) -> bool:
    """Whether the server ended for lack of memory that another machine might have given it."""
    found = _MEMORY.search(ending.words)
    if found is None:
        return False
    return not (found[1] and int(found[1]) >= _NO_MACHINE)
