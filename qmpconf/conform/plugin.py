"""The suite as plain pytest: ``pytest --pyargs qmpconf.conform --qmp-target ADDRESS``.

A pytest plugin (entry point ``pytest11``).  It adds options, and where one of them names a target,
the cases as parameters of `qmpconf.conform.test_server`; ``-k``, ``-x``, ``--junitxml`` and
``-n`` work as for any tests.  With ``-n`` each worker starts its own server (``--qmp-spawn``), or
takes turns on the one that there is (``--qmp-target``).

Nothing of the suite is imported before it is asked for: every run of pytest imports this module.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from qmpconf.conform.suite import Suite

#: The property of a report that carries a result from a worker to where the summary is written.
RESULT = "qmpconf-result"

_SUITE = pytest.StashKey["Suite"]()
_STACK = pytest.StashKey[ExitStack]()


class NotMetError(Exception):
    """A case failed; the message is its whole report."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("qmpconf", "conformance of a QMP server (qmpconf)")
    group.addoption("--qmp-target", metavar="ADDR", help="the monitor that is put to the test")
    group.addoption(
        "--qmp-spawn", metavar="COMMAND", help="start this server, with {socket} for its path"
    )
    group.addoption(
        "--qmp-schema", default="auto", metavar="NAME", help="the catalog to make cases from"
    )
    group.addoption(
        "--qmp-timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long an answer may take",
    )
    group.addoption(
        "--qmp-level",
        choices=("MUST", "SHOULD", "MAY"),
        default="MAY",
        help="only requirements that bind at least as much",
    )
    group.addoption("--qmp-report", metavar="DIR", help="keep the traces there")
    group.addoption("--qmp-known-failing", metavar="FILE", help="failures that are expected")
    group.addoption(
        "--qmp-no-known-failing", action="store_true", help="do not apply the shipped list"
    )
    group.addoption("--qmp-destructive", action="store_true", help="dangerous commands, too")


def pytest_configure(config: pytest.Config) -> None:
    """Collect results, if there is something to put to the test."""
    address, command = config.getoption("--qmp-target"), config.getoption("--qmp-spawn")
    if address and command:
        raise pytest.UsageError("give --qmp-target or --qmp-spawn, not both")
    if (address or command) and not hasattr(config, "workerinput"):
        from qmpconf.conform.front import Summary  # noqa: PLC0415 - see the module's text

        config.pluginmanager.register(Summary(), "qmpconf-conform-summary")


def suite_of(config: pytest.Config) -> Suite | None:
    """The suite for the target of the command line, surveyed once; None where there is none.

    Raises pytest.UsageError for a target that cannot be put to the test.
    """
    if _SUITE in config.stash:
        return config.stash[_SUITE]
    if not (config.getoption("--qmp-target") or config.getoption("--qmp-spawn")):
        return None
    from qmpconf.conform.front import open_suite  # noqa: PLC0415 - see the module's text
    from qmpconf.errors import QmpconfError  # noqa: PLC0415 - the same

    stack = config.stash[_STACK] = ExitStack()
    try:
        suite = config.stash[_SUITE] = open_suite(stack, config)
    except QmpconfError as error:
        raise pytest.UsageError(str(error)) from error
    return suite


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remove the traces of a run in which all is well."""
    suite = session.config.stash.get(_SUITE, None)
    if suite is not None and exitstatus == pytest.ExitCode.OK:
        suite.discard()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server, if one was started."""
    stack = config.stash.get(_STACK, None)
    if stack is not None:
        stack.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make each case a parameter."""
    if "qmp_case" in metafunc.fixturenames:
        suite = suite_of(metafunc.config)
        cases = suite.cases if suite else []
        metafunc.parametrize("qmp_case", cases, ids=[one.id for one in cases])


@pytest.fixture
def qmp_suite(pytestconfig: pytest.Config) -> Any:
    """The `Suite` for the target of the command line, or None."""
    return suite_of(pytestconfig)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failure as what it is: messages, not Python."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, NotMetError):
        report.longrepr = str(call.excinfo.value)
    return report
