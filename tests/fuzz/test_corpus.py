"""What was found once is not there again: each file of the corpus, as it was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.harness import alone
from tests.fuzz.seeds import Seeds, gather

ENTRIES = corpus.entries()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return gather(tmp_path_factory.mktemp("seeds"))


def test_every_file_has_an_entry_and_every_entry_says_how_it_was_mended() -> None:
    files = {path.name for path in corpus.FOLDER.iterdir() if path.name != corpus.LIST}
    assert files == {one.file for one in ENTRIES}
    assert [one.file for one in ENTRIES if not one.mended] == []
    assert sum((corpus.FOLDER / name).stat().st_size for name in files) < 1 << 20


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: Path(one.file).name)
def test_a_fault_of_the_corpus_stays_mended(entry: corpus.Entry, seeds: Seeds) -> None:
    outcome = alone(entry.case(), seeds.fixed)
    assert not outcome.wrong, f"{entry.case().command}: {outcome.wrong}\n{outcome.details}"
