"""Places: which types a pointer leads to in a catalog, and what a mask may name."""

from __future__ import annotations

from typing import Any

import pytest

from qmpconf.replay.masks import BUILT_IN, Mask
from qmpconf.replay.places import UNDETERMINED, Lookup, look_up
from qmpconf.schema.store import load_shipped
from tests.schema.samples import catalog

STYLES = frozenset({"plain", "striped", "gilded", "bare"})
CATALOG = catalog()


def kinds(*names: str) -> Lookup:
    return Lookup(frozenset(names))


@pytest.mark.parametrize(
    ("message", "of", "parts", "found"),
    [
        ("reply", "mix", ("return",), kinds("object")),
        ("reply", "mix", ("return", "size"), kinds("int")),
        ("reply", "mix", ("return", "parts"), kinds("array")),
        ("reply", "mix", ("return", "parts", "*", "parts", "*", "size"), kinds("int")),
        ("reply", "mix", ("return", "parts", 0, "size"), kinds("int")),
        ("command", "mix", ("arguments", "what"), kinds("str", "object", "null")),
        ("command", "mix", ("arguments", "what", "size"), kinds("int")),
        ("command", "mix", ("arguments", "names", "*"), kinds("str")),
        ("command", "mix", ("arguments", "*"), kinds("str", "object", "null", "array")),
        ("command", "paint", ("arguments", "style"), Lookup(frozenset({"enum"}), values=STYLES)),
        # a member of a variant, and of a variant of a variant
        ("command", "paint", ("arguments", "layers"), kinds("int")),
        ("command", "paint", ("arguments", "ratio"), kinds("number")),
        ("command", "paint", ("arguments", "x-old"), kinds("bool")),
        ("event", "DRIED", ("data", "colour"), kinds("str")),
        # not determined
        ("reply", "mix", ("return", "extra"), UNDETERMINED),
        ("reply", "mix", ("return", "extra", "x", 1), UNDETERMINED),
        ("reply", "mix", ("return", "*"), UNDETERMINED),
        ("reply", "mix", ("return", "**", "size"), UNDETERMINED),
        ("command", "device_add", ("arguments", "a-property"), UNDETERMINED),
        ("reply", "mix", ("error", "class"), UNDETERMINED),
        ("reply", "mix", ("id",), UNDETERMINED),
        ("event", "DRIED", ("timestamp", "seconds"), UNDETERMINED),
        ("reply", "mix", (), UNDETERMINED),
        # nothing is known of it
        ("reply", "none", ("return",), None),
        ("event", "NONE", ("data",), None),
        ("reply", "DRIED", ("return",), None),
        # no such place; what there is
        (
            "reply",
            "mix",
            ("return", "sise"),
            Lookup(frozenset(), "sise", ("extra", "parts", "size")),
        ),
        ("reply", "mix", ("return", "parts", "x"), Lookup(frozenset(), "x", ("*",))),
        ("reply", "mix", ("return", "size", "x"), Lookup(frozenset(), "x")),
        ("reply", "paint", ("return", "x"), Lookup(frozenset(), "x")),
        ("event", "SPILT", ("data", "x"), Lookup(frozenset(), "x")),
        (
            "command",
            "mix",
            ("arguments", "what", "x"),
            Lookup(frozenset(), "x", ("extra", "parts", "size")),
        ),
    ],
)
def test_where_a_place_leads(message: Any, of: str, parts: Any, found: Lookup | None) -> None:
    assert look_up(CATALOG, message, of, parts) == found


#: The kinds of types that may stand at a masked place.
FITTING = {
    "integer": {"int", "number"},
    "number": {"int", "number"},
    "progress": {"int", "number", "object"},
    "string": {"str"},
    "set": {"array"},
    "optional": {"object"},
    "text": {"str"},
}
#: What the masks speak of is in one of these; `query-cpus` was removed in 6.0.
CATALOGS = [
    load_shipped(name)
    for name in ("qemu-11.1.3", "qemu-7.2.22", "qemu-5.2.0", "qemu-ga-7.2.22-doc")
]
NAMED = [mask for mask in BUILT_IN if mask.message == "reply" and mask.of != "*"]


@pytest.mark.parametrize("mask", NAMED, ids=lambda mask: f"{mask.of}{mask.place}")
def test_a_built_in_mask_names_a_place_of_its_type_that_a_server_has(mask: Mask) -> None:
    parts = mask.place.split("/")[1:]
    found = [look_up(one, "reply", mask.of, parts) for one in CATALOGS]
    seen = [one for one in found if one is not None]
    assert seen, f"no catalog has {mask.of}"
    fitting = [one.kinds for one in seen if one.kinds]
    if "**" in parts or not fitting:  # a document may leave open what is returned
        assert UNDETERMINED in seen
    else:
        assert all(one & FITTING[mask.kind] for one in fitting)
