"""The script of a trace that is played as the server: who says what, and upon what.

`read_script` turns a recording's items into one `Scene` a session.  What the client said are its
`cues`, in their order; what the server said are its `lines`, each with its `owner`: the number of
the cue that it came upon (0: the connection itself).  A reply belongs to what it answers.  An
event belongs to the latest cue before it, but not to a later one than the next reply does: so it
comes to a client that waits for each reply as it came to one that did not.

What was said stays in the file, where there is a `Shelf` for it; what stands in memory then is
about 160 bytes a message.  Pure: it knows neither the live client nor any socket.
"""

from __future__ import annotations

import contextlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Command, Greeting, Success, Unknown, from_client
from qmpconf.protocol.messages import Failure as ErrorReply
from qmpconf.protocol.places import as_double, replaced, same
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.values import Value, dumps
from qmpconf.replay.said import Transcript
from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Closer, Gap, Open, Shut
from qmpconf.trace.redaction import Redactor

#: Integers from here on may be the same as a double that they are not (`same`).
_DOUBLES = 1 << 62
#: The bits of a sign.
_SIGNS = (1 << 63) - 1

#: Stands where a recorded value was redacted.
_ANYTHING = "\0anything"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client said, ready to be compared: its id does not count.

    `name` is the command's (empty: none), `value` the message without its id (None: it is only
    bytes, `data`), `identity` its id, if it `has_id`.
    """

    name: str
    data: bytes
    value: dict[str, Value] | None
    has_id: bool = False
    identity: Value = None

    def says(self, other: Asked, redacted: Sequence[str] = ()) -> bool:
        """Whether `other` says the same; the values at the pointers `redacted` are any."""
        if self.value is None or other.value is None:
            return self.data == other.data
        if redacted:
            return same(_hidden(self.value, redacted), _hidden(other.value, redacted))
        return same(self.value, other.value)

    @property
    def sign(self) -> int:
        """A number that is the same for two that say the same, and hardly ever for two that do not."""
        if self.value is None:
            return hash(self.data) & _SIGNS
        found = 0
        waiting: list[tuple[str, Value]] = [("", self.value)]
        while waiting:  # values may nest deeper than Python may recurse
            name, one = waiting.pop()
            if isinstance(one, dict):
                waiting += one.items()
                one = len(one)
            elif isinstance(one, list):
                waiting += [(name, item) for item in one]
                one = len(one)
            elif isinstance(one, int | float) and abs(one) >= _DOUBLES:
                one = as_double(one)
            found += hash((name, one))
        return found & _SIGNS

    @property
    def text(self) -> str:
        """It as text for people, without its id and secrets."""
        data = self.data if self.value is None else dumps(self.value)
        frame, _ = Redactor()(1, "client", Frame(Kind.VALUE, data))
        return frame.data.decode("utf-8", "backslashreplace")


def asked(frame: Frame) -> Asked:
    """What stands in a client's frame."""
    message = from_client(frame.data) if frame.kind is Kind.VALUE else None
    if message is None or message.duplicates or not isinstance(message.value, dict):
        return Asked("", frame.data, None)
    rest = {name: value for name, value in message.value.items() if name != "id"}
    if isinstance(message, Command) and rest.get("arguments") == {}:
        del rest["arguments"]
    name = "" if isinstance(message, Unknown) else message.name
    has_id = "id" in message.value
    return Asked(name, frame.data, rest, has_id, message.value.get("id"))


def _hidden(value: Value, redacted: Sequence[str]) -> Value:
    """`value` with a stand-in at each of the pointers, as far as they lead somewhere."""
    for text in redacted:
        with contextlib.suppress(KeyError, ValueError):
            value = replaced(value, text, _ANYTHING)
    return value


class Shelf(Protocol):
    """Where messages are had from again when they are needed."""

    def holds(self, item: Item) -> bool:
        """Whether it has the message `item`."""

    def item(self, number: int) -> Item:
        """The message in line `number`, which it holds."""


@dataclass(slots=True)
class Cue:
    """One message of the recorded client.

    `number` counts from 1; `name` is the command's; `descriptors` is how many rode on it.
    `answered` says whether the recording holds a reply to it.
    """

    number: int
    line: int
    name: str
    _held: Asked | Shelf
    redacted: tuple[str, ...]
    descriptors: int
    answered: bool = False

    @property
    def asked(self) -> Asked:
        """What the client said."""
        held = self._held
        return held if isinstance(held, Asked) else asked(held.item(self.line).frame)


@dataclass(slots=True)
class Line:
    """One message of the recorded server: its bytes, what it `answers` (a cue, or None)."""

    line: int
    _held: bytes | Shelf
    end: bytes
    answers: int | None
    owner: int = 0

    @property
    def data(self) -> bytes:
        """What the server said."""
        held = self._held
        return held if isinstance(held, bytes) else held.item(self.line).frame.data


@dataclass(slots=True)
class Scene:
    """One recorded session.

    `who` ended it (None: the recording was cut off); `shut` says that the client had ended its
    sending side before.  `signs` are those of what the cues asked (`Asked.sign`), `after` is how many sessions had ended before its server said its first
    word, as where a client waits in a server's queue, and `place` how many before itself.
    """

    conn: int
    line: int
    cues: list[Cue] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    signs: array[int] = field(default_factory=lambda: array("Q"))
    who: Closer | None = None
    shut: bool = False
    after: int = 0
    place: int = -1
    _owned: array[int] | None = None

    def owned_by(self, owner: int) -> Iterator[Line]:
        """The lines of one owner, in their order."""
        lines = self.lines
        order = self._owned
        if order is None:
            order = self._owned = array("Q", sorted(range(len(lines)), key=self._owner))
        for at in range(bisect_left(order, owner, key=self._owner), len(order)):
            if lines[order[at]].owner != owner:
                return
            yield lines[order[at]]

    def _owner(self, at: int) -> int:
        return self.lines[at].owner

    @property
    def is_cut(self) -> bool:
        """Whether the recording stops in the middle of it."""
        return self.who not in ("client", "server")

    @property
    def hangs_up(self) -> bool:
        """Whether the server ends it by itself, once everything was said."""
        return self.who == "server" and not self.shut


class _Reading:
    """One session that is being read."""

    def __init__(self, scene: Scene, shelf: Shelf | None, begin: Callable[[], Session]) -> None:
        self.scene = scene
        self.shelf = shelf
        self.transcript = Transcript(begin)
        self.count = array("Q")  # cues before each line
        self.descriptors = 0  # that came since the latest cue, as on a space before the next

    def take(self, item: Item, ended: int) -> None:
        scene = self.scene
        shelf = self.shelf if self.shelf is not None and self.shelf.holds(item) else None
        if item.sender == "client":
            self.descriptors += len(item.fds)
            if self.transcript.client(item.frame) is not None:
                number, count, self.descriptors = len(scene.cues) + 1, self.descriptors, 0
                one = asked(item.frame)
                name = sys.intern(one.name)
                scene.cues.append(Cue(number, item.line, name, shelf or one, item.redacted, count))
                scene.signs.append(one.sign)
            return
        if not scene.lines:
            scene.after = ended
        frame = item.frame
        said = self.transcript.server(frame, item.line, item.redacted)
        if said is None:
            if scene.lines:  # white space, which belongs to the bytes before it
                scene.lines[-1].end += frame.data + frame.end
            return
        answers = said.answers if isinstance(said.message, Success | ErrorReply) else None
        scene.lines.append(Line(item.line, shelf or frame.data, frame.end, answers))
        # A greeting waits for nobody, also where the client did not wait for it.
        self.count.append(0 if isinstance(said.message, Greeting) else len(scene.cues))
        if answers is not None:
            scene.cues[answers - 1].answered = True

    def settle(self) -> None:
        """Give every line its owner."""
        soonest = len(self.scene.cues)
        for line, count in zip(reversed(self.scene.lines), reversed(self.count), strict=True):
            if line.answers is not None:
                soonest = line.owner = line.answers
            else:
                line.owner = min(count, soonest) if count else 0


def read_script(
    items: Iterable[Open | Item | Gap | Shut | Close],
    shelf: Shelf | None = None,
    begin: Callable[[], Session] = Session,
) -> list[Scene]:
    """The scenes of a recording, in the order in which they began.

    What `shelf` holds is not kept in memory.
    """
    found: list[Scene] = []
    live: dict[int, _Reading] = {}
    ended = 0
    for item in items:
        reading = live.get(item.conn)
        if reading is None:
            reading = live[item.conn] = _Reading(Scene(item.conn, item.line), shelf, begin)
            found.append(reading.scene)
        if isinstance(item, Item):
            reading.take(item, ended)
        elif isinstance(item, Gap):
            reading.transcript.gap(Party(item.sender))
        elif isinstance(item, Shut):
            reading.scene.shut = reading.scene.shut or item.who == "client"
        elif isinstance(item, Close):
            reading.scene.who = item.who
            reading.scene.place = ended
            ended += 1
            live.pop(item.conn).settle()
    for reading in live.values():
        reading.settle()
    return found
