"""Work that failed behind a command that had succeeded: named once, with the server's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.findings import Finding
from tests.check.practice.stage import Stage, found, names


def judged(stage: Stage, path: Path) -> list[Finding]:
    stage.close()
    findings = found(stage.write(path))
    assert all((one.severity, one.blame) == ("note", "nobody") for one in findings)
    assert set(names(findings)) <= {"work-failed"}
    return findings


def states(stage: Stage, *names: str, job: str = "j") -> None:
    for name in names:
        stage.event("JOB_STATUS_CHANGE", id=job, status=name)


def ended(stage: Stage, **more: object) -> int:
    return stage.event(
        "BLOCK_JOB_COMPLETED", device="j", type="backup", len=9, offset=0, speed=0, **more
    )


def test_a_block_job_that_failed(tmp_path: Path) -> None:
    stage = Stage()
    states(stage, "created", "running")
    stage.event("BLOCK_JOB_ERROR", device="j", operation="write", action="report")
    states(stage, "aborting")
    line = ended(stage, error="No space left on device")
    states(stage, "concluded", "null")
    (one,) = judged(stage, tmp_path / "t")
    assert (one.line, one.message) == (line, "job 'j' failed: No space left on device")


def test_a_job_whose_error_was_asked_for(tmp_path: Path) -> None:
    stage = Stage()
    states(stage, "created", "running", "aborting", "concluded")
    for _ in range(3):
        stage.sends("query-jobs")
        stage.returns([{"id": "j", "type": "create", "status": "concluded", "error": "Nowhere"}])
    states(stage, "null")
    assert [one.message for one in judged(stage, tmp_path / "t")] == ["job 'j' failed: Nowhere"]


@pytest.mark.parametrize("last", [("concluded", "null"), ()])
def test_a_job_whose_error_nobody_asked_for(tmp_path: Path, last: tuple[str, ...]) -> None:
    stage = Stage()
    states(stage, "created", "running", "aborting", *last)
    messages = [one.message for one in judged(stage, tmp_path / "t")]
    assert messages == ["job 'j' failed: nobody asked why"]


def test_a_name_that_is_used_again(tmp_path: Path) -> None:
    stage = Stage()
    for _ in range(2):
        states(stage, "created", "aborting", "concluded")
        stage.sends("query-jobs")
        stage.returns([{"id": "j", "type": "create", "status": "concluded", "error": "Nowhere"}])
        states(stage, "null")
    stage.close()
    assert len(found(stage.write(tmp_path / "t"))) == 1  # one kind, twice


@pytest.mark.parametrize("command", ["job-cancel", "block-job-cancel"])
def test_a_job_that_its_client_cancelled_did_not_fail(tmp_path: Path, command: str) -> None:
    stage = Stage()
    states(stage, "created", "running")
    stage.does(command, **{"id" if command == "job-cancel" else "device": "j"})
    states(stage, "aborting", "concluded")
    stage.sends("query-jobs")
    error = "Operation canceled"
    stage.returns([{"id": "j", "type": "mirror", "status": "concluded", "error": error}])
    states(stage, "null")
    assert judged(stage, tmp_path / "t") == []


def test_a_job_that_somebody_else_cancelled_did_not_fail(tmp_path: Path) -> None:
    stage = Stage()
    states(stage, "created", "running", "aborting")
    stage.event("BLOCK_JOB_CANCELLED", device="j", type="mirror", len=1, offset=1, speed=0)
    states(stage, "concluded", "null")
    assert judged(stage, tmp_path / "t") == []


def test_a_job_that_did_its_work(tmp_path: Path) -> None:
    stage = Stage()
    states(stage, "created", "running", "waiting", "pending")
    ended(stage)
    states(stage, "concluded", "null")
    assert judged(stage, tmp_path / "t") == []


def test_a_migration_that_failed(tmp_path: Path) -> None:
    stage = Stage()
    stage.does("migrate", uri="tcp:127.0.0.1:1")
    stage.event("MIGRATION", status="setup")
    stage.event("MIGRATION", status="failed")
    for _ in range(2):
        stage.sends("query-migrate")
        answer = stage.returns({"status": "failed", "error-desc": "Connection refused"})
    stage.does("migrate", uri="tcp:127.0.0.1:2")
    again = stage.event("MIGRATION", status="failed")
    told = [(one.line, one.message) for one in judged(stage, tmp_path / "t")]
    assert told == [
        (answer - 2, "the migration failed: Connection refused"),
        (again, "the migration failed"),
    ]


def test_a_migration_that_did_its_work(tmp_path: Path) -> None:
    stage = Stage()
    stage.does("migrate", uri="exec:cat")
    stage.event("MIGRATION", status="completed")
    stage.sends("query-migrate")
    stage.returns({"status": "completed"})
    assert judged(stage, tmp_path / "t") == []


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        (
            "BLOCK_IO_ERROR",
            {"device": "", "node-name": "disk", "operation": "write", "action": "stop",
             "nospace": True, "reason": "No space left on device", "qom-path": "/x"},
            "the guest's write on 'disk' failed: No space left on device",
        ),
        (
            "BLOCK_JOB_ERROR",
            {"device": "j", "operation": "read", "action": "stop"},
            "a read of job 'j' failed",
        ),
        ("GUEST_PANICKED", {"action": "pause"}, "the guest panicked"),
        (
            "BLOCK_IMAGE_CORRUPTED",
            {"device": "a", "msg": "L2 table offset unaligned", "fatal": True},
            "an image is corrupt: L2 table offset unaligned",
        ),
        (
            "DUMP_COMPLETED",
            {"result": {"status": "failed", "completed": 0, "total": 1}, "error": "No space"},
            "the dump failed: No space",
        ),
        ("DEVICE_UNPLUG_GUEST_ERROR", {"device": "d", "path": "/x"}, "the guest refused to let"),
        ("QUORUM_REPORT_BAD", {"type": "read", "node-name": "n", "error": "E"}, "block node 'n' f"),
    ],
)  # fmt: skip
def test_events_that_say_that_something_failed(
    tmp_path: Path, name: str, data: dict[str, object], says: str
) -> None:
    stage = Stage()
    line = stage.event(name, **data)
    (one,) = judged(stage, tmp_path / "t")
    assert (one.line, one.subject, one.message[: len(says)]) == (line, name, says)


@pytest.mark.parametrize("data", [{}, {"device": 5, "error": ["x"]}, {"id": None, "status": {}}])
@pytest.mark.parametrize(
    "name", ["BLOCK_JOB_COMPLETED", "JOB_STATUS_CHANGE", "DUMP_COMPLETED", "MIGRATION"]
)
def test_events_of_another_shape_are_left_alone(
    tmp_path: Path, name: str, data: dict[str, object]
) -> None:
    stage = Stage()
    stage.event(name, **data)
    stage.sends("query-jobs")
    stage.returns([data, 5, {"error": 1}])
    stage.sends("query-migrate")
    stage.returns({"status": ["failed"]})
    stage.close()
    assert set(names(found(stage.write(tmp_path / "t")))) <= {"event.no-empty-data", "work-failed"}
