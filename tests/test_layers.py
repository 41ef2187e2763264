"""The layer rule: each floor of the package imports only the floors below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import qmpconf

ROOT = Path(qmpconf.__file__).parent

#: From the lowest floor to the highest (qmpconf/README.md, The house).
FLOORS = [
    "protocol",
    "trace",
    "schema",
    "check",
    "net",
    "monitor",
    "record",
    "replay",
    "conform",
    "report",
    "testing",
    "cli",
]

#: Modules outside the house: these may be imported from everywhere.
GROUND = {
    "qmpconf.errors",
    "qmpconf.files",
    "qmpconf.outputs",
    "qmpconf.packed",
    "qmpconf.text",
    "qmpconf.version",
}

#: What the pure layers must not import: sockets, clocks and whatever opens files or processes.
IMPURE = {
    "asyncio",
    "datetime",
    "io",
    "os",
    "pathlib",
    "select",
    "selectors",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
}
PURE = ["protocol", "check"]


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Line and full name of everything that `path` imports, wherever in the file it does so."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found.append((node.lineno, node.module or ""))
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def test_every_folder_is_a_floor() -> None:
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(FLOORS)
    assert {"protocol", "trace", "cli"} <= folders


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_floors_below(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    if len(parts) == 1:
        return  # the package's front doors stand above the house
    own = FLOORS.index(parts[0])
    for line, name in imports_of(path):
        if not name.startswith("qmpconf") or name in GROUND:
            continue
        if any(name.startswith(ground + ".") for ground in GROUND):
            continue
        words = name.split(".")
        if words == ["qmpconf"]:
            assert parts[0] == "cli", f"{path}:{line}: only the command line uses the public API"
            continue
        if words[1] not in FLOORS:
            assert parts[0] == "cli", f"{path}:{line}: {name} is a front door"
            continue
        assert FLOORS.index(words[1]) <= own, f"{path}:{line}: {parts[0]} must not import {name}"


@pytest.mark.parametrize("floor", PURE)
def test_pure_layers_touch_no_socket_file_or_clock(floor: str) -> None:
    for path in sorted((ROOT / floor).rglob("*.py")):
        for line, name in imports_of(path):
            assert name.split(".")[0] not in IMPURE, f"{path}:{line}: {name}"
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert "open" not in calls, f"{path} opens a file"
