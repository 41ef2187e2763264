"""Property catalogs: their format, their files, and what is in the shipped ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.schema.model import Source
from qmpconf.schema.property_catalog import (
    FORMAT,
    PropertyCatalog,
    beside,
    decode,
    encode,
    load_shipped_properties,
    properties_in,
    properties_with,
    read,
    shipped_properties,
    write,
)
from qmpconf.schema.store import load_shipped

LAMP = {"addr": "int32", "bright": "uint8", "on": "bool"}
SAMPLE = PropertyCatalog(
    "qemu-7.0.0",
    Source("introspection", version="7.0.0", package="sample"),
    {"lamp-pci": LAMP, "lamp-isa": dict(LAMP), "fan": {"speed": "uint16"}},
    {"thread": {"polls": "int"}},
    {"lamp": "lamp-pci"},
)

NAMES = st.text(max_size=8)
PROPERTIES = st.dictionaries(NAMES, NAMES, max_size=4)
SECTIONS = st.dictionaries(NAMES, PROPERTIES, max_size=4)


@settings(deadline=None)
@given(
    st.builds(
        PropertyCatalog,
        NAMES,
        st.builds(Source, st.just("introspection"), version=NAMES, package=NAMES),
        SECTIONS,
        SECTIONS,
        st.dictionaries(NAMES, NAMES, max_size=3),
    )
)
def test_what_is_written_is_read(catalog: PropertyCatalog) -> None:
    data = encode(catalog)
    assert decode(data) == catalog
    assert encode(decode(data)) == data


def test_equal_lists_stand_once() -> None:
    assert len(json.loads(encode(SAMPLE))["lists"]) == 3
    assert encode(SAMPLE).count(b'"bright"') == 1


def test_types_are_found_by_name_and_by_alias() -> None:
    assert SAMPLE.of("lamp") == SAMPLE.of("lamp-pci") == LAMP
    assert SAMPLE.of("thread") == {"polls": "int"}
    assert SAMPLE.of("sofa") is None
    assert SAMPLE.types_by_name["on"] == {"bool"}


BARE = {
    FORMAT: 1,
    "lists": {},
    "source": {"kind": "introspection"},
    "devices": {},
    "objects": {},
}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "is not a property catalog"),
        ({"qmpconf-catalog": 1}, "is not a property catalog"),
        ({FORMAT: 2}, "version 2; this qmpconf reads 1"),
        ({FORMAT: 1}, "lists: damaged catalog"),
        ({FORMAT: 1, "lists": {}, "source": {}}, "source: damaged catalog"),
        ({**BARE, "devices": {"a": "9"}}, "devices: 'a' refers to '9', which is not"),
        ({**BARE, "lists": {"1": {"a": 3}}}, "lists: damaged catalog"),
    ],
)
def test_what_is_no_property_catalog_is_refused(value: object, words: str) -> None:
    with pytest.raises(InputError, match="there: ") as caught:
        decode(json.dumps(value).encode(), "there")
    assert words in str(caught.value)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(InputError, match="there: is not JSON"):
        decode(b"{", "there")


def test_files_stand_beside_those_of_schemas(tmp_path: Path) -> None:
    assert beside(Path("a/mine.json.gz")) == Path("a/mine.properties.json.gz")
    assert beside(Path("mine.json")) == Path("mine.properties.json")
    assert beside(Path("mine")) == Path("mine.properties.json")
    mine = tmp_path / "mine.json.gz"
    assert properties_with(str(mine)) is None
    write(SAMPLE, beside(mine))
    assert properties_with(str(mine)) == SAMPLE
    assert gzip.decompress(beside(mine).read_bytes()) == encode(SAMPLE)
    beside(mine).write_bytes(b"")
    with pytest.raises(InputError, match=r"mine\.properties\.json\.gz"):
        read(beside(mine))


@pytest.mark.parametrize("name", shipped_properties())
def test_shipped_ones_go_with_a_schema(name: str) -> None:
    found, schema = load_shipped_properties(name), load_shipped(name)
    assert found.name == name
    assert (found.source.version, found.source.package) == (
        schema.source.version,
        schema.source.package,
    )
    assert found.of("virtio-net") == found.devices["virtio-net-pci"]
    assert found.devices["virtio-net-pci"]["vectors"] == "uint32"
    assert found.objects["iothread"]["poll-max-ns"] == "int"
    assert properties_with(name) == found
    assert properties_with(f"{name}-doc") is None


def test_properties_in_a_reply() -> None:
    entry = {"name": "on", "type": "bool", "description": "lit or not"}
    assert properties_in([entry, {"name": "odd"}, 7]) == {"on": "bool"}
    assert properties_in({"return": []}) is None
