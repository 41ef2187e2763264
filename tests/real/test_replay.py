"""Replays against real servers: nothing differs on the same build, and every change is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.replay.learn.learning import learn
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.report.replay import as_text
from tests.real.conftest import StartServer, require
from tests.real.machines import BARE
from tests.replay.spoiler import Spoil, Spoiler
from traces.record import HERE, SESSIONS, Session, record


def recording(session: Session) -> Path:
    build = require(session.build)
    path = HERE / f"{build.product}-{build.version}-{session.client}.qmptrace.gz"
    if not path.exists():
        pytest.skip(f"{build.name} is {build.version} now, and was another when it was recorded")
    return path


def differences(result: ReplayResult) -> list[tuple[str, str, str]]:
    return [
        (group.first.kind, group.first.subject, group.first.pointer)
        for group in result.differences
        if not group.first.note
    ]


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
def test_a_recording_replays_without_a_difference_on_its_own_build(
    session: Session, tmp_path: Path
) -> None:
    trace = recording(session)
    with session.start(require(session.build), tmp_path) as server:
        result = replay_trace(str(trace), target=str(server.path))
    assert result.exit_code == 0, as_text(result)
    assert result.sent > 20
    assert abs(result.replies - result.sent) <= 1


def test_a_server_is_started_and_tells_its_own_address(tmp_path: Path) -> None:
    """Record and replay with a fresh server each, whose socket is somewhere else each time."""
    trace = HERE / "qemu-7.2.22-wrong.qmptrace.gz"
    build = require("qemu-7.2")
    command = " ".join(build.command(*BARE, "-qmp", "unix:{socket},server=on,wait=off"))
    result = replay_trace(
        str(trace), spawn=command, output=str(tmp_path / "first.qmptrace"), compare="outcome"
    )
    assert result.exit_code == 0, as_text(result)
    again = replay_trace(str(tmp_path / "first.qmptrace"), spawn=command)
    assert again.exit_code == 0, as_text(again)


def replaced(old: bytes, new: bytes) -> Spoil:
    """Replace `old` in the first message that holds it."""
    done: list[int] = []

    def spoil(data: bytes, _: int) -> bytes:
        if done or old not in data:
            return data
        done.append(1)
        return data.replace(old, new, 1)

    return spoil


def lost(*parts: bytes) -> Spoil:
    """Drop the first message that holds all `parts`."""
    done: list[int] = []

    def spoil(data: bytes, _: int) -> bytes:
        if done or not all(part in data for part in parts):
            return data
        done.append(1)
        return b""

    return spoil


CHANGES: list[tuple[str, Spoil, tuple[str, str, str]]] = [
    (
        "a value deep in a list",
        replaced(b'"typename": "max-x86_64-cpu"', b'"typename": "min-x86_64-cpu"'),
        ("changed", "reply to query-cpu-definitions", "/return/0/typename"),
    ),
    (
        "an event lost",
        lost(b'"DEVICE_DELETED"', b'"tablet0"'),
        ("missing", "event DEVICE_DELETED", ""),
    ),
    (
        "a job's last status",
        replaced(b'"status": "null", "id": "backup0"', b'"status": "gone", "id": "backup0"'),
        ("changed", "event JOB_STATUS_CHANGE", "/data/status"),
    ),
    (
        "an error's class",
        replaced(b'"DeviceNotFound"', b'"GenericError"'),
        ("changed", "reply to device-list-properties", "/error/class"),
    ),
    (
        "a thread without a number",
        replaced(b'"thread-id": ', b'"thread-id": null, "x-thread-id": '),
        ("changed", "reply to query-cpus-fast", "/return/0/thread-id"),
    ),
    (
        "a run state",
        replaced(b'"status": "prelaunch"', b'"status": "paused"'),
        ("changed", "reply to query-status", "/return/status"),
    ),
    (
        "a member gone",
        replaced(b'"io-status": "ok", ', b""),
        ("missing", "reply to query-block", "/return/0/io-status"),
    ),
]


@pytest.mark.parametrize(
    ("spoil", "found"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_a_changed_answer_is_named(
    spoil: Spoil, found: tuple[str, str, str], tmp_path: Path, start_rich: StartServer
) -> None:
    trace = HERE / "qemu-7.2.22-rich.qmptrace.gz"
    server = start_rich("qemu-7.2")
    # The descriptors of the session do not pass through the door: what fails for that is counted.
    door = tmp_path / "door"
    with Spoiler(door, server.path, spoil):
        result = replay_trace(str(trace), target=str(door), event_timeout=6)
    assert found in differences(result), as_text(result)
    about_descriptors = [one for one in differences(result) if one[1].endswith(DESCRIPTORS)]
    assert len(differences(result)) - len(about_descriptors) <= 3, as_text(result)


#: Commands of the rich session that need the descriptors which a `Spoiler` does not pass on.
DESCRIPTORS = (
    "getfd",
    "closefd",
    "add-fd",
    "query-fdsets",
    "blockdev-add",
    "blockdev-del",
    "remove-fd",
)


@pytest.mark.parametrize(
    ("older", "newer", "gone"),
    [
        ("5.2.0", "qemu-7.2", ("reply to query-cpus-fast", "/return/0/arch")),
        ("7.2.22", "qemu-10.0", ("reply to query-status", "/return/singlestep")),
        ("7.2.22", "qemu-11.1", ("reply to query-status", "/return/singlestep")),
    ],
)
def test_a_newer_release_tells_what_an_upgrade_breaks_and_brings(
    older: str, newer: str, gone: tuple[str, str], start_rich: StartServer
) -> None:
    trace = HERE / f"qemu-{older}-rich.qmptrace.gz"
    result = replay_trace(str(trace), target=str(start_rich(newer).path), event_timeout=6)
    assert result.exit_code == 1
    assert result.failure == ""
    assert result.upgrade is not None
    assert result.upgrade.old is not None
    assert result.upgrade.new is not None
    firsts = [group.first for group in result.differences]
    broke = {(one.subject, one.pointer) for one in firsts if one.effect == "broke"}
    assert gone in broke, as_text(result)
    assert len(broke) < 25
    assert sum(one.effect == "design" for one in firsts) > 100
    assert all(one.effect for one in firsts)
    behaved = result.upgrade.behaved.values()
    assert sum(one.same for one in behaved) > 0.8 * sum(one.times for one in behaved)
    assert any(one.seen for one in result.upgrade.announced())
    known = {group.first.digest: "planned for" for group in result.new}
    again = replay_trace(
        str(trace), target=str(start_rich(newer).path), event_timeout=6, known=known
    )
    assert [group.first for group in again.new] == []
    assert again.gone == []


def test_two_recordings_of_one_scenario_need_no_mask(tmp_path: Path) -> None:
    """The built-in masks cover what varies between two runs of the rich session."""
    session = next(one for one in SESSIONS if one.name == "qemu-7.2-rich")
    require(session.build)
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    found = learn([str(record(session, folder)) for folder in folders])
    assert found.pairs > 300
    assert (found.masks, found.left) == ([], [])
