"""What a command returns, out of prose and examples: each rule, and what is left undetermined."""

from __future__ import annotations

import pytest

from qmpconf.schema.documents import tolerant
from qmpconf.schema.documents.manual_returns import Returned, returned
from qmpconf.schema.documents.tolerant import Node

KINDS = {"Cup": "Object", "CupState": "Enum", "Memdev": "Object"}


def replies(*texts: str) -> list[Node]:
    nodes = [tolerant.read(text).node for text in texts]
    return [node for node in nodes if node is not None]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("nothing", ""),
        ("Nothing on success.", ""),
        ("If successful, nothing", ""),
        ("error if there is none", ""),
        ("Error if there is none.", ""),
        ("an error if there is none", ""),
        ("Cup reflecting everything", "Cup"),
        ("A Cup object listing things.  Not a list of Memdev.", "Cup"),
        ("The Cup for the guest", "Cup"),
        ("a list of Cup for each cup.", "array of Cup"),
        ("A list of Cup", "array of Cup"),
        ("a list with a Cup for each", "array of Cup"),
        ("array of Cup, where each is one", "array of Cup"),
        ("the list of Cup", "array of Cup"),
        ("a list of Cup objects", "array of Cup"),
        ("the output of the command as a string", "string"),
        ("CupState", "CupState"),
        ("Number of cups that are full. On error, none is.", "int"),
        ("The length of the list that was read", "int"),
        ("The unique integer id passed in by the client", "int"),
        ("Time in nanoseconds.", "int"),
    ],
)
def test_prose_alone(text: str, type_: str) -> None:
    assert returned("query-cup", text, KINDS, []) == Returned(type_)


@pytest.mark.parametrize(
    ("text", "reply", "type_", "shown"),
    [
        ("Cup on success", '[ { "a": 1 } ]', "array of Cup", "a list"),
        ("a list of Cup", '{ "a": 1 }', "Cup", "no list"),
        ("Cup objects.", '{ "a": 1 }', "Cup", ""),
        ("Cup objects.", "[]", "array of Cup", ""),
        ("data from the device", '"abc"', "string", ""),
        ("size in bytes", "4096", "int", ""),
        ("whether it is so", "true", "boolean", ""),
        (None, "{ }", "", ""),
    ],
)
def test_prose_with_an_example(text: str | None, reply: str, type_: str, shown: str) -> None:
    found = returned("cup-get", text, KINDS, replies(reply))
    assert (found.type, found.shown, found.undetermined) == (type_, shown, "")


@pytest.mark.parametrize(
    ("text", "reply", "unknown"),
    [
        ("cup information", "", ""),
        ("cup information", '{ "a": 1 }', ""),
        ("CupInfos for all", "", "CupInfos"),
        ("a Cup or a Memdev", "", ""),
        ("Cup objects.", "", ""),
        ("A CupState object", '{ "a": 1 }', ""),
        (None, "", ""),
        (None, '{ "a": 1 }', ""),
        (None, "{ ... }", ""),
        ("a number", "1.5", ""),
    ],
)
def test_what_is_not_told_is_undetermined(text: str | None, reply: str, unknown: str) -> None:
    found = returned("query-cup", text, KINDS, replies(reply) if reply else [])
    assert found.type == ""
    assert found.undetermined
    assert found.unknown == unknown


def test_a_command_without_a_word_returns_nothing_unless_it_is_a_query() -> None:
    assert returned("cup-add", None, KINDS, []) == Returned()
    assert returned("query-cup", None, KINDS, []).undetermined
    assert returned("x-query-cup", None, KINDS, []).undetermined
