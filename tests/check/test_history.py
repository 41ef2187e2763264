"""Which releases have what another lacks, and what their manuals say to use instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpconf.check.history import History, Others, Told
from qmpconf.protocol.messages import Command, from_client
from qmpconf.schema.store import load_shipped
from qmpconf.schema.validator import Validator


def sent(name: str, arguments: dict[str, Any]) -> Command:
    found = from_client(json.dumps({"execute": name, "arguments": arguments}).encode())
    assert isinstance(found, Command)
    return found


def told(catalog: str, name: str, arguments: dict[str, Any]) -> Told:
    loaded = load_shipped(catalog)
    command = sent(name, arguments)
    problems = Validator(loaded).arguments(name, arguments) if name in loaded.commands else [None]
    return History(Others(loaded)).tell(command, problems[0])


STREAM = {"type": "stream", "id": "n", "addr": {"type": "unix", "path": "x"}}


@pytest.mark.parametrize(
    ("catalog", "name", "arguments", "elsewhere", "instead"),
    [
        (
            "qemu-11.1.3",
            "change",
            {"device": "cd", "target": "x"},
            "known in qemu-5.2.0 (deprecated), not in qemu-6.0.0",
            "blockdev-change-medium",
        ),
        (
            "qemu-11.1.3",
            "netdev_add",
            {**STREAM, "reconnect": 1},
            "known in qemu-10.0.13 (deprecated), not in qemu-11.1.3",
            "reconnect-ms",
        ),
        (
            "qemu-5.2.0",
            "query-stats",
            {"target": "vm"},
            "known in qemu-7.1.0, not in qemu-7.0.0",
            "",
        ),
        (
            "qemu-7.2.22",
            "query-accelerators",
            {},
            "known in qemu-11.1.3, not in qemu-10.0.13",
            "",
        ),
        (
            "qemu-7.2.22-doc",
            "migrate-set-capabilities",
            {"capabilities": [{"capability": "mapped-ram", "state": True}]},
            "accepted in qemu-9.0.0, not in qemu-8.2.0",
            "",
        ),
        ("qemu-11.1.3", "no-such", {}, "", ""),
        ("qemu-11.1.3", "stop", {"now": 1}, "", ""),
        ("qemu-storage-daemon-11.1.3", "device_add", {}, "", ""),
    ],
)
def test_it_is_told(
    catalog: str, name: str, arguments: dict[str, Any], elsewhere: str, instead: str
) -> None:
    assert told(catalog, name, arguments) == Told(elsewhere, instead)


def test_a_member_behind_an_unknown_tag_is_not_said_to_be_taken() -> None:
    """5.2 has no netdev of type stream, so it does not take its members either."""
    found = told("qemu-7.2.22", "netdev_add", {**STREAM, "reconnect": 1})
    assert found.elsewhere == "known in qemu-8.0.0, not in qemu-7.2.22"


@pytest.mark.parametrize(
    ("catalog", "name", "arguments", "path", "names"),
    [
        ("qemu-11.1.3", "query-kvm", {}, None, "query-accelerators"),
        ("qemu-11.1.3-doc", "drive-backup", {"device": "d"}, None, "blockdev-backup"),
        ("qemu-10.0.13", "netdev_add", {**STREAM, "reconnect": 1}, ("reconnect",), "reconnect-ms"),
        ("qemu-10.0.13", "block_set_io_throttle", {"device": "d"}, ("device",), "id"),
        ("qemu-10.0.13", "query-migrationthreads", {}, None, ""),
        ("qemu-1.6.2-doc", "change", {}, None, ""),
    ],
)
def test_what_to_use_instead(
    catalog: str, name: str, arguments: dict[str, Any], path: Any, names: str
) -> None:
    history = History(Others(load_shipped(catalog)))
    assert history.instead(sent(name, arguments), path) == names


def test_there_is_an_end_to_what_is_looked_up() -> None:
    history = History(Others(load_shipped("qemu-11.1.3")))
    for number in range(600):
        history.tell(sent(f"c{number}", {}), None)
    assert history.tell(sent("change", {}), None) == Told()
