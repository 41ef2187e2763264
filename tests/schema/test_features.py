"""Deprecated and unstable parts that a payload uses."""

from __future__ import annotations

from qmpconf.schema.features import Features
from qmpconf.schema.store import load_shipped
from tests.schema.samples import catalog


def used(command: str, arguments: object) -> list[tuple[tuple[str | int, ...], str, str]]:
    sample = catalog()
    found = Features(sample).used(sample.commands[command].arguments, arguments)
    return [(one.path, one.what, one.feature) for one in found]


def test_a_deprecated_value() -> None:
    assert used("paint", {"style": "gilded"}) == [(("style",), "value 'gilded'", "deprecated")]


def test_an_unstable_member_in_a_variant_of_a_variant() -> None:
    arguments = {"style": "striped", "width": "wide", "ratio": 1, "x-old": False}
    assert used("paint", arguments) == [(("x-old",), "member 'x-old'", "unstable")]


def test_what_is_not_used_is_not_told() -> None:
    assert used("paint", {"style": "plain", "colour": "red"}) == []
    assert used("mix", {"what": "a", "names": []}) == []
    assert used("stir", {}) == []


def test_a_payload_that_does_not_fit_is_walked_as_far_as_it_fits() -> None:
    assert used("paint", []) == []
    assert used("paint", {"style": 5, "x-old": 1}) == []
    assert used("mix", {"what": {"parts": [5, {"parts": None}]}, "names": 1}) == []


def test_a_payload_may_nest_deeper_than_python_may_recurse() -> None:
    catalog = load_shipped("qemu-7.2.22")
    node: object = {"driver": "file", "filename": "f", "x-check-cache-dropped": True}
    for _ in range(1000):
        node = {"driver": "raw", "file": node}
    (use,) = Features(catalog).used(catalog.commands["blockdev-add"].arguments, node)
    assert use.path == ("file",) * 1000 + ("x-check-cache-dropped",)
