"""A catalog as what it has other than another one: nothing is lost, and little is kept."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.schema import store
from qmpconf.schema.diff import diff
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.model import Catalog, Source
from qmpconf.schema.overlay import aligned, applied, difference
from tests.schema.samples import catalog, entries

OVERLAYS = [one for one in store.shipped() if store.source_of(one).architecture]
SECTIONS = ("commands", "events", "types")


def whole(one: Catalog) -> Any:
    return json.loads(store.encode(one))


def renumbered(numbers: dict[str, str], found: list[Any]) -> list[Any]:
    """The same schema by another server, which numbers its types in another way."""

    def new(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: numbers.get(one, one)
                if isinstance(one, str) and key in {"type", "arg-type", "ret-type", "element-type"}
                else new(one)
                for key, one in value.items()
            }
        return [new(one) for one in value] if isinstance(value, list) else value

    return [
        {**new(one), "name": numbers.get(one["name"], one["name"])}
        if one["meta-type"] not in {"command", "event"}
        else new(one)
        for one in found
    ]


MASKED = [one["name"] for one in entries() if one["name"].isdigit()]


@given(st.permutations(MASKED), st.sets(st.integers(0, 30)))
def test_another_server_becomes_an_overlay_and_is_whole_again(
    order: list[str], without: set[int]
) -> None:
    """Types are numbered anew, and some commands and events are not there."""
    named = [one["name"] for one in entries() if one["meta-type"] in {"command", "event"}]
    gone = {name for at, name in enumerate(named) if at in without}
    numbers = {old: f"{int(new) + 1000}" for old, new in zip(MASKED, order, strict=True)}
    kept = [one for one in entries() if one["name"] not in gone]
    base = catalog()
    other = compile_introspection(renumbered(numbers, kept), name="sample-arch")
    other = replace(other, source=replace(other.source, architecture="arch"))
    data = json.loads(store.encode_overlay(other, base))
    back = store.decode(json.dumps(applied(data, whole(base), "it")).encode())
    assert (back.name, back.source) == (other.name, other.source)
    assert back.commands.keys() == other.commands.keys()
    assert diff(back, other) == diff(other, back) == []
    assert len(back.types) == len(other.types)
    if not gone:
        assert not any(data[section] for section in SECTIONS)  # nothing differs but numbers


def test_what_is_equal_has_equal_keys() -> None:
    base = catalog()
    assert aligned(base, base) == base
    assert difference(whole(base), whole(base)) == {"commands": {}, "events": {}, "types": {}}


def test_what_is_lacking_is_null() -> None:
    base = catalog()
    name = min(base.commands)
    commands = {key: one for key, one in base.commands.items() if key != name}
    found = difference(whole(replace(base, commands=commands)), whole(base))
    assert found["commands"] == {name: None}


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_shipped_overlay_is_small_and_what_the_encoder_gives(name: str) -> None:
    data = (Path(store.__file__).parent / "catalogs" / f"{name}{store.SUFFIX}").read_bytes()
    assert len(data) < 5000
    base = store.load_shipped(json.loads(gzip.decompress(data))["base"])
    assert not base.source.architecture
    found = store.load_shipped(name)
    assert store.encode_overlay(found, base) == gzip.decompress(data)
    assert b'"text":' not in gzip.decompress(data)
    assert name.endswith(f"-{found.source.architecture}")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"qmpconf-overlay": 2}, "of a version that this qmpconf does not read"),
        ({"qmpconf-overlay": 1, "commands": {}, "events": {}}, "`types` is missing"),
        (
            {"qmpconf-overlay": 1, "commands": [], "events": {}, "types": {}},
            "`commands` is missing",
        ),
    ],
)
def test_what_is_damaged_is_named(broken: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        applied(broken, whole(catalog()), "it")


def test_an_overlay_alone_is_not_a_catalog(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    source = Source("introspection", architecture="arch")
    path.write_bytes(store.encode_overlay(replace(catalog(), source=source), catalog()))
    with pytest.raises(InputError, match="only names what differs from another catalog"):
        store.read(path)
