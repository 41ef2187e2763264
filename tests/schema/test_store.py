"""Catalogs as bytes and files: stable, exact, and clear about what is not a catalog."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError, OutputError, UsageError
from qmpconf.protocol.values import loads
from qmpconf.schema import store
from qmpconf.schema.model import (
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Source,
)
from tests.schema.samples import catalog, entries

RICH = Catalog(
    "rich",
    Source("document", version="1.6.2", form="text", title="a document", sha256="00"),
    {"go": Command("go", "t", "str", facts=Facts(12, "1.0", ("unstable",), "defined(X)"))},
    {"GONE": Event("GONE", facts=Facts(line=3))},
    {
        "t": Object((Member("a", "int8", True, "7", Facts(line=13)),), "b", name="T", open=True),
        "b": Object(name="B"),
        "e": Enum((EnumValue("x", Facts(line=9)), EnumValue("y")), "E", open=True),
    },
)


@pytest.mark.parametrize("one", [catalog(), RICH], ids=["introspected", "document"])
def test_bytes_and_back(one: Catalog) -> None:
    data = store.encode(one)
    assert store.decode(data) == one
    assert store.encode(store.decode(data)) == data


def test_order_of_entries_does_not_matter() -> None:
    shuffled = catalog()
    back = Catalog(
        shuffled.name,
        shuffled.source,
        dict(reversed(shuffled.commands.items())),
        dict(reversed(shuffled.events.items())),
        dict(reversed(shuffled.types.items())),
    )
    assert store.encode(back) == store.encode(catalog())


def test_the_format_is_json_one_entry_on_a_line() -> None:
    lines = store.encode(catalog()).decode().splitlines()
    assert json.loads("".join(lines))["qmpconf-catalog"] == 1
    assert sum('"name":"stir"' in line for line in lines) == 1


@pytest.mark.parametrize("name", store.shipped())
def test_shipped_catalogs_are_whole_and_stable(name: str) -> None:
    one = store.load_shipped(name)
    assert one.name == name
    path = Path(store.__file__).parent / "catalogs" / f"{name}.json.gz"
    data = gzip.decompress(path.read_bytes())
    assert data == store.encode(one) or one.source.architecture  # `test_overlay` has these
    assert b'"text":' not in data  # facts only: what a source says to people is not shipped


def test_real_builds_are_shipped() -> None:
    for version in ("5.2.0", "7.2.22", "10.0.13", "11.1.3"):
        for product in ("qemu", "qemu-storage-daemon"):
            assert f"{product}-{version}" in store.shipped()


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    store.write(catalog(), path)
    assert store.read(path) == catalog()
    again = tmp_path / f"again{suffix}"
    store.write(catalog(), again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("wrap", [lambda found: {"return": found, "id": 1}, lambda found: found])
def test_a_raw_reply_is_compiled(tmp_path: Path, wrap: object) -> None:
    path = tmp_path / "reply.json"
    assert callable(wrap)
    path.write_text(json.dumps(wrap(entries())))
    found = store.read(path)
    assert found.name == "reply"
    assert found.commands == catalog().commands


WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"hello", "is not JSON"),
    "binary": (b"\x00\xff\xfe", "is not JSON"),
    "deep": (b"[" * 100_000, "is not JSON"),
    "torn gzip": (gzip.compress(b'{"a": 1}' * 99)[:-9], "damaged gzip"),
    "number": (b"5", "is not a catalog"),
    "other json": (b'{"a": 1}', "is not a catalog"),
    "newer": (b'{"qmpconf-catalog": 2}', "this qmpconf reads 1"),
    "a trace": (b'{"qmptrace":1}', "is a trace"),
    "json schema": (b'{"$schema": "x"}', "is a JSON Schema"),
    "bad reply": (b'{"return": [1]}', "SchemaInfo entry 1: is not an object"),
    "no sections": (b'{"qmpconf-catalog": 1}', "`source` is missing"),
    "bad command": (
        store.encode(RICH).replace(b'"arguments":"t"', b'"arguments":7'),
        "commands: 'go'",
    ),
    "bad kind": (store.encode(RICH).replace(b'"kind":"enum"', b'"kind":"list"'), "types: 'e'"),
    "dangling": (store.encode(RICH).replace(b'"base":"b"', b'"base":"z"'), "refers to 'z'"),
    "made of no object": (
        store.encode(RICH).replace(b'"base":"b"', b'"base":"e"'),
        "is made of 'e', which is not an object",
    ),
    "another name": (
        store.encode(RICH).replace(b'{"name":"go"', b'{"name":"gone"'),
        "commands: 'go': damaged catalog: its name is 'gone'",
    ),
    "endless": (store.encode(RICH).replace(b'"base":"b"', b'"base":"t"'), "variant of itself"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_catalog_is_named(tmp_path: Path, case: str) -> None:
    data, words = WRONG[case]
    path = tmp_path / "file.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        store.read(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)


def test_what_has_no_end_is_no_catalog(tmp_path: Path) -> None:
    bomb = tmp_path / "zeros.json.gz"
    bomb.write_bytes(gzip.compress(bytes(65 << 20)))
    for path in (Path("/dev/zero"), bomb):
        with pytest.raises(InputError, match="is larger than 64 MiB"):
            store.read(path)


@pytest.mark.parametrize("name", [b"\xed\xa0\x80", b"\\uD800", b"\xff"])
def test_text_that_is_none(name: bytes) -> None:
    data = b'{"qmpconf-catalog":1,"name":"' + name + b'"}'
    with pytest.raises(InputError, match="is not JSON"):
        store.decode(data)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            store.read(path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*such\.json: No such file"):
        store.write(catalog(), tmp_path / "no" / "such.json")


def test_load_takes_a_name_or_a_file(tmp_path: Path) -> None:
    store.write(catalog(), tmp_path / "mine")
    assert store.load(str(tmp_path / "mine")) == catalog()
    assert store.load("qemu-7.2.22").name == "qemu-7.2.22"
    with pytest.raises(
        UsageError, match=r"neither a shipped catalog nor a file; did you mean qemu-1.0"
    ):
        store.load("qemu-0.1")
    with pytest.raises(UsageError):
        store.load_shipped("qemu-0.1")


@given(st.binary(max_size=40), st.integers(0, 400))
def test_damage_is_an_input_error_or_a_catalog(noise: bytes, at: int) -> None:
    data = store.encode(RICH)
    damaged = data[: at % len(data)] + noise + data[at % len(data) + len(noise) :]
    try:
        found = store.decode(damaged)
    except InputError:
        return
    assert isinstance(found, Catalog)


@pytest.mark.parametrize("value", [b"9" * 5000, b"[" * 1024 + b"]" * 1024])
def test_a_reply_with_what_has_no_end_is_refused(value: bytes) -> None:
    entries = loads(b'[{"name": "a", "meta-type": "builtin", "json-type": ' + value + b"}]")
    with pytest.raises(InputError, match="here: "):
        store.from_reply(entries, where="here")
