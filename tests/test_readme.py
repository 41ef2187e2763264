"""The commands of the README and of the pages for users are true: each is run, and prints what stands below it.

A ``sh`` block is run with the project's commands on the path; a ``text`` block behind it is its
output.  ``console`` blocks are transcripts of things that a test has no machine for (a libvirt
host); their commands are at least read by their own parser.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from qmpconf.cli.main import VERBS
from tests.testing.test_example import TEST

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

#: The pages whose commands are run: the README, and what it links to for those who use qmpconf.
PAGES = [
    README,
    *(
        ROOT / "qmpconf" / name / "README.md"
        for name in (
            "record",
            "check",
            "replay",
            "faults",
            "conform",
            "testing",
            "report/views",
            "trace/convert",
            "trace/filter",
            "view",
            "schema",
        )
    ),
]


def blocks(page: Path) -> list[tuple[str, str]]:
    """The blocks of a page in order: language, text."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str, str]]:
    """The commands of a page, and what each is said to print (nothing where that is not said)."""
    found = [*blocks(page), ("", "")]
    return [
        (text.strip(), below if kind == "text" else "")
        for (language, text), (kind, below) in pairwise(found)
        if language == "sh"
    ]


SETUP, MAIN = commands(README)[:2], commands(README)[2:]
#: The page that holds the jobs of CI.
VIEWS = ROOT / "qmpconf/report/views/README.md"
#: What makes the recording that the other pages go on with.
FIRST = next(command for command, _ in MAIN if "-o session.qmptrace" in command)


def run(command: str, folder: Path, *, ours: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a page's command where a reader would, with this interpreter's commands first, or without."""
    own, path = os.path.dirname(sys.executable), os.environ["PATH"].split(os.pathsep)
    path = [own, *path] if ours else [one for one in path if one != own]
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(path)},
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
        line = re.sub(r"\((1 row|\d+ rows)\):", "(# rows):", line)
        line = re.sub(r"\d[\d.,]*", "#", line)
        line = re.sub(r"[-─]{2,}", "--", line)
        line = re.sub(r"[0-9a-f#]{8,}", "#", line)
        lines.append(re.sub(r"\s+", " ", line).strip())
    return lines


def test_the_first_two_blocks_set_up_and_run_the_demo_and_the_tests() -> None:
    assert [command.count("\n") for command, _ in SETUP] == [0, 0]
    assert SETUP[0][0].endswith(" .venv/bin/pip install -q . && .venv/bin/qmpconf demo")
    assert " .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest" in SETUP[1][0]


#: Stands for an interpreter: its version is that of the name, and it writes down who makes an environment.
STUB = """\
#!/bin/sh
case "$1" in
-c) exec {real} -c "import sys; sys.version_info = {version}; $2" ;;
-m) echo "{name}" "$@" >> made ;;
esac
"""


@pytest.mark.parametrize("shell", ["bash -euo pipefail", "sh", "sh -e"])
@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"python3": (3, 11)}, "python3"),
        ({"python3": (3, 13)}, "python3"),
        ({"python3": (3, 9), "python3.12": (3, 12)}, "python3.12"),
        ({"python3.11": (3, 11), "python": (2, 7)}, "python3.11"),
        ({"python": (3, 14)}, "python"),
    ],
    ids=str,
)
def test_they_take_any_python_by_whatever_name(
    there: dict[str, tuple[int, int]], taken: str, shell: str, tmp_path: Path
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, version in there.items():
        stub = folder / name
        stub.write_text(STUB.format(real=sys.executable, version=version, name=name))
        stub.chmod(0o755)
    for command, _ in SETUP:
        begin = command.partition(" && .venv/bin/pip")[0]
        words = [shutil.which("env") or "env", f"PATH={folder}", *shlex.split(shell)]
        words[2] = shutil.which(words[2]) or words[2]
        subprocess.run([*words, "-c", begin], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "made").read_text() == f"{taken} -m venv .venv\n" * 2


def test_the_demo_does_what_the_readme_says_as_it_is_called_there(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    shown = SETUP[0][1]
    done = run(SETUP[0][0].rpartition(" && ")[2], tmp_path, ours=False)
    assert done.returncode == 0, done.stderr
    assert normal(done.stdout) == normal(shown)
    check, replay = re.findall(r"^  (\S*qmpconf .*)$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith(f"  {check}\n  {replay}\n")
    assert check.startswith(".venv/bin/qmpconf check ")
    found = run(check, tmp_path, ours=False)
    assert found.returncode == 1, found.stderr
    assert "member 'instance' is unknown here" in found.stdout
    same = run(replay, tmp_path, ours=False)
    assert same.returncode == 0, same.stderr
    assert "matched: no differences\n" in same.stdout


@pytest.mark.real
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.parent.relative_to(ROOT)))
def test_every_command_of_a_page_prints_what_stands_below_it(page: Path, tmp_path: Path) -> None:
    """Each builds on the files that the ones before have made, and on the README's recording."""
    if shutil.which("qemu-system-x86_64") is None or shutil.which("jq") is None:
        if os.environ.get("QMPCONF_REQUIRE_REAL"):
            pytest.fail("qemu-system-x86_64 and jq are required here")
        pytest.skip("no qemu-system-x86_64, or no jq")
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    (tmp_path / "reports").symlink_to(ROOT / "reports")
    for command, expected in MAIN if page == README else [(FIRST, ""), *commands(page)]:
        done = run(command, tmp_path)
        if done.returncode == 4 and "the target hangs" in done.stderr:
            # Once in thousands of starts, QEMU 7.2 greets and then says nothing any more.
            done = run(command, tmp_path)
        assert done.returncode in (0, 1), f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        if expected:
            assert normal(done.stdout) == normal(expected), command


def test_every_page_is_short_enough_and_found_from_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    for page in PAGES[1:]:
        assert f"]({page.relative_to(ROOT)})" in text
    for verb in VERBS:
        assert f"`{verb}" in text or f"qmpconf {verb}" in text


@pytest.mark.real
def test_the_jobs_of_ci_do_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own commands are run; those that install things are not."""
    if shutil.which("qemu-system-x86_64") is None:
        if os.environ.get("QMPCONF_REQUIRE_REAL"):
            pytest.fail("qemu-system-x86_64 is required here")
        pytest.skip("no qemu-system-x86_64")
    github, gitlab = (
        yaml.safe_load(text) for language, text in blocks(VIEWS) if language == "yaml"
    )
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
        update = check.partition(" --result")[0] + " --update"
        assert f"`{update.replace(' -q', '')}`" in VIEWS.read_text()
        assert run(update, folder).returncode == 0
        assert run(check, folder).returncode == 0
        done = run(report, folder)
        assert done.returncode == 0, done.stderr
        assert (folder / "qmp" / "report.html").exists()
    assert (tmp_path / "github" / "qmp" / "report.sarif").exists()
    assert "qmpconf" in (tmp_path / "github" / "summary.md").read_text()
    assert (tmp_path / "gitlab" / gitlab["qmp"]["artifacts"]["reports"]["junit"]).exists()


def test_the_client_that_is_tested_in_ten_lines_is_one_that_is_tested() -> None:
    for page in (README, ROOT / "qmpconf/testing/README.md"):
        assert TEST in [text for language, text in blocks(page) if language == "python"]


@functools.cache
def help_of(verb: str) -> str:
    """What a verb says of its options."""
    return run(f"qmpconf {verb} --help", ROOT).stdout


def test_every_verb_of_every_transcript_exists() -> None:
    said = [
        shlex.split(line[2:])
        for page in PAGES
        for language, text in blocks(page)
        if language == "console"
        for line in text.splitlines()
        if line.startswith("$ qmpconf ")
    ]
    assert said
    for words in said:
        assert words[1] in VERBS
        helped = help_of(words[1])
        options = {word for word in words if word.startswith("--") and len(word) > 2}
        if words[1] != "schema":
            assert all(option in helped for option in options), words
