"""The history of places, over catalogs of our own and over those that ship."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import pytest

from qmpconf.schema.history import History, grouped
from qmpconf.schema.model import (
    NO_FACTS,
    Array,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Facts,
    Member,
    Object,
    Source,
    Type,
)
from qmpconf.schema.select import of_product
from qmpconf.schema.store import load_shipped
from qmpconf.schema.walk import reachable


def catalog(
    version: str,
    types: dict[str, Type] | None = None,
    *,
    kind: str = "introspection",
    facts: Facts = NO_FACTS,
    key: str = "",
) -> Catalog:
    assert kind in {"introspection", "document", "qapi"}
    source = Source(kind, version=version)  # type: ignore[arg-type]
    return Catalog(f"q-{version}", source, {"c": Command("c", key, facts=facts)}, {}, types or {})


@functools.cache
def shipped() -> History:
    return History([load_shipped(name) for name in of_product("qemu")])


def words(history: History, place: str) -> list[str]:
    name, slash, rest = place.partition("/")
    found, lost = history.follow(history.entry("command", name), slash + rest)
    assert lost == ""
    return [f"{one.what} {one.when}" for one in found.changes]


def test_releases_stand_in_their_order_and_what_was_to_become_one_before_it() -> None:
    versions = ["10.0.1", "2.9.0", "2.9-dev", "2.8.92", "7.2.22", "7.2.0", "10.0.1", "nonsense"]
    found = grouped([catalog(one) for one in versions])
    labels = [(one.release.label, len(one.catalogs)) for one in found]
    assert labels == [
        ("0.0", 1),
        ("2.9-dev", 1),
        ("2.9-rc2", 1),
        ("2.9", 1),
        ("7.2.0", 1),
        ("7.2.22", 1),
        ("10.0", 2),
    ]
    numbers = [one.release.number for one in found]
    assert numbers == sorted(numbers)
    assert numbers[3] - numbers[2] == 0.5


@pytest.mark.parametrize("kind", ["document", "qapi"])
def test_of_one_release_the_server_counts_and_the_manual_says_more(kind: str) -> None:
    old: dict[str, Type] = {"A": Object((Member("a", "int"),))}
    new: dict[str, Type] = {
        "A": Object((Member("a", "int"), Member("b", "int", facts=Facts(since="8.1"))))
    }
    history = History(
        [
            catalog("7.2.0", old, key="A"),
            catalog("9.0.0", new, key="A", kind=kind),
            catalog("9.0.0", old, key="A"),
        ]
    )
    rows = {row.place.step: row.place for row in history.rows(history.entry("command", "c"))}
    assert "".join(rows["/b"].states) == "?m"
    assert [one.when for one in rows["/b"].changes] == ["in 8.1"]
    assert "".join(rows["/a"].states) == "++"


def test_what_builds_lack_is_as_old_as_documents_say() -> None:
    facts = Facts(since="2.5")
    manual = catalog("9.0.0", kind="document", facts=facts)
    others = [
        replace(catalog(one), commands={"d": Command("d")}) for one in ("2.9.0", "9.0.0", "9.1.0")
    ]
    found = History([*others, manual]).entry("command", "c")
    assert "".join(found.states) == "?m?"
    assert [(one.what, one.when) for one in found.changes] == [("came", "in 2.5")]


def test_a_type_inside_of_itself_has_its_places_once_and_can_be_followed_all_the_same() -> None:
    types: dict[str, Type] = {
        "A": Object((Member("parts", "L"), Member("twin", "A"))),
        "L": Array("A"),
    }
    history = History([catalog("7.2.0", types, key="A"), catalog("8.0.0", types, key="A")])
    entry = history.entry("command", "c")
    rows = list(history.rows(entry))
    assert [(row.place.path, row.again) for row in rows[1:]] == [
        ("command c/arguments", ""),
        ("command c/arguments/parts", "command c/arguments"),
        ("command c/arguments/twin", "command c/arguments"),
    ]
    for path in ("/arguments/parts/*/parts/*/twin", "/arguments/parts/parts/twin"):
        found, lost = history.follow(entry, path)
        assert (found.path, lost) == ("command c/arguments/parts/*/parts/*/twin", "")
    found, lost = history.follow(entry, "/arguments/part")
    assert (found.path, lost) == ("command c/arguments", "/part")


def test_deprecation_is_seen_where_one_catalog_of_the_release_marks_it() -> None:
    marked = Facts(features=("deprecated",), instead=("d",))
    other: dict[str, Type] = {"E": Enum((EnumValue("v", marked),))}
    history = History(
        [
            catalog("7.2.0", other, facts=NO_FACTS),
            catalog("8.0.0", other),
            catalog("8.0.0", other, kind="document", facts=marked),
            catalog("8.1.0", other, facts=marked),
        ]
    )
    found = history.entry("command", "c")
    assert "".join(found.states) == "+DD"
    # 7.2 marks no command at all, and so does not say that this one was not deprecated.
    assert [(one.what, one.when) for one in found.changes][1] == ("deprecated", "in 8.0 or before")
    assert found.instead == ("d",)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("block_resize", ["came in 0.14"]),
        ("change", ["came in 0.14", "deprecated in 5.2 or before", "went between 5.2 and 7.2"]),
        (
            "migrate/arguments/blk",
            ["came in 1.0-dev or before", "deprecated in 8.2", "went in 9.1"],
        ),
        ("migrate/arguments/channels/addr[transport=rdma]/host", None),
        ("query-block/return/inserted/file", None),
    ],
)
def test_what_is_known_of_releases_that_ship(place: str, found: list[str] | None) -> None:
    """In bounds that hold as well with more catalogs, where these only draw them closer."""
    told = words(shipped(), place)
    assert told
    if found is not None:
        assert [one.split()[0] for one in told] == [one.split()[0] for one in found]
        assert told[0] == found[0] or "or before" in found[0]


def test_every_member_and_value_of_every_catalog_has_its_place() -> None:
    history = shipped()
    newest = history.groups[-1].catalogs[-1]
    number = sum(len(one.catalogs) for one in history.groups) - 1
    for name in ("blockdev-add", "migrate-set-parameters", "query-block"):
        command = newest.commands[name]
        rows = list(history.rows(history.entry("command", name)))
        here = {
            row.place.cells[number].key for row in rows if row.place.cells[number].known == "yes"
        }
        values = {row.place.step.rpartition("=")[2] for row in rows if row.place.kind == "value"}
        for key in itertools.chain(
            reachable(newest, command.arguments), reachable(newest, command.returns)
        ):
            found = newest.types.get(key)
            if isinstance(found, Enum):
                assert {one.name for one in found.values} <= values
            if isinstance(found, Object):
                assert {one.type for one in found.members} <= here
