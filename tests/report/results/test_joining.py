"""What several streams say of the same thing, as one."""

from __future__ import annotations

from qmpconf.report.results.joining import subjects
from qmpconf.report.results.records import Subject


def test_versions_stand_in_their_order() -> None:
    names = ["QEMU 10.0, q35", "QEMU 5.2, q35", "QEMU 11.1, q35", "a", "QEMU 5.2, -M none"]
    found = subjects(Subject(name=name, kind="server") for name in names)
    assert [one.name for one in found] == [
        "QEMU 5.2, -M none",
        "QEMU 5.2, q35",
        "QEMU 10.0, q35",
        "QEMU 11.1, q35",
        "a",
    ]
