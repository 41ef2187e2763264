"""Connections to the records of a trace: which of them are QMP, who is the server, what was said.

The greeting shows the server.  In a session that began before the capture it is what the messages
are: responses and events come from a server, commands from a client.  With a port, all of that
port is taken, whatever it says, and the server is the side of that port, unless the other side
greets.  What says nothing is held back, and left out if it stays so (`_MOST_HELD`).
"""

from __future__ import annotations

import errno
import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from qmpconf.protocol.dialect import SENTINEL
from qmpconf.trace.capture.connection import Connection, Happening
from qmpconf.trace.capture.segments import End, Segment, shown
from qmpconf.trace.capture.stream import Room
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.wire import Wire
from qmpconf.trace.records import Record, Side

#: Connections that are followed at the same time; the one that was silent for longest goes first.
_MOST_CONNECTIONS = 4096
#: Bytes of a connection that are held back until it is known what it is: of one that was seen from
#: its beginning, and of one that may have begun with a long reply.
_MOST_HELD = 1 << 14
_MOST_HELD_INSIDE = 1 << 20
_MOST_PIECES = 2000
#: Bytes of a message that are framed at once; a framer takes long messages in small pieces badly.
_BATCH = 256 << 10
#: From so many bytes on a segment may be one of several that hold a message.
_FULL = 512

_GREETING = re.compile(rb'\s*\{\s*"QMP"\s*:').match
_MAY_GREET = re.compile(rb'\s*(?:\{\s*(?:"(?:Q(?:M(?:P(?:"\s*)?)?)?)?)?)?\Z').match
_SERVER = re.compile(rb'(?:\A|\n)\{\s*"(?:QMP|return|error|event|timestamp)"\s*:').search
_CLIENT = re.compile(rb"(?:\A|\n|\})\s*\{\s*[\"'](?:execute|exec-oob)[\"']\s*:").search
#: A command with its name behind other members.
_ASKS = re.compile(
    rb"\A\s*\{\s*[\"'](?:id|arguments)[\"']\s*:.*[\"']execute[\"']\s*:", re.DOTALL
).match

_NO_QMP = "a TCP session is not QMP, and was left out; --port takes all of a port"


class _Talk:
    """One connection on its way to being a session.

    `server` is the index of the server's end (None: not known yet); `conn` the session's number.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.server: int | None = None
        self.conn = 0
        self.held: list[Happening] = []
        self.size = 0
        self.heads = [b"", b""]
        self.ender: Side | None = None
        self.batch: list[bytes] = []  # of one side, to be framed at once
        self.batched: Happening | None = None  # the latest of them
        self.batch_size = 0


class Sessions:
    """Gives the records of everything that was captured.

    `port` is the server's, 0 where it is not known.  `start` is the time of the trace's header in
    ns.  `segments` and `wire` count.
    """

    def __init__(self, port: int, start: int, notes: Notes) -> None:
        self.wire = Wire()
        self.segments = 0
        self._port = port
        self._start = start
        self._notes = notes
        self._room = Room()
        self._talks: OrderedDict[tuple[End, End], _Talk] = OrderedDict()
        self._conns = 0
        self._t = 0.0

    def take(self, segment: Segment) -> Iterator[Record]:
        """Take the next segment of the capture."""
        if self._port and self._port not in (segment.source[1], segment.target[1]):
            return
        self.segments += 1
        ends = segment.source, segment.target
        key = ends if ends[0] <= ends[1] else (ends[1], ends[0])
        talk = self._talks.get(key)
        if talk is not None and talk.connection.begins_anew(segment):
            yield from self._leave(self._talks.pop(key), segment.number)
            talk = None
        if talk is None:
            talk = self._talks[key] = _Talk(Connection(segment, self._room))
            if len(self._talks) > _MOST_CONNECTIONS:
                yield from self._leave(self._talks.popitem(last=False)[1], segment.number)
        self._talks.move_to_end(key)
        yield from self._happened(talk, talk.connection.take(segment))

    def tick(self, ns: int) -> Iterator[Record]:
        """Time passes without anything being captured."""
        for talk in list(self._talks.values()):
            yield from self._happened(talk, talk.connection.tick(ns))
            yield from self._flush(talk)

    def finish(self) -> Iterator[Record]:
        """The capture has ended: so does the trace."""
        for talk in self._talks.values():
            yield from self._leave(talk, 0, last=True)
        self._talks.clear()
        yield from self.wire.finish()

    def _leave(self, talk: _Talk, number: int, *, last: bool = False) -> Iterator[Record]:
        """Nothing more of a connection comes; `last`: because the capture has ended."""
        connection = talk.connection
        if not connection.over:
            yield from self._happened(talk, connection.finish(number))
        if talk.server is None:
            yield from self._settle(talk, final=True)
        yield from self._flush(talk)
        if talk.conn and self.wire.is_open(talk.conn) and not last:
            error = "the end was not captured"
            yield from self.wire.close(number, self._t, talk.conn, "recorder", error=error)
        if talk.conn and connection.conflicts:
            what = "a segment was sent again with other bytes; the first ones count"
            self._notes.damage(what, connection.number)
        if talk.conn and connection.strays:
            what = "segments far outside of a connection's window were passed over"
            self._notes.damage(what, connection.number)

    def _happened(self, talk: _Talk, happenings: Iterable[Happening]) -> Iterator[Record]:
        for one in happenings:
            if talk.conn:
                yield from self._told(talk, one)
            elif talk.server is None:
                talk.held.append(one)
                talk.size += len(one.data)
                self._room.left -= len(one.data)
                head = talk.heads[one.side]
                if len(head) < _MOST_HELD_INSIDE:
                    talk.heads[one.side] = head + one.data
                yield from self._settle(talk)

    def _settle(self, talk: _Talk, *, final: bool = False) -> Iterator[Record]:
        """Find out what a connection is, if that can be known by now."""
        over = final or talk.held[-1].what == "reset" or talk.connection.over
        server = self._on_port(talk, final=over) if self._port else _by_content(talk, final=over)
        if server is None:
            return
        talk.server = server
        held, talk.held = talk.held, []
        self._room.left += talk.size
        talk.size, heads, talk.heads = 0, talk.heads, [b"", b""]
        if server < 0:
            if talk.connection.answered:
                self._notes.lost(_NO_QMP, talk.connection.number)
            talk.connection.forget()
            return
        self._conns += 1
        talk.conn = self._conns
        connection = talk.connection
        client, server_end = connection.ends[1 - server], connection.ends[server]
        number, t = connection.number, self._at(connection.first)
        yield self.wire.open(number, t, talk.conn, client=shown(client), server=shown(server_end))
        if not connection.whole and not _GREETING(heads[server]) and connection.answered:
            # It began before the capture did: what was said until then is not known.
            for side in ("client", "server"):
                yield from self.wire.gap(number, t, talk.conn, side)
        for one in held:
            yield from self._told(talk, one)

    def _on_port(self, talk: _Talk, *, final: bool) -> int | None:
        """Who is the server, if it has the port that the user gave."""
        for side in (0, 1):
            if _GREETING(talk.heads[side]):
                return side
        if not final and all(map(_MAY_GREET, talk.heads)):
            return None
        ends = [end[1] == self._port for end in talk.connection.ends]
        if all(ends):
            return 1 - (talk.connection.opener or 0)
        return ends.index(True)

    def _told(self, talk: _Talk, one: Happening) -> Iterator[Record]:
        """The records of what happened in a session."""
        if not self.wire.is_open(talk.conn):
            return
        if talk.batched is not None and (one.what != "data" or one.side != talk.batched.side):
            yield from self._flush(talk)
        if one.what == "data":
            talk.batch.append(one.data)
            talk.batched, talk.batch_size = one, talk.batch_size + len(one.data)
            # A full segment that does not end as a message does goes on in the next one.
            ends = len(one.data) < _FULL or one.data.endswith((b"\n", b"}"))
            if ends or talk.batch_size >= _BATCH:
                yield from self._flush(talk)
            return
        conn, number, t = talk.conn, one.number, self._at(one.ns)
        sender: Side = "server" if one.side == talk.server else "client"
        if one.what == "gap":
            yield from self.wire.gap(number, t, conn, sender, one.size)
        elif one.what == "shut":
            if talk.ender is None:
                talk.ender = sender
                yield from self.wire.shut(number, t, conn, sender)
            else:
                yield from self.wire.close(number, t, conn, talk.ender)
        else:
            code = errno.ECONNRESET if talk.connection.answered else errno.ECONNREFUSED
            ender = talk.ender or sender
            yield from self.wire.close(number, t, conn, ender, error=os.strerror(code))

    def _flush(self, talk: _Talk) -> Iterator[Record]:
        """Frame what one side has said."""
        one = talk.batched
        if one is None:
            return
        data = talk.batch[0] if len(talk.batch) == 1 else b"".join(talk.batch)
        talk.batched, talk.batch_size = None, 0
        talk.batch.clear()
        sender: Side = "server" if one.side == talk.server else "client"
        yield from self.wire.sent(one.number, self._at(one.ns), talk.conn, sender, data)

    def _at(self, ns: int) -> float:
        """Seconds since the trace began; a trace's time does not go back."""
        self._t = max(self._t, (ns - self._start) / 1e9)
        return self._t


def _by_content(talk: _Talk, *, final: bool) -> int | None:
    """Who is the server: the index of its end, -1 for no QMP, None where that is not known yet."""
    inside = not talk.connection.whole
    heads = [head.lstrip(SENTINEL) for head in talk.heads]  # a guest agent's client begins with one
    for side, head in enumerate(heads):
        if _GREETING(head) or (inside and _SERVER(head)):
            return side
    for side, head in enumerate(heads):
        if _CLIENT(head) if inside else (_CLIENT(head[:256]) or _ASKS(head)):
            return 1 - side
    most = _MOST_HELD_INSIDE if inside else _MOST_HELD
    if final or talk.size > most or len(talk.held) > _MOST_PIECES:
        return -1
    if not inside and any(
        head and not _MAY_GREET(head) and not head.lstrip().startswith(b"{") for head in heads
    ):
        return -1
    return None
