"""The manual pages' compiler: what small pages of the project's own give."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.schema import store
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.manual import (
    compile_rendered,
    compile_roff,
    is_rendered,
    is_roff,
)
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.model import Alternate, Array, Catalog, Enum, Member, Object
from tests.schema.documents import manuals
from tests.usual import examples


@pytest.fixture(scope="module")
def sections() -> Compilation:
    return compile_roff(manuals.roff("sections"))


@pytest.fixture(scope="module")
def definitions() -> Compilation:
    return compile_roff(manuals.roff("definitions"))


def members(catalog: Catalog, key: str) -> dict[str, Member]:
    found = catalog.types[key]
    assert isinstance(found, Object)
    return {member.name: member for member in found.members}


def without_lines(value: Any) -> Any:
    """The value with every line number and every digest taken out."""
    if dataclasses.is_dataclass(value):
        return type(value).__name__, {
            field.name: without_lines(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in {"line", "form", "sha256"}
        }
    if isinstance(value, dict):
        return {name: without_lines(one) for name, one in value.items()}
    return [without_lines(one) for one in value] if isinstance(value, tuple) else value


# ── both layouts, both forms ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", manuals.NAMES)
def test_the_forms_are_told_apart(name: str) -> None:
    roff, rendered = manuals.roff(name), manuals.rendered(name)
    assert is_roff(roff)
    assert not is_roff(rendered)
    assert is_rendered(rendered)
    assert not is_rendered(roff)
    assert compile_document(roff).catalog.source.form == "man-roff"
    assert compile_document(rendered).catalog.source.form == "man-rendered"


@pytest.mark.parametrize("name", manuals.NAMES)
def test_source_and_rendering_give_the_same_catalog(name: str) -> None:
    from_source = compile_roff(manuals.roff(name))
    from_page = compile_rendered(manuals.rendered(name))
    assert without_lines(from_page.catalog) == without_lines(from_source.catalog)
    assert [one.became for one in from_page.headings if "Footer" not in one.text] == [
        one.became for one in from_source.headings
    ]
    shown = [(one.direction, one.subject, one.text.split()) for one in from_source.examples]
    assert [(one.direction, one.subject, one.text.split()) for one in from_page.examples] == shown
    assert [one.requirement for one in from_page.findings] == [
        one.requirement for one in from_source.findings
    ]


@pytest.mark.parametrize("name", manuals.NAMES)
def test_a_catalog_survives_being_stored(name: str) -> None:
    catalog = compile_roff(manuals.roff(name)).catalog
    assert store.decode(store.encode(catalog)) == catalog


def test_the_catalog_is_named_by_what_the_page_says(
    sections: Compilation, definitions: Compilation
) -> None:
    assert sections.catalog.name == "qemu-4.9.1-doc"
    assert sections.catalog.source.title == "example-qmp-ref(7) 4.9.1"
    assert definitions.catalog.name == "qemu-storage-daemon-10.9.0-doc"
    assert definitions.catalog.source.product == "qemu-storage-daemon"
    assert compile_roff(manuals.roff("sections"), name="mine").catalog.name == "mine"


@pytest.mark.parametrize("name", manuals.NAMES)
def test_every_entry_carries_the_line_of_its_heading(name: str) -> None:
    for text, compiled in (
        (manuals.roff(name), compile_roff(manuals.roff(name))),
        (manuals.rendered(name), compile_rendered(manuals.rendered(name))),
    ):
        lines = text.split("\n")
        catalog = compiled.catalog
        for entry in (*catalog.commands.values(), *catalog.events.values()):
            assert entry.name in lines[entry.facts.line - 1].replace("\\-", "-")
        for found in filter(lambda one: one.name, catalog.types.values()):
            assert found.name in lines[found.facts.line - 1]
            for part in getattr(found, "members", None) or getattr(found, "values", ()):
                assert part.name in lines[part.facts.line - 1].replace("\\-", "-")


@pytest.mark.parametrize("name", manuals.NAMES)
def test_every_heading_is_accounted_for(name: str) -> None:
    compiled = compile_roff(manuals.roff(name))
    became = {one.became for one in compiled.headings}
    catalog = compiled.catalog
    expected = {f"command {one}" for one in catalog.commands}
    expected |= {f"event {one}" for one in catalog.events}
    expected |= {f"type {one.name}" for one in catalog.types.values() if one.name}
    assert became == expected | {"prose"}


# ── the layout of 4.x to 9.x ─────────────────────────────────────────────────────────────────


def test_values_with_their_facts(sections: Compilation) -> None:
    found = sections.catalog.types["KettleState"]
    assert isinstance(found, Enum)
    assert [(one.name, one.facts.since, one.facts.condition) for one in found.values] == [
        ("off", "", ""),
        ("broken", "4.0", ""),
        ("heating-up", "4.1.2", ""),
        ("o", "", ""),
        ("steam", "4.2", "defined(CONFIG_STEAM)"),
    ]
    assert found.facts.since == "3.1"


def test_members_with_their_facts(sections: Compilation) -> None:
    mug = members(sections.catalog, "Mug")
    assert (mug["handles"].type, mug["handles"].optional, mug["handles"].default) == (
        "int",
        True,
        "1",
    )
    assert mug["handles"].facts.features == ("deprecated",)
    assert mug["warm"].type == "bool"
    assert mug["warm"].default == "false"
    assert mug["warm"].facts.since == "4.2"
    assert mug["warm"].facts.condition == "defined(CONFIG_STEAM) && !defined(CONFIG_ICE)"
    assert sections.catalog.types["Mug"].facts.features == ("dishwasher-safe",)


def test_a_union_with_a_base_and_branches(sections: Compilation) -> None:
    cup = sections.catalog.types["Cup"]
    assert isinstance(cup, Object)
    assert (cup.base, cup.tag) == ("CupBase", "kind")
    assert cup.variants == {"mug": "Mug", "glass": "Glass"}
    assert not cup.open
    assert [one.name for one in sections.catalog.object_members("Cup")] == [
        "kind",
        "label",
        "volume",
    ]
    assert members(sections.catalog, "Glass")["next"].type == "Cup"  # recursion


def test_a_union_that_wraps_its_branches(sections: Compilation) -> None:
    pour = sections.catalog.types["Pour"]
    assert isinstance(pour, Object)
    assert pour.tag == "type"
    assert members(sections.catalog, pour.variants["fill"])["data"].type == "Mug"
    assert members(sections.catalog, pour.variants["empty"])["data"].type == "str"
    kinds = sections.catalog.types[members(sections.catalog, "Pour")["type"].type]
    assert isinstance(kinds, Enum)
    assert kinds.name == ""
    assert [(one.name, one.facts.since) for one in kinds.values] == [
        ("fill", "3.1"),
        ("empty", "4.0"),
    ]


def test_an_alternate_and_arrays(sections: Compilation) -> None:
    assert sections.catalog.types["CupOrName"] == Alternate(
        ("Cup", "str"), "CupOrName", sections.catalog.types["CupOrName"].facts
    )
    cups = members(sections.catalog, sections.catalog.commands["kettle-fill"].arguments)["cups"]
    assert cups.optional
    assert sections.catalog.types[cups.type] == Array("CupOrName")


def test_what_commands_take_and_return(sections: Compilation) -> None:
    commands = sections.catalog.commands
    assert commands["kettle-fill"].returns == ""
    listed = sections.catalog.types[commands["query-kettles"].returns]
    assert listed == Array("KettleInfo")
    assert commands["query-kettles"].arguments == ""
    assert commands["cup-add"].arguments == "Cup"
    assert commands["cup-replace-every-one"].arguments == "Mug"
    laid = sections.catalog.types[commands["table-lay"].arguments]
    assert isinstance(laid, Object)
    assert laid.open


def test_events(sections: Compilation) -> None:
    events = sections.catalog.events
    assert set(members(sections.catalog, events["TABLE_LAID"].data)) == {"cups"}
    assert events["TABLE_CLEARED"].data == ""


def test_a_heading_that_lost_its_line_is_found_and_reported(sections: Compilation) -> None:
    commands = sections.catalog.commands
    assert commands["cup-add"].facts.condition == (
        "defined(CONFIG_CUPS) || defined(CONFIG_VERY_LONG_NAME_OF_A_CUPBOARD) "
        "|| defined(CONFIG_SHELF)"
    )
    assert commands["cup-replace-every-one"].facts.features == ("deprecated",)
    assert commands["cup-replace-every-one"].facts.condition == "defined(CONFIG_CUPS)"
    glued = [one for one in sections.findings if one.requirement == "document.heading.glued"]
    assert [one.subject for one in glued] == ["cup-replace-every-one (Command)", "TABLES"]
    assert ("TABLES", "prose") in {(one.text, one.became) for one in sections.headings}


def test_a_type_that_is_not_described_is_any_and_counted(sections: Compilation) -> None:
    assert members(sections.catalog, "KettleInfo")["left"].type == "any"
    assert [(one.subject, one.pointer) for one in sections.undetermined] == [("KettleInfo", "left")]
    unknown = [one for one in sections.findings if one.requirement == "document.type.unknown"]
    assert [(one.subject, one.pointer, one.seen) for one in unknown] == [
        ("KettleInfo", "left", "Nowhere")
    ]


def test_examples_keep_their_lines(sections: Compilation) -> None:
    text = manuals.roff("sections").split("\n")
    assert [(one.direction, one.subject) for one in sections.examples] == [
        ("->", "kettle-fill"),
        ("<-", "kettle-fill"),
        ("->", "query-kettles"),
        ("<-", "query-kettles"),
        ("<-", "TABLE_LAID"),
    ]
    for example in sections.examples:
        for number, shown in zip(example.lines, example.text.split("\n"), strict=True):
            assert shown.strip() in text[number - 1].replace("\\-", "-")


# ── the layout of 10 and later ───────────────────────────────────────────────────────────────


def test_definitions(definitions: Compilation) -> None:
    catalog = definitions.catalog
    cup = catalog.types["Cup"]
    assert isinstance(cup, Object)
    assert cup.variants == {"mug": "Mug"}
    assert cup.facts.since == "3.1"
    found = members(catalog, "Cup")
    assert [(one.name, one.type, one.optional) for one in found.values()] == [
        ("kind", "CupKind", False),
        ("handles", "int", True),
        ("labels", "[str]", True),
    ]
    assert found["handles"].default == "1"
    assert catalog.types["CupOrName"].kind == "alternate"


def test_parts_behind_a_lost_line_still_belong_to_their_entry(definitions: Compilation) -> None:
    mug = definitions.catalog.types["Mug"]
    assert mug.facts.condition == "CONFIG_MUG"
    assert [(one.name, one.type) for one in members(definitions.catalog, "Mug").values()] == [
        ("colour", "str"),
        ("inside", "CupOrName"),
    ]
    assert [(one.requirement, one.subject) for one in definitions.findings] == [
        ("document.heading.glued", "Mug"),
        ("document.heading.glued", "Mug"),
        ("document.heading.glued", "kettle-fill"),
    ]


def test_stated_results_and_conditions(definitions: Compilation) -> None:
    commands = definitions.catalog.commands
    assert definitions.catalog.types[commands["query-cups"].returns] == Array("Cup")
    assert commands["query-mug"].returns == "Mug"
    assert commands["query-mug"].arguments == "Cup"
    assert commands["kettle-fill"].returns == ""
    assert commands["kettle-fill"].facts.condition == "CONFIG_KETTLE and CONFIG_WATER"
    assert commands["kettle-fill"].facts.features == ("unstable",)


def test_features_of_values(definitions: Compilation) -> None:
    found = definitions.catalog.types["KettleState"]
    assert isinstance(found, Enum)
    marked = {one.name: one.facts.features for one in found.values}
    assert marked == {"off": (), "o": (), "steam": ("unstable",)}
    assert found.facts.features == ()


# ── documents that are wrong ─────────────────────────────────────────────────────────────────


def page(*lines: str) -> str:
    return "\n".join(['.TH "X-QMP-REF" "7" "" "1.0"', ".SH A", ".SH B", *lines])


def test_what_is_described_twice_is_left_out_and_reported() -> None:
    text = page(
        ".SS a (Command)",
        ".SS a (Command)",
        ".SS B (Object)",
        ".SS Members",
        ".TP",
        "x: int",
        "one",
        ".TP",
        "x: string",
        "two",
    )
    compiled = compile_roff(text)
    assert members(compiled.catalog, "B")["x"].type == "int"
    assert [(one.requirement, one.line) for one in compiled.findings] == [
        ("document.entry.twice", 5),
        ("document.member.twice", 12),
    ]


def test_a_type_that_is_its_own_base_gives_a_finding_and_a_sound_catalog() -> None:
    text = page(
        ".SS A (Object)",
        ".SS Members",
        ".TP",
        "The members of B",
        ".SS B (Object)",
        ".SS Members",
        ".TP",
        "The members of A",
    )
    compiled = compile_roff(text)
    assert [one.requirement for one in compiled.findings] == ["document.union.endless"]
    assert store.decode(store.encode(compiled.catalog)) == compiled.catalog


def test_a_member_without_a_type_is_reported() -> None:
    compiled = compile_roff(page(".SS A (Object)", ".SS Members", ".TP", "x", "is nice"))
    assert members(compiled.catalog, "A")["x"].type == "any"
    assert [one.requirement for one in compiled.findings] == ["document.member.no-type"]


def test_arguments_that_only_an_example_shows() -> None:
    text = page(
        ".SS a (Command)",
        ".SS Example",
        ".nf",
        '-> { "execute": "a", "arguments": { "x": 1 } }',
        '<- { "return": {} }',
        ".fi",
    )
    compiled = compile_roff(text)
    found = compiled.catalog.types[compiled.catalog.commands["a"].arguments]
    assert isinstance(found, Object)
    assert found.open
    assert [one.requirement for one in compiled.findings] == ["document.arguments.missing"]
    assert [one.pointer for one in compiled.undetermined] == ["arguments"]


def test_a_page_that_describes_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="none of its headings is a command's"):
        compile_roff('.TH "X" "7"\n.SH NAME\nx\n')
    with pytest.raises(InputError, match="2 chapters, 0 sections"):
        compile_rendered("NAME\n       x - y\n\nUSE\n       text\n")


# ── whatever the text ────────────────────────────────────────────────────────────────────────

_PIECES = [
    ".SH A", ".SS a (Command)", ".SS B (Object)", ".SS C (Enum)", ".SS D (Alternate)", ".SS Members",
    ".SS E_F (Event)", ".SS Arguments", ".SS Values", ".SS Returns", ".SS Features", ".SS If",
    ".SS Since", ".TP", ".sp", ".INDENT 7.0", ".UNINDENT", ".INDENT x", '.IP "" 3', r".IP \(bu 2",
    ".nf", ".fi", ".EX", ".EE", ".de x", "..", ".TS", ".TE", ".B", '.IP "', r"\f", "\\", r"\(", r"\X'",
    "x: int", "x: B (optional)", "y: array of array of B", "The members of B",
    'The members of B when x is "v"', 'data: D when x is "w" (If: defined(X))', "x", "One of v, w",
    "x)\\fP.SS a (Command)", "Availability: X.INDENT 7.0", "Command a (Since: 1.0)", "Object B",
    "Members", "Values", "Return", r"\fBx\fP (\fBint\fP, \fIoptional\fP) \-\- text", "x -- y",
    "When x is v: The members of B.", "a list of B", "nothing", "error if so", "since 2.1 (v since 3.0)",
    "deprecated", "Member x is deprecated.", '-> { "execute": "a", "arguments": {"x": 1} }',
    '<- { "return": [ {} ] }', "<-", "   B (Object)", "   Members", "       x: int", "              text",
    "       \u2022 x", "       off    text", "1       x", "2", "AAA", "A-B(7)   X   A-B(7)",
    "1.0     2020     A-B(7)", "x\u2010", "x-", "\x1b[1mx\x1b[0m", "x\x08x", "\t", "       -> {",
]  # fmt: skip


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=40), st.booleans(), st.sampled_from("\n\r\f"))
def test_any_text_gives_a_compilation_or_an_input_error(
    pieces: list[str], has_title: bool, end: str
) -> None:
    text = end.join(([".TH X 7", ".SS a (Command)"] if has_title else []) + pieces)
    for compile_text in (compile_roff, compile_rendered):
        try:
            compiled = compile_text(text)
        except InputError:
            continue
        assert store.decode(store.encode(compiled.catalog)) == compiled.catalog
        last = text.count("\n") + text.count("\r") + text.count("\f") + 1
        assert all(0 <= one.line <= last for one in compiled.findings)
        assert all(0 <= one.line <= last for one in compiled.headings)


@settings(max_examples=examples(200), deadline=None)
@given(st.text())
def test_arbitrary_text(text: str) -> None:
    for compile_text in (compile_roff, compile_rendered):
        try:
            compile_text(text)
        except InputError:
            continue


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(manuals.NAMES), st.booleans(), st.data())
def test_half_a_document(name: str, rendered: bool, data: st.DataObject) -> None:
    text = manuals.rendered(name) if rendered else manuals.roff(name)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    compile_text = compile_rendered if rendered else compile_roff
    try:
        compiled = compile_text(text[start:end])
    except InputError:
        return
    assert compiled.headings
    assert store.decode(store.encode(compiled.catalog)) == compiled.catalog
