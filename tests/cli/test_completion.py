"""``qmpconf completion``: the scripts, tried in the shells that are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from qmpconf.cli.completion import SHELLS
from qmpconf.cli.main import VERBS, main
from qmpconf.schema.store import shipped

#: What bash does for a user who presses the tabulator key behind some words.
_PRESS = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
$(complete -p qmpconf | sed 's/.*-F \\([^ ]*\\).*/\\1/') qmpconf "${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.fixture
def press(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "completion.bash"
    path.write_text(script("bash", capsys))

    def complete(*words: str) -> set[str]:
        call = ["bash", "-c", _PRESS, "bash", str(path), *words]
        done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, check=True)
        return set(done.stdout.split())

    return complete


def test_completes_verbs(press) -> None:
    assert press("qmpconf", "") >= set(VERBS)
    assert press("qmpconf", "rep") >= {"replay"}


def test_completes_options_of_a_verb(press) -> None:
    assert press("qmpconf", "check", "--sch") == {"--schema"}


def test_completes_subverbs(press) -> None:
    assert press("qmpconf", "schema", "au") == {"audit"}


def test_completes_catalogs(press) -> None:
    found = press("qmpconf", "check", "--schema", "qemu-7.2")
    assert found == {one for one in shipped() if one.startswith("qemu-7.2")} >= {"qemu-7.2.22"}


def test_completes_what_a_subverb_takes(press) -> None:
    found = press("qmpconf", "schema", "show", "qemu-7.2")
    assert found >= {"qemu-7.2.22", "qemu-7.2.22-doc"}
    assert "qemu-11.1.3" in press("qmpconf", "schema", "diff", "qemu-10.0.13", "qemu-1")


def test_completes_formats(press) -> None:
    assert press("qmpconf", "report", "--format", "s") == {"sarif"}
    assert press("qmpconf", "report", "--format", "a") == {"all"}


def test_completes_files(press, tmp_path: Path) -> None:
    (tmp_path / "monday.qmptrace").touch()
    assert press("qmpconf", "check", "mon") == {"monday.qmptrace"}


@pytest.mark.parametrize("shell", SHELLS)
def test_is_a_script_of_its_shell(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(script(shell, capsys))
    subprocess.run([shell, "-n", str(path)], check=True)


def test_names_the_shells_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["completion", "csh"])
    assert left.value.code == 2
    assert "bash" in capsys.readouterr().err
