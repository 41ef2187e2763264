"""A reduction from beginning to end: replay after replay, and the shortest trace written.

Each try is a whole replay (`qmpconf.replay.play.replaying`) of a trace in a private folder.  What counts as
the same difference is its kind, subject and place, and its values where they were the same in two
replays of the whole recording.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

from qmpconf.errors import InputError, TargetError, UsageError
from qmpconf.outputs import keep
from qmpconf.replay.difference import Difference
from qmpconf.replay.gaps import require_whole
from qmpconf.replay.masks import Mask
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.reduce.shrink import Recording, Records, cut_up, shrink
from qmpconf.replay.reduce.write import write_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.text import counted
from qmpconf.trace.lines import Lines
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Header
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.shared import of_servers
from qmpconf.version import __version__

#: Seconds to wait for an event, and for a reply: shorter than in a replay, there are many.
EVENT_PATIENCE = 2.0
REPLY_PATIENCE = 10.0


@dataclass(slots=True)
class Reduced:
    """One reduction.

    `difference` says what was kept (empty: the replay shows none), `commands` of the recording,
    `left` of them in `output`; `tries` are replays.  `note` says why it was not done, or ended
    early.
    """

    trace: str
    output: str = ""
    difference: str = ""
    commands: int = 0
    left: int = 0
    tries: int = 0
    note: str = ""
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0: no difference; 1: there is one; 130: interrupted."""
        if self.interrupted:
            return 130
        return 1 if self.difference else 0


@dataclass(frozen=True, slots=True)
class _Sign:
    """What makes two differences the same."""

    kind: str
    subject: str
    place: str
    values: tuple[str, str] | None

    def is_in(self, result: ReplayResult) -> bool:
        """Whether a replay shows it."""
        return any(_fits(self, one) for one in _signs(result))


def _fits(sign: _Sign, other: _Sign) -> bool:
    return sign == (other if sign.values is not None else replace(other, values=None))


def _sign(difference: Difference) -> _Sign:
    kind, subject, place, expected, got, _ = difference.fingerprint
    return _Sign(kind, subject, place, (expected, got))


def _signs(result: ReplayResult) -> list[_Sign]:
    """The signs of a result; a replay that was not played to its end has one more, the last."""
    found = [_sign(group.first) for group in result.new]
    if result.failure:
        found.append(_Sign("failure", re.sub(r"\d+", "N", result.failure), "", None))
    return found


class _EndError(Exception):
    """The search ends before it is done; the message says why."""


class _Tries:
    """Replays of parts of a recording, until the time is over."""

    def __init__(
        self,
        header: Header,
        recording: Recording,
        play: Callable[[str], ReplayResult],
        reference: Callable[[str], ReplayResult] | None,
        deadline: float,
        progress: Callable[[str], None],
    ) -> None:
        self.header = header
        self.recording = recording
        self.count = 0
        self.best = frozenset(range(len(recording.units)))
        self.sign = _Sign("", "", "", None)
        self._play = play
        self._reference = reference
        self._deadline = deadline
        self._progress = progress
        self._known: dict[bytes, bool] = {}  # by a digest: the sets themselves would take gigabytes

    def whole(self, trace: str) -> ReplayResult:
        """Replay the whole recording."""
        return self._try(self._play, trace)

    def shows(self, kept: frozenset[int]) -> bool:
        """Whether the units `kept` show the difference, and only on the target."""
        key = blake2b(array("Q", sorted(kept)).tobytes(), digest_size=16).digest()
        if key in self._known:
            return self._known[key]
        if time.monotonic() >= self._deadline:
            raise _EndError("the time limit has come")
        with tempfile.TemporaryDirectory(prefix="qmpconf-") as folder:
            path = os.path.join(folder, "try.qmptrace")
            write_trace(path, self.header, self.recording.pick(kept))
            found = self.sign.is_in(self._try(self._play, path))
            if found and self._reference is not None:
                found = not self.sign.is_in(self._try(self._reference, path))
        self._known[key] = found
        if found and len(kept) < len(self.best):
            self.best = kept
        self._progress(
            f"try {self.count}: {len(self.best):,} of {counted(len(self.recording.units), 'message')} left"
        )
        return found

    def _try(self, play: Callable[[str], ReplayResult], path: str) -> ReplayResult:
        self.count += 1
        result = play(path)
        if result.interrupted:
            raise KeyboardInterrupt
        return result


def reduce_trace(
    trace: str,
    *,
    target: str | None = None,
    spawn: str | None = None,
    reference: str | None = None,
    output: str | None = None,
    overwrite: bool = False,
    compare: Literal["exact", "value", "shape", "outcome"] = "value",
    difference: int = 1,
    event_timeout: float = EVENT_PATIENCE,
    timeout: float = REPLY_PATIENCE,
    time_limit: float = 600.0,
    masks: Iterable[Mask] = (),
    known: Mapping[str, str] | None = None,
    prepare: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Reduced:
    """Shorten `trace` to the fewest commands that still show the same difference.

    `target`, `spawn`, `compare`, `event_timeout`, `timeout`, `masks`, `known` and `prepare` are those of a
    replay, which each try is; a known difference is not what is reduced to.  A server at `target` must be as good as new for each session; one that `spawn` starts is new in
    each try.  `reference` starts a server on which the difference must not show: so no try counts
    that differs only because a command is missing.  `difference` is the number, from 1, of the one to
    keep; that the target was lost is the last one.  The result goes to `output`
    (``NAME.reduced.qmptrace`` beside the trace if None).  `time_limit` is in seconds; then the
    best so far is written.

    Raises `UsageError`, `InputError` for the trace, `OutputError`, and `TargetError` for a target
    that cannot be reached.
    """
    masks = tuple(masks)
    output = output or beside(trace)
    if (target is None) == (spawn is None):
        raise UsageError("say what to replay against: the address of a target, or how to start one")
    keep(output, overwrite=overwrite)

    def replay(path: str, target: str | None, spawn: str | None) -> ReplayResult:
        return replay_trace(
            path,
            target=target,
            spawn=spawn,
            compare=compare,
            event_timeout=event_timeout,
            timeout=timeout,
            masks=masks,
            known=known,
            prepare=prepare,
        )

    reader = TraceReader(trace)
    require_whole(reader, "reduced")
    with Lines(reader) as lines:
        recording = cut_up(Records(of_servers(reader.items()), lines), lines, reader.begin)
        if not recording.units:
            raise InputError(f"{trace} holds no message of a client: there is nothing to reduce")
        reduced = Reduced(trace, commands=len(recording.units))
        tries = _Tries(
            reader.header,
            recording,
            lambda path: replay(path, target, spawn),
            (lambda path: replay(path, None, reference)) if reference else None,
            time.monotonic() + time_limit,
            progress,
        )
        try:
            _reduce(trace, difference, tries, reduced)
        except _EndError as reason:
            reduced.note = f"{reason}: there may be less that shows it"
        except KeyboardInterrupt:
            reduced.interrupted = True
            reduced.note = "interrupted: there may be less that shows it"
        reduced.tries = tries.count
        reduced.left = len(tries.best)
        if reduced.left < reduced.commands:
            reduced.output = output
            header = _header(reader.header, reduced, target or spawn or "")
            write_trace(output, header, recording.pick(tries.best), overwrite=overwrite)
    return reduced


def beside(trace: str) -> str:
    """Where the shorter trace goes if nobody says where: ``NAME.reduced.qmptrace``, as NAME is packed or not."""
    name = trace.removesuffix(".gz").removesuffix(".zst").removesuffix(".qmptrace")
    return f"{name}.reduced.qmptrace"


def _header(recorded: Header, reduced: Reduced, target: str) -> Header:
    """The recording's header, with what was reduced; how the server was started may hold secrets."""
    about = {
        "from": os.path.basename(reduced.trace),
        "recorder": recorded.recorder,
        "messages": reduced.left,
        "of": reduced.commands,
        "difference": reduced.difference,
        "target": Redactor().command_line(target),
    }
    rest = {name: value for name, value in recorded.meta.items() if name != "reduced"}
    meta = {"reduced": about, **rest}
    return Header(recorded.version, recorded.started, f"qmpconf {__version__}", meta)


def _reduce(trace: str, number: int, tries: _Tries, reduced: Reduced) -> None:
    """Find the difference, make sure that it comes again, and search."""
    first = tries.whole(trace)
    if first.failure and not first.sent:
        raise TargetError(first.failure)
    signs = _signs(first)
    if not signs:
        known = " besides the known ones" if first.known and first.differences.count else ""
        reduced.note = f"the replay shows no difference{known}: there is nothing to reduce"
        return
    if number > len(signs):
        raise UsageError(f"there is no difference {number}: the replay shows {len(signs)}")
    sign = signs[number - 1]
    reduced.difference = _told(sign, first)
    again = tries.whole(trace)
    if not sign.is_in(again):
        sign = replace(sign, values=None)
    tries.sign = sign
    if not sign.is_in(again):
        reduced.note = (
            "the difference did not come again in a second replay: the target keeps something "
            "from one session to the next (start it anew for each, with --spawn), or it is chance"
        )
        return
    lines = [one.first.line for one in first.new if _fits(sign, _sign(one.first))]
    at = tries.recording.unit_at(lines[0]) if lines else None
    shrink(tries.recording, frozenset() if at is None else frozenset({at}), tries.shows)


def _told(sign: _Sign, result: ReplayResult) -> str:
    if sign.kind == "failure":
        return f"failure: {result.failure}"
    values = sign.values or ("", "")
    where = f" at {sign.place}" if sign.place else ""
    return f"{sign.kind}: {sign.subject}{where}: {values[0]} -> {values[1]}"
