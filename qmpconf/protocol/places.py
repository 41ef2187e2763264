"""Places inside of JSON values, and whether two values are equal.

A place is a JSON pointer (RFC 6901): ``pointer`` makes one, ``resolve`` follows one, ``replaced`` puts
another value there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qmpconf.protocol.values import Value


def pointer(parts: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) of the place that `parts` lead to; ``""`` is the whole."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def pointer_parts(text: str) -> list[str]:
    """The parts of a JSON pointer, unescaped.  Raises ValueError if it does not start with /."""
    if not text:
        return []
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not a JSON pointer: it must be empty or start with '/'")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def resolve(value: Value, text: str) -> Value:
    """The value at a JSON pointer inside of `value`.  Raises KeyError when there is none."""
    for part in pointer_parts(text):
        value = value[_step(value, part)]
    return value


def replaced(value: Value, text: str, other: Value) -> Value:
    """A copy of `value` with `other` at a JSON pointer; what is beside the way to it is not copied.

    Raises KeyError when nothing is there.
    """
    whole: list[Value] = [value]
    box: Value = whole
    at: str | int = 0
    for part in pointer_parts(text):
        inner = box[at]
        step = _step(inner, part)
        box[at] = dict(inner) if isinstance(inner, dict) else list(inner)
        box, at = box[at], step
    box[at] = other
    return whole[0]


def _step(value: Value, part: str) -> str | int:
    """The member or index that `part` is in `value`.  Raises KeyError when there is none."""
    if isinstance(value, dict) and part in value:
        return part
    if isinstance(value, list) and part.isdecimal() and len(part) <= len(str(len(value))):
        at = int(part)
        if at < len(value):
            return at
    raise KeyError(part)


def same(one: Value, other: Value) -> bool:
    """Whether two values are equal after a server has normalised one of them.

    Numbers compare by value (``1.0`` and ``1``); an integer beyond 64 bits compares as the double
    that a server makes of it.  A bool is never a number.
    """
    if type(one) is str and type(other) is str:
        return one == other
    todo = [(one, other)]  # values may nest deeper than Python may recurse
    while todo:
        one, other = todo.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            todo += [(item, other[name]) for name, item in one.items()]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            todo += zip(one, other, strict=True)
        elif not _same_scalar(one, other):
            return False
    return True


def _same_scalar(one: Value, other: Value) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        if one == other:
            return True
        big = max(abs(one), abs(other)) >= 2**63
        return big and as_double(one) == as_double(other)
    return type(one) is type(other) and bool(one == other)


def as_double(number: float) -> float:
    """A number as the double that a server makes of it."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
