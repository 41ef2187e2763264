"""The script of a trace that is played as the server: who says what, and upon what.

`read_script` turns a recording's items into one `Scene` a session.  What the client said are its
`cues`, in their order; what the server said are its `lines`, each with its `owner`: the number of
the cue that it came upon (0: the connection itself).  A reply belongs to what it answers.  An
event belongs to the latest cue before it, but not to a later one than the next reply does: so it
comes to a client that waits for each reply as it came to one that did not.

A script is held in memory.  Pure: it knows neither the live client nor any socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Command, Greeting, Success, Unknown, from_client
from qmpconf.protocol.messages import Failure as ErrorReply
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.values import Value, dumps, pointer, same
from qmpconf.replay.said import Transcript
from qmpconf.trace.reader import Item
from qmpconf.trace.records import Close, Closer, Gap, Open, Shut

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
    def text(self) -> str:
        """It as text for people, without its id."""
        data = self.data if self.value is None else dumps(self.value)
        return data.decode("utf-8", "backslashreplace")


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


def _hidden(value: Value, redacted: Sequence[str], path: tuple[str | int, ...] = ()) -> Value:
    """`value` with a stand-in at each of the pointers."""
    if pointer(path) in redacted:
        return _ANYTHING
    if isinstance(value, dict):
        return {name: _hidden(item, redacted, (*path, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, redacted, (*path, index)) for index, item in enumerate(value)]
    return value


@dataclass(slots=True)
class Cue:
    """One message of the recorded client.

    `number` counts from 1; `descriptors` is how many rode on it.  `answered` tells whether the
    recording holds a reply to it.
    """

    number: int
    line: int
    asked: Asked
    redacted: tuple[str, ...]
    descriptors: int
    answered: bool = False


@dataclass(slots=True)
class Line:
    """One message of the recorded server: its bytes, what it `answers` (a cue, or None)."""

    line: int
    data: bytes
    end: bytes
    subject: str
    answers: int | None
    owner: int = 0


@dataclass(slots=True)
class Scene:
    """One recorded session.

    `who` ended it (None: the recording was cut off); `shut` tells that the client had ended its
    sending side before.  `after` are the sessions that had ended before its server said its first
    word, as where a client waits in a server's queue.
    """

    conn: int
    line: int
    cues: list[Cue] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    who: Closer | None = None
    shut: bool = False
    after: frozenset[int] = frozenset()

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

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.transcript = Transcript()
        self.count: list[int] = []  # cues before each line
        self.descriptors = 0  # that came since the latest cue, as on a space before the next

    def take(self, item: Item, ended: set[int]) -> None:
        scene = self.scene
        if item.sender == "client":
            self.descriptors += len(item.fds)
            if self.transcript.client(item.frame) is not None:
                number, count, self.descriptors = len(scene.cues) + 1, self.descriptors, 0
                one = asked(item.frame)
                scene.cues.append(Cue(number, item.line, one, item.redacted, count))
            return
        if not scene.lines:
            scene.after = frozenset(ended)
        frame = item.frame
        said = self.transcript.server(frame, item.line, item.redacted)
        if said is None:
            if scene.lines:  # white space, which belongs to the bytes before it
                scene.lines[-1].end += frame.data + frame.end
            return
        answers = said.answers if isinstance(said.message, Success | ErrorReply) else None
        scene.lines.append(Line(item.line, frame.data, frame.end, said.subject, answers))
        # A greeting waits for nobody, also where the client did not wait for it.
        self.count.append(0 if isinstance(said.message, Greeting) else len(scene.cues))
        if answers is not None:
            scene.cues[answers - 1].answered = True

    def settle(self) -> Scene:
        """Give every line its owner."""
        soonest = len(self.scene.cues)
        for line, count in zip(reversed(self.scene.lines), reversed(self.count), strict=True):
            if line.answers is not None:
                soonest = line.owner = line.answers
            else:
                line.owner = min(count, soonest) if count else 0
        return self.scene


def read_script(items: Iterable[Open | Item | Gap | Shut | Close]) -> list[Scene]:
    """The scenes of a recording, in the order in which they began."""
    found: list[_Reading] = []
    live: dict[int, _Reading] = {}
    ended: set[int] = set()
    for item in items:
        reading = live.get(item.conn)
        if reading is None:
            reading = live[item.conn] = _Reading(Scene(item.conn, item.line))
            found.append(reading)
        if isinstance(item, Item):
            reading.take(item, ended)
        elif isinstance(item, Gap):
            reading.transcript.gap(Party(item.sender))
        elif isinstance(item, Shut):
            reading.scene.shut = reading.scene.shut or item.who == "client"
        elif isinstance(item, Close):
            reading.scene.who = item.who
            ended.add(item.conn)
            del live[item.conn]
    return [reading.settle() for reading in found]
