"""One connection to the target: bytes out and in, everything on tape, nothing without a deadline.

What is sent is written to the trace before it goes out, what is received as soon as it is whole.
A `Talk` follows the session with `qmpconf.protocol.session`, so that it knows which command a
response answers, also where ids or the order are wrong.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from qmpconf.conform.patience import Patience
from qmpconf.conform.said import Said, is_garbled
from qmpconf.conform.tape import Tape
from qmpconf.conform.verdicts import Inconclusive, Unmet
from qmpconf.net.descriptors import describe, send
from qmpconf.net.endpoint import reason, untaken
from qmpconf.protocol.dialect import QMP, Dialect
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer
from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import Event, Failure, Greeting, Success
from qmpconf.protocol.session import Session
from qmpconf.protocol.values import Value, dumps
from qmpconf.text import counted

_CHUNK = 1 << 16
#: What a response breaks whose id is not that of its command.
_OF_IDS = ("response.id-echo", "response.id-absent")
#: What a session breaks that does not go on behind input which the server need not be able to read.
AFTER_ERROR = "recovery.after-error"
#: What is broken by such an end, and not by what the case is about.
_BY_THE_END = ("response.exactly-one", "recovery.reset-byte")
_RESET = 0xFF
#: How many of the first bytes are kept as they are.
_FIRST = 256
#: Bytes that a server may send in one case before it counts as a flood.
FLOOD = 32 << 20


class Talk:
    """One session with the target, opened by `Probe`.

    `patience` says how long it waits for what must come, and learns from it; `deadline` is the
    moment at which the whole case must be over (`time.monotonic`).  `greeting` is None until one was
    heard, `ended` says that the server closed its side.  `silence` is the requirement that a
    missing response breaks.  `waited` is how many seconds the server was waited for between two messages: not while one
    came, or what had come was read.
    """

    def __init__(
        self,
        sock: socket.socket,
        tape: Tape,
        server: str,
        *,
        patience: Patience,
        deadline: float,
        silence: str,
        dialect: Dialect = QMP,
    ) -> None:
        self.number = tape.open(server)
        self.patience = patience.full
        self._patience = patience
        self.silence_breaks = silence
        self.greeting: Said | None = None
        self.ended = False
        self.stalled = False
        self.received = 0
        self.waited = 0.0
        self.first = b""  # the first bytes that came
        self.events: list[Said] = []
        self.session = Session(dialect)
        self._deadline = deadline
        self._sock = sock
        self._tape = tape
        self._out = Framer(CLIENT_LIMITS)
        self._in = Framer(SERVER_LIMITS)
        self._heard: deque[Said] = deque()
        self._error = ""
        self._shut = False
        self._closing = False
        self._garbled = False  # it was sent what a server need not read
        self._serial = 0
        self._deaf_until_stalled = 0.0  # seconds; 0 while what comes is taken in
        sock.setblocking(False)
        self._acknowledge()

    @property
    def open(self) -> bool:
        """Whether neither side has ended the session."""
        return not self.ended and self._sock.fileno() >= 0

    @property
    def latest(self) -> int:
        """The latest line of the trace."""
        return self._tape.line

    # --- sending -------------------------------------------------------------------------------

    def send(self, data: bytes, fds: Sequence[int] = ()) -> int:
        """Send bytes as they are; gives the line of the (last) message that is complete with them.

        `fds` ride on the first byte.  What the server says meanwhile is taken in.
        """
        line, waiting = self._noted(data, fds)
        self._put(data, list(fds))
        return waiting[-1] if waiting else line

    def _noted(self, data: bytes, fds: Sequence[int]) -> tuple[int, list[int]]:
        """Put bytes on tape; gives the line of the first message, and those of all that want an answer."""
        frames = self._out.feed(data)
        line = self._tape.frames(
            self.number, "client", frames, tuple(map(describe, fds)) if frames else ()
        )
        waiting = []
        for offset, frame in enumerate(frames):
            sent = self.session.client(frame, line + offset).waiting
            if sent is not None:
                waiting.append(line + offset)
                until_reset = _RESET not in frame.data or sent.dialect
                self._garbled |= until_reset and is_garbled(sent)
        return line, waiting

    def pile(self, data: bytes, stalls: float) -> int:
        """Send as `send` does, but read nothing, until the server has taken nothing for `stalls` seconds.

        A server may wait until its replies are read before it reads on: what is left then is sent
        while its replies are taken in.  Where it takes all, nothing is read for `stalls` seconds more.
        """
        self._deaf_until_stalled = stalls
        line = self.send(data)
        if self._deaf_until_stalled:
            time.sleep(max(0.0, self._until(stalls) - time.monotonic()))
            self._deaf_until_stalled = 0.0
        return line

    def say(self, command: dict[str, Value] | str, fds: Sequence[int] = ()) -> int:
        """Send a message and CR LF; gives its line."""
        return self.send(_text(command) + b"\r\n", fds)

    def say_all(self, commands: Sequence[dict[str, Value] | str]) -> list[int]:
        """Send messages in one write, each with CR LF; gives the lines of those that want an answer."""
        data = b"".join(_text(one) + b"\r\n" for one in commands)
        _, waiting = self._noted(data, ())
        self._put(data, [])
        return waiting

    def slowly(self, data: bytes) -> int:
        """Send byte by byte, each with a write of its own."""
        line = 0
        for byte in data:
            line = self.send(bytes((byte,)))
        return line

    def shut(self) -> None:
        """Shut the sending side down; the server may still send."""
        frames = self._out.close()
        self._tape.frames(self.number, "client", frames)
        self._tape.shut(self.number, "client")
        self._shut = True
        if not self.ended:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._lost(error)

    def _put(self, data: bytes, fds: list[int]) -> None:
        view = memoryview(data)
        until = self._until(self.patience)
        held: int | None = None  # what it had not taken when this wait began
        while view and not self.ended:
            try:
                sent = send(self._sock, view, fds)
            except BlockingIOError:
                if self._deaf_until_stalled and self._writable(self._deaf_until_stalled):
                    continue
                self._deaf_until_stalled = 0.0
                held = untaken(self._sock) if held is None else held
                if not self._poll(until, write=True):
                    if untaken(self._sock) < held and time.monotonic() < self._deadline:
                        until, held = self._until(self.patience), None
                        continue  # it reads on, and there is no room yet
                    self.stalled = True
                    raise Unmet(
                        "the server to read on",
                        f"{len(view):,} of {counted(len(data), 'byte')} not taken in time",
                        requirement=self.silence_breaks,
                    ) from None
                continue
            except OSError as error:
                self._lost(error)
                return
            fds = []
            view = view[sent:]
            until, held = self._until(self.patience), None  # a slow reader is none that hangs

    # --- receiving -----------------------------------------------------------------------------

    def hear(self, timeout: float | None = None) -> Said | None:
        """The server's next message; None when it ended, or said nothing for `timeout` seconds."""
        until = self._until(self.patience if timeout is None else timeout)
        while not self._heard:
            if self.ended or not self._poll(until):
                return None
        return self._heard.popleft()

    def reply(self, line: int = 0, *, breaks: str = "", more: float = 0.0) -> Said:
        """The next response, or the one that answers the command in `line`; events are kept.

        Responses before it are dropped.  It has `more` seconds than usual.  Raises Unmet when none comes: that breaks the
        requirement `breaks`, else `silence_breaks`.
        """
        for said in self._waited(line, breaks, more):
            if isinstance(said.message, Event):
                self.events.append(said)
            elif isinstance(said.message, Success | Failure) and line in (0, said.answers):
                return said
        raise AssertionError("waiting ends with an answer or an exception")

    def replies(self, lines: Collection[int]) -> Iterator[Said]:
        """The response to each of the commands in `lines`, as they come; events are kept.

        Each has the usual time, from the one before it.  Other responses are dropped.  Raises as `reply` does.
        """
        left = set(lines)
        while left:
            for said in self._waited(min(left), "", 0.0):
                if isinstance(said.message, Event):
                    self.events.append(said)
                elif isinstance(said.message, Success | Failure) and said.answers in left:
                    left.discard(said.answers)
                    yield said
                    break

    def ask(self, command: dict[str, Value] | str, *, breaks: str = "") -> Said:
        """Send a command, and give the response that answers it."""
        return self.reply(self.say(command), breaks=breaks)

    def until_answered(self, line: int, *, breaks: str = "", more: float = 0.0) -> list[Said]:
        """Every message up to and including the response that answers the command in `line`.

        It has `more` seconds than usual.
        """
        return list(self.each_until(line, breaks=breaks, more=more))

    def each_until(self, line: int, *, breaks: str = "", more: float = 0.0) -> Iterator[Said]:
        """The same, each as it comes: what came before Unmet is raised is known then."""
        for said in self._waited(line, breaks, more):
            yield said
            if said.answers == line and isinstance(said.message, Success | Failure):
                return

    def _waited(self, line: int, breaks: str, more: float) -> Iterator[Said]:
        """What comes, until the caller has what it waits for.

        Raises Unmet when time is up.  Behind a response that cannot be the answer to any command it
        soon is: most often it was meant to be.  Of several errors without an id one may have been, too:
        then Inconclusive is raised, unless silence breaks a rule of its own and the server is not
        known to drop ids.  A response with a wrong id may be one that nobody waits for: where the right one
        comes behind it, that is the answer.  Where no rule of its own is broken, silence behind
        what a server need not read, or the end, is a matter of how the session goes on.
        """
        rule = breaks or self.silence_breaks
        if self._garbled and rule == "response.exactly-one":
            rule = AFTER_ERROR
        patience = self._patience.answer(rule) + more
        begun = time.monotonic()
        until = self._until(patience)
        stray: Said | None = None
        unmarked = 0
        while True:
            said = self.hear(max(0.0, until - time.monotonic()))
            if said is None:
                break
            if said.meant is not None and not self._patience.drops_ids:
                said = self._sorted(said, said.meant)
            if not more:
                self._patience.took(time.monotonic() - begun)
            bare = isinstance(said.message, Failure) and not said.message.has_id
            unmarked += bare
            if said.unfit:
                stray = stray or said
            if said.unfit or (bare and unmarked > 1):
                until = self._until(self._patience.behind())
            yield said
        if self.ended:
            seen = "the end of the session" + (f" ({self._error})" if self._error else "")
            follows: tuple[str, ...] = ()
            if self._garbled and rule in (AFTER_ERROR, *_BY_THE_END):
                rule, follows = AFTER_ERROR, _BY_THE_END
            raise Unmet("a response", seen, line=line, requirement=rule, follows=follows)
        if stray is not None or unmarked > 1:
            self._patience.strays += 1
        if stray is not None:
            raise Unmet(
                "a response to the command", str(stray), line=stray.line, requirement=stray.unfit
            )
        vague = not breaks and self.silence_breaks == "response.exactly-one"
        if unmarked > 1 and (vague or self._patience.drops_ids):
            raise Inconclusive(
                f"there is no response, unless one of {unmarked} errors without an id is"
            )
        self.stalled = True
        seen = self._patience.in_vain(rule, patience)
        if self._in.held:
            begun_with = counted(self._in.held, "byte")
            raise Unmet(
                f"the end of a message, behind its first {begun_with}",
                seen,
                line=line,
                requirement="framing.valid-json",
            )
        raise Unmet("a response", seen, line=line, requirement=rule)

    def _sorted(self, said: Said, meant: Pending) -> Said:
        """A response with a wrong id as what it is: one too many, if the command's own comes behind it."""
        until = self._until(self._patience.behind())
        heard: list[Said] = [said]
        while (one := self.hear(max(0.0, until - time.monotonic()))) is not None:
            response = one.message
            if one.unfit and isinstance(response, Success | Failure) and meant.wants(response):
                heard[0] = replace(said, answers=0, unfit=one.unfit)
                heard.append(replace(one, answers=said.answers, unfit=""))
                break
            heard.append(one)
        else:
            self._patience.drops_ids = True
        self._heard.extendleft(reversed(heard[1:]))
        return heard[0]

    def barrier(self, *, breaks: str = "") -> list[Said]:
        """Everything up to the response to a harmless command, which is left out."""
        return self.until_answered(self.say(self.harmless()), breaks=breaks)[:-1]

    def harmless(self) -> dict[str, Value]:
        """A command that changes nothing, with a fresh id."""
        self._serial += 1
        name = self.session.dialect.version
        return {"execute": name, "id": f"qmpconf-{self._serial}"}

    def settle(self, seconds: float) -> None:
        """Wait for the next message, at most so long, and leave it to be heard."""
        until = self._until(seconds)
        while not (self._heard or self.ended) and self._poll(until):
            pass

    def quiet(self, seconds: float) -> list[Said]:
        """What comes within `seconds`."""
        until = self._until(seconds)
        heard = []
        while (said := self.hear(max(0.0, until - time.monotonic()))) is not None:
            heard.append(said)
        return heard

    def rest(self, timeout: float | None = None) -> list[Said]:
        """Everything until the server ends the session; `ended` says whether it did."""
        until = self._until(self.patience if timeout is None else timeout)
        heard = []
        while (said := self.hear(max(0.0, until - time.monotonic()))) is not None:
            heard.append(said)
        return heard

    # --- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """End the session from this side (if it has not ended)."""
        if self._sock.fileno() < 0:
            return
        if not self._shut:
            self._tape.frames(self.number, "client", self._out.close())
        self._closing = True
        if not self.ended:
            self._poll(0.0)  # what has arrived is evidence, too
        if not self.ended:
            self._tape.close(self.number, "client")
        self._sock.close()

    # --- the machinery -------------------------------------------------------------------------

    def _until(self, seconds: float) -> float:
        return min(time.monotonic() + seconds, self._deadline)

    def _poll(self, until: float, *, write: bool = False) -> bool:
        """Wait for something to happen and take in what has come; False when time is up."""
        wanted = select.POLLIN | (select.POLLOUT if write else 0)
        poller = select.poll()
        poller.register(self._sock, wanted)
        begun = time.monotonic()
        found = poller.poll(max(0.0, until - begun) * 1000)
        if not self._in.held:
            self.waited += time.monotonic() - begun
        if not found:
            return False
        if found[0][1] & ~select.POLLOUT:
            self._take()
        return True

    def _writable(self, seconds: float) -> bool:
        """Wait until the server takes more; False when it did not in that time."""
        left = max(0.0, self._until(seconds) - time.monotonic())
        return bool(select.select([], [self._sock], [], left)[1])

    def _take(self) -> None:
        try:
            data = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._lost(None)
            return
        self._acknowledge()
        self.received += len(data)
        if len(self.first) < _FIRST:
            self.first = (self.first + data)[:_FIRST]
        if self.received > FLOOD and not self._closing:
            raise Inconclusive(f"the server floods: more than {FLOOD >> 20} MiB in one session")
        self._note(self._in.feed(data))

    def _acknowledge(self) -> None:
        """Let a server go on at once that sends no second reply before the first was acknowledged."""
        if self._sock.family != socket.AF_UNIX:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _note(self, frames: list[Frame]) -> None:
        line = self._tape.frames(self.number, "server", frames)
        for offset, frame in enumerate(frames):
            step = self.session.server(frame, line + offset)
            if step.message is None:
                continue
            wrong = any(one.requirement in _OF_IDS for one in step.breaches)
            if wrong and isinstance(step.message, Failure) and not step.message.has_id:
                self._patience.drops_ids = True
            answers = step.answered.mark if step.answered else 0
            meant = step.answered if wrong else None
            unfit = ""
            if not answers and step.breaches and isinstance(step.message, Success | Failure):
                unfit = step.breaches[0].requirement
            said = Said(step.message, line + offset, answers, unfit, meant)  # type: ignore[arg-type]  # no Command comes from a server
            if isinstance(step.message, Greeting) and self.greeting is None:
                self.greeting = said
            self._heard.append(said)

    def _lost(self, error: OSError | None) -> None:
        """The server has closed: note what was left, and the end."""
        if self.ended:
            return
        self.ended = True
        self._error = reason(error) if error else ""
        self._note(self._in.close())
        self._tape.close(self.number, "server", self._error)


def _text(command: dict[str, Value] | str) -> bytes:
    return dumps(command) if isinstance(command, dict) else command.encode("utf-8")
