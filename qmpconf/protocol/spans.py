"""Where each value stands in a message's bytes: for whoever replaces some and keeps the others.

The text must be well-formed (`qmpconf.protocol.values.loads` takes it); quotes of both kinds are.
Time is linear, and what is kept is one step a level of nesting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from qmpconf.protocol.values import loads

_TOKEN = re.compile(
    rb"[ \t\r\n]++|(\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+')|([][{}:,])|([^] \t\r\n[{}:,\"']++)",
    re.DOTALL,
)


class Spot:
    """One string, number or keyword: a value, or with `is_name` a member's name.

    It stands in ``data[start:end]``, with its quotes.  `path` leads to it (to the member, for a
    name), `name` is the last name on it, ``""`` without one, `inside` is where the object or array around it begins, -1 at the top level.  `marked`
    is how many members on the path have a name that the caller marks.  `before` is where the
    string begins and ends that stands before it in the same array, None without one.  All of it is
    valid until the next spot is asked for.
    """

    __slots__ = (
        "before",
        "end",
        "inside",
        "is_name",
        "is_string",
        "marked",
        "name",
        "path",
        "start",
    )

    def __init__(self) -> None:
        self.path: list[str | int] = []
        self.name = ""
        self.start = self.end = 0
        self.inside = -1
        self.marked = 0
        self.is_string = self.is_name = False
        self.before: tuple[int, int] | None = None


def _none(_: str) -> bool:
    return False


def spots(
    data: bytes, marks: Callable[[str], bool] = _none, *, names: bool = False
) -> Iterator[Spot]:
    """Every scalar value of `data` in its order, and with `names` every member's name.

    `marks` is asked about each name.  A member that stands twice gives two spots with one path.
    The one `Spot` is reused.
    """
    spot = Spot()
    path = spot.path
    levels: list[tuple[bool, int, str]] = []  # what is around: an object?, where it begins, name
    in_object = named = False
    for token in _TOKEN.finditer(data):
        kind = token.lastindex
        if kind is None:
            continue
        spot.start, spot.end = token.span()
        if kind == 2:
            mark = data[spot.start]
            if mark == 0x2C:  # ,
                if in_object:
                    named = False
                else:
                    path[-1] = int(path[-1]) + 1
            elif mark == 0x3A:  # :
                named = True
            elif mark in (0x7B, 0x5B):  # { [
                levels.append((in_object, spot.inside, spot.name))
                in_object, named = mark == 0x7B, False
                spot.inside, spot.before = spot.start, None
                path.append("" if in_object else 0)
            else:
                last = path.pop()
                if in_object and isinstance(last, str):
                    spot.marked -= marks(last)
                in_object, spot.inside, spot.name = levels.pop()
                spot.before = None
                named = in_object
        elif kind == 1 and in_object and not named:
            last = path[-1]
            spot.marked -= marks(str(last))
            path[-1] = spot.name = name = text_of(data[spot.start : spot.end])
            spot.marked += marks(name)
            if names:
                spot.is_name, spot.is_string = True, True
                yield spot
        else:
            spot.is_name, spot.is_string = False, kind == 1
            yield spot
            if not in_object and path:
                spot.before = token.span() if kind == 1 else None


def text_of(token: bytes) -> str:
    """The text of a string that stands in its quotes."""
    if b"\\" not in token and token.isascii():
        return token[1:-1].decode("ascii")
    return str(loads(token))
