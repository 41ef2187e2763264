"""What a server said, ready to be matched: its messages, each with the command that it answers.

A `Transcript` follows one session, recorded or live, through the protocol's state machine.  It
numbers what the client sends, so that the same command has the same number in the recording and
in the replay, and reports each server message which number it answers.  Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Sentinel,
    Success,
    Unknown,
    from_client,
)
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.steps import Breach
from qmpconf.protocol.values import Value
from qmpconf.replay import masks
from qmpconf.replay.compare import NOTHING

#: Rules about the bytes of a message, or its place: comparing values does not show them.
WIRE_RULES = frozenset(
    {
        *("framing.ascii", "framing.crlf", "framing.valid-json", "response.in-order"),
        *("agent.line-feed", "agent.sentinel", "agent.sync-echo"),
    }
)


@dataclass(slots=True, eq=False)
class Said:
    """One message of a server.

    `index` is its position among the server's messages of the session, `line` its line in the
    trace, `answers` the number of what it answers (None: nothing, or unknown), `command` the name
    of that command (empty: it is not a command).  `redacted` are the pointers of values that are not
    in the recording.  `echoes` says whether it has the id of that command, by value (or none, as
    the command), and `asked` is that id (`NOTHING`: none).
    """

    message: Greeting | Success | Failure | Event | Unknown
    data: bytes
    line: int
    index: int
    answers: int | None = None
    command: str = ""
    redacted: tuple[str, ...] = ()
    echoes: bool = True
    asked: Value = NOTHING
    #: The messages before it, if it had to wait for a recorded one: (arrow, bytes).
    before: tuple[tuple[str, bytes], ...] = ()

    @property
    def is_soft(self) -> bool:
        """Whether it may rightly never come: an event, or one more error for malformed input."""
        if isinstance(self.message, Event):
            return True
        return isinstance(self.message, Failure) and not self.message.has_id and not self.command

    @property
    def kind(self) -> masks.Message:
        """What masks call it; a message that is none of the protocol's counts as a reply."""
        if isinstance(self.message, Event):
            return "event"
        return "greeting" if isinstance(self.message, Greeting) else "reply"

    @property
    def of(self) -> str:
        """The command or event that it is about."""
        return self.message.name if isinstance(self.message, Event) else self.command

    @property
    def id(self) -> Value:
        """The id of a reply; `NOTHING` where there is none."""
        if isinstance(self.message, Success | Failure) and self.message.has_id:
            return self.message.id
        return NOTHING

    @property
    def content(self) -> Value:
        """The message's value without a reply's id, which is compared with its own command's."""
        value = self.message.value
        if self.id is NOTHING or not isinstance(value, dict):
            return value
        return {name: member for name, member in value.items() if name != "id"}

    @property
    def subject(self) -> str:
        """What it is, for people."""
        if isinstance(self.message, Event):
            return f"event {self.message.name}"
        if isinstance(self.message, Greeting):
            return "greeting"
        if isinstance(self.message, Sentinel):
            return "byte 0xFF"
        if isinstance(self.message, Unknown):
            return "message that is none of QMP's"
        if self.answers is None:
            return "reply to nothing"
        return f"reply to {self.command}" if self.command else "reply to malformed input"


class Transcript:
    """One session, from either side's frames in the order in which they passed.

    `begin` gives the state of a new one (`qmpconf.trace.reader.TraceReader.begin`).
    """

    def __init__(self, begin: Callable[[], Session] = Session) -> None:
        self._session = begin()
        self._sent = 0
        self._said = 0
        #: The client's latest message.
        self.latest: Command | Unknown | None = None
        #: How often the server broke each of the `WIRE_RULES`.
        self.broken: Counter[str] = Counter()

    def client(self, frame: Frame, known: Command | Unknown | None = None) -> int | None:
        """Take what the client sent; give its number, or None for what is never answered.

        `known` is the message in the frame, where that was read already.
        """
        if frame.kind not in (Kind.VALUE, Kind.MALFORMED):
            return None
        self._sent += 1
        message = self._session.client(frame, self._sent, known).message
        self.latest = message if isinstance(message, Command | Unknown) else None
        return self._sent

    @property
    def command(self) -> str:
        """The name of the client's latest command; empty if it was none."""
        return self.latest.name if isinstance(self.latest, Command) else ""

    def server(
        self,
        frame: Frame,
        line: int,
        redacted: tuple[str, ...] = (),
        known: Said | None = None,
    ) -> Said | None:
        """Take what the server sent; None for white space between messages.

        `known` is a message of the same bytes.
        """
        step = self._session.server(frame, line, known.message if known else None)
        self._count(step.breaches)
        if step.message is None or isinstance(step.message, Command):
            return None
        said = Said(step.message, frame.data, line, self._said, redacted=redacted)
        self._said += 1
        if step.answered is not None:  # behind a gap, only where the id proves it
            said.answers = step.answered.mark
            said.command = step.answered.name
            if isinstance(step.message, Success | Failure):
                said.echoes = step.answered.wants(step.message)
                said.asked = _id_of(step.answered.message)
        return said

    @property
    def end(self) -> bytes:
        """What the server writes behind its messages."""
        return self._session.dialect.end

    @property
    def polled(self) -> Mapping[str, str]:
        """Commands that are sent again until that member of what they return is true."""
        return self._session.dialect.polled

    @property
    def certain(self) -> bool:
        """Whether it is known which command a reply answers; not so behind a gap."""
        return self._session.certain

    def gap(self, who: Party) -> None:
        """Take note that bytes of `who` are missing."""
        self._session.gap(who)

    def close(self, who: Party | None) -> None:
        """Take the end of the session."""
        self._count(self._session.close(who))

    def _count(self, breaches: list[Breach]) -> None:
        for breach in breaches:
            if breach.requirement in WIRE_RULES:
                self.broken[breach.requirement] += 1


def _id_of(message: Command | Unknown) -> Value:
    return message.id if isinstance(message, Command) and message.has_id else NOTHING


def name_of(frame: Frame) -> str:
    """The name of the command in a client's frame, or an empty string."""
    if frame.kind is not Kind.VALUE:
        return ""
    message = from_client(frame.data)
    return "" if isinstance(message, Unknown) else message.name
