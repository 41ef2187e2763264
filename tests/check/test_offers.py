"""What counts as an offer: the names of a list, for the use that the list is about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.check import offers
from qmpconf.check.checking import check
from qmpconf.check.choice import Fixed
from qmpconf.check.offers import Offer, Offered, Offers
from qmpconf.protocol.messages import Command, Greeting, from_client, from_server
from qmpconf.schema.store import load
from qmpconf.trace.reader import TraceReader


def command(name: str, arguments: object = None) -> Command:
    sent = from_client(json.dumps({"execute": name, "arguments": arguments or {}}).encode())
    assert isinstance(sent, Command)
    return sent


def heard(name: str, result: Any, arguments: object = None) -> Offered:
    found = Offers().latest
    found.heard(command(name, arguments), result, 7)
    return found


#: A list and its reply, a command that uses a name of it, and where; then one that does not.
USES: list[tuple[str, object, Any, str, dict[str, Any], tuple[str | int, ...], bool]] = [
    (
        "query-migrate-capabilities",
        None,
        [{"capability": "a", "state": True}],
        "migrate-set-capabilities",
        {"capabilities": [{"capability": "b"}, {"capability": "a"}]},
        ("capabilities", 1, "capability"),
        True,
    ),
    ("query-migrate-parameters", None, {"a": 1}, "migrate-set-parameters", {"a": 2}, ("a",), False),
    ("qom-list-types", None, [{"name": "a"}], "object-add", {"qom-type": "a"}, ("qom-type",), True),
    ("qom-list-types", None, [{"name": "a"}], "device_add", {"driver": "a"}, ("driver",), True),
    (
        "device-list-properties",
        {"typename": "d"},
        [{"name": "a", "type": "str"}],
        "device_add",
        {"driver": "d", "a": 1},
        ("a",),
        False,
    ),
    (
        "qom-list-properties",
        {"typename": "t"},
        [{"name": "a"}],
        "object-add",
        {"qom-type": "t", "a": 1},
        ("a",),
        False,
    ),
    (
        "query-command-line-options",
        None,
        [{"option": "chardev", "parameters": [{"name": "a"}]}, {"option": "x"}, 5],
        "chardev-add",
        {"id": "c", "backend": {"type": "socket", "data": {"a": 1}}},
        ("backend", "data", "a"),
        False,
    ),
    (
        "query-chardev-backends",
        None,
        [{"name": "a"}],
        "chardev-add",
        {"id": "c", "backend": {"type": "a"}},
        ("backend", "type"),
        True,
    ),
    (
        "query-dump-guest-memory-capability",
        None,
        {"formats": ["a"]},
        "dump-guest-memory",
        {"format": "a"},
        ("format",),
        True,
    ),
    (
        "query-stats-schemas",
        None,
        [{"provider": "a", "target": "vm", "stats": []}],
        "query-stats",
        {"providers": [{"provider": "a"}]},
        ("providers", 0, "provider"),
        True,
    ),
]


@pytest.mark.parametrize("case", USES, ids=[f"{one[0]} {one[3]}" for one in USES])
def test_a_list_offers_its_names_for_what_it_is_about(case: Any) -> None:
    name, asked, result, user, arguments, path, is_value = case
    found = heard(name, result, asked)
    use = command(user, arguments)
    find = found.value if is_value else found.member
    assert find(use, path) == Offer(name, 7)
    assert heard(name, {"x": result}, asked).value(use, path) is None
    assert heard("query-status", result, asked).value(use, path) is None
    other = command("other", arguments)
    assert (found.value if is_value else found.member)(other, path) is None


def test_properties_are_those_of_the_type_that_was_asked_for() -> None:
    found = heard("device-list-properties", [{"name": "a"}], {"typename": "d"})
    assert found.member(command("device_add", {"driver": "e", "a": 1}), ("a",)) is None
    assert found.member(command("device_add", {"driver": ["d"], "a": 1}), ("a",)) is None


def test_a_list_of_commands_counts_more_than_the_schema() -> None:
    schema = [{"meta-type": "command", "name": "a"}, {"meta-type": "event", "name": "b"}]
    found = heard("query-qmp-schema", schema)
    assert found.command("a") == Offer("query-qmp-schema", 7, whole=True)
    assert found.command("b") is None
    assert found.schema_line == 7
    found.heard(command("query-commands"), [{"name": "a"}], 9)
    assert found.command("a") == Offer("query-commands", 9)
    found.heard(command("query-qmp-schema"), schema, 11)
    assert found.command("a") == Offer("query-commands", 9)
    assert found.schema_line == 7


def greeting(micro: int, capability: str) -> Greeting:
    version = {"qemu": {"major": 7, "minor": 2, "micro": micro}, "package": ""}
    said = {"QMP": {"version": version, "capabilities": [capability]}}
    found = from_server(json.dumps(said).encode())
    assert isinstance(found, Greeting)
    return found


def test_servers_of_one_version_offer_together_and_others_apart() -> None:
    every = Offers()
    before = every.latest
    first = every.greeted(greeting(1, "oob"), 3)
    assert every.greeted(greeting(2, "x"), 5) is not first
    assert every.greeted(greeting(1, "y"), 7) is first is every.latest
    assert first is not before
    for name, line in (("oob", 3), ("y", 7)):
        use = command("qmp_capabilities", {"enable": [name]})
        assert first.value(use, ("enable", 0)) == Offer("the greeting", line)
    assert first.value(command("qmp_capabilities", {"enable": ["x"]}), ("enable", 0)) is None


def test_there_is_an_end_to_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "MOST_NAMES", 5)
    found = heard("query-commands", [{"name": f"c{number}"} for number in range(10)])
    assert found.command("c4")
    assert not found.command("c5")
    assert not heard("query-commands", [{"name": "c" * 300}]).command("c" * 300)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "capability", "formats", "option", "parameters", "x", "type"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(offers._LISTS)), JSON, st.dictionaries(st.just("typename"), JSON))
def test_a_reply_of_any_shape_is_heard(name: str, result: Any, asked: Any) -> None:
    heard(name, result, asked)


@pytest.mark.parametrize("kind", ["wrong", "rich", "libvirt"])
def test_when_a_reply_is_read_changes_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies are kept until somebody asks for a name, as many as there is room for."""
    trace = f"traces/qemu-11.1.3-{kind}.qmptrace.gz"
    found = []
    for room in (0, 5000, 1 << 20):
        monkeypatch.setattr("qmpconf.check.offers._ROOM", room)
        groups = check(TraceReader(trace), Fixed(load("qemu-7.2.22"))).groups
        found.append([(group.first, group.count) for group in groups])
    assert found[0] == found[1] == found[2] != []
