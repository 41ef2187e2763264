"""What a served monitor and its clients say, written into a trace; what is done on purpose beside it.

`Tape` is where it goes.  `FaultyMonitor` gives it each message of the server before any fault befalls it, and each
fault; `Taped`, around that, what clients send, and how sessions begin and end.  So the trace is as one of
`qmpconf record --faults`: the server has said everything, and the faults are the recorder's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from qmpconf.faults.engine import Happened
from qmpconf.monitor.core import Action, Close, Quit
from qmpconf.monitor.faulty import Ended
from qmpconf.monitor.server import Served
from qmpconf.net.descriptors import describe
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.trace.records import Closer
from qmpconf.trace.writer import TraceWriter


class Tape:
    """Writes sessions with the server at the address `server` into `writer`, numbered as they are served.

    Its methods raise what `writer` raises.
    """

    def __init__(self, writer: TraceWriter, server: str) -> None:
        self._writer = writer
        self._server = server
        self._heard: dict[int, Framer] = {}
        self._said: dict[int, Framer] = {}
        self._shut: set[int] = set()

    def begin(self, session: int) -> None:
        """A session begins, if it has not begun yet."""
        if session not in self._heard:
            self._heard[session] = Framer(CLIENT_LIMITS)
            self._said[session] = Framer(SERVER_LIMITS)
            self._writer.open(session, client="client", server=self._server)

    def heard(self, session: int, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """A client has sent this."""
        frames = self._heard[session].feed(data)
        if frames:
            self._writer.frames(session, "client", frames, tuple(map(describe, descriptors)))

    def said(self, session: int, data: bytes) -> None:
        """The server has said this, whatever its client is given of it."""
        self.begin(session)
        frames = self._said[session].feed(data)
        if frames:
            self._writer.frames(session, "server", frames)

    def happened(self, fault: Happened) -> None:
        """Something was done on purpose."""
        self.begin(fault.session)
        fault.write(self._writer)

    def shut(self, session: int) -> None:
        """A client sends nothing more."""
        self._flush(session)
        self._shut.add(session)
        self._writer.shut(session, "client")

    def close(self, session: int, who: Closer) -> None:
        """A session is over."""
        self._flush(session)
        if rest := self._said.pop(session).close():
            self._writer.frames(session, "server", rest)
        self._writer.close(session, who)

    def _flush(self, session: int) -> None:
        if session not in self._shut and (rest := self._heard[session].close()):
            self._writer.frames(session, "client", rest)


class Taped:
    """`served`, with all that clients send, and each session's end, on `tape`."""

    def __init__(self, served: Served, tape: Tape) -> None:
        self._served = served
        self._tape = tape
        self._ends: dict[int, Closer] = {}  # who ends each session that runs, as far as is known

    def open(self) -> tuple[int, list[Action]]:
        """Take a new client."""
        number, actions = self._served.open()
        self._tape.begin(number)
        self._ends[number] = "recorder"  # until one side ends it
        return number, self._seen(actions)

    def receive(self, number: int, data: bytes, descriptors: Sequence[int] = ()) -> list[Action]:
        """Take what a client sent."""
        self._tape.heard(number, data, descriptors)
        return self._seen(self._served.receive(number, data, descriptors))

    def end(self, number: int) -> list[Action]:
        """Take the end of what a client sends."""
        self._tape.shut(number)
        self._ends[number] = "client"
        return self._seen(self._served.end(number))

    def lost(self, number: int) -> list[Action]:
        """Take note that a session is over."""
        if number in self._ends:
            self._tape.close(number, self._ends.pop(number))
        return self._seen(self._served.lost(number))

    def close(self) -> list[Action]:
        """Take note that the server ends."""
        return self._seen(self._served.close())

    def is_stalled(self, number: int) -> bool:
        """Whether a session takes nothing more for now."""
        return self._served.is_stalled(number)

    def wait(self) -> float | None:
        """Seconds until there is something to do."""
        return self._served.wait()

    def work(self) -> list[Action]:
        """Do some of it."""
        return self._seen(self._served.work())

    def _seen(self, actions: list[Action]) -> list[Action]:
        for action in actions:
            if isinstance(action, Close) and not isinstance(action, Ended):
                self._ended([action.session])
            elif isinstance(action, Quit):
                self._ended(list(self._ends))
        return actions

    def _ended(self, sessions: Sequence[int]) -> None:
        """The server ends sessions, unless somebody has before it; a fault on purpose is the recorder's."""
        for one in sessions:
            if self._ends.get(one) == "recorder":
                self._ends[one] = "server"
