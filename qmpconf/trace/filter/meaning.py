"""A filter as a test of one message.

`Facts` is all that a filter can see: the message, the call that it belongs to, and its session.  A comparison
with what a message does not have is false, whatever the operator.
"""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from qmpconf.protocol.values import Malformed, Value, loads
from qmpconf.text import expression
from qmpconf.trace.filter.literals import Range, Scalar
from qmpconf.trace.filter.syntax import (
    And,
    Compare,
    Filter,
    Has,
    In,
    Not,
    Or,
    Place,
    Step,
    Wildcard,
)
from qmpconf.trace.items import Item
from qmpconf.trace.records import Open
from qmpconf.trace.summary import Summable, Summary

#: Kinds that say that something went wrong.
_WRONG = frozenset({"error", "malformed", "other", "gap"})
_RESPONSES = frozenset({"return", "error"})
#: A step into a list.
_INDEX = re.compile(r"[0-9]{1,9}\Z").match
#: Values of a message that are looked at for one path.
_MOST_VALUES = 1 << 20
#: Stands for a member that a message does not have; null is a value.
_ABSENT = object()


class Facts:
    """What is known of one message.

    `own` and `item` are the message; `command` is that of its call, `answer` the response, with their
    summaries, as far as they are there; `opening` is how its session began.
    """

    __slots__ = ("_values", "answer", "command", "item", "opening", "own", "replied")

    def __init__(
        self,
        own: Summary,
        item: Summable | None = None,
        *,
        command: Summable | None = None,
        answer: Summary | None = None,
        replied: Summable | None = None,
        opening: Open | None = None,
    ) -> None:
        self.own, self.item = own, item
        self.command = command
        self.answer, self.replied = answer, replied
        self.opening = opening
        self._values: dict[str, Any] = {}

    def at(self, name: str, path: tuple[Step, ...]) -> Iterator[Value]:
        """The values at a path in ``arguments``, ``return`` or ``data``; none where there is no such member."""
        if name not in self._values:
            self._values[name] = self._value(name)
        found = self._values[name]
        return iter(()) if found is _ABSENT else _at(found, path)

    def _value(self, name: str) -> Any:
        item = {"arguments": self.command, "return": self.replied, "data": self.item}[name]
        if not isinstance(item, Item) or (name == "data" and self.own.kind != "event"):
            return _ABSENT
        try:
            found = loads(item.frame.data)
        except (Malformed, RecursionError):
            return _ABSENT
        return found.get(name, _ABSENT) if isinstance(found, dict) else _ABSENT


Test = Callable[[Facts], bool]


def test_of(one: Filter) -> Test:
    """The test that a filter means."""
    if isinstance(one, Not):
        inner = test_of(one.inner)
        return lambda facts: not inner(facts)
    if isinstance(one, And | Or):
        parts = [test_of(part) for part in one.parts]
        if isinstance(one, And):
            return lambda facts: all(part(facts) for part in parts)
        return lambda facts: any(part(facts) for part in parts)
    holds = _holds(one)
    if one.place.path:
        name, path = one.place.name, one.place.path
        return lambda facts: any(map(holds, facts.at(name, path)))
    get = _GETTERS[one.place.name]

    def test(facts: Facts) -> bool:
        found = get(facts)
        return found is not None and holds(found)

    return test


def _holds(one: Has | Compare | In) -> Callable[[Value], bool]:
    """What is to hold of a value that is there."""
    if isinstance(one, Has):
        return _is_there(one.place)
    if isinstance(one, In):
        tests = [_one_of(value) for value in one.items]
        return lambda found: any(test(found) for test in tests)
    value: Any = one.value
    if one.operator == "~":
        return lambda found: isinstance(found, str) and fnmatchcase(found, value)
    if one.operator == "~~":
        search = expression(str(value)).search
        return lambda found: isinstance(found, str) and search(found) is not None
    if one.operator == "=":
        return lambda found: _equal(found, value)
    if one.operator == "!=":
        return lambda found: not _equal(found, value)
    if not _is_number(value):
        return lambda _: False  # a text, true, false, null: of JSON, where numbers have an order
    order = _ORDERS[one.operator]
    return lambda found: _is_number(found) and order(found, value)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def _is_there(place: Place) -> Callable[[Value], bool]:
    return bool if place.field.type in ("yes", "number") else lambda _: True


def _one_of(value: Scalar | Range) -> Callable[[Value], bool]:
    if not isinstance(value, Range):
        return lambda found: _equal(found, value)
    first, last = value.first, value.last
    return lambda found: (
        _is_number(found) and (first is None or found >= first) and (last is None or found <= last)
    )


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(one: Value, other: Scalar) -> bool:
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


def _at(value: Value, path: tuple[Step, ...]) -> Iterator[Value]:
    """The values at a path; where its last step is a member with the value null, None."""
    waiting: list[tuple[Value, int]] = [(value, 0)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        one, at = waiting.pop()
        if at == len(path):
            yield one
            continue
        step = path[at]
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        if isinstance(step, Wildcard):
            if step.deep:
                waiting += [(each, at) for each in reversed(list(inner))]
                waiting.append((one, at + 1))
            else:
                waiting += [(each, at + 1) for each in reversed(list(inner))]
        elif isinstance(one, dict) and step in one:
            waiting.append((one[step], at + 1))
        elif isinstance(one, list) and _INDEX(step) and int(step) < len(one):
            waiting.append((one[int(step)], at + 1))


# --- the fields ----------------------------------------------------------------------------------


def _command(facts: Facts) -> str | None:
    own = facts.own
    return own.name if own.kind == "command" or (own.kind in _RESPONSES and own.name) else None


def _failure(facts: Facts) -> Summary | None:
    return facts.answer if facts.answer is not None and facts.answer.kind == "error" else None


def _error(facts: Facts) -> str | None:
    failure = _failure(facts)
    return None if failure is None else failure.outcome


def _description(facts: Facts) -> str | None:
    failure = _failure(facts)
    return None if failure is None else failure.text


def _took(facts: Facts) -> float | None:
    return None if facts.answer is None else facts.answer.latency


def _identity(facts: Facts) -> str | None:
    text = facts.own.id
    if not text.startswith('"'):
        return text or None
    try:
        return str(loads(text.encode()))
    except (Malformed, UnicodeEncodeError):
        return text


def _wrong(facts: Facts) -> bool:
    own = facts.own
    return own.kind in _WRONG or (own.kind == "close" and bool(own.text))


def _text(facts: Facts) -> str:
    if isinstance(facts.item, Item):
        return facts.item.frame.data.decode("utf-8", "replace")
    return facts.own.text


_GETTERS: dict[str, Callable[[Facts], Any]] = {
    "command": _command,
    "error": _error,
    "desc": _description,
    "took": _took,
    "answered": lambda facts: facts.answer is not None,
    "event": lambda facts: facts.own.name if facts.own.kind == "event" else None,
    "kind": lambda facts: facts.own.kind,
    "sender": lambda facts: facts.own.sender,
    "id": _identity,
    "oob": lambda facts: facts.own.oob,
    "wrong": _wrong,
    "text": _text,
    "size": lambda facts: facts.own.size,
    "fds": lambda facts: facts.own.fds,
    "line": lambda facts: facts.own.line,
    "time": lambda facts: facts.own.t,
    "session": lambda facts: facts.own.conn,
    "client": lambda facts: (facts.opening.client if facts.opening else "") or None,
    "monitor": lambda facts: (facts.opening.server if facts.opening else "") or None,
}
