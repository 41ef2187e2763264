"""The command line: help, wrong calls, and how errors and interrupts come out."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import qmpconf
from qmpconf.cli import main as cli
from qmpconf.errors import (
    InputError,
    OutputError,
    QmpconfError,
    TargetError,
    UsageError,
)
from qmpconf.record.core import available


def qmpconf_run(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.run(
        [sys.executable, "-m", "qmpconf", *words], text=True, timeout=60, check=False, **more
    )


def test_help_names_every_verb() -> None:
    done = qmpconf_run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for verb, (_, text) in cli.VERBS.items():
        assert verb in done.stdout
        assert text in done.stdout


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_help(verb: str) -> None:
    done = qmpconf_run(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: qmpconf {verb}")
    assert done.stderr == ""


def test_version() -> None:
    core = "compiled core" if available() else "no compiled core"
    assert qmpconf_run("--version").stdout == f"qmpconf {qmpconf.__version__} ({core})\n"


@pytest.mark.parametrize("words", [("nonsense",), ("-x",), ("record", "--nonsense")])
def test_wrong_calls(words: tuple[str, ...]) -> None:
    done = qmpconf_run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr


def verb_that(monkeypatch: pytest.MonkeyPatch, action: Any) -> None:
    module = ModuleType("qmpconf.cli.test_verb")
    module.__dict__["configure"] = lambda parser: parser.add_argument("--x")
    module.__dict__["run"] = action
    monkeypatch.setitem(sys.modules, "qmpconf.cli.test_verb", module)
    monkeypatch.setitem(cli.VERBS, "test", ("test_verb", "does what a test wants"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("what, where"), 2),
        (InputError("what, where"), 3),
        (OutputError("what, where"), 3),
        (TargetError("what, where"), 4),
    ],
)
def test_errors_are_one_message_and_a_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: QmpconfError,
    code: int,
) -> None:
    def run(_: argparse.Namespace) -> int:
        raise error

    verb_that(monkeypatch, run)
    assert cli.main(["test"]) == code
    assert capsys.readouterr() == ("", "qmpconf test: what, where\n")


def test_an_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    verb_that(monkeypatch, run)
    assert cli.main(["test"]) == 130
    assert capsys.readouterr().err == "qmpconf test: interrupted\n"


def test_the_codes_of_verbs_and_their_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    verb_that(monkeypatch, lambda arguments: int(arguments.x))
    assert cli.main(["test", "--x", "7"]) == 7
    monkeypatch.setattr(sys, "argv", ["qmpconf", "test", "--x", "1"])
    assert cli.main() == 1


def test_a_reader_of_our_output_that_goes_away() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = qmpconf_run("schema", "list", stdout=writing)
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


def test_output_to_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = qmpconf_run("schema", "list", stdout=full)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("limit", [5, 6, 7])
def test_too_few_descriptors_to_begin_with(limit: int, tmp_path: Path) -> None:
    words = ["record", "--server", "none", "--listen", "here", "-o", "t.qmptrace"]
    done = subprocess.run(
        [
            "sh",
            "-c",
            f'ulimit -n {limit}; exec "$@"',
            "sh",
            sys.executable,
            "-m",
            "qmpconf",
            *words,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode in (2, 3)
    assert "Too many open files" in done.stderr
    assert "Traceback" not in done.stderr


def without(closed: str, *words: str, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    call = shlex.join([sys.executable, "-m", "qmpconf", *words])
    return subprocess.run(
        ["sh", "-c", f"exec {call} {closed}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


@pytest.mark.parametrize(
    "words", [("schema", "list"), ("--help",), ("requirements",), ("convert", "--list")]
)
def test_output_that_was_closed_is_an_error(words: tuple[str, ...]) -> None:
    done = without(">&-", *words)
    assert done.returncode == 3
    assert done.stderr.endswith(": cannot write the output: Bad file descriptor\n")
    assert "Traceback" not in done.stderr


def test_the_error_is_told_though_the_output_was_closed() -> None:
    done = without(">&-", "show", "/absent")
    assert done.returncode == 3
    assert done.stderr == "qmpconf show: cannot read /absent: No such file or directory\n"


@pytest.mark.parametrize("words", [("report", "-"), ("convert", "-", "--to", "transcript", "-")])
def test_input_that_was_closed_is_an_error(words: tuple[str, ...]) -> None:
    done = without("<&-", *words)
    assert done.returncode == 3
    assert "Bad file descriptor" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    done = without("<&- >&- 2>&-", "demo", "-o", "demo.qmptrace", cwd=str(tmp_path))
    assert done.returncode == 3
    assert (tmp_path / "demo.qmptrace").read_bytes().startswith(b'{"qmptrace":1')
    assert qmpconf_run("show", str(tmp_path / "demo.qmptrace")).returncode == 0


def test_what_a_call_names_steers_no_terminal() -> None:
    for words in [("check", "\x1b[2J"), ("\x1b[2J",), ("check", "--schema", "\x1b[2J", "x")]:
        done = qmpconf_run(*words)
        assert done.returncode in (2, 3)
        assert "\x1b" not in done.stderr
        assert "\\u001B[2J" in done.stderr or "\\x1b[2J" in done.stderr


def test_importing_the_package_costs_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import qmpconf; "
        "print(sorted(set(sys.modules) - before - {'qmpconf', 'qmpconf.version', 'typing'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.strip("[]\n").replace("'", "").split(", "))
    assert not {name for name in loaded if name.startswith(("qmpconf.", "msgspec", "jsonschema"))}


def test_public_names() -> None:
    for name in qmpconf.__all__:
        assert getattr(qmpconf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = qmpconf.nonsense
