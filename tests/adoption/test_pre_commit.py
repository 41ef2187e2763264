"""The hook, as its users have it: pre-commit clones the repository, installs it, and checks what is committed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from tests.adoption.offline import BAD, GOOD, ROOT, environment


def git(folder: Path, *words: str) -> None:
    name = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    call = ["git", *name, "-C", str(folder), *words]
    subprocess.run(call, check=True, capture_output=True, env=environment())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository that holds this tree, as far as pip and pre-commit need it."""
    folder = tmp_path / "source"
    folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "qmpconf", folder / "qmpconf", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder)
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "build_core.py", folder / ".ci")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


@pytest.mark.whole
def test_what_is_committed_is_checked(tmp_path: Path, source: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    pytest.importorskip("pre_commit")
    work = tmp_path / "work"
    (work / "traces").mkdir(parents=True)
    git(work, "init", "-q", "-b", "main")
    (work / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {source}\n  rev: v1.0.0\n  hooks:\n  - id: qmpconf-check\n"
    )
    (work / "traces/good.qmptrace").write_text(GOOD)
    (work / "notes.txt").write_text("not a trace")
    git(work, "add", "-A")
    git(source, "tag", "v1.0.0")

    def run(*which: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-m", "pre_commit", "run", *(which or ["--all-files"])]
        env = environment(PRE_COMMIT_HOME=str(tmp_path / "home"), PRE_COMMIT_COLOR="never")
        return subprocess.run(call, cwd=work, env=env, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "qmpconf check" in done.stdout
    (work / "traces/bad.qmptrace").write_text(BAD)
    git(work, "add", "-A")
    done = run()
    assert done.returncode == 1
    assert "traces/bad.qmptrace:6: error: schema.arguments: query-status" in done.stdout
    assert "good.qmptrace" not in done.stdout

    # What is known passes, also where only other recordings are committed.
    update = ["check", "-q", "--baseline", str(work / "known.toml"), "--update", str(work)]
    assert main(update) == 0
    with (work / ".pre-commit-config.yaml").open("a") as config:
        config.write("    args: [--baseline, known.toml]\n")
    for which in ([], ["--files", "traces/good.qmptrace"], ["--files", "traces/bad.qmptrace"]):
        done = run(*which)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Passed" in done.stdout
