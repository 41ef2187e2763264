"""The shipped catalog that fits a greeting."""

from __future__ import annotations

import pytest

from qmpconf.protocol.values import loads
from qmpconf.schema.model import Source
from qmpconf.schema.select import Version, is_build, select
from qmpconf.schema.store import load_shipped, shipped, source_of

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
        # 2.9-dev is three releases away, but a fragment; of equally near ones introspection.
        (Version(2, 12, 0), "qemu-5.2.0", "nearest", 8),
        (Version(2, 9, 0), "qemu-5.2.0", "nearest", 11),
        (Version(2, 2, 0), "qemu-1.6.2-doc", "nearest", 4),
        # Of two equally near ones the newer.
        (Version(6, 2, 0), "qemu-7.2.22", "nearest", 3),
        (Version(1, 5, 0), "qemu-1.6.2-doc", "nearest", 1),
        (Version(0, 14, 0), "qemu-1.6.2-doc", "nearest", 8),
    ],
)
def test_the_nearest_release_wins(
    version: Version, name: str, nearness: str, distance: int
) -> None:
    fit = select(version, names=NAMES)
    assert (fit.name, fit.nearness, fit.distance) == (name, nearness, distance)


@pytest.mark.parametrize(
    ("names", "version", "chosen"),
    [
        # nearest release first
        (["qemu-8.0.0-doc", "qemu-8.2.0"], (8, 0), "qemu-8.0.0-doc"),
        (["qemu-8.0.0", "qemu-9.0.0"], (8, 1), "qemu-8.0.0"),
        # of equally near ones introspection before documents, then the newer
        (["qemu-8.0.0", "qemu-8.0.0-doc"], (8, 0), "qemu-8.0.0"),
        (["qemu-8.0.0", "qemu-8.2.0-doc"], (8, 1), "qemu-8.0.0"),
        (["qemu-8.0.0-doc", "qemu-8.2.0"], (8, 1), "qemu-8.2.0"),
        (["qemu-8.0.0", "qemu-8.2.0"], (8, 1), "qemu-8.2.0"),
        (["qemu-8.0.0-doc", "qemu-8.2.0-doc"], (8, 1), "qemu-8.2.0-doc"),
        # across major versions: 3.1, 4.0; 8.2, 9.0, 9.1
        (["qemu-3.0.0", "qemu-4.0.0"], (3, 1), "qemu-4.0.0"),
        (["qemu-8.2.0", "qemu-9.1.0"], (9, 0), "qemu-9.1.0"),
        (["qemu-2.12.0", "qemu-3.1.0"], (3, 0), "qemu-3.1.0"),
        # of one release the nearest stable version
        (["qemu-8.0.1", "qemu-8.0.9"], (8, 0, 2), "qemu-8.0.1"),
        (["qemu-8.0.1", "qemu-8.0.9"], (8, 0, 8), "qemu-8.0.9"),
        (["qemu-8.0.1-doc", "qemu-8.0.9-doc"], (8, 0, 2), "qemu-8.0.1-doc"),
        # each part of the rule before the next: a release that is nearer, by documents
        (["qemu-8.0.0-doc", "qemu-8.1.0"], (8, 0, 0), "qemu-8.0.0-doc"),
        (["qemu-8.0.0-doc", "qemu-7.2.0"], (8, 0, 0), "qemu-8.0.0-doc"),
        # introspection, of a stable version that is farther away
        (["qemu-8.0.9", "qemu-8.0.1-doc"], (8, 0, 1), "qemu-8.0.9"),
        (["qemu-8.0.9", "qemu-8.2.1-doc"], (8, 1, 1), "qemu-8.0.9"),
        # the newer release, of a stable version that is farther away
        (["qemu-8.0.1", "qemu-8.2.9"], (8, 1, 1), "qemu-8.2.9"),
        # and a nearer release, though its stable version is farther away
        (["qemu-8.0.9", "qemu-8.1.0"], (8, 0, 0), "qemu-8.0.9"),
        # a fragment never, not even of that very release
        (["qemu-2.9-dev-doc", "qemu-11.1.3"], (2, 9), "qemu-11.1.3"),
    ],
)
def test_ties(names: list[str], version: tuple[int, ...], chosen: str) -> None:
    for order in (names, names[::-1]):
        assert select(Version(*version), names=order).name == chosen


@pytest.mark.parametrize(
    ("names", "version", "chosen", "nearness"),
    [
        # what says 2.11.90 comes before 2.12, and a release is better than that
        (["qemu-2.11.0", "qemu-2.12-rc0"], (2, 11, 90), "qemu-2.12-rc0", "pre-release"),
        (["qemu-2.11.0", "qemu-2.12-rc0"], (2, 12, 0), "qemu-2.12-rc0", "pre-release"),
        (["qemu-2.12.0", "qemu-2.12-rc0"], (2, 12, 0), "qemu-2.12.0", "version"),
        (["qemu-7.2.22", "qemu-8.0.0"], (7, 2, 50), "qemu-8.0.0", "pre-release"),
        (["qemu-2.12.0", "qemu-3.0.0"], (2, 12, 91), "qemu-3.0.0", "pre-release"),
        # other architectures are asked for by name
        (["qemu-8.0.0-aarch64", "qemu-9.0.0"], (8, 0, 0), "qemu-9.0.0", "nearest"),
    ],
)
def test_before_a_release_and_of_other_architectures(
    names: list[str], version: tuple[int, ...], chosen: str, nearness: str
) -> None:
    fit = select(Version(*version), names=names)
    assert (fit.name, fit.nearness) == (chosen, nearness)


def test_of_equally_near_ones_the_server_s_architecture() -> None:
    names = ["qemu-8.0.0", "qemu-8.0.0-aarch64", "qemu-8.1.0", "qemu-8.1.0-ppc64"]
    for order in (names, names[::-1]):
        assert select(Version(8, 0), names=order).name == "qemu-8.0.0"
        fit = select(Version(8, 0), names=order, architecture="aarch64")
        assert (fit.name, fit.other) == ("qemu-8.0.0-aarch64", "")
        fit = select(Version(8, 1), names=order, architecture="aarch64")
        assert (fit.name, fit.other) == ("qemu-8.1.0", "x86_64")
        assert fit.sentence == "qemu-8.1.0 of x86_64, of the same version, another build"


@pytest.mark.parametrize(
    ("version", "line", "name"),
    [
        (Version(4, 2, 1), (4, 2), "4.2.1"),
        (Version(4, 1, 50), (4, 2), "4.2-dev"),
        (Version(4, 1, 91), (4, 2), "4.2-rc1"),
        (Version(4, 2, 90), (5, 0), "5.0-rc0"),
        (Version(2, 12, 50), (3, 0), "3.0-dev"),
        (Version(1, 7, 90), (2, 0), "2.0-rc0"),
        (Version(7, 2, 22), (7, 2), "7.2.22"),
        (Version(0, 15, 90), (1, 0), "1.0-rc0"),
    ],
)
def test_what_a_version_comes_before(version: Version, line: tuple[int, int], name: str) -> None:
    assert (version.line, version.name) == (line, name)


def test_the_nearest_release_is_near() -> None:
    """Of all that have a schema there is a catalog, but for 10.1, 10.2 and 11.0."""
    for release in range(Version(2, 5).release, Version(11, 1).release + 1):
        known = (Version(major, minor) for major in range(12) for minor in range(13))
        version = [one for one in known if one.release == release][-1]
        far = {(10, 1): 1, (10, 2): 2, (11, 0): 1}.get((version.major, version.minor), 0)
        assert select(version).distance == far


@pytest.mark.parametrize(
    ("package", "is_one"),
    [
        ("", False),
        (" (v2.9.0)", False),
        ("v7.0.0-rc2", False),
        ("v7.2.0-333-g222059a0fc", False),
        ("qemu-8.2.0-7.fc39", True),
        ("Debian 1:7.2+dfsg-7", True),
    ],
)
def test_the_sources_of_qemu_name_no_build(package: str, is_one: bool) -> None:
    version = Version(7, 2, 0, package)
    foreign = Source("introspection", version="7.2.0", package=package, origin="somebody")
    assert is_build(foreign, version) is is_one
    assert not is_build(foreign, Version(7, 2, 1, package))
    own = Source("introspection", version="7.2.0", package=package)
    assert is_build(own, version)  # fetched from that very server


def test_a_fragment_alone_is_none() -> None:
    with pytest.raises(LookupError):
        select(Version(2, 9, 0), names=["qemu-2.9-dev-doc"])


def test_no_version_at_all_chooses_a_fragment() -> None:
    partial = {name for name in shipped() if source_of(name).partial}
    assert partial == {"qemu-2.9-dev-doc"}
    for major in range(12):
        for minor in range(15):
            assert select(Version(major, minor)).name not in partial


def test_the_source_of_a_catalog_is_read_alone() -> None:
    for name in shipped():
        assert source_of(name) == load_shipped(name).source


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
