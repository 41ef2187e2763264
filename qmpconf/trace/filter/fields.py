"""What can be asked about a message, as a table.

What a *call* says (its command and its response together) holds for both of its messages alike; the
rest is what a message is by itself, or what its session is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from qmpconf.trace.summary import What

Type = Literal["text", "word", "number", "duration", "size", "yes", "json"]
Scope = Literal["call", "message", "session"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, the type of what it holds, whose it is, and what it means, for people.

    `words` are all values of a ``word``.  `alone` says whether it means something without an operator: that
    there is one, or that it is so.  `late` says that a command has it only once it is answered.
    """

    name: str
    type: Type
    scope: Scope
    means: str
    words: tuple[str, ...] = ()
    alone: bool = True
    late: bool = False


_ALL = (
    Field("command", "text", "call", "the command's name"),
    Field("arguments", "json", "call", "a value in the command's arguments, by its path"),
    Field("return", "json", "call", "a value in what the command returned, by its path", late=True),
    Field("error", "text", "call", "the class of the error that answered the command", late=True),
    Field("desc", "text", "call", "the description of that error", late=True),
    Field("took", "duration", "call", "time from the command to its response", late=True),
    Field("answered", "yes", "call", "the command has a response", late=True),
    Field("event", "text", "message", "the event's name"),
    Field("data", "json", "message", "a value in the event's data, by its path"),
    Field("kind", "word", "message", "what it is", get_args(What), alone=False),
    Field("sender", "word", "message", "who sent it", ("client", "server"), alone=False),
    Field("id", "text", "message", "the id in it; of one that is not a string, its JSON"),
    Field(
        "oob", "yes", "message", "a command that asks for, or a response of, out-of-band execution"
    ),
    Field(
        "wrong",
        "yes",
        "message",
        "an error, what is not a message, a gap, a session that did not end well",
    ),
    Field("text", "text", "message", "all of the message, as it was sent", alone=False),
    Field("size", "size", "message", "its bytes", alone=False),
    Field("fds", "number", "message", "how many descriptors rode on it"),
    Field("line", "number", "message", "where it stands in the trace", alone=False),
    Field("time", "duration", "message", "time since the recording began", alone=False),
    Field("session", "number", "session", "the session's number", alone=False),
    Field("client", "text", "session", "the client's address, as far as it is known"),
    Field(
        "monitor", "text", "session", "the address of the server's monitor, as far as it is known"
    ),
)

FIELDS = {one.name: one for one in _ALL}

#: What each type may be compared with.
OPERATORS: dict[Type, tuple[str, ...]] = {
    "text": ("=", "!=", "~", "~~", "in"),
    "word": ("=", "!=", "in"),
    "number": ("=", "!=", "<", "<=", ">", ">=", "in"),
    "duration": ("=", "!=", "<", "<=", ">", ">=", "in"),
    "size": ("=", "!=", "<", "<=", ">", ">=", "in"),
    "yes": (),
    "json": ("=", "!=", "~", "~~", "<", "<=", ">", ">=", "in"),
}
