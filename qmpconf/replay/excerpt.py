"""Two values that differ, as short texts: what is too long is cut around the place where they differ.

Two long values that begin alike would be the same text if each were cut at its end.  Both are cut at
the same place instead, so that they can be compared by eye; ``...`` stands for what is left out.
Pure.
"""

from __future__ import annotations

import re

from qmpconf.protocol.messages import brief
from qmpconf.protocol.values import Value, dumps
from qmpconf.replay.compare import NOTHING

_DOTS = "..."
#: The part of the width that what is equal gets, before the place where the texts differ.
_BEFORE = 3
#: The beginning of an escape of JSON, which is not cut in two.
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_LONGEST_ESCAPE = 6


def of_values(one: Value, other: Value, width: int) -> tuple[str, str]:
    """Two values as JSON text of at most `width` characters; ``nothing`` for `NOTHING`."""
    if one is NOTHING or other is NOTHING:
        return _alone(one, width), _alone(other, width)
    return of_texts(dumps(one).decode("ascii"), dumps(other).decode("ascii"), width)


def of_texts(one: str, other: str, width: int) -> tuple[str, str]:
    """Two texts, each of at most `width` characters (at least 20)."""
    if len(one) <= width and len(other) <= width:
        return one, other
    start = _common(one, other) - width // _BEFORE
    start = min(start, max(len(one), len(other)) - width + len(_DOTS))
    return _cut(one, start, width), _cut(other, start, width)


def _alone(value: Value, width: int) -> str:
    return "nothing" if value is NOTHING else brief(value, width)


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, start: int, width: int) -> str:
    """At most `width` characters of `text`, from about `start`."""
    if len(text) <= width:
        return text
    start = _whole(text, start) if start > len(_DOTS) else 0
    head = _DOTS if start else ""
    if len(text) - start <= width - len(head):
        return head + text[start:]
    end = _whole(text, start + width - len(head) - len(_DOTS))
    return f"{head}{text[start:end]}{_DOTS}"


def _whole(text: str, at: int) -> int:
    """`at`, or the beginning of the escape around it."""
    found = _ESCAPE.search(text, max(0, at - _LONGEST_ESCAPE), at)
    return found.start() if found else at
