"""The small phrases of the manual pages: tags, versions, defaults, and what a feature is about."""

from __future__ import annotations

import pytest

from qmpconf.schema.documents.manual_entries import (
    Part,
    default_of,
    instead_of,
    part_of,
    since_each,
    since_of,
    subjects_of,
)


@pytest.mark.parametrize(
    ("tag", "part"),
    [
        ("on", Part(1, "on")),
        ("2_5", Part(1, "2_5")),
        ("zstd (If: defined(CONFIG_ZSTD))", Part(1, "zstd", condition="defined(CONFIG_ZSTD)")),
        ("x: int", Part(1, "x", "int")),
        ("x: array of B (optional)", Part(1, "x", "array of B", optional=True)),
        (
            "x-y: B (optional) (If: A and (B or (C and D)))",
            Part(1, "x-y", "B", optional=True, condition="A and (B or (C and D))"),
        ),
        ('data: B when type is "v"', Part(1, "data", "B", tag="type", case="v")),
        ("The members of B", Part(1, type="B")),
        ("the members of B.", Part(1, type="B")),
        (
            'The members of B when type is "a-b" (If: defined(X))',
            Part(1, type="B", tag="type", case="a-b", condition="defined(X)"),
        ),
        (
            'The members of B when t is "v" Whatever comes next.',
            Part(1, type="B", tag="t", case="v", text="Whatever comes next."),
        ),
        ("Since 5.1", None),
        ("An ordinary sentence.", None),
        ("x : not a type", None),
        ("", None),
    ],
)
def test_tags(tag: str, part: Part | None) -> None:
    assert part_of(tag, 1) == part


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("how many there are (since 2.10)", "2.10"),
        ("(any by default; since 2.7)", "2.7"),
        ("(Since: 0.14.0)", "0.14.0"),
        ("deprecated since 3.0", ""),
        ("deprecated since 3.0, since 2.0 there", "2.0"),
        ("since the beginning", ""),
        ("", ""),
    ],
)
def test_versions(text: str, version: str) -> None:
    assert since_of(text) == version


def test_versions_of_single_values() -> None:
    text = "2.1 (poweroff since 2.8, run since 5.0) 'l2tpv3' - since 2.1 abort: since 1.6"
    assert since_each(text, ["poweroff", "run", "l2tpv3", "abort", "other"]) == {
        "poweroff": "2.8",
        "run": "5.0",
        "l2tpv3": "2.1",
        "abort": "1.6",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("how many (default: 1)", "1"),
        ("how (default 'accept')", "'accept'"),
        ("Defaults to false.  (Since 5.1)", "false"),
        ("Currently defaults to 'aes-256'.", "'aes-256'"),
        ("The default is 4.", "4"),
        ("(default '/dev/dsp')", "'/dev/dsp'"),
        ("Default is 10.0.2.0/24.  The next", "10.0.2.0/24"),
        ('(default "all read and write")', ""),
        ("(default: let Others choose)", ""),
        ("Defaults to the size of the image", ""),
        ("whether to use it, default try both", ""),
        ("no word of it", ""),
    ],
)
def test_defaults(text: str, value: str) -> None:
    assert default_of(text) == value


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("Member a is deprecated.  Use b instead.", ("a",)),
        ("Members a and x-b are experimental.", ("a", "x-b")),
        ("Members a, x-b, and c are experimental.", ("a", "x-b", "c")),
        ("Argument c is experimental.", ("c",)),
        ("All members starting with x- are aliases.", ("x-b",)),
        ("All members starting with x-are aliases.", ("x-b",)),
        ("Member z is deprecated.", ()),
        ("This command is deprecated.", None),
        ("If present, a can be used.", None),
    ],
)
def test_what_a_feature_is_about(text: str, subjects: tuple[str, ...] | None) -> None:
    assert subjects_of(text, ["a", "x-b", "c"]) == subjects


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("This command is deprecated.  Use 'a-b' instead.", ("a-b",)),
        ("Members a and b are deprecated.  Use c and d-e instead.", ("c", "d-e")),
        ("Deprecated.  For media, use c instead.", ("c",)),
        ("Use a, b and c instead", ("a", "b", "c")),
        ("Use inserted member dirty-bitmaps instead.", ()),
        ("Use a.  It is better; use it instead.", ("it",)),
        ("There is nothing instead.", ()),
    ],
)
def test_what_to_use_instead(text: str, names: tuple[str, ...]) -> None:
    assert instead_of(text) == names
