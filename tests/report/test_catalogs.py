"""The list of the catalogs that ship."""

from __future__ import annotations

from qmpconf.report.catalogs import Shipped, as_data, as_text
from qmpconf.schema.model import Source


def shipped(name: str, release: tuple[int, int], source: Source) -> Shipped:
    return Shipped(name, source, release, (1, 2, 3))


CATALOGS = [
    shipped("qemu-1.0-doc", (1, 0), Source("document", title="a page", partial="half")),
    shipped("qemu-4.0.0", (4, 0), Source("introspection", package=" (v4)", origin="a, b.replies")),
    shipped("qemu-4.2.0", (4, 2), Source("introspection")),
    shipped("qemu-4.2-rc1-arm", (4, 2), Source("introspection", architecture="arm")),
    shipped("qemu-4.0.0-sh4", (4, 0), Source("introspection", architecture="sh4")),
    shipped("other-1.0", (1, 0), Source("introspection", product="other")),
]


def test_by_product_kind_of_source_and_architecture() -> None:
    parts = as_text(CATALOGS).split("\n\n")
    titles = parts[::2]
    assert titles == [
        "qemu, x86_64: introspected",
        "qemu: from documents",
        "qemu, other architectures: introspected (qemu-VERSION-ARCHITECTURE)",
        "other: introspected",
    ]
    lines = [line.split() for part in parts[1::2] for line in part.splitlines()[2:]]
    assert lines == [
        ["qemu-4.0.0", "v4", "(a,", "b.replies)", "1", "2", "3"],
        ["qemu-4.2.0", "a", "build", "without", "a", "name", "1", "2", "3"],
        ["qemu-1.0-doc", "a", "page", "(a", "fragment)", "1", "2", "3"],
        ["4.0", "4.0.0"],
        ["4.2", "4.2-rc1"],
        ["other-1.0", "a", "build", "without", "a", "name", "1", "2", "3"],
    ]


def test_each_architecture_has_a_column() -> None:
    grid = as_text(CATALOGS).split("\n\n")[5].splitlines()
    assert grid[0].split() == ["release", "arm", "sh4"]
    assert grid[2].index("4.0.0") == grid[0].index("sh4")
    assert grid[3].index("4.2-rc1") == grid[0].index("arm")


def test_no_line_is_longer_than_there_is_room() -> None:
    assert max(map(len, as_text(CATALOGS, 60).splitlines())) <= 70


def test_the_same_for_programs() -> None:
    one = as_data(CATALOGS)[3]
    assert (one["name"], one["release"], one["architecture"]) == ("qemu-4.2-rc1-arm", "4.2", "arm")
    assert [as_data(CATALOGS)[1][key] for key in ("origin", "commands", "types")] == [
        "a, b.replies",
        1,
        3,
    ]
