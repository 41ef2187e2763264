"""Masks learned from recordings of one scenario: what differs between them may differ in a replay.

The recordings are matched as a replay matches its target (`qmpconf.replay.match`), the first one
against each of the others.  Whatever differs, and is neither masked already nor bound, becomes a
mask for its schema place: the command or event, and the pointer with ``*`` for each index.  It
allows no more than what was seen asks for: another integer, another number inside of a text,
another of the values of an enumeration that were seen.

What no mask can cover (another error class, a message that is missing) is told.  The recordings
are held in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from qmpconf.errors import InputError, UsageError
from qmpconf.protocol.messages import brief, type_name
from qmpconf.protocol.values import Malformed, Value, dumps, pointer
from qmpconf.replay.bindings import BOUND_REASON, Bindings
from qmpconf.replay.catalogs import catalog_of_trace
from qmpconf.replay.compare import NOTHING, Comparison, Mismatch, compare
from qmpconf.replay.difference import Difference
from qmpconf.replay.gaps import require_whole
from qmpconf.replay.inference import Sent, scalars
from qmpconf.replay.masks import BUILT_IN, Kind, Mask, Masks, Message, own_address
from qmpconf.replay.match import Matcher
from qmpconf.replay.places import look_up
from qmpconf.replay.plan import Connect, Expect, Send, steps
from qmpconf.replay.said import Said
from qmpconf.schema.model import Catalog
from qmpconf.trace.reader import TraceReader

Path = tuple[str | int, ...]

#: Values that are kept of each place.
_SEEN = 8
#: What varies inside of a text, the narrowest first.
_VARYING = (
    r"\d+",
    r"0x[0-9a-fA-F]+",
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
)
#: Members by which the elements of a list can be told apart.
_KEYS = ("name", "label", "id", "node-name", "device", "option", "type")
_KINDS: dict[frozenset[str], Kind] = {
    frozenset({"integer"}): "integer",
    frozenset({"number"}): "number",
    frozenset({"integer", "number"}): "number",
    frozenset({"boolean"}): "boolean",
    frozenset({"string"}): "string",
}


@dataclass(slots=True)
class Learned:
    """What was learned: masks, each with the values seen there (as JSON text), and what is left.

    `left` are differences that no mask covers, `pairs` the number of messages compared.
    """

    traces: tuple[str, ...]
    masks: list[tuple[Mask, list[str]]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    pairs: int = 0


@dataclass(slots=True)
class _Session:
    """One session of a recording."""

    server: str
    sends: list[tuple[int, str, frozenset[Path]]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)


@dataclass(slots=True)
class _Place:
    """What was seen at one place."""

    kinds: set[str] = field(default_factory=set)
    texts: list[tuple[str, str]] = field(default_factory=list)
    optional: list[Value] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    set_key: str | None = None

    def saw(self, *values: Value) -> None:
        """Keep the first few values."""
        for value in values:
            text = "nothing" if value is NOTHING else brief(value)
            if text not in self.values and len(self.values) < _SEEN:
                self.values.append(text)


def learn(paths: Sequence[str]) -> Learned:
    """Compare recordings of one scenario.

    Raises UsageError for fewer than two of them, InputError for one that cannot be read, or that
    is of another scenario.
    """
    if len(set(paths)) < 2:
        raise UsageError("two different recordings of one scenario are needed to learn from")
    sent = Sent()
    first = _sessions(paths[0], sent)
    others = [_sessions(path) for path in paths[1:]]
    for path, other in zip(paths[1:], others, strict=True):
        _require_one_scenario((paths[0], first), (path, other))
    learner = _Learner(catalog_of_trace(paths[0]), paths)
    for path, other in zip(paths[1:], others, strict=True):
        learner.begin(path, sent)
        for number, pair in enumerate(zip(first, other, strict=True), 1):
            learner.session(number, *pair)
    learner.learned.masks = list(learner.masks())
    return learner.learned


def as_toml(learned: Learned) -> str:
    """The masks as a file that ``--masks`` takes."""
    number = len(learned.traces)
    lines = [f"# Masks that {number} recordings of one scenario need beyond the built-in ones:"]
    lines += [f"#   {json.dumps(path)}" for path in learned.traces]
    for mask, seen in learned.masks:
        members: dict[str, Any] = {
            "name": mask.name,
            "message": mask.message,
            "of": mask.of,
            "place": mask.place,
            "kind": mask.kind,
            **({"pattern": mask.pattern} if mask.pattern else {}),
            **({"key": mask.key} if mask.key else {}),
            "reason": mask.reason,
            "seen": seen,
        }
        lines += ["", "[[mask]]", *(f"{key} = {_toml(value)}" for key, value in members.items())]
    return "\n".join(lines) + "\n"


def _toml(value: str | list[str]) -> str:
    """A TOML string or list of strings: as JSON has them, but for the one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- one scenario ------------------------------------------------------------------------------


def _sessions(path: str, sent: Sent | None = None) -> list[_Session]:
    """The sessions of a recording; what its clients send goes to `sent`, too."""
    found: dict[int, _Session] = {}
    every: list[_Session] = []
    reader = TraceReader(path)
    require_whole(reader, "learned from")
    for step in steps(reader.items()):
        if isinstance(step, Connect):
            found[step.conn] = _Session(step.server)
            every.append(found[step.conn])
        elif isinstance(step, Expect):
            found[step.conn].said.append(step.said)
        elif isinstance(step, Send) and step.number is not None:
            if sent is not None:
                sent.add(step.frame, step.line)
            found[step.conn].sends.append((step.line, step.command, _members(step.frame.data)))
    return every


def _members(data: bytes) -> frozenset[Path]:
    """Which members a command's arguments have, whatever their values."""
    try:
        return frozenset(path for path, _, _ in scalars(data) if path[:1] == ("arguments",))
    except Malformed:
        return frozenset()


def _require_one_scenario(
    one: tuple[str, list[_Session]], other: tuple[str, list[_Session]]
) -> None:
    """Raise InputError where the clients of two recordings do not say the same."""
    head = f"{one[0]} and {other[0]} are not recordings of one scenario: "
    if len(one[1]) != len(other[1]):
        raise InputError(f"{head}{len(one[1])} sessions in the one, {len(other[1])} in the other")
    for number, (left, right) in enumerate(zip(one[1], other[1], strict=True), 1):
        for at, (mine, theirs) in enumerate(zip_longest(left.sends, right.sends), 1):
            if mine is None or theirs is None or mine[1] != theirs[1]:
                raise InputError(
                    f"{head}message {at} of session {number} is {_called(mine)} in the one, "
                    f"and {_called(theirs)} in the other"
                )
            if mine[2] != theirs[2]:
                odd = pointer(min(mine[2] ^ theirs[2], key=str))
                raise InputError(
                    f"{head}message {at} of session {number} ({_called(mine)}) has {odd} in one "
                    f"of the two only (line {theirs[0]} of the other)"
                )


def _called(send: tuple[int, str, frozenset[Path]] | None) -> str:
    return "not there" if send is None else f"{send[1] or 'no command'} (line {send[0]})"


# --- learning ----------------------------------------------------------------------------------


class _Learner:
    def __init__(self, catalog: Catalog | None, paths: Sequence[str]) -> None:
        self.learned = Learned(tuple(paths))
        self._catalog = catalog
        self._places: dict[tuple[Message, str, str], _Place] = {}
        self._other = ""
        self._bindings = Bindings()
        self._own: tuple[Mask, ...] = ()

    def begin(self, path: str, sent: Sent) -> None:
        """The next sessions are of the recording `path`; the first one's client has `sent`."""
        self._other = path
        self._bindings = Bindings()
        self._bindings.sent = lambda: sent
        self._bindings.catalog = lambda: self._catalog

    def session(self, number: int, one: _Session, other: _Session) -> None:
        """Compare two sessions."""
        self._own = own_address(one.server, other.server)
        matcher = Matcher(
            number,
            self._report,
            lambda _said, _masked: None,
            masks=Masks((*BUILT_IN, *self._own)),
            bindings=self._bindings,
            paired=self._observe,
        )
        for said in one.said:
            matcher.expect(said)
        for said in other.said:
            matcher.got(said)
        matcher.finish(whole=True)
        self.learned.pairs += sum(matcher.matched.values())

    def masks(self) -> Iterator[tuple[Mask, list[str]]]:
        """The masks for all that was seen."""
        reason = f"differed between {len(self.learned.traces)} recordings of one scenario"
        for (message, of, place), seen in self._places.items():
            for kind, pattern in self._allowed(message, of, place, seen):
                mask = Mask("learned", message, of, place, kind, reason, pattern)
                yield mask, seen.values
            if seen.set_key is not None:
                key = seen.set_key
                yield Mask("learned", message, of, place, "set", reason, key=key), seen.values

    def _allowed(
        self, message: Message, of: str, place: str, seen: _Place
    ) -> Iterator[tuple[Kind, str]]:
        kind = _KINDS.get(frozenset(seen.kinds))
        if kind == "string":
            yield self._text(message, of, place, seen)
        elif kind:
            yield kind, ""
        elif seen.kinds:
            self._leave(f"{message} {of} {place}: {' and '.join(sorted(seen.kinds))} are mixed")
        if seen.optional:
            texts = dict.fromkeys(
                r"-?\d+" if type_name(value) == "integer" else _escaped(dumps(value).decode())
                for value in seen.optional
            )
            yield "optional", "|".join(texts)

    def _text(self, message: Message, of: str, place: str, seen: _Place) -> tuple[Kind, str]:
        """The narrowest kind that covers the texts."""
        parts = place.split("/")[1:]
        if self._catalog is not None and message != "greeting":
            found = look_up(self._catalog, message, of, parts)
            if found is not None and found.kinds == frozenset({"enum"}):
                values = dict.fromkeys(text for pair in seen.texts for text in pair)
                return "text", "|".join(map(_escaped, values))
        for pattern in _VARYING:
            if all(re.sub(pattern, "\0", a) == re.sub(pattern, "\0", b) for a, b in seen.texts):
                return "text", pattern
        return "string", ""

    def _observe(self, expected: Said, got: Said, found: Comparison) -> None:
        for mismatch in self._in_order(expected, got, found):
            if not mismatch.path or not expected.of:
                continue  # another kind of answer: reported
            at = self._at(expected, mismatch.path)
            one, other = mismatch.expected, mismatch.got
            at.saw(one, other)
            if mismatch.kind != "changed":
                at.optional.append(other if one is NOTHING else one)
                continue
            at.kinds |= {type_name(one), type_name(other)}
            if isinstance(one, str) and isinstance(other, str):
                at.texts.append((one, other))

    def _in_order(self, expected: Said, got: Said, found: Comparison) -> list[Mismatch]:
        """The mismatches that are left where lists in another order are compared as sets."""
        sets: list[Mask] = []
        excused = {one.path for one in found.masked if one.mask.reason.startswith(BOUND_REASON)}
        mismatches = list(found.mismatches)
        tried: set[Path] = set()
        while True:
            path = next(
                (
                    path
                    for mismatch in mismatches
                    for path in _lists(mismatch.path)
                    if path not in tried
                ),
                None,
            )
            if path is None:
                return mismatches
            tried.add(path)
            values = [_resolved(said.message.value, path) for said in (expected, got)]
            key = _permuted(*values)
            if key is None:
                continue
            at = self._at(expected, path)
            at.set_key = key
            at.saw("the order of the list")
            place = _place(path)
            sets.append(Mask("learned", expected.kind, expected.of, place, "set", "", key=key))
            again = compare(
                expected.message.value,
                got.message.value,
                masks=Masks((*sets, *BUILT_IN, *self._own)),
                message=expected.kind,
                of=expected.of,
            )
            mismatches = [one for one in again.mismatches if one.path not in excused]

    def _at(self, said: Said, path: Path) -> _Place:
        return self._places.setdefault((said.kind, said.of, _place(path)), _Place())

    def _report(self, difference: Difference) -> None:
        """A difference of whole messages, which no mask covers."""
        if difference.note or (difference.pointer and difference.kind != "moved"):
            return
        line = difference.line or difference.got_line
        self._leave(
            f"{self._other}: {difference.kind} {difference.subject} (line {line}): "
            f"expected {difference.expected}, got {difference.got}"
        )

    def _leave(self, text: str) -> None:
        if text not in self.learned.left:
            self.learned.left.append(text)


def _place(path: Path) -> str:
    return pointer("*" if isinstance(part, int) else part for part in path)


def _lists(path: Path) -> Iterator[Path]:
    """The lists on the way to `path`, the outermost first."""
    return (path[:at] for at, part in enumerate(path) if isinstance(part, int))


def _resolved(value: Value, path: Path) -> Value:
    for part in path:
        try:
            value = value[part]
        except (IndexError, KeyError, TypeError):
            return NOTHING
    return value


def _permuted(one: Value, other: Value) -> str | None:
    """The key by which two lists are the same in another order; empty: all of each element."""
    if not isinstance(one, list) or not isinstance(other, list) or len(one) != len(other):
        return None
    texts = [list(map(dumps, items)) for items in (one, other)]
    if texts[0] != texts[1] and sorted(texts[0]) == sorted(texts[1]):
        return ""
    for key in _KEYS:
        keys = [
            [
                item[key]
                for item in items
                if isinstance(item, dict) and isinstance(item.get(key), str)
            ]
            for items in (one, other)
        ]
        told_apart = len(set(keys[0])) == len(one) and sorted(keys[0]) == sorted(keys[1])
        if told_apart and keys[0] != keys[1]:
            return key
    return None


def _escaped(text: str) -> str:
    """A pattern for exactly `text`, in ASCII."""
    return "".join(re.escape(char) if char.isascii() else f"\\U{ord(char):08x}" for char in text)
