"""What common clients ask of a server in their lives, in several versions of it, and what they get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpconf.monitor.core import Monitor
from qmpconf.schema.store import load_shipped
from qmpconf.schema.validator import Validator
from tests.monitor.test_core import NEGOTIATE, Dialogue

CATALOGS = {name: load_shipped(name) for name in ("qemu-5.2.0", "qemu-7.2.22", "qemu-11.1.3")}
_CAPABILITY = {"capability": "events", "state": True}
_DEVICE = {"driver": "virtio-balloon-pci", "id": "balloon0"}
_PATH = {"path": "/machine/peripheral/balloon0"}

Life = list[tuple[str, dict[str, Any]]]

#: Client -> what it sends, as its sources have it.
LIVES: dict[str, Life] = {
    "Ganeti": [
        ("query-commands", {}),
        ("query-qmp-schema", {}),
        ("netdev_add", {"type": "user", "id": "net0"}),
        ("device_add", {"driver": "virtio-net-pci", "id": "nic0", "netdev": "net0"}),
        ("query-pci", {}),
        ("query-block", {}),
        ("device_del", {"id": "nic0"}),
        ("netdev_del", {"id": "net0"}),
        ("migrate-set-parameters", {"max-bandwidth": 1 << 25, "downtime-limit": 30}),
        ("migrate-set-capabilities", {"capabilities": [_CAPABILITY]}),
        ("migrate", {"uri": "tcp:192.0.2.1:8102"}),
        ("query-migrate", {}),
        ("set_password", {"protocol": "vnc", "password": "x"}),
        ("stop", {}),
        ("cont", {}),
        ("system_powerdown", {}),
    ],
    "libvirt, probing": [
        ("query-version", {}),
        ("query-target", {}),
        ("query-qmp-schema", {}),
        ("query-kvm", {}),
        ("qom-list-types", {}),
        ("query-machines", {}),
        ("query-cpu-definitions", {}),
        ("query-tpm-models", {}),
        ("query-tpm-types", {}),
        ("query-command-line-options", {}),
        ("query-migrate-capabilities", {}),
        ("device-list-properties", {"typename": "device"}),
        ("qom-list-properties", {"typename": "machine"}),
    ],
    "libvirt, starting": [
        ("migrate-set-capabilities", {"capabilities": [_CAPABILITY]}),
        ("query-chardev", {}),
        ("query-hotpluggable-cpus", {}),
        ("query-cpus-fast", {}),
        ("query-iothreads", {}),
        ("device_add", _DEVICE),
        ("qom-list", {"path": "/machine/peripheral"}),
        ("qom-list", _PATH),
        ("qom-set", {**_PATH, "property": "guest-stats-polling-interval", "value": 10}),
        ("qom-get", {**_PATH, "property": "guest-stats-polling-interval"}),
        ("set_link", {"name": "balloon0", "up": False}),
        ("expire_password", {"protocol": "vnc", "time": "never"}),
        ("balloon", {"value": 64 << 20}),
        ("query-balloon", {}),
        ("query-migrate-parameters", {}),
        ("migrate_cancel", {}),
        ("send-key", {"keys": [{"type": "qcode", "data": "a"}]}),
        ("rtc-reset-reinjection", {}),
        ("human-monitor-command", {"command-line": "info status"}),
        ("cont", {}),
        ("query-status", {}),
        ("system_reset", {}),
        ("device_del", {"id": "balloon0"}),
    ],
    "Incus": [
        ("query-status", {}),
        ("query-cpus-fast", {}),
        ("query-hotpluggable-cpus", {}),
        ("query-memory-size-summary", {}),
        ("netdev_add", {"type": "user", "id": "n"}),
        ("device_add", {"driver": "virtio-net-pci", "id": "dev", "netdev": "n"}),
        ("qom-get", {"path": "/machine", "property": "type"}),
        ("query-pci", {}),
        ("balloon", {"value": 1 << 26}),
        ("query-balloon", {}),
        ("migrate-set-parameters", {"max-bandwidth": 0}),
        ("system_powerdown", {}),
        ("quit", {}),
    ],
    "Proxmox": [
        ("query-status", {}),
        ("query-balloon", {}),
        ("query-blockstats", {}),
        ("query-block", {}),
        ("query-pci", {}),
        ("set_password", {"protocol": "vnc", "password": "x"}),
        ("expire_password", {"protocol": "vnc", "time": "+30"}),
        ("device_add", _DEVICE),
        ("qom-set", {**_PATH, "property": "guest-stats-polling-interval", "value": 2}),
        ("human-monitor-command", {"command-line": "info version"}),
        ("system_reset", {}),
        ("quit", {}),
    ],
    "go-qemu": [
        ("query-status", {}),
        ("query-version", {}),
        ("query-commands", {}),
        ("query-block", {}),
        ("query-pci", {}),
        ("system_reset", {}),
        ("system_powerdown", {}),
    ],
}


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Talk(Dialogue):
    """A dialogue whose time can pass."""

    def __init__(self, version: str = "qemu-11.1.3") -> None:
        self.clock = Clock()
        super().__init__(Monitor(CATALOGS[version], self.clock))

    def ask(self, name: str, /, **arguments: Any) -> Any:
        """The response to a command."""
        sent = {
            "execute": name,
            "arguments": {one.replace("_", "-"): arguments[one] for one in arguments},
        }
        answers = self.say(json.dumps(sent).encode())
        return next(one for one in answers if "event" not in one)

    def later(self) -> list[Any]:
        """What is said when a second has passed."""
        self.clock.now += 1_000_000
        return self.take(self.work())


@pytest.mark.parametrize("version", CATALOGS)
@pytest.mark.parametrize("client", LIVES)
def test_a_life_is_lived_to_its_end(client: str, version: str) -> None:
    talk, validator = Talk(version), Validator(CATALOGS[version])
    for name, arguments in LIVES[client]:
        answers = talk.say(json.dumps({"execute": name, "arguments": arguments}).encode())
        (answer,) = [one for one in answers if "event" not in one]
        assert "return" in answer, (name, answer)
        if CATALOGS[version].commands[name].returns:
            assert list(validator.returned(name, answer["return"])) == [], name
        for event in answers:
            if "event" in event and CATALOGS[version].events[event["event"]].data:
                assert list(validator.data(event["event"], event["data"])) == []


def test_what_is_set_can_be_queried() -> None:
    talk = Talk()
    assert talk.ask("migrate-set-parameters", downtime_limit=77) == {"return": {}}
    assert talk.ask("query-migrate-parameters")["return"]["downtime-limit"] == 77
    before = talk.ask("query-migrate-capabilities")["return"]
    assert len(before) > 10
    assert not any(one["state"] for one in before)
    wanted = [{"capability": "events", "state": True}]
    talk.ask("migrate-set-capabilities", capabilities=wanted)
    after = talk.ask("query-migrate-capabilities")["return"]
    assert [one["capability"] for one in after if one["state"]] == ["events"]
    talk.ask("balloon", value=1 << 20)
    assert talk.ask("query-balloon")["return"] == {"actual": 1 << 20}


def test_a_device_leaves_when_the_guest_has_let_it_go() -> None:
    talk = Talk()
    assert talk.ask("device_del", id="d")["error"]["class"] == "DeviceNotFound"
    assert talk.ask("device_add", driver="e1000", id="d") == {"return": {}}
    assert talk.ask("device_add", driver="e1000", id="d")["error"]["class"] == "GenericError"
    assert talk.ask("device_del", id="/machine/peripheral/d") == {"return": {}}
    assert talk.ask("device_del", id="d")["error"]["class"] == "GenericError"
    (event,) = talk.later()
    assert event["event"] == "DEVICE_DELETED"
    assert event["data"] == {"device": "d", "path": "/machine/peripheral/d"}
    assert talk.ask("device_del", id="d")["error"]["class"] == "DeviceNotFound"


def test_a_migration_begins_and_fails() -> None:
    talk = Talk()
    talk.ask("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
    assert talk.ask("query-migrate") == {"return": {}}
    answers = talk.say(b'{"execute":"migrate","arguments":{"uri":"tcp:192.0.2.1:1"}}')
    assert [one["data"]["status"] for one in answers if "event" in one] == ["setup"]
    assert talk.ask("migrate", uri="tcp:192.0.2.1:1")["error"]["class"] == "GenericError"
    assert talk.ask("migrate-start-postcopy")["error"]["class"] == "GenericError"
    (event,) = talk.later()
    assert event["data"] == {"status": "failed"}
    assert talk.ask("query-migrate")["return"]["status"] == "failed"
    talk.ask("migrate", uri="tcp:192.0.2.1:1")
    talk.ask("migrate_cancel")
    assert talk.ask("query-migrate")["return"]["status"] == "cancelled"
    assert talk.later() == []


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("netdev_del", {"id": "n"}, "DeviceNotFound"),
        ("set_link", {"name": "n", "up": True}, "DeviceNotFound"),
        ("qom-list", {"path": "/nowhere"}, "DeviceNotFound"),
        ("qom-get", {"path": "/machine", "property": "nothing"}, "GenericError"),
        ("device-list-properties", {"typename": "nothing"}, "DeviceNotFound"),
        ("balloon", {"value": 0}, "GenericError"),
    ],
)
def test_what_is_not_there_is_refused(name: str, arguments: dict[str, Any], error: str) -> None:
    assert Talk().ask(name, **arguments)["error"]["class"] == error


def test_the_human_monitor_fails_in_its_text() -> None:
    talk = Talk()
    assert talk.say(NEGOTIATE)[0]["error"]["class"] == "CommandNotFound"
    answer = talk.ask("human-monitor-command", command_line="savevm x")
    assert answer == {"return": "unknown command: 'savevm'\r\n"}
