"""What pytest loads (entry point ``qmpconf`` of ``pytest11``): options, markers, and doors.

Every run of pytest imports this module, wanted or not: it imports pytest and a few
names.  What stands behind a door is imported when somebody goes through it:

=======================  =========================================================================
a trace is collected     `qmpconf.testing.traces`: a test for each session, and one for its replay
a fixture is asked for   `qmpconf.testing.fixtures`: ``qmp_monitor``, ``qmp_recorder``, ``qmp_replay``
a target is named        `qmpconf.conform.plugin`: the conformance suite (``--pyargs qmpconf.conform``)
=======================  =========================================================================

``-p no:qmpconf`` leaves it all out.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qmpconf.testing.names import GIVEN, SUFFIXES, UNJUDGED, WARNED, WATCHES

if TYPE_CHECKING:
    from qmpconf.testing.monitor import Monitor
    from qmpconf.testing.recorder import Recorder
    from qmpconf.testing.replayer import Replayer
    from qmpconf.testing.traces import TraceFile

#: Options that an ini file can set as well; where the value is a path, True.
_SETTINGS = {
    "target": False,
    "spawn": False,
    "schema": False,
    "baseline": True,
    "compare": False,
    "known_differences": True,
}

_COMPARE = ("exact", "value", "shape", "outcome")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and the settings of ini files."""
    group = parser.getgroup("qmpconf", "QMP traces, clients and servers (qmpconf)")
    group.addoption(
        "--qmp-target",
        metavar="ADDR",
        help="a running server: replay traces against it, record tests with qmp_recorder with it, "
        "or put it to the test (--pyargs qmpconf.conform)",
    )
    group.addoption(
        "--qmp-spawn",
        metavar="COMMAND",
        help="the same with a server that is started, with {socket} for its socket's path",
    )
    group.addoption(
        "--qmp-schema",
        metavar="NAME|FILE",
        help="the catalog to check against, and that qmp_monitor serves: auto (the default: what "
        "was recorded says), none (the wire protocol alone), a shipped one, or a file",
    )
    group.addoption(
        "--qmp-baseline", metavar="FILE", help="traces and qmp_recorder: findings that are known"
    )
    group.addoption(
        "--qmp-strict",
        action="store_true",
        help="traces, qmp_recorder and conformance: warnings fail a test, too, not errors alone",
    )
    group.addoption(
        "--qmp-ignore",
        metavar="REQUIREMENT",
        action="append",
        default=[],
        help="traces and qmp_recorder: a habit that is not looked for (practice.polling, ...; "
        "practice: none of them)",
    )
    group.addoption(
        "--qmp-compare", choices=_COMPARE, help="replays: how strictly answers are compared (value)"
    )
    group.addoption(
        "--qmp-masks",
        metavar="FILE",
        action="append",
        default=[],
        help="replays: more places that may differ (qmpconf learn)",
    )
    group.addoption(
        "--qmp-known-differences", metavar="FILE", help="replays: differences that are known"
    )
    group.addoption(
        "--qmp-timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="replays and conformance: how long an answer may take (10)",
    )
    group.addoption(
        "--qmp-report", metavar="DIR", help="replays and conformance: keep their traces there"
    )
    group.addoption(
        "--qmp-level",
        choices=("MUST", "SHOULD", "MAY"),
        default="MAY",
        help="conformance: only requirements that bind at least as much",
    )
    group.addoption(
        "--qmp-requirements",
        metavar="SET",
        default="",
        help="conformance: hold the target to a set of requirements that is named and dated, as "
        "2026-12 (default: all of today's)",
    )
    group.addoption(
        "--qmp-known-failing", metavar="FILE", help="conformance: failures that are expected"
    )
    group.addoption(
        "--qmp-no-known-failing",
        action="store_true",
        help="conformance: do not apply the shipped list",
    )
    group.addoption(
        "--qmp-destructive", action="store_true", help="conformance: dangerous commands, too"
    )
    parser.addini(
        "qmp_collect",
        "traces that are collected from folders, as patterns for the end of the path "
        "(*.qmptrace *.qmptrace.gz); false: only those that the command line names",
        type="args",
        default=[f"*{suffix}" for suffix in SUFFIXES],
    )
    for name in _SETTINGS:
        parser.addini(f"qmp_{name}", f"the same as --qmp-{name.replace('_', '-')}", default="")
    parser.addini("qmp_strict", "the same as --qmp-strict", type="bool", default=False)
    parser.addini("qmp_masks", "the same as --qmp-masks: one or more files", "args", default=[])
    parser.addini("qmp_ignore", "the same as --qmp-ignore: one or more", "args", default=[])
    parser.addini(
        "qmp_blame",
        "whose mistakes fail a test with qmp_recorder: client, server, or the two words (client)",
        type="args",
        default=["client"],
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register markers, settle options, and open the doors that options ask for."""
    for marker, text in _MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {text}")
    option = config.option
    if option.qmp_target and option.qmp_spawn:
        raise pytest.UsageError("give --qmp-target or --qmp-spawn, not both")
    config.stash[GIVEN] = frozenset(name for name in _SETTINGS if getattr(option, f"qmp_{name}"))
    _settle(config)
    if option.qmp_baseline or option.qmp_known_differences:
        config.pluginmanager.import_plugin("qmpconf.testing.stale")
    if option.qmp_target or option.qmp_spawn:
        config.pluginmanager.import_plugin("qmpconf.conform.plugin")


def _settle(config: pytest.Config) -> None:
    """Take from the ini file what the command line does not say."""
    option = config.option
    base = config.inipath.parent if config.inipath else config.rootpath
    for name, is_path in _SETTINGS.items():
        value = config.getini(f"qmp_{name}")
        if value and not getattr(option, f"qmp_{name}"):
            if name in ("target", "spawn") and config.stash[GIVEN] & {"target", "spawn"}:
                continue
            is_file = is_path or (name == "schema" and (base / value).is_file())
            setattr(option, f"qmp_{name}", str(base / value) if is_file else value)
    if option.qmp_target and option.qmp_spawn:
        raise pytest.UsageError("set qmp_target or qmp_spawn, not both")
    if (option.qmp_compare or "value") not in _COMPARE:
        raise pytest.UsageError(f"qmp_compare must be one of {', '.join(_COMPARE)}")
    option.qmp_schema = option.qmp_schema or "auto"
    option.qmp_strict = option.qmp_strict or config.getini("qmp_strict")
    option.qmp_masks = [*(str(base / one) for one in config.getini("qmp_masks")), *option.qmp_masks]
    for name in ("baseline", "known_differences"):
        path = getattr(option, f"qmp_{name}")
        if path:
            setattr(option, f"qmp_{name}", os.path.abspath(path))


#: Markers, with the help of ``pytest --markers``.
_MARKERS = {
    "qmp_monitor(schema, name, tcp)": """\
what the fixture qmp_monitor serves: a catalog ('qmpconf schema list' has the names), the guest's \
name, and whether it listens on TCP.""",
    "qmp_recorder(server, spawn, schema, blame, allow)": """\
what the fixture qmp_recorder stands before: a server's address, or a command line with {socket} \
that starts one; the catalog to check against; whose mistakes fail the test ('client', 'server', \
or a list of both); and the requirements that the test breaks on purpose.""",
    "qmp_trace(path, order, partial)": """\
the recording that the fixture qmp_replay plays, as seen from the test's folder; with order \
'request' it answers equal requests in any order ('strict': in the recorded one), and with partial \
the client need not say all of it.""",
}


# --- traces -------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> TraceFile | None:
    """Collect a trace: one that the command line names, or that a pattern of qmp_collect fits."""
    if not file_path.name.endswith(SUFFIXES):
        return None
    if not parent.session.isinitpath(file_path):
        patterns = parent.config.getini("qmp_collect")
        if [str(one).lower() for one in patterns] == ["true"]:
            patterns = ["*"]
        if not any(file_path.match(pattern) for pattern in patterns):
            return None
        report = parent.config.option.qmp_report
        if report and Path(report).absolute() in file_path.parents:
            return None  # traces of our own
    from qmpconf.testing.traces import TraceFile  # noqa: PLC0415 - see the module's text

    return TraceFile.from_parent(parent, path=file_path)


# --- fixtures -----------------------------------------------------------------------------------


@pytest.fixture
def qmp_monitor(request: pytest.FixtureRequest) -> Iterator[Monitor]:
    """A QMP server of its own for each test, without QEMU: qmpconf's embedded monitor.

    Connect to its ``.path``, ``.address`` or ``.connect_args``; ``.emit("SHUTDOWN")`` makes it
    emit an event.  The marker qmp_monitor chooses its catalog.
    """
    from qmpconf.testing.fixtures import monitor  # noqa: PLC0415 - see the module's text

    with monitor(request) as found:
        yield found


@pytest.fixture
def qmp_recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Records what the test's client says, and checks it when the test is over.

    Connect to its ``.path``: behind it is the server of the marker qmp_recorder, the test's
    qmp_monitor, the one of --qmp-target or --qmp-spawn, or a monitor of its own.
    ``qmp_recorder(address)`` gives the path to another server.  A mistake of the client fails the
    test; what it does wrong while its fixtures go, is an error of their teardown.
    """
    from qmpconf.testing.fixtures import recorder  # noqa: PLC0415 - see the module's text

    with recorder(request) as found:
        yield found


@pytest.fixture
def qmp_replay(request: pytest.FixtureRequest) -> Iterator[Replayer]:
    """A recording that answers as the server.

    Connect to its ``.path``: behind it is the recording that the marker qmp_trace names.
    ``qmp_replay("other.qmptrace")`` gives the path to another one.  What the client says that was
    not recorded, and what was recorded and never came, fails the test.
    """
    from qmpconf.testing.fixtures import replayer  # noqa: PLC0415 - see the module's text

    with replayer(request) as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test for what its client did wrong, once it has said what it had to say."""
    yield
    for watch in item.stash.get(WATCHES, ()):
        watch.over()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what went over the wire."""
    report = yield
    for watch in item.stash.get(WATCHES, ()):
        watch.look(call, report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not judged and what was warned of, where there is something to say."""
    found: dict[str, dict[str, None]] = {UNJUDGED: {}, WARNED: {}}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name in found:
                    found[name][str(value)] = None
    if any(found.values()):
        from qmpconf.testing.unjudged import lines  # noqa: PLC0415 - see the module's text

        terminalreporter.section("qmpconf", yellow=True)
        for line in (*found[WARNED], *lines(found[UNJUDGED])):
            terminalreporter.write_line(line)
