"""Calls that set properties, of every kind that there is, right and wrong: for all releases.

Devices go to a slot that is taken, or where they lack something: a server sets all properties before
it finds that out, so that a call which is refused for the place has had its properties taken, and
nothing changes for the calls after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: What the machine has besides `machines.MACHINE`.
MACHINE = (
    *("-netdev", "hubport,id=net0,hubid=0"),
    *("-chardev", "null,id=chr0"),
    *("-blockdev", "driver=null-co,node-name=null0"),
    *("-device", "virtio-scsi-pci,id=scsi0"),
    *("-device", "virtio-serial-pci,id=serial0"),
)

SLOT = {"bus": "port0", "addr": "0.0"}

#: Values that some property takes, whatever it is, and some that none does.
VALUES: tuple[Any, ...] = (
    0, 5, -1, 300, 2**40, 2**64 - 1, 1.5, True, False, None, "", "0", "5", "0x10", "-1", "300", "1.5",
    "on", "off", "true", "no", "auto", "1M", "1k", "abc", "report", [], ["a"], {}, {"a": 1},
)  # fmt: skip
FEW: tuple[Any, ...] = (7, True, None, "7", "on", "x", [], {})

#: A device and where it goes, and its properties, with the values to try.
DEVICES: tuple[tuple[str, dict[str, Any], dict[str, tuple[Any, ...]]], ...] = (
    (
        "virtio-net-pci",
        SLOT,
        {
            "mq": VALUES,
            "vectors": VALUES,
            "bootindex": VALUES,
            "host_mtu": VALUES,
            "disable-legacy": VALUES,
            "netdev": ("net0", *FEW),
            "mac": ("52:54:00:12:34:56", *FEW),
            "romfile": ("", *FEW),
            "speed": FEW,
            "duplex": ("full", *FEW),
            "failover_pair_id": FEW,
            "no-such-property": FEW,
        },
    ),
    ("virtio-net", SLOT, {"rx_queue_size": FEW, "tx": ("timer", *FEW), "misspelt": (1,)}),
    ("e1000e", SLOT, {"subsys": FEW, "bootindex": FEW, "disable_vnet_hdr": FEW, "x": ("on",)}),
    (
        "virtio-blk-pci",
        SLOT,
        {
            "drive": ("null0", *FEW),
            "serial": ("1234", *FEW),
            "num-queues": FEW,
            "logical_block_size": ("512", 512, *FEW),
            "discard_granularity": VALUES,
            "write-cache": ("auto", *FEW),
            "rerror": ("report", *FEW),
            "iothread": ("thread0", *FEW),
            "share-rw": FEW,
            "class": FEW,
        },
    ),
    ("virtio-blk", SLOT, {"queue-size": FEW, "iothread-vq-mapping": ([{"iothread": "thread0"}], "thread0")}),
    ("virtio-rng-pci", SLOT, {"max-bytes": VALUES, "period": FEW, "rng": FEW}),
    ("virtio-balloon-pci", SLOT, {"deflate-on-oom": FEW, "guest-stats-polling-interval": FEW}),
    ("nvme", SLOT, {"serial": FEW, "max_ioqpairs": FEW, "mdts": (7, 300, "7"), "use-intel-id": FEW}),
    ("pcie-root-port", {"bus": "port0"}, {"chassis": FEW, "slot": FEW, "hotplug": FEW, "addr": ("0.0", "0", 0)}),
    ("virtio-net-pci", {"bus": "port0"}, {"addr": ("0.0", "0x0", 0, True, None, 300, "abc", [], 1.5)}),
    ("scsi-hd", {"bus": "scsi0.0"}, {"lun": FEW, "scsi-id": FEW, "wwn": FEW, "serial": FEW, "removable": FEW}),
    ("virtserialport", {"bus": "serial0.0", "nr": 300}, {"name": FEW, "chardev": ("chr0", *FEW)}),
    ("usb-storage", {"bus": "usb0.0"}, {"removable": FEW, "port": ("1", *FEW), "msos-desc": FEW}),
    ("usb-tablet", {"bus": "usb0.0", "port": "99"}, {"usb_version": FEW, "display": FEW, "head": FEW}),
    ("no-such-device", {}, {"any": (1, "on")}),
)  # fmt: skip

#: Objects, and members to try.
OBJECTS: tuple[tuple[str, dict[str, Any], dict[str, tuple[Any, ...]]], ...] = (
    ("iothread", {}, {"poll-max-ns": FEW, "poll-grow": FEW, "no-such-property": FEW}),
    ("memory-backend-ram", {"size": 0}, {"share": FEW, "merge": FEW, "prealloc": FEW, "policy": ("bind", *FEW)}),
    ("rng-random", {}, {"filename": ("/dev/null", 5, True)}),
    ("secret", {}, {"data": ("x", 5), "format": ("raw", 5), "loaded": (True, "on")}),
)  # fmt: skip

#: What the session makes first.
MADE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("object-add", {"qom-type": "iothread", "id": "thread0"}),
    ("device_add", {"driver": "virtio-rng-pci", "id": "taken", "bus": "port0"}),
)

#: A CPU model, and features to try.
MODEL = "qemu64"
FEATURES: dict[str, tuple[Any, ...]] = {
    "avx2": FEW,
    "family": FEW,
    "vendor": ("AuthenticAMD", *FEW),
    "hv-spinlocks": FEW,
}

#: Objects that are there, and their properties.
SET: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("/objects/thread0", "poll-max-ns", VALUES),
    ("/machine/peripheral/taken", "multifunction", FEW),
    ("/machine/peripheral/scsi0", "vectors", FEW),
)


def calls() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every call: its command and arguments; all ids differ."""
    yield from MADE
    for number, (driver, place, name, value) in enumerate(_members(DEVICES)):
        yield "device_add", {"driver": driver, "id": f"d{number}", **place, name: value}
    for number, (kind, more, name, value) in enumerate(_members(OBJECTS)):
        yield "object-add", {"qom-type": kind, "id": f"o{number}", **more, name: value}
    for feature, values in FEATURES.items():
        for value in values:
            model = {"name": MODEL, "props": {feature: value}}
            yield "query-cpu-model-expansion", {"type": "full", "model": model}
    for path, name, values in SET:
        for value in values:
            yield "qom-set", {"path": path, "property": name, "value": value}


def _members(
    table: tuple[tuple[str, dict[str, Any], dict[str, tuple[Any, ...]]], ...],
) -> Iterator[tuple[str, dict[str, Any], str, Any]]:
    for kind, place, properties in table:
        for name, values in properties.items():
            for value in values:
                yield kind, place, name, value
