"""Behind the fixtures: what markers and options say becomes servers, and a test's end a verdict.

A test whose client has made a mistake fails when it is over; what a client says later, while
the test's fixtures go, is an error of their teardown.  A test that has failed by itself is not
failed once more: what went over the wire stands with its failure.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, get_args

import pytest

from qmpconf.check.baseline import Comparison
from qmpconf.check.checking import check
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.errors import QmpconfError, UsageError
from qmpconf.findings import Blame, Finding, Group, Groups
from qmpconf.monitor.core import DEFAULT_SCHEMA
from qmpconf.report.serve import as_text, verdict
from qmpconf.testing import settings
from qmpconf.testing.endpoint import Endpoint
from qmpconf.testing.failures import (
    findings,
    headline,
    more,
    sentence,
    severities,
    shown_path,
    warned,
)
from qmpconf.testing.monitor import Monitor
from qmpconf.testing.names import WATCHES, Watch
from qmpconf.testing.recorder import Recorder, Recording
from qmpconf.testing.replayer import Replayer
from qmpconf.testing.stale import FINDING, REQUIREMENT
from qmpconf.testing.unjudged import properties
from qmpconf.text import counted, printable
from qmpconf.trace.around import latest
from qmpconf.trace.reader import TraceReader

#: Messages that are shown when a test fails.
_LATEST = 16

_BLAMES: tuple[str, ...] = get_args(Blame)


# --- qmp_monitor --------------------------------------------------------------------------------


@contextmanager
def monitor(request: pytest.FixtureRequest) -> Iterator[Monitor]:
    """The fixture ``qmp_monitor``."""
    with _told(), _monitor(request) as found:
        yield found


def _monitor(request: pytest.FixtureRequest) -> Monitor:
    given = _marked(request, "qmp_monitor", ("schema", "name", "tcp"))
    schema = request.config.option.qmp_schema
    usual = DEFAULT_SCHEMA if schema in ("auto", "none") else schema
    return Monitor(**{"schema": usual, **given})


# --- qmp_recorder -------------------------------------------------------------------------------


@contextmanager
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """The fixture ``qmp_recorder``."""
    with _told(), ExitStack() as stack:
        names = ("server", "spawn", "schema", "blame", "allow")
        given = _marked(request, "qmp_recorder", names)
        watch = _Wire(request, given)
        # Entered before the recorder, so that what it holds ends after it.
        servers = stack.enter_context(ExitStack())
        server = _server(request, given, servers)
        meta = {"test": request.node.nodeid}
        watch.recorder = stack.enter_context(Recorder(_folder(request), server, meta=meta))
        _watches(request).append(watch)
        yield watch.recorder
    with _told():
        watch.judge()


def _server(
    request: pytest.FixtureRequest, given: Mapping[str, Any], servers: ExitStack
) -> Callable[[Recorder], Endpoint]:
    """What begins the recording where the test names no server; `servers` ends what it starts."""
    address, command = given.get("server", ""), given.get("spawn", "")
    if address and command:
        raise UsageError("the marker qmp_recorder has a server and a spawn: give one of them")
    own: Monitor | None = None
    if not (address or command):
        if "qmp_monitor" in request.fixturenames:
            own = request.getfixturevalue("qmp_monitor")
        else:
            address, command = settings.server(request.config)

    def begin(recorder: Recorder) -> Endpoint:
        if address or command:
            return recorder(address, spawn=command)
        return recorder(own or servers.enter_context(_monitor(request)))

    return begin


def _folder(request: pytest.FixtureRequest) -> Path:
    """A folder for traces.

    None of `tmp_path`: that may go although the test has failed (tmp_path_retention_policy).
    """
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return factory.mktemp(f"{name}-qmp")


class _Wire(Watch):
    """The verdict on what a recorder has seen."""

    recorder: Recorder

    def __init__(self, request: pytest.FixtureRequest, given: Mapping[str, Any]) -> None:
        self._request = request
        self._schema = str(given.get("schema", ""))
        self._blame = _blame(given.get("blame", request.config.getini("qmp_blame")))
        self._allowed = _allowed(given.get("allow", ()))
        self._strict: bool = request.config.option.qmp_strict

    def sections(self) -> Iterator[tuple[str, str]]:
        """The latest messages of each trace, and what is wrong with it up to now."""
        for one in self.recorder.recordings:
            shown, before = latest(one.trace, _LATEST)
            lines = [f"{shown_path(one.trace)}: {counted(before + len(shown), 'message')}", *shown]
            lines += [f"{text}" for text in one.complaints]
            try:
                groups = self._counted(one).new
            except QmpconfError as error:
                lines.append(str(error))
            else:
                lines += [
                    f"{group.first.severity} in line {group.first.line}: "
                    f"{group.first.requirement} by the {group.first.blame}: {sentence(group)}"
                    for group in groups
                ]
            yield "qmp trace", "\n".join(map(printable, lines))

    def over(self) -> None:
        """Fail the test for what was done wrong on the wire."""
        for one in self.recorder.recordings:
            one.settle()
            with _told():
                compared = self._counted(one)
            if compared.failed(strict=self._strict):
                self.failed = True
                self._note(compared)
                _fail("\n".join(self._text(one, compared.new)))

    def judge(self) -> None:
        """The same for all that was said, once nobody can say more."""
        if self.failed:
            return
        for one in self.recorder.recordings:
            if not one.sessions:
                _fail(
                    f"no client has connected to {one.address}, which qmp_recorder gave: nothing "
                    "was checked"
                )
            compared = self._counted(one)
            self._note(compared)
            self._request.node.user_properties += warned(compared.new, one.trace)
            if compared.failed(strict=self._strict):
                _fail("\n".join(self._text(one, compared.new)))

    def _note(self, compared: Comparison) -> None:
        """Keep what was found with the report (`qmpconf.testing.stale`)."""
        for group in (*compared.new, *compared.known):
            self._request.node.user_properties += [
                (REQUIREMENT, group.first.requirement),
                (FINDING, group.fingerprint),
            ]

    def _counted(self, one: Recording) -> Comparison:
        """The findings of a trace that count, against the baseline."""
        choose = settings.choice(self._request.config, self._schema)
        groups = _Counted(self._blame, self._allowed)
        practice = settings.practice(self._request.config)
        outcome = check(TraceReader(one.trace), choose, groups, practice=practice)
        self._request.node.user_properties += properties(outcome)
        known = settings.baseline(self._request.config)
        return replace(known.compare(groups), gone=[])

    def _text(self, one: Recording, groups: Sequence[Group]) -> Iterator[str]:
        yield headline(groups)
        yield f"{severities(groups)} in what qmp_recorder has recorded: {shown_path(one.trace)}"
        yield from findings(groups, one.trace, named=len(groups) > 1)
        yield from more(groups)


class _Counted(Groups):
    """Findings of somebody's mistakes, but for some requirements."""

    def __init__(self, blame: Sequence[str], allowed: Sequence[str]) -> None:
        super().__init__()
        self._blame = blame
        self._allowed = allowed

    def add(self, finding: Finding) -> None:
        if finding.blame in self._blame and finding.requirement not in self._allowed:
            super().add(finding)


def _blame(given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in _BLAMES:
            raise UsageError(f"nobody is blamed as {name!r}: it is one of {', '.join(_BLAMES)}")
    return names


def _allowed(given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in ALL_REQUIREMENTS:
            near = difflib.get_close_matches(str(name), ALL_REQUIREMENTS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else " (qmpconf requirements lists them)"
            raise UsageError(f"the marker qmp_recorder allows {name!r}: no such requirement{hint}")
    return names


# --- qmp_replay ---------------------------------------------------------------------------------


@contextmanager
def replayer(request: pytest.FixtureRequest) -> Iterator[Replayer]:
    """The fixture ``qmp_replay``."""
    with _told():
        given = _marked(request, "qmp_trace", ("path", "order", "partial"), ("path",))
        trace = os.fspath(given.pop("path", ""))
        watch, locate = _Play(), _locator(request)
        if trace:
            TraceReader(locate(trace))  # now, though it plays only when somebody connects
        with Replayer(trace, locate=locate, **given) as found:
            watch.replayer = found
            _watches(request).append(watch)
            yield found
    watch.judge()


def _locator(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Finds a trace: from the test's folder, or from the root."""

    def locate(name: str) -> str:
        near = request.path.parent / name
        far = request.config.rootpath / name
        return str(far if far.exists() and not near.exists() else near)

    return locate


class _Play(Watch):
    """The verdict on what was said to recordings."""

    replayer: Replayer

    def sections(self) -> Iterator[tuple[str, str]]:
        """What was played up to now."""
        for one in self.replayer.playing:
            yield "qmp replay", as_text(one.played).rstrip()

    def judge(self) -> None:
        """Fail the test for what was not recorded, and for what was not played."""
        if self.failed:
            return
        for one in self.replayer.playing:
            if one.failed:
                name = shown_path(one.played.trace)
                _fail(f"{name}: {verdict(one.played)}\n{as_text(one.played).rstrip()}")


# --- what all of them do ------------------------------------------------------------------------


@contextmanager
def _told() -> Iterator[None]:
    """Tell a user's mistake as what it is."""
    try:
        yield
    except QmpconfError as error:
        _fail(str(error))


def _fail(text: str) -> NoReturn:
    raise pytest.fail.Exception(text, pytrace=False) from None


def _watches(request: pytest.FixtureRequest) -> list[Watch]:
    stash: pytest.Stash = request.node.stash
    return stash.setdefault(WATCHES, [])


def _marked(
    request: pytest.FixtureRequest, name: str, known: Sequence[str], places: Sequence[str] = ()
) -> dict[str, Any]:
    """The arguments of the test's markers `name`, the nearest one first; those at `places` by name.

    Raises UsageError for an argument that is not known.
    """
    given: dict[str, Any] = {}
    for marker in request.node.iter_markers(name):
        if len(marker.args) > len(places):
            raise UsageError(f"the marker {name} takes its arguments by name: {', '.join(known)}")
        for key, value in (*zip(places, marker.args, strict=False), *marker.kwargs.items()):
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
                raise UsageError(f"the marker {name} has no argument {key!r}; {hint}")
            given.setdefault(key, value)
    return given
