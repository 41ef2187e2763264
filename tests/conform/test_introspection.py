"""What a target says of itself may be anything: it is judged, and ends no run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from qmpconf.conform.said import Said
from qmpconf.conform.server.watch import moment
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.monitor.core import Monitor, Session
from qmpconf.monitor.machine import Identity
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import UnixAddress
from qmpconf.net.endpoint import Listener
from qmpconf.protocol.messages import Command, Event, from_server
from qmpconf.protocol.values import Value
from qmpconf.schema.store import load_shipped

CATALOG = load_shipped("qemu-5.2.0")
#: What looks for lists of names.
LISTS = ("schema.introspection", "not-listed", "schema.command-offered")


def clock() -> int:
    return time.time_ns() // 1000


class Odd(Monitor):
    """A monitor that answers some commands as it is told to."""

    def __init__(self, answers: Mapping[str, Value]) -> None:
        super().__init__(CATALOG, clock)
        self._answers = answers

    def _execute(self, session: Session, command: Command) -> Value:
        return self._answers.get(command.name) or super()._execute(session, command)


def results(monitor: Monitor, folder: Path, *patterns: str) -> dict[str, CaseResult]:
    options = Options(folder=str(folder), patterns=patterns, patience=1.0)
    with (
        Listener(UnixAddress(str(folder / "s"))) as listener,
        MonitorServer(monitor, [listener]),
        Suite(Target(listener.address), options) as suite,
    ):
        return {one.case: one for one in suite.run_all().results}


@pytest.mark.parametrize(
    "odd", [[{"name": [1], "meta-type": "command"}], [{"name": {}}, 5], 5, {"name": "x"}, [None]]
)
def test_lists_of_anything_but_names(odd: Value, tmp_path: Path) -> None:
    names = ("query-commands", "query-events", "query-qmp-schema")
    found = results(Odd(dict.fromkeys(names, odd)), tmp_path, *LISTS)
    assert {one.verdict for one in found.values()} <= set(Verdict)
    found = results(Odd(dict.fromkeys(names[:2], odd)), tmp_path, *LISTS)
    assert not [
        one for one in found.values() if one.verdict is Verdict.PASS and "query" in one.case
    ]


@pytest.mark.parametrize("odd", [[5], [[]], "x", [{"id": []}]])
def test_a_list_of_jobs_that_is_none(odd: Value, tmp_path: Path) -> None:
    found = results(Odd({"query-jobs": odd}), tmp_path, "event.comes/job-status")
    assert found["event.comes/job-status"].verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("seconds", ["9" * 400, "9" * 5000])
def test_a_time_that_is_more_than_a_number_holds(seconds: str) -> None:
    event = from_server(
        b'{"timestamp": {"seconds": %b, "microseconds": 1}, "event": "STOP"}' % seconds.encode()
    )
    assert isinstance(event, Event)
    assert moment(Said(event, 1, 0)) == float("inf")


def test_a_version_of_its_own_is_not_held_against_qemus_documents(tmp_path: Path) -> None:
    own = Monitor(CATALOG, clock, Identity((1, 0, 0), "mine"))
    (found,) = results(own, tmp_path, "schema.command-offered/document").values()
    assert found.verdict is Verdict.NOT_APPLICABLE
    assert "describes itself" in found.reason
