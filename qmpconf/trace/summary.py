"""Messages to summaries: what a line of ``qmpconf show`` says, as data.

`Summaries` takes a trace's items one by one, or the frames of a live session, and gives a `Summary`
for each message and for each thing that happens to a session.  It keeps a `Session` for each
connection, to know which command a response answers, and forgets it when the session closes.

A long reply is not parsed: its result is skipped, for nothing of it is said.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Sentinel,
    Success,
    type_name,
)
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.steps import Step
from qmpconf.protocol.values import dumps
from qmpconf.trace.items import Item
from qmpconf.trace.members import ARGUMENTS, DATA, RESULT, Member, telling
from qmpconf.trace.records import Close, Fault, Finish, Gap, Open, Shut, Side, Traffic

#: What a summary can be of: the protocol's messages, what is none of them, and a session's fate.
What = Literal[
    "greeting",
    "command",
    "return",
    "error",
    "event",
    "malformed",
    "other",
    "reset",
    "open",
    "shut",
    "close",
    "gap",
    "fault",
]

#: Decimals of a time in a trace; and a limit to the nonsense that may stand there.
_DIGITS, _FOREVER = 6, 1e12

#: Outcomes of what is malformed, beside the parser's reasons.
UNENDED = "a message that does not end"
SKIPPED = "passed over after an error"
LOST_REST = "the rest of a lost message"
#: Outcome of a gap that is none: a message that a reader does not hold.
TOO_LONG = "a message that is too long to be read"
#: Those of them that are not a message of their own.
PASSED_OVER = frozenset({SKIPPED, LOST_REST})


class Summary(msgspec.Struct, frozen=True):
    """One message, or one thing that happened to a session.

    ==========  ==================================================================================
    `line`      where it stands in its trace; the line on which it ends
    `t`         seconds since the trace was started
    `sender`    whose message, or whose doing it is; ``server`` where the recorder closed
    `kind`      ``malformed`` is what is not JSON, ``other`` what is JSON and no message, ``reset`` a
                0xFF by which a guest agent and its client reset each other's parser; ``fault`` is what the
                recorder did on purpose: `outcome` says what, `text` to which message
    `name`      of the command (of a response: of the one that it answers, "" for none), the event
    `id`        as JSON text, "" where there is none
    `oob`       whether a command asks for out-of-band execution, a response was given out of band
    `latency`   seconds from the command to its response
    `answers`   line of the command that a response answers, 0 for none
    `outcome`   an error's class, a greeting's version, who closed, why something is malformed or a gap
    `text`      an error's description, a greeting's package, a session's addresses or its failure
    `size`      bytes of the message, with the white space behind it; bytes that a gap hides
    `fds`       how many descriptors rode on it
    `members`   those that say most about it (`qmpconf.trace.members`); of a long reply, none
    ==========  ==================================================================================
    """

    line: int
    t: float
    conn: int
    sender: Side
    kind: What
    name: str = ""
    id: str = ""
    oob: bool = False
    latency: float | None = None
    answers: int = 0
    outcome: str = ""
    text: str = ""
    size: int = 0
    fds: int = 0
    members: dict[str, Member] = {}


#: What `Summaries.take` takes; records of raw bytes and the footer are not messages.
Summable = Item | Gap | Open | Shut | Close | Fault | Traffic | Finish


class Summaries:
    """Makes summaries, in the order of the trace; `begin` gives the state of a new session.

    `number` is that of the latest summary, from 0; `answered` that of the command that it answers, or -1.
    """

    def __init__(self, begin: Callable[[], Session] = Session) -> None:
        self.number = -1
        self.answered = -1
        self._begin = begin
        self._sessions: dict[int, Session] = {}
        self._behind: set[tuple[int, Side]] = set()  # no message has begun there since a gap

    def take(self, item: Summable) -> Summary | None:
        """The summary of the next item; None for white space between messages."""
        self.answered = -1
        found = self._take(item)
        self.number += found is not None
        return found

    def _take(self, item: Summable) -> Summary | None:
        if type(item) is Item:
            return self._message(item)
        if isinstance(item, Open):
            ends = " -> ".join(filter(None, (item.client, item.server)))
            return Summary(item.line, item.t, item.conn, "client", "open", text=ends)
        if isinstance(item, Gap):
            party = Party.CLIENT if item.sender == "client" else Party.SERVER
            self._session(item.conn).gap(party, item.messages)
            outcome = TOO_LONG if item.too_long else ""
            if not item.messages:
                self._behind.add((item.conn, item.sender))
            return Summary(
                item.line, item.t, item.conn, item.sender, "gap", outcome=outcome, size=item.size
            )
        if isinstance(item, Fault):
            to = item.message + (" goes out" if item.given else "")
            wait = f", {item.seconds:g} s" if item.seconds else ""
            return Summary(
                item.line,
                item.t,
                item.conn,
                "server",
                "fault",
                outcome=item.kind,
                text=f"{to}{wait}",
            )
        if isinstance(item, Shut):
            return Summary(item.line, item.t, item.conn, item.who, "shut")
        if isinstance(item, Close):
            self._sessions.pop(item.conn, None)
            self._behind -= {(item.conn, "client"), (item.conn, "server")}
            side: Side = "client" if item.who == "client" else "server"
            return Summary(
                item.line, item.t, item.conn, side, "close", outcome=item.who, text=item.error
            )
        return None

    def asked(self) -> list[float]:
        """When the commands were sent that wait for their responses, in all sessions that are open."""
        sessions = list(self._sessions.values())
        return [one.mark[1] for session in sessions for one in session.pending]

    def _message(self, item: Item) -> Summary | None:
        frame = item.frame
        if frame.kind is Kind.SPACE:
            return None
        session = self._session(item.conn)
        mark = (item.line, item.t, self.number + 1)
        if item.sender == "client":
            step = session.client(frame, mark)
        else:
            step = session.server(skimmed(frame), mark)
        told = _told(step, frame)
        if (item.conn, item.sender) in self._behind:
            if frame.kind is Kind.SKIPPED:
                told["outcome"] = LOST_REST
            else:
                self._behind.remove((item.conn, item.sender))
        answered = step.answered
        if answered is not None:
            told |= _answering(answered, item.t)
            self.answered = answered.mark[2]
        return Summary(
            item.line,
            item.t,
            item.conn,
            item.sender,
            size=len(frame.data) + len(frame.end),
            fds=len(item.fds),
            **told,
        )

    def _session(self, conn: int) -> Session:
        session = self._sessions.get(conn)
        if session is None:
            session = self._sessions[conn] = self._begin()
        return session


def summarize(
    items: Iterable[Summable], begin: Callable[[], Session] = Session
) -> Iterator[Summary]:
    """The summaries of a trace's items (`TraceReader.items`), in constant memory.

    Which response answers which command follows qmpconf/protocol/README.md (Responses); a latency
    is in seconds.  `begin` gives the state of a new session (`TraceReader.begin`).  Raises what
    reading the items raises.

    >>> from qmpconf import open_trace
    >>> items = open_trace("traces/qemu-7.2.22-libvirt.qmptrace.gz").items()
    >>> [one.name for one in summarize(items) if one.kind == "command"][:2]
    ['qmp_capabilities', 'query-qmp-schema']
    """
    take = Summaries(begin).take
    for item in items:
        found = take(item)
        if found is not None:
            yield found


def _told(step: Step, frame: Frame) -> dict[str, Any]:
    """What the message itself says."""
    message = step.message
    if frame.kind is Kind.PARTIAL:
        return {"kind": "malformed", "outcome": UNENDED}
    if frame.kind is Kind.SKIPPED:
        return {"kind": "malformed", "outcome": SKIPPED}
    if isinstance(message, Command):
        return {
            "kind": "command",
            "name": message.name,
            "id": _text_of(message.id) if message.has_id else "",
            "oob": message.oob,
            "members": telling(message.arguments, ARGUMENTS),
        }
    if isinstance(message, Success):
        return {
            "kind": "return",
            "id": _text_of(message.id) if message.has_id else "",
            "members": telling(message.result, RESULT),
        }
    if isinstance(message, Failure):
        return {
            "kind": "error",
            "id": _text_of(message.id) if message.has_id else "",
            "outcome": message.error_class,
            "text": message.description,
        }
    if isinstance(message, Event):
        return {
            "kind": "event",
            "name": message.name,
            "members": telling(message.data, DATA),
        }
    if isinstance(message, Greeting):
        version = ".".join(map(str, message.version))
        return {"kind": "greeting", "outcome": version, "text": message.package}
    if isinstance(message, Sentinel):
        return {"kind": "reset"}
    if message is not None and message.well_formed:
        return {"kind": "other", "outcome": type_name(message.value)}
    reason = message.problems[0].seen if message is not None and message.problems else ""
    return {"kind": "malformed", "outcome": reason}


def _answering(answered: Pending, t: float) -> dict[str, Any]:
    """What the command that is answered adds to the response."""
    line, asked, _ = answered.mark
    return {
        "name": answered.name,
        "oob": answered.oob,
        "latency": min(round(t - asked, _DIGITS), _FOREVER),
        "answers": line,
    }


def _text_of(value: Any) -> str:
    return f'"{value}"' if type(value) is str and _SIMPLE(value) else dumps(value).decode("ascii")


#: Most ids: nothing in them needs an escape.
_SIMPLE = re.compile(r"[\w.:/-]*\Z", re.ASCII).match

# --- long replies ------------------------------------------------------------------------------

#: Bytes from which on a reply is worth a look before it is parsed.
_LONG = 1024


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    """A success with nothing special about it."""

    result: msgspec.Raw = msgspec.field(name="return")
    id: msgspec.Raw = msgspec.Raw(b"")


_reply = msgspec.json.Decoder(_Reply).decode


def skimmed(frame: Frame) -> Frame:
    """`frame`, or the same reply with an empty result where that means the same here."""
    data = frame.data
    if len(data) < _LONG or frame.kind is not Kind.VALUE or not data.isascii() or b"\\u" in data:
        return frame
    try:
        reply = _reply(data)
    except (msgspec.MsgspecError, RecursionError):
        return frame
    identity = bytes(reply.id)
    short = b'{"return":{},"id":%b}' % identity if identity else b'{"return":{}}'
    return Frame(frame.kind, short, frame.end, frame.plain)
