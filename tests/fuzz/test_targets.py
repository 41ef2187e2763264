"""Every file that any verb reads is fuzzed."""

from __future__ import annotations

from tests.fuzz.mutate import KINDS
from tests.fuzz.seeds import LISTS
from tests.fuzz.targets import BY_NAME, READ_NOTHING, TARGETS, inputs, verbs


def test_every_verb_and_every_file_that_it_reads_has_a_target() -> None:
    assert set(inputs()) - {one.reads for one in TARGETS} == set()
    assert set(verbs()) - {one.verb for one in TARGETS} == set(READ_NOTHING)


def test_no_target_is_of_a_verb_that_is_gone() -> None:
    assert {one.verb for one in TARGETS} <= set(verbs())


def test_targets_have_names_of_their_own_and_kinds_that_can_be_changed() -> None:
    assert len(BY_NAME) == len(TARGETS)
    assert {one.kind for one in TARGETS} <= {*KINDS, *LISTS}
