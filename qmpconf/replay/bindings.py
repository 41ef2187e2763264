"""Bindings: values that the recorded server chose and the client sent back later.

A descriptor's number, a generated node name, a pseudo terminal: the target chooses its own, so what
the client sends has to name the target's.  Nothing is guessed: `BOUND` says at which schema places
a server chooses a value and where it comes back, `NAMES` which strings are so peculiar that they
are the same thing wherever they stand.  A value is bound when a reply or event shows that the
target chose another one, and every use is counted, to be reported.

Pure: bytes in, bytes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import brief
from qmpconf.protocol.values import Malformed, Value, dumps, loads
from qmpconf.replay.masks import Mask, Masks, Message

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
)

#: How the reason of a binding's mask begins.
BOUND_REASON = "bound: "

#: Masks (of `qmpconf.replay.masks`) whose pattern finds a name that the server made up.
NAMES = frozenset({"node-name", "pty"})


@dataclass(slots=True)
class Binding:
    """One bound value: the recorded one, the target's, and how often it was put in its place."""

    kind: str
    recorded: Value
    target: Value
    used: int = 0


class Bindings:
    """The bindings of one replay."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, Value], Binding] = {}
        reason = "the server chooses it, and the client's use of it was adapted"
        self._chosen = _places(BOUND, "chosen", reason)
        self._shown = _places(BOUND, "shown", reason)
        self._sent = _places(BOUND, "sent", reason)

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._bound.values())

    def learn(
        self, message: Message, of: str, path: Path, expected: Value, got: Value
    ) -> Mask | None:
        """Take note of a value that differs; give the mask that covers it, if it is a bound one."""
        if type(expected) is not type(got):
            return None
        for mask in self._chosen.covering(message, of, path):
            self._bind(mask.name, expected, got)
            return mask
        for mask in self._shown.covering(message, of, path):
            known = self._bound.get((mask.name, expected))
            if known is not None and known.target == got:
                return mask
        return None

    def learn_names(self, mask: Mask, expected: Value, got: Value) -> None:
        """Take note of the made-up names in two strings that `mask` excused."""
        if mask.name in NAMES and isinstance(expected, str) and isinstance(got, str):
            pattern = re.compile(mask.pattern)
            pairs = zip(pattern.findall(expected), pattern.findall(got), strict=False)
            for recorded, target in pairs:
                if recorded != target:
                    self._bind(mask.name, recorded, target)

    def adapt(self, frame: Frame, command: str) -> tuple[Frame, list[Binding]]:
        """A client's frame with the target's values in their places, and what was put there.

        Every other byte stays as it was.
        """
        if not self._bound or frame.kind is not Kind.VALUE:
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
        for start, end, text, bound in reversed(found):
            data[start:end] = text
            bound.used += 1
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
        return None


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
    return (
        f"{bound.kind} {brief(bound.recorded)} of the recording is {brief(bound.target)} here"
        f"{f' (sent {bound.used} times)' if bound.used else ''}"
    )


# --- places in bytes ---------------------------------------------------------------------------

_TOKEN = re.compile(
    rb"""[ \t\r\n]+|("(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')|([][{}:,])|([^] \t\r\n[{}:,"']+)""",
    re.DOTALL,
)


def scalars(data: bytes) -> Iterator[tuple[Path, int, int]]:
    """Path, start and end (in bytes) of every string, number and keyword in well-formed JSON."""
    path: list[str | int] = []
    in_object: list[bool] = []
    named = False  # in an object, behind the colon
    for token in _TOKEN.finditer(data):
        text, mark, word = token.groups()
        if text is not None and in_object and in_object[-1] and not named:
            path[-1] = loads(text)
        elif text is not None or word is not None:
            yield tuple(path), token.start(), token.end()
        elif mark in (b"{", b"["):
            in_object.append(mark == b"{")
            path.append("" if mark == b"{" else 0)
            named = False
        elif mark in (b"}", b"]"):
            if not path:
                return
            in_object.pop()
            path.pop()
            named = bool(in_object) and in_object[-1]
        elif mark == b":":
            named = True
        elif mark == b"," and path:
            last = path[-1]
            if isinstance(last, int):
                path[-1] = last + 1
            named = False
