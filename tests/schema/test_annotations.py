"""The bundle says what the catalog knows: in words of JSON Schema, and in comments that no validator reads."""

from __future__ import annotations

from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.schema.annotations import Annotations
from qmpconf.schema.bundle import build, reference
from qmpconf.schema.model import Member
from tests.schema.qapi.sources import GOOD, compiled
from tests.usual import examples

CATALOG = compiled(GOOD)
PLAIN, FULL = build(CATALOG), build(CATALOG, exported=True)


def test_what_is_known_stands_in_the_bundle() -> None:
    found = FULL["$defs"]
    add = found["command.lamp-add.arguments"]
    assert add["deprecated"]
    assert add["description"].startswith("Add a lamp.")
    assert add["$comment"].startswith(
        "since 2.4; features: deprecated; instead: lamp-set; from qapi/lamps.json:"
    )
    assert FULL["$comment"].startswith("describes qemu")
    assert add["$comment"].endswith("; allow-oob; allow-preconfig")
    assert found["command.lamp-set.arguments"]["$comment"].endswith(
        "coroutine; no success-response"
    )
    colour, identity = (found["LampBase"]["properties"][one] for one in ("colour", "id"))
    assert (colour["default"], colour["$ref"]) == ("white", "#/$defs/Colour")
    assert "since 1.2; from qapi/lamps.json:" in identity["$comment"]
    assert found["LampBright"]["$comment"].startswith("if CONFIG_BRIGHT; ")
    assert found["Colour"]["$comment"].endswith(
        "value '2nd': if CONFIG_SECOND, from qapi/colours.json:9"
    )
    assert "features: dimmed if not CONFIG_PLAIN" in found["Lamp"]["$comment"]
    assert found["Lamp"]["$comment"].endswith("branch 'white': if CONFIG_BRIGHT")


@pytest.mark.parametrize(
    ("kind", "text", "default"),
    [
        ("bool", "on", True),
        ("bool", "'false'", False),
        ("bool", "enabled", True),
        ("int", "0x10", 16),
        ("size", "2 MiB", 2 << 20),
        ("LampRef", "'lamp'", "lamp"),
        ("uint8", "4", 4),
        ("number", "1.5", 1.5),
        ("str", "'pc'", "pc"),
        ("str", "/dev/stderr", "/dev/stderr"),
        ("str", "qcow2", "qcow2"),
        ("Colour", "2nd", "2nd"),
        *((kind, "none", None) for kind in ("bool", "int", "number", "str", "Colour", "LampBase")),
    ],
)
def test_a_default_is_a_value_of_its_type_or_a_comment(kind: str, text: str, default: Any) -> None:
    found = Annotations(CATALOG).of_member(Member("a", kind, default=text))
    assert found == ({"$comment": "default: none"} if default is None else {"default": default})


VALUES = st.recursive(
    st.sampled_from(["white", "2nd", "x", 0, 255, 256, None, True, 1.5]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["colour", "id", "level", "lamp", "names"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@settings(max_examples=examples(200))
@given(st.sampled_from(sorted(FULL["$defs"])), VALUES)
def test_annotations_change_no_verdict(name: str, value: Any) -> None:
    plain = jsonschema.Draft202012Validator({**PLAIN, "$ref": reference(name)})
    full = jsonschema.Draft202012Validator({**FULL, "$ref": reference(name)})
    fast = jsonschema_rs.Draft202012Validator({**FULL, "$ref": reference(name)})
    assert plain.is_valid(value) == full.is_valid(value) == fast.is_valid(value)
