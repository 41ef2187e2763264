"""The faults of a room: planted in a copy of the tree by mutmut, chosen by a seed, tested there.

Only mutmut's documented commands and files are relied on where there are some; the rest is in
`_planted`.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.quick import EXAMPLES
from tests.mutation.rooms import AT_IMPORT, Room

ROOT = Path(__file__).parents[2]

#: mutmut's exit codes for a fault that a test saw; a fault that hangs is seen as well.
_KILLED = {1, 3}
_HANGS = {24, -24, 36, 152, 255, -9}

_PLANT = """
from mutmut import __main__ as mutmut
from pathlib import Path
Path("mutants").mkdir()
mutmut.copy_src_dir()
mutmut.copy_also_copy_files()
mutmut.create_mutants(1)
"""


@dataclass(frozen=True)
class Fault:
    """One change of a function; `name` is mutmut's, which another state of the code may not have."""

    name: str
    module: str
    function: str
    was: str
    becomes: str

    @property
    def place(self) -> str:
        """The module's own name and the function's."""
        return f"{self.module.rpartition('.')[2]}.{self.function}"

    @property
    def is_fair(self) -> bool:
        """Whether a test of the room could see it, and should."""
        return not (self.place in AT_IMPORT or _is_prose(self))

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same while other functions change."""
        return (self.module, self.function, self.was, self.becomes)


def prepare(room: Room, folder: Path) -> list[Fault]:
    """Copy the tree to `folder` and plant all faults of `room` there; gives them."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in names.stdout.splitlines():
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    slow = " and ".join(f"not {one}" for one in room.slow)
    options = ["-p", "tests.mutation.quick", "-p", "no:cacheprovider", "-m", "not real"]
    lists = {
        "source_paths": ["qmpconf"],
        "only_mutate": room.modules,
        "also_copy": ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "traces", "reports"],
        "pytest_add_cli_args": [*options, *(["-k", slow] if slow else [])],
        "pytest_add_cli_args_test_selection": room.tests,
    }
    single = {"timeout_multiplier": 5.0, "timeout_constant": 8.0, "use_setproctitle": "false"}
    text = "[mutmut]\n" + "".join(f"{key} = {value}\n" for key, value in single.items())
    for key, values in lists.items():
        text += f"{key} =\n" + "".join(f"    {value}\n" for value in values)
    (folder / "setup.cfg").write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "-c", _PLANT], cwd=folder, check=True, env=_environment())
    return list(_planted(folder))


def sample(faults: list[Fault], size: int, seed: str) -> list[Fault]:
    """`size` of them by chance, the same ones as long as their lines stay as they are.

    Left out is what no test can see, or should: see `AT_IMPORT`, and the wording of texts.
    """

    def lot(fault: Fault) -> bytes:
        return hashlib.sha256("\0".join((seed, *fault.key)).encode()).digest()

    return sorted((one for one in faults if one.is_fair), key=lot)[:size]


def judge(folder: Path, faults: list[Fault]) -> dict[Fault, str]:
    """Run the tests with each fault: "seen", "hangs", "survives", or "no test" calls the function."""
    command = [str(Path(sys.executable).parent / "mutmut"), "run", "--max-children", "1"]
    subprocess.run(
        [*command, *(one.name for one in faults)], cwd=folder, check=True, env=_environment()
    )
    codes: dict[str, int | None] = {}
    for meta in (folder / "mutants" / "qmpconf").rglob("*.meta"):
        codes |= json.loads(meta.read_text())["exit_code_by_key"]
    return {one: _verdict(codes[one.name]) for one in faults}


def _verdict(code: int | None) -> str:
    if code in _KILLED:
        return "seen"
    if code in _HANGS:
        return "hangs"
    if code == 0:
        return "survives"
    return "no test" if code in {5, 33} else f"code {code}"


def _environment() -> dict[str, str]:
    return os.environ | {
        "QMPCONF_TESTS": "whole",
        "HYPOTHESIS_MAX_EXAMPLES": str(EXAMPLES),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPYCACHEPREFIX": "",
    }


def _planted(folder: Path) -> Iterator[Fault]:
    """Read mutmut's own files: for each module its faults, and where their text stands."""
    for meta in sorted((folder / "mutants" / "qmpconf").rglob("*.py.meta")):
        path = meta.with_suffix("")
        lines = path.read_text(encoding="utf-8").splitlines()
        spans = json.loads(path.with_suffix(".py.spans").read_text())["spans"]
        for name in json.loads(meta.read_text())["exit_code_by_key"]:
            mangled = name.rpartition(".")[2]
            original = mangled.partition("__mutmut_")[0]
            texts = []
            for one in (f"{original}__mutmut_orig", mangled):
                start, end = spans[one]
                texts.append([line for line in lines[start - 1 : end] if "__mutmut_" not in line])
            changed = list(difflib.ndiff(*texts))
            yield Fault(
                name,
                ".".join(path.relative_to(folder / "mutants").with_suffix("").parts),
                original.removeprefix("x_").removeprefix("xǁ").replace("ǁ", "."),
                " / ".join(line[2:].strip() for line in changed if line.startswith("- ")),
                " / ".join(line[2:].strip() for line in changed if line.startswith("+ ")),
            )


def _is_prose(fault: Fault) -> bool:
    """Whether only the wording of a text changes: no test should hold that."""
    return _without_prose(fault.was) == _without_prose(fault.becomes)


def _without_prose(line: str) -> list[str]:
    tokens = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            is_prose = token.type == tokenize.STRING and " " in token.string
            tokens.append('" "' if is_prose else token.string)
    except (tokenize.TokenError, IndentationError):
        pass  # one line of several: what was read of it decides
    return tokens
