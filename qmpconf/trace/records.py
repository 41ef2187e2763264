"""What a trace file holds, version 1: one JSON object a line (qmpconf/trace/README.md, Traffic).

================  ==============================================================================
`Header`          the first line: the format's version, when and by what it was recorded
`Open`            a session begins
`Traffic`         bytes that one side sent: a message (`msg`), or what is none (`raw`, `b64`)
`Gap`             bytes that one side sent are missing here: whoever recorded did not see them
`Shut`            one side has closed its sending direction; the other one still may send
`Close`           a session has ended
`Fault`           the recorder has let something go wrong, on purpose
`Finish`          the last line of a recording that ended in order
================  ==============================================================================

`t` is in seconds since `Header.started`, on a monotonic clock.  `line` is the record's line in
its file, 1-based; a record that has not been read from a file has line 0.

A recorder that relays sees every byte, and writes no gap but where it could not write.  A capture can miss some: a lost
segment, a packet that was cut short, a session that had begun before.  What stands on both sides
of a gap is never put together: the message before it has no end, and behind it everything up to
the next message that can be distinguished from its beginning is the rest of one that is lost
(`qmpconf.protocol.resync`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from qmpconf.protocol.framing import Frame

#: The version that this module describes, and that `qmpconf.trace.writer` writes.
VERSION = 1

#: The two ends of a session, as `from`, `shut` and `close` have them.
Side = Literal["client", "server"]

#: Who ended a session: one of its ends, or the recorder that was told to stop.
Closer = Literal["client", "server", "recorder"]


@dataclass(frozen=True, slots=True)
class Header:
    """The first line.  `started` is UTC, RFC 3339; `meta` what the recorder knew besides.

    `part` is the number of a part of a recording, from 1; 0: the file holds all of it.
    """

    version: int
    started: str
    recorder: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    part: int = 0


class Open(msgspec.Struct, frozen=True):
    """A session begins: `client` and `server` are the addresses, as the recorder knows them.

    `shared` says that it is a recorder's own session with the server, by which those of clients are answered
    that share it; theirs have its number in `through`, which is 0 where a client's session is with the
    server itself.
    """

    line: int
    t: float
    conn: int
    client: str = ""
    server: str = ""
    through: int = 0
    shared: bool = False


class Descriptor(msgspec.Struct, frozen=True):
    """A file descriptor that rode on a message: its kind and access, never its content.

    `kind` is ``file``, ``directory``, ``pipe``, ``socket``, ``null``, ``char``, ``block`` or
    ``other``; `access` is ``r``, ``w`` or ``rw``.
    """

    kind: str
    access: str


class Traffic(msgspec.Struct, frozen=True):
    """Bytes that one side sent.

    With `form` ``msg``, `data` is one JSON value and `end` the white space behind it; with
    ``raw`` and ``b64`` all bytes are in `data`.  `redacted` holds the JSON pointers of values
    that were replaced.
    """

    line: int
    t: float
    conn: int
    sender: Side
    form: Literal["msg", "raw", "b64"]
    data: bytes
    end: bytes = b""
    fds: tuple[Descriptor, ...] = ()
    redacted: tuple[str, ...] = ()


class Gap(msgspec.Struct, frozen=True):
    """`size` bytes that `sender` sent are missing here; 0: nobody knows how many.

    `messages` is how many whole messages are missing, where that is known (else 0): a text that
    leaves some out is not cut in the middle of one.  `lines` is how many lines of a converted text
    stood here and were not understood.  A place of which nobody knows the sender is a gap of both
    sides, and the first of them has the lines.

    With `too_long`, which no file says, nothing is missing: a reader came upon one message that is
    longer than it holds (`qmpconf.trace.items`).
    """

    line: int
    t: float
    conn: int
    sender: Side
    size: int = 0
    messages: int = 0
    lines: int = 0
    too_long: bool = False


class Shut(msgspec.Struct, frozen=True):
    """`who` has closed its sending direction."""

    line: int
    t: float
    conn: int
    who: Side


class Close(msgspec.Struct, frozen=True):
    """A session has ended; `who` ended it first.

    `error` says how, where it was not an orderly end: ``refused``, ``reset``, ...
    """

    line: int
    t: float
    conn: int
    who: Closer
    error: str = ""


class Fault(msgspec.Struct, frozen=True):
    """The recorder did this on purpose, to what it had from the server (`qmpconf.faults`).

    The server's messages stand in the trace as it sent them, so that nobody else is to blame for what the client
    got.  `kind` is what was done (``lose``, ``late``, ...), `message` to which: ``reply NAME``, ``event NAME``,
    ``greeting``, or ``connection``; where that message stands, it is the last of the server before this line.
    `rule` is the number of the rule, from 1, or 0: it was chosen at random.  `seconds` is how long something
    waits; with `given` it has waited, and goes to the client now.
    """

    line: int
    t: float
    conn: int
    kind: str
    message: str = ""
    rule: int = 0
    seconds: float = 0.0
    given: bool = False


class Finish(msgspec.Struct, frozen=True):
    """The last line of a recording that ended in order, or of a part of it.

    `next` is the number of the part in which it goes on, or 0.
    """

    line: int
    t: float
    sessions: int
    messages: int
    next: int = 0


Record = Open | Traffic | Gap | Shut | Close | Fault | Finish


def traffic(
    line: int,
    t: float,
    conn: int,
    sender: Side,
    frame: Frame,
    fds: tuple[Descriptor, ...] = (),
    redacted: tuple[str, ...] = (),
) -> Traffic:
    """The record of one frame."""
    if frame.plain:
        return Traffic(line, t, conn, sender, "msg", frame.data, frame.end, fds, redacted)
    return Traffic(line, t, conn, sender, "raw", frame.data + frame.end, b"", fds, redacted)
