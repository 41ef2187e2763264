"""The conditions of a schema's source, in the notation of each release (docs/devel/qapi-code-gen, ``if``).

From 6.1 on a condition is a setting's name, or an object with one of ``all``, ``any`` and ``not``; before, it
was an expression of the C preprocessor, or a list of these, which all must hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from qmpconf.schema import conditions
from qmpconf.schema.conditions import Condition, from_preprocessor, negated, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qmpconf.schema.qapi.places import Place, SourceError
    from qmpconf.schema.qapi.values import Node

_SETTING = re.compile(r"[A-Z][A-Z0-9_]*")
_OPERATORS = ("all", "any", "not")


class Fail(Protocol):
    """Makes the error that something is wrong in a definition, at a place in it."""

    def __call__(self, what: str, at: Place | None = None) -> SourceError:
        """The error."""


def condition_of(node: Node, fail: Fail, what: str = "", *, strings: bool) -> Condition:
    """The condition that `node` is.  Raises `SourceError` by `fail`.

    `what` is that which has the condition, empty for the definition itself.  With `strings`, the old
    notation is right as well.
    """
    return _Reader(fail, f"{what}: " if what else "", strings=strings).read(node)


class _Reader:
    def __init__(self, fail: Fail, what: str, *, strings: bool) -> None:
        self._fail = fail
        self._what = what
        self._strings = strings

    def read(self, node: Node) -> Condition:
        value = node.value
        if isinstance(value, str):
            return self._setting(value, node)
        if isinstance(value, list) and self._strings:
            return together("and", self._each(value, node))
        if not isinstance(value, dict):
            raise self._wrong("a condition is a string or an object", node)
        unknown = [name for name in value if name not in _OPERATORS]
        if unknown:
            text = f"a condition has one of 'all', 'any' and 'not', and not {unknown[0]!r}"
            raise self._wrong(text, node)
        if len(value) != 1:
            raise self._wrong("a condition has one of 'all', 'any' and 'not'", node)
        (operator, inner), *_ = value.items()
        if operator == "not":
            return negated(self.read(inner))
        if not isinstance(inner.value, list):
            raise self._wrong(f"{operator!r} takes an array of conditions", inner)
        return together("and" if operator == "all" else "or", self._each(inner.value, inner))

    def _setting(self, value: str, node: Node) -> Condition:
        if self._strings and value.strip():
            return from_preprocessor(value)
        if not _SETTING.fullmatch(value):
            raise self._wrong(f"the condition {value!r} is not the name of a setting", node)
        return conditions.name(value)

    def _each(self, items: Sequence[Node], node: Node) -> list[Condition]:
        if not items:
            raise self._wrong("an empty condition says nothing", node)
        return [self.read(one) for one in items]

    def _wrong(self, text: str, node: Node) -> SourceError:
        return self._fail(self._what + text, node.place)
