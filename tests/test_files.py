"""Small files of users: what cannot be read is said with its name, and nothing is endless."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from qmpconf import files
from qmpconf.errors import InputError
from qmpconf.files import read_bytes, read_text


def test_plain_and_compressed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in ("é\n".encode(), gzip.compress("é\n".encode())):
        path.write_bytes(content)
        assert read_text(path) == "é\n"
        assert read_bytes(str(path)) == "é\n".encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "is not UTF-8 text"),
        (gzip.compress(b"x" * 99)[:-9], "it is cut off"),
        (gzip.compress(b"x")[:10] + b"\xff" * 20, "damaged gzip file"),
    ],
    ids=["no UTF-8", "cut off", "damaged"],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as raised:
        read_text(path)
    assert str(path) in str(raised.value)


def test_nothing_is_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 1000)
    with pytest.raises(InputError, match="is larger than"):
        read_text("/dev/zero")
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(1001)))
    with pytest.raises(InputError, match="is larger than"):
        read_bytes(path)
    with pytest.raises(InputError, match="No such file"):
        read_bytes(tmp_path / "absent")
