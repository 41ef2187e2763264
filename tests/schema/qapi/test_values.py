"""The dialect of JSON: whatever value is written in it is read again."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.schema.qapi.values import Node, Tokens
from tests.usual import examples

#: All printable ASCII but the quote, for which a string has no escape.
LETTERS = st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="'")
TEXTS = st.text(LETTERS, max_size=8)
VALUES = st.recursive(
    TEXTS | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)
#: What may stand between two tokens.
BETWEEN = st.sampled_from(["", " ", "\t", "\n", " # 'a', {\n", "\r\n\n"])


def written(value: Any, between: Any) -> str:
    """The value in the dialect, with white space and comments of the test's choice."""
    space = between()
    if isinstance(value, bool):
        return space + str(value).lower() + between()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\")
        return f"{space}'{escaped}'{between()}"
    if isinstance(value, list):
        return f"{space}[{','.join(written(one, between) for one in value)}{between()}]"
    members = (f"{written(k, between)}:{written(v, between)}" for k, v in value.items())
    return f"{space}{{{','.join(members)}{between()}}}"


def plain(node: Node) -> Any:
    """The value without its places."""
    if isinstance(node.value, dict):
        return {name: plain(one) for name, one in node.value.items()}
    if isinstance(node.value, list):
        return [plain(one) for one in node.value]
    return node.value


@settings(max_examples=examples(300))
@given(VALUES, st.data())
def test_what_is_written_is_read(value: Any, data: st.DataObject) -> None:
    text = written(value, lambda: data.draw(BETWEEN)) + "\n"
    tokens = Tokens(text, "f")
    node = tokens.value()
    assert plain(node) == value
    assert tokens.token.kind == ""
    lines = text.split("\n")
    for one in walk(node):
        first = lines[one.place.line - 1][one.place.column - 1]
        assert first in "{['tf"


def walk(node: Node) -> Any:
    yield node
    inner = node.value
    for one in (
        inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ()
    ):
        yield from walk(one)
