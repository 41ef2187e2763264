"""Which command a response answers.

In-band responses keep the order of their commands, out-of-band ones are found by their id
(qmp-spec section 2.3).  A response that fits neither way breaks a rule: the queue still decides
what it most likely answers, so that one breach does not make all that follows look wrong.

Where bytes are missing (`Queue.gap`), nothing is certain but an id: who waited may have been
answered, and a response may answer what was not seen.  `certain` is false until a response carries
the id of a command that was sent since; from there on the order holds again.

Where whole messages are missing, the order stays.  A command that is not there (`Queue.unseen`) may
be answered by any response that fits no other one; of the commands that wait where messages of the server
are missing (`Queue.left_out`), any may have been answered, or none, for these may be events.

What a client sends that is not JSON takes a place in the queue, too, because its errors come in
order; but how many come differs between servers (qmpconf/protocol/README.md, Recovery and limits),
so it is *elastic*.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from qmpconf.protocol.messages import (
    Command,
    Failure,
    Problem,
    Success,
    Unknown,
    brief,
    brief_pair,
)
from qmpconf.protocol.places import same
from qmpconf.protocol.values import Value, dumps, parts

#: Commands that waited at a gap and are remembered: more than a client has under way.
_MOST_LOST = 1000

#: Commands that may wait for their responses, and the bytes that they may have together; QEMU
#: itself reads on only while fewer than nine wait.
MOST_WAITING, MOST_BYTES = 4096, 64 << 20


class Pending(msgspec.Struct, eq=False):
    """Something that a client sent, and that waits for its response.

    `mark` is what the caller gave with it.  `elastic` input is malformed: real servers answer it
    with any number of errors, none included; `errors` counts them.  `serial` counts what was sent;
    `overtaken` is an in-band command that was sent and answered while an out-of-band one waited, behind
    another one that had been; `passed` is how much had been sent when the first one was.  `skipped` says that the response to a later in-band command came, and that it was said.  `size`
    is the number of its bytes.  `dialect` says that a server may refuse to read it; `text` holds
    the first bytes of what is malformed.  `silent` says that no response comes where it succeeds.
    """

    message: Command | Unknown
    mark: Any
    oob: bool = False
    elastic: bool = False
    errors: int = 0
    serial: int = 0
    overtaken: str = ""
    passed: int = 0
    skipped: bool = False
    size: int = 0
    dialect: bool = False
    text: bytes = b""
    silent: bool = False

    @property
    def name(self) -> str:
        """The command's name, or an empty string for what is not a command."""
        return self.message.name if isinstance(self.message, Command) else ""

    @property
    def has_id(self) -> bool:
        """Whether a response must carry an id."""
        return isinstance(self.message, Command) and self.message.has_id

    def wants(self, response: Success | Failure) -> bool:
        """Whether `response` carries this command's id, or rightly none."""
        if isinstance(self.message, Command) and self.message.has_id:
            if response.has_id:
                return same(self.message.id, response.id)
            return isinstance(response, Failure) and self.may_be_unread
        return not response.has_id

    @property
    def may_be_unread(self) -> bool:
        """Whether a parser may refuse it, and then knows no id yet, although it is a command.

        For duplicate members, deep nesting, numbers beyond its own, or U+0000 in its overlong form (which is
        read as U+0000 here).
        """
        if not isinstance(self.message, Command):
            return False
        value = self.message.value
        return self.message.duplicates or _is_beyond(value) or _nests(value, _LEVELS)

    def __str__(self) -> str:
        if not isinstance(self.message, Command):
            return "malformed input"
        suffix = f" (id {brief(self.message.id)})" if self.message.has_id else ""
        return self.message.name + suffix


class Queue:
    """What waits for a response in one session."""

    def __init__(self) -> None:
        self._in_band: deque[Pending] = deque()
        self._oob: list[Pending] = []
        self._sent = 0
        self._latest: Pending | None = None  # what was answered last, in its turn
        self._passed: Callable[[], Pending] | None = None  # gives it where it passed elsewhere
        self._lost: list[Pending] = []  # waited at a gap: their responses may be missing
        self._unseen = 0  # commands that are not there, and may still be answered
        self._bytes = 0  # at least those of all that waits
        #: Whether what waits is known, and in which order.
        self.certain = True
        #: Commands that were given up because too many waited.
        self.settled = 0

    @property
    def after_malformed(self) -> bool:
        """Whether the latest thing that a client sent in band, and that still waits, is malformed."""
        return bool(self._in_band) and self._in_band[-1].elastic

    @property
    def empty(self) -> bool:
        """Whether nothing waits, and nothing may that is not known."""
        waits = self._in_band or self._oob or self._lost or self._unseen
        return self.certain and not waits

    def passed(self, answered: Callable[[], Pending]) -> None:
        """Commands were sent and answered in their turn while the queue was empty; `answered` gives the last one."""
        self._passed = answered
        self._latest = None

    def _last_answered(self) -> Pending | None:
        """What was answered last, in its turn."""
        if self._latest is None and self._passed is not None:
            self._latest = self._passed()
        return self._latest

    @property
    def pending(self) -> tuple[Pending, ...]:
        """Everything that waits: in-band in the order sent, then out-of-band."""
        return (*self._in_band, *self._oob)

    def add(self, pending: Pending) -> None:
        """Take what the client has just sent."""
        self._sent += 1
        pending.serial = self._sent
        self._bytes += pending.size
        if self._bytes > MOST_BYTES or len(self._in_band) + len(self._oob) >= MOST_WAITING:
            self._bound(pending.size)
        (self._oob if pending.oob else self._in_band).append(pending)

    def _bound(self, more: int) -> None:
        """Too much may wait: count it, and give it up if that is so, as at a gap."""
        waiting = self.pending
        self._bytes = more + sum(one.size for one in waiting)
        self._bytes += sum(one.size for one in self._lost)
        if self._bytes > MOST_BYTES or len(waiting) >= MOST_WAITING:
            self.settled += len(waiting)
            self.gap()
            if self._bytes > MOST_BYTES:
                self._lost.clear()
            self._bytes = more + sum(one.size for one in self._lost)

    @property
    def begun(self) -> bool:
        """Whether the client has sent something, or may have."""
        return self._sent > 0 or self._unseen > 0 or not self.certain

    def gap(self) -> None:
        """Bytes are missing from one of the two directions."""
        self.certain = False
        self._lost += self.pending
        del self._lost[:-_MOST_LOST]
        self._in_band.clear()
        self._oob.clear()
        self._latest = self._passed = None

    def unseen(self, count: int) -> None:
        """So many commands are missing here."""
        self._unseen = min(self._unseen + count, _MOST_LOST)

    def left_out(self) -> None:
        """Messages of the server are missing here: of what waits, nobody knows what was answered."""
        if self.certain and self.begun:
            waiting = len(self.pending) + self._unseen
            self.gap()
            self.certain = True
            self._unseen = waiting  # what is missing may be events

    def match(self, response: Success | Failure) -> tuple[Pending | None, Problem | None]:
        """Find what `response` answers, and take it out; the problem, if that breaks a rule."""
        if not self.certain:
            return self._match_by_id(response), None
        for several in (self._oob, self._lost):
            for waiting in several:
                if waiting.has_id and waiting.wants(response):
                    several.remove(waiting)
                    return waiting, None
        if self._in_band and self._in_band[0].dialect and _is_unread(response):
            self._in_band[0].elastic = True
        wanted: bool | None = None  # whether a command in band has this for its response
        while self._in_band and self._in_band[0].elastic:
            head = self._in_band[0]
            if wanted is None and (response.has_id or isinstance(response, Success)):
                wanted = any(one.wants(response) for one in self._in_band if not one.elastic)
            if self._is_one_more(head, response, wanted=bool(wanted)):
                head.errors += 1
                is_null = isinstance(response, Failure) and not _was_read(head, response)
                return head, wrong_id(head, response) if is_null else None
            self._in_band.popleft()
            self._share_errors(head)
        if self._unseen and not any(one.wants(response) for one in self.pending):
            self._unseen -= 1
            return None, None
        if not self._in_band:
            return self._match_out_of_band(response)
        if self._in_band[0].wants(response):
            answered = self._latest = self._in_band.popleft()
            if self._oob:
                self._overtake(answered)
            return answered, None
        if any(one.wants(response) for one in self._oob):
            return self._match_out_of_band(response)
        return self._match_astray(response)

    def _share_errors(self, before: Pending) -> None:
        """Errors beyond the first of malformed input were as likely those of the malformed input behind it."""
        if before.errors > 1 and self._in_band and self._in_band[0].elastic:
            self._in_band[0].errors = before.errors - 1

    def _match_by_id(self, response: Success | Failure) -> Pending | None:
        """What surely is answered, behind a gap; the order is known again with it."""
        if not response.has_id:
            return None
        for several in (self._lost, self._oob):
            for waiting in several:
                if waiting.has_id and waiting.wants(response):
                    several.remove(waiting)
                    return waiting
        for waiting in self._in_band:
            if waiting.has_id and waiting.wants(response):
                self.pass_to(waiting)
                return waiting
        return None

    def pass_to(self, waiting: Pending) -> tuple[Pending, ...]:
        """Take out an in-band command that is surely answered, and give all that waited before it.

        The order is known again with it.
        """
        passed = []
        while (one := self._in_band.popleft()) is not waiting:
            passed.append(one)
        self._latest = waiting
        self._lost = [one for one in self._lost if one.oob]  # these keep no order
        self.certain = True
        return tuple(passed)

    def garbled(self) -> Pending | None:
        """Take out what a response that cannot be read most likely answers."""
        if not self.certain:
            return None
        while self._in_band and self._in_band[0].elastic:
            self._in_band.popleft()
        return self._in_band.popleft() if self._in_band else None

    def _overtake(self, answered: Pending) -> None:
        """Note the out-of-band commands that were sent before `answered`, and still wait.

        A server that carries out both kinds side by side may be quicker with one that came together
        with it; not with one that the client sent when it had the response to such a one.
        """
        for waiting in self._oob:
            if waiting.serial >= answered.serial:
                continue
            if not waiting.passed:
                waiting.passed = self._sent
            elif waiting.passed < answered.serial and not waiting.overtaken:
                waiting.overtaken = str(answered)

    def _is_one_more(self, head: Pending, response: Success | Failure, *, wanted: bool) -> bool:
        """Whether `response` is one more error for the malformed input at the head.

        A success is none, but it answers the head when nothing else could have caused it: when it is
        not `wanted` by a command.
        """
        if isinstance(response, Success):
            return head.errors == 0 and not wanted
        if (
            response.has_id
        ):  # a null that nobody sent stands for none: the next command has its own answer
            unsent = response.id is None and not any(one.wants(response) for one in self._in_band)
            return unsent or _was_read(head, response)
        if head.errors == 0:
            return True
        following = next((one for one in self._in_band if not one.elastic), None)
        if following is None or following.has_id:
            return True
        return "JSON" in response.description

    def _match_out_of_band(
        self, response: Success | Failure
    ) -> tuple[Pending | None, Problem | None]:
        """No in-band command is answered: perhaps an out-of-band one without an id, or by a wrong one."""
        for waiting in self._oob:
            if waiting.wants(response):
                self._oob.remove(waiting)
                return waiting, None
        if self._oob:
            waiting = self._oob.pop(0)
            return waiting, wrong_id(waiting, response)
        seen = "success" if isinstance(response, Success) else f"error {response.error_class}"
        if response.has_id:
            seen += f" with id {brief(response.id)}"
        wanted = "a command that waits for a response"
        return None, Problem("response.exactly-one", "", wanted, f"none waits for this {seen}")

    def _match_astray(self, response: Success | Failure) -> tuple[Pending | None, Problem | None]:
        """The response is not that of the command that is due: a later one's, or a wrong id.

        A command that was skipped may never be answered; that is said once.
        """
        due = next((one for one in self._in_band if not one.skipped), self._in_band[0])
        before: list[Pending] = []
        for waiting in self._in_band:
            if not waiting.elastic and waiting.wants(response):
                self._in_band.remove(waiting)
                if all(one.skipped for one in before):
                    return waiting, None
                for one in before:
                    one.skipped = True
                wanted, seen = f"the response to {due}", f"the response to {waiting}"
                return waiting, Problem("response.in-order", "", wanted, seen)
            before.append(waiting)
        latest = self._last_answered()
        told_twice = response.has_id and due.has_id and latest is not None and latest.has_id
        if latest is not None and told_twice and latest.wants(response):
            wanted, seen = "one response to each command", f"a second one to {latest}"
            return None, Problem("response.exactly-one", "", wanted, seen)
        self._in_band.remove(due)
        return due, wrong_id(due, response)


#: Integers of 64 bits, signed and unsigned: a parser may refuse others (RFC 8259 9).
_INTEGERS = range(-(2**63), 2**64)


def _is_unread(response: Success | Failure) -> bool:
    """Whether a response may be that to a text which could not be read."""
    return (
        isinstance(response, Failure)
        and not response.has_id
        and response.error_class == "GenericError"
    )


def _was_read(head: Pending, response: Success | Failure) -> bool:
    """Whether a response has no id, or one that a parser may have read before it met the fault."""
    return not response.has_id or (bool(head.text) and dumps(response.id) in head.text)


def _is_beyond(value: Value) -> bool:
    """Whether a value is, or holds, a number beyond a parser's own, or a text with U+0000."""
    return any(
        (isinstance(one, float) and math.isinf(one))
        or (isinstance(one, int) and one not in _INTEGERS)
        or (type(one) is str and "\0" in one)
        for one in parts(value)
    )


#: Levels that every parser takes, as far as anybody knows; it may refuse more (RFC 8259 9).
_LEVELS = 64


def _nests(value: Value, levels: int) -> bool:
    """Whether a value nests more than `levels` deep."""
    level = [value]
    for _ in range(levels + 1):
        inner: list[Value] = []
        for one in level:
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        if not inner:
            return False
        level = inner
    return True


def wrong_id(waiting: Pending, response: Success | Failure) -> Problem:
    """What is wrong with the id of a response to `waiting`, which does not want it."""
    if not isinstance(waiting.message, Command) or not waiting.message.has_id:
        seen = brief(response.id) if response.has_id else "none"
        return Problem("response.id-absent", "/id", "no id", seen)
    sent = waiting.message.id
    wanted, seen = brief_pair(sent, response.id) if response.has_id else (brief(sent), "none")
    return Problem("response.id-echo", "/id", f"the id {wanted}", seen)
