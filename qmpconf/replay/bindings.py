"""Bindings: values that the recorded server chose and the client sent back later.

A descriptor's number, a generated node name, a pseudo terminal: the target chooses its own, so what
the client sends has to name the target's.  Nothing is guessed in silence: `BOUND` says at which
schema places a server chooses a value and where it comes back, `NAMES` which strings are so peculiar
that they are the same thing wherever they stand, and `qmpconf.replay.inference` which other values of
this recording came from the server first and were sent back.  A value is bound when a reply or event
shows that the target chose another one, and every use is counted, to be reported.

Pure: bytes in, bytes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Malformed, Value, dumps, loads
from qmpconf.replay import excerpt
from qmpconf.replay.inference import How, Sent, Verdict, finder, judge, scalars
from qmpconf.replay.masks import Mask, Masks, Message
from qmpconf.schema.model import Catalog
from qmpconf.text import counted

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """One kind of value, and its places as (command, JSON pointer with wildcards).

    `chosen` are places of replies where the server chooses one, `shown` places of replies where
    it shows it again, `sent` places of commands where the client sends it.
    """

    name: str
    chosen: Sequence[tuple[str, str]]
    shown: Sequence[tuple[str, str]]
    sent: Sequence[tuple[str, str]]


BOUND = (
    Bound(
        "descriptor",
        chosen=[("add-fd", "/return/fd")],
        shown=[("query-fdsets", "/return/*/fds/*/fd")],
        sent=[("remove-fd", "/arguments/fd")],
    ),
    Bound(
        "descriptor set",
        chosen=[("add-fd", "/return/fdset-id")],
        shown=[("query-fdsets", "/return/*/fdset-id")],
        sent=[("remove-fd", "/arguments/fdset-id"), ("add-fd", "/arguments/fdset-id")],
    ),
    Bound(
        "file handle",
        chosen=[("guest-file-open", "/return")],
        shown=[],
        sent=[
            (f"guest-file-{what}", "/arguments/handle")
            for what in ("close", "read", "write", "seek", "flush")
        ],
    ),
    Bound(
        "process",
        chosen=[("guest-exec", "/return/pid")],
        shown=[],
        sent=[("guest-exec-status", "/arguments/pid")],
    ),
)

#: Characters of a value in a sentence.
_WIDTH = 60

#: How the reason of a binding's mask begins.
BOUND_REASON = "bound: "

#: Masks (of `qmpconf.replay.masks`) whose pattern finds a name that the server made up.
NAMES = frozenset({"node-name", "pty"})

#: What can be adapted stands in arguments, is a made-up name, or is spelt so that nobody knows.
_ADAPTABLE = (b"arguments", b"#", b"/dev/", b"\\")


@dataclass(slots=True)
class Binding:
    """One bound value: the recorded one, the target's, and how often it was put in its place."""

    kind: str
    recorded: Value
    target: Value
    used: int = 0
    #: Why, if it was inferred from the recording.
    reason: str = ""


class Bindings:
    """The bindings of one replay."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, Value], Binding] = {}
        self._inferred: dict[str | int, _Inferred] = {}
        #: What the client of the recording sends, asked for when a value differs; without it,
        #: nothing is inferred.
        self.sent: Callable[[], Sent] = Sent
        #: The catalog of the recorded server, asked for when it is needed.
        self.catalog: Callable[[], Catalog | None] = lambda: None
        reason = "the server chooses it, and the client's use of it was adapted"
        self._chosen = _places(BOUND, "chosen", reason)
        self._shown = _places(BOUND, "shown", reason)
        self._sent = _places(BOUND, "sent", reason)

    def __iter__(self) -> Iterator[Binding]:
        yield from self._bound.values()
        yield from (one.binding for one in self._inferred.values())

    def learn(
        self, message: Message, of: str, path: Path, expected: Value, got: Value, line: int = 0
    ) -> Mask | None:
        """Take note of a value that differs; give the mask that covers it, if it is a bound one.

        `line` is that of the recording.
        """
        if type(expected) is not type(got):
            return None
        for mask in self._chosen.covering(message, of, path):
            self._bind(mask.name, expected, got)
            return mask
        for mask in self._shown.covering(message, of, path):
            known = self._bound.get((mask.name, expected))
            if known is not None and known.target == got:
                return mask
        return self._infer(message, of, path, expected, got, line)

    def shows(self, expected: Value, got: Value) -> bool:
        """Whether two values are the same but for bound ones that were inferred."""
        if not isinstance(expected, str | int) or type(expected) is not type(got):
            return False
        known = self._inferred.get(expected)
        if known is not None and known.binding.target == got:
            return True
        if not isinstance(expected, str):
            return False
        text = expected
        for one in self._inferred.values():
            text = one.put_into(text)
        return text == got

    def may_differ(self, message: Message, of: str, path: Path, value: Value, line: int) -> bool:
        """Whether the target may choose another value here, as far as the recording says."""
        return self._judged(message, of, path, value, line).how is not None

    def _judged(self, message: Message, of: str, path: Path, value: Value, line: int) -> Verdict:
        return judge(self.sent(), self.catalog, message, of, path, value, line)

    def _infer(
        self, message: Message, of: str, path: Path, expected: Value, got: Value, line: int
    ) -> Mask | None:
        """Bind a value that the client sends back later, or know a bound one again."""
        if not isinstance(expected, str | int) or isinstance(expected, bool):
            return None
        place = pointer("*" if isinstance(part, int) else part for part in path)
        if self.shows(expected, got):
            words = f"{BOUND_REASON}the target's own value, shown again"
            return Mask("bound", message, of, place, "any", words)
        if expected in self._inferred:
            return None
        if any(one.binding.target == got for one in self._inferred.values()):
            return None  # two recorded values cannot be one
        verdict = self._judged(message, of, path, expected, line)
        if verdict.how is None:
            return None
        binding = Binding(verdict.kind or "value", expected, got, reason=verdict.reason)
        places = frozenset((use.command, _member_of(use.path)) for use in verdict.uses)
        self._inferred[expected] = _Inferred(binding, verdict.how, places)
        return Mask("bound", message, of, place, "any", f"{BOUND_REASON}{verdict.reason}")

    def learn_names(self, mask: Mask, expected: Value, got: Value) -> None:
        """Take note of the made-up names in two strings that `mask` excused."""
        if mask.name in NAMES and isinstance(expected, str) and isinstance(got, str):
            pattern = re.compile(mask.pattern)
            pairs = zip(pattern.findall(expected), pattern.findall(got), strict=False)
            for recorded, target in pairs:
                if recorded != target:
                    self._bind(mask.name, recorded, target)

    @staticmethod
    def may_adapt(frame: Frame) -> bool:
        """Whether a client's frame can hold anything that may be bound, whatever is bound."""
        return any(part in frame.data for part in _ADAPTABLE)

    def adapt(self, frame: Frame, command: str) -> tuple[Frame, list[Binding]]:
        """A client's frame with the target's values in their places, and what was put there.

        Whoever sends it counts the use of each.

        Every other byte stays as it was.
        """
        if not (self._bound or self._inferred) or frame.kind is not Kind.VALUE:
            return frame, []
        try:
            found = [
                (start, end, *change)
                for path, start, end in scalars(frame.data)
                if (change := self._change(command, path, frame.data[start:end])) is not None
            ]
        except Malformed:
            return frame, []
        data = bytearray(frame.data)
        for start, end, text, _ in reversed(found):
            data[start:end] = text
        return frame._replace(data=bytes(data)), [bound for *_, bound in found]

    def _bind(self, kind: str, recorded: Value, target: Value) -> None:
        known = self._bound.get((kind, recorded))
        if known is None:
            self._bound[kind, recorded] = Binding(kind, recorded, target)
        else:
            known.target = target

    def _change(self, command: str, path: Path, text: bytes) -> tuple[bytes, Binding] | None:
        value = loads(text)
        for mask in self._sent.covering("reply", command, path):
            bound = self._bound.get((mask.name, value))
            if bound is not None:
                return dumps(bound.target), bound
        if isinstance(value, str):
            for (kind, recorded), bound in self._bound.items():
                if kind in NAMES and isinstance(recorded, str) and _holds(value, recorded):
                    return dumps(_replaced(value, recorded, bound.target)), bound
        if path[:1] == ("arguments",) and isinstance(value, str | int):
            for one in self._inferred.values():
                changed = one.adapt(value, command, path)
                if changed is not None:
                    return dumps(changed), one.binding
        return None


def _member_of(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


@dataclass(frozen=True, slots=True)
class _Inferred:
    """An inferred binding, and where it is put: `places` are commands with a member's name."""

    binding: Binding
    how: How
    places: frozenset[tuple[str, str]]

    def put_into(self, text: str) -> str:
        """A string with the target's value in the recorded one's place."""
        recorded = self.binding.recorded
        if self.how == "places" or not isinstance(recorded, str) or recorded not in text:
            return text
        return finder(recorded, self.how).sub(lambda _: str(self.binding.target), text)

    def adapt(self, value: str | int, command: str, path: Path) -> Value:
        """What is sent in place of `value`; None where it stays."""
        if isinstance(value, bool):
            return None
        if self.how == "places":
            same = type(value) is type(self.binding.recorded) and value == self.binding.recorded
            return (
                self.binding.target if same and (command, _member_of(path)) in self.places else None
            )
        changed = self.put_into(value) if isinstance(value, str) else value
        return None if changed == value else changed


def _places(bound: Sequence[Bound], which: str, reason: str) -> Masks:
    return Masks(
        Mask(one.name, "reply", command, place, "any", f"{BOUND_REASON}{reason}")
        for one in bound
        for command, place in getattr(one, which)
    )


def _holds(text: str, name: str) -> bool:
    """Whether `name` stands in `text`, and is not the beginning of a longer one."""
    return re.search(re.escape(name) + r"(?!\d)", text) is not None


def _replaced(text: str, name: str, other: Value) -> str:
    return re.sub(re.escape(name) + r"(?!\d)", lambda _: str(other), text)


def sentence(bound: Binding) -> str:
    """A binding for people."""
    recorded, target = excerpt.of_values(bound.recorded, bound.target, _WIDTH)
    sent = f" (sent {counted(bound.used, 'time')})" if bound.used else ""
    reason = f": {bound.reason}" if bound.reason else ""
    return f"{bound.kind} {recorded} of the recording is {target} here{sent}{reason}"
