"""Practice, as real servers have it: what the checker says of sessions in which things went wrong."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.findings import Finding
from tests.real.builds import RELEASES
from tests.real.conftest import StartProxy, StartServer
from tests.real.wire import Wire


class Client:
    """A client that waits for each answer; `answers` are those to commands of the human monitor."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._events: list[dict[str, Any]] = []

    def sends(self, name: str, /, **arguments: Any) -> None:
        given = {key.replace("__", "-"): value for key, value in arguments.items()}
        self.wire.send(json.dumps({"execute": name, "arguments": given}).encode() + b"\n")

    def answer(self) -> dict[str, Any]:
        while "event" in (message := self.wire.message()):
            self._events.append(message)
        return dict(message)

    def does(self, name: str, /, **arguments: Any) -> Any:
        """A command that succeeds."""
        self.sends(name, **arguments)
        return self.answer()["return"]

    def refused(self, name: str, /, **arguments: Any) -> str:
        """A command that is refused; gives why."""
        self.sends(name, **arguments)
        return str(self.answer()["error"]["desc"])

    def human(self, line: str) -> str:
        return str(self.does("human-monitor-command", command__line=line))

    def event(self, name: str, **data: Any) -> None:
        """Wait for an event; one that has come already counts, once."""
        while True:
            for one in self._events:
                if one["event"] == name and data.items() <= one.get("data", {}).items():
                    self._events.remove(one)
                    return
            self._events.append(self.wire.message())


@pytest.fixture(params=list(RELEASES))
def machine(
    request: pytest.FixtureRequest, start_rich: StartServer, start_proxy: StartProxy
) -> Iterator[tuple[Client, Any]]:
    """A client of the q35 machine, and what the checker finds of a kind, once it has left."""
    proxy = start_proxy(start_rich(f"qemu-{request.param}"))
    with Wire(proxy.path) as wire:
        wire.negotiate()

        def judged(kind: str) -> list[Finding]:
            wire.sock.close()
            for _ in range(500):
                if '"close":' in proxy.trace.read_text():
                    break
                time.sleep(0.02)
            proxy.stop()
            groups = check_trace(str(proxy.trace)).groups
            assert not groups.totals["error"]
            return [one.first for one in groups if one.first.requirement == f"practice.{kind}"]

        yield Client(wire), judged


#: What every release answers with what it was asked for.
ANSWERED = """\
    version network chardev block blockstats block-jobs registers lapic cpus history irq pic pci tlb
    mem mtree jit sync-profile kvm numa usb capture snapshots status mice vnc name uuid usernet
    migrate migrate_capabilities migrate_parameters qtree qdm qom-tree roms trace-events tpm memdev
    memory-devices iothreads dump ramblock hotpluggable-cpus memory_size_summary sev replay
""".split()  # noqa: SIM905 - words are easier to read so
SILENT = ("stop", "cont", "announce_self", "x /4x 0", "xp /2x 0", "print 1+1", "sum 0 16", "help")

#: Command lines that every release refuses, in whichever words.
WRONG = (
    "foo",
    "info foo",
    "info balloon",
    "info rocker",
    "help foo",
    "device_del nobody",
    "device_add nothing",
    "device_add usb-tablet,id=a,foo=bar",
    "drive_add 0 file=/no/such/file",
    "drive_del nobody",
    "netdev_add user,id=n0,foo=1",
    "netdev_del nobody",
    "object_del nobody",
    "block_resize disk0 foo",
    "commit nobody",
    "loadvm nothing",
    "migrate foo:bar",
    "migrate_set_parameter foo 1",
    "migrate_set_capability foo on",
    "eject nobody",
    "chardev-add foo",
    "chardev-remove nobody",
    "sendkey foo",
    "sendkey",
    "x /foo 0",
    "print 1/0",
    "p $foo",
    "qom-set /machine foo 1",
    "trace-event nothing on",
    "set_link nobody on",
    "boot_set zzz",
    "gdbserver foo",
    "screendump /no/such/folder/x",
    "block_job_cancel nobody",
    "balloon abc",
    "cpu 99",
    "closefd nothing",
)


def test_words_of_the_human_monitor(machine: tuple[Client, Any]) -> None:
    """No false alarm for what was answered, and no silence about what was not."""
    client, judged = machine
    assert len(ANSWERED) >= 40
    for about in ANSWERED:
        client.human(f"info {about}")
    for line in SILENT:
        client.human(line)
    for line in WRONG:
        assert client.human(line), line
    groups = {re.match("'(.*)' failed", one.message)[1] for one in judged("hmp-error")}  # type: ignore[index]
    words = {" ".join(line.split()[: 2 if line.startswith("info") else 1]) for line in WRONG}
    assert groups == words


def test_a_device_that_no_guest_lets_go(machine: tuple[Client, Any]) -> None:
    client, judged = machine
    client.does("netdev_add", type="user", id="n0")
    client.does("device_add", driver="virtio-net-pci", id="nic0", netdev="n0", bus="port0")
    client.does("device_del", id="nic0")
    client.refused("device_add", driver="virtio-net-pci", id="nic0", bus="port0")
    client.does("netdev_del", id="n0")
    messages = [one.message for one in judged("too-early")]
    assert messages == [
        "device 'nic0' is still being unplugged",
        "device 'nic0' is still being unplugged, and uses netdev 'n0'",
    ]


def test_a_device_that_goes_at_once(machine: tuple[Client, Any]) -> None:
    """Sent without a pause, the event may come before the answer or behind it."""
    client, judged = machine
    client.does("device_add", driver="usb-tablet", id="t0", bus="usb0.0")
    for _ in range(20):
        client.does("device_del", id="t0")
        client.event("DEVICE_DELETED", device="t0")
        client.does("device_add", driver="usb-tablet", id="t0", bus="usb0.0")
    assert judged("too-early") == judged("unplug") == []


def test_nodes_under_jobs_devices_and_exports(machine: tuple[Client, Any]) -> None:
    client, judged = machine
    for name in ("a", "b", "c", "d"):
        client.does("blockdev-add", driver="null-co", node__name=name, size=1 << 26)
    mirror = {"device": "a", "target": "b", "sync": "full", "speed": 1024, "auto-dismiss": False}
    client.does("blockdev-mirror", job__id="j0", **mirror)
    refusals = [
        client.refused("blockdev-del", node__name="b"),
        client.refused("job-dismiss", id="j0"),
        client.refused("blockdev-mirror", job__id="j0", device="c", target="d", sync="full"),
    ]
    client.does("job-cancel", id="j0")
    client.event("JOB_STATUS_CHANGE", id="j0", status="concluded")
    refusals.append(
        client.refused("blockdev-mirror", job__id="j0", device="c", target="d", sync="full")
    )
    client.does("job-dismiss", id="j0")
    client.event("JOB_STATUS_CHANGE", id="j0", status="null")
    client.does("device_add", driver="virtio-scsi-pci", id="scsi0", bus="port0")
    client.does("device_add", driver="scsi-hd", id="lun0", bus="scsi0.0", drive="a")
    refusals.append(client.refused("blockdev-del", node__name="a"))
    client.does("device_del", id="lun0")
    client.event("DEVICE_DELETED", device="lun0")
    client.does("blockdev-del", node__name="a")
    client.does("nbd-server-start", addr={"type": "unix", "data": {"path": "nbd.sock"}})
    client.does("block-export-add", type="nbd", id="e0", node__name="b")
    refusals.append(client.refused("blockdev-del", node__name="b"))
    client.does("block-export-del", id="e0")
    client.event("BLOCK_EXPORT_DELETED", id="e0")
    client.does("blockdev-del", node__name="b")
    found = judged("too-early")
    assert [one.message for one in found] == [
        "job 'j0' still runs, and uses block node 'b'",
        "job 'j0' is running, and takes no dismiss",
        "job 'j0' still runs",
        "job 'j0' has ended, and was not dismissed",
        "device 'lun0' uses block node 'a'",
        "block export 'e0' uses block node 'b'",
    ]
    assert [one.answer for one in found] == [f"GenericError: {one}" for one in refusals]


def test_a_job_that_fails(machine: tuple[Client, Any]) -> None:
    client, judged = machine
    options = {"driver": "file", "filename": "no/such/folder/x", "size": 1 << 20}
    client.does("blockdev-create", job__id="c0", options=options)
    client.event("JOB_STATUS_CHANGE", id="c0", status="concluded")
    (job,) = client.does("query-jobs")
    client.does("job-dismiss", id="c0")
    client.event("JOB_STATUS_CHANGE", id="c0", status="null")
    assert [one.message for one in judged("work-failed")] == [f"job 'c0' failed: {job['error']}"]


def test_a_session_that_is_left_too_early(machine: tuple[Client, Any]) -> None:
    client, judged = machine
    client.does("query-status")
    client.sends("query-qmp-schema")
    (one,) = judged("unanswered")
    assert (one.subject, one.blame) == ("query-qmp-schema", "client")
