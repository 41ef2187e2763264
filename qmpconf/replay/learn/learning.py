"""Masks learned from recordings of one scenario: what differs between them may differ in a replay.

The recordings are matched as a replay matches its target (`qmpconf.replay.play.match`), the first one
against each of the others.  Whatever differs, and is neither masked already nor bound, becomes a
mask for its schema place: the command or event, and the pointer with ``*`` for each index.  It
allows no more than what was seen asks for: another integer, another number inside of a text,
another of the values of an enumeration that were seen.

An id is the same where each reply has that of its own command; a reply with another one is a
difference that no mask covers.  What no mask can cover (that, another error class, a message that is
missing) is reported.  All recordings have to be of one build (`qmpconf.replay.learn.builds`).  The recordings
are read side by side: what is in memory is what one of them is ahead of the other, and what was
learned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

from qmpconf.errors import UsageError
from qmpconf.lists import dumped, toml
from qmpconf.protocol.messages import brief, type_name
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Value, dumps
from qmpconf.replay import excerpt
from qmpconf.replay.bindings import BOUND_REASON, Bindings
from qmpconf.replay.catalogs import catalog_of_trace
from qmpconf.replay.compare import NOTHING, Comparison, Mismatch, compare
from qmpconf.replay.difference import Difference
from qmpconf.replay.gaps import require_whole
from qmpconf.replay.inference import Sent
from qmpconf.replay.learn.builds import require_one_build
from qmpconf.replay.learn.scenario import in_turn, require_one_scenario
from qmpconf.replay.masks import BUILT_IN, Kind, Mask, Masks, Message, own_address
from qmpconf.replay.places import look_up
from qmpconf.replay.plan import Connect, End, Expect
from qmpconf.replay.play.assess import ID
from qmpconf.replay.play.match import Matcher
from qmpconf.replay.play.replaying import sent_by_client
from qmpconf.replay.said import Said
from qmpconf.schema.model import Catalog
from qmpconf.text import counted
from qmpconf.trace.reader import TraceReader

Path = tuple[str | int, ...]

#: Different strings of one place, and differences that no mask covers, that are kept.
_MOST = 1000
#: Values that are kept of each place, and their characters.
_SEEN = 8
_WIDTH = 60
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

    `left` are differences that no mask covers, `pairs` the number of messages compared, `unknown`
    the recordings that do not name the version of their server.
    """

    traces: tuple[str, ...]
    masks: list[tuple[Mask, list[str]]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    pairs: int = 0
    unknown: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Place:
    """What was seen at one place."""

    kinds: set[str] = field(default_factory=set)
    #: The strings, and which patterns cover all that varies in them.
    words: dict[str, None] = field(default_factory=dict)
    varying: list[str] = field(default_factory=lambda: list(_VARYING))
    #: Patterns of values that one side lacks.
    optional: dict[str, None] = field(default_factory=dict)
    values: list[str] = field(default_factory=list)
    set_key: str | None = None
    #: Whether there were more different ones than `_MOST`.
    is_cut: bool = False

    def varied(self, one: str, other: str) -> None:
        """Take two strings that stand for each other."""
        self.varying = [
            pattern
            for pattern in self.varying
            if re.sub(pattern, "\0", one) == re.sub(pattern, "\0", other)
        ]
        self._keep(self.words, one, other)

    def lacked(self, value: Value) -> None:
        """Take a value that one side lacks."""
        is_number = type_name(value) == "integer"
        self._keep(self.optional, r"-?\d+" if is_number else _escaped(dumps(value).decode()))

    def _keep(self, kept: dict[str, None], *texts: str) -> None:
        for text in texts:
            if len(kept) < _MOST:
                kept[text] = None
            elif text not in kept:
                self.is_cut = True

    def saw(self, *texts: str) -> None:
        """Keep the first few values, as texts."""
        for text in texts:
            if text not in self.values and len(self.values) < _SEEN:
                self.values.append(text)


class _Session:
    """One session of two recordings."""

    def __init__(self) -> None:
        self.servers: list[str | None] = [None, None]
        self.ends = 0
        self._matcher: Matcher | None = None
        self._waiting: list[tuple[int, Said]] = []  # until both sides have begun

    def begin(self, matcher: Matcher) -> None:
        """Both recordings have this session."""
        self._matcher = matcher
        waiting, self._waiting = self._waiting, []
        for side, said in waiting:
            self.take(side, said)

    def take(self, side: int, said: Said) -> None:
        """The next message of one of the two servers."""
        if self._matcher is None:
            self._waiting.append((side, said))
        elif side:
            self._matcher.got(said)
        else:
            self._matcher.expect(said)

    def finish(self) -> int:
        """Both sides have ended; gives how many messages were compared."""
        if self._matcher is None:
            return 0
        self._matcher.finish(whole=True)
        return sum(self._matcher.matched.values())


def learn(paths: Sequence[str], watch: Callable[[TraceReader], object] | None = None) -> Learned:
    """Compare recordings of one scenario; `watch` is called with the readers that are read meanwhile.

    Raises UsageError for fewer than two of them, or for recordings of two builds; InputError for
    one that cannot be read, or that is of another scenario.
    """
    if len(set(paths)) < 2:
        raise UsageError("two different recordings of one scenario are needed to learn from")
    for path in paths:
        require_whole(TraceReader(path), "learned from")
    for path in paths[1:]:
        require_one_scenario(paths[0], path)
    unknown = require_one_build(paths)
    sent = cache(lambda: sent_by_client(TraceReader(paths[0])))
    learner = _Learner(catalog_of_trace(paths[0]), paths)
    for path in paths[1:]:
        readers = TraceReader(paths[0]), TraceReader(path)
        for reader in readers:
            (watch or _nothing)(reader)
        learner.compare(*readers, sent)
    learner.learned.unknown = unknown
    learner.learned.masks = list(learner.masks())
    return learner.learned


def _nothing(_reader: TraceReader) -> None:
    """Nobody watches."""


def as_toml(learned: Learned) -> str:
    """The masks as a file that ``--masks`` takes."""
    number = len(learned.traces)
    comments = [
        f"Masks that {counted(number, 'recording')} of one scenario need beyond the built-in ones:"
    ]
    comments += [f"  {toml(path)}" for path in learned.traces]
    entries: list[dict[str, str | list[str]]] = [
        {
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
        for mask, seen in learned.masks
    ]
    return dumped("mask", entries, comments)


# --- learning ----------------------------------------------------------------------------------


class _Learner:
    def __init__(self, catalog: Catalog | None, paths: Sequence[str]) -> None:
        self.learned = Learned(tuple(paths))
        self._catalog = catalog
        self._places: dict[tuple[Message, str, str], _Place] = {}
        self._other = ""
        self._astray: set[tuple[str, str]] = set()  # recordings and commands with wrong ids

    def compare(self, one: TraceReader, other: TraceReader, sent: Callable[[], Sent]) -> None:
        """Compare two recordings; the first one's client has `sent`."""
        self._other = other.path
        bindings = Bindings()
        bindings.sent = sent
        bindings.catalog = lambda: self._catalog
        found: dict[int, _Session] = {}
        for side, number, step in in_turn(one, other):
            session = found.setdefault(number, _Session())
            if isinstance(step, Connect):
                session.servers[side] = step.server
                if None not in session.servers:
                    session.begin(self._matcher(number, session.servers, bindings))
            elif isinstance(step, Expect):
                session.take(side, step.said)
            elif isinstance(step, End):
                session.ends += 1
                if session.ends == 2:
                    self.learned.pairs += session.finish()
                    del found[number]

    def _matcher(self, number: int, servers: Sequence[str | None], bindings: Bindings) -> Matcher:
        own = own_address(*(server or "" for server in servers))
        return Matcher(
            number,
            self._report,
            lambda _said, _masked: None,
            masks=Masks((*BUILT_IN, *own)),
            bindings=bindings,
            paired=partial(self._observe, own),
        )

    def masks(self) -> Iterator[tuple[Mask, list[str]]]:
        """The masks for all that was seen."""
        reason = (
            f"differed between {counted(len(self.learned.traces), 'recording')} of one scenario"
        )
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
        if seen.optional and seen.is_cut:
            self._leave(f"{message} {of} {place}: there now and then, with too many values")
        elif seen.optional:
            yield "optional", "|".join(seen.optional)

    def _text(self, message: Message, of: str, place: str, seen: _Place) -> tuple[Kind, str]:
        """The narrowest kind that covers the texts."""
        parts = place.split("/")[1:]
        if self._catalog is not None and message != "greeting":
            found = look_up(self._catalog, message, of, parts)
            is_enum = found is not None and found.kinds == frozenset({"enum"})
            if is_enum and not seen.is_cut:
                return "text", "|".join(map(_escaped, seen.words))
        return ("text", seen.varying[0]) if seen.varying else ("string", "")

    def _observe(self, own: tuple[Mask, ...], expected: Said, got: Said, found: Comparison) -> None:
        self._require_echo(self.learned.traces[0], expected)
        self._require_echo(self._other, got)
        for mismatch in self._in_order(own, expected, got, found):
            if mismatch.path in ((), ID) or not expected.of:
                continue  # another kind of answer, or a wrong id: reported
            at = self._at(expected, mismatch.path)
            one, other = mismatch.expected, mismatch.got
            at.saw(*excerpt.of_values(one, other, _WIDTH))
            if mismatch.kind != "changed":
                at.lacked(other if one is NOTHING else one)
                continue
            at.kinds |= {type_name(one), type_name(other)}
            if isinstance(one, str) and isinstance(other, str):
                at.varied(one, other)

    def _require_echo(self, path: str, said: Said) -> None:
        """Report a reply that has not the id of its command; once for each command."""
        key = (path, said.of)
        if said.echoes or key in self._astray or len(self._astray) >= _MOST:
            return
        self._astray.add(key)
        one, other = (
            "no id" if value is NOTHING else f"the id {brief(value)}"
            for value in (said.id, said.asked)
        )
        self._leave(
            f"{path}: {said.subject} (line {said.line}) has {one}, and its command has {other}"
        )

    def _in_order(
        self, own: tuple[Mask, ...], expected: Said, got: Said, found: Comparison
    ) -> list[Mismatch]:
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
                expected.content,
                got.content,
                masks=Masks((*sets, *BUILT_IN, *own)),
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
        left = self.learned.left
        if text not in left and len(left) < _MOST:
            left.append(text)


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
