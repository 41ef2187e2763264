"""What a client did in one run, out of its trace, its output and its end."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qmpconf.conform.client.manners import Told
from qmpconf.conform.client.output import last_words, lines_of
from qmpconf.conform.client.testee import Report, reports
from qmpconf.net.process import ended
from qmpconf.protocol.messages import Command, Response, from_client, from_server
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Fault

#: Signals that end a client which did not mean to end.
_CRASHES = frozenset(
    (
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGSEGV,
        signal.SIGPIPE,
        signal.SIGSYS,
    )
)
#: What a shell adds to the number of the signal that ended its child.
_SHELL = 128


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended: `code` is None for a client that had to be ended.

    `output` and `errors` are what it printed, `address` is where it was to connect, `told` what the
    server said.
    """

    code: int | None
    sessions: int
    output: str = ""
    errors: str = ""
    address: str = ""
    told: Sequence[Told] = ()

    @property
    def words(self) -> str:
        """How it ended."""
        return "no end in time" if self.code is None else ended(self.code)

    @property
    def crashed(self) -> bool:
        """Whether a signal ended it that no client means to be ended by."""
        code = self.code or 0
        return -code in _CRASHES or (code - _SHELL in _CRASHES and code > _SHELL)

    @property
    def last_words(self) -> str:
        """The last line that it printed, or empty."""
        return last_words(self.output, self.errors)


@dataclass(frozen=True, slots=True)
class Sent:
    """A command: its line in the trace, and how many were unanswered when it was sent.

    `reuses` says that one of those has its id, `late` that quit was answered before.
    """

    line: int
    name: str
    oob: bool
    unanswered: int
    reuses: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a client did: its commands in order, what it printed, and how it ended."""

    end: End
    sent: tuple[Sent, ...] = ()
    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    reports: tuple[Report, ...] = ()

    @classmethod
    def of(cls, path: str, end: End, *, given_up: bool = False) -> Behaviour:
        """Read it out of a trace.

        With `given_up`, nobody waits for the response to the first command after negotiation.
        """
        return cls(
            end,
            _sent(path, given_up=given_up),
            lines_of(end.output, end.address),
            lines_of(end.errors, end.address),
            tuple(reports(end.output)),
        )

    @property
    def commands(self) -> tuple[str, ...]:
        """The names of the commands."""
        return tuple(one.name for one in self.sent)

    @property
    def last(self) -> int:
        """The line of the last command."""
        return self.sent[-1].line if self.sent else 0

    @property
    def depth(self) -> int:
        """How many commands were unanswered at most when one was sent, in band."""
        return max((one.unanswered for one in self.sent if not one.oob), default=0)

    def lacks(self, need: str) -> str:
        """Why a scenario with this need is not about the client; empty if it is."""
        if need == "oob" and not any(one.oob for one in self.sent):
            return "the client sends nothing out of band"
        if need == "quit" and "quit" not in self.commands:
            return "the client does not send quit"
        if need == "commands" and set(self.commands) <= {"qmp_capabilities"}:
            return "the client sends no command"
        return ""


@dataclass(slots=True)
class _Session:
    """What a client waits for; `said` is the latest response, which a fault may yet befall, `late` those that wait."""

    pending: list[Command] = field(default_factory=list)
    given_up: Command | None = None
    quit: bool = False
    said: Response | None = None
    late: dict[str, list[Response | None]] = field(default_factory=dict)
    silent: bool = False

    def heard(self) -> None:
        """The latest response has come to the client."""
        if self.said is not None:
            _answer(self, self.said)
            self.said = None

    def befallen(self, fault: Fault) -> None:
        """Something was done on purpose: to the latest response, or it goes out now."""
        if fault.given:
            for response in self.late.get(fault.message, [])[:1]:
                del self.late[fault.message][0]
                if response is not None:
                    _answer(self, response)
            return
        if fault.kind in ("late", "delay"):
            self.late.setdefault(fault.message, []).append(self.said)
        if fault.kind != "double":
            self.said = None
        self.silent = self.silent or fault.kind == "hang"


def _sent(path: str, *, given_up: bool) -> tuple[Sent, ...]:
    sessions: dict[int, _Session] = {}
    found: list[Sent] = []
    for item in TraceReader(path).all_items():
        if not isinstance(item, Item | Fault):
            continue
        session = sessions.setdefault(item.conn, _Session())
        if isinstance(item, Fault):
            session.befallen(item)
            continue
        session.heard()
        if item.sender == "server":
            message = from_server(item.frame.data)
            if isinstance(message, Response) and not session.silent:
                session.said = message
            continue
        command = from_client(item.frame.data)
        if not isinstance(command, Command):
            continue
        waiting = [one for one in session.pending if one is not session.given_up and not one.oob]
        reuses = command.has_id and any(
            one.has_id and _equal(one.id, command.id) for one in session.pending
        )
        found.append(Sent(item.line, command.name, command.oob, len(waiting), reuses, session.quit))
        session.pending.append(command)
        if given_up and command.name != "qmp_capabilities" and not command.oob:
            given_up, session.given_up = False, command
    return tuple(found)


def _answer(session: _Session, response: Response) -> None:
    """Take the command that is answered off the list of those that are pending."""
    for command in session.pending:
        if command.has_id == response.has_id and (
            not command.has_id or _equal(command.id, response.id)
        ):
            session.pending.remove(command)
            session.quit = session.quit or command.name == "quit"
            return
    if session.pending and not response.has_id:
        session.pending.pop(0)


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
