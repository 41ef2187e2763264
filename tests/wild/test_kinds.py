"""Each kind of public report gets its right answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wild.kinds import ANSWERS, KINDS, SAMPLES, Kind, seen, wrong


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.file)
def test_right_answer(kind: Kind, tmp_path: Path) -> None:
    result = seen(kind, tmp_path)
    assert wrong(kind, result) == [], result.told


def test_every_sample_has_an_answer() -> None:
    assert {kind.file for kind in KINDS} == {path.name for path in SAMPLES.iterdir()}
    assert {kind.answer for kind in KINDS} <= set(ANSWERS)


def test_it_helps_in_most() -> None:
    assert sum(kind.answer == "helped" for kind in KINDS) > len(KINDS) / 2
