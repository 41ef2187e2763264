"""The difference of two catalogs: what breaks a client, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.schema import store
from qmpconf.schema.diff import LEVELS, Change, diff
from qmpconf.schema.model import (
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Source,
    Type,
)
from tests.usual import examples


def catalog(
    types: dict[str, Type] | None = None, *, arguments: str = "", returns: str = ""
) -> Catalog:
    return Catalog(
        "x", Source("introspection"), {"c": Command("c", arguments, returns)}, {}, types or {}
    )


def told(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(one.level, one.what, one.place) for one in changes]


def values(*names: str) -> Enum:
    return Enum(tuple(EnumValue(name) for name in names))


def both(before: Type, after: Type, **types: Type) -> tuple[list[Change], list[Change]]:
    """The changes where the type is sent by the client, and where it is sent by the server."""
    one, other = {"a": before, **types}, {"a": after, **types}
    return (
        diff(catalog(one, arguments="a"), catalog(other, arguments="a")),
        diff(catalog(one, returns="a"), catalog(other, returns="a")),
    )


def test_equal_catalogs_have_no_difference_whatever_their_keys() -> None:
    before: dict[str, Type] = {"A": Object((Member("x", "E"),), name="A"), "E": values("v")}
    after: dict[str, Type] = {"1": Object((Member("x", "2"),)), "2": values("v")}
    assert diff(catalog(before, arguments="A"), catalog(after, arguments="1")) == []


@pytest.mark.parametrize(
    ("before", "after", "sent", "received"),
    [
        # a member came or went
        ([], [Member("x", "int")], "breaks", "compatible"),
        ([], [Member("x", "int", optional=True)], "compatible", "compatible"),
        ([Member("x", "int")], [], "breaks", "breaks"),
        ([Member("x", "int", optional=True)], [], "breaks", "risk"),
        # it can be left out, or no longer
        ([Member("x", "int")], [Member("x", "int", optional=True)], "compatible", "breaks"),
        ([Member("x", "int", optional=True)], [Member("x", "int")], "breaks", "compatible"),
        # its type
        ([Member("x", "int")], [Member("x", "str")], "breaks", "breaks"),
        ([Member("x", "int")], [Member("x", "number")], "compatible", "risk"),
        ([Member("x", "number")], [Member("x", "int")], "breaks", "compatible"),
        ([Member("x", "str")], [Member("x", "E")], "risk", "compatible"),
        ([Member("x", "E")], [Member("x", "str")], "compatible", "risk"),
        ([Member("x", "str")], [Member("x", "L")], "compatible", "risk"),
        ([Member("x", "L")], [Member("x", "str")], "breaks", "compatible"),
        ([Member("x", "any")], [Member("x", "str")], "unknown", "unknown"),
    ],
)
def test_levels_depend_on_who_sends(
    before: list[Member], after: list[Member], sent: str, received: str
) -> None:
    types: dict[str, Type] = {"E": values("v"), "L": Alternate(("str", "null"))}
    client, server = both(
        Object((Member("k", "int"), *before)), Object((Member("k", "int"), *after)), **types
    )
    assert [one.level for one in client] == [sent]
    assert [one.level for one in server] == [received]
    assert client[0].place == "command c/arguments/x"
    assert server[0].place == "command c/return/x"


def test_values() -> None:
    client, server = both(values("a", "b"), values("b", "c"))
    assert told(client) == [
        ("breaks", "removed", "command c/arguments=a"),
        ("compatible", "added", "command c/arguments=c"),
    ]
    assert told(server) == [
        ("risk", "added", "command c/return=c"),
        ("compatible", "removed", "command c/return=a"),
    ]


def test_defaults_matter_where_a_client_leaves_something_out() -> None:
    def defaulting(default: str) -> Object:
        return Object((Member("x", "int", optional=True, default=default),))

    client, server = both(defaulting("0"), defaulting("100"))
    assert told(client) == [("risk", "changed", "command c/arguments/x")]
    assert client[0].message == "the default changed from 0 to 100"
    assert server == []
    assert both(defaulting("'off'"), defaulting("off")) == ([], [])
    assert both(defaulting("1"), defaulting("")) == ([], [])


def test_branches_of_unions() -> None:
    def union(*members: Member) -> dict[str, Type]:
        return {
            "a": Object((Member("t", "E"),), tag="t", variants={"v": "V"}),
            "E": values("v", "w"),
            "V": Object(members),
        }

    before, after = union(Member("x", "int")), union(Member("y", "int"))
    changes = diff(catalog(before, arguments="a"), catalog(after, arguments="a"))
    assert told(changes) == [
        ("breaks", "removed", "command c/arguments[t=v]/x"),
        ("breaks", "added", "command c/arguments[t=v]/y"),
    ]


def test_arrays_and_alternates_are_walked() -> None:
    client, _ = both(
        Array("L"), Array("M"), L=Alternate(("str", "null")), M=Alternate(("str", "int"))
    )
    assert told(client) == [
        ("breaks", "removed", "command c/arguments/*(null)"),
        ("compatible", "added", "command c/arguments/*(int)"),
    ]


def test_nothing_is_an_object_without_members() -> None:
    types: dict[str, Type] = {"O": Object((Member("x", "int"),)), "P": Object()}
    assert told(diff(catalog(types), catalog(types, arguments="O"))) == [
        ("breaks", "added", "command c/arguments/x")
    ]
    assert told(diff(catalog(types, returns="O"), catalog(types))) == [
        ("breaks", "removed", "command c/return/x")
    ]
    assert diff(catalog(types), catalog(types, arguments="P")) == []


def test_commands_and_events_that_came_or_went() -> None:
    gone = Facts(3, features=("deprecated",), condition="IF")
    before = Catalog(
        "b", Source("document"), {"old": Command("old", facts=gone)}, {"OLD": Event("OLD")}, {}
    )
    after = Catalog(
        "a", Source("document"), {"new": Command("new")}, {"NEW": Event("NEW", facts=Facts(9))}, {}
    )
    changes = diff(before, after)
    assert told(changes) == [
        ("breaks", "removed", "command old"),
        ("breaks", "removed", "event OLD"),
        ("compatible", "added", "command new"),
        ("compatible", "added", "event NEW"),
    ]
    assert (changes[0].facts_before.line, changes[0].condition) == (3, "IF")
    assert changes[0].message.endswith("(it was deprecated)")
    assert changes[3].facts_after.line == 9


def test_features() -> None:
    def marked(*features: str) -> Catalog:
        command = Command("c", facts=Facts(features=features))
        other = Command("z", facts=Facts(features=("unstable",)))
        return Catalog("x", Source("introspection"), {"c": command, "z": other}, {}, {})

    assert told(diff(marked(), marked("deprecated"))) == [("deprecated", "deprecated", "command c")]
    assert [one.level for one in diff(marked(), marked("unstable"))] == ["risk"]
    assert [one.level for one in diff(marked("unstable"), marked())] == ["compatible"]
    assert [one.level for one in diff(marked("fdset"), marked())] == ["risk"]
    assert [one.level for one in diff(marked(), marked("fdset"))] == ["compatible"]


def test_a_name_that_says_unstable_needs_no_feature() -> None:
    def named(*features: str) -> Catalog:
        command = Command("x-c", facts=Facts(features=features))
        return Catalog("x", Source("introspection"), {"x-c": command}, {}, {})

    assert diff(named(), named("unstable")) == []


def test_out_of_band_execution_is_only_known_to_servers() -> None:
    def fast(kind: str, allow: bool) -> Catalog:
        source = Source("introspection" if kind == "introspection" else "document")
        return Catalog("x", source, {"c": Command("c", allow_oob=allow)}, {}, {})

    gone = diff(fast("introspection", True), fast("introspection", False))
    assert [one.level for one in gone] == ["breaks"]
    assert diff(fast("introspection", True), fast("document", False)) == []


def test_a_change_inside_a_shared_type_is_told_once() -> None:
    def shared(*names: str) -> Catalog:
        commands = {name: Command(name, "O") for name in ("a", "b", "c")}
        types: dict[str, Type] = {"O": Object((Member("x", "E"),)), "E": values(*names)}
        return Catalog("x", Source("introspection"), commands, {"E": Event("E", "O")}, types)

    changes = diff(shared("v", "w"), shared("v"))
    assert told(changes) == [
        ("breaks", "removed", "command a/arguments/x=w"),
        ("compatible", "removed", "event E/data/x=w"),
    ]
    assert changes[0].also == ("command b", "command c")


def test_an_object_that_one_does_not_describe_is_unknown() -> None:
    client, server = both(Object(open=True), Object((Member("x", "int"),)))
    assert told(client) == [("unknown", "undetermined", "command c/arguments")]
    assert told(server) == [("unknown", "undetermined", "command c/return")]


def test_arguments_that_are_closed_now() -> None:
    before = Object((Member("x", "int"),), open=True)
    client, server = both(before, Object((Member("x", "int"),)))
    assert [one.level for one in client] == ["risk"]
    assert server == []


def test_types_that_hold_themselves_end() -> None:
    client, _ = both(Object((Member("a", "a"),)), Object((Member("a", "a"), Member("b", "int"))))
    assert told(client) == [("breaks", "added", "command c/arguments/b")]


@pytest.mark.parametrize("name", store.shipped())
def test_no_shipped_catalog_differs_from_itself(name: str) -> None:
    found = store.load_shipped(name)
    assert diff(found, found) == []


def test_what_qemu_7_2_took_from_clients_of_5_2() -> None:
    for suffix in ("", "-doc"):
        changes = diff(
            store.load_shipped(f"qemu-5.2.0{suffix}"), store.load_shipped(f"qemu-7.2.22{suffix}")
        )
        broken = {one.place for one in changes if one.level == "breaks"}
        assert {
            "command change",
            "command query-cpus",
            "command query-events",
            "command migrate_set_speed",
            "command migrate_set_downtime",
            "command migrate-set-cache-size",
            "command query-migrate-cache-size",
            "command block_passwd",
            "command object-add/arguments/props",
            "command blockdev-add/arguments/driver=sheepdog",
            "command query-cpus-fast/return/*/arch",
        } <= broken
        assert {one.place for one in changes if one.level == "deprecated"} >= {
            "command drive-backup"
        }


_NAMES = st.sampled_from(["a", "b", "c"])
_KEYS = st.sampled_from(["int", "str", "any", "A", "B", "C"])
_TYPES = st.one_of(
    st.lists(_NAMES, max_size=3, unique=True).map(lambda names: values(*names)),
    _KEYS.map(Array),
    st.lists(_KEYS, min_size=1, max_size=2).map(lambda keys: Alternate(tuple(keys))),
    st.lists(
        st.builds(Member, _NAMES, _KEYS, st.booleans()), max_size=3, unique_by=lambda one: one.name
    ).map(lambda members: Object(tuple(members))),
)
_CATALOGS = st.builds(
    lambda a, b, c, arguments, returns: catalog(
        {"A": a, "B": b, "C": c, "O": Object((Member("o", arguments),))},
        arguments="O",
        returns=returns,
    ),
    _TYPES, _TYPES, _TYPES, _KEYS, _KEYS,
)  # fmt: skip


@settings(max_examples=examples(200), deadline=None)
@given(_CATALOGS, _CATALOGS)
def test_any_two_catalogs(before: Catalog, after: Catalog) -> None:
    changes = diff(before, after)
    assert [LEVELS.index(one.level) for one in changes] == sorted(
        LEVELS.index(one.level) for one in changes
    )
    assert diff(before, before) == []
    assert bool(changes) == bool(diff(after, before))
