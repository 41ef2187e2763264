"""Each habit can be turned off, by command line, configuration and call; and limits are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf import check_trace
from qmpconf.check.practice import Limits, Practice, ignoring, limits
from qmpconf.check.practice.waiting import STORM
from qmpconf.check.requirements import PRACTICE_REQUIREMENTS
from qmpconf.cli.main import main
from qmpconf.errors import InputError, UsageError
from qmpconf.replay.configuration import find
from tests.check.practice.stage import Stage, found


@pytest.fixture
def everything(tmp_path: Path) -> str:
    """A session with one of each."""
    stage = Stage(step=0.001)
    for _ in range(STORM):
        stage.does("query-jobs")
    stage.refused("SEV is not enabled in KVM", "query-sev")
    stage.sends("human-monitor-command", command__line="foo")
    stage.returns("unknown command: 'foo'\r\n")
    stage.does("device_del", id="a")
    stage.does("device_del", id="b")
    stage.refused("Duplicate device ID 'b'", "device_add", driver="x", id="b")
    stage.event("GUEST_PANICKED", action="pause")
    stage.sends("query-block")
    stage.wait(60)
    stage.close()
    return str(stage.write(tmp_path / "t.qmptrace"))


LIMIT = Limits(10.0)


def test_all_habits_are_looked_for(everything: str) -> None:
    got = {one.requirement for one in found(Path(everything), Practice(limits=LIMIT))}
    assert got == set(PRACTICE_REQUIREMENTS)


@pytest.mark.parametrize("name", PRACTICE_REQUIREMENTS)
def test_each_can_be_turned_off_alone(everything: str, name: str) -> None:
    practice = Practice(ignoring([name]), LIMIT)
    got = {one.requirement for one in found(Path(everything), practice)}
    left = set(PRACTICE_REQUIREMENTS) - {name}
    if name == "practice.too-early":  # what it explained is only refused now, and an unplug
        left |= {"practice.failed", "practice.unplug"}
    assert got == left
    assert not practice.judges(name)


def test_all_can_be_turned_off(everything: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_trace(everything, "none", ["practice"]).groups.totals == dict.fromkeys(
        ("error", "warning", "note"), 0
    )
    assert main(["check", everything, "--schema", "none", "--ignore", "practice", "-q"]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_a_limit_of_time_holds_also_where_all_habits_are_turned_off(
    everything: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", everything, "--schema", "none", "-q", "--ignore", "practice"]
    assert main([*words, "--max-latency", "10s"]) == 1
    assert "practice.latency" in capsys.readouterr().out
    assert main([*words, "--ignore", "practice.latency", "--max-latency", "10s"]) == 0


def test_the_command_line(everything: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", everything, "--schema", "none", "-q", "--format", "json"]
    off = [f"--ignore={one}" for one in PRACTICE_REQUIREMENTS if one != "practice.latency"]
    assert main([*words, *off]) == 0
    capsys.readouterr()
    assert main([*words, *off, "--max-latency", "10s"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["rule"] for one in told["findings"]] == ["practice.latency"]
    verdicts = {one["rule"]: one["verdict"] for one in told["verdicts"]}
    assert verdicts["practice.latency"] == "fail"
    assert verdicts["practice.failed"] == "not-exercised"


def test_what_was_not_asked_for_did_not_pass(
    everything: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", everything, "--schema", "none", "-q", "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    verdicts = {one["rule"]: one["verdict"] for one in told["verdicts"]}
    assert verdicts["practice.latency"] == "not-exercised"
    assert verdicts["practice.unanswered"] == "warn"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("practice.unanswred", "did you mean 'practice.unanswered'"),
        ("polling", "did you mean 'practice.polling'"),
        ("practices", "did you mean 'practice'"),
        ("xyzzy", "there are practice, practice.unanswered"),
        ("", "there are practice"),
        ("schema.arguments", "belongs in a baseline"),
    ],
)
def test_a_name_that_cannot_be_ignored(everything: str, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ignoring(["practice.polling", name])
    with pytest.raises(UsageError):
        check_trace(everything, ignore=[name])
    assert main(["check", everything, "--ignore", name]) == 2


@pytest.mark.parametrize(
    ("texts", "every", "of"),
    [
        (["2"], 2.0, {}),
        (["2s", "500ms"], 0.5, {}),
        (["1.5 min", "migrate=30s", "query-block=250us"], 90.0, {"migrate": 30.0, "query-block": 0.00025}),
        (["__com.redhat_x=.5"], float("inf"), {"__com.redhat_x": 0.5}),
        ([], float("inf"), {}),
    ],
)  # fmt: skip
def test_limits(texts: list[str], every: float, of: dict[str, float]) -> None:
    read = limits(texts)
    assert (read.every, read.of) == (every, pytest.approx(of))
    assert bool(read) == bool(texts)


@pytest.mark.parametrize(
    "text", ["", "soon", "0", "-1", "1h", "migrate=", "=2s", "1e5", "nan", "0s"]
)
def test_what_is_no_limit(text: str, everything: str) -> None:
    with pytest.raises(UsageError, match="is not a limit of time"):
        limits([text])
    assert main(["check", everything, f"--max-latency={text}"]) == 2


CONFIGURED = """\
[tool.qmpconf.check]
ignore = ["practice.failed", "practice.polling"]
max-latency = ["10s", "query-block=100s"]
"""


def test_the_configuration(
    everything: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(everything).parent
    monkeypatch.chdir(folder)
    (folder / "pyproject.toml").write_text(CONFIGURED)
    assert find().ignore == ("practice.failed", "practice.polling")
    words = ["check", everything, "--schema", "none", "-q", "--short", "--ignore=practice.unplug"]
    main(words)
    out = capsys.readouterr().out
    for name in ("failed", "polling", "unplug", "latency"):
        assert f"practice.{name}" not in out
    main([*words, "--max-latency", "query-block=10s"])
    assert "practice.latency" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[check]\nignore = ["practice.poling"]', r"toml:2: .*did you mean 'practice.polling'"),
        ("[check]\nignore = 5", r"toml:2: 'ignore' must be a list of strings"),
        ('[check]\nmax-latency = "soon"', r"toml:2: 'soon' is not a limit of time"),
        (
            '[check]\nignored = ["practice"]',
            r"toml:2: unknown key 'ignored'; did you mean 'ignore'",
        ),
        ("check = 5", r"toml:1: 'check' must be a table"),
    ],
)
def test_a_configuration_that_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "qmpconf.toml").write_text(text)
    with pytest.raises(InputError, match=says):
        find(str(tmp_path))
