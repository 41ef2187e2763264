"""Signs that a session goes by: what a message asks for, how it ended, what malformed bytes are the beginning of.

Each looks at one message or at its bytes; what came before is the business of
`qmpconf.protocol.session`.
"""

from __future__ import annotations

import re

from qmpconf.protocol.framing import CLIENT_LIMITS
from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success, brief
from qmpconf.protocol.values import Cause, Value

ENABLE = "qmp_capabilities"
#: The class of an error (qmp-spec section 2.4.2), and what is not an error.
NOT_FOUND, SUCCESS = "CommandNotFound", "success"

#: How responses and events begin, also those that cannot be read to their end.
RESPONSE = re.compile(rb'\s*\{\s*"(?:return|error|id)"')
_EVENT = re.compile(rb'\s*\{\s*"(?:timestamp|event|data)"')


def wanted_by(command: Command) -> dict[str, int]:
    """The capabilities that a command wants to enable, with their place in the list."""
    wanted: Value = command.arguments.get("enable", [])
    if not isinstance(wanted, list):
        return {}
    return {name: index for index, name in enumerate(wanted) if isinstance(name, str)}


def holds_event(data: bytes) -> bool:
    """Whether an event begins inside of a message that cannot be read."""
    return data.find(b'"timestamp"', 1) > 0 and not _EVENT.match(data)


def shown(data: bytes) -> str:
    """The beginning of some bytes, for people."""
    text = repr(data[:40])[1:]
    return text + (" ..." if len(data) > 40 else "")


def enables(answered: Pending | None) -> bool:
    """Whether that is an in-band qmp_capabilities."""
    message = answered.message if answered is not None else None
    return isinstance(message, Command) and message.name == ENABLE and not message.oob


def outcome_of(message: Greeting | Success | Failure | Event) -> str:
    """``success``, or an error's class."""
    return message.error_class if isinstance(message, Failure) else SUCCESS


def message_words(message: Greeting | Success | Failure | Event) -> str:
    """What a message is, for people."""
    if isinstance(message, Event):
        return f"event {message.name}"
    if isinstance(message, Greeting):
        return "a greeting"
    kind = "a success" if isinstance(message, Success) else f"error {message.error_class}"
    return f"{kind} with id {brief(message.id)}" if message.has_id else kind


def cause_of(data: bytes) -> Cause:
    """Why input was cut off as malformed: a parser may read on where QEMU's has its limits."""
    nests = data.count(b"[") + data.count(b"{") > CLIENT_LIMITS.nesting
    return Cause.LIBERTY if nests or len(data) >= CLIENT_LIMITS.tokens else Cause.SYNTAX
