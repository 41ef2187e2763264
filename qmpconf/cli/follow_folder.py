"""``qmpconf check --follow DIR``: findings in all recordings that are being made in a folder, as they show.

A thread follows each recording, and one of them works at a time: what judges is shared, and has no
locks of its own.  The main thread looks at the folder and at the files, and wakes those whose file has grown.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from qmpconf.check.checking import Outcome, rare_collections
from qmpconf.check.collect import Collector, join
from qmpconf.check.live import LiveCheck
from qmpconf.check.unjudged import Unjudged
from qmpconf.cli.follow import OverError, Pace, line_of, say
from qmpconf.cli.traces import recordings_below
from qmpconf.corpus.work import CheckPart
from qmpconf.errors import InputError
from qmpconf.findings import MOST_GROUPS, Groups
from qmpconf.outputs import is_locked
from qmpconf.parts import name_of, numbers_of
from qmpconf.report.results.of_check import Checked
from qmpconf.text import counted
from qmpconf.trace.follow import FollowingReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qmpconf.check.choice import Choose
    from qmpconf.check.practice import Practice
    from qmpconf.findings import Finding

#: Seconds between two looks at the files, and at the folder.
_FILES, _FOLDER = 0.2, 0.5
#: Seconds after which a follower looks by itself: its recorder may have died.
_PATIENCE = 2.0
#: Members of a header that say whose recording it is: of a host's, and of the wrapper's.
_NAMES = ("monitor", "machine")

_NOTHING = Unjudged(
    "trace",
    "no recording in it held a message while it was followed",
    "did a client connect through the recorder?",
)


class FolderFollower:
    """Follows the recordings in `folder`: those that are being made, and those that begin.

    With `since` (seconds since 1970), those that were written later than that belong to them as well, and
    it goes on until standard input ends; else until it is interrupted.  `full` gathers what a result
    with all details needs.
    """

    def __init__(
        self,
        folder: str,
        protocol: str,
        choose: Choose | None,
        practice: Practice,
        *,
        since: float | None = None,
        full: bool = False,
        quiet: bool = False,
    ) -> None:
        self.folder = folder
        self.protocol = protocol
        self.choose = choose
        self.practice = practice
        self.full = full
        self.turn = threading.Lock()  # who holds it works
        self.ending = False  # what is there is judged, and no more
        self._since = since
        self._quiet = quiet
        self._wake = threading.Event()
        self._signals = 0
        self._known: set[str] = set()
        self._told: dict[str, set[str]] = {}  # kinds of findings that were said, by machine
        self._followed: list[_Follower] = []

    def run(self) -> CheckPart:
        """Follow; gives what came of each recording, in the order in which they began.

        Raises KeyboardInterrupt for a second interrupt, and says what was not judged.
        """
        self._look(first=True)
        if not self._quiet:
            running = counted(len(self._followed), "recording")
            say(f"qmpconf check: following {running} in {self.folder}, and those that begin")
        with self._interruptible(), rare_collections():
            if self._since is not None:
                threading.Thread(target=self._until_stdin_ends, daemon=True).start()
            try:
                self._until_all_are_over()
            except KeyboardInterrupt:
                left = sum(one.pace.behind() for one in self._followed if one.is_alive())
                if left:
                    say(f"{self.folder}: not judged: {counted(left, 'byte')}")
                raise
        done = [one for one in self._followed if one.checked is not None]
        checked = [one.checked for one in done if one.checked is not None]
        if not checked:
            checked.append(
                Checked(
                    Outcome(
                        self.folder, Groups(), 0, 0, [], finished=True, torn=0, unjudged=(_NOTHING,)
                    )
                )
            )
        exercised = join(one.collector.data() for one in done if one.collector is not None)
        return CheckPart(dict(enumerate(checked)), exercised)

    def tell(self, machine: str, finding: Finding) -> None:
        """Say a finding, unless one of its kind was said of this machine."""
        told = self._told.setdefault(machine, set())
        if finding.fingerprint in told or len(told) >= MOST_GROUPS:
            return
        told.add(finding.fingerprint)
        say(f"{machine}: {line_of(finding)}" if machine else line_of(finding))

    def _until_all_are_over(self) -> None:
        looked = time.monotonic()
        while True:
            self._wake.wait(_FILES)
            self._wake.clear()
            now = time.monotonic()
            if self.ending or now > looked + _FOLDER:
                looked = now
                self._look()
            alive = [one for one in self._followed if one.is_alive()]
            for one in alive:
                one.look(now)
            if self.ending and not alive:
                return

    def _look(self, *, first: bool = False) -> None:
        """Follow recordings that have begun."""
        for path in recordings_below(self.folder):
            if path in self._known:
                continue
            self._known.add(path)
            if not first or self._is_ours(path):
                one = _Follower(self, path)
                self._followed.append(one)
                one.start()

    def _is_ours(self, path: str) -> bool:
        """Whether a recording that was there at the start is one to follow."""
        numbers = [] if os.path.lexists(path) else numbers_of(path)
        last = name_of(path, numbers[-1]) if numbers else path
        try:
            if self._since is not None and os.stat(last).st_mtime >= self._since:
                return True
        except OSError:
            return False
        return is_locked(last)

    def _until_stdin_ends(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1 << 10):
                pass
        self._end()

    def _end(self) -> None:
        self.ending = True
        self._wake.set()

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first interrupt ends it in order, unless standard input does; the second one at once."""

        def interrupted(*_: Any) -> None:
            self._signals += 1
            if self._signals > 1 or (self.ending and self._since is not None):
                raise KeyboardInterrupt
            if self._since is None:
                self._end()

        before = {one: signal.signal(one, interrupted) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Follower(threading.Thread):
    """Follows one recording; `checked` is what came of it, None where it holds nothing."""

    def __init__(self, folder: FolderFollower, path: str) -> None:
        super().__init__(name=path, daemon=True)
        self.checked: Checked | None = None
        self.collector = Collector(folder.practice) if folder.full else None
        self.pace = Pace(path, self._pause)
        self._folder = folder
        self._path = path
        self._grown = threading.Event()
        self._size = -1
        self._looked = time.monotonic()
        self._last_look = False

    def look(self, now: float) -> None:
        """Wake it, if there may be something to read (from the main thread)."""
        reader = self.pace.reader
        try:
            size = os.stat(reader.file if reader is not None else self._path).st_size
        except OSError:
            size = -1
        if size != self._size or self._folder.ending or now > self._looked + _PATIENCE:
            self._size, self._looked = size, now
            self._grown.set()

    def run(self) -> None:
        """Follow it to its end."""
        folder, path = self._folder, self._path
        groups = Groups()
        collector = self.collector
        live = None
        with folder.turn:
            try:
                reader = FollowingReader(path, self.pace.wait, folder.protocol)
                self.pace.reader = reader
                live = LiveCheck(reader, folder.choose, folder.practice, self.pace.seen, collector)
                meta = reader.header.meta
                machine = next((str(meta[one]) for one in _NAMES if meta.get(one)), "")
                for finding in live.findings():
                    groups.add(finding)
                    folder.tell(machine, finding)
            except OverError as over:
                if not self._last_look:
                    say(f"{path}: {over}")
            except InputError as error:
                # A recorder removes what holds nothing.
                if self.pace.line or os.path.lexists(path):
                    say(f"qmpconf check: {error}")
            if live is not None and self.pace.line:
                exercised = collector.data().requirements if collector is not None else None
                self.checked = Checked(live.outcome(groups), exercised)

    def _pause(self) -> None:
        """Let others work until there is more.  Raises `OverError` where no more is waited for."""
        if self._folder.ending:
            if self._last_look:
                raise OverError("it goes on, and is not followed any longer")
            self._last_look = True
            return
        self._folder.turn.release()
        try:
            self._grown.wait()
            self._grown.clear()
        finally:
            self._folder.turn.acquire()
