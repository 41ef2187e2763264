"""``qmpconf demo``: the whole way, in one second."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.trace.reader import TraceReader


def normalised(text: str) -> str:
    return re.sub(r"\(\d+ KiB\)", "(N KiB)", text)


def test_it_records_checks_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    first = capsys.readouterr()
    assert first.err == ""
    assert "no differences" in first.out
    assert "1 finding" in first.out
    assert "did you mean 'instances'?" in first.out
    assert "events STOP, RESUME" in first.out
    assert [path.name for path in tmp_path.iterdir()] == ["qmpconf-demo.qmptrace"]
    reader = TraceReader("qmpconf-demo.qmptrace")
    assert len(list(reader.items())) > 20
    assert reader.finished

    assert main(["demo"]) == 0
    assert normalised(capsys.readouterr().out) == normalised(first.out)


def test_a_file_that_was_named_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.qmptrace"
    assert main(["demo", "-o", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert main(["demo", "-o", str(path)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["demo", "-o", str(path), "--force"]) == 0
    capsys.readouterr()
    assert main(["demo", "-o", str(path.parent), "--force"]) == 2
    assert "is a folder; name a file" in capsys.readouterr().err


def test_a_full_disk_is_one_clear_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-o", "/dev/full", "--force"]) == 3
    assert "/dev/full" in capsys.readouterr().err
