"""Objects as people leave them: shortened, masked, wrapped, with slips; and what is none."""

from __future__ import annotations

import pytest

from qmpconf.protocol.values import loads
from qmpconf.trace.convert.edited import Change, Edited, Object, State


def read(*lines: str, strict: bool = False) -> Object | None:
    edited = Edited(strict=strict)
    for line in lines:
        edited.feed(line.encode() + b"\n")
        if edited.state is not State.OPEN:
            break
    return edited.object() or edited.cut_off()


@pytest.mark.parametrize(
    ("text", "expected", "places"),
    [
        ('{"a": [1, {"b": null}]}', '{"a": [1, {"b": null}]}', ()),
        ('{"id": XXX, "n": OFFSET}', '{"id": "XXX", "n": "OFFSET"}', ("/id", "/n")),
        ('{"a": <uuid>, "b": (filtered)}', '{"a": "<uuid>", "b": "(filtered)"}', ("/a", "/b")),
        ('{"a": "XXXX", "b": "x"}', '{"a": "XXXX", "b": "x"}', ("/a",)),
        ('{"return": {...}}', '{"return": {}}', ("/return",)),
        ('{"return": [{"a": 1, ... }]}', '{"return": [{"a": 1 }]}', ("/return/0",)),
        (
            '{"return": [{"a": 1}, ..., {"b": 2}]}',
            '{"return": [{"a": 1},  {"b": 2}]}',
            ("/return",),
        ),
        ('{"return": [{"a": 1} ... ]}', '{"return": [{"a": 1} ]}', ("/return",)),
        ('{"arguments": ..., "id": 1}', '{"arguments": {}, "id": 1}', ("/arguments",)),
        ("{'a': True, u'b': None}", "{'a': true, 'b': null}", ()),
        ('{"desc": "wait ..."}', '{"desc": "wait ..."}', ()),
    ],
)
def test_what_stands_for_something_is_no_ones(
    text: str, expected: str, places: tuple[str, ...]
) -> None:
    found = read(text)
    assert found is not None
    assert (found.text.decode(), found.places) == (expected, places)


@pytest.mark.parametrize(
    "text",
    ["{a, b}", '{"a" 1}', '{"a": 1,}', '{"a": foo}', '{"a": 1]', "{'a': 1", '{"a": 1 "b": 2}', "]"],
)
def test_what_is_no_object(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ['{"a": XXX}', '{"a": {...}}', "{'a': True}", '{"a": 1, ...}'])
def test_nothing_stands_for_anything_where_nobody_has_edited(text: str) -> None:
    assert read(text) is not None
    assert read(text, strict=True) is None


def test_strings_that_a_mail_program_has_wrapped() -> None:
    found = read(
        '{"error": {"class": "GenericError", "desc": "Could not open the file, which',
        '  is not there"}}',
    )
    assert found is not None
    assert b'"Could not open the file, which is not there"' in found.text
    assert found.places == ("/error/desc",)
    assert read('{"error": "too short', 'to be wrapped"}') is None


def test_what_an_author_has_laid_out_may_have_slips() -> None:
    found = read('{"a": 1', ' "b": [2,', "  ],  # two", "}")
    assert found is not None
    assert loads(found.text) == {"a": 1, "b": [2]}
    assert Change.COMMA in found.changes
    assert read('{"a": 1,', "}") is not None


def test_an_object_whose_end_is_left_out() -> None:
    found = read('{"return": [', ' {"a": 1},', " ...")
    assert found is not None
    assert found.cut_off
    assert found.places == ("/return",)
    assert read('{"return": [', ' {"a": 1},') is None
