"""Lines out of pieces, none of them endless."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.rows import LONGEST, Rows, TooLongError

HEADER = b'{"qmptrace":1,"started":"2026-11-20T05:17:00.000000Z","recorder":"x","meta":{}}\n'


@given(st.lists(st.binary(max_size=6) | st.sampled_from([b"\n", b"a\n\nb", b""]), max_size=12))
def test_lines_are_those_of_the_whole_text(pieces: list[bytes]) -> None:
    rows = Rows(pieces)
    *lines, rest = b"".join(pieces).split(b"\n")
    assert list(rows) == lines
    assert rows.rest == rest


def test_a_line_is_refused_as_soon_as_it_is_too_long() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 10

    with pytest.raises(TooLongError):
        list(Rows(endless(), 95))  # type: ignore[arg-type]
    assert taken == 10


@pytest.mark.parametrize("begin", [b"", HEADER])
def test_a_few_bytes_that_unpack_to_gigabytes_are_damage(tmp_path: Path, begin: bytes) -> None:
    """In a process that may have 300 MB, and not one more."""
    path = tmp_path / "bomb.qmptrace.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(begin)
        for _ in range(2 * LONGEST >> 20):
            file.write(bytes(1 << 20))
    with pytest.raises(InputError, match=r"gz:[12]: the line is longer than any record"):
        list(TraceReader(str(path)).items())
    done = subprocess.run(
        [sys.executable, "-m", "qmpconf", "check", "-q", str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20)),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert b"is damaged, or is not a trace" in done.stderr
