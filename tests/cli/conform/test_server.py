"""``qmpconf conform`` as a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.report.results.records import Case
from qmpconf.report.results.stream import read_result
from tests.conform.test_variants import served
from tests.conform.variants.framing import LineFeed

CONFORM = [sys.executable, "-m", "qmpconf", "conform"]
SERVER = f"{sys.executable} -m qmpconf serve --listen {{socket}}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_ended_takes_the_server_along(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "t"  # short, for sockets
    folder.mkdir()
    child = subprocess.Popen(
        [*CONFORM, "--spawn", SERVER, "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert child.stdout is not None
    with child, child.stdout:
        for line in child.stdout:
            if "greeting." in line:
                child.send_signal(number)
                break
        rest = child.stdout.read()  # to its end: the server, which has it too, is gone
    assert child.returncode == 130
    assert "cut short: interrupted in greeting." in rest
    assert rest.splitlines()[-1].startswith("interrupted: ")
    assert os.listdir(folder) == []


def test_an_interruption_keeps_what_was_found(tmp_path: Path) -> None:
    result, report = tmp_path / "r.qmpresult", tmp_path / "report"
    words = ["--result", str(result), "--report", str(report), "-v", "--timeout", "60"]
    child = subprocess.Popen(
        [*CONFORM, "--spawn", SERVER, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert child.stdout is not None
    seen = []
    with child, child.stdout:
        for line in child.stdout:
            seen.append(line)
            if len(seen) == 3:
                child.send_signal(signal.SIGINT)
                break
        child.stdout.read()
    assert child.returncode == 130
    read = read_result(str(result))
    cases = [one.id for one in read.records if isinstance(one, Case)]
    assert all(any(line.split()[1].startswith(case) for case in cases) for line in seen)
    assert read.finish is not None
    assert read.finish.exit_code == 130
    assert "interrupted in " in read.finish.failure
    told = json.loads((report / "results.json").read_text())
    assert [one["case"] for one in told["results"]] == cases
    assert (report / "report.html").exists()


def test_what_makes_a_run_fail_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lie = tmp_path / "known.toml"
    lie.write_text('[[known]]\ncase = "framing.crlf/replies"\nreason = "I think so"\n')
    words = ["conform", "--spawn", SERVER, "-q", "-k", "framing.crlf", "--baseline", str(lie)]
    assert main(words) == 1
    assert main([*words, "--fail-on", "never"]) == 0
    assert "does not conform: 1 pass" in capsys.readouterr().out
    assert main([*words, "--strict", "--fail-on", "MUST"]) == 2
    assert "--strict is --fail-on SHOULD, and not MUST" in capsys.readouterr().err


def test_a_failure_is_told_as_it_happens(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, without -v, and not where it is to be quiet."""
    with served(LineFeed()) as address:
        arguments = ["conform", "--target", str(address), "-k", "framing.crlf/replies"]
        assert main(arguments) == 1
        told = capsys.readouterr()
        assert "fail           framing.crlf/replies: expected CR LF behind it" in told.err
        assert main([*arguments, "-q"]) == 1
        assert "framing.crlf/replies: expected" not in capsys.readouterr().err
