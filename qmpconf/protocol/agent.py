"""What a session with a guest agent has besides: syncs, what is stale, what is never answered, freezing.

An agent may sit behind a channel whose ends do not see each other come and go (virtio-serial).  Then
what one client did not fetch comes to the next one, and half a command of the first stands before
the first command of the second.  That is what syncs are for: all that comes before the response
with the sync's own integer is to be ignored (qemu-ga-ref(7), guest-sync), and here it is nobody's
fault.  So a response that is not that integer proves nothing while a sync waits; it is a wrong
answer to the sync where the client goes on as if it were one.

`Agent` belongs to one `qmpconf.protocol.session.Session`, and shares its queue.  It knows the rules
``agent.*`` of the register, and takes what is particular from its `Dialect`.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from qmpconf.protocol.dialect import SENTINEL, Dialect
from qmpconf.protocol.matching import Pending, Queue, wrong_id
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Problem,
    Sentinel,
    Success,
    Unknown,
    brief,
)
from qmpconf.protocol.signs import message_words
from qmpconf.protocol.steps import Step

#: A version; Python reads no number of any length.
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")
#: Integers of syncs that are remembered, and responses that may be stale.
_MOST_NUMBERS, _MOST_DOUBTFUL = 10_000, 100


class Matched(NamedTuple):
    """What a response answers, what is wrong with that, and what waits before it in vain."""

    answered: Pending | None
    problem: Problem | None = None
    lost: tuple[Pending, ...] = ()


class Agent:
    """The state of one session with a guest agent, besides that of its queue.

    `silent` are the commands that get no response where they succeed: those of the dialect, until
    the agent says it itself (``guest-info``).  `version` is what it says there.  `frozen` says
    whether it has frozen file systems.
    """

    def __init__(self, dialect: Dialect, queue: Queue, *, reset: bool = False) -> None:
        self.silent = dialect.silent
        self.version: tuple[int, ...] = ()
        self._dialect = dialect
        self._queue = queue
        self._begun = False  # the client has sent a command
        self._reset = reset  # and a 0xFF before it
        self._numbers: set[int] = set()
        self._synced = False
        self._taken: Pending | None = None  # a sync that was answered with an error just now
        self._doubtful: list[tuple[Success, Any]] = []  # came while a sync waits, with their marks
        self._heard = False  # a message of the server was whole
        self._marked = False  # a 0xFF has come, and no message behind it yet
        self.frozen = False

    def gap(self) -> None:
        """Bytes are missing: what is known no longer holds."""
        self._begun = self._heard = True
        self._synced = self.frozen = self._marked = False
        self._taken = None
        self._doubtful.clear()

    # --- the client's side ---------------------------------------------------------------------

    def sent(self, message: Command | Unknown, step: Step, mark: Any) -> None:
        """The client has sent `message`; `step.waiting` is its entry in the queue."""
        if isinstance(message, Sentinel):
            self._reset = True
        if not isinstance(message, Command):
            return
        name, syncs = message.name, name_in(message, self._dialect.syncs)
        if step.waiting is not None:
            step.waiting.silent = name in self.silent
        if message.oob:
            step.client(mark, "request.members", "/exec-oob", "execute", "exec-oob")
        if not self._begun:
            if not syncs:
                wanted = " or ".join(sorted(self._dialect.syncs))
                step.client(mark, "agent.sync-first", "", wanted, name)
            elif self._dialect.delimited and not self._reset:
                step.client(mark, "agent.reset-first", "", "a byte 0xFF before it", "none")
        self._begun = True
        if syncs:
            self._sync_sent(message, step, mark)
        elif self._doubtful:
            self.settle(step)
        if self.frozen and name not in self._dialect.while_frozen:
            taken = " | ".join(sorted(self._dialect.while_frozen))
            step.client(mark, "agent.frozen", "/execute", taken, brief(name))

    def _sync_sent(self, message: Command, step: Step, mark: Any) -> None:
        number = number_of(message)
        if number is None:
            return
        if number in self._numbers:
            wanted = "an integer that no sync before it has"
            step.client(mark, "agent.sync-unique", "/arguments/id", wanted, str(number))
        if len(self._numbers) < _MOST_NUMBERS:
            self._numbers.add(number)

    # --- the server's side ---------------------------------------------------------------------

    def marked(self) -> None:
        """A 0xFF of the server."""
        self._marked = True

    def is_stale(self, data: bytes) -> bool:
        """Whether what is not a message may be the rest of one that an earlier client left.

        A 0xFF at its end is that of the message behind it.
        """
        ends = data.endswith(SENTINEL)
        if (self._synced or self._heard) and not (ends and self._sync_waits()):
            return False
        self._marked |= ends
        return True

    def match(self, response: Success | Failure, step: Step, mark: Any) -> Matched:
        """Find what `response` answers, and take it out of the queue."""
        self._heard = True
        queue = self._queue
        sync = self._sync_of(response)
        if sync is not None:
            return self._found(sync, response)
        if not queue.certain:
            return Matched(*queue.match(response))
        self._pass_silent(response)
        due = next((one for one in queue.pending if not one.elastic), None)
        if isinstance(response, Success):
            if due is None and not self._synced:
                return Matched(None)
            if due is not None and self._is_sync(due):
                if not (response.has_id and any(one.wants(response) for one in queue.pending)):
                    if len(self._doubtful) < _MOST_DOUBTFUL:
                        self._doubtful.append((response, mark))
                    return Matched(None)
                self.settle(step)
        answered, problem = queue.match(response)
        self._taken = answered if answered is not None and self._is_sync(answered) else None
        stale = answered is None and not self._synced
        return Matched(answered, None if stale else problem)

    def _found(self, sync: Pending, response: Success | Failure) -> Matched:
        """The response has the integer of `sync`."""
        certain = self._queue.certain
        passed = () if sync is self._taken else self._queue.pass_to(sync)
        # Behind malformed input an error without an id may have been that of a command.
        doubtful = any(one.elastic for one in passed)
        lost = tuple(
            one
            for one in passed
            if certain and not (one.elastic or one.silent) and (one.has_id or not doubtful)
        )
        self._taken = None
        self._doubtful.clear()
        self._synced = True
        return Matched(sync, None if sync.wants(response) else wrong_id(sync, response), lost)

    def judge(
        self,
        message: Greeting | Success | Failure | Event,
        answered: Pending | None,
        step: Step,
        mark: Any,
    ) -> None:
        """Judge a message of the server by what it answers."""
        marked, self._marked = self._marked, False
        if isinstance(message, Greeting | Event):
            seen = message_words(message)
            step.server(mark, "agent.unasked", "", "nothing that was not asked for", seen)
            return
        command = answered.message if answered is not None else None
        if not isinstance(command, Command) or answered is None:
            return
        success = isinstance(message, Success)
        delimited = success and name_in(command, self._dialect.delimited)
        if self._dialect.delimited and delimited != marked:
            wanted, seen = "a byte 0xFF before it", "none"
            if marked:
                wanted, seen = "no byte 0xFF before it", "one"
            step.server(mark, "agent.sentinel", "", wanted, seen)
        if success and answered.silent:
            step.server(mark, "agent.silent", "", "no response to what succeeds", "a success")
        if isinstance(message, Success):
            if self.frozen and command.name not in self._dialect.while_frozen:
                step.server(mark, "agent.frozen-refused", "", "CommandNotFound", "success")
            self._learn(command, message)

    def _learn(self, command: Command, reply: Success) -> None:
        """Take note of what a success says of the agent."""
        result = reply.result
        if command.name in self._dialect.freezes:
            self.frozen = result != 0
        elif command.name in self._dialect.thaws:
            self.frozen = False
        elif command.name == self._dialect.version and isinstance(result, dict):
            self.version = numbers_of(result.get("version"))
            listed = result.get("supported_commands")
            silent = {
                one["name"]
                for one in (listed if isinstance(listed, list) else ())
                if isinstance(one, dict)
                and isinstance(one.get("name"), str)
                and one.get("success-response") is False
            }
            self.silent = frozenset(silent) or self.silent
        elif result == "frozen" and command.name.endswith("-status"):
            self.frozen = True

    def lost(self, several: tuple[Pending, ...], step: Step) -> None:
        """Say of commands that a sync behind them was answered before them."""
        for one in several:
            wanted = "a response before that of a later sync"
            step.server(one.mark, "agent.answered", "", wanted, "none")

    def settle(self, step: Step) -> None:
        """What came while a sync waits is taken for its answer: the client does, or the end shows it."""
        doubtful, self._doubtful = self._doubtful, []
        sync = next((one for one in self._queue.pending if self._is_sync(one)), None)
        if not doubtful or sync is None:
            return
        self._queue.pass_to(sync)
        self._synced = True
        (first, mark), *others = doubtful
        number = number_of(sync.message)
        step.server(mark, "agent.sync-echo", "/return", str(number), brief(first.result))
        for other, _ in others:
            self._queue.match(other)

    # --- syncs, and what is silent -------------------------------------------------------------

    def _is_sync(self, waiting: Pending) -> bool:
        return (
            name_in(waiting.message, self._dialect.syncs) and number_of(waiting.message) is not None
        )

    def _sync_waits(self) -> bool:
        return any(self._is_sync(one) for one in self._queue.pending)

    def _sync_of(self, response: Success | Failure) -> Pending | None:
        """The sync whose integer `response` has."""
        result = response.result if isinstance(response, Success) else None
        if type(result) is not int:
            return None
        waiting = (self._taken, *self._queue.pending)
        return next(
            (
                one
                for one in waiting
                if one and self._is_sync(one) and number_of(one.message) == result
            ),
            None,
        )

    def _pass_silent(self, response: Success | Failure) -> None:
        """Take out what has succeeded without a response, as one to something later shows.

        An error may be its own, or that of something later: then nobody knows what answers what, until a sync.
        """
        while True:
            waiting = [one for one in self._queue.pending if not one.elastic]
            if not waiting or not waiting[0].silent:
                return
            later = any(one.wants(response) for one in waiting[1:] if not one.silent)
            if isinstance(response, Failure) and waiting[0].wants(response):
                malformed = len(waiting) < len(self._queue.pending)
                if (later or malformed) and not self._sync_waits():
                    self._queue.gap()
                return
            if not later:
                return
            self._queue.pass_to(waiting[0])


def name_in(message: Command | Unknown, names: frozenset[str]) -> bool:
    """Whether that is a command of one of these names."""
    return isinstance(message, Command) and message.name in names


def number_of(message: Command | Unknown) -> int | None:
    """The integer of a sync; None where there is none."""
    number = message.arguments.get("id") if isinstance(message, Command) else None
    return number if type(number) is int else None


def numbers_of(version: Any) -> tuple[int, ...]:
    """The numbers in a version such as "7.2.22"; () where it is none."""
    is_one = isinstance(version, str) and _VERSION.fullmatch(version)
    return tuple(map(int, version.split("."))) if is_one else ()
