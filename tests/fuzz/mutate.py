"""Changes of inputs that are still near to real ones: a value, a member, a line, a table.

Everything is a pure function of a random generator and bytes.  JSON is taken apart into `Pairs`,
lists and `Raw` literals, so that members can stand twice and numbers can be as long as they like.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

#: No mutated input is longer: what takes long then is a matter of its form, not of its size.
LONGEST = 1 << 18


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
_DIGITS = (1, 19, 20, 309, 4299, 4301, 20000)

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
        return Raw(rng.choice(("", "-")) + "9" * rng.choice(_DIGITS))
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
        _put(parent, index, _bent(rng, parent[index][1] if members else parent[index]))
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


def _bent(rng: Random, value: Any) -> Any:
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


# ── bytes ────────────────────────────────────────────────────────────────────────────────────

BYTES = (
    b"\0",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\x0c",
    b"\x85",
    b"\xe2\x80\xa8",
    b"\\",
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"->",
    b"<-",
    b"\x1b[0m",
    b"#",
    b"=",
    b"|",
    b"%",
    b"...",
    b"\\n",
    b"\\x",
    b"\\u12",
    b"\\ud800",
    b"0",
    b"9" * 25,
    b"9" * 5000,
    b"@",
    b"Since: 99999999999999999999999.1",
    b"]" * 500,
    b"[" * 2000,
    b"{" * 500,
    b"(" * 300,
    b'{"a":' * 300,
    b"' " * 200,
    b'" ' * 200,
    b"\\" * 300,
    b" " * 3000,
    b"-" * 3000,
    b"\n" * 300,
    b"a" * 5000,
    b"1" * 5000 + b".",
)

Change = Callable[[Random, bytes], bytes]


def _spot(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def bytewise(rng: Random, data: bytes) -> bytes:
    """Some bytes put in, taken out, or turned over."""
    at = _spot(rng, data)
    kind = rng.randrange(4)
    if kind == 0:
        return data[:at] + rng.choice(BYTES) + data[at:]
    if kind == 1:
        return data[:at] + data[at + rng.choice((1, 1, 2, 5, 40, 300)) :]
    if kind == 2 and at < len(data):
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4))) + data[at + rng.randrange(5) :]


def linewise(rng: Random, data: bytes) -> bytes:
    """A line moved, doubled, dropped, cut, indented, joined, or repeated often."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(10)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif kind == 2:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines[at] = lines[at][: _spot(rng, lines[at])]
    elif kind == 4:
        lines[at] = b" " * rng.choice((1, 2, 4, 8, 40)) + lines[at]
    elif kind == 5:
        lines[at : at + 2] = [b"".join(lines[at : at + 2])]
    elif kind == 6:
        times = rng.choice((3, 30, 300))
        lines[at:at] = [lines[at]] * min(times, 1 + LONGEST // 8 // (len(lines[at]) + 1))
    elif kind == 7:
        del lines[at : at + rng.randrange(1, 20)]
    elif kind == 8:
        lines = lines[: at + 1]
    else:
        lines.insert(at, rng.choice(BYTES))
    return b"\n".join(lines)


def whole(rng: Random, data: bytes) -> bytes:
    """The whole file in another encoding, cut, empty, compressed, damaged."""
    kind = rng.randrange(9)
    if kind == 0:
        return data[: _spot(rng, data)]
    if kind == 1:
        packed = gzip.compress(data, 1)
        return (
            packed
            if rng.random() < 0.4
            else bytewise(rng, packed)
            if rng.random() < 0.5
            else whole_cut(rng, packed)
        )
    if kind == 2:
        return data.decode("utf-8", "replace").encode(
            rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig")), "replace"
        )
    if kind == 3:
        return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"", b" ")))
    if kind == 4:
        return data + rng.choice((b"\0" * 1000, data[-200:], data, b"\n\n", b"\x1f\x8b"))
    if kind == 5:
        return b"\0" * rng.choice((1, 600)) + data
    if kind == 6:
        return rng.choice((b"", b"\n", b"\0", b"{}", b"[]", b"\x1f\x8b", b"null", b"\xef\xbb\xbf"))
    return data.replace(
        *rng.choice(
            (
                (b'"', b"'"),
                (b":", b": "),
                (b"0", b"9"),
                (b"-> ", b"->"),
                (b" ", b"\t"),
                (b"e", b"\xc3\xa9"),
            )
        )
    )


def whole_cut(rng: Random, data: bytes) -> bytes:
    """The file up to somewhere."""
    return data[: _spot(rng, data)]


_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_JSON = re.compile(rb"[{\[]")


def numbers(rng: Random, data: bytes) -> bytes:
    """One number in the text replaced."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return bytewise(rng, data)
    one = rng.choice(found)
    other = rng.choice((*NUMBERS, "9" * rng.choice(_DIGITS))).encode()
    return data[: one.start()] + other + data[one.end() :]


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


def encoded_loosely(text: str) -> bytes:
    """UTF-8, where bytes that were none come back, and other surrogates as three bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return encoded(text)


# ── the kinds of inputs ──────────────────────────────────────────────────────────────────────


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


def _word(rng: Random, data: bytes) -> bytes:
    """A word of a command line: another one, or a number, or this one bent."""
    kind = rng.randrange(4)
    if kind == 0:
        return encoded(rng.choice(STRINGS))
    if kind == 1:
        return rng.choice(NUMBERS).encode()
    bent = _bent(rng, data.decode("utf-8", "replace"))
    return encoded(bent) if kind == 2 else bytewise(rng, data)


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
