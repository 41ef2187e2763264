"""Files that may be compressed: the same bytes, in pieces of bounded size, whatever they unpack to."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.packed import (
    PIECE,
    STDIN,
    Pieces,
    Unpacker,
    ZstdUnpacker,
    can_be_read_again,
    exists,
    opened,
    spooling,
)
from qmpconf.trace.sink import Sink


def pieces(path: Path) -> tuple[bytes, bool]:
    with Pieces(str(path)) as found:
        data = b"".join(found)
        return data, found.cut


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE])
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_in_it_comes_out(tmp_path: Path, size: int, packed: bool) -> None:
    text = bytes(range(251)) * (size // 251 + 1)
    text = text[:size]
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(text) if packed else text)
    assert pieces(path) == (text, False)


def test_a_little_that_unpacks_to_very_much_comes_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(200 * PIECE), 9)
    sizes = [len(piece) for piece in Unpacker().feed(bomb)]
    assert sum(sizes) == 200 * PIECE
    assert max(sizes) <= PIECE


def test_zstd_is_unpacked_as_well(tmp_path: Path) -> None:
    text = bytes(range(251)) * 1000
    packed = zstandard.compress(text)
    path = tmp_path / "x"
    path.write_bytes(packed + zstandard.compress(b"more"))
    assert pieces(path) == (text + b"more", False)
    path.write_bytes(packed[:-9])
    found, cut = pieces(path)
    assert cut
    assert text.startswith(found)
    path.write_bytes(packed[:8] + b"\xff" * 50)
    with pytest.raises(zlib.error):
        pieces(path)
    bomb = zstandard.compress(bytes(200 << 20), 19)
    sizes = [len(piece) for piece in ZstdUnpacker("x").feed(bomb)]
    assert sum(sizes) == 200 << 20
    assert max(sizes) <= 16 << 20


def test_without_what_unpacks_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(zstandard.compress(b"text"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(InputError, match=r"x: zstd needs another package: .*qmpconf\[hosts\]"):
        pieces(path)
    with pytest.raises(InputError, match="zstd needs another package"):
        Sink(str(tmp_path / "new.zst"))
    assert not (tmp_path / "new.zst").exists()


@given(
    st.lists(st.binary(max_size=200), min_size=1, max_size=4),
    st.lists(st.integers(1, 50), max_size=10),
    st.integers(0, 20),
)
def test_members_and_padding_in_whatever_pieces(
    members: list[bytes], cuts: list[int], padding: int
) -> None:
    data = b"".join(gzip.compress(one) for one in members) + bytes(padding)
    unpacker, found, at = Unpacker(), b"", 0
    for cut in [*cuts, len(data)]:
        found += b"".join(unpacker.feed(data[at : at + cut]))
        at += cut
    assert found == b"".join(members)
    assert unpacker.whole


def test_what_is_cut_off_or_damaged_is_seen(tmp_path: Path) -> None:
    whole = gzip.compress(b"hello" * 1000)
    path = tmp_path / "x"
    path.write_bytes(whole[:-9])
    found, cut = pieces(path)
    assert cut
    assert (b"hello" * 1000).startswith(found)
    path.write_bytes(whole + b"nonsense")
    with pytest.raises(zlib.error):
        pieces(path)
    path.write_bytes(whole[:10] + b"\xff" * 50)
    with pytest.raises(zlib.error):
        pieces(path)


def test_what_can_be_read_once_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    given = bytes(range(256)) * 1000

    def feed() -> None:
        pipe.write_bytes(given)

    thread = threading.Thread(target=feed)
    thread.start()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(given))))
    assert not can_be_read_again(str(pipe))
    assert not exists(STDIN)
    with spooling():
        assert can_be_read_again(str(pipe))
        assert exists(STDIN)
        for path in (str(pipe), STDIN):
            assert pieces(Path(path)) == pieces(Path(path)) == (given, False)
        with opened(str(pipe)) as one, opened(str(pipe)) as other:
            assert one.read(3) == given[:3]
            assert other.read(5) == given[:5]
            assert one.seek(-2, os.SEEK_END) == len(given) - 2 == one.tell()
            assert one.read() == given[-2:]
            assert one.read(1) == b""
    thread.join()
    assert not exists(STDIN)
    with pytest.raises(FileNotFoundError):
        opened(STDIN)
