"""Calls fit their schema, or are one step beyond it, and never hold what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.conform.instances import Impossible
from qmpconf.explore.bounds import IN_THE_FOLDER, left_out, never
from qmpconf.explore.choosing import Guide
from qmpconf.explore.making import Call, Maker, Wanted
from qmpconf.explore.world import World
from qmpconf.protocol.messages import Event, from_server
from qmpconf.protocol.values import dumps
from qmpconf.schema.model import Catalog
from qmpconf.schema.store import load_shipped
from qmpconf.schema.validator import Validator
from tests.usual import examples

NAMES = ("qemu-5.2.0", "qemu-7.2.22", "qemu-11.1.3", "qemu-storage-daemon-10.0.13")


@lru_cache(4)
def tools(name: str) -> tuple[Catalog, Validator]:
    catalog = load_shipped(name)
    return catalog, Validator(catalog)


def calls(name: str, seed: int, *, beyond: bool, many: int = 20) -> Iterator[Call]:
    catalog, _ = tools(name)
    random = Random(seed)
    world = World()
    guide = Guide(catalog, frozenset(catalog.commands), random)
    maker = Maker(catalog, world, random, Wanted())
    for _ in range(many):
        try:
            yield maker.call(guide.next(world), beyond=beyond)
        except Impossible:
            continue


def fits(name: str, call: Call) -> bool:
    return not tools(name)[1].arguments(call.name, call.arguments)


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_a_valid_call_fits_its_schema(name: str, seed: int) -> None:
    for call in calls(name, seed, beyond=False):
        assert fits(name, call), call


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_a_step_beyond_does_not(name: str, seed: int) -> None:
    for call in calls(name, seed, beyond=True):
        assert not call.beyond or not fits(name, call), call


def members(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from members(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner, name)


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 10**6), st.booleans())
def test_what_touches_the_host_is_never_sent(name: str, seed: int, beyond: bool) -> None:
    for call in calls(name, seed, beyond=beyond):
        assert not left_out(call.name)
        for member, value in members(call.arguments):
            assert not never(member, value), call
            if member in ("filename", "uri", "snapshot-file", "host") and isinstance(value, str):
                assert "/" not in value, call
                assert not value.startswith("exec:"), call


@pytest.mark.parametrize(
    "name", ["quit", "cpr-exec", "getfd", "guest-shutdown", "xen-colo-do-checkpoint"]
)
def test_commands_that_are_left_out(name: str) -> None:
    assert left_out(name)


def test_what_acts_on_the_server_alone_is_not() -> None:
    assert not any(left_out(name) for name in IN_THE_FOLDER)


def test_names_out_of_replies_are_known_and_go() -> None:
    world = World()
    world.answered(
        "query-named-block-nodes", {}, [{"node-name": "disk0"}, {"node-name": "#block7"}]
    )
    world.answered(
        "qom-list", {"path": "/machine"}, [{"name": "unattached", "type": "child<container>"}]
    )
    world.answered("object-add", {"qom-type": "iothread", "id": "io"}, {})
    assert world.of("node") == ["disk0"]
    assert "/machine/unattached" in world.of("path")
    assert world.of("object") == ["io"]
    assert world.focus == ("object", "io")
    world.answered("object-del", {"id": "io"}, {})
    assert world.of("object") == []
    job = {"event": "JOB_STATUS_CHANGE", "data": {"id": "j", "status": "created"}}
    event = from_server(dumps({**job, "timestamp": {"seconds": 1, "microseconds": 0}}))
    assert isinstance(event, Event)
    world.happened(event)
    assert world.of("job") == ["j"]
    world.renew()
    assert world.of("job") == world.of("node") == []


@pytest.mark.parametrize(
    ("place", "holds"),
    [
        ("/arguments/read-only", lambda sent: "read-only" in sent),
        ("/arguments[driver=quorum]", lambda sent: sent.get("driver") == "quorum"),
        ("/arguments/discard=unmap", lambda sent: sent.get("discard") == "unmap"),
    ],
)
def test_what_nothing_has_exercised_is_chosen_more_often(place: str, holds: Any) -> None:
    def times(wanted: Wanted) -> int:
        maker = Maker(tools("qemu-7.2.22")[0], World(), Random(1), wanted)
        return sum(holds(maker.call("blockdev-add").arguments) for _ in range(400))

    assert times(Wanted({"blockdev-add": frozenset({place})})) > 1.4 * times(Wanted())


def test_a_call_that_ended_the_server_is_avoided() -> None:
    catalog, _ = tools("qemu-7.2.22")
    guide = Guide(catalog, frozenset(catalog.commands), Random(1))
    before = sum(guide.next(World()) == "blockdev-add" for _ in range(500))
    guide.spoils("blockdev-add", "")
    assert sum(guide.next(World()) == "blockdev-add" for _ in range(500)) < before / 3
    guide.spoils("device_add", "e1000")
    assert sum(guide.avoids("device_add", "e1000") for _ in range(100)) > 80
    assert not guide.avoids("device_add", "virtio-net-pci")
