"""The shipped catalog that fits a greeting."""

from __future__ import annotations

import pytest

from qmpconf.protocol.values import loads
from qmpconf.schema.select import Version, select
from qmpconf.schema.store import load_shipped

NAMES = [
    "qemu-1.6.2-doc",
    "qemu-2.9-dev-doc",
    "qemu-5.2.0",
    "qemu-5.2.0-doc",
    "qemu-7.2.22",
    "qemu-10.0.13",
    "qemu-storage-daemon-7.2.22",
]


@pytest.mark.parametrize(
    ("version", "name", "nearness", "distance"),
    [
        (Version(5, 2, 0), "qemu-5.2.0", "version", 0),
        (Version(7, 2, 4), "qemu-7.2.22", "release", 0),
        (Version(8, 0, 0), "qemu-7.2.22", "nearest", 1),
        (Version(9, 2, 0), "qemu-10.0.13", "nearest", 1),
        (Version(11, 1, 3), "qemu-10.0.13", "nearest", 4),
        (Version(2, 12, 0), "qemu-2.9-dev-doc", "nearest", 3),
        (Version(1, 5, 0), "qemu-1.6.2-doc", "nearest", 1),
        (Version(0, 14, 0), "qemu-1.6.2-doc", "nearest", 8),
    ],
)
def test_the_nearest_release_wins(
    version: Version, name: str, nearness: str, distance: int
) -> None:
    fit = select(version, names=NAMES)
    assert (fit.name, fit.nearness, fit.distance) == (name, nearness, distance)


def test_the_very_build_is_told_from_another_of_that_version() -> None:
    package = load_shipped("qemu-7.2.22").source.package
    assert select(Version(7, 2, 22, package), names=NAMES).nearness == "build"
    assert select(Version(7, 2, 22, "mine"), names=NAMES).nearness == "version"


def test_the_sentence_says_which_and_how_near() -> None:
    assert select(Version(8, 1, 0), names=NAMES).sentence == (
        "qemu-7.2.22, of the nearest release, 2 releases away: differences are to be expected"
    )


def test_products_are_kept_apart() -> None:
    assert select(Version(5, 2, 0), "qemu-storage-daemon", NAMES).name == NAMES[-1]
    with pytest.raises(LookupError):
        select(Version(5, 2, 0), "other", NAMES)


def test_every_shipped_product_has_a_fit() -> None:
    for product in ("qemu", "qemu-storage-daemon"):
        assert select(Version(99, 0), product).nearness == "nearest"


def test_the_version_in_a_text() -> None:
    assert Version.parse("7.2.22", "p") == Version(7, 2, 22, "p")
    assert Version.parse("2.9-dev") == Version(2, 9)
    assert Version.parse("") is None


def test_the_version_of_a_greeting() -> None:
    value = {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": "p"}
    assert Version.of(value) == Version(7, 2, 22, "p")
    assert Version.of({"qemu": {"major": 7, "minor": True, "micro": 22}}) is None
    assert Version.of({"qemu": "1.0"}) is None
    assert Version.of(None) is None


@pytest.mark.parametrize("number", [-1, 10**30, loads(b"9" * 5000), loads(b"-" + b"9" * 5000)])
def test_a_version_that_cannot_be_is_far_away(number: int) -> None:
    fit = select(Version(number, number, number))
    assert fit.nearness == "nearest"
    assert len(fit.sentence) < 120
