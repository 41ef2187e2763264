"""Two recordings of real servers compared: the same build gives nothing but masks, another one what an upgrade changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.replay.diff.differing import diff_traces
from qmpconf.replay.diff.outcome import Diff
from qmpconf.replay.diff.times import Compared
from qmpconf.replay.findings import severity_of
from tests.real.conftest import require
from tests.usual import share
from traces.record import HERE, SESSIONS, Session, record

#: Those whose clients do the same each time, and none of whose machines runs a guest.
TWICE = [one for one in SESSIONS if one.client in ("shell", "rich", "wrong", "storage")]


def differences(diff: Diff) -> list[tuple[str, str, str]]:
    return [
        (one.first.kind, one.first.subject, one.first.pointer)
        for one in diff.found.differences
        if severity_of(one.first) == "error"
    ]


@pytest.mark.parametrize("session", share(TWICE, 7), ids=lambda session: session.name)
def test_the_same_build_twice_gives_nothing_but_masks(session: Session, tmp_path: Path) -> None:
    require(session.build)
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        folder.mkdir()
    diff = diff_traces(*(str(record(session, folder)) for folder in folders))
    assert differences(diff) == []
    assert diff.exit_code == 0
    assert diff.commands > 20
    assert diff.alone == [0, 0]
    assert diff.found.events
    times: list[Compared] = list(diff.times.compared())
    assert sum(one.times[0].count for one in times) <= diff.commands


def test_another_release_loses_what_its_schema_says() -> None:
    first, second = (str(HERE / f"qemu-{one}-shell.qmptrace.gz") for one in ("7.2.22", "11.1.3"))
    diff = diff_traces(first, second)
    assert ("missing", "reply to query-status", "/return/singlestep") in differences(diff)
    assert diff.found.upgrade is not None
    assert [
        one.change.place for one in diff.found.upgrade.announced() if one.seen
    ] == ["command query-status/return/singlestep"]  # fmt: skip


def test_libvirt_says_other_things_to_another_release() -> None:
    """What broke there is an argument that libvirt sends, and 11.1 has no more."""
    first, second = (str(HERE / f"qemu-{one}-libvirtd.qmptrace.gz") for one in ("7.2.22", "11.1.3"))
    diff = diff_traces(first, second)
    effects = {
        (one.first.subject, one.first.pointer): (one.first.effect, one.first.why)
        for one in diff.found.differences
    }
    assert effects["reply to migrate", ""] == (
        "broke",
        "the argument detach is refused: the schema of 11.1.3 has none",
    )
    assert ("command migrate-set-capabilities", "/arguments/capabilities/4") in effects
    assert effects["command closefd", ""][0] == "changed"
