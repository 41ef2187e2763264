"""Viewers' leftovers are taken away; every line keeps its number."""

from __future__ import annotations

import pytest

from qmpconf.schema.documents.lines import view
from tests.schema.documents import samples

TEXT = 'SQMP\nlamp\n----\n\nArguments:\n\n- "a": x (json-int)\n\n\nEQMP\n.name = "lamp",\nend'


def test_a_file_without_a_viewer_keeps_its_indentation() -> None:
    seen = view("a\n  b  \n\n")
    assert (seen.viewer, seen.indented) == ("", True)
    assert [(one.number, one.text, one.indent) for one in seen.lines[:2]] == [
        (1, "a", 0),
        (2, "  b", 2),
    ]


@pytest.mark.parametrize(
    ("viewer", "damage"), [("bars", samples.barred), ("blame", samples.blamed)]
)
def test_the_lines_are_those_before_the_damage(viewer: str, damage: object) -> None:
    assert callable(damage)
    damaged = damage(TEXT)
    seen = view(damaged)
    assert (seen.viewer, seen.indented) == (viewer, False)
    assert [one.text for one in seen.lines] == TEXT.split("\n")
    rows = damaged.split("\n")
    assert all(one.text in rows[one.number - 1] for one in seen.lines)
    assert all(
        rows[one.number - 1][one.column - 1 :].startswith(one.text)
        for one in seen.lines
        if one.text
    )


def test_what_a_pop_up_says_is_no_line_of_the_file() -> None:
    text = samples.blamed(samples.hx())
    assert "Signed-off-by" in text
    assert not any("Signed-off-by" in one.text for one in view(text).lines)


@pytest.mark.parametrize("columns", [2, 3, 5, 6])
def test_any_number_of_columns(columns: int) -> None:
    rows: list[str] = []
    for line in TEXT.split("\n"):
        rows += ["|"] * (columns - 1) + ([line] if line else []) + ["|"]
    assert [one.text for one in view("\n".join(rows)).lines] == TEXT.split("\n")
