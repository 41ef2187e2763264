"""What was said in a session with the target: a message of the server with what it answers, and input that is garbled.

It knows no socket: `qmpconf.conform.talk` hears and sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Sentinel,
    Success,
    Unknown,
    brief,
)


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the server: its line in the trace, and the line of the command it answers (0).

    `unfit` is the requirement that a message breaks which may be meant to answer a command, and
    answers none; `meant` the command that it seems to answer, though its id is not that one's.
    """

    message: Greeting | Success | Failure | Event | Unknown
    line: int
    answers: int
    unfit: str = ""
    meant: Pending | None = None

    @property
    def ok(self) -> bool:
        """Whether it is a success."""
        return isinstance(self.message, Success)

    @property
    def result(self) -> Any:
        """What a success returned; None for anything else."""
        return self.message.result if isinstance(self.message, Success) else None

    @property
    def outcome(self) -> str:
        """``success``, an error's class, or the kind of message."""
        if isinstance(self.message, Success):
            return "success"
        if isinstance(self.message, Failure):
            return self.message.error_class or "an error without class"
        return type(self.message).__name__.lower()

    def __str__(self) -> str:
        return brief(self.message.value, 120)


def is_garbled(sent: Pending) -> bool:
    """Whether a server need not be able to read that: it is not JSON, or nothing that all parsers take."""
    message = sent.message
    if isinstance(message, Command):
        return sent.dialect or sent.may_be_unread
    return not (message.well_formed or isinstance(message, Sentinel))
