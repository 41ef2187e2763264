"""Which build a server is: by its greeting, and by what it says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from qmpconf.conform.builds import build_of
from qmpconf.schema.store import load_shipped

NAME = "qemu-7.2.22"
CATALOG = load_shipped(NAME)
PACKAGE = CATALOG.source.package
ENTRIES: list[Any] = [
    *({"name": name, "meta-type": "command"} for name in CATALOG.commands),
    *({"name": name, "meta-type": "event"} for name in CATALOG.events),
]


def test_the_very_build_is_known() -> None:
    assert build_of("qemu", "7.2.22", PACKAGE, ENTRIES) == NAME


@pytest.mark.parametrize("change", ["u99", "u7+b1"])
def test_a_revision_of_the_distribution_is_the_same_build(change: str) -> None:
    package = PACKAGE.rpartition("u")[0] + change
    assert build_of("qemu", "7.2.22", package, ENTRIES) == NAME


def test_commands_of_another_machine_are_the_same_build() -> None:
    assert build_of("qemu", "7.2.22", PACKAGE, ENTRIES[3:]) == NAME


@pytest.mark.parametrize("package", ["", "v7.2.22", "qmpconf 0.1.0 (embedded monitor)"])
def test_another_package_is_another_product(package: str) -> None:
    assert build_of("qemu", "7.2.22", package, ENTRIES) == ""


@pytest.mark.parametrize("entries", [[], ENTRIES[:40], ["odd", {"name": 1}]])
def test_a_greeting_alone_proves_nothing(entries: list[Any]) -> None:
    assert build_of("qemu", "7.2.22", PACKAGE, entries) == ""


def test_a_version_that_was_never_looked_at_is_no_known_build() -> None:
    assert build_of("qemu", "7.2.21", PACKAGE, ENTRIES) == ""
    assert build_of("qemu-storage-daemon", "7.2.22", PACKAGE, ENTRIES) == ""
