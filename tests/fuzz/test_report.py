"""The page about fuzzing: figures of the runs added up, and whether what they found is mended."""

from __future__ import annotations

from typing import Any

from tests.fuzz.corpus import Entry
from tests.fuzz.report import page


def _run(**other: Any) -> dict[str, Any]:
    return {
        "date": "2026-11-29",
        "seed": "7",
        "minutes": 60.0,
        "jobs": 1,
        "targets": 3,
        "entered": ["text.py:printable"],
        "cases": {"show": 5},
        "codes": {"show 0": 4, "show wrong": 1},
        "found": [],
        **other,
    }


def _row(text: str, first: str) -> list[str]:
    [line] = [one for one in text.splitlines() if one.startswith(f"| {first} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_runs_are_added_up() -> None:
    text = page([_run(), _run(cases={"show": 1000}, codes={"show 3": 1000})], [])
    assert _row(text, "show") == ["show", "1,005", "4", "", "", "1,000", "", "", "1"]


def test_a_fault_is_open_until_the_corpus_says_how_it_was_mended() -> None:
    found = [
        {
            "key": "KeyError a.py:f",
            "wrong": "raises KeyError",
            "times": 2,
            "case": "show trace~trace:1",
        },
        {"key": "prints x show trace", "wrong": "", "times": 1, "case": "show trace~trace:2"},
        {"key": "prints x stats traces", "wrong": "", "times": 1, "case": "stats traces~trace:2"},
    ]
    entry = Entry(
        "f", "show trace~trace", (), False, '"f"', "raises KeyError (KeyError a.py:f)", ""
    )
    text = page([_run(found=found)], [entry])
    assert _row(text, "KeyError a.py:f") == ["KeyError a.py:f", "2", "show", "open"]
    assert _row(text, "prints x") == ["prints x", "2", "show, stats", "open"]
    mended = Entry(
        **{
            name: getattr(entry, name)
            for name in ("file", "target", "words", "old", "name", "fault")
        },
        mended="so",
    )
    assert _row(page([_run(found=found)], [mended]), "KeyError a.py:f")[-1] == "mended"
