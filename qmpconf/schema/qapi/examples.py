"""The examples in a schema's comments, for `schema audit`: exchanges of messages that they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qmpconf.schema.documents.examples import gather, is_example
from qmpconf.schema.documents.lines import Line
from qmpconf.schema.documents.result import Example
from qmpconf.schema.qapi.comments import Comment
from qmpconf.schema.qapi.source import Schema

#: A line of a comment begins with this.
_COMMENT = "# "


def examples_of(schema: Schema, named: Callable[[str], str] = str) -> tuple[Example, ...]:
    """The examples of all comments that document a definition, in the order of the files."""
    return tuple(
        one for comment in schema.comments if comment.symbol for one in _of(comment, named)
    )


def _of(comment: Comment, named: Callable[[str], str]) -> Iterator[Example]:
    lines = [Line(one.place.line, one.text, len(_COMMENT) + 1) for one in comment.lines]
    at = 0
    while at < len(lines):
        if is_example(lines[at]):
            example, at = gather(lines, at, comment.symbol)
            yield Example(
                example.direction,
                example.text,
                example.line,
                example.last_line,
                example.subject,
                example.lines,
                example.column,
                named(comment.place.file),
            )
        else:
            at += 1
