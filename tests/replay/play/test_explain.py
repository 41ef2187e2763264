"""Bindings explained: what a replay binds, what it does not, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf.cli import show
from qmpconf.cli.main import Parser
from qmpconf.replay.play.explain import explain
from tests.replay.conftest import written

GREETING = '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}'
SCRIPT = [
    "1+",
    f"1<-{GREETING}",
    '1->{"execute":"add-fd"}',
    '1<-{"return": {"fd": 11, "fdset-id": 1}}',
    '1->{"execute":"query-block"}',
    (
        '1<-{"return": [{"device": "", "locked": false, "removable": false, "type": "unknown", '
        '"qdev": "/machine/a/b", "inserted": {"node-name": "#block12", "drv": "raw"}}]}'
    ),
    '1->{"execute":"remove-fd","arguments":{"fdset-id":1,"fd":11}}',
    '1<-{"return": {}}',
    '1->{"execute":"qom-list","arguments":{"path":"/machine/a/b/c"}}',
    '1<-{"return": []}',
    '1->{"execute":"blockdev-add","arguments":{"driver":"raw","file":"#block12"}}',
    '1<-{"return": {}}',
    "1-client",
]


def test_each_value_is_explained(tmp_path: Path) -> None:
    found = {one.value: one for one in explain(written(tmp_path / "t", SCRIPT))}
    assert {value for value, one in found.items() if one.is_bound} == {
        11,
        1,
        "/machine/a/b",
        "#block12",
    }
    assert found[11].reason == "the server chooses each descriptor: always bound"
    assert "a path or a made-up name" in found["/machine/a/b"].reason
    assert found["#block12"].reason == "a name that the server made up: always bound"
    assert found["raw"].reason.startswith("ambiguous: the places do not agree")
    assert [use.line for use in found["/machine/a/b"].uses] == [10]


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = written(tmp_path / "t", SCRIPT)
    parser = Parser(prog="qmpconf show")
    show.configure(parser)
    assert show.run(parser.parse_args([trace, "--bindings"])) == 0
    text = capsys.readouterr().out
    assert "5 values go from the server back to it: 4 bound, 1 not." in text
    few = written(tmp_path / "few", SCRIPT[:1])
    assert show.run(parser.parse_args([few, "--bindings"])) == 0
    assert capsys.readouterr().out == "No value that the server chose goes back to it.\n"
    assert show.run(parser.parse_args([trace, "--bindings", "--format", "json"])) == 0
    assert sum(one["bound"] for one in json.loads(capsys.readouterr().out)) == 4
