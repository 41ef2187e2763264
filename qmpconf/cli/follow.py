"""``qmpconf check --follow``: findings in a recording that is still being made, as they show."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from qmpconf.check.checking import rare_collections
from qmpconf.check.live import LiveCheck
from qmpconf.findings import Groups
from qmpconf.parts import parts_of
from qmpconf.text import printable
from qmpconf.trace.follow import GONE, FollowingReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from qmpconf.check.choice import Choose
    from qmpconf.check.practice import Practice
    from qmpconf.findings import Finding

#: Seconds between two looks at a file that does not grow.
_PAUSE = 0.1
#: Seconds without having read all there was after which that is said.
_BEHIND = 10.0
#: Lines between two looks at the clock.
_LINES = 256


def follow(path: str, protocol: str, choose: Choose | None, practice: Practice) -> None:
    """Print each kind of finding once, as a line on stderr, until the recording ends.

    Says where it falls behind, and when it is interrupted, how much was not judged.  Raises `InputError`,
    and `UsageError` for what cannot be followed.
    """
    pace = Pace(path, lambda: time.sleep(_PAUSE))
    reader = pace.reader = FollowingReader(path, pace.wait, protocol)
    groups = Groups()
    try:
        with rare_collections():
            for finding in LiveCheck(reader, choose, practice, pace.seen).findings():
                before = len(groups)
                groups.add(finding)
                if len(groups) > before:
                    say(line_of(finding))
    except OverError as over:
        say(f"{path}: {over}")
    except KeyboardInterrupt:
        behind = pace.behind()
        if behind:
            say(f"{path}: ended at line {pace.line}: {behind:,} bytes behind it were not judged")
        raise


class OverError(Exception):
    """A recording that has no end is not followed any longer."""


class Pace:
    """Whether the check keeps up with the recording; `pause` waits until there may be more of it."""

    def __init__(self, path: str, pause: Callable[[], None]) -> None:
        self.line = 0
        self.reader: FollowingReader | None = None
        self._path = path
        self._pause = pause
        self._level = time.monotonic()  # when all there was had been read
        self._told = False
        self._alone = False

    def wait(self) -> None:
        """All there is has been read.  Raises `OverError` where nobody writes it any more."""
        if self._told:
            self._told = False
            say(f"{self._path}: the check has caught up")
        # A recorder holds its file locked; one that has died has released it, and writes no more.
        alone = self.reader is not None and not self.reader.is_written
        if alone and self._alone:
            raise OverError(GONE)
        self._alone = alone
        self._pause()
        self._level = time.monotonic()

    def seen(self, line: int) -> None:
        """A line is judged."""
        self.line = line
        if line % _LINES or self._told or time.monotonic() < self._level + _BEHIND:
            return
        self._told = True
        say(
            f"{self._path}: the check is {self.behind():,} bytes behind the recording, which does not wait"
        )

    def behind(self) -> int:
        """Bytes of the file that were not read."""
        try:
            there = sum(map(os.path.getsize, parts_of(self._path) or [self._path]))
        except OSError:
            return 0
        return max(0, there - (self.reader.bytes_read if self.reader is not None else 0))


def line_of(one: Finding) -> str:
    """``FILE:LINE: severity: requirement: text``, as ``check --short`` has it."""
    place = " ".join(filter(None, (one.subject, one.pointer)))
    text = f"{place}: {one.message}" if place else one.message
    hint = f"; did you mean {one.hint!r}?" if one.hint else ""
    return f"{one.path}:{one.line}: {one.severity}: {one.requirement}: {text}{hint}"


def say(text: str) -> None:
    """Print a line on stderr."""
    print(printable(text), file=sys.stderr, flush=True)
