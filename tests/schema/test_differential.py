"""jsonschema-rs (the yes or no) and jsonschema (the explanation) agree on every shipped catalog."""

from __future__ import annotations

import functools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.schema.store import load_shipped, shipped
from qmpconf.schema.validator import Validator
from tests.schema import samples
from tests.usual import examples


@functools.cache
def validator(name: str) -> Validator:
    return Validator(samples.catalog() if name == "sample" else load_shipped(name))


def payloads(one: Validator) -> list[tuple[str, str]]:
    """(name in $defs, type key) of every payload that holds something."""
    found = [(f"command.{c.name}.arguments", c.arguments) for c in one.catalog.commands.values()]
    found += [(f"command.{c.name}.return", c.returns) for c in one.catalog.commands.values()]
    found += [(f"event.{e.name}.data", e.data) for e in one.catalog.events.values()]
    return [(name, key) for name, key in found if key]


@pytest.mark.parametrize("name", ["sample", *shipped()])
@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), changes=st.integers(0, 3))
def test_both_say_the_same(name: str, seed: int, changes: int) -> None:
    one = validator(name)
    dice = random.Random(seed)
    definition, key = dice.choice(payloads(one))
    value = samples.instance(one.catalog, key, dice)
    for _ in range(changes):
        value = samples.mutate(value, dice)
    quick = list(one.type(definition, value))
    slow = one.explain(definition, value)
    assert quick == slow
    if not changes:
        assert slow == []


@pytest.mark.parametrize("name", ["sample", *shipped()])
def test_a_no_is_always_explained(name: str) -> None:
    """What jsonschema-rs refuses, jsonschema finds a problem in: `type` is never empty-handed."""
    one = validator(name)
    dice = random.Random(7)
    refused = 0
    for definition, key in payloads(one):
        value = samples.mutate(samples.instance(one.catalog, key, dice), dice)
        fast = one.accepts(definition, value)
        assert fast == (one.explain(definition, value) == []), (definition, value)
        refused += not fast
    assert refused
