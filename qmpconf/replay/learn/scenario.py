"""Recordings of one scenario, side by side: step by step, and whether the clients say the same.

What is in memory is what one recording is ahead of the other.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from qmpconf.errors import InputError
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Malformed
from qmpconf.replay.inference import scalars
from qmpconf.replay.plan import Connect, End, Send, Step, steps
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.shared import of_servers

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a client sent: of which session, in which line, which command with which members."""

    session: int
    line: int
    command: str
    members: frozenset[Path]


def numbered(reader: TraceReader) -> Iterator[tuple[int, Step]]:
    """The steps of a recording, each with the number of its session, from 1."""
    numbers: dict[int, int] = {}
    opened = 0
    for step in steps(of_servers(reader.items()), reader.begin):
        if isinstance(step, Connect):
            opened += 1
            numbers[step.conn] = opened
        yield numbers[step.conn], step
        if isinstance(step, End):
            del numbers[step.conn]


def in_turn(one: TraceReader, other: TraceReader) -> Iterator[tuple[int, int, Step]]:
    """The steps of two recordings in turn: which recording (0 or 1), the session, the step."""
    waiting = [(side, numbered(reader)) for side, reader in enumerate((one, other))]
    while waiting:
        for entry in list(waiting):
            found = next(entry[1], None)
            if found is None:
                waiting.remove(entry)
            else:
                yield entry[0], *found


def _members(data: bytes) -> frozenset[Path]:
    """Which members a command's arguments have, whatever their values."""
    try:
        return frozenset(path for path, _, _ in scalars(data) if path[:1] == ("arguments",))
    except Malformed:
        return frozenset()


def require_one_scenario(one: str, other: str) -> None:
    """Raise InputError where the clients of two recordings do not say the same."""
    head = f"{one} and {other} are not recordings of one scenario: "
    sessions = [0, 0]
    ahead: dict[int, tuple[int, deque[_Sent]]] = {}  # session: who is ahead, and with what
    counts: Counter[int] = Counter()
    for side, number, step in in_turn(TraceReader(one), TraceReader(other)):
        sessions[side] = max(sessions[side], number)
        if not isinstance(step, Send) or step.number is None:
            continue
        sent = _Sent(number, step.line, step.command, _members(step.frame.data))
        first, waiting = ahead.setdefault(number, (side, deque()))
        if first == side:
            waiting.append(sent)
            continue
        counts[number] += 1
        pair = (sent, waiting.popleft()) if side == 0 else (waiting.popleft(), sent)
        if not waiting:
            del ahead[number]
        _require_same(head, counts[number], *pair)
    if sessions[0] != sessions[1]:
        raise InputError(f"{head}{sessions[0]} sessions in the one, {sessions[1]} in the other")
    for number, (side, waiting) in sorted(ahead.items()):
        both = (waiting[0], None) if side == 0 else (None, waiting[0])
        raise InputError(_differently(head, number, counts[number] + 1, *both))


def _require_same(head: str, at: int, mine: _Sent, theirs: _Sent) -> None:
    if mine.command != theirs.command:
        raise InputError(_differently(head, mine.session, at, mine, theirs))
    if mine.members != theirs.members:
        odd = pointer(min(mine.members ^ theirs.members, key=str))
        raise InputError(
            f"{head}message {at} of session {mine.session} ({_called(mine)}) has {odd} in one "
            f"of the two only (line {theirs.line} of the other)"
        )


def _differently(head: str, session: int, at: int, mine: _Sent | None, theirs: _Sent | None) -> str:
    return (
        f"{head}message {at} of session {session} is {_called(mine)} in the one, "
        f"and {_called(theirs)} in the other"
    )


def _called(sent: _Sent | None) -> str:
    return "not there" if sent is None else f"{sent.command or 'no command'} (line {sent.line})"
