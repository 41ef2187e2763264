"""What was done and what queries say: contradictions are found, and what may have another reason is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from qmpconf.explore.claims import SHOWN, Broken, Claims
from qmpconf.protocol.messages import Command, Event, Failure, Success, from_client, from_server
from qmpconf.protocol.values import dumps
from qmpconf.schema.store import load_shipped

OK: dict[str, Any] = {}
NO = None


def broken(*steps: tuple[str, Mapping[str, Any], Any]) -> list[Broken]:
    """The contradictions in a session: (command or EVENT, arguments or data, result; NO: refused)."""
    claims = Claims()
    found: list[Broken] = []
    for line, (name, given, result) in enumerate(steps, 1):
        if name.isupper():
            stamp = {"seconds": 1, "microseconds": 0}
            event = from_server(dumps({"event": name, "data": dict(given), "timestamp": stamp}))
            assert isinstance(event, Event)
            claims.happened(event)
            continue
        command = from_client(dumps({"execute": name, "arguments": dict(given)}))
        refusal = {"error": {"class": "GenericError", "desc": "no"}}
        answer = from_server(dumps(refusal if result is NO else {"return": result}))
        assert isinstance(command, Command)
        assert isinstance(answer, Success | Failure)
        found += claims.answered(command, answer, line)
    return found


NODE = {"node-name": "n1", "driver": "null-co"}
NODES = "query-named-block-nodes"
PERIPHERAL = {"path": "/machine/peripheral"}


@pytest.mark.parametrize(
    ("steps", "since"),
    [
        ([("blockdev-add", NODE, OK), (NODES, {}, [])], 1),
        (
            [
                ("blockdev-add", NODE, OK),
                ("blockdev-del", {"node-name": "n1"}, OK),
                (NODES, {}, [{"node-name": "n1"}]),
            ],
            2,
        ),
        ([("blockdev-add", NODE, NO), (NODES, {}, [{"node-name": "n1"}])], 1),
        (
            [
                ("object-add", {"qom-type": "iothread", "id": "o"}, OK),
                ("qom-list", {"path": "/objects"}, []),
            ],
            1,
        ),
        ([("device_add", {"driver": "e1000", "id": "d"}, OK), ("qom-list", PERIPHERAL, [])], 1),
        ([("stop", {}, OK), ("query-status", {}, {"running": True, "status": "running"})], 1),
        (
            [
                ("migrate-set-parameters", {"max-bandwidth": 5}, OK),
                ("query-migrate-parameters", {}, {"max-bandwidth": 6}),
            ],
            1,
        ),
        (
            [
                ("migrate-set-parameters", {"direct-io": True}, OK),
                ("query-migrate-parameters", {}, {"direct-io": False}),
            ],
            1,
        ),
        ([("job-dismiss", {"id": "j"}, OK), ("query-jobs", {}, [{"id": "j"}])], 1),
    ],
)
def test_a_contradiction(steps: list[tuple[str, Mapping[str, Any], Any]], since: int) -> None:
    (found,) = broken(*steps)
    assert (found.since, found.line) == (since, len(steps))


@pytest.mark.parametrize(
    "steps",
    [
        [("blockdev-add", NODE, OK), (NODES, {}, [{"node-name": "n1"}])],
        # A refusal proves nothing of a name that was there before.
        [
            (NODES, {}, [{"node-name": "n1"}]),
            ("blockdev-add", NODE, NO),
            (NODES, {}, [{"node-name": "n1"}]),
        ],
        # The name may have been used for a node inside of another one.
        [
            ("blockdev-add", NODE, NO),
            ("blockdev-add", {"node-name": "n2", "driver": "raw", "file": NODE}, OK),
            (NODES, {}, [{"node-name": "n1"}, {"node-name": "n2"}]),
        ],
        # A device goes in its own time, and may go by itself.
        [
            ("device_add", {"driver": "e1000", "id": "d"}, OK),
            ("device_del", {"id": "d"}, OK),
            ("qom-list", PERIPHERAL, [{"name": "d", "type": "child<e1000>"}]),
            ("DEVICE_DELETED", {"device": "d", "path": "/machine/peripheral/d"}, OK),
            ("qom-list", PERIPHERAL, []),
        ],
        [
            ("object-add", {"qom-type": "iothread", "id": "o"}, OK),
            ("qom-list", {"path": "/machine"}, []),
        ],
        [
            ("stop", {}, OK),
            ("cont", {}, OK),
            ("query-status", {}, {"running": True, "status": "running"}),
        ],
        # A number of 64 bits without a sign.
        [
            ("migrate-set-parameters", {"max-bandwidth": -1}, OK),
            ("query-migrate-parameters", {}, {"max-bandwidth": 2**64 - 1}),
        ],
        [
            ("migrate-set-parameters", {"max-bandwidth": 5}, OK),
            ("migrate-set-parameters", {"max-bandwidth": 6}, NO),
            ("query-migrate-parameters", {}, {"max-bandwidth": 6}),
        ],
        [
            ("block-export-add", {"id": "e"}, OK),
            ("nbd-server-stop", {}, OK),
            ("query-block-exports", {}, []),
        ],
    ],
)
def test_nothing_is_claimed_that_may_have_another_reason(
    steps: list[tuple[str, Mapping[str, Any], Any]],
) -> None:
    assert broken(*steps) == []


def test_what_shows_a_command_is_a_query_that_servers_have() -> None:
    known = load_shipped("qemu-11.1.3").commands
    assert {name for one, (name, _) in SHOWN.items() for name in (one, name)} <= known.keys()
