"""The plan of a replay: what a recording's items ask for, in the recorded order.

`steps` turns items into steps, one by one, in constant memory:

- `Connect`: open a session;
- `Send`: send these bytes, once everything that was planned before has been met.  The recorder
  saw the causes of a client's message before the message, so the recorded order holds them all:
  the replies and events that the client had seen, and (where one program had several sessions)
  what it had seen in the others;
- `Expect`: the target should say this;
- `Lost`: the recording lacks bytes of the server here, and perhaps messages;
- `HalfClose`, `End`: the session's sending side, or all of it, ends.

White space and skipped bytes are sent as well: the target gets the recorded bytes, all of them.
A bare number or keyword ends only where the next byte shows it: the client's next bytes come with
it, before the answer to it is expected.
A reply behind a gap is expected only where its id says what it answers.
Pure: the plan is the same whatever the target does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Command, Failure, Success, Unknown
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.replay.said import Said, Transcript
from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Closer, Descriptor, Gap, Open, Shut


@dataclass(frozen=True, slots=True)
class Connect:
    """Open session `conn`; `server` is the recorded address of its server."""

    line: int
    t: float
    conn: int
    server: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send a frame's bytes.

    `number` counts the session's commands (None: nothing that is ever answered), `message` is what
    the frame says, `command` its name.  `at_once` says that the message before it is not answered without these bytes.  `fds` are the descriptors to recreate, `redacted` the pointers of values that are not in
    the recording.
    """

    line: int
    t: float
    conn: int
    frame: Frame
    number: int | None
    message: Command | Unknown | None
    command: str
    fds: tuple[Descriptor, ...]
    redacted: tuple[str, ...]
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Expect:
    """The target should say what was `said`."""

    line: int
    t: float
    conn: int
    said: Said


@dataclass(frozen=True, slots=True)
class Lost:
    """What the server said here is not all in the recording: the target may say more."""

    line: int
    t: float
    conn: int


@dataclass(frozen=True, slots=True)
class HalfClose:
    """The client's sending side ends."""

    line: int
    t: float
    conn: int


@dataclass(frozen=True, slots=True)
class End:
    """The session ends.

    `who` ended it; None where the recording was cut off.  `error` says how, where it was not an
    orderly end.  `broken` counts the wire rules that the recorded server broke.
    """

    line: int
    t: float
    conn: int
    who: Closer | None
    error: str
    broken: dict[str, int]


Step = Connect | Send | Expect | Lost | HalfClose | End


class _Talk:
    """One session of the recording, and what is held back until its client's next bytes."""

    def __init__(self, begin: Callable[[], Session]) -> None:
        self.transcript = Transcript(begin)
        self.held: list[Step] | None = None


def steps(
    items: Iterable[Open | Item | Gap | Shut | Close], begin: Callable[[], Session] = Session
) -> Iterator[Step]:
    """The steps of a recording; `begin` gives the state of a new session (`TraceReader.begin`).

    A session that has no end in the recording gets an `End` without `who` behind everything else.
    """
    talks: dict[int, _Talk] = {}
    line, t = 0, 0.0
    for item in items:
        line, t, conn = item.line, item.t, item.conn
        if isinstance(item, Open):
            talks[conn] = _Talk(begin)
            yield Connect(line, t, conn, item.server)
            continue
        talk = talks.get(conn)
        if talk is None:
            # The recording began in the middle of the session.
            talk = talks[conn] = _Talk(begin)
            yield Connect(line, t, conn, "")
        if isinstance(item, Item):
            yield from _traffic(item, talk)
            continue
        yield from _release(talk)
        if isinstance(item, Gap):
            talk.transcript.gap(Party(item.sender))
            if item.sender == "server":
                yield Lost(line, t, conn)
        elif isinstance(item, Close):
            del talks[conn]
            yield _end(line, t, conn, talk.transcript, item.who, item.error)
        elif item.who == "client":
            yield HalfClose(line, t, conn)
    for conn, talk in talks.items():
        yield from _release(talk)
        yield _end(line, t, conn, talk.transcript, None, "")


def _release(talk: _Talk) -> Iterator[Step]:
    held, talk.held = talk.held, None
    yield from held or ()


def _traffic(item: Item, talk: _Talk) -> Iterator[Step]:
    if item.sender == "server":
        said = talk.transcript.server(item.frame, item.line, item.redacted)
        astray = said is not None and said.answers is None and not talk.transcript.certain
        if said is not None and not (astray and isinstance(said.message, Success | Failure)):
            step = Expect(item.line, item.t, item.conn, said)
            if talk.held is None:
                yield step
            else:
                talk.held.append(step)
        return
    number = talk.transcript.client(item.frame)
    yield Send(
        item.line,
        item.t,
        item.conn,
        item.frame,
        number,
        talk.transcript.latest if number is not None else None,
        talk.transcript.command if number is not None else "",
        item.fds,
        item.redacted,
        at_once=talk.held is not None,
    )
    yield from _release(talk)
    if item.frame.kind is Kind.VALUE and not item.frame.end and item.frame.data[-1:].isalnum():
        talk.held = []


def _end(
    line: int, t: float, conn: int, transcript: Transcript, who: Closer | None, error: str
) -> End:
    party = Party(who) if who in ("client", "server") else None
    transcript.close(party)
    return End(line, t, conn, who, error, dict(transcript.broken))
