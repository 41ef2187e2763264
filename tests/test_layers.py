"""The layer rule: each floor of the package imports only the floors below it."""

from __future__ import annotations

import ast
import subprocess
import sys
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
    "faults",
    "net",
    "monitor",
    "record",
    "replay",
    "conform",
    "explore",
    "report",
    "view",
    "corpus",
    "testing",
    "cli",
]

#: Modules outside the house: these may be imported from everywhere.
GROUND = {
    "qmpconf.closing",
    "qmpconf.errors",
    "qmpconf.files",
    "qmpconf.findings",
    "qmpconf.lists",
    "qmpconf.outputs",
    "qmpconf.packed",
    "qmpconf.parts",
    "qmpconf.text",
    "qmpconf.toml",
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
PURE = ["protocol", "check", "faults"]


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
    for path in [*sorted((ROOT / floor).rglob("*.py")), ROOT / "findings.py"]:
        for line, name in imports_of(path):
            assert name.split(".")[0] not in IMPURE, f"{path}:{line}: {name}"
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert "open" not in calls, f"{path} opens a file"


def test_a_recorder_has_no_monitor_in_its_memory() -> None:
    """There may be hundreds of recorders on a host, and the embedded monitor takes ten megabytes."""
    code = (
        "import sys, qmpconf.cli.record, qmpconf.record.hosts, qmpconf.record.modes\n"
        "print(*(name for name in sys.modules if name.startswith('qmpconf.monitor')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_there_is_one_finding() -> None:
    """Every room makes the same; a type of its own would be judged, grouped and known in its own way."""
    made = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Finding")
    ]
    assert made == ["findings.py: Finding"]


def name_of(path: Path) -> str:
    parts = ("qmpconf", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def for_checkers_alone(path: Path) -> set[int]:
    """The lines of what stands below ``if TYPE_CHECKING``."""
    return {
        inner.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }


def circles(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import themselves over others."""
    found = []
    for start in imports:
        seen: set[str] = set()
        todo = [start]
        while todo:
            new = imports.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        if start in seen:
            found.append(start)
    return found


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["b", "c"]


def test_no_module_imports_itself_over_others() -> None:
    """Also not within a function; what only a type checker reads does not count."""
    paths = {name_of(path): path for path in modules()}
    imports: dict[str, set[str]] = {}
    for name, path in paths.items():
        unread = for_checkers_alone(path)
        found = {one for line, one in imports_of(path) if line not in unread and one in paths}
        packages = {one.rpartition(".")[0] for one in found}  # whose modules they are
        imports[name] = found - packages - {name}
    assert circles(imports) == []


#: The rooms of replay/, and the other rooms that each may know.
ROOMS: dict[str, set[str]] = {
    "play": set(),
    "serve": set(),
    "learn": {"play"},
    "diff": {"play", "learn"},
    "reduce": {"play", "serve"},
}


def test_the_rooms_of_replay_stand_on_a_common_floor() -> None:
    for path in sorted((ROOT / "replay").rglob("*.py")):
        own = path.relative_to(ROOT / "replay").parts[0]
        allowed = ROOMS.get(own, set()) | {own}
        for line, name in imports_of(path):
            room = name.removeprefix("qmpconf.replay.").split(".")[0]
            if name.startswith("qmpconf.replay.") and room in ROOMS:
                assert room in allowed, f"{path}:{line}: {own} must not import {name}"


def test_the_data_of_a_report_knows_no_view() -> None:
    paths = sorted((ROOT / "report" / "results").rglob("*.py"))
    assert paths
    for path in paths:
        for line, name in imports_of(path):
            room = name.removeprefix("qmpconf.report.").split(".")[0]
            if name.startswith("qmpconf.report."):
                assert room == "results", f"{path}:{line}: results must not import {name}"
