"""Learning: recordings of one scenario give the masks that they need, and no others."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.cli import learn as verb
from qmpconf.cli.main import Parser
from qmpconf.errors import InputError, UsageError
from qmpconf.lists import toml
from qmpconf.replay.configuration import read_masks
from qmpconf.replay.learn.learning import _escaped, as_toml, learn
from tests.replay.conftest import written

GREETING = '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}'
STAMP = '"timestamp": {"seconds": 1, "microseconds": 2}'


def trace(path: Path, *pairs: tuple[str, Any], events: tuple[str, ...] = ()) -> str:
    script = ["1+", f"1<-{GREETING}"]
    for command, answer in pairs:
        script += [f'1->{{"execute":"{command}"}}', f"1<-{json.dumps(answer)}"]
    script += [f"1<-{event}" for event in events]
    return written(path, [*script, "1-client"])


def learned(tmp_path: Path, *answers: Any, command: str = "query-x") -> list[tuple[Any, ...]]:
    traces = [trace(tmp_path / f"t{n}", (command, one)) for n, one in enumerate(answers)]
    found = learn(traces)
    path = tmp_path / "masks.toml"
    path.write_text(as_toml(found))
    assert read_masks(str(path)) != () or not found.masks
    return [(mask.place, mask.kind, mask.pattern, mask.key) for mask, _ in found.masks]


@pytest.mark.parametrize(
    ("one", "other", "masks"),
    [
        ({"return": 1}, {"return": 1}, []),
        ({"return": {"a": 1, "b": 2}}, {"return": {"a": 1, "b": 3}}, [("/return/b", "integer", "", "")]),
        ({"return": [{"a": 1}, {"a": 2}]}, {"return": [{"a": 3}, {"a": 2}]}, [("/return/*/a", "integer", "", "")]),
        ({"return": 1.5}, {"return": 2}, [("/return", "number", "", "")]),
        ({"return": True}, {"return": False}, [("/return", "boolean", "", "")]),
        ({"return": "a-12"}, {"return": "a-13"}, [("/return", "text", r"\d+", "")]),
        ({"return": "at 0x1f"}, {"return": "at 0xa2"}, [("/return", "text", r"0x[0-9a-fA-F]+", "")]),
        ({"return": "one"}, {"return": "two"}, [("/return", "string", "", "")]),
        ({"return": {"a": 1}}, {"return": {}}, [("/return/a", "optional", r"-?\d+", "")]),
        ({"return": [1, 2, 3]}, {"return": [3, 1, 2]}, [("/return", "set", "", "")]),
        (
            {"return": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]},
            {"return": [{"name": "b", "n": 2}, {"name": "a", "n": 5}]},
            [("/return", "set", "", "name"), ("/return/*/n", "integer", "", "")],
        ),
        ({"return": {"a/b": 1}}, {"return": {"a/b": 2}}, [("/return/a~1b", "integer", "", "")]),
    ],
)  # fmt: skip
def test_the_narrowest_mask_for_what_was_seen(
    tmp_path: Path, one: Any, other: Any, masks: list[Any]
) -> None:
    assert learned(tmp_path, one, other) == masks


def test_an_enumeration_allows_the_values_seen_alone(tmp_path: Path) -> None:
    answers = [
        {"return": {"status": status, "running": True, "singlestep": False}}
        for status in ("running", "paused", "io-error")
    ]
    masks = learned(tmp_path, *answers, command="query-status")
    assert masks == [("/return/status", "text", r"running|paused|io\-error", "")]


def test_what_is_built_in_is_not_written(tmp_path: Path) -> None:
    events = [f'{{"event": "STOP", {STAMP.replace("1", str(n))}}}' for n in (1, 7)]
    node = [{"return": f"#block{n}"} for n in (12, 345)]
    traces = [trace(tmp_path / str(n), ("query-x", node[n]), events=(events[n],)) for n in range(2)]
    found = learn(traces)
    assert (found.masks, found.left, found.pairs) == ([], [], 3)


def test_events_are_masked_by_their_name(tmp_path: Path) -> None:
    events = [f'{{"event": "X", "data": {{"id": "a", "n": {n}}}, {STAMP}}}' for n in (1, 7)]
    traces = [trace(tmp_path / str(n), events=(events[n],)) for n in range(2)]
    (mask, seen), *more = learn(traces).masks
    assert (mask.message, mask.of, mask.place, more) == ("event", "X", "/data/n", [])
    assert seen == ["1", "7"]


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({"return": {}}, {"error": {"class": "GenericError", "desc": "x"}}, "reply to query-x"),
        ({"return": {"a": 1}}, {"return": {"a": "x"}}, "integer and string are mixed"),
    ],
)
def test_what_no_mask_covers_is_told(tmp_path: Path, one: Any, other: Any, says: str) -> None:
    traces = [trace(tmp_path / f"t{n}", ("query-x", it)) for n, it in enumerate((one, other))]
    found = learn(traces)
    assert found.masks == []
    assert len(found.left) == 1
    assert says in found.left[0]


def test_recordings_of_different_scenarios_are_refused(tmp_path: Path) -> None:
    done = {"return": {}}
    one = trace(tmp_path / "a", ("stop", done), ("cont", done))
    other = trace(tmp_path / "b", ("stop", done), ("query-x", done))
    short = trace(tmp_path / "c", ("stop", done))
    twice = written(tmp_path / "d", ["1+", "1-client", "2+", "2-client"])
    says = (
        r"message 2 of session 1 is cont \(line \d+\) in the one, and query-x \(line \d+\) in the"
    )
    with pytest.raises(InputError, match=says):
        learn([one, other])
    with pytest.raises(InputError, match=r"and not there in the other"):
        learn([one, short])
    with pytest.raises(InputError, match="1 sessions in the one, 2 in the other"):
        learn([one, twice])
    with pytest.raises(UsageError, match="two different recordings"):
        learn([one, one])


def test_other_arguments_are_another_scenario(tmp_path: Path) -> None:
    head = '1->{"execute":"x","arguments":'
    one = written(tmp_path / "a", ["1+", head + '{"a":1}}', '1<-{"return": {}}', "1-client"])
    two = written(tmp_path / "b", ["1+", head + '{"b":1}}', '1<-{"return": {}}', "1-client"])
    with pytest.raises(InputError, match="has /arguments/a in one"):
        learn([one, two])


@given(st.text())
def test_any_text_can_be_written(text: str) -> None:
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert tomllib.loads(f"a = {toml(text)}\nb = {toml([text])}") == {"a": text, "b": [text]}
    assert _escaped(text).isascii()


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traces = [trace(tmp_path / str(n), ("query-x", {"return": n})) for n in range(2)]
    parser = Parser(prog="qmpconf learn")
    verb.configure(parser)
    out = tmp_path / "masks.toml"
    assert verb.run(parser.parse_args([*traces, "-o", str(out)])) == 0
    assert "2 messages compared, 1 mask needed" in capsys.readouterr().err
    assert read_masks(str(out))[0].place == "/return"
    with pytest.raises(UsageError, match="--force"):
        verb.run(parser.parse_args([*traces, "-o", str(out)]))
    assert verb.run(parser.parse_args([*traces])) == 0
    assert "[[mask]]" in capsys.readouterr().out
