"""Two minutes of fuzzing, with another seed each day; ``QMPCONF_FUZZ_SEED`` names one.

All runs of a day have the same cases, so that a change is not refused for what was there before it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fuzz.harness import case_of, chosen, fuzz
from tests.fuzz.seeds import gather

MINUTES = 2.0


@pytest.mark.timeout(600)
def test_two_minutes_of_changed_inputs_find_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = os.environ.get("QMPCONF_FUZZ_SEED") or datetime.now(UTC).date().isoformat()
    with capsys.disabled():
        print(f"\nfuzzing with QMPCONF_FUZZ_SEED={seed}", flush=True)
    said: list[str] = []
    tally = fuzz(chosen(), gather(tmp_path / "fixed"), seed, MINUTES, say=said.append)
    assert not tally.found, "\n".join(
        [
            *said,
            "again: python -m tests.fuzz --seed SEED --case TARGET:N, with",
            *(f"--seed {seed} --case '{one.number}'" for one in tally.found.values()),
        ]
    )
    assert {target.verb for target in chosen()} == set(tally.cases)


def test_the_same_seed_and_number_give_the_same_case(tmp_path: Path) -> None:
    one, other = gather(tmp_path / "fixed"), gather(tmp_path / "fixed")
    for target in chosen():
        first, second = (case_of(target, "7", 3, seeds) for seeds in (one, other))
        if target.kind != "result":  # results hold the time at which they were made
            assert (first.data, first.words) == (second.data, second.words)
