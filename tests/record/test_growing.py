"""A log that grows, is made shorter, and is replaced while it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.errors import InputError, UsageError
from qmpconf.record import growing
from qmpconf.record.growing import GrowingLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "qemu.log"
    path.write_bytes(b"what was there before\n")
    return path


@pytest.fixture
def log(path: Path) -> Iterator[GrowingLog]:
    with closing(GrowingLog(str(path))) as opened:
        yield opened


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_whole_lines_come_once(path: Path, log: GrowingLog) -> None:
    assert list(log.lines()) == []
    append(path, b"one\ntw")
    assert list(log.lines()) == [(1, b"one\n", True)]
    append(path, b"o\r\nthree\n")
    assert list(log.lines()) == [(2, b"two\r\n", True), (3, b"three\n", True)]
    assert list(log.lines()) == []
    assert not log.cut


@settings(max_examples=25)
@given(pieces=st.lists(st.binary(max_size=9) | st.sampled_from([b"\n", b"a\n", b"\n\n"])))
def test_whatever_the_pieces(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("log") / "qemu.log"
    path.touch()
    with closing(GrowingLog(str(path))) as log:
        found = []
        for piece in pieces:
            append(path, piece)
            found += log.lines()
    whole = b"".join(pieces)
    lines = whole[: whole.rfind(b"\n") + 1].split(b"\n")[:-1]
    assert found == [(number, line + b"\n", True) for number, line in enumerate(lines, 1)]


def test_a_line_that_is_too_long_comes_in_pieces(
    path: Path, log: GrowingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "LONGEST", 4)
    append(path, b"abcd")
    assert list(log.lines()) == [(1, b"abcd", True)]
    append(path, b"efgh")
    append(path, b"i\nj\n")
    assert list(log.lines()) == [(1, b"efghi\n", False), (2, b"j\n", True)]


def test_a_log_that_is_made_shorter(path: Path, log: GrowingLog) -> None:
    append(path, b"torn")
    assert list(log.lines()) == []
    path.write_bytes(b"new\n")
    assert list(log.lines()) == [(1, b"new\n", True)]
    assert log.cut


def test_a_log_that_is_replaced(path: Path, log: GrowingLog) -> None:
    append(path, b"old\n")
    os.rename(path, f"{path}.1")
    assert list(log.lines()) == [(1, b"old\n", True)]
    append(Path(f"{path}.1"), b"late\n")
    assert list(log.lines()) == [(2, b"late\n", True)]
    assert not log.cut
    path.write_bytes(b"new\n")
    append(Path(f"{path}.1"), b"last\n")
    assert list(log.lines()) == [(3, b"last\n", True), (4, b"new\n", True)]
    assert log.cut


def test_a_log_in_whose_place_something_else_comes(path: Path) -> None:
    with closing(GrowingLog(str(path))) as log:
        append(path, b"last\n")
        path.unlink()
        path.mkdir()
        lines = log.lines()
        assert next(lines) == (1, b"last\n", True)
        with pytest.raises(UsageError, match="is not a file that can be followed"):
            list(lines)


def test_what_cannot_be_followed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        GrowingLog(str(tmp_path / "no.log"))
    with pytest.raises(UsageError, match="is not a file that can be followed"):
        GrowingLog(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is not a file that can be followed"):
        GrowingLog(str(tmp_path / "pipe"))
