"""Makes findings: fills in what the register says of a requirement, and what a session is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.findings import Blame, Finding, Severity
from qmpconf.protocol.requirements import Level, Party

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qmpconf.protocol.messages import Failure
    from qmpconf.protocol.steps import Breach

#: How bad it is to break a requirement of each level.
SEVERITIES: dict[Level, Severity] = {
    Level.MUST: "error",
    Level.SHOULD: "warning",
    Level.MAY: "note",
}
_BLAMES: dict[Party, Blame] = {
    Party.CLIENT: "client",
    Party.SERVER: "server",
    Party.RECORDER: "recorder",
    Party.DOCUMENT: "document",
    Party.NOBODY: "nobody",
}


#: Characters of a server's error that a finding shows.
_LONGEST_ANSWER = 300


def answer_of(reply: Failure) -> str:
    """An error as findings show it: class and description, not too long."""
    text = f"{reply.error_class}: {reply.description}"
    return text if len(text) <= _LONGEST_ANSWER else f"{text[: _LONGEST_ANSWER - 3]}..."


class Reporter:
    """Makes the findings of one session: fills in what is the same for all of them."""

    def __init__(self, path: str, conn: int) -> None:
        self._path = path
        self._conn = conn

    def finding(
        self,
        requirement: str,
        line: int,
        where: str,
        subject: str,
        message: str,
        expected: str,
        seen: str,
        source: str,
        hint: str = "",
        blame: Party | None = None,
        more: tuple[tuple[str, str], ...] = (),
        severity: Severity | None = None,
        answer: str = "",
    ) -> Finding:
        """One finding; level, severity and blame are those of the register unless given."""
        rule = ALL_REQUIREMENTS[requirement]
        return Finding(
            requirement,
            rule.level.value,
            severity or SEVERITIES[rule.level],
            _BLAMES[blame or rule.binds],
            self._path,
            line,
            self._conn,
            where,
            subject,
            message,
            expected,
            seen,
            source,
            hint,
            answer,
            more,
        )

    def breach(self, breach: Breach, subject: str) -> Finding:
        """The finding of a breach of the wire protocol."""
        rule = ALL_REQUIREMENTS[breach.requirement]
        return self.finding(
            breach.requirement,
            breach.mark,
            breach.pointer,
            subject,
            rule.sentence.rstrip("."),
            breach.expected,
            breach.seen,
            rule.source,
            blame=breach.blame,
        )


def answered(found: Iterable[Finding], reply: Failure) -> list[Finding]:
    """Findings about a command, with the error that refused it."""
    answer = answer_of(reply)
    return [replace(one, answer=answer) for one in found]
