"""Rendered pages to blocks: what setting and viewers did to the words is undone."""

from __future__ import annotations

import textwrap

import pytest

from qmpconf.schema.documents.manual_blocks import Page
from qmpconf.schema.documents.rendered import read_rendered
from qmpconf.schema.documents.rendered_lines import joined


def read(text: str) -> Page:
    return read_rendered(textwrap.dedent(text).strip("\n") + "\n")


def blocks(text: str) -> list[tuple[str, int, str]]:
    return [(one.kind, one.indent, one.text) for one in read(text).blocks]


#: Lines that reach the right margin, so that a page's width can be seen.
FILL = "       " + "word " * 12 + "last\n"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["any  of   the"], "any of the"),
        (["MemoryFail\u2010", "ureFlags"], "MemoryFailureFlags"),
        (["a block\u2010", "dev-add b"], "a blockdev-add b"),
        (["hardware-", "specific"], "hardware-specific"),
        (["one -", "two"], "one - two"),
        (["an en\u2010dash"], "an en-dash"),
        (["a", "b"], "a b"),
        ([], ""),
    ],
)
def test_lines_are_joined_as_they_were(lines: list[str], text: str) -> None:
    assert joined(lines) == text


def test_known_words_tell_a_soft_hyphen_in_ascii() -> None:
    known = {"modify", "read-only", "MemoryFlags"}
    assert joined(["to mod-", "ify it"], known) == "to modify it"
    assert joined(["a read-", "only one"], known) == "a read-only one"
    assert joined(["(Memory-", "Flags)"], known) == "(MemoryFlags)"
    assert joined(["x --", "y"], known) == "x -- y"


def test_headings_sections_and_paragraphs() -> None:
    assert blocks(
        """
        X-REF(7)    X    X-REF(7)

        FIRST CHAPTER
           x (Command)
           Members
               one  two
               three

        Not in capitals
               four
        """
    ) == [
        ("chapter", 0, "FIRST CHAPTER"),
        ("section", 3, "x (Command)"),
        ("section", 3, "Members"),
        ("text", 7, "one two three"),
        ("chapter", 0, "Not in capitals"),
        ("text", 7, "four"),
    ]


def test_a_heading_that_was_broken_is_put_together() -> None:
    assert blocks("A\n   very-long-name\n   (Command)\n   Members\n") == [
        ("chapter", 0, "A"),
        ("section", 3, "very-long-name (Command)"),
        ("section", 3, "Members"),
    ]


def test_tags_on_lines_of_their_own() -> None:
    assert blocks("A\n       name: int\n              text\n\n       x: B\n") == [
        ("chapter", 0, "A"),
        ("text", 7, "name: int"),
        ("text", 14, "text"),
        ("text", 7, "x: B"),
    ]


def test_a_short_tag_stands_on_the_line_of_its_text() -> None:
    page = read(
        f"A\n       paused  word  word  word word  word word  word word word word\n"
        f"              and so on\n\n{FILL}\n       off    does nothing\n"
    )
    found = [(one.indent, one.text) for one in page.blocks if one.kind == "text"]
    assert found[0][0] == 7
    last = page.blocks[-1]
    assert last.text == "off does nothing"  # a tag or a sentence: who reads it knows
    assert [(one.indent, one.text) for one in last.split()] == [(7, "off"), (14, "does nothing")]


def test_a_filled_line_behind_a_tag_is_no_tag() -> None:
    text = "       Object Name (Since: 1.0)\n              What it is.\n"
    assert blocks(f"A\n{FILL}\n{text}")[2:] == [
        ("text", 7, "Object Name (Since: 1.0)"),
        ("text", 14, "What it is."),
    ]


def test_a_line_that_ends_early_ends_its_paragraph() -> None:
    text = "       The members of X\n       Whatever comes next.\n"
    assert blocks(f"A\n{FILL}{FILL}{FILL}\n{text}")[2:] == [
        ("text", 7, "The members of X"),
        ("text", 7, "Whatever comes next."),
    ]


def test_bullets_and_numbers() -> None:
    assert blocks("A\n       • one\n         two\n\n       1. three\n") == [
        ("chapter", 0, "A"),
        ("text", 7, "•"),
        ("text", 9, "one two"),
        ("text", 7, "1."),
        ("text", 10, "three"),
    ]


def test_bullets_of_devices_that_have_none() -> None:
    assert blocks("A\n       o one\n\n       o o -- two\n")[1:] == [
        ("text", 7, "•"),
        ("text", 9, "one"),
        ("text", 7, "•"),
        ("text", 9, "o -- two"),
    ]


def test_examples_are_literal_and_keep_their_lines() -> None:
    page = read(
        """
        A
               Example

                  -> { "execute": "x",
                       "arguments": {} }

                  <- { "return": {} }

               Text, which goes to the right:
               -> is an arrow.
        """
    )
    assert [(one.kind, one.line, one.last) for one in page.blocks[2:]] == [
        ("literal", 4, 7),
        ("text", 9, 10),
    ]
    assert page.blocks[2].text.split("\n") == [
        '-> { "execute": "x",',
        '     "arguments": {} }',
        "",
        '<- { "return": {} }',
    ]


def test_an_example_that_was_set_as_a_paragraph() -> None:
    page = read('A\n       -> { "exe\u2010\n       cute":  "x" }\n')
    assert page.blocks[1].text == '-> { "execute": "x" }'


def test_the_numbers_of_a_viewer() -> None:
    page = read(
        """
        1X-REF(7)                      X                      X-REF(7)
        2

        CHAPTER ONE

        4       text
        5       3 of them
        6
        78 words at the edge
        8
        9   x (Command)
        101.0                    May 19, 2021                  X-REF(7)
        Footer
        """
    )
    assert [(one.kind, one.indent, one.text, one.line) for one in page.blocks[:4]] == [
        ("chapter", 0, "CHAPTER ONE", 4),
        ("text", 7, "text 3 of them", 6),
        ("text", 0, "8 words at the edge", 9),
        ("section", 3, "x (Command)", 11),
    ]
    assert (page.name, page.version) == ("x-ref", "1.0")


def test_a_stretch_out_of_a_viewer() -> None:
    page = read("\n".join(f"{number}       {number} words" for number in range(998, 1005)))
    assert [one.text for one in page.blocks] == [
        " ".join(f"{number} words" for number in range(998, 1005))
    ]


def test_letters_that_were_struck_twice_or_coloured() -> None:
    page = read("\x1b[1mA\x1b[0m\n       b\x08bo\x08ol\x08ld\x08d _\x08i_\x08t\n")
    assert [one.text for one in page.blocks] == ["A", "bold it"]


def test_headers_and_footers_between_pages() -> None:
    page = read(
        f"A\n{FILL}{FILL}"
        "       word word word word word word word word word word word word word\n\n\n"
        "1.0                    May 19, 2021                            55\n\n\n"
        "X-REF(7)                      X                      X-REF(7)\n\n\n"
        "       and on.\n"
    )
    assert len(page.blocks) == 2
    assert page.blocks[1].text.endswith("word and on.")


def test_lines_of_tables_that_run_through_the_text() -> None:
    assert blocks("A\n   x (Command)     │    │\n       text       │\n") == [
        ("chapter", 0, "A"),
        ("section", 3, "x (Command)"),
        ("text", 7, "text"),
    ]
