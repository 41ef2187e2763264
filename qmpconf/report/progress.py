"""Progress of what takes more than a second: how far, how fast, how long still.

::

    with Progress("checking", size_of_all, unit=BYTES, quiet=arguments.quiet) as progress:
        for path in paths:
            reader = TraceReader(path)
            with progress.reading(reader):
                ...

It is drawn on stderr, only if that is a terminal, only after a second, and it disappears.  A thread
draws it: what is measured neither waits nor calls anything, and rich is not imported before.
Nothing goes to stdout.  While it shows, what else goes to stderr goes through `say`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from qmpconf.parts import name_of, numbers_of
from qmpconf.text import harmless, printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from qmpconf.trace.reader import TraceReader

#: The unit that is counted in kilo, mega and giga.
BYTES = "bytes"

#: Seconds until it shows, and between two looks.
_DELAY, _PAUSE = 1.0, 0.2


class Progress:
    """Shows how much of `total` units of work is done; without a total, only that there is some.

    Each of them is done so many `times`.  `quiet`: shows nothing, and `say` says nothing either.
    """

    def __init__(
        self, what: str, total: float = 0, *, unit: str = BYTES, quiet: bool = False, times: int = 1
    ) -> None:
        self._what = what
        self._total = total * times
        self._times = times
        self._unit = unit
        self._quiet = quiet
        self._detail = ""
        self._done = 0.0
        self._more: Callable[[], float] = _nothing
        self._bar: Bar | None = None
        self._lock = threading.Lock()  # of the terminal
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            self._thread = threading.Thread(target=self._show, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def advance(self, count: float = 1, detail: str = "") -> None:
        """So much more is done; `detail` is what is done now."""
        self._done += count
        self._detail = detail

    def finish(self, count: float) -> None:
        """So many units are done altogether, each as many times as it has to be."""
        self._done += count * self._times

    @contextmanager
    def file(self, path: str) -> Iterator[None]:
        """In the meantime all of a file is done, whether somebody counts what is read of it or not."""
        before = self._done
        self._detail = os.path.basename(path)
        try:
            yield
        finally:
            whole = before + size_of_files([path]) * self._times
            self._done = max(self._done, whole)

    @contextmanager
    def reading(self, *readers: TraceReader) -> Iterator[None]:
        """Count the bytes that are read of traces in the meantime."""
        before = sum(one.bytes_read for one in readers)
        self._detail = os.path.basename(readers[0].path) if len(readers) == 1 else ""
        self._more = lambda: sum(one.bytes_read for one in readers) - before
        try:
            yield
        finally:
            self._done, self._more = self._done + self._more(), _nothing

    def follow(self, reader: TraceReader) -> None:
        """Count the bytes that are read of this trace from now on, besides all others."""
        before, more = reader.bytes_read, self._more
        self._more = lambda: more() + reader.bytes_read - before

    def say(self, line: str) -> None:
        """Write a line to stderr, above the progress; what does not print is escaped."""
        if self._quiet:
            return
        line = harmless(line)
        with self._lock:
            if self._bar is None:
                print(line, file=sys.stderr)
            else:
                self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        """Wait, then draw again and again until it is over; in a thread of its own."""
        if self._over.wait(_DELAY):
            return
        bar = _bar(self._unit, bounded=self._total > 0)
        task = bar.add_task(self._what, total=self._total or None, detail="")
        with self._lock:
            self._bar = bar
            self._update(bar, task)
            bar.start()
            # Whoever is ended by a signal now has no chance to show it again.
            bar.console.show_cursor(True)
        try:
            while not self._over.wait(_PAUSE):
                with self._lock:
                    self._update(bar, task)
                    bar.refresh()
        finally:
            with self._lock:
                bar.stop()
                self._bar = None

    def _update(self, bar: Bar, task: TaskID) -> None:
        done = self._done + self._more()
        if self._total:
            done = min(done, self._total)
        bar.update(task, completed=done, detail=printable(self._detail))


def size_of_files(paths: Sequence[str]) -> int:
    """The bytes of all these files; one that cannot be looked at counts nothing."""
    total = 0
    for path in paths:
        there = os.path.lexists(path)  # a file has no parts
        for part in [path] if there else [name_of(path, number) for number in numbers_of(path)]:
            with contextlib.suppress(OSError):
                total += os.stat(part).st_size
    return total


def _nothing() -> float:
    return 0.0


def _bar(unit: str, *, bounded: bool) -> Bar:
    """A line of rich's."""
    from rich import progress as parts  # noqa: PLC0415 - it takes a tenth of a second
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Rate(parts.ProgressColumn):
        """Units a second."""

        def render(self, task: parts.Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.1f} {unit}/s")

    columns: list[parts.ProgressColumn] = [parts.TextColumn("{task.description}", markup=False)]
    if not bounded:
        columns += [parts.SpinnerColumn("line"), parts.TimeElapsedColumn()]
    elif unit == BYTES:
        columns += [parts.BarColumn(20), parts.DownloadColumn(), parts.TransferSpeedColumn()]
        columns.append(parts.TimeRemainingColumn())
    else:
        columns += [parts.BarColumn(20), parts.MofNCompleteColumn(), Rate()]
        columns.append(parts.TimeRemainingColumn())
    detail = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns.append(parts.TextColumn("{task.fields[detail]}", markup=False, table_column=detail))
    return parts.Progress(
        *columns,
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        expand=True,
    )
