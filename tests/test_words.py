"""Plain English in messages and docstrings (CONTRIBUTING.md, Words): the habits that have to be read twice."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import qmpconf

ROOT = Path(qmpconf.__file__).parent

#: What is looked for in a text without line breaks, and what to write instead.
HABITS = {
    r"(?<!there )(?<!here )\b(?:is|are|was|were) no (?!longer|more\b|worse|better|such\b|doubt)"
    r"(?=[a-zA-Z`'\"{])": '"is not a number", and not "is no number"',
    r"\btells? (?:the|of|no|another|so|that|whether)\b(?!.{0,70}\b(?:apart|from|truth)\b)": (
        "a message says or reports, a server emits events, a schema defines: none of them tells"
    ),
    r"\b(?:is|are|was|were|be) told\b(?! to\b)(?!.{0,70}\b(?:apart|from)\b)": (
        "something is said, shown, reported or named, and not told"
    ),
}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Each string literal with its line, an f-string as a whole; what it holds stands as ``{}``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif (
            isinstance(node, ast.Constant) and id(node) not in inner and isinstance(node.value, str)
        ):
            yield node.lineno, node.value


def habits(text: str) -> Iterator[str]:
    """What is wrong in a text, with the words around it."""
    text = " ".join(text.split())
    for habit, advice in HABITS.items():
        for found in re.finditer(habit, text):
            around = text[max(0, found.start() - 30) : found.end() + 30]
            yield f"...{around}...: {advice}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("x is no integer", True),
        ("these are no\n    messages", True),
        ("{} is no {}", True),
        ("there is no member 'x'", False),
        ("it is no longer there", False),
        ("`ended` tells that it ended", True),
        ("another version tells another one", True),
        ("what tells the commands apart from others", False),
        ("each kind is told once", True),
        ("kinds are told apart", False),
        ("the monitor was told to quit", False),
    ],
)
def test_the_habits_are_found(text: str, wrong: bool) -> None:
    assert bool(list(habits(text))) == wrong


#: What stands behind a count: a noun in the plural, perhaps behind a word like *more*.
_MANY = re.compile(
    r" (?:more |other |of (?:its |the )?)?(?!(?:is|was|has|does|as)\b)[a-z-]+[^s\W]s\b"
)


def _counts(node: ast.expr) -> bool:
    """Whether a value is a count: a length, a sum, or what is called one."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("len", "sum")
    name = getattr(node, "attr", getattr(node, "id", ""))
    return name in (
        "count",
        "counts",
        "number",
        "total",
        "left",
        "more",
        "times",
        "dropped",
        "used",
    )


def bare(path: Path) -> Iterator[str]:
    """Counts that would stand before a plural also where they are 1; `qmpconf.text.counted` is for them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for count, behind in itertools.pairwise(node.values):
            if (
                isinstance(count, ast.FormattedValue)
                and isinstance(behind, ast.Constant)
                and _counts(count.value)
                and _MANY.match(str(behind.value))
            ):
                yield f"{path}:{node.lineno}: {ast.unparse(count)}{behind.value}"


def test_one_is_not_followed_by_a_plural() -> None:
    assert not [found for path in sorted(ROOT.rglob("*.py")) for found in bare(path)]


@pytest.mark.parametrize("folder", sorted(one.name for one in ROOT.iterdir() if one.is_dir()))
def test_messages_and_docstrings_are_plain(folder: str) -> None:
    files = [*(ROOT / folder).rglob("*.py"), *(ROOT.glob("*.py") if folder == "cli" else ())]
    found = [
        f"{path.relative_to(ROOT.parent)}:{line}: {what}"
        for path in sorted(files)
        for line, text in texts(path)
        for what in habits(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", sorted(ROOT.rglob("*.md")), ids=lambda one: one.parent.name)
def test_pages_are_plain(page: Path) -> None:
    assert not list(habits(page.read_text(encoding="utf-8")))
