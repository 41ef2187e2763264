"""The container file: its steps are carried out in a folder that stands for the image's root."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.adoption.offline import GOOD, ROOT, environment

FILE = ROOT / ".ci/Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Each instruction, and what stands behind it."""
    lines = [one for one in FILE.read_text(encoding="utf-8").splitlines() if one and one[0] != "#"]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


@pytest.mark.whole
def test_its_steps_make_an_image_that_works(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "opt").mkdir(parents=True)
    env = environment()
    entry: list[str] = []

    def inside(text: str) -> str:
        """Absolute paths below the image's root."""
        return re.sub(r"(?<![\w.\]])/(?=src|opt|data)", f"{root}/", text)

    for name, rest in instructions():
        if name == "COPY":
            *sources, target = shlex.split(inside(rest))
            for source in sources:
                assert (ROOT / source).exists()
                if (ROOT / source).is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(ROOT / source, target, ignore=ignored)
                else:
                    Path(target).mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / source, target)
        elif name == "RUN":
            subprocess.run(["sh", "-c", inside(rest)], env=env, check=True, capture_output=True)
        elif name == "ENV":
            variable, _, value = inside(rest).partition("=")
            env[variable] = value.replace("$PATH", env["PATH"])
        elif name == "WORKDIR":
            Path(inside(rest)).mkdir(parents=True, exist_ok=True)
        elif name in ("ENTRYPOINT", "CMD"):
            entry += json.loads(rest)
        else:
            assert name in ("ARG", "FROM"), name
    assert not (root / "src").exists()
    (root / "data/s.qmptrace").write_text(GOOD)

    def run(*words: str) -> bytes:
        work = root / "data"
        return subprocess.run(words, cwd=work, env=env, check=True, capture_output=True).stdout

    assert b"qmpconf" in run(*entry)
    assert b"5 messages in 1 session checked: no findings" in run(entry[0], "check", "s.qmptrace")
