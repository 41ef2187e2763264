"""Entries of a baseline or of known differences that do not show any more: they fail the run.

A plugin of its own, there only where one of these files is in use.  One session cannot know that
an entry is stale, for another one may have it; the whole run can.  It counts as whole when all
that was collected was run, nothing was deselected, and it covers the file's folder: the folder
was named, or none was, or the file was named on the command line.

What was seen comes as properties of reports, also from workers of xdist.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from qmpconf.testing.names import GIVEN, SUFFIXES

#: Properties of reports: a requirement that was broken, a finding's fingerprint, a difference's.
REQUIREMENT, FINDING, DIFFERENCE = "qmp-requirement", "qmp-finding", "qmp-difference"
#: How many sessions the trace has.
SESSIONS = "qmp-sessions"
#: The name of the test that replays a trace.
REPLAY = "replay"

_DESELECTED = "qmpconf_deselected"


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run."""
    config.pluginmanager.register(_Watch(config), "qmpconf-stale")


class _Watch:
    """What was seen in a run, and whether it was a whole one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seen: dict[str, set[str]] = {FINDING: set(), DIFFERENCE: set()}
        self._sessions: dict[str, int] = {}
        self._replays = 0
        self._deselected = 0
        self._lines: list[str] = []

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._deselected += len(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ARG002 - xdist's hook
        """Take from a worker of xdist how much it deselected."""
        self._deselected += getattr(node, "workeroutput", {}).get(_DESELECTED, 0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take out of a report what was seen."""
        if report.when == "setup":
            return
        for name, value in report.user_properties:
            if name in self._seen:
                self._seen[name].add(str(value))
            elif name == SESSIONS and report.when == "call":
                trace = report.nodeid.rpartition("::")[0]
                self._sessions[trace] = self._sessions.get(trace, int(str(value))) - 1
        trace, _, name = report.nodeid.rpartition("::")
        self._replays += report.when == "call" and name == REPLAY and trace.endswith(SUFFIXES)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run in which something known did not show."""
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_DESELECTED] = self._deselected
            return
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._lines = list(self._stale(session))
        if self._lines and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell them."""
        if self._lines:
            terminalreporter.section("known to qmpconf, but gone", red=True)
            for line in self._lines:
                terminalreporter.write_line(line)

    def _stale(self, session: pytest.Session) -> list[str]:
        from qmpconf.testing import settings  # noqa: PLC0415 - most runs have no traces

        option = self._config.option
        narrowed = self._deselected or getattr(option, "lf", False)
        if narrowed or session.shouldstop or session.shouldfail:
            return []
        found = []
        whole = bool(self._sessions) and not any(self._sessions.values())
        if option.qmp_baseline and whole and self._covers("baseline"):
            reasons = settings.baseline(self._config).reasons
            found += self._gone(option.qmp_baseline, reasons, FINDING)
        known = option.qmp_known_differences
        if known and self._replays and self._covers("known_differences"):
            found += self._gone(known, settings.known_differences(self._config), DIFFERENCE)
        return found

    def _gone(self, path: str, reasons: Any, kind: str) -> list[str]:
        what = "finding" if kind == FINDING else "difference"
        near = os.path.relpath(path)
        return [
            f"{path if near.startswith('..') else near}: {one} ({reason}): no {what} has this fingerprint any more; remove it"
            for one, reason in reasons.items()
            if one not in self._seen[kind]
        ]

    def _covers(self, name: str) -> bool:
        """Whether the traces that the file of this option speaks of were all asked for."""
        config = self._config
        if name in config.stash[GIVEN] or config.args_source is not config.ArgsSource.ARGS:
            return True
        folder = Path(getattr(config.option, f"qmp_{name}")).parent
        named = [Path(config.invocation_params.dir, one) for one in config.args]
        return any(one == folder or one in folder.parents for one in named)
