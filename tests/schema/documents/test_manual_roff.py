"""Roff source to blocks: the columns that groff would set, and every escape."""

from __future__ import annotations

import pytest

from qmpconf.schema.documents.manual_blocks import Block, tree
from qmpconf.schema.documents.roff import arguments, read_roff, unescape


def blocks(*lines: str) -> list[tuple[str, int, str, int, int]]:
    page = read_roff("\n".join(lines))
    return [(one.kind, one.indent, one.text, one.line, one.last) for one in page.blocks]


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        (r"\fBbold\fP \f(CWcode\fP \f[I]name\f[]", "bold code name"),
        (r"x\-y \(dq\(aq\(bu\[u2014]\[aq]", "x-y \"'•—'"),
        (r"a\&b\%c\:d\/", "abcd"),
        (r"back\e slash\\ t\~b", "back\\ slash\\ t b"),
        (r"\X'tty: link x'text\X'tty: link'", "text"),
        (r"text\" a comment", "text"),
        (r"\s-1small\s0", "small"),
        (r"\(zz\[nothing]", ""),
        ("end\\", "end"),
    ],
)
def test_escapes_print_what_groff_prints(source: str, printed: str) -> None:
    assert unescape(source) == printed


def test_arguments_of_macros() -> None:
    assert arguments(r'"a b" c "say ""x""" \(bu') == ["a b", "c", 'say "x"', "•"]
    assert arguments('"open') == ["open"]


def test_headings_and_paragraphs() -> None:
    assert blocks(
        ".SH A  B", "one", "two", ".sp", "three", ".SS \\fBx\\-y\\fP (Command)", ".PP", "four"
    ) == [
        ("chapter", 0, "A B", 1, 1),
        ("text", 7, "one two", 2, 3),
        ("text", 7, "three", 5, 5),
        ("section", 3, "x-y (Command)", 6, 6),
        ("text", 7, "four", 8, 8),
    ]


def test_tags_and_what_hangs_behind_them() -> None:
    assert blocks(
        ".SH A",
        ".INDENT 0.0",
        ".TP",
        ".B \\fBx\\fP: \\fBint\\fP",
        "about x",
        ".sp",
        "more of it",
        ".INDENT 7.0",
        ".IP \\(bu 2",
        "a point",
        ".UNINDENT",
        ".UNINDENT",
        "back",
    )[1:] == [
        ("text", 7, "x: int", 4, 4),
        ("text", 14, "about x", 5, 5),
        ("text", 14, "more of it", 7, 7),
        ("text", 14, "•", 9, 9),
        ("text", 16, "a point", 10, 10),
        ("text", 7, "back", 13, 13),
    ]


def test_text_goes_on_in_the_column_that_was_closed() -> None:
    # rst2man's .UNINDENT leaves the indentation of what it closed
    assert blocks(".SH A", ".INDENT 7.0", "in", ".UNINDENT", ".sp", "still in")[1:] == [
        ("text", 14, "in", 3, 3),
        ("text", 14, "still in", 6, 6),
    ]


def test_literal_text_keeps_its_lines() -> None:
    found = blocks(".SH A", ".INDENT 3.5", ".nf", ".ft C", "a  b", "", "  c", ".ft P", ".fi", "d")
    assert found[1:] == [("literal", 10, "a  b\n\n  c", 5, 7), ("text", 10, "d", 10, 10)]
    assert blocks(".EX", "x", ".EE")[0][0] == "literal"


def test_definitions_of_macros_and_tables_are_no_text() -> None:
    assert blocks(".de1 X", "no text", "..", ".TS", "a|b", ".TE", ".so other", "text") == [
        ("text", 7, "text", 8, 8)
    ]


def test_the_title_tells_name_and_version() -> None:
    page = read_roff('.TH "QEMU-QMP-REF" "7" "May 25, 2026" "7.2.22" "QEMU"')
    assert (page.name, page.version) == ("qemu-qmp-ref", "7.2.22")
    assert read_roff(".TH X 7").version == ""


def test_damaged_source_still_gives_its_words() -> None:
    assert blocks(".UNINDENT", ".UNINDENT", ".INDENT many", "x", ".TP") == [("text", 14, "x", 4, 4)]
    assert blocks(".IP", "x") == [("text", 14, "x", 2, 2)]
    assert blocks("") == []


def test_what_belongs_to_what_follows_from_the_columns() -> None:
    flat = [Block("text", indent, text, 1, 1) for indent, text in ((7, "a"), (14, "b"), (16, "c"))]
    roots = tree([*flat, Block("text", 14, "d", 1, 1), Block("text", 7, "e", 1, 1)])
    assert [node.text for node in roots] == ["a", "e"]
    assert [node.text for node in roots[0].walk()] == ["a", "b", "c", "d"]
    assert roots[0].body() == "b c d"


def test_nothing_belongs_to_text_that_damage_put_to_the_left() -> None:
    roots = tree([Block("text", 0, "a", 1, 1), Block("text", 7, "b", 1, 1)])
    assert [node.text for node in roots] == ["a", "b"]


def test_half_a_surrogate_pair_is_no_character() -> None:
    assert unescape(r"a\[uD800]b\[uDFFF]c\[u00E9]\[u1D800]") == "abcé\U0001d800"
