"""JSON values, taken apart and changed: `Pairs`, lists and `Raw` literals.

So members can stand twice, and numbers can be as long as they like.  Everything is a pure function of a
random generator and values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any


class Pairs(list):  # type: ignore[type-arg]
    """An object, as a list of [name, value]."""


class Raw(str):
    """A literal that is written as it is."""

    __slots__ = ()


def parsed(text: str) -> Any:
    """The value in a JSON text.  Raises ValueError and RecursionError."""
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: Pairs([k, v] for k, v in pairs),
        parse_int=Raw,
        parse_float=Raw,
        parse_constant=Raw,
    )


def dumped(value: Any, *, ascii_only: bool = False) -> str:
    """A value of `parsed` as JSON, white space as in our own files."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        members = (f"{_string(k, ascii_only)}:{dumped(v, ascii_only=ascii_only)}" for k, v in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumped(one, ascii_only=ascii_only) for one in value) + "]"
    return _string(value, ascii_only) if isinstance(value, str) else json.dumps(value)


def _string(text: Any, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)


def encoded(text: str) -> bytes:
    """UTF-8; half a surrogate pair becomes the three bytes that stand for it."""
    return text.encode("utf-8", "surrogatepass")


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────

_NESTS = (5, 60, 200, 1000, 1025, 5000)
DIGITS = (1, 19, 20, 309, 4299, 4301, 20000)

STRINGS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "\r\n",
    "\u2028",
    "\ud800",
    "\udc80x",
    "é",
    "\U0001f600",
    "\u202e",
    "\x1b[31m",
    "\x7f",
    "~",
    "/",
    "//",
    "a/b~c",
    "~1",
    "~0~2",
    "..",
    "/nowhere/at/all",
    "-",
    "%s",
    "{0}",
    "{socket}",
    "*",
    "**",
    "?",
    "[",
    "[a",
    "(",
    "\\",
    '"',
    "'",
    "<b>&",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "9" * 30,
    "9" * 5000,
    "x" * 3000,
    "REDACTED",
    "return",
    "error",
    "event",
    "id",
    "QMP",
    "2026-11-20T05:17:00.123456Z",
    "9999-99-99",
    "unix:",
    "tcp:::1",
    "fd:0",
    "::warning::x",
    "|",
    "`",
    "```",
)

NUMBERS = (
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "1e2",
    "1E400",
    "-1e400",
    "1e-400",
    "0.1",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "NaN",
    "Infinity",
    "-Infinity",
    "01",
    "+1",
    "1.",
    ".5",
    "0x10",
    "1_0",
    "1e99999999",
)


def literal(rng: Random) -> Any:
    """Some value of any type, often an unusual one."""
    kind = rng.randrange(9 if rng.random() < 0.9 else 10)
    if kind < 3:
        return Raw(rng.choice(NUMBERS[:-12] if rng.random() < 0.9 else NUMBERS))
    if kind < 6:
        return rng.choice(STRINGS)
    if kind == 6:
        return Raw(
            rng.choice(("null", "true", "false", "[]", "{}", "[[]]", '{"":{}}', "[null]", "[{}]"))
        )
    if kind == 7:
        depth = rng.choice(_NESTS)
        opening, closing = rng.choice((("[", "]"), ('{"a":', "}"), ('[{"":', "}]")))
        inner = "1" if opening[-1] == ":" else ""
        return Raw(opening * depth + inner + closing * (depth if rng.random() < 0.95 else 0))
    if kind == 8:
        return Raw(rng.choice(("", "-")) + "9" * rng.choice(DIGITS))
    return Raw(
        rng.choice(
            (
                '"\\ud800"',
                '"\\udfff\\ud800"',
                '"\\u0000"',
                '"\\',
                "'a'",
                "nul",
                '"a',
                "{",
                "}",
                "]",
                ",",
                "",
            )
        )
    )


def _places(rng: Random, tree: Any) -> Iterator[tuple[Any, int]]:
    """From the top down to some place: containers, each with an index."""
    while isinstance(tree, list) and tree:
        index = rng.randrange(len(tree))
        yield tree, index
        if rng.random() < 0.3:
            return
        tree = tree[index][1] if isinstance(tree, Pairs) else tree[index]


def change(rng: Random, tree: Any, pool: Sequence[Any]) -> Any:
    """Change one place of a value, in place if it has any; gives the value.

    `pool` are values from other inputs; members and items of them are put in.
    """
    places = list(_places(rng, tree))
    if not places:
        return literal(rng)
    parent, index = places[-1]
    kind = rng.randrange(12)
    members = isinstance(parent, Pairs)
    if kind <= 2:
        _put(parent, index, literal(rng))
    elif kind == 3:
        del parent[index]
    elif kind == 4:
        parent.insert(rng.randrange(len(parent) + 1), _copy(parent[index]))
    elif kind == 5 and members:
        parent[index][0] = rng.choice(
            (*STRINGS[:30], *(_names(pool, rng)), parent[index][0].upper())
        )
    elif kind == 6 and members:
        other = rng.choice(parent)
        parent[index][1], other[1] = other[1], parent[index][1]
    elif kind == 7:
        _put(parent, index, _some(rng, pool))
    elif kind == 8 and members:
        parent.append([rng.choice(_names(pool, rng) or ["x"]), _some(rng, pool)])
    elif kind == 9:
        old = parent[index][1] if members else parent[index]
        _put(
            parent,
            index,
            rng.choice(([old], Pairs([["a", old]]), Raw(f"[{dumped(old)},{dumped(old)}]"))),
        )
    elif kind == 10 and rng.random() < 0.9:
        _put(parent, index, bent(rng, parent[index][1] if members else parent[index]))
    else:
        rng.shuffle(parent)
    return tree


def exchange(rng: Random, tree: Any) -> Any:
    """Exchange two values of one type that stand under one member's name, in place.

    What comes out has the form of its kind still, and says something else.
    """
    leaves: dict[tuple[str, str], list[list[Any]]] = {}
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Pairs):
            for pair in one:
                leaves.setdefault((pair[0], type(pair[1]).__name__), []).append(pair)
                waiting.append(pair[1])
        elif isinstance(one, list):
            waiting += one
    several = [pairs for pairs in leaves.values() if len(pairs) > 1]
    for _ in range(rng.choice((1, 1, 3, 10))):
        if several:
            first, second = rng.sample(rng.choice(several), 2)
            first[1], second[1] = _copy(second[1]), _copy(first[1])
    return tree


def _put(parent: Any, index: int, value: Any) -> None:
    if isinstance(parent, Pairs):
        parent[index][1] = value
    else:
        parent[index] = value


def _copy(value: Any) -> Any:
    if isinstance(value, Pairs):
        return Pairs([k, _copy(v)] for k, v in value)
    return [_copy(one) for one in value] if isinstance(value, list) else value


def _some(rng: Random, pool: Sequence[Any]) -> Any:
    tree = rng.choice(pool) if pool else []
    places = list(_places(rng, tree))
    if not places:
        return literal(rng)
    parent, index = places[-1]
    return _copy(parent[index][1] if isinstance(parent, Pairs) else parent[index])


def _names(pool: Sequence[Any], rng: Random) -> list[str]:
    tree = rng.choice(pool) if pool else []
    return [parent[index][0] for parent, index in _places(rng, tree) if isinstance(parent, Pairs)]


def bent(rng: Random, value: Any) -> Any:
    """The same value, a little different."""
    if isinstance(value, Raw):
        return Raw(
            rng.choice(
                (
                    f"{value}0",
                    f"-{value}".replace("--", ""),
                    f"{value}.0",
                    f'"{value}"',
                    f"[{value}]",
                    f"1{value[1:]}",
                )
            )
        )
    if isinstance(value, str):
        at = rng.randrange(len(value) + 1)
        return value[:at] + rng.choice(STRINGS) + value[at + rng.randrange(2) :]
    if isinstance(value, bool) or value is None:
        return Raw(rng.choice(("0", '"true"', "null", "true", "false")))
    return Raw(dumped(value)[:-1]) if rng.random() < 0.05 else [value]


def encoded_loosely(text: str) -> bytes:
    """UTF-8, where bytes that were none come back, and other surrogates as three bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return encoded(text)
