"""Changes of inputs that are still near to real ones, by their kind: a value, a member, a line, a table.

Everything is a pure function of a random generator and bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.fuzz.texts import LONGEST, bytewise, linewise, numbers, whole
from tests.fuzz.toml_text import toml
from tests.fuzz.values import (
    NUMBERS,
    STRINGS,
    Pairs,
    bent,
    change,
    dumped,
    encoded,
    encoded_loosely,
    exchange,
    parsed,
)

_JSON = re.compile(rb"[{\[]")


def embedded(rng: Random, data: bytes, pool: Sequence[Any]) -> bytes:
    """A JSON value somewhere in the text changed inside."""
    found = [one.start() for one in _JSON.finditer(data)]
    for start in rng.sample(found, min(8, len(found))):
        text = data[start:].decode("utf-8", "surrogateescape")
        try:
            _, length = json.JSONDecoder().raw_decode(text)
            tree = parsed(text[:length])
        except (ValueError, RecursionError):
            continue
        piece = encoded_loosely(dumped(change(rng, tree, pool), ascii_only=rng.random() < 0.5))
        return data[:start] + piece + text[length:].encode("utf-8", "surrogateescape")
    return bytewise(rng, data)


def json_lines(rng: Random, data: bytes, pool: Sequence[Any]) -> bytes:
    """One line of JSON changed inside, often in its message rather than around it."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        tree = parsed(lines[at].decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return bytewise(rng, data)
    members = dict(tree) if isinstance(tree, Pairs) else {}
    if {"t", "conn"} <= members.keys() and rng.random() < 0.08:
        lines[at : at + rng.randrange(2)] = [_record(rng, members)]
        return b"\n".join(lines)
    messages = [pair for pair in tree if pair[0] == "msg"] if isinstance(tree, Pairs) else []
    chance = rng.random()
    if messages and chance < 0.75:
        messages[0][1] = change(rng, messages[0][1], pool)
    elif chance < 0.85:
        return _between_lines(rng, lines, at, tree)
    else:
        tree = change(rng, tree, pool)
    lines[at] = encoded_loosely(dumped(tree, ascii_only=rng.random() < 0.3))
    return b"\n".join(lines)


#: What else may stand in a line of a trace, behind the time and the session.
_RECORDS = (
    '"from":"client","gap":100',
    '"from":"server","gap":7,"messages":3,"lines":1',
    '"from":"server","gap":0',
    '"shut":"client"',
    '"shut":"server"',
    '"close":"client"',
    '"close":"server","error":"Connection refused"',
    '"open":{"client":"unix:a","server":"unix:b"}',
    '"from":"client","raw":"{\\"execute\\":"',
    '"from":"client","raw":"12 true \\"a"',
    '"from":"server","raw":"{\\"return\\": {}}{\\"event\\": 1}\\r\\n"',
    '"from":"client","b64":"eyJh/w=="',
    '"from":"client","end":"","msg":{"execute":"stop"}',
    '"from":"client","fds":[{"kind":"file","access":"rw"}],"msg":{"execute":"getfd"}',
    '"from":"client","redacted":["/arguments/password","/id",""],"msg":{"execute":"x","arguments":{}}',
    '"from":"server","msg":{"error": {"class": "GenericError", "desc": "x"}}',
    '"from":"server","msg":{"return": {}}',
    '"from":"server","msg":{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}',
    '"finish":{"sessions":1,"messages":2}',
)


def _record(rng: Random, members: dict[str, Any]) -> bytes:
    """Another record of the same session, or of another one, at about the same time."""
    conn = dumped(members["conn"]) if rng.random() < 0.8 else rng.choice(("2", "7", "0"))
    return f'{{"t":{dumped(members["t"])},"conn":{conn},{rng.choice(_RECORDS)}}}'.encode()


def _between_lines(rng: Random, lines: list[bytes], at: int, tree: Any) -> bytes:
    """Exchange members of the record in a line with those of another line."""
    other = rng.randrange(len(lines))
    try:
        both = [tree, parsed(lines[other].decode("utf-8", "surrogateescape"))]
    except (ValueError, RecursionError):
        return b"\n".join(lines)
    if other != at:
        exchange(rng, both)
        lines[at], lines[other] = (encoded_loosely(dumped(one)) for one in both)
    return b"\n".join(lines)


def one_json(rng: Random, data: bytes, pool: Sequence[Any]) -> bytes:
    """One place of a file that is one JSON value."""
    try:
        tree = parsed(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return bytewise(rng, data)
    if rng.random() < 0.5:
        tree = exchange(rng, tree)
    else:
        for _ in range(rng.choice((1, 1, 2, 5))):
            tree = change(rng, tree, pool)
    return encoded_loosely(dumped(tree, ascii_only=rng.random() < 0.3))


def _word(rng: Random, data: bytes) -> bytes:
    """A word of a command line: another one, or a number, or this one bent."""
    kind = rng.randrange(4)
    if kind == 0:
        return encoded(rng.choice(STRINGS))
    if kind == 1:
        return rng.choice(NUMBERS).encode()
    other = bent(rng, data.decode("utf-8", "replace"))
    return encoded(other) if kind == 2 else bytewise(rng, data)


#: kind of input: its own change, which is tried most
KINDS: dict[str, Callable[[Random, bytes, Sequence[Any]], bytes]] = {
    "trace": json_lines,
    "result": json_lines,
    "wire": json_lines,
    "commands": json_lines,
    "catalog": one_json,
    "toml": toml,
    "document": lambda rng, data, pool: rng.choice((embedded, lambda r, d, _p: numbers(r, d)))(
        rng, data, pool
    ),
    "log": lambda rng, data, pool: rng.choice((embedded, lambda r, d, _p: numbers(r, d)))(
        rng, data, pool
    ),
    "capture": lambda rng, data, pool: bytewise(rng, data),
    "words": lambda rng, data, pool: _word(rng, data),
    "secrets": lambda rng, data, pool: bytewise(rng, data),
}


def mutated(
    rng: Random, kind: str, data: bytes, pool: Sequence[Any], others: Sequence[bytes] = ()
) -> bytes:
    """`data`, an input of that kind, changed at one to five places."""
    own = KINDS[kind]
    for _ in range(rng.choice((1, 1, 1, 1, 2, 4))):
        chance = rng.random()
        if chance < 0.75:
            try:
                data = own(rng, data, pool)
            except RecursionError:  # it was made deep by the change before
                data = bytewise(rng, data)
        elif chance < 0.86:
            data = linewise(rng, data)
        elif chance < 0.9:
            data = bytewise(rng, data)
        elif chance < 0.94 and others:
            other = rng.choice(others).split(b"\n")
            at = rng.randrange(len(other))
            lines = data.split(b"\n")
            spot = rng.randrange(len(lines) + 1)
            lines[spot:spot] = other[at : at + rng.randrange(1, 12)]
            data = b"\n".join(lines)
        elif chance < 0.96:
            data = whole(rng, data)
        else:
            data = numbers(rng, data)
        data = data[:LONGEST]
    return data
