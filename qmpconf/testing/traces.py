"""Traces as tests: a file is collected, each of its sessions is a test, and so is its replay.

``pytest traces/`` holds every session against the protocol and its schema, with the verdict of
``qmpconf check``; with --qmp-target or --qmp-spawn the trace is replayed as well, with that of
``qmpconf replay``.  A file is read once to find its sessions, and checked once, when the first of
them is run; that worker of xdist keeps what was found.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from qmpconf.check.baseline import Comparison
from qmpconf.check.checking import Outcome, check
from qmpconf.conform.target import Target
from qmpconf.errors import QmpconfError
from qmpconf.findings import Finding, Groups
from qmpconf.net.address import parse_address
from qmpconf.outputs import make_folder
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.report import replay as report
from qmpconf.testing import settings
from qmpconf.testing.failures import (
    Broken,
    findings,
    headline,
    more,
    places,
    representation,
    severities,
    shown_path,
    warned,
)
from qmpconf.testing.stale import DIFFERENCE, FINDING, REPLAY, REQUIREMENT, SESSIONS
from qmpconf.testing.unjudged import properties
from qmpconf.text import printable
from qmpconf.trace.around import around
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Finish


class _BySession(Groups):
    """Groups of findings, also those of each session."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[int, Groups] = {}

    def add(self, finding: Finding) -> None:
        super().add(finding)
        self.sessions.setdefault(finding.session, Groups()).add(finding)


@dataclass
class Checked:
    """A trace that was checked: what the check gave, and the messages around what is wrong."""

    outcome: Outcome
    compared: Mapping[int, Comparison]
    messages: Mapping[tuple[int, int], list[str]] = field(default_factory=dict)


class TraceFile(pytest.File):
    """One trace."""

    _checked: Checked | None = None

    def collect(self) -> Iterable[pytest.Item]:
        """A test for each session, in the order in which they begin, and one for the replay."""
        path = str(self.path)
        try:
            settings.choice(self.config)  # what is wrong with an option is said at once
            settings.baseline(self.config)
            settings.practice(self.config)
            lines = sessions(path)
        except QmpconfError as error:
            raise self.CollectError(printable(str(error))) from None
        for conn, line in lines.items():
            yield SessionItem.from_parent(
                self, trace=self, name=f"session-{conn}", conn=conn, line=line, count=len(lines)
            )
        if lines and any(settings.server(self.config)):
            yield ReplayItem.from_parent(self, trace=self, name=REPLAY)

    def checked(self) -> Checked:
        """The whole trace, checked; at the first call it is read.  Raises QmpconfError."""
        if self._checked is None:
            path = str(self.path)
            groups = _BySession()
            outcome = check(
                TraceReader(path),
                settings.choice(self.config),
                groups,
                practice=settings.practice(self.config),
            )
            known = settings.baseline(self.config)
            compared = {
                # What does not show in one session may show in another: `stale` sees to that.
                conn: replace(known.compare(one), gone=[])
                for conn, one in groups.sessions.items()
            }
            strict = self.config.option.qmp_strict
            failed = [one for one in compared.values() if one.failed(strict=strict)]
            wanted = [place for one in failed for place in places(one.new)]
            self._checked = Checked(outcome, compared, around(path, wanted) if wanted else {})
        return self._checked


def sessions(path: str) -> Mapping[int, int]:
    """Number and first line of each session of a trace.  Raises InputError."""
    found: dict[int, int] = {}
    for record in TraceReader(path).records():
        if not isinstance(record, Finish) and record.conn not in found:
            found[record.conn] = record.line
    return found


class _TraceItem(pytest.Item):
    """A test made of a trace."""

    def __init__(self, *, trace: TraceFile, **options: Any) -> None:
        super().__init__(**options)
        self.trace = trace

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        """Messages, not Python."""
        if isinstance(excinfo.value, Broken):
            return representation(excinfo.value)
        if isinstance(excinfo.value, QmpconfError):
            text = printable(str(excinfo.value))
            return representation(Broken(text, [text], shown_path(str(self.path)), 1))
        return super().repr_failure(excinfo, *args)

    def note(self, name: str, value: str) -> None:
        """Keep a fact with the report (JUnit shows it as a property)."""
        if (name, value) not in self.user_properties:
            self.user_properties.append((name, value))


class SessionItem(_TraceItem):
    """One session of a trace: nobody has made a mistake that counts and is not known."""

    def __init__(self, *, conn: int, line: int, count: int, **options: Any) -> None:
        super().__init__(**options)
        self.conn = conn
        self.line = line
        self.note(SESSIONS, str(count))

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Where the session begins."""
        return self.path, self.line - 1, f"{self.path.name} {self.name}"

    def runtest(self) -> None:
        """Check, and fail as `qmpconf check` does."""
        checked = self.trace.checked()
        outcome = checked.outcome
        path = shown_path(outcome.path)
        if outcome.torn:
            self.add_report_section(
                "call", "trace", f"{path}:{outcome.torn}: the last line is torn"
            )
        for name, value in properties(outcome):
            self.note(name, value)
        compared = checked.compared.get(self.conn)
        if compared is None:
            return
        for group in (*compared.new, *compared.known):
            self.note(REQUIREMENT, group.first.requirement)
            self.note(FINDING, group.fingerprint)
        if not compared.failed(strict=self.config.option.qmp_strict):
            for name, value in warned(compared.new, outcome.path):
                self.note(name, value)
            return
        basis = "; ".join(outcome.schemas) or "no schema: the wire protocol alone"
        known = f", and {len(compared.known)} known" if compared.known else ""
        lines = [
            f"session {self.conn}: {severities(compared.new)}{known}, checked against {basis}",
            *findings(compared.new, outcome.path, checked.messages),
            *more(compared.new),
        ]
        first = compared.new[0].first
        raise Broken(headline(compared.new), lines, path, first.line)


class ReplayItem(_TraceItem):
    """A whole trace, replayed against the server of the command line."""

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The trace."""
        return self.path, 0, f"{self.path.name} {self.name}"

    def runtest(self) -> None:
        """Replay, and fail as `qmpconf replay` does."""
        result = self._replay()
        if result.interrupted:
            raise KeyboardInterrupt
        known = {group.first.digest for group in result.differences} & set(result.known)
        for digest in sorted(known):
            self.note(DIFFERENCE, digest)
        # What does not show in one replay may show in another: `stale` sees to that.
        result.known = {one: reason for one, reason in result.known.items() if one in known}
        if result.exit_code:
            line = next((one.first.line for one in result.new if one.first.line), 1)
            verdict = printable(report.verdict(result))
            lines = report.as_text(result).splitlines()
            raise Broken(verdict, lines, shown_path(str(self.path)), line)

    def _replay(self) -> ReplayResult:
        config = self.config
        address, command = settings.server(config)
        with contextlib.ExitStack() as stack:
            if address:  # workers of xdist take turns on it
                stack.enter_context(Target(parse_address(address)).alone())
            return replay_trace(
                str(self.path),
                target=address or None,
                spawn=command or None,
                output=self._output(),
                overwrite=True,
                compare=config.option.qmp_compare or "value",
                timeout=config.option.qmp_timeout,
                masks=settings.configuration(config).masks,
                known=settings.known_differences(config),
            )

    def _output(self) -> str | None:
        """Where the replay's own trace goes, with --qmp-report: a name for each trace."""
        folder = self.config.option.qmp_report
        if not folder:
            return None
        make_folder(folder, "--qmp-report")
        name = self.trace.nodeid.replace("/", "__")
        base, _, packed = name.partition(".qmptrace")
        return os.path.join(folder, f"{base}-replay.qmptrace{packed}")
