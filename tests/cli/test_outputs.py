"""Every verb that writes a file refuses to destroy one: exit code 2, before it does anything."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import stat
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main

TRACES = Path(__file__).parents[2] / "traces"
SAMPLE = gzip.decompress((TRACES / "qemu-7.2.22-shell.qmptrace.gz").read_bytes())

#: What each verb is called with; ``OUT`` is where it writes, ``T`` a recording that it reads, and
#: ``never`` a program that must not be started.
WRITING = {
    "check": "check T --result OUT",
    "check, baseline": "check T --baseline OUT --update",
    "replay": "replay T --spawn 'sh never {socket}' --result OUT",
    "replay, its trace": "replay T --spawn 'sh never {socket}' -o OUT",
    "reduce": "reduce T --spawn 'sh never {socket}' -o OUT",
    "conform": "conform --spawn 'sh never {socket}' --result OUT",
    "conform, known": "conform --spawn 'sh never {socket}' --baseline OUT --update",
    "record": "record --spawn 'sh never {socket}' -o OUT -- true",
    "record, a second time": "record --sniff lo --port 1 -o OUT",
    "learn": "learn T T2 -o OUT",
    "two recordings": "diff T T2 --result OUT",
    "coverage": "coverage T -o OUT",
    "convert": "convert T OUT --to transcript",
    "export": "schema export qemu-7.2.22 -o OUT",
    "fetch": "schema fetch --trace T -o OUT",
    "diff": "schema diff qemu-7.2.22 qemu-10.0.13 --result OUT",
    "history": "schema history guest-ping --product qemu-ga -o OUT",
    "agree": "schema agree qemu-7.2.22-doc qemu-7.2.22 -o OUT",
}

#: What may be at the output's place, and must stay.
THERE = {
    "a recording": SAMPLE,
    "a script": b"#!/bin/sh\nexit 1\n",
    "a letter": b"Dear reader,\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("T", "T2"):
        Path(name).write_bytes(SAMPLE)
    Path("never").write_text("touch started\nexit 1\n")
    return tmp_path


@pytest.mark.parametrize("verb", sorted({*WRITING, "redact"} - {"record, a second time"}))
def test_what_is_not_a_file_is_written_to(verb: str, capfd: pytest.CaptureFixture[str]) -> None:
    call = {**WRITING, "redact": "redact T OUT"}[verb]
    code = main(shlex.split(call.replace("OUT", "/dev/null")))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    error = capfd.readouterr().err
    assert Path("started").exists() if "never" in call else code in (0, 1), error


@pytest.mark.parametrize("there", THERE)
@pytest.mark.parametrize("verb", WRITING)
def test_a_file_of_another_kind_stays(
    verb: str, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").write_bytes(THERE[there])
    assert main(shlex.split(WRITING[verb].replace("OUT", "out"))) == 2
    assert "out exists" in capsys.readouterr().err
    assert Path("out").read_bytes() == THERE[there]
    assert not Path("started").exists()


@pytest.mark.parametrize("verb", [one for one in WRITING if re.search(r"\bT\b", WRITING[one])])
def test_an_input_of_the_call_stays_also_with_force(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(WRITING[verb].replace("OUT", "T"))
    assert main([*words, "--force"]) == 2
    assert "would overwrite an input of this call (T)" in capsys.readouterr().err
    assert Path("T").read_bytes() == SAMPLE
    assert not Path("started").exists()


def test_a_report_leaves_its_results_and_strange_files_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "T", "-q", "--result", "report.json"]) in (0, 1)
    result = Path("report.json").read_bytes()
    assert main(["report", "report.json", "--format", "json", "-o", "."]) == 2
    assert "would overwrite an input" in capsys.readouterr().err
    Path("report.html").write_text("mine")
    assert main(["report", "report.json", "--format", "html", "-o", "."]) == 2
    assert "report.html exists" in capsys.readouterr().err
    assert Path("report.json").read_bytes() == result
    assert Path("report.html").read_text() == "mine"
    capsys.readouterr()
    assert main(["report", "report.json", "--format", "html", "-o", "report.json"]) == 2
    assert "-o report.json is a file; name a folder" in capsys.readouterr().err
    assert Path("report.json").read_bytes() == result


@pytest.mark.parametrize("form", ["text", "markdown", "html", "junit", "sarif", "json"])
def test_a_page_replaces_the_page_of_yesterday(form: str) -> None:
    assert main(["check", "T", "-q", "--result", "r"]) in (0, 1)
    for _ in range(2):
        assert main(["report", "r", "-q", "--exit-zero", "--format", form, "-o", "pages"]) == 0


@pytest.mark.parametrize(
    "call",
    [
        "coverage T -o page --schema qemu-7.2.22",
        "coverage T -o page --schema qemu-7.2.22 --format markdown",
        "coverage T -o page --schema qemu-7.2.22 --format json",
        "schema agree qemu-7.2.22-doc qemu-7.2.22 -o page",
        "schema agree qemu-7.2.22-doc qemu-7.2.22 -o page --format markdown",
        "schema agree qemu-7.2.22-doc qemu-7.2.22 -o page --format json",
        "schema export qemu-7.2.22 -o page",
        "schema history guest-ping --product qemu-ga -o page",
        "schema history guest-ping --product qemu-ga -o page --format markdown",
        "schema history guest-ping --product qemu-ga -o page --format json",
        "schema history guest-ping --product qemu-ga -o page --format html",
        "check T --result page",
        "check T --baseline page --update",
    ],
)
def test_what_a_verb_wrote_it_writes_again(call: str) -> None:
    for _ in range(2):
        assert main(shlex.split(call)) in (0, 1)
        if call.endswith("json"):
            assert json.loads(Path("page").read_text())


def test_nothing_selected_is_not_green(capsys: pytest.CaptureFixture[str]) -> None:
    spawn = f"{sys.executable} -m qmpconf serve --listen {{socket}}"
    for call in (
        ["conform", "--list", "-k", "framng.crlf"],
        ["conform", "-q", "--spawn", spawn, "-k", "framng.crlf"],
        ["conform-client", "-k", "nosuch", "--", "true"],
    ):
        assert main(call) == 2, call
        assert "nothing is selected" in capsys.readouterr().err


@pytest.mark.parametrize(
    "call",
    [
        ["check", "NAME"],
        ["show", "NAME"],
        ["stats", "NAME"],
        ["coverage", "NAME"],
        ["check", "T", "NAME"],
        ["convert", "T", "NAME.txt"],
        ["convert", "NAME", "x.txt"],
    ],
)
def test_a_files_name_is_no_command_of_a_ci_job(
    call: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    name = "::error file=x::##[error]it is broken.qmptrace"
    Path(name).write_bytes(SAMPLE)
    main([word.replace("NAME", name) for word in call])
    Path(name).write_bytes(b"no trace")
    main([word.replace("NAME", name) for word in call])
    printed = "".join(capsys.readouterr())
    assert "it is broken" in printed
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    assert "##[" not in printed


def test_a_server_that_is_not_there_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--server", "nobody.sock", "-o", "new", "--", "true"]) == 0
    assert "nobody listens at unix:nobody.sock" in capsys.readouterr().err
