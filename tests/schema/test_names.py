"""What the names of catalogs say."""

from __future__ import annotations

import pytest

from qmpconf.schema.names import Name, of_release
from qmpconf.schema.store import load, named, shipped


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("qemu-7.2.22", Name("qemu", (7, 2), 22)),
        ("qemu-storage-daemon-5.2.0", Name("qemu-storage-daemon", (5, 2), 0)),
        ("qemu-1.6.2-doc", Name("qemu", (1, 6), 2, document=True)),
        ("qemu-2.9-dev-doc", Name("qemu", (2, 9), None, "dev", document=True)),
        ("qemu-3.1-rc2", Name("qemu", (3, 1), None, "rc2")),
        ("qemu-4.2-dev-aarch64", Name("qemu", (4, 2), None, "dev", "aarch64")),
        ("qemu-2.9.0-s390x", Name("qemu", (2, 9), 0, "", "s390x")),
        ("qemu-7.2", Name("qemu", (7, 2))),
        ("qemu", None),
        ("mine", None),
        ("qemu-7.2.22.json.gz", None),
    ],
)
def test_the_parts_of_a_name(text: str, name: Name | None) -> None:
    assert Name.of(text) == name


def test_what_was_before_a_release_is_older_than_the_release() -> None:
    names = ["qemu-3.1-dev", "qemu-3.1.0", "qemu-3.0.1", "qemu-3.1-rc2"]
    ages = {one: found.age for one in names if (found := Name.of(one))}
    assert sorted(names[:3], key=lambda one: ages[one]) == [
        "qemu-3.0.1",
        "qemu-3.1-dev",
        "qemu-3.1.0",
    ]
    assert ages["qemu-3.1-rc2"] < ages["qemu-3.1.0"]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("qemu-7.2", "qemu-7.2.22"),
        ("qemu-7.2-doc", "qemu-7.2.9-doc"),
        ("qemu-7.2-aarch64", "qemu-7.2.0-aarch64"),
        ("qemu-3.1", "qemu-3.1-rc2"),
        ("qemu-7", ""),
        ("qemu-7.1", ""),
        ("qemu-7.2.1", ""),
        ("qemu-3.1-rc1", ""),
        ("other-7.2", ""),
    ],
)
def test_a_release_stands_for_its_newest_catalog(text: str, chosen: str) -> None:
    names = [
        "qemu-7.2.9",
        "qemu-7.2.22",
        "qemu-7.2.9-doc",
        "qemu-7.2.0-aarch64",
        "qemu-7.2-rc4",
        "qemu-3.1-rc2",
    ]
    assert of_release(text, names) == of_release(text, names[::-1]) == chosen


def test_a_release_can_be_loaded() -> None:
    assert load("qemu-7.2").name == named("qemu-7.2") == "qemu-7.2.22"
    assert load("qemu-5.0-aarch64").source.architecture == "aarch64"


def test_every_name_that_ships_is_understood() -> None:
    assert all(Name.of(name) for name in shipped())
