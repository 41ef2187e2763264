"""Behind `qmpconf.conform.plugin`: the suite from pytest's options, and the summary of a run.

What a case sees by the way (a breach of another requirement) fails no test of its own: the summary
says it, and fails the run.  Results come as properties of pytest's reports, also from workers.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from qmpconf.check.verdict import fails
from qmpconf.conform.frozen import load_set
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import SEEN, Outcome, result_from_data, result_to_data, seen_by_the_way
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.files import read_text
from qmpconf.net.address import parse_address
from qmpconf.net.process import Server
from qmpconf.trace.redaction import Redactor

#: The property of a report that carries a result from a worker to where the summary is written.
RESULT = "qmpconf-result"


def open_suite(stack: ExitStack, config: pytest.Config) -> Suite:
    """The suite for the target of the command line; `stack` ends it.  Raises QmpconfError."""
    address, command = config.option.qmp_target, config.option.qmp_spawn
    if address:
        target = Target(parse_address(address))
    else:
        server = stack.enter_context(Server(command))
        server.start()
        server.wait_until_bound()
        words = f"--spawn {shlex.quote(Redactor().command_line(command))}"
        target = Target(server.address, server=server, words=words)
    report = config.getoption("--qmp-report") or ""
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    options = Options(
        level=config.getoption("--qmp-level"),
        destructive=config.getoption("--qmp-destructive"),
        schema=config.getoption("--qmp-schema"),
        patience=config.getoption("--qmp-timeout"),
        folder=str(Path(report) / worker) if report and worker else report,
        known=_known(config.getoption("--qmp-known-failing")),
        shipped=not config.getoption("--qmp-no-known-failing"),
        requirements=config.getoption("--qmp-requirements"),
    )
    return stack.enter_context(Suite(target, options))


def _known(path: str | None) -> Known | None:
    return Known.parse(read_text(path), path) if path else None


def note(record_property: Callable[[str, Any], None], result: CaseResult, known: Known) -> None:
    """Carry a result to the summary, with what is known of it."""
    names = {one.requirement for one in result.foreign}
    entries = [
        one.case
        for one in known.entries
        if one.meets(result.case) and not (one.sometimes or one.ours)
    ]
    data = {
        "result": result_to_data(result),
        "seen": {name: known.reason_for(f"{name}/{SEEN}") for name in sorted(names)},
        "entries": entries,
    }
    record_property(RESULT, json.dumps(data))


class Summary:
    """A plugin: collects the results of a run, and says what no single test can."""

    def __init__(self, *, strict: bool, requirements: str = "") -> None:
        self._strict = strict
        self._requirements = requirements
        self._results: list[CaseResult] = []
        self._reasons: dict[str, str] = {}
        self._entries: dict[str, list[Verdict]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result out of a report."""
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == RESULT:
                data = json.loads(str(value))
                result = result_from_data(data["result"])
                self._results.append(result)
                self._reasons.update(data["seen"])
                for entry in data["entries"]:
                    self._entries.setdefault(entry, []).append(result.verdict)

    def problems(self) -> list[str]:
        """What fails the run without failing a test."""
        told = [
            f"{one.verdict.value.upper()} {one.case}: {one.reason}"
            for one in self._seen()
            if fails(one.verdict.severity, strict=self._strict) and not one.known
        ]
        return (
            told
            + [
                f"HEALED {entry}: listed as known to fail, and passes; take it off the list"
                for entry, verdicts in self._entries.items()
                if Verdict.PASS in verdicts and not any(one.broken for one in verdicts)
            ]
            + [f"UNDECIDED {name}: no case could find out" for name in self._undecided()]
        )

    def _undecided(self) -> list[str]:
        if not self._results:  # nor is there a set, perhaps
            return []
        frozen = load_set(self._requirements)
        return Outcome("", "", "", self._results, frozen=frozen).undecided

    def _seen(self) -> list[CaseResult]:
        found = seen_by_the_way(self._results, Known())
        for one in found:
            one.known = self._reasons.get(one.requirements[0], "")
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run in which something was seen by the way."""
        if exitstatus == pytest.ExitCode.OK and self.problems():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell warnings, and what was seen by the way."""
        warned = [one for one in self._results if one.verdict is Verdict.WARN and not one.known]
        lines = [f"WARN {one.case}: {one.reason}" for one in warned] + self.problems()
        if self._requirements and self._results:
            lines.insert(0, f"held to the requirements of {self._requirements}")
        if lines:
            terminalreporter.section("conformance")
            for one in lines:
                terminalreporter.write_line(one)
