"""The places of a catalog, and which of them a value uses."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.check.universe import Payload, kind_of
from qmpconf.schema.features import Features
from qmpconf.schema.model import Alternate, Array, Catalog, Enum, EnumValue, Member, Object, Source
from qmpconf.schema.store import load_shipped, shipped
from tests.schema.samples import catalog, instance

SAMPLE = catalog()


def payload(command: str, root: str = "/arguments", of: Catalog = SAMPLE) -> Payload:
    known = of.commands[command]
    key = known.arguments if root == "/arguments" else known.returns
    return Payload(of, Features(of), root, key)


def used(one: Payload, value: Any) -> dict[str, int]:
    counts = [0] * len(one.places)
    one.count(value, counts)
    return {place: number for place, number in zip(one.places, counts, strict=True) if number}


def test_places_of_a_union_with_a_union_inside() -> None:
    assert payload("paint").places == [
        "/arguments/style",
        "/arguments/node-name",
        "/arguments[style=plain]",
        "/arguments[style=striped]",
        "/arguments[style=gilded]",
        "/arguments[style=bare]",
        "/arguments[style=plain]/colour",
        "/arguments[style=plain]/layers",
        "/arguments[style=striped]/width",
        "/arguments[style=striped][width=wide]",
        "/arguments[style=striped][width=narrow]",
        "/arguments[style=striped][width=wide]/ratio",
        "/arguments[style=striped][width=wide]/x-old",
    ]


def test_a_type_inside_itself_has_its_places_once_nearest_to_the_top() -> None:
    assert payload("mix").places == [
        "/arguments/what",
        "/arguments/names",
        "/arguments/what(str)",
        "/arguments/what(object)",
        "/arguments/what(null)",
        "/arguments/what(object)/parts",
        "/arguments/what(object)/size",
        "/arguments/what(object)/extra",
    ]
    assert payload("mix", "/return").places == ["/return/parts", "/return/size", "/return/extra"]


def test_what_is_used_inside_itself_counts_there() -> None:
    value = {"what": {"parts": [{"size": 1}, {"parts": [{"size": 2}]}]}, "names": ["a"]}
    assert used(payload("mix"), value) == {
        "/arguments/what": 1,
        "/arguments/names": 1,
        "/arguments/what(object)": 1,
        "/arguments/what(object)/parts": 2,
        "/arguments/what(object)/size": 2,
    }


def test_branches_of_unions_and_alternates() -> None:
    assert used(
        payload("paint"), {"style": "striped", "width": "wide", "ratio": 1, "x-old": True}
    ) == {
        "/arguments/style": 1,
        "/arguments[style=striped]": 1,
        "/arguments[style=striped]/width": 1,
        "/arguments[style=striped][width=wide]": 1,
        "/arguments[style=striped][width=wide]/ratio": 1,
        "/arguments[style=striped][width=wide]/x-old": 1,
    }
    assert "/arguments/what(str)" in used(payload("mix"), {"what": "x"})
    assert "/arguments/what(null)" in used(payload("mix"), {"what": None})


def test_marks_are_those_of_all_above() -> None:
    assert payload("paint").marks == {
        "/arguments[style=gilded]": ("deprecated",),
        "/arguments[style=striped][width=wide]/x-old": ("unstable",),
    }


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.sampled_from(["plain", "striped", "wide", "bare"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["style", "what", "parts", "names", "width", "size", "x"]), inner
            )
        ),
    )
)
def test_what_does_not_fit_is_passed_over(value: Any) -> None:
    for command in SAMPLE.commands:
        for root in ("/arguments", "/return"):
            used(payload(command, root), value)


def test_a_value_as_deep_as_a_server_takes_is_counted() -> None:
    value: dict[str, Any] = {}
    for _ in range(5000):
        value = {"parts": [value]}
    assert used(payload("mix", "/return"), value) == {"/return/parts": 5000}


def test_values_that_fit_use_only_known_places_and_every_member_of_theirs() -> None:
    dice = random.Random(7)
    seen: Counter[str] = Counter()
    one = payload("paint")
    for _ in range(300):
        value = instance(SAMPLE, SAMPLE.commands["paint"].arguments, dice)
        found = used(one, value)
        members = [place for place in found if kind_of(place) == "arguments"]
        assert len(members) == len(value)
        seen.update(found)
    assert set(seen) == set(one.places)  # in the long run, all of them


@pytest.mark.parametrize("name", shipped())
def test_the_places_of_a_real_catalog_are_few_and_each_is_there_once(name: str) -> None:
    known = load_shipped(name)
    features = Features(known)
    total = 0
    for command in known.commands.values():
        for root, key in (("/arguments", command.arguments), ("/return", command.returns)):
            places = Payload(known, features, root, key).places
            assert len(set(places)) == len(places)
            total += len(places)
    assert total < 20_000


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/arguments/driver", "arguments"),
        ("/arguments[driver=a/b]/size", "arguments"),
        ("/arguments/discard=unmap", "values"),
        ("/arguments[driver=file]/aio=native", "values"),
        ("/arguments/names/*=a", "values"),
        ("/arguments[driver=qcow2]", "variants"),
        ("/arguments/what(str)", "variants"),
        ("/return/status=running", "returns"),
        ("/return/*[type=a]", "returns"),
        ("/data/reason=guest", "data"),
    ],
)
def test_kinds(place: str, kind: str) -> None:
    assert kind_of(place) == kind


def test_odd_catalogs_have_an_end() -> None:
    """An array of itself, an alternate of itself, a union that is its own member."""
    types: dict[str, Any] = {
        "a": Array("a"),
        "b": Alternate(("b", "c", "a", "d")),
        "c": Object(members=(Member("c", "c"), Member("b", "b")), tag="t", variants={"x": "c2"}),
        "c2": Object(members=(Member("again", "c"),)),
        "d": Enum((EnumValue("v"), EnumValue("v"))),
    }
    odd = Catalog("odd", Source("introspection"), {}, {}, types)
    for key in types:
        one = Payload(odd, Features(odd), "/return", key)
        assert len(one.places) == len(set(one.places))
        used(one, {"c": {"b": [[]]}, "t": "x", "again": {"b": "v"}})
        used(one, [[["v"]]])
