"""Validators that are not part of qmpconf compile the bundles, and agree with `qmpconf check` about messages."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from qmpconf.schema.bundle import build
from qmpconf.schema.store import load_shipped
from tests.schema.bundles import messages as made
from tests.schema.bundles import validators
from tests.schema.bundles.node import lacking
from tests.schema.qapi.sources import GOOD, compiled
from tests.usual import WHOLE, share

#: Introspection, and a document that contradicts itself; a whole run has all that ship.
SOME = validators.catalogs() if WHOLE else ["qemu-11.1.3", "qemu-1.6.2-doc"]


@pytest.fixture(scope="module")
def corpus() -> list[validators.Judged]:
    return [validators.judged(name, 6600) for name in SOME]


@pytest.fixture
def node() -> bool:
    """Skips where JavaScript's validators are not there; ``QMPCONF_REQUIRE_NODE`` makes that a failure."""
    if why := lacking():
        if os.environ.get("QMPCONF_REQUIRE_NODE"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    return True


def agreed(found: dict[str, validators.Compared]) -> None:
    for one in found.values():
        assert one.differences == [], one.validator
        assert set(one.apart) <= {
            "1.0 is not an integer",
            "a member stands twice",
            "integers beyond 2^53",
        }
        assert min(one.accepted, one.rejected) > 9 * sum(one.apart.values())


def test_five_thousand_right_and_wrong_messages_are_judged_alike(
    corpus: list[validators.Judged],
) -> None:
    found = validators.compare(corpus, node=False, every=1 if WHOLE else 50)
    assert set(found) == {"jsonschema-rs", "jsonschema"}
    assert min(found["jsonschema-rs"].accepted, found["jsonschema-rs"].rejected) > 5000
    agreed(found)


def test_validators_in_javascript_judge_them_alike_one_of_them_in_strict_mode(
    node: bool, corpus: list[validators.Judged]
) -> None:
    found = validators.compare(corpus, node=node)
    assert set(found) == {"ajv", "hyperjump", "cfworker"}
    for one in found.values():
        assert min(one.accepted, one.rejected) > 5000
        assert one.definitions == sum(
            len(build(each.catalog, exported=True)["$defs"]) for each in corpus
        )
    agreed(found)


def test_a_validator_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    catalog = load_shipped("qemu-7.2.22")
    some = list(made.messages(catalog, 200))
    taken = made.judged_by_check(catalog, some, tmp_path)
    one = validators.Compared("x")
    one.add(catalog.name, some, taken, validators.Verdicts("x", 1, [not each for each in taken]))
    # What it takes wrongly has no words only where such a thing is in it; what it refuses always has.
    assert len(one.differences) + sum(one.apart.values()) == len(some)
    assert len(one.differences) >= sum(taken) > 90
    assert one.validator in validators.NAMES or "x" in validators.page({}, ["a"], 1)


def test_the_same_messages_are_made_again() -> None:
    catalog = load_shipped("qemu-storage-daemon-7.2.22")
    first, second = (list(made.messages(catalog, 500)) for _ in range(2))
    assert first == second
    kinds = Counter(one.kind for one in first)
    assert min(kinds[kind] for kind in ("arguments", "return", "data")) > 20


@pytest.mark.parametrize("name", share(validators.catalogs(), 9))
def test_what_is_known_is_said_of_every_catalog_that_ships(name: str) -> None:
    catalog = load_shipped(name)
    exported = build(catalog, exported=True)
    assert catalog.source.version in exported["$comment"]
    deprecated = [one for one in catalog.commands.values() if "deprecated" in one.facts.features]
    for one in deprecated:
        assert exported["$defs"][f"command.{one.name}.arguments"]["deprecated"] is True
    # A default is a value that its member takes.
    registry = jsonschema_rs.Registry([(exported["$id"], exported)])
    for place in _schemas({"$defs": exported["$defs"]}):
        if "default" in place:
            reference = {**place}
            if "$ref" in place:
                reference["$ref"] = exported["$id"] + place["$ref"]
            one = jsonschema_rs.Draft202012Validator(reference, registry=registry)
            assert one.is_valid(place["default"]), place


def test_what_a_part_of_a_document_lacks_is_taken() -> None:
    part = build(load_shipped("qemu-2.9-dev-doc"), exported=True)
    assert "it is a part only" in part["$comment"]
    schemas = list(_schemas({"$defs": part["$defs"]}))
    assert not any(
        "additionalProperties" in one or "enum" in one for one in schemas if "if" not in one
    )


def test_a_users_own_catalog_compiles_in_strict_mode(node: bool, tmp_path: Path) -> None:
    found = list(validators.in_javascript(compiled(GOOD), [], tmp_path))
    assert [one.validator for one in found] == ["ajv", "hyperjump", "cfworker"]
    assert {one.definitions for one in found} == {len(build(compiled(GOOD))["$defs"])}


def _schemas(place: Any) -> Any:
    if isinstance(place, dict):
        yield place
        for name, below in place.items():
            if name in {"properties", "$defs"}:
                yield from (one for each in below.values() for one in _schemas(each))
            elif name in {"then", "items", "allOf", "anyOf"}:
                yield from _schemas(below)
    elif isinstance(place, list):
        for below in place:
            yield from _schemas(below)
