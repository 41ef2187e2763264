"""The README's commands are true: each is run, and prints what stands below it.

A ``sh`` block is run with the project's commands on the path; a ``text`` block behind it is its
output.  ``console`` blocks are transcripts of things that a test has no machine for (a libvirt
host); their commands are at least read by their own parser.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from qmpconf.cli.main import VERBS
from tests.testing.test_example import TEST

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: Blocks in order: language, text.
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    (
        text.strip(),
        BLOCKS[at + 1][1] if BLOCKS[at + 1 : at + 2] and BLOCKS[at + 1][0] == "text" else "",
    )
    for at, (language, text) in enumerate(BLOCKS)
    if language == "sh"
]
SETUP, MAIN = COMMANDS[:2], COMMANDS[2:]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a README command where a reader would, with this interpreter's commands first."""
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def normal(text: str) -> list[str]:
    """Lines without what differs from run to run: figures, widths of columns, package versions.

    How many parts of a time differ is a matter of the second in which a replay runs.
    """
    lines = []
    for line in text.splitlines():
        if line.strip().startswith("event-time "):
            continue
        line = re.sub(r"\d[\d.,]*", "#", line)
        line = re.sub(r"[-─]{2,}", "--", line)
        line = re.sub(r"[0-9a-f#]{8,}", "#", line)
        lines.append(re.sub(r"\s+", " ", line).strip())
    return lines


def test_the_first_two_blocks_set_up_and_run_the_demo_and_the_tests() -> None:
    assert [command.count("\n") for command, _ in SETUP] == [0, 0]
    for command, _ in SETUP:
        assert command.startswith("python3.11 -m venv .venv && .venv/bin/pip install -q ")
    assert SETUP[0][0].endswith(" && .venv/bin/qmpconf demo")
    assert " && .venv/bin/pytest" in SETUP[1][0]


def test_the_demo_does_what_the_readme_says(tmp_path: Path) -> None:
    done = run("qmpconf demo", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "qmpconf-demo.qmptrace").exists()
    if SETUP[0][1]:
        assert normal(done.stdout) == normal(SETUP[0][1])


@pytest.mark.real
def test_every_command_prints_what_stands_below_it(tmp_path: Path) -> None:
    """One test for all of them: each builds on the files that the ones before have made."""
    if shutil.which("qemu-system-x86_64") is None or shutil.which("jq") is None:
        if os.environ.get("QMPCONF_REQUIRE_REAL"):
            pytest.fail("qemu-system-x86_64 and jq are required here")
        pytest.skip("no qemu-system-x86_64, or no jq")
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    (tmp_path / "reports").symlink_to(ROOT / "reports")
    for command, expected in MAIN:
        done = run(command, tmp_path)
        if done.returncode == 4 and "the target hangs" in done.stderr:
            # Once in thousands of starts, QEMU 7.2 greets and then says nothing any more.
            done = run(command, tmp_path)
        assert done.returncode in (0, 1), f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        if expected:
            assert normal(done.stdout) == normal(expected), command


@pytest.mark.real
def test_the_jobs_of_ci_do_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own commands are run; those that install things are not."""
    if shutil.which("qemu-system-x86_64") is None:
        if os.environ.get("QMPCONF_REQUIRE_REAL"):
            pytest.fail("qemu-system-x86_64 is required here")
        pytest.skip("no qemu-system-x86_64")
    github, gitlab = (yaml.safe_load(text) for language, text in BLOCKS if language == "yaml")
    jobs = {
        "github": [step.get("run", "") for step in github["jobs"]["qmp"]["steps"]],
        "gitlab": [*gitlab["qmp"]["script"], *gitlab["qmp"]["after_script"]],
    }
    for name, commands in jobs.items():
        folder = tmp_path / name
        (folder / "tests").mkdir(parents=True)
        (folder / "tests" / "client.sh").write_text('echo query-status | qmp-shell "$1"\n')
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
        own = [
            one.removeprefix("venv/bin/")
            for one in commands
            if one.removeprefix("venv/bin/").startswith("qmpconf ")
        ]
        assert [one.split()[1] for one in own] == ["record", "check", "report"]
        record, check, report = own
        assert run(record, folder).returncode == 0
        assert run(check, folder).returncode == 3, "there is no baseline yet"
        update = check.partition(" --result")[0] + " --update-baseline"
        assert f"`{update.replace(' -q', '')}`" in README
        assert run(update, folder).returncode == 0
        assert run(check, folder).returncode == 0
        done = run(report, folder)
        assert done.returncode == 0, done.stderr
        assert (folder / "qmp" / "report.html").exists()
    assert (tmp_path / "github" / "qmp" / "report.sarif").exists()
    assert "qmpconf" in (tmp_path / "github" / "summary.md").read_text()
    assert (tmp_path / "gitlab" / gitlab["qmp"]["artifacts"]["reports"]["junit"]).exists()


def test_the_client_that_is_tested_in_ten_lines_is_one_that_is_tested() -> None:
    assert TEST in [text for language, text in BLOCKS if language == "python"]


def test_every_verb_of_every_transcript_exists() -> None:
    said = [
        shlex.split(line[2:])
        for language, text in BLOCKS
        if language == "console"
        for line in text.splitlines()
        if line.startswith("$ qmpconf ")
    ]
    assert said
    for words in said:
        assert words[1] in VERBS
        helped = run(f"qmpconf {words[1]} --help", ROOT).stdout
        options = {word for word in words if word.startswith("--") and len(word) > 2}
        if words[1] != "schema":
            assert all(option in helped for option in options), words


def test_every_file_that_the_readme_links_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
