"""Commands with their answers, for formats that hold nothing else.

Which answer belongs to which command is the session's business (`qmpconf.protocol.session`).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.trace.convert.base import Notes, Reading
from qmpconf.trace.convert.jsontext import names
from qmpconf.trace.convert.texts import sender_of
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.records import Close, Gap


class Exchange(msgspec.Struct, frozen=True):
    """A command and its answer, exactly as they were sent, in session `conn`."""

    conn: int
    command: Command
    sent: bytes
    answer: bytes


#: What is not in an exchange, and what is said about it.
_GREETING = "greetings are left out"
_EVENT = "events are left out"
_OTHER = "messages that are not QMP are left out"
_UNANSWERED = "commands without an answer are left out"
_STRAY = "answers that fit no command are left out"
_GAP = "gaps are left out"
_FDS = "descriptors are left out"
_TIMES = "times are left out"


def exchanges(reading: Reading, notes: Notes) -> Iterator[Exchange]:
    """The exchanges of all sessions in the order of the answers; what is none of them is noted."""
    sessions: dict[int, Session] = {}
    notes.lost(_TIMES)
    for item in items_of(reading.records):
        session = sessions.setdefault(item.conn, Session())
        if isinstance(item, Item):
            if item.fds:
                notes.lost(_FDS, item.line)
            if item.sender == "client":
                if session.client(item.frame, item).waiting is None and item.frame.data.strip():
                    notes.lost(_OTHER, item.line)
            else:
                yield from _answer(session, item, notes)
        elif isinstance(item, Gap):
            notes.lost(_GAP, item.line)
            session.gap(Party(item.sender), item.messages)
        elif isinstance(item, Close):
            _leave(sessions.pop(item.conn), notes)
    for session in sessions.values():
        _leave(session, notes)


def _answer(session: Session, item: Item, notes: Notes) -> Iterator[Exchange]:
    step = session.server(item.frame, item)
    if isinstance(step.message, Greeting):
        notes.lost(_GREETING, item.line)
    elif isinstance(step.message, Event):
        notes.lost(_EVENT, item.line)
    elif isinstance(step.message, Success | Failure):
        asked = step.answered
        if asked is None:
            notes.lost(_STRAY, item.line)
        elif not isinstance(asked.message, Command) or not _is_command(asked.mark):
            notes.lost(_OTHER, asked.mark.line)
        else:
            sent = asked.mark.frame.data
            yield Exchange(item.conn, asked.message, sent, item.frame.data)
    elif step.message is not None or item.frame.data.strip():
        notes.lost(_OTHER, item.line)


def _is_command(item: Item) -> bool:
    """Whether it can be known for a command without knowing who has said it."""
    return sender_of(names(item.frame.data)) == "client"


def _leave(session: Session, notes: Notes) -> None:
    for waiting in session.pending:
        known = isinstance(waiting.message, Command)
        notes.lost(_UNANSWERED if known else _OTHER, waiting.mark.line)
