"""Conditions: their text, and what follows from what is known."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.schema.conditions import (
    Condition,
    Settings,
    from_preprocessor,
    name,
    negated,
    parsed,
    together,
)
from tests.usual import examples

NAMES = ("A", "B", "C")
CONDITIONS = st.recursive(
    st.sampled_from(NAMES).map(name),
    lambda inner: (
        inner.map(negated)
        | st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(
            lambda one: together(*one)
        )
    ),
    max_leaves=6,
)


def value(one: Condition, build: dict[str, bool]) -> bool:
    """Whether the condition holds in a build of which everything is known."""
    if one.kind == "name":
        return build[one.name]
    values = [value(part, build) for part in one.parts]
    return {"not": not values[0], "and": all(values), "or": any(values)}[one.kind]


@settings(max_examples=examples(200))
@given(CONDITIONS, st.dictionaries(st.sampled_from(NAMES), st.booleans()), st.booleans())
def test_what_is_written_is_read_and_nothing_is_concluded_that_need_not_be(
    one: Condition, known: dict[str, bool], held: bool
) -> None:
    assert parsed(str(one)) is not None
    assert str(parsed(str(one))) == str(one)
    every = [dict(zip(NAMES, found, strict=True)) for found in product([False, True], repeat=3)]
    builds = [build for build in every if known.items() <= build.items()]
    found = Settings(known).holds(str(one))
    assert found is None or {value(one, build) for build in builds} == {found}
    if len(known) == len(NAMES):
        assert found is not None
    # What is learned holds in all builds that fit what was seen.
    seen = [build for build in builds if value(one, build) == held]
    learned = Settings(known)
    learned.learn(str(one), held=held)
    if not seen:
        return
    assert not learned.contradictory
    for setting, defined in learned.known.items():
        assert all(build[setting] == defined for build in seen if setting in NAMES)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("defined(A)", "A"),
        ("defined A && !defined(B)", "A and not B"),
        ("defined(A) || defined(B) && defined(C)", "A or (B and C)"),
        ("!(defined(A) || defined(B))", "not (A or B)"),
        ("QEMU > 2", "`QEMU > 2`"),
        ("defined(A) &&", "`defined(A) &&`"),
    ],
)
def test_the_preprocessors_language(text: str, condition: str) -> None:
    assert str(from_preprocessor(text)) == condition
    assert str(parsed(condition)) == condition


@pytest.mark.parametrize(
    "text", ["", "A B", "(A", "A and", "not", "A && B", "only if built", "(" * 99]
)
def test_another_form_says_nothing(text: str) -> None:
    assert parsed(text) is None
    assert Settings({"A": True}).holds(text) is None


def test_what_is_seen_both_ways_is_contradictory() -> None:
    found = Settings()
    found.learn("A and B", held=True)
    found.learn("A or C", held=False)
    assert found.known == {"A": True, "B": True}
    assert list(found.contradictory) == ["A or C"]
