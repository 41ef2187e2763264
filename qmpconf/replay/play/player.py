"""The player: a plan in, a target driven, a result out.

It takes the plan's steps in their order.  Before each byte that it sends it waits until the target
has given everything that was planned before, in all sessions: causes, never times.  What does not
come has a limit: an event `Patience.event` seconds, a reply `Patience.reply`.  A missing event is a
difference, and the replay goes on; a missing reply means that the target hangs, and ends it.

With a speed, a message also waits for its recorded time, divided by the speed.

The target shall not wait for us: a reply that is just the recorded one is answered at once, with
the next message, which is ready by then.  What else is to do (looking closer, comparing, writing the
replay's own trace) is done while the target works, as far as that can wait (`qmpconf.replay.play.later`).
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from qmpconf.errors import TargetError
from qmpconf.net.interrupts import Interrupts
from qmpconf.protocol.framing import Frame
from qmpconf.protocol.session import Session
from qmpconf.replay import needs
from qmpconf.replay.bindings import Binding
from qmpconf.replay.masks import Masks, own_address
from qmpconf.replay.plan import Connect, End, Expect, HalfClose, Lost, Send, Step
from qmpconf.replay.play.descriptors import Descriptors, Drain
from qmpconf.replay.play.later import Later
from qmpconf.replay.play.link import Clock, Link, Log
from qmpconf.replay.play.match import Matcher
from qmpconf.replay.play.target import Target
from qmpconf.replay.play.telling import CompareGreetings, Teller
from qmpconf.replay.result import ReplayResult
from qmpconf.trace.records import Closer
from qmpconf.trace.writer import Redact, TraceWriter

#: Seconds to wait for an event, and for a reply, where nothing else is said.
EVENT_PATIENCE = 10.0
REPLY_PATIENCE = 60.0

#: Seconds after which an event that says something else stands for one that does not come.
_SETTLE = 0.5
#: Once an event of some name did not come, the next of that name gets this part of the time: the
#: replay differs anyway, and is not to take hours.
_SHORTENED = 0.1
#: Seconds within which most things come; what takes longer is looked after.
_SOON = 0.05
#: Seconds of work after which it is asked whether the target has said something.
_UNASKED = 0.00003
#: Pairs of messages that may wait to be compared.
_UNCOMPARED = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds: for an event, and for a reply (or the target to read)."""

    event: float = EVENT_PATIENCE
    reply: float = REPLY_PATIENCE


class _GivenUpError(Exception):
    """The target hangs, or there is nobody to talk to; the message says it to the user."""


class Player:
    """Plays one plan against `target`, and fills `result`; `writer` gets the replay's own trace.

    `clock` is the writer's.  `speed` paces by the recorded times: 1 is as fast as recorded, 0 as
    fast as the target lets.  `redact` keeps secrets out of what is compared and shown.  `compare_greetings` says if the target is of another version than the recorded server.
    """

    def __init__(
        self,
        target: Target,
        result: ReplayResult,
        writer: TraceWriter | None = None,
        *,
        patience: Patience | None = None,
        masks: Masks | None = None,
        speed: float = 0.0,
        clock: Clock | None = None,
        redact: Redact | None = None,
        compare_greetings: CompareGreetings = lambda _one, _other: None,
        begin: Callable[[], Session] = Session,
    ) -> None:
        self._begin = begin
        self._target = target
        self._result = result
        self._log = Log(writer, clock or Clock())
        self._later = Later(_UNCOMPARED)
        self._tell = Teller(result, self._later, compare_greetings)
        self._redact = redact
        self._patience = patience or Patience()
        self._soon = min(_SOON, self._patience.event, self._patience.reply)
        self._masks = masks or Masks()
        self._speed = speed
        self._started = 0.0
        self._first: float | None = None  # recorded time of the first step
        self._links: dict[int, Link] = {}
        self._refused: dict[int, TargetError] = {}
        self._selector = selectors.DefaultSelector()
        self._interrupts = Interrupts()
        self._descriptors = Descriptors(self._watch)
        self._lacks = needs.Lacks()
        self._server_ended = False
        self._missed: set[str] = set()  # subjects of what did not come

    def play(self, steps: Iterable[Step]) -> None:
        """Take all steps, or as many as the target lasts.

        An interrupt ends the replay; what was found so far is in the result.
        """
        self._started = time.monotonic()
        try:
            with self._interrupts as interrupts:
                interrupts.let_in()
                for step in steps:
                    interrupts.keep_out()
                    self._take(step)
                    interrupts.let_in()
        except KeyboardInterrupt:
            self._result.interrupted = True
            self._tell.failure("interrupted")
        except _GivenUpError as reason:
            self._tell.failure(str(reason))
            for link in list(self._links.values()):
                link.matcher.give_up(why="nothing: the replay was given up")
                self._close(link, "recorder")
        finally:
            self._later.finish()
            for link in list(self._links.values()):
                self._close(link, "recorder")
            self._log.later.finish()
            self._selector.close()
            self._descriptors.close()
            self._result.seconds = time.monotonic() - self._started

    def _take(self, step: Step) -> None:
        if self._first is None:
            self._first = step.t
        if isinstance(step, Connect):
            self._connect(step)
            return
        if step.conn in self._refused and not (isinstance(step, End) and step.error):
            raise _GivenUpError(str(self._refused[step.conn]))
        link = self._links.get(step.conn)
        if link is None:
            return  # refused, as it was in the recording
        if isinstance(step, Expect):
            if needs.is_killed(step.said):
                self._kill(step)
            if not link.lost:  # what could not be asked any more is not answered
                link.matcher.expect(step.said)
        elif isinstance(step, Send):
            self._send(step, link)
        elif isinstance(step, Lost):
            link.matcher.lost(step.line)
        elif isinstance(step, HalfClose):
            self._wait()
            link.half_close()
        else:
            self._end(step, link)

    def _kill(self, step: Expect) -> None:
        """The recorded server was sent a signal here, as libvirt's ``destroy`` does."""
        self._wait()
        if not self._target.terminate():
            self._result.warn(
                f"line {step.line}: the recorded server was ended by a signal, and this one is not "
                "ours to end: what differs from there on may come of that (--spawn starts one)"
            )

    # --- steps ---------------------------------------------------------------------------------

    def _connect(self, step: Connect) -> None:
        self._wait()
        self._result.sessions += 1
        try:
            self._interrupts.let_in()
            sock = self._target.connect(ended=self._server_ended)
        except TargetError as error:
            self._refused[step.conn] = error
            return
        finally:
            self._interrupts.keep_out()
        self._server_ended = False
        result = self._result
        masks = own_address(step.server, self._target.address)
        matcher = Matcher(
            step.conn,
            result.differences.add,
            result.use,
            level=result.level,
            masks=Masks((*masks, *self._masks.masks)) if masks else self._masks,
            bindings=result.bindings,
            paired=self._tell.paired,
            judge=self._tell.judge,
            later=self._later,
        )
        self._log.open(step.conn, self._result.target)
        link = self._links[step.conn] = Link(
            step.conn, sock, matcher, self._log, self._redact, self._begin
        )
        self._selector.register(sock, selectors.EVENT_READ, link)

    def _send(self, step: Send, link: Link) -> None:
        if step.number is not None and not step.at_once:
            self._prepare(step, link)
            self._wait()
            self._pace(step.t)
        if link.ended:
            self._lose(link, step)
            return
        if step.redacted:
            self._result.warn(
                f"line {step.line}: {step.command or 'a message'} was recorded without "
                f"{', '.join(step.redacted)} (redacted): the replacement was sent in its place"
            )
        if step.fds or b"fd" in step.frame.data:
            for text in self._lacks.of(step):
                self._result.warn(text)
        fds: list[int] = []
        if step.fds and not link.passes_descriptors:
            self._result.warn(
                f"line {step.line}: the recorded client passed descriptors, but no socket of this "
                "kind carries any: none was passed (use a UNIX socket)"
            )
        for like in step.fds if link.passes_descriptors else ():
            fd, is_alike = self._descriptors.make(like)
            fds.append(fd)
            if not is_alike:
                self._result.warn(
                    f"line {step.line}: a descriptor of kind {like.kind} cannot be recreated: "
                    "/dev/null was passed in its place"
                )
        self._result.sent += step.number is not None
        frame, used = self._adapted(step)
        for bound in used:
            bound.used += 1
        link.send(frame, step.message if frame is step.frame else None, fds, step.fds)

    def _prepare(self, step: Send, link: Link) -> None:
        """Let a message go out at once, if it waits for one other only, and that says nothing new."""
        said = link.matcher.only_due
        if said is None or self._speed or step.fds or link.is_sending or link.ended:
            return
        if all(other is link or other.is_done for other in self._links.values()):
            link.prepare(self._adapted(step)[0], said)

    def _adapted(self, step: Send) -> tuple[Frame, list[Binding]]:
        """What is sent, and the bindings in it."""
        bindings = self._result.bindings
        if self._later.mattering and bindings.may_adapt(step.frame):
            self._later.finish()
        return bindings.adapt(step.frame, step.command)

    def _lose(self, link: Link, step: Send) -> None:
        """The recording goes on where the target has ended the session."""
        if link.lost or step.number is None:
            return
        link.lost = True
        what = step.command or "a message"
        fate = self._target.fate()
        self._differs(step, f"goes on: {what} is sent", f"ended by the target; {fate}".rstrip("; "))
        self._tell.failure(
            f"the target ended session {link.conn} before {what} (line {step.line}) was sent"
            + (f"; {fate}" if fate else "")
        )

    def _end(self, step: End, link: Link) -> None:
        self._wait()
        if step.who == "server":
            deadline = time.monotonic() + self._patience.event
            while not link.ended and (left := deadline - time.monotonic()) > 0:
                self._pump(left)
            if not link.ended:
                self._differs(step, "ended by the server", "still open")
        elif (
            link.ended
            and step.who == "client"
            and link.transcript.command != "quit"
            and not link.lost
        ):
            self._differs(step, "open until the client ends it", "ended")
        if step.who in (None, "recorder") and not link.lost:
            self._result.warn(f"session {step.conn} has no end in the recording")
        self._server_ended = link.ended
        link.matcher.finish(whole=step.who in ("client", "server"))
        self._close(link, "server" if link.ended else "client")
        for rule, count in link.transcript.broken.items():
            if count > step.broken.get(rule, 0):
                self._tell.wire(step, self._log.line, rule, count)

    def _differs(self, step: Step, expected: str, got: str) -> None:
        self._tell.session(step.conn, step.line, self._log.line, expected, got)

    def _pace(self, t: float) -> None:
        """Wait for the moment that was recorded as `t`, if the replay is paced."""
        if not self._speed:
            return
        due = self._started + (t - (self._first or 0.0)) / self._speed
        while (left := due - time.monotonic()) > 0:
            self._pump(left)

    # --- waiting -------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Wait until everything that was planned has been met, or given up."""
        for _ in range(2):
            for link in self._links.values():
                if not link.is_done:
                    break
            else:
                return
            if link.ended:
                break
            self._pump(self._soon)
        now = time.monotonic()
        progress = since = now
        advanced = met = -1
        while True:
            for link in self._links.values():
                if link.ended and not link.is_done and not self._connects_again(link):
                    link.matcher.give_up(why=_why(link), ended=True)
            waiting = [link for link in self._links.values() if not link.is_done]
            if not waiting:
                return
            done = sum(link.matcher.matched["reply"] + link.taken for link in self._links.values())
            if done != advanced:
                advanced, progress = done, now
            matched = sum(sum(link.matcher.matched.values()) for link in self._links.values())
            if matched != met:
                met, since = matched, now
            limit = self._limit(waiting, since, progress)
            if now >= limit:
                self._give_up(waiting)
            self._pump(limit - now)
            now = time.monotonic()

    def _connects_again(self, link: Link) -> bool:
        """Connect once more where the target hung up before it said anything; that is said.

        A server may do that to who comes while it starts: one of QEMU's accepts in two threads
        then, and hangs up on a second client that is there too early.
        """
        if not link.is_untouched or link.is_second or link.error or link.matcher.only_due is None:
            return False
        fate = self._target.fate()
        try:
            sock = self._target.connect(ended=False)
        except TargetError:
            return False
        link.connect_again(sock)
        self._selector.register(sock, selectors.EVENT_READ, link)
        self._result.warn(
            f"session {link.conn}: the target closed the first connection before it said anything"
            f"{f' ({fate})' if fate else ''}; it was connected to once more"
        )
        return True

    def _limit(self, waiting: list[Link], since: float, progress: float) -> float:
        """Until when to wait, on the monotonic clock."""
        soft = all(link.matcher.waits_softly and not link.is_sending for link in waiting)
        if not soft:
            return progress + self._patience.reply
        if any(link.matcher.has_candidates for link in waiting):
            return since + min(_SETTLE, self._patience.event)
        due = {said.subject for link in waiting for said in link.matcher.due}
        return since + self._patience.event * (_SHORTENED if due <= self._missed else 1)

    def _give_up(self, waiting: list[Link]) -> None:
        """Time is over: settle for what there is, or say that the target hangs."""
        for link in waiting:
            if link.is_sending:
                raise _GivenUpError(
                    f"the target hangs: it has read nothing for {self._patience.reply:g} seconds"
                )
            if not link.matcher.waits_softly:
                said = link.matcher.due[0]
                raise _GivenUpError(
                    f"the target hangs: no {said.subject} (line {said.line}) within "
                    f"{self._patience.reply:g} seconds"
                )
        for link in waiting:
            if link.matcher.has_candidates:
                link.matcher.settle()
            else:
                self._missed.update(said.subject for said in link.matcher.due)
                link.matcher.give_up(why=f"nothing within {self._patience.event:g} seconds")

    def _pump(self, timeout: float) -> None:
        """Move bytes, waiting at most `timeout` seconds for some."""
        for link in self._links.values():
            if link.is_sending != link.is_watched and not link.ended:
                link.is_watched = link.is_sending
                write = selectors.EVENT_WRITE if link.is_sending else 0
                self._selector.modify(link.sock, selectors.EVENT_READ | write, link)
        found: list[tuple[selectors.SelectorKey, int]] = []
        soon = time.monotonic() + _UNASKED
        while not found and self._work():
            if time.monotonic() > soon:
                found = self._selector.select(0)
        self._interrupts.let_in()
        found = found or self._selector.select(max(0.0, timeout))
        self._interrupts.keep_out()
        for key, ready in found:
            link = key.data
            if isinstance(link, Drain):
                if not link.take():
                    self._selector.unregister(link.fd)
                continue
            if ready & selectors.EVENT_WRITE:
                link.flush()
            if ready & selectors.EVENT_READ:
                link.receive()
            if link.ended:
                self._selector.unregister(link.sock)

    def _watch(self, drain: Drain) -> None:
        self._selector.register(drain.fd, selectors.EVENT_READ, drain)

    def _work(self) -> bool:
        """Do a piece of what can wait, the most urgent first; False if there is none."""
        return self._later.step() or self._log.later.step()

    def _close(self, link: Link, who: Closer) -> None:
        matched = link.matcher.matched
        self._result.greetings += matched["greeting"]
        self._result.replies += matched["reply"]
        self._result.events += matched["event"]
        if link.sock in self._selector.get_map():
            self._selector.unregister(link.sock)
        del self._links[link.conn]
        link.close(who)


def _why(link: Link) -> str:
    return f"the target ended the session{f' ({link.error})' if link.error else ''}"
