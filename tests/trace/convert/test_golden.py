"""Small files of every format, and what they are read as."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.check.checking import automatic, check
from qmpconf.trace.reader import TraceReader
from tests.trace.convert.golden import INPUTS, read_as


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_what_it_is_read_as(path: Path, tmp_path: Path) -> None:
    expected = path.with_name(f"{path.name}.expected").read_text()
    assert read_as(path, tmp_path) == expected


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_nobody_is_to_blame_for_what_a_format_does_not_hold(path: Path, tmp_path: Path) -> None:
    read_as(path, tmp_path)
    reader = TraceReader(str(tmp_path / f"{path.name}.qmptrace"))
    groups = check(reader, automatic(reader)).groups
    blamed = {one.first.requirement for one in groups if one.first.severity != "note"}
    assert blamed <= {"schema.arguments"}  # what a client sent is there, and may be wrong
