"""A session in libvirt's manner: what it asks a new QEMU about, and descriptors on their message.

libvirt ends what it sends with CR LF, frames what it reads on CR LF, and gives every command the
id ``libvirt-N``.  This client speaks so, over a bare socket, and asks libvirt's questions.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

#: Seconds to wait for a reply before the session is given up.
PATIENCE = 30.0

#: Device types whose properties libvirt looks at.
DEVICES = ("virtio-blk-pci", "virtio-net-pci", "virtio-scsi-pci", "pcie-root-port", "usb-host")
OBJECTS = ("memory-backend-file", "sev-guest", "pc-q35-machine", "max-x86_64-cpu")


class Monitor:
    """One connection; replies are matched by id, events are passed over."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)
        self.lines = self.sock.makefile("rb")
        self.number = 0
        self.greeting = self.receive()

    def receive(self) -> dict[str, Any]:
        """The next message; raises EOFError when there is none."""
        line = self.lines.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        message: dict[str, Any] = json.loads(line)
        return message

    def ask(self, name: str, descriptor: int | None = None, **arguments: object) -> dict[str, Any]:
        """The reply to a command, be it an error; a descriptor rides on its first byte."""
        self.number += 1
        identity = f"libvirt-{self.number}"
        command: dict[str, object] = {"execute": name}
        if arguments:
            command["arguments"] = {
                key.replace("__", "-"): value for key, value in arguments.items()
            }
        command["id"] = identity
        text = json.dumps(command, separators=(",", ":")).encode() + b"\r\n"
        if descriptor is None:
            self.sock.sendall(text)
        else:
            sent = socket.send_fds(self.sock, [text], [descriptor])
            self.sock.sendall(text[sent:])
        while (reply := self.receive()).get("id") != identity:
            pass
        return reply


def probe(monitor: Monitor) -> None:
    """Ask what the QEMU can do."""
    monitor.ask("qmp_capabilities")
    schema = monitor.ask("query-qmp-schema")["return"]
    known = {entry["name"] for entry in schema}
    for name in ("query-version", "query-target", "query-kvm"):
        monitor.ask(name)
    monitor.ask("qom-list-types")
    for device in DEVICES:
        monitor.ask("device-list-properties", typename=device)
    for kind in OBJECTS:
        monitor.ask("qom-list-properties", typename=kind)
    for name in (
        *("query-machines", "query-cpu-definitions", "query-tpm-models", "query-tpm-types"),
        *("query-command-line-options", "query-migrate-capabilities", "query-sev-capabilities"),
        *("query-sgx-capabilities", "query-stats-schemas", "query-gic-capabilities"),
    ):
        if name in known:
            monitor.ask(name)
    for kind in ("static", "full"):
        monitor.ask("query-cpu-model-expansion", type=kind, model={"name": "max"})
    monitor.ask("query-cpu-model-expansion", type="full", model={"name": "no-such-cpu"})


def descriptors(monitor: Monitor) -> None:
    """Hand over a file and a pipe."""
    file = os.open("image.raw", os.O_RDWR | os.O_CREAT, 0o600)
    os.truncate(file, 1048576)
    passed = monitor.ask("add-fd", file, fdset__id=0, opaque="libvirt-1-storage0")
    os.close(file)
    monitor.ask("query-fdsets")
    monitor.ask("blockdev-add", driver="file", filename="/dev/fdset/0",
                node__name="libvirt-1-storage", read__only=False,
                auto__read__only=True, discard="unmap")  # fmt: skip
    monitor.ask("blockdev-add", driver="raw", file="libvirt-1-storage",
                node__name="libvirt-1-format", read__only=False)  # fmt: skip
    monitor.ask("query-named-block-nodes", flat=True)
    monitor.ask("blockdev-del", node__name="libvirt-1-format")
    monitor.ask("blockdev-del", node__name="libvirt-1-storage")
    monitor.ask("remove-fd", fdset__id=0, fd=passed["return"]["fd"])

    reader, writer = os.pipe()
    monitor.ask("getfd", writer, fdname="migrate")
    monitor.ask("closefd", fdname="migrate")
    os.close(writer)
    os.close(reader)


def main() -> None:
    """Run the session on the monitor at the UNIX socket that the command line names."""
    monitor = Monitor(sys.argv[1])
    probe(monitor)
    descriptors(monitor)
    monitor.ask("query-status")
    monitor.ask("qmp_capabilities")
    monitor.ask("quit")


if __name__ == "__main__":
    main()
