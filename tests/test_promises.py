"""Every promise names the tests that would fail without it (qmpconf/README.md, Promises)."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
README = (HERE.parent / "qmpconf/README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## Promises\n")[2].partition("\n## ")[0]

#: ``promise | `file.py::test`, ...`` of the table.
ROWS = [
    (found[1].strip(), re.findall(r"`([^`]+)`", found[2]))
    for found in re.finditer(r"^\| (.+?) \| (`\S+\.py::.+) \|$", SECTION, re.MULTILINE)
]


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in tree.body if isinstance(one, functions))


def test_the_table_is_there() -> None:
    assert len(ROWS) > 30
    assert len({promise for promise, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("promise", "named"), ROWS, ids=[promise for promise, _ in ROWS])
def test_a_promise_has_tests(promise: str, named: list[str]) -> None:
    assert named
    for one in named:
        path, _, name = one.partition("::")
        assert name in names_in(HERE / path), f"{promise}: there is no {one}"


#: A span of time by the clock on the wall; deadlines, which only end a wait, are none.
_SPAN = re.compile(r"(?:monotonic|perf_counter|\btime)\(\) - |perf_counter")


def test_no_test_judges_by_the_clock() -> None:
    """Speed is measured by `tests/benchmarks`; a slow machine makes no test fail."""
    measuring = [
        str(path.relative_to(HERE))
        for path in sorted(HERE.rglob("test_*.py"))
        if path != Path(__file__) and _SPAN.search(path.read_text(encoding="utf-8"))
    ]
    assert measuring == []
