"""``qmpconf explore`` as its users call it: what it prints, and that an interrupt keeps what was found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from tests.explore.test_exploring import spawned


def test_an_interrupt_ends_the_server_and_keeps_what_was_found(tmp_path: Path) -> None:
    found = tmp_path / "found"
    words = [sys.executable, "-m", "qmpconf", "explore", "--for", "10min", "--seed", "1"]
    words += ["--shrink", "0.01", "--format", "json", "-o", str(found), "--spawn", spawned("Exits")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "again by its reproducer" in line or "not shown again" in line:
                break
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate()
    assert run.returncode == 130
    result = json.loads(out)
    assert result["exit_code"] == 130
    assert [one["rule"] for one in result["findings"]] == ["explore.ended"]
    assert "interrupted" in " ".join(one["text"] for one in result["notes"])
    kept = json.loads((found / "explored.json").read_text())
    assert (found / kept["findings"][0]["script"]).exists()


def test_what_is_known_does_not_fail_and_what_was_not_met_does_not_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known.toml"
    call = ["explore", "--spawn", spawned("Exits"), "--seed", "1", "--lives", "1", "--commands"]
    call += ["60", "--shrink", "0.01", "-q", "--baseline", str(known)]
    assert main([*call, "--update"]) == 0
    text = known.read_text()
    assert "explore.ended: query-name: the server ended by itself" in text
    unmet = '\n[[known]]\nfingerprint = "0123456789abcdef"\nreason = "never seen"\n'
    known.write_text(text.replace("to be explained", "because") + unmet)
    capsys.readouterr()
    assert main([*call, "-o", str(tmp_path / "found")]) == 0
    out = capsys.readouterr().out
    assert "known " in out
    assert "1 known finding was not met (0123456789abcdef)" in out
    assert not list((tmp_path / "found").glob("*.py"))
    assert main([*call, "--update"]) == 0
    assert '"never seen"' in known.read_text()
    assert '"because: explore.ended' in known.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--seed x", "'x' is not a number from 0"),
        ("--seed -1", "'-1' is not a number from 0"),
        ("--for soon", "'soon' is not a time"),
        ("--minutes 0", "'0' is not a number of minutes above 0"),
        ("--for 1s --minutes 1", "not allowed with"),
        ("--commands 0", "'0' is not a number from 1"),
        ("--nonsense", "there is no option"),
    ],
)
def test_a_wrong_word_is_said(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explore", "--spawn", "false {socket}", *words.split()])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_folder_with_something_in_it_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter").write_text("Dear reader,\n")
    assert main(["explore", "--spawn", "false {socket}", "-o", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["letter"]


@pytest.mark.parametrize(
    ("spawn", "said"),
    [
        ("false", "has no {socket}"),
        ("no-such-server {socket}", "was not found"),
        ("'", "cannot read"),
    ],
)
def test_what_cannot_be_started_begins_nothing(
    spawn: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explore", "--spawn", spawn, "-o", str(tmp_path / "found")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "seed" not in err
    assert not (tmp_path / "found").exists()


def test_a_catalog_that_has_no_command_of_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["explore", "--spawn", spawned("Sound"), "--lives", "1", "-q", "-o", str(tmp_path)]
    assert main([*call, "--schema", "qemu-ga-7.2.22-doc"]) == 2
    assert (
        "no command of qemu-ga-7.2.22-doc is one that the target lists" in capsys.readouterr().err
    )


def test_a_server_that_does_not_start_again_leaves_no_traces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found"
    call = ["explore", "--spawn", spawned("Unready"), "-o", str(found), "-q"]
    assert main(call) == 4
    assert "could not be started again" in capsys.readouterr().out
    assert not list(found.glob("life-*"))


def test_a_server_without_a_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serve = f"{sys.executable} -m qmpconf serve --schema qemu-1.6.2-doc --listen {{socket}}"
    code = main(["explore", "--spawn", serve, "-o", str(tmp_path / "found"), "-q"])
    said = capsys.readouterr().err
    assert code == 4
    assert "has no schema to explore" in said
    assert "--schema" in said
