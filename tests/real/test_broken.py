"""The suite is sharp about a real QEMU: each defect in front of one is found, and nothing else.

They take minutes: a usual run has each fourth defect, a whole one (`tests.usual`) all of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.net.address import UnixAddress
from tests.conform.variants import VARIANTS
from tests.real import broken_events, broken_replies, broken_wire
from tests.real.broken import DEFECTS, Defect, Honest, in_front
from tests.real.conftest import StartServer
from tests.usual import share

#: Seconds after which a response counts as missing.
PATIENCE = 6.0

#: They register their defects.
assert all(one.__doc__ for one in (broken_events, broken_replies, broken_wire))

CHOSEN = share(DEFECTS, 4)


def conformed(
    editor: Honest, server: Path, folder: Path, cases: tuple[str, ...], *, destructive: bool
) -> Outcome:
    front = folder / "front.sock"
    options = Options(
        patterns=cases, patience=PATIENCE, folder=str(folder / "out"), destructive=destructive
    )
    target = Target(UnixAddress(os.path.relpath(front)))
    with in_front(editor, server, front), Suite(target, options) as suite:
        return suite.run_all()


def broken(outcome: Outcome) -> set[str]:
    return {name for name, verdict in outcome.requirements().items() if verdict.broken}


def test_there_are_enough_defects_and_each_has_its_name() -> None:
    """At least half of what was added to the embedded variants stands in front of a real server."""
    names = [defect.make.__name__ for defect in DEFECTS]
    assert len(set(names)) == len(names)
    assert len(DEFECTS) >= 60
    assert len(DEFECTS) + len(VARIANTS) >= 190


@pytest.mark.parametrize("defect", CHOSEN, ids=lambda one: f"{one.breaks}:{one.make.__name__}")
def test_a_defect_in_front_of_a_real_server_is_found_and_nothing_else(
    defect: Defect,
    start_server: StartServer,
    start_rich: StartServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    server = (start_rich if defect.rich else start_server)("qemu-7.2").path
    outcome = conformed(
        defect.make(), server, tmp_path, defect.cases, destructive=defect.destructive
    )
    told = "\n".join(f"{one.case}: {one.reason}" for one in outcome.results if one.verdict.broken)
    assert defect.breaks in broken(outcome), told
    assert broken(outcome) <= {defect.breaks, *defect.also}, told
    assert outcome.gone == "" or defect.destructive


def test_a_proxy_without_a_defect_breaks_nothing(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = start_server("qemu-7.2").path
    outcome = conformed(Honest(), server, tmp_path, ("event.*",), destructive=True)
    assert broken(outcome) == set()
    assert outcome.exit_code == 0
