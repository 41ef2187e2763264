"""Causes and consequences: which differences only follow from a call that failed in the replay.

A replay sends each command once the target has given what the client had seen before; so whatever
is said after a failed command may be a consequence of it.  It is one where the two are about the
same thing: a later message names what the failed command was the first to name (an id, a node, a
device), or what such a later command was the first to name in its turn.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from qmpconf.protocol.values import Value

#: Members of arguments that give a name to what a command makes.
_NAMING = frozenset(
    {"id", "node-name", "job-id", "name", "label", "tag", "snapshot-node-name", "fdname", "overlay"}
)
#: The shortest name that tells one thing from another.
_SHORTEST = 2
#: Names of one session that are kept.
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Call:
    """One command of the recording: its line, that of its answer, and all strings in its arguments.

    `makes` are those of them with which it may give a name to something.
    """

    session: int
    line: int
    answer: int
    name: str
    names: frozenset[str]
    makes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Said:
    """An event of the recording, and what it names."""

    session: int
    line: int
    names: frozenset[str]


def names_of(value: Value) -> frozenset[str]:
    """Every string in a value that can name something."""
    return frozenset(text for _, text in _texts(value))


def made_by(value: Value) -> frozenset[str]:
    """The strings in arguments with which a command may give a name to something."""
    return frozenset(text for key, text in _texts(value) if key in _NAMING)


def _texts(value: Value) -> Iterator[tuple[str, str]]:
    """Every string that is long enough, with the member that holds it."""
    waiting: list[tuple[str, Value]] = [("", value)]
    while waiting:
        key, one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.items()
        elif isinstance(one, list):
            waiting += [(key, item) for item in one]
        elif isinstance(one, str) and len(one) >= _SHORTEST:
            yield key, one


def consequences(
    messages: Iterable[Call | Said], failed: Mapping[tuple[int, int], str]
) -> dict[tuple[int, int], Call]:
    """For each message that follows from a failed call, the call.

    `messages` are those of the recording, in its order; `failed` has session and line of each
    answer that was a success in the recording and an error in the replay.  The keys are session
    and line of an answer or an event.
    """
    seen: dict[int, set[str]] = {}
    lost: dict[int, dict[str, Call]] = {}
    found: dict[tuple[int, int], Call] = {}
    for one in messages:
        known, gone = seen.setdefault(one.session, set()), lost.setdefault(one.session, {})
        cause = next((gone[name] for name in sorted(one.names) if name in gone), None)
        key = (one.session, one.answer if isinstance(one, Call) else one.line)
        if cause is not None:
            found[key] = cause
        if isinstance(one, Call):
            if key in failed:
                new = one.makes - known
                gone.update(dict.fromkeys(new, cause or one))
            if len(known) < _MOST:
                known |= one.names
    return found
