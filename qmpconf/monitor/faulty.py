"""A monitor with faults on purpose: what it says goes to its clients by way of a `Line` each.

Like what it stands before, it knows neither sockets nor time: the clock is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qmpconf.faults.engine import Cut, Faults, Line, Out
from qmpconf.monitor.core import Action, Close, Quit, Send
from qmpconf.monitor.server import Served
from qmpconf.protocol.framing import CLIENT_LIMITS, MESSAGES, Framer

#: What a guest agent sends before the response to a sync.
_RESET = b"\xff"


@dataclass(frozen=True, slots=True)
class Ended(Close):
    """The server ends a session at once, and not because its client did."""


def _ignore(_session: int, _data: bytes) -> None:
    """Nobody records it."""


class FaultyMonitor:
    """`served`, by way of `faults`; `clock` gives seconds on a monotonic clock.

    Each `Send` of `served` is one message.  `said` is called with each, and its session, before anything befalls it.
    """

    def __init__(
        self,
        served: Served,
        faults: Faults,
        clock: Callable[[], float],
        said: Callable[[int, bytes], None] = _ignore,
    ) -> None:
        self._served = served
        self._faults = faults
        self._clock = clock
        self._said = said
        self._lines: dict[int, Line] = {}
        self._heard: dict[int, Framer] = {}
        self._read_at: dict[int, float] = {}  # when a session that is read slowly is read on
        self._closing: set[int] = set()  # end when nothing waits any more
        self._quits = False

    def open(self) -> tuple[int, list[Action]]:
        """Take a new client."""
        number, actions = self._served.open()
        line = self._lines[number] = self._faults.session(number)
        self._heard[number] = Framer(CLIENT_LIMITS)
        if line.refused:
            return number, [*self._ended(number), *self._filtered(actions)]
        return number, self._filtered(actions)

    def receive(self, number: int, data: bytes, descriptors: Sequence[int] = ()) -> list[Action]:
        """Take what a client sent."""
        done: list[Action] = []
        line = self._lines.get(number)
        if line is not None:
            for frame in self._heard[number].feed(data):
                if frame.kind in MESSAGES:
                    done += self._actions(number, line.client(frame.data))
            if line.speed:
                self._read_at[number] = self._clock() + len(data) / line.speed
        return [*done, *self._filtered(self._served.receive(number, data, descriptors))]

    def end(self, number: int) -> list[Action]:
        """Take the end of what a client sends."""
        return self._filtered(self._served.end(number))

    def lost(self, number: int) -> list[Action]:
        """Take note that a client has gone."""
        for one in (self._lines, self._heard, self._read_at):
            one.pop(number, None)
        self._closing.discard(number)
        return self._filtered(self._served.lost(number))

    def close(self) -> list[Action]:
        """Take note that the server ends."""
        return self._filtered(self._served.close())

    def is_stalled(self, number: int) -> bool:
        """Whether a session takes nothing more for now."""
        line = self._lines.get(number)
        slow = self._read_at.get(number, 0.0) > self._clock()
        return slow or (line is not None and line.full) or self._served.is_stalled(number)

    def wait(self) -> float | None:
        """Seconds until there is something to do."""
        now = self._clock()
        waits = [line.wait(now) for line in self._lines.values()]
        waits += [max(0.0, at - now) for at in self._read_at.values()]
        waits.append(0.0 if self._quits and not self._waits() else None)
        if not self._quits:
            waits.append(self._served.wait())
        return min((one for one in waits if one is not None), default=None)

    def work(self) -> list[Action]:
        """Do some of it."""
        now = self._clock()
        self._read_at = {one: at for one, at in self._read_at.items() if at > now}
        done: list[Action] = []
        for number, line in list(self._lines.items()):
            done += self._actions(number, line.due(now))
            if number in self._closing and line.wait(now) is None:
                self._closing.discard(number)
                done.append(Close(number))
        if self._quits and not self._waits():
            self._quits = False
            return [*done, Quit()]
        if not self._quits and self._served.wait() == 0:
            done += self._filtered(self._served.work())
        return done

    def _waits(self) -> bool:
        """Whether something waits for a time."""
        now = self._clock()
        return any(line.wait(now) is not None for line in self._lines.values())

    def _filtered(self, actions: Sequence[Action]) -> list[Action]:
        """What is left of them, and what comes of them."""
        done: list[Action] = []
        for action in actions:
            if isinstance(action, Send):
                line = self._lines.get(action.session)
                if line is not None and not line.refused:
                    self._said(action.session, action.data)
                    bare = action.data.lstrip(_RESET)
                    data = bare.rstrip(b"\r\n")
                    outs = line.other(_RESET) if bare != action.data else []
                    outs += line.server(data, bare[len(data) :], self._clock())
                    done += self._actions(action.session, outs)
            elif isinstance(action, Close) and self._holds(action.session):
                self._closing.add(action.session)
            elif isinstance(action, Quit) and self._waits():
                self._quits = True
            else:
                done.append(action)
        return done

    def _holds(self, number: int) -> bool:
        line = self._lines.get(number)
        return line is not None and line.wait(self._clock()) is not None

    def _actions(self, number: int, outs: Sequence[Out]) -> list[Action]:
        done: list[Action] = []
        for out in outs:
            if isinstance(out, Cut):
                return [*done, *self._ended(number)]
            done.append(Send(number, out))
        return done

    def _ended(self, number: int) -> list[Action]:
        """The server ends a session: its client is sent nothing more."""
        line = self._lines.get(number)
        if line is not None:
            line.refused = True
        return [Ended(number)]
