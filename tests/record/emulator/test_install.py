"""The program for libvirt to start: where it is written, and what it is not written over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main

TRUE = "/bin/true"


def called(folder: Path, *more: str, qemu: str = TRUE) -> int:
    words = ["emulator", "install", str(folder / "q"), "--qemu", qemu]
    return main([*words, "--output", str(folder / "out"), *more])


def test_it_is_written_with_all_that_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(tmp_path) == 0
    assert f"<emulator>{tmp_path}/q</emulator>" in capsys.readouterr().out
    assert os.stat(tmp_path / "q").st_mode & 0o777 == 0o755
    assert os.stat(tmp_path / "out").st_mode & 0o777 == 0o700
    text = (tmp_path / "q").read_text()
    assert text.startswith("#!/bin/sh\n")
    for word in (sys.executable, TRUE, str(tmp_path / "out")):
        assert word in text
    compile(text, "q", "exec")
    assert called(tmp_path, "--no-redact") == 0  # one of ours is replaced
    assert "REDACT = False" in (tmp_path / "q").read_text()
    assert subprocess.run([tmp_path / "q"], env={}, check=False).returncode == 0  # by hand


def test_a_file_of_another_kind_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q").write_text("#!/bin/sh\n")
    assert called(tmp_path) == 2
    assert "exists, and is not a wrapper" in capsys.readouterr().err
    assert (tmp_path / "q").read_text() == "#!/bin/sh\n"
    assert called(tmp_path, "--force") == 0


@pytest.mark.parametrize(
    ("words", "qemu", "why"),
    [
        ((), "/nowhere/qemu", "there is no such program"),
        ((), "{folder}/out", "there is no such program"),
        (("--user", "nobody-at-all"), TRUE, "there is no such user"),
        (("--output", "{folder}/" + "o" * 90), TRUE, "is too long"),
        (("--output", "{folder}/it's"), TRUE, "a path with quotes"),
        (("--output", TRUE), TRUE, "is a file; name a folder"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path,
    words: tuple[str, ...],
    qemu: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = [word.format(folder=tmp_path) for word in words]
    assert called(tmp_path, *more, qemu=qemu.format(folder=tmp_path)) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "q").exists()


def test_neither_qemu_itself_nor_a_wrapper_of_a_wrapper(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q").symlink_to(TRUE)
    assert called(tmp_path, "--force") == 2
    assert "is QEMU itself" in capsys.readouterr().err
    (tmp_path / "q").unlink()
    assert called(tmp_path) == 0
    (tmp_path / "other").mkdir()
    assert called(tmp_path / "other", qemu=str(tmp_path / "q")) == 2
    assert "is a wrapper itself" in capsys.readouterr().err


def test_a_python_that_another_user_cannot_start_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", TRUE.replace("true", "false"))
    assert called(tmp_path) == 3
    assert "cannot import qmpconf" in capsys.readouterr().err
    assert not (tmp_path / "q").exists()
