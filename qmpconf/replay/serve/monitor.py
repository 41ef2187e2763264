"""A trace played as the server, sans IO: bytes of live clients in, the recorded answers out.

A `Stage` has the methods of the embedded monitor, so that `qmpconf.monitor.server` can serve it.
The n-th client gets the n-th recorded session.  What a client says is compared with the recording
by value; its id does not count and is echoed in the place of the recorded one.  There are two
orders:

===========  ===================================================================================
``strict``   the client says what was recorded, in the recorded order
``request``  each message gets the next recorded answer to an equal one: the nearest behind the
             latest one that was not played yet, then the nearest before it; where all have been
             played, the latest answer again.  So a server's state is shown as it went on in the
             recording, whatever the client leaves out or asks more often
===========  ===================================================================================

The server's messages come with the client's message that they belong to (`serve_script`); those
of commands that never come are said as not played.  What was not recorded gets an error that says
so, and is a difference; the client may go on from where it was.

It knows neither sockets nor time: the clock is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from qmpconf.monitor.core import Action, Close, Discard, Quit, Send
from qmpconf.protocol.dialect import QMP
from qmpconf.protocol.framing import CLIENT_LIMITS, Framer, Kind
from qmpconf.protocol.values import Value, dumps, loads
from qmpconf.replay.difference import Difference
from qmpconf.replay.serve.nearest import nearest_of
from qmpconf.replay.serve.outcome import Played
from qmpconf.replay.serve.script import Asked, Cue, Line, Scene, asked

Order = Literal["strict", "request"]

#: Seconds between two looks at whether the program that connects has ended.
_LOOK = 0.05
#: Seconds in which what such a program has left behind can still be read.
_GRACE = 1.0
#: Characters of a message in a difference or an error.
_WIDTH = 160


#: Stands for what a live client said, once it was answered.
_SAID = Asked("", b"", None)


@dataclass(slots=True)
class _Part:
    """One live session: what of its scene was played, and what is still to come.

    `asked` holds what the live client said for each cue until that is answered, `at` is the cue that comes next, `said`
    the number of lines that were said in strict order.  `held` says that another session has to
    end before this one's server says anything; `shut` that its client says nothing more.
    """

    scene: Scene
    framer: Framer = field(default_factory=lambda: Framer(CLIENT_LIMITS))
    asked: dict[int, Asked] = field(default_factory=dict)
    lines: int = 0
    at: int = 0
    descriptors: list[int] = field(default_factory=list)
    waiting: list[tuple[Asked, int]] = field(default_factory=list)
    held: bool = False
    shut: bool = False
    ended: bool = False


class Stage:
    """Plays `scenes`; `result` gets what was played and what was not.

    `patience` is the number of seconds in which something has to come from a client, by `clock`;
    without, it waits for ever.  `is_over` says whether the program that connects has ended.  When
    every scene has been played, or no more clients can come, it asks its owner to quit.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        result: Played,
        *,
        order: Order = "strict",
        patience: float | None = None,
        clock: Callable[[], float] = lambda: 0.0,
        is_over: Callable[[], bool] | None = None,
    ) -> None:
        self._scenes = scenes
        self._result = result
        self._strict = order == "strict"
        self._patience = patience
        self._clock = clock
        self._latest = clock()
        self._parts: dict[int, _Part] = {}
        self._opened = 0
        self._gone = 0  # sessions that were played to their end
        self._first = 0  # recorded sessions that were all played, in the order of their ends
        self._later: set[int] = set()  # played ones behind that, by their place in that order
        self._actions: list[Action] = []
        self._is_over = is_over
        self._program_ended: float | None = None

    # --- as a monitor --------------------------------------------------------------------------

    def open(self) -> tuple[int, list[Action]]:
        """Take a new client: it gets the next recorded session, or is turned away."""
        self._latest = self._clock()
        self._opened += 1
        number = self._opened
        if number > len(self._scenes):
            self._differs("extra", "session", "no more sessions", "one more client", session=number)
            self._actions.append(Close(number))
            return number, self._done()
        scene = self._scenes[number - 1]
        part = self._parts[number] = _Part(scene)
        part.held = scene.after > self._first
        self._result.sessions += 1
        if not part.held:
            self._begin(number, part)
        return number, self._done()

    def receive(self, number: int, data: bytes, descriptors: Sequence[int] = ()) -> list[Action]:
        """Take what a client sent, in any pieces; descriptors are accepted, and closed."""
        self._latest = self._clock()
        if descriptors:
            self._actions.append(Discard(tuple(descriptors)))
        part = self._parts.get(number)
        if part is None or part.ended:
            return self._done()
        part.descriptors += descriptors
        for frame in part.framer.feed(data):
            if frame.kind in (Kind.VALUE, Kind.MALFORMED):
                heard = (asked(frame), len(part.descriptors))
                part.descriptors.clear()
                if part.held:
                    part.waiting.append(heard)
                elif not part.ended:
                    self._hear(number, part, *heard)
        return self._done()

    def end(self, number: int) -> list[Action]:
        """Take the end of what a client sends: what is due to it was sent, or will be."""
        part = self._parts.get(number)
        if part is not None and part.held:
            part.shut = True
        else:
            self._actions.append(Close(number))
        return self._done()

    def lost(self, number: int) -> list[Action]:
        """Take note that a client has gone; the sessions that waited for it begin."""
        part = self._parts.pop(number, None)
        if part is not None:
            self._tell_unplayed(part)
            self._gone += 1
            self._later.add(part.scene.place)
            while self._first in self._later:
                self._later.remove(self._first)
                self._first += 1
            for other, waiting in list(self._parts.items()):
                if waiting.held and waiting.scene.after <= self._first:
                    self._release(other, waiting)
        if self._gone == len(self._scenes):
            self._actions.append(Quit())
        return self._done()

    def close(self) -> list[Action]:
        """Take note that the server ends: what was never asked for is said."""
        for part in self._parts.values():
            self._tell_unplayed(part)
        self._parts.clear()
        for scene in self._scenes[self._opened :]:
            self._result.unplayed += 1
            self._differs(
                "missing",
                "session",
                f"session {scene.conn}",
                "no client",
                line=scene.line,
                session=scene.conn,
            )
        return self._done()

    def is_stalled(self, number: int) -> bool:
        """Whether there is nothing more to read while the session waits for another one."""
        part = self._parts.get(number)
        return part is not None and part.held and part.shut

    def wait(self) -> float | None:
        """Seconds until there is something to look after."""
        if self._is_over is not None and self._program_ended is None and self._is_over():
            self._program_ended = self._clock()
        if self._program_ended is not None and not self._parts:
            return 0.0
        limits = [] if self._is_over is None else [_LOOK]
        if self._program_ended is not None:
            limits.append(self._program_ended + _GRACE - self._clock())
        elif self._patience is not None:
            limits.append(self._latest + self._patience - self._clock())
        return max(0.0, min(limits)) if limits else None

    def work(self) -> list[Action]:
        """Give up: nobody is there any more, or nothing has come for too long."""
        if self._program_ended is None:
            self._result.failure = (
                f"no client has connected within {self._patience:g} seconds"
                if not self._opened
                else f"nothing has come from a client for {self._patience:g} seconds"
            )
        self._actions.append(Quit())
        return self._done()

    # --- the play ------------------------------------------------------------------------------

    def _begin(self, number: int, part: _Part) -> None:
        """Say what comes upon the connection itself."""
        self._say_for(number, part, 0)
        if not part.scene.cues and part.scene.hangs_up:
            self._hang_up(number, part)

    def _release(self, number: int, part: _Part) -> None:
        """Begin a session that has waited, and answer what its client has said meanwhile."""
        part.held = False
        self._begin(number, part)
        for heard in part.waiting:
            if not part.ended:
                self._hear(number, part, *heard)
        if part.shut:
            self._actions.append(Close(number))

    def _hear(self, number: int, part: _Part, heard: Asked, descriptors: int) -> None:
        """Answer one message of the live client."""
        cue = self._find(part, heard)
        if cue is None:
            again = None if self._strict else self._played_before(part, heard)
            if again is None:
                self._refuse(number, part, heard)
            else:
                self._answer_again(number, part, again, heard)
            return
        part.at = cue.number
        part.asked[cue.number] = heard
        self._result.commands += 1
        if descriptors != cue.descriptors:
            self._differs(
                "changed",
                f"descriptors with {cue.name or 'a message'}",
                str(cue.descriptors),
                str(descriptors),
                line=cue.line,
                session=part.scene.conn,
            )
        self._say_for(number, part, cue.number)
        scene = part.scene
        if cue.number == len(scene.cues) and scene.hangs_up:
            self._hang_up(number, part)
        elif not cue.answered and cue.name and scene.is_cut:
            reason = f"the recording ends before its reply to {cue.name}"
            self._differs(
                "missing",
                f"reply to {cue.name}",
                "a reply",
                "nothing: the recording was cut off",
                line=cue.line,
                session=scene.conn,
            )
            self._send_error(number, heard, reason)

    def _find(self, part: _Part, heard: Asked) -> Cue | None:
        """The cue that `heard` is, if it was recorded and not played yet."""
        cues = part.scene.cues
        following: Iterable[int] = range(part.at, min(part.at + 1, len(cues)))
        if not self._strict:
            following = chain(range(part.at, len(cues)), range(part.at - 1, -1, -1))
        may_be = _may_be(part.scene, heard)
        for at in following:
            if may_be(at) and cues[at].number not in part.asked and _is(cues[at], heard):
                return cues[at]
        return None

    def _played_before(self, part: _Part, heard: Asked) -> Cue | None:
        """The latest cue that `heard` equals, although it was played."""
        cues = part.scene.cues
        places = filter(_may_be(part.scene, heard), range(len(cues) - 1, -1, -1))
        return next((cues[at] for at in places if _is(cues[at], heard)), None)

    def _answer_again(self, number: int, part: _Part, cue: Cue, heard: Asked) -> None:
        self._result.repeated += 1
        for line in part.scene.owned_by(cue.number):
            if line.answers == cue.number:
                self._send(number, line, cue, heard)

    def _say_for(self, number: int, part: _Part, owner: int) -> None:
        """Say what comes upon cue `owner`: in strict order, what is next; otherwise, its own."""
        lines = part.scene.lines
        if self._strict:
            while part.lines < len(lines) and lines[part.lines].owner <= owner:
                self._say(number, part, lines[part.lines])
                part.lines += 1
            return
        for line in part.scene.owned_by(owner):
            self._say(number, part, line)

    def _say(self, number: int, part: _Part, line: Line) -> None:
        self._result.messages += 1
        if line.answers is None:
            self._actions.append(Send(number, line.data + line.end))
        else:
            cue = part.scene.cues[line.answers - 1]
            self._send(number, line, cue, part.asked[line.answers])
            part.asked[line.answers] = _SAID  # only malformed input has more answers, and no id

    def _send(self, number: int, line: Line, cue: Cue, heard: Asked) -> None:
        data = with_id(line.data, cue.asked, heard)
        self._actions.append(Send(number, data + line.end))

    def _hang_up(self, number: int, part: _Part) -> None:
        part.ended = True
        self._actions.append(Close(number))

    # --- what was not recorded, and what was not played ----------------------------------------

    def _refuse(self, number: int, part: _Part, heard: Asked) -> None:
        what = heard.name or "this message"
        cues = part.scene.cues
        due = cues[part.at] if self._strict and part.at < len(cues) else None
        nearest = nearest_of(part.scene, heard, part.at, part.asked)
        told = []
        if due is not None:
            told.append(f"line {due.line} comes next: {_short(due.asked.text)}")
        elif self._strict:
            told.append("nothing more was recorded")
        if nearest is not None and nearest is not due:
            told.append(f"the nearest is line {nearest.line}: {_short(nearest.asked.text)}")
        where = "not in the recording" if not self._strict else "not what was recorded here"
        self._result.unexpected += 1
        self._differs(
            "extra",
            f"command {heard.name}" if heard.name else "message",
            "; ".join(told) or "nothing like it",
            _short(heard.text),
            line=(due or nearest or part.scene).line,
            session=part.scene.conn,
        )
        self._send_error(number, heard, f"{what} is {where}" + "".join(f"; {one}" for one in told))

    def _send_error(self, number: int, heard: Asked, reason: str) -> None:
        reply: dict[str, Value] = {}
        if heard.has_id:
            reply["id"] = heard.identity
        reply["error"] = {"class": "GenericError", "desc": f"qmpconf serve: {reason}"}
        lines = self._parts[number].scene.lines if number in self._parts else []
        end = next((one.end for one in lines if one.end), QMP.end)
        self._actions.append(Send(number, dumps(reply) + end))

    def _tell_unplayed(self, part: _Part) -> None:
        for cue in part.scene.cues:
            if cue.number not in part.asked:
                self._result.unplayed += 1
                self._differs(
                    "missing",
                    f"command {cue.name}" if cue.name else "message",
                    _short(cue.asked.text),
                    "never came",
                    line=cue.line,
                    session=part.scene.conn,
                )

    def _differs(
        self,
        kind: Literal["changed", "missing", "extra"],
        subject: str,
        expected: str,
        got: str,
        *,
        line: int = 0,
        session: int = 0,
    ) -> None:
        self._result.differences.add(Difference(kind, subject, session, line, 0, "", expected, got))

    def _done(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions


def with_id(data: bytes, recorded: Asked, live: Asked) -> bytes:
    """A recorded reply with the live client's id in the place of the recorded one.

    Where both sent the same one, the bytes are the recorded ones.
    """
    if recorded.has_id == live.has_id and dumps(recorded.identity) == dumps(live.identity):
        return data
    reply = loads(data)
    if not isinstance(reply, dict) or ("id" not in reply and recorded.has_id):
        return data  # the server did not echo the id
    if live.has_id:
        reply["id"] = live.identity
    else:
        del reply["id"]
    return dumps(reply)


def _is(cue: Cue, heard: Asked) -> bool:
    return cue.name == heard.name and cue.asked.says(heard, cue.redacted)


def _may_be(scene: Scene, heard: Asked) -> Callable[[int], bool]:
    """Says of a cue, by its place, whether it may be `heard`, without a look at what was recorded."""
    sign, signs, cues = heard.sign, scene.signs, scene.cues
    return lambda at: signs[at] == sign or bool(cues[at].redacted)


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
