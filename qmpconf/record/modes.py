"""Update modes for a suite of recordings: when to record, and what a new recording keeps.

========  ========================================================================================
``once``  record where there is no file; otherwise the file answers, without a server
``none``  never record: the file answers; without a file it is an error
``all``   record again, and keep of the old file what did not change
========  ========================================================================================

A re-recorded trace is made for ``git diff``.  A line of it is that of the old trace, time and all,
where both say the same; what may differ are the line's own time, an event's timestamp, and the
name of a private folder of ours.  A line that is another one now gets the time of the old one; one
that is new its distance from the line before, on the old trace's clock.  The header keeps when
that was started, and `meta` says in ``rerecorded`` when the new lines were.  Where nothing
changed, the file is left as it is.

The bytes of a message are never changed: it is the old one's line, or the new one's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Literal, Protocol

from qmpconf.errors import InputError
from qmpconf.record.recorder import ignore
from qmpconf.record.recording import Recording
from qmpconf.trace.files import read_lines, write_lines
from qmpconf.trace.reader import TraceReader

Mode = Literal["once", "none", "all"]

#: The modes, in the order in which help gives them.
MODES: tuple[Mode, ...] = ("once", "none", "all")

#: Two recordings whose differing middles have more pairs of lines than this are not aligned.
_MOST_PAIRS = 100_000_000

_TIME = re.compile(rb'\{"t":([0-9.]+),')
_STAMP = re.compile(rb'"timestamp":\s*\{[^{}]*\}')
_FOLDER = re.compile(rb"qmpconf-[a-z0-9_]{8}(?=/)")


def is_served(mode: Mode, path: str) -> bool:
    """Whether the trace at `path` answers, instead of being recorded.

    Raises `InputError` where ``none`` finds no file.
    """
    there = os.path.exists(path)
    if mode == "none" and not there:
        raise InputError(
            f"there is no recording {path}, and mode none never makes one; use mode once or all"
        )
    return there and mode != "all"


@dataclass(frozen=True, slots=True)
class Rerecording:
    """What was recorded, how many lines of the trace changed (-1: it is a new one), of how many."""

    recording: Recording
    changed: int
    lines: int


class Record(Protocol):
    """Records into a file, as `record_trace` does, and raises what that raises."""

    def __call__(self, output: str, *, overwrite: bool) -> Recording:
        """Record into `output`."""


def record_once(output: str, record: Record, complain: Callable[[str], None] = ignore) -> Recording:
    """Record a file that is not there yet; without a session, there is none afterwards.

    `complain` is called with what the user should know at once.
    """
    recording = record(output, overwrite=False)
    if not recording.sessions:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(output)
        complain(f"no session was recorded: there is no {output}")
    return recording


def record_again(
    output: str, record: Record, complain: Callable[[str], None] = ignore
) -> Rerecording:
    """Record `output` again, and keep what did not change.

    A recording without a session leaves the old file as it was.  Raises `InputError` for an old
    file that is not a trace: it is not overwritten.
    """
    if not os.path.exists(output):
        return Rerecording(record_once(output, record, complain), -1, 0)
    TraceReader(output)
    old = read_lines(output)
    folder, name = os.path.split(output)
    temporary = os.path.join(folder, f".new{os.getpid()}.{name}")
    try:
        recording = replace(record(temporary, overwrite=True), path=output)
        if not recording.sessions:
            complain(f"no session was recorded: {output} is left as it was")
            return Rerecording(recording, 0, len(old))
        lines, changed = carry_over(old, read_lines(temporary))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    if changed:
        write_lines(output, b"".join(lines), overwrite=True)
    return Rerecording(recording, changed, len(lines))


def carry_over(old: Sequence[bytes], new: Sequence[bytes]) -> tuple[list[bytes], int]:
    """The lines of a new trace, those of the old one where both say the same.

    Gives the number of lines that are new, or are gone, as well; 0 means the old trace.
    """
    before, after = list(map(_key, old[1:])), list(map(_key, new[1:]))
    found: list[bytes] = []
    changed = int(_header_key(old[0]) != _header_key(new[0]))
    clock = _Clock()
    for same, start, end, low, high in _blocks(before, after):
        if same:
            found += old[1 + start : 1 + end]
            clock.kept(old[end], new[high])
            continue
        changed += max(end - start, high - low)
        if end - start == high - low:
            pairs = zip(old[1 + start : 1 + end], new[1 + low : 1 + high], strict=True)
            found += [clock.replaced(*pair) for pair in pairs]
            continue
        limit = _time(old[1 + end]) if end < len(before) else None
        found += [clock.shifted(line, limit) for line in new[1 + low : 1 + high]]
    if not changed:
        return list(old), 0
    return [_header(old[0], new[0]), *found], changed


class _Clock:
    """Times of new lines on the old trace's clock."""

    def __init__(self) -> None:
        self._old = self._new = 0.0

    def kept(self, old: bytes, new: bytes) -> None:
        """A line was kept, which had these times."""
        self._old, self._new = _time(old), _time(new)

    def replaced(self, old: bytes, new: bytes) -> bytes:
        """A new line at the time of the one in whose place it is."""
        self.kept(old, new)
        return _TIME.sub(b'{"t":%.6f,' % self._old, new, count=1)

    def shifted(self, line: bytes, limit: float | None) -> bytes:
        """A new line at its distance from the one before, but not behind the next that is kept."""
        t = _time(line)
        self._old += max(0.0, t - self._new)
        if limit is not None:
            self._old = min(self._old, limit)
        self._new = t
        return _TIME.sub(b'{"t":%.6f,' % self._old, line, count=1)


def _time(line: bytes) -> float:
    found = _TIME.match(line)
    return float(found[1]) if found else 0.0


def _key(line: bytes) -> bytes:
    """What a line says."""
    key = _FOLDER.sub(b"qmpconf-", _TIME.sub(b"{", line, count=1))
    if b'"event"' in key and b'"timestamp"' in key and _is_event(key):
        key = _STAMP.sub(b'"timestamp":{}', key)
    return key


def _is_event(line: bytes) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    message = value.get("msg") if isinstance(value, dict) else None
    return isinstance(message, dict) and "event" in message


def _header_key(line: bytes) -> Any:
    value = json.loads(_FOLDER.sub(b"qmpconf-", line))
    value.get("meta", {}).pop("rerecorded", None)
    return {name: item for name, item in value.items() if name != "started"}


def _header(old: bytes, new: bytes) -> bytes:
    before, value = json.loads(old), json.loads(new)
    if _header_key(old) == _header_key(new):
        value["meta"] = before.get("meta", {})
    value["meta"] = {**value.get("meta", {}), "rerecorded": value["started"]}
    value["started"] = before.get("started", "")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _blocks(
    before: Sequence[bytes], after: Sequence[bytes]
) -> Iterator[tuple[bool, int, int, int, int]]:
    """The stretches of two lists: whether they are the same, start and end in each."""
    shorter = min(len(before), len(after))
    first = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    last = 0
    while last < shorter - first and before[-1 - last] == after[-1 - last]:
        last += 1
    if first:
        yield True, 0, first, 0, first
    end, high = len(before) - last, len(after) - last
    if (end - first) * (high - first) > _MOST_PAIRS:
        yield False, first, end, first, high
    elif end > first or high > first:
        matcher = SequenceMatcher(None, before[first:end], after[first:high], autojunk=False)
        for tag, *places in matcher.get_opcodes():
            one, two, three, four = (first + place for place in places)
            yield tag == "equal", one, two, three, four
    if last:
        yield True, end, len(before), high, len(after)
