"""Changes of a TOML file: its values, its keys, its tables."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.fuzz.values import STRINGS, encoded_loosely

_TOML_VALUES = (
    "9" * 5000,
    "-" + "9" * 20,
    "[" * 2000,
    "[" * 2000 + "]" * 2000,
    "{a=" * 1000,
    "{a=" * 1000 + "1" + "}" * 1000,
    "nan",
    "-inf",
    "1e999",
    "2026-11-20",
    "2026-11-20T05:17:00Z",
    "99:99:99",
    "0xffffffffffffffffffff",
    '""',
    "''",
    '"""\n"""',
    '"\\ud800"',
    '"\\U0000d800"',
    '"\\u0000"',
    "[]",
    "{}",
    "[[]]",
    "[1, 'a']",
    "{a = 1}",
    "true",
    '"("',
    '"[a"',
    '"*"',
    '"/"',
    '"//**/*"',
    '"(a+)+$"',
    '"(?P<x>"',
    '"\\\\"',
    "'/return/*/' ",
    '"reply"',
    '"integer"',
    '"text"',
    '"key"',
    "0o9",
    "1__0",
    '["a", "b", "c"]',
    "''''",
    "+",
    '"[[a]]"',
    '"9999999999999s"',
    '"1e400ms"',
    '"nan"',
    '"-1s"',
    '"=1s"',
    '"inf"',
)
_TOML_LINES = (
    "[[known]]",
    "[[mask]]",
    "[a]",
    "[[a]]",
    "[a.a.a]",
    "a.b.c.d = 1",
    "known = 1",
    "mask = {}",
    "[known]",
    "[mask]",
    "[tool]",
    "tool = 1",
    "[tool.qmpconf]",
    "[replay]",
    "[check]",
    "server = [1]",
    "client = [[]]",
    "[[server]]",
    "[[client]]",
    "[[note]]",
    "pairs = [[]]",
    "preamble = []",
    "a." * 3000 + "a = 1",
    "[" + "a." * 3000 + "a]",
    '"" = 1',
    "'\u2028' = 1",
    "[[replay.mask]]",
    "x" * 5000 + " = 1",
)
_ASSIGNED = re.compile(r"^(\s*)([\w.\"'-]+)(\s*=\s*)(.*)$")


def toml(rng: Random, data: bytes, pool: Sequence[Any]) -> bytes:
    """A value, a key or a table of TOML changed."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    assigned = [at for at, line in enumerate(lines) if _ASSIGNED.match(line)]
    kind = rng.randrange(6)
    if kind >= 4 or not assigned:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(_TOML_LINES))
        return encoded_loosely("\n".join(lines))
    at = rng.choice(assigned)
    found = _ASSIGNED.match(lines[at])
    assert found
    space, key, equal, value = found.groups()
    if kind <= 1:
        value = rng.choice(_TOML_VALUES)
    elif kind == 2:
        other = _ASSIGNED.match(lines[rng.choice(assigned)])
        assert other
        key, value = rng.choice(
            ((other[2], value), (key, other[4]), ("x", value), (f"{key}.a", value))
        )
    else:
        value = json.dumps(rng.choice(STRINGS))
    lines[at] = f"{space}{key}{equal}{value}"
    return encoded_loosely("\n".join(lines))
