"""The composite action: its own steps are run with bash, as a runner of GitHub's does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.adoption.offline import BAD, GOOD, ROOT, environment

ACTION = ROOT / ".github/actions/check/action.yml"


class Runner:
    """Runs the steps of an action that are scripts, in `folder`."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.action: dict[str, Any] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
        self.folder = folder
        self.temp = folder / "temp"
        self.temp.mkdir(exist_ok=True)
        self.output, self.summary = folder / "output", folder / "summary.md"
        declared = self.action["inputs"]
        assert set(inputs) <= set(declared)
        self.values = {
            "github.action_path": str(ACTION.parent),
            **{f"inputs.{name}": one.get("default", "") for name, one in declared.items()},
            **{f"inputs.{name}": value for name, value in inputs.items()},
        }
        self.text = ""

    def _value(self, text: str) -> str:
        return re.sub(r"\$\{\{ *([\w.]+) *\}\}", lambda found: self.values[found[1]], str(text))

    def run(self) -> int:
        """The exit code of the first step that fails, or 0."""
        for step in self.action["runs"]["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
                continue
            assert step["shell"] == "bash"
            assert "${{" not in step["run"], "what users say stands in variables alone"
            env = environment(
                RUNNER_TEMP=str(self.temp),
                GITHUB_OUTPUT=str(self.output),
                GITHUB_STEP_SUMMARY=str(self.summary),
                GITHUB_ACTIONS="true",
                **{name: self._value(value) for name, value in step.get("env", {}).items()},
            )
            script = self.temp / "step.sh"
            script.write_text(step["run"])
            call = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
            done = subprocess.run(
                call, cwd=self.folder, env=env, capture_output=True, text=True, check=False
            )
            self.text += done.stdout + done.stderr
            if done.returncode:
                return done.returncode
        return 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checked-out repository, in which the action has installed qmpconf once."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "traces").mkdir()
    (folder / "traces/good.qmptrace").write_text(GOOD)
    (folder / "traces/a bad one.qmptrace").write_text(BAD)
    return folder


@pytest.mark.whole
def test_it_checks_annotates_and_fails(folder: Path) -> None:
    runner = Runner(folder)
    assert runner.run() == 1, runner.text
    assert re.search(r"^::error file=[^ ]*a bad one\.qmptrace,line=6", runner.text, re.MULTILINE), (
        runner.text
    )
    assert "schema.arguments" in runner.summary.read_text()
    result = runner.output.read_text().strip().removeprefix("result=")
    assert Path(result).exists()
    good = Runner(folder, traces="traces/good.qmptrace\n", schema="qemu-7.2.22", strict="true")
    good.action["runs"]["steps"] = good.action["runs"]["steps"][2:]  # it is installed
    assert good.run() == 0, good.text
    wrong = Runner(folder, traces="-x\ntraces", baseline="none.toml")
    wrong.action["runs"]["steps"] = wrong.action["runs"]["steps"][2:]
    assert wrong.run() in (2, 3), wrong.text


def test_its_outputs_are_those_of_its_steps() -> None:
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    ids = {step.get("id") for step in action["runs"]["steps"]}
    for output in action["outputs"].values():
        step, name = re.fullmatch(  # type: ignore[union-attr]
            r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}", output["value"]
        ).groups()
        assert step in ids
        assert f'echo "{name}=' in ACTION.read_text()
