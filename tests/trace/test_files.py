"""Whole trace files, read and written at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmpconf.errors import InputError, OutputError, UsageError
from qmpconf.trace.files import read_lines, write_lines


@pytest.mark.parametrize("name", ["t.qmptrace", "t.qmptrace.gz"])
def test_lines_come_back(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    write_lines(path, b"a\nb\r c\n\xff\n")
    assert read_lines(path) == [b"a\n", b"b\r c\n", b"\xff\n"]
    assert os.stat(path).st_mode & 0o777 == 0o600
    first = Path(path).read_bytes()
    write_lines(path, b"a\nb\r c\n\xff\n", overwrite=True)
    assert Path(path).read_bytes() == first
    assert os.listdir(tmp_path) == [name]


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"a\nb")
    assert read_lines(str(tmp_path / "t")) == [b"a\n"]


def test_a_file_that_exists_is_kept_or_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(b"old\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="exists"):
        write_lines(str(path), b"new\n")
    assert path.read_bytes() == b"old\n"
    write_lines(str(path), b"new\n", overwrite=True)
    assert path.read_bytes() == b"new\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["t"]


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_lines(str(tmp_path / "nothing"))
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b" + b"x" * 50)
    with pytest.raises(InputError, match="damaged"):
        read_lines(str(tmp_path / "bad.gz"))
    with pytest.raises(OutputError, match="cannot write"):
        write_lines(str(tmp_path / "no" / "folder"), b"")
