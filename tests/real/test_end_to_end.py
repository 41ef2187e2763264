"""Record, check and replay, as a user does it: what is recorded today happens again today."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from qmpconf.cli.main import main
from tests.real.conftest import require
from traces.record import SESSIONS, Session, record

NEW = [session for session in SESSIONS if session.build.endswith("-7.2")]


def replay(
    session: Session, trace: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of replaying `trace` on a fresh server, and the differences."""
    folder.mkdir()
    with contextlib.chdir(folder), session.start(require(session.build), folder):
        code = main(["replay", str(trace), "--target", "qmp.sock", "--format", "json"])
    return code, json.loads(capsys.readouterr().out)["findings"]


@pytest.mark.parametrize("session", NEW, ids=lambda session: session.name)
def test_new_recording_happens_again(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require(session.build)
    trace = record(session, tmp_path)
    if session.client in ("rich", "libvirt", "storage"):
        assert main(["check", str(trace)]) == 0, capsys.readouterr().out
        capsys.readouterr()
    code, differences = replay(session, trace, tmp_path / "again", capsys)
    assert not differences, json.dumps(differences, indent=1)
    assert code == 0


def test_what_a_new_release_changes_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A storage manager's session of 7.2, replayed on the daemon of 10.0."""
    old = next(session for session in NEW if session.client == "storage")
    require(old.build)
    new = Session("qemu-storage-daemon-10.0", old.start, old.client)
    require(new.build)
    code, differences = replay(new, record(old, tmp_path), tmp_path / "again", capsys)
    assert code == 1
    named = {one["about"] for one in differences}
    assert "reply to query-named-block-nodes" in named
    kinds = {"replay.changed", "replay.missing", "replay.extra"}
    assert {one["rule"] for one in differences if one["severity"] != "note"} <= kinds
