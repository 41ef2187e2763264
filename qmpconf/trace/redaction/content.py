"""Secrets in JSON and in strings, and in the JSON that strings hold: the generic rules.

`hide_json` replaces them in the bytes of a well-formed text and leaves every other byte as it is.
It asks its caller about each value first (`Verdict`); for what the caller has no answer, names and
the strings' own syntax decide.  `hide_string` reads what QEMU reads in a string: a file name that
begins with ``json:``, an object in place of options, the pairs of an rbd: file name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from qmpconf.protocol.places import pointer
from qmpconf.protocol.spans import Spot, spots, text_of
from qmpconf.protocol.values import Malformed, dumps, is_json, loads
from qmpconf.trace.redaction.names import (
    PAIRS,
    REPLACEMENT,
    SENSITIVE,
    is_secret,
    is_secret_whole,
)
from qmpconf.trace.redaction.text import hide
from qmpconf.trace.redaction.values import Values, is_random

#: JSON is looked for in strings in strings so deep; below that, it is text.
_DEEPEST = 6
#: Pointers that would take more characters, each with so many besides, are one: that of the whole.
_ROOM, _COSTS = 1 << 16, 32
#: More objects that hold a secret property are not told apart from others.
_MOST_OBJECTS = 100_000
_LONG_DIALECT = 1 << 16
#: Bytes of a string that may be a name.
_LONG_NAME = 200
_QUOTED = dumps(REPLACEMENT)
_KEYWORDS = (b"true", b"false", b"null")
_JSON = re.compile(r"\s*[\[{]|(?:\A|.*?[=,])json:(?=\s*\{)", re.DOTALL)


class Verdict(Enum):
    """What is to be done about a value: it stays, it goes, or its name and syntax decide.

    With `DROP` it goes as well, but is probably no secret: it is not looked for elsewhere.
    """

    KEEP = 0
    HIDE = 1
    DROP = 2
    JUDGE = 3


_GOES = (Verdict.HIDE, Verdict.DROP)


#: Asked about each value, and each member's name; may return what is to stand in place of a string.
Decide = Callable[[Spot, bytes], Verdict | str]


#: Asked about a name.
IsSecret = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What holds for all values of a text: as for `hide_json`, with the objects that hold a secret."""

    is_name: IsSecret
    numbers: bool
    level: int
    named: set[int] | None


def judge(_: Spot, __: bytes) -> Verdict:
    """Have names and syntax decide about everything."""
    return Verdict.JUDGE


def hide_json(
    data: bytes,
    values: Values,
    decide: Decide = judge,
    *,
    is_name: IsSecret = is_secret,
    is_property: IsSecret = is_secret,
    numbers: bool = True,
    level: int = 0,
) -> tuple[bytes, list[str]]:
    """`data` without secrets, and the pointers of what was replaced (``""``: very many).

    `is_name` says which names a string has that is a secret, `is_property` of which name the value
    in ``{"name": ..., "value": ...}`` is one.  `numbers` are secret as well where all that a name
    stands for is; keywords never are.
    """
    rules = _Rules(is_name, numbers, level, _named_objects(data, is_property))
    done = 0
    out = bytearray()
    pointers: dict[str, None] = {}
    renamed: set[str] = set()
    room = _ROOM
    for spot in spots(data, is_secret_whole, names=True):
        token = data[spot.start : spot.end]
        if not spot.is_string and token in _KEYWORDS:
            continue
        count = values.count
        verdict = decide(spot, data)
        if spot.is_name:
            name = str(spot.path[-1])
            if not (verdict in _GOES or spot.marked > is_secret_whole(name)) or not is_random(name):
                continue
            values.add(name)
            renamed.add(name)
            new = _QUOTED
        else:
            new = _new(spot, data, token, values, verdict, rules)
        if values.count == count:
            continue
        out += data[done : spot.start]
        out += new
        done = spot.end
        if room > 0:
            path = [REPLACEMENT if part in renamed else part for part in spot.path]
            where = pointer(path if renamed else spot.path)
            room -= _COSTS + len(where)
            pointers[where] = None
    if not done:
        return data, []
    out += data[done:]
    return bytes(out), list(pointers) if room > 0 else [""]


def _new(
    spot: Spot,
    data: bytes,
    token: bytes,
    values: Values,
    verdict: Verdict | str,
    rules: _Rules,
) -> bytes:
    """What is to stand for one value; where that is something else, it was added to `values`."""
    if isinstance(verdict, str):
        return dumps(verdict)
    if verdict is Verdict.KEEP:
        return token
    if not spot.is_string:
        if verdict in _GOES or (spot.marked and rules.numbers):
            values.add(token.decode(), weak=verdict is Verdict.DROP)
            return _QUOTED
        return token
    text = text_of(token)
    if (
        verdict in _GOES
        or spot.marked
        or rules.is_name(spot.name)
        or ((rules.named is None or spot.inside in rules.named) and spot.path[-1:] == ["value"])
        or (rules.level and _follows_a_name(spot, data))
    ):
        values.add(text, weak=verdict is Verdict.DROP)
        return _QUOTED
    count = values.count
    new = hide_string(
        text,
        values,
        is_name=rules.is_name,
        level=rules.level,
        is_pairs=spot.name == PAIRS,
    )
    return token if values.count == count else dumps(new)


def _follows_a_name(spot: Spot, data: bytes) -> bool:
    """Whether the string before this one in an array names a secret."""
    if spot.before is None:
        return False
    start, end = spot.before
    return end - start < _LONG_NAME and is_secret(text_of(data[start:end]).lstrip("-"))


def _named_objects(data: bytes, is_property: IsSecret) -> set[int] | None:
    """Where objects begin that hold a secret's ``name``, and so perhaps its ``value``; None: all."""
    found: set[int] = set()
    if b'"value"' not in data or b'"name"' not in data:
        return found
    for spot in spots(data):
        if spot.is_string and spot.path[-1:] == ["name"] and spot.end - spot.start < _LONG_NAME:
            if is_property(text_of(data[spot.start : spot.end])):
                found.add(spot.inside)
            if len(found) > _MOST_OBJECTS:
                return None
    return found


def hide_string(
    text: str,
    values: Values,
    *,
    is_name: IsSecret = is_secret,
    level: int = 0,
    is_pairs: bool = False,
) -> str:
    """A string without the secrets that its content shows; `values` counts them."""
    if level < _DEEPEST or is_pairs:
        found = _JSON.match(text)
        if found is not None:
            start = found.end() if "json:" in found.group() else 0
            new = _hide_nested(text[start:], values, is_name, level)
            if new is not None:
                return text[:start] + new
    return hide(text, values, is_name)


def _is_nested(data: bytes) -> bool:
    """Whether the text in a string is JSON; QEMU's dialect is looked for in a short one only."""
    if is_json(data):
        return True
    if len(data) > _LONG_DIALECT:
        return False
    try:
        loads(data)
    except Malformed:
        return False
    return True


def _hide_nested(text: str, values: Values, is_name: IsSecret, level: int) -> str | None:
    """JSON in a string; None where it is none."""
    doubled = ",," in text
    for inner in (text, text.replace(",,", ",")) if doubled else (text,):
        data = inner.encode("utf-8", "surrogatepass")
        if not _is_nested(data):
            continue
        try:
            found = hide_json(data, values, is_name=is_name, level=level + 1)[0]
        except Malformed:  # a surrogate without its partner, which libraries disagree about
            continue
        new = found.decode("utf-8", "surrogatepass")
        return new.replace(",", ",,") if inner is not text else new
    if '"' not in text and "'" not in text:
        return None
    word = SENSITIVE.search(text.encode("utf-8", "surrogatepass"))
    if word is None:
        return None
    kept = text.encode("utf-8", "surrogatepass")[: word.end()].decode("utf-8", "ignore")
    values.add_words(text[len(kept) :])
    return kept + REPLACEMENT
