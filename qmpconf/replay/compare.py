"""Two messages compared: where they differ, and which masks excused a difference.

`compare` walks both values together and gives one `Mismatch` for each place that differs.  What
counts as different is the `Level` (qmpconf/README.md, Replay):

============  ====================================================================================
``exact``     the same bytes; no mask applies
``value``     the same value: numbers by value, members in any order, masks applied
``shape``     the same members with the same JSON types; arrays of any length
``outcome``   the same kind of answer: success, or an error of the same class
============  ====================================================================================

It knows neither sessions nor order: that is `qmpconf.replay.play.match`.
"""

from __future__ import annotations

from array import array
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import NamedTuple

from qmpconf.protocol.messages import type_name
from qmpconf.protocol.places import pointer, same
from qmpconf.protocol.values import Value, dumps
from qmpconf.replay.difference import Kind
from qmpconf.replay.masks import Mask, Masks, Message
from qmpconf.replay.subsequence import common
from qmpconf.trace.redaction import REPLACEMENT

Path = tuple[str | int, ...]


class Level(Enum):
    """How strictly messages are compared."""

    EXACT = "exact"
    VALUE = "value"
    SHAPE = "shape"
    OUTCOME = "outcome"


class _Nothing:
    """Stands for a member or element that is not there."""


NOTHING = _Nothing()


class Mismatch(NamedTuple):
    """One place that differs; `expected` or `got` is `NOTHING` where one side lacks it."""

    path: Path
    kind: Kind
    expected: Value
    got: Value


class Masked(NamedTuple):
    """One place that differs and is masked; a side that lacks it has `NOTHING`."""

    mask: Mask
    path: Path
    expected: Value
    got: Value


@dataclass(slots=True)
class Comparison:
    """What was found: nothing, for messages that are the same."""

    mismatches: list[Mismatch] = field(default_factory=list)
    masked: list[Masked] = field(default_factory=list)


def compare(
    expected: Value,
    got: Value,
    *,
    level: Level = Level.VALUE,
    masks: Masks,
    message: Message,
    of: str,
) -> Comparison:
    """Compare two values of a message of kind `message` about the command or event `of`.

    `Level.EXACT` compares values here, without masks; bytes are the caller's.
    """
    if level is Level.OUTCOME:
        return _outcome(expected, got, message)
    return _Walk(level, masks, message, of).run(expected, got)


def _outcome(expected: Value, got: Value, message: Message) -> Comparison:
    found = Comparison()
    if message == "greeting":
        return found
    path: Path = ("event",) if message == "event" else ("error", "class")
    both = [_at(value, path) for value in (expected, got)]
    if both[0] is not both[1] and both[0] != both[1]:
        found.mismatches.append(Mismatch(path, kind_of(*both), *both))
    return found


def _at(value: Value, path: Path) -> Value:
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return NOTHING
        value = value[part]
    return value


def kind_of(expected: Value, got: Value) -> Kind:
    """Which kind of difference two values are; one may be `NOTHING`."""
    if expected is NOTHING:
        return "extra"
    return "missing" if got is NOTHING else "changed"


class _Walk:
    """One comparison, without recursion: messages may be nested a thousand levels deep."""

    def __init__(self, level: Level, masks: Masks, message: Message, of: str) -> None:
        self._level = level
        self._masks = masks
        self._message: Message = message
        self._of = of
        self._found = Comparison()

    def run(self, expected: Value, got: Value) -> Comparison:
        waiting: list[tuple[Path, Value, Value]] = [((), expected, got)]
        while waiting:
            path, one, other = waiting.pop()
            if isinstance(one, dict) and isinstance(other, dict):
                inner = [
                    ((*path, name), one.get(name, NOTHING), other.get(name, NOTHING))
                    for name in [*one, *(name for name in other if name not in one)]
                ]
                waiting += reversed(inner)
            elif isinstance(one, list) and isinstance(other, list):
                waiting += reversed(list(self._elements(path, one, other)))
            elif not self._equal(one, other):
                self._differs(path, one, other)
        return self._found

    def _equal(self, one: Value, other: Value) -> bool:
        if one is NOTHING or other is NOTHING:
            return False
        if isinstance(one, dict | list) or isinstance(other, dict | list):
            return False  # of two different types, or they would have been walked
        if self._level is Level.SHAPE:
            return type_name(one) == type_name(other)
        return same(one, other)

    def _differs(self, path: Path, one: Value, other: Value) -> None:
        if self._level is Level.VALUE:
            for mask in self._masks.covering(self._message, self._of, path):
                if _allows(mask, one, other):
                    self._found.masked.append(Masked(mask, path, one, other))
                    return
        self._found.mismatches.append(Mismatch(path, kind_of(one, other), one, other))

    def _elements(
        self, path: Path, one: list[Value], other: list[Value]
    ) -> Iterator[tuple[Path, Value, Value]]:
        """The elements of two arrays in pairs, each with the path that it has in the first."""
        if self._level is Level.SHAPE:
            for index, item in enumerate(other if one else ()):
                yield (*path, index), one[min(index, len(one) - 1)], item
            return
        unordered = self._set_mask(path)
        if unordered is not None:
            yield from self._by_key(unordered, path, one, other)
        elif len(one) == len(other):
            for index, pair in enumerate(zip(one, other, strict=True)):
                yield (*path, index), *pair
        else:
            yield from _aligned(path, one, other)

    def _set_mask(self, path: Path) -> Mask | None:
        if self._level is not Level.VALUE:
            return None
        covering = self._masks.covering(self._message, self._of, path)
        return next((mask for mask in covering if mask.kind == "set"), None)

    def _by_key(
        self, mask: Mask, path: Path, one: list[Value], other: list[Value]
    ) -> Iterator[tuple[Path, Value, Value]]:
        """Elements paired by their key; those of one key in their order."""
        keys = [_key(item, mask.key) for item in one]
        others: dict[bytes, deque[Value]] = {}
        for item in other:
            others.setdefault(_key(item, mask.key), deque()).append(item)
        if keys != [_key(item, mask.key) for item in other] and sorted(keys) == sorted(
            key for key, items in others.items() for _ in items
        ):
            self._found.masked.append(Masked(mask, path, "the recorded order", "another order"))
        for index, (key, item) in enumerate(zip(keys, one, strict=True)):
            candidates = others.get(key)
            yield (*path, index), item, candidates.popleft() if candidates else NOTHING
        extra = [item for items in others.values() for item in items]
        for index, item in enumerate(extra, len(one)):
            yield (*path, index), NOTHING, item


def _allows(mask: Mask, one: Value, other: Value) -> bool:
    if one is NOTHING:
        return mask.may_lack(other)
    return mask.may_lack(one) if other is NOTHING else mask.allows(one, other)


def _key(item: Value, key: str) -> bytes:
    return dumps(item[key] if key and isinstance(item, dict) and key in item else item)


def _aligned(
    path: Path, one: list[Value], other: list[Value]
) -> Iterator[tuple[Path, Value, Value]]:
    """Elements of two arrays of different length, paired so that equal ones meet."""
    ends = len(one), len(other)
    texts = [array("q", map(hash, map(dumps, items))) for items in (one, other)]
    start = low = 0
    for end, high in chain(common(*texts), (ends,)):
        for offset in range(max(end - start, high - low)):
            left = one[start + offset] if start + offset < end else NOTHING
            right = other[low + offset] if low + offset < high else NOTHING
            index = start + offset if left is not NOTHING else low + offset
            yield (*path, index), left, right
        if (end, high) != ends:
            yield (*path, end), one[end], other[high]
        start, low = end + 1, high + 1


#: What covers a value that was replaced in the recording, or in what the target says.
REDACTED = Mask("redacted", "", "*", "/**", "any", "a secret, which is not in the recording")


def excuse_redacted(found: Comparison, places: tuple[str, ...]) -> None:
    """Mask what differs at `places`, pointers of values of which a secret was taken out.

    ``""`` is all of it.  What stands around a placeholder has to be the same.
    """
    for mismatch in list(found.mismatches):
        if mismatch.kind != "changed":
            continue
        if "" in places or (
            pointer(mismatch.path) in places and _may_be_same(mismatch.expected, mismatch.got)
        ):
            found.mismatches.remove(mismatch)
            found.masked.append(Masked(REDACTED, mismatch.path, mismatch.expected, mismatch.got))


#: Commands of a guest agent that count the bytes of a file's content, which is no part of a recording.
_COUNTING = frozenset({"guest-file-read", "guest-file-write"})
#: What they count where the placeholder was written in place of that content, which is base64.
_COUNTED = len(b64decode(REPLACEMENT))


def excuse_counted(found: Comparison, command: str) -> None:
    """Mask the count of a placeholder that a replay has written into a file of the guest."""
    if command not in _COUNTING:
        return
    for mismatch in list(found.mismatches):
        if mismatch.path == ("return", "count") and mismatch.got == _COUNTED:
            found.mismatches.remove(mismatch)
            found.masked.append(Masked(REDACTED, mismatch.path, mismatch.expected, mismatch.got))


def _may_be_same(one: Value, other: Value) -> bool:
    """Whether two values can be the same one, where placeholders stand for anything."""
    for text, value in ((one, other), (other, one)):
        if text == REPLACEMENT:
            return True
        if isinstance(text, str) and isinstance(value, str) and REPLACEMENT in text:
            first, *parts, last = text.split(REPLACEMENT)
            at = len(first) if value.startswith(first) else -1
            for part in parts:
                found = value.find(part, at) if at >= 0 else -1
                at = found + len(part) if found >= 0 else -1
            if at >= 0 and value.endswith(last) and at + len(last) <= len(value):
                return True
    return False
