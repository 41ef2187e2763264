"""Calls that were refused: each is named, those that say the same together, and none is an alarm."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.check.checking import check, wire_only
from qmpconf.check.practice import refusals
from qmpconf.trace.reader import TraceReader
from tests.check.practice.stage import Stage, found
from tests.check.scripts import OPENING, basis, write


@pytest.mark.parametrize(
    ("kind", "desc", "blame"),
    [
        ("GenericError", "SEV is not enabled in KVM", "nobody"),
        ("DeviceNotFound", "Device 'x' not found", "nobody"),
        ("GenericError", "No space left on device", "nobody"),
        ("CommandNotFound", "The command x has not been found", "client"),
        ("GenericError", "Parameter 'detach' is unexpected", "client"),
        ("GenericError", "Parameter 'id' is missing", "client"),
        ("GenericError", "Invalid parameter type for 'size', expected: integer", "client"),
    ],
)
def test_a_refused_call(tmp_path: Path, kind: str, desc: str, blame: str) -> None:
    stage = Stage()
    line = stage.sends("query-sev")
    answer = stage.fails(desc, kind)
    stage.close()
    (one,) = found(stage.write(tmp_path / "t"))
    assert (one.requirement, one.severity, one.line) == ("practice.failed", "note", line)
    assert (one.blame, one.message) == (blame, f"was refused: {kind}: {desc}")
    assert one.source == f"the server's answer in line {answer}"


def test_equal_ones_are_one_kind(tmp_path: Path) -> None:
    stage = Stage()
    for desc in ("one", "one", "two"):
        stage.refused(desc, "query-sev")
    stage.refused("one", "query-sgx")
    stage.close()
    groups = check(TraceReader(str(stage.write(tmp_path / "t"))), wire_only).groups
    told = [(one.first.subject, one.first.message[-3:], one.count) for one in groups]
    assert told == [("query-sev", "one", 2), ("query-sev", "two", 1), ("query-sgx", "one", 1)]


def test_what_a_schema_explains_is_told_once(tmp_path: Path) -> None:
    script = [
        *OPENING,
        '> {"execute": "paint", "arguments": {"style": "plain", "colour": 5}}',
        '< {"error": {"class": "GenericError", "desc": "x"}}',
        '> {"execute": "paint", "arguments": {"style": "plain", "colour": "red"}}',
        '< {"error": {"class": "GenericError", "desc": "x"}}',
    ]
    path = write(tmp_path / "t", script)
    groups = check(TraceReader(str(path)), lambda *_: basis()).groups
    told = [(one.first.requirement, one.first.line) for one in groups]
    assert told == [("schema.arguments", 6), ("practice.failed", 8)]


def test_too_many_different_ones_are_told_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_REFUSED", 3)
    stage = Stage()
    for number in range(10):
        stage.refused(f"no. {number}", "query-sev")
    stage.close()
    groups = list(check(TraceReader(str(stage.write(tmp_path / "t"))), wire_only).groups)
    assert [one.count for one in groups] == [1, 1, 1, 7]
    assert groups[-1].first.message == "was refused: GenericError, in other words"


def test_a_long_error_is_cut(tmp_path: Path) -> None:
    stage = Stage()
    stage.refused("x" * 5000, "query-sev")
    stage.close()
    (one,) = found(stage.write(tmp_path / "t"))
    assert len(one.message) < 250
