"""Files that may be compressed: the same bytes, in pieces of bounded size, whatever they unpack to."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.packed import PIECE, Pieces, Unpacker


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
