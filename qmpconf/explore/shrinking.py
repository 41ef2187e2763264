"""The fewest commands that still show what was found: `qmpconf reduce`, with the finding's own oracle.

The trace is cut up and shrunk as a replay's is (`qmpconf.replay.reduce.shrink`); only what a try is differs:
the commands that are left are sent to a fresh server, in the bursts in which they went out (`bursts`), and the
trace of that is judged as that of a life (`qmpconf.explore.judging`).  What then shows it as well in a simpler
way is made so: one command after the other, in band, with fewer arguments.  The trace that stays is the
recording of the shortest try that showed it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qmpconf.check.basis import Basis
from qmpconf.errors import TargetError
from qmpconf.explore.bursts import bursts_of, text_of
from qmpconf.explore.judging import CRASH, ENDED, judge, same
from qmpconf.explore.life import Ground, Life
from qmpconf.findings import Finding
from qmpconf.protocol.values import Value, dumps, loads
from qmpconf.replay.reduce.shrink import NEGOTIATION, Recording, Records, cut_up, shrink
from qmpconf.text import counted
from qmpconf.trace.lines import Lines
from qmpconf.trace.reader import TraceReader

#: Seconds that a server is given, behind the last command, to end all the same.
_SETTLE = 0.4
#: Messages, those together that go out at once.
Bursts = Sequence[Sequence[str]]

#: How often the whole trace is tried before it counts as not coming again.
_CHANCES = 3


@dataclass(slots=True)
class Shorter:
    """What shrinking came to.

    `trace` is the shortest recording that shows the finding (empty: none did), `commands` are those of the
    whole trace, `left` those that stay, both without the negotiation; `shown` says that the finding came
    again with a fresh server, `note` why the search ended early.
    """

    trace: str = ""
    commands: int = 0
    left: int = 0
    tries: int = 0
    shown: bool = False
    note: str = ""


class _EndError(Exception):
    """The time is over."""


class _Tries:
    """Plays parts of a recording, each to a fresh server, until the time is over."""

    def __init__(
        self,
        recording: Recording,
        finding: Finding,
        ground: Ground,
        basis: Basis | None,
        output: str,
        deadline: float,
        progress: Callable[[str], None],
    ) -> None:
        self.count = 0
        self.best = frozenset(range(len(recording.units)))
        self.shown = False
        self._recording = recording
        self._sent = bursts_of(recording.records)
        self._finding = finding
        self._ground = ground
        self._basis = basis
        self._output = output
        self._deadline = deadline
        self._progress = progress
        self._known: dict[frozenset[int], bool] = {}

    def shows(self, kept: frozenset[int]) -> bool:
        """Whether the units `kept` show the finding."""
        if kept in self._known:
            return self._known[kept]
        if time.monotonic() >= self._deadline and self.count:
            raise _EndError
        self.count += 1
        with tempfile.TemporaryDirectory(prefix="qmpconf-") as folder:
            path = os.path.join(folder, "try.qmptrace")
            found = self._try(kept, path)
            if found and (not self.shown or len(kept) < len(self.best)):
                self.best, self.shown = kept, True
                shutil.copyfile(path, self._output)
        self._known[kept] = found
        left = counted(len(self._recording.units), "message")
        self._progress(f"try {self.count}: {len(self.best):,} of {left} left")
        return found

    def once_more(self, kept: frozenset[int]) -> bool:
        """The same, whatever an earlier try said: some faults need luck."""
        self._known.pop(kept, None)
        return self.shows(kept)

    def simplify(self) -> None:
        """Have it shown in a simpler way, as far as that shows it: not at once, in band, with less in it."""
        sent = self._bursts(self.best)
        for simpler in (_one_by_one, _in_band, _smaller):
            sent = simpler(sent, self._shows)

    def _shows(self, sent: Bursts) -> bool:
        """Whether these messages show the finding; the recording of them is kept then."""
        if time.monotonic() >= self._deadline:
            raise _EndError
        self.count += 1
        with tempfile.TemporaryDirectory(prefix="qmpconf-") as folder:
            path = os.path.join(folder, "try.qmptrace")
            found = play(sent, self._finding, self._ground, self._basis, path)
            shown = any(same(one, self._finding) for one in found)
            if shown:
                shutil.copyfile(path, self._output)
        return shown

    def _try(self, kept: frozenset[int], path: str) -> bool:
        found = play(self._bursts(kept), self._finding, self._ground, self._basis, path)
        return any(same(one, self._finding) for one in found)

    def _bursts(self, kept: frozenset[int]) -> Bursts:
        """What the units `kept` send; what went out at once still does."""
        records = self._recording.records
        lines = {records[at].line for index in kept for at in self._recording.units[index].records}
        bursts = [[text_of(one) for one in burst if one.line in lines] for burst in self._sent]
        return [burst for burst in bursts if burst]


def _one_by_one(sent: Bursts, shows: Callable[[Bursts], bool]) -> Bursts:
    """Wait for each answer, first everywhere, then in one burst after the other."""
    alone = [[text] for burst in sent for text in burst]
    if len(alone) == len(sent) or shows(alone):
        return alone
    at = 0
    while at < len(sent):
        split = [[text] for text in sent[at]]
        candidate = [*sent[:at], *split, *sent[at + 1 :]]
        if len(split) > 1 and shows(candidate):
            sent, at = candidate, at + len(split)
        else:
            at += 1
    return sent


def _in_band(sent: Bursts, shows: Callable[[Bursts], bool]) -> Bursts:
    """Execute in band what need not be ahead."""
    for at, number, value in _values(sent):
        if "exec-oob" in value:
            usual = {"execute" if name == "exec-oob" else name: one for name, one in value.items()}
            candidate = _with(sent, at, number, usual)
            sent = candidate if shows(candidate) else sent
    return sent


def _smaller(sent: Bursts, shows: Callable[[Bursts], bool]) -> Bursts:
    """Leave out members of arguments, and elements of their arrays."""
    for at, number, whole in _values(sent):
        value = whole
        for path in _inner(whole.get("arguments")):
            fewer = _without(value, ("arguments", *path))
            if fewer is None:
                continue
            candidate = _with(sent, at, number, fewer)
            if shows(candidate):
                sent, value = candidate, fewer
    return sent


def _values(sent: Bursts) -> Iterator[tuple[int, int, dict[str, Value]]]:
    """Each message that is an object: its burst, its place there, and its value."""
    for at, burst in enumerate(sent):
        for number, text in enumerate(burst):
            value = loads(text.encode("utf-8", "surrogateescape"))
            if isinstance(value, dict):
                yield at, number, value


def _with(sent: Bursts, at: int, number: int, value: dict[str, Value]) -> Bursts:
    """A copy with another message at a place."""
    burst = [*sent[at]]
    burst[number] = dumps(value).decode()
    return [*sent[:at], burst, *sent[at + 1 :]]


def play(
    sent: Bursts, finding: Finding, ground: Ground, basis: Basis | None, path: str
) -> list[Finding]:
    """Send messages to a fresh server, burst after burst; what is found in the trace at `path`.

    A server that cannot be started shows nothing.
    """
    ends = finding.requirement in (CRASH, ENDED)
    try:
        with Life(ground, path) as life:
            for burst in sent:
                if life.over or None in life.say_all(burst):
                    break
            ending = life.leave(_SETTLE if ends else 0.0)
    except TargetError:
        return []
    return judge(path, basis, ending).findings


def _inner(value: Value, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of each member and element, the outer ones first, the last element before the others."""
    parts: list[tuple[str | int, Value]] = []
    if isinstance(value, dict):
        parts += value.items()
    elif isinstance(value, list):
        parts += reversed(list(enumerate(value)))
    for name, _ in parts:
        yield (*above, name)
    for name, inner in parts:
        yield from _inner(inner, (*above, name))


def _without(value: Value, path: Sequence[str | int]) -> dict[str, Value] | None:
    """A copy of `value` without what is at `path`; None where nothing is."""
    copied: Any = loads(dumps(value))
    place = copied
    try:
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    found: dict[str, Value] = copied
    return found


def _pick(
    recording: Recording, found: frozenset[int], shows: Callable[[frozenset[int]], bool]
) -> None:
    """Try to leave out each command that is left, also one that makes what another one names.

    A name that nothing has may do as well, and an assertion may come later than the command to blame.
    """
    for index in sorted(found):
        if recording.units[index].name != NEGOTIATION and len(found) > 1:
            fewer = found - {index}
            found = fewer if shows(fewer) else found


def again(trace: str, finding: Finding, ground: Ground, basis: Basis | None) -> bool:
    """Whether the messages of a trace show the finding once more, with a fresh server."""
    bursts = bursts_of(TraceReader(trace).items())
    sent = [[text_of(item) for item in burst] for burst in bursts]
    with tempfile.TemporaryDirectory(prefix="qmpconf-") as folder:
        path = os.path.join(folder, "again.qmptrace")
        found = play(sent, finding, ground, basis, path)
    return any(same(one, finding) for one in found)


def shorten(
    trace: str,
    finding: Finding,
    ground: Ground,
    basis: Basis | None,
    seconds: float,
    output: str,
    progress: Callable[[str], None],
) -> Shorter:
    """Shrink `trace` to the fewest commands that show `finding`; the recording of them goes to `output`.

    Raises UsageError for a command line that cannot be used, `InputError` for the trace.
    """
    reader = TraceReader(trace)
    shorter = Shorter()
    with Lines(reader) as lines:
        recording = cut_up(Records(reader.items(), lines), lines)
        since = dict(finding.more).get("since", "0")
        units = map(recording.unit_at, (int(since), finding.line))
        needed = frozenset(unit for unit in units if unit is not None)
        whole = frozenset(range(len(recording.units)))
        tries = _Tries(
            recording, finding, ground, basis, output, time.monotonic() + seconds, progress
        )
        try:
            core = recording.with_causes(needed)
            if tries.shows(core) or any(tries.once_more(whole) for _ in range(_CHANCES)):
                found = shrink(recording, needed, tries.shows)
                _pick(recording, found, tries.shows)
                tries.simplify()
            else:
                shorter.note = "it did not come again with a fresh server"
        except _EndError:
            more = (
                "there may be less that shows it" if tries.shown else "nothing has shown it by then"
            )
            shorter.note = f"the time limit has come: {more}"
        shorter.commands = sum(one.name != NEGOTIATION for one in recording.units)
        shorter.left = sum(recording.units[at].name != NEGOTIATION for at in tries.best)
    shorter.tries, shorter.shown = tries.count, tries.shown
    shorter.trace = output if tries.shown else ""
    return shorter
