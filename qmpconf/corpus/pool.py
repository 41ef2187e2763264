"""A task over many files, in several processes of this machine.

`run` shares the files out in batches.  A worker merges what comes of its batch, and says before each
file that it begins with it: so one that dies is named with its file, and the others of its batch are
done by another worker.  Where there is little to do, no worker is started, for that costs more than
it gains: see `LEAST`.

Each worker has a pipe, and not a place in a queue that all share (as `concurrent.futures` has it):
the end of the pipe is the end of just this worker, and tells which file it had.

A file that is large, and a great part of all, is done by all of them: the workers of a round have shares of
its sessions (`qmpconf.corpus.shared`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeVar, cast

from qmpconf.corpus.gathered import Divisible, Gathered, Part, Task, together
from qmpconf.corpus.gathered import one as of_one
from qmpconf.corpus.shared import NOT_SHARED
from qmpconf.errors import OutputError
from qmpconf.packed import is_only_here
from qmpconf.report.progress import Progress, size_of_files

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

P = TypeVar("P", bound=Part)

#: Bytes of recordings below which one process does all of it: it takes as long for them as several
#: take to start.  What is compressed counts for so many times its size.
LEAST, PACKED = 32 << 20, 8
#: Files, and shares of all the work for each worker, that a batch has at most.
_MOST_FILES, _SHARES = 64, 8
#: Workers that end before they have begun with a file, until it is given up.
_MOST_FAILURES = 3
#: What it takes to open a file, as bytes of one.
_OPENING = 1 << 13
#: What the workers need is imported once, by the process that all are copies of.
_PRELOAD = ["qmpconf.corpus.work", "qmpconf.corpus.results"]


def cores() -> int:
    """How many processors this process may use; 1 in a test, whose runner shares them out."""
    if "PYTEST_CURRENT_TEST" in os.environ:
        return 1
    return len(os.sched_getaffinity(0))


def run(
    task: Task[P], paths: Sequence[str], jobs: int, progress: Progress, light: int = 1
) -> Gathered[P]:
    """Do the task with each file, in so many processes at most; where there is little to do, in this one.

    `light` says how many times as little as with a recording there is to do with a file.

    Ctrl-C ends them all; what was found until then is given.  Raises what the task raises, but for
    InputError, which is kept, and OutputError where no worker can be started.
    """
    weights = [weight(path) for path in paths]
    if jobs < 2 or sum(weights) < LEAST * light or any(map(is_only_here, paths)):
        return _alone(task, paths, progress)
    large = [number for number, one in enumerate(weights) if _is_large(one, weights, jobs)]
    large = large if isinstance(task, Divisible) else []
    if not large and len(paths) < 2:
        return _alone(task, paths, progress)
    teller = Teller(progress)
    whole: Gathered[P] = Gathered()
    try:
        for number in large:
            heap = _divided(task, number, paths[number], jobs, progress)
            teller.take(heap)
            whole = whole.merge(heap)
        rest = {
            number: _File(path, weights[number], size_of_files([path]))
            for number, path in enumerate(paths)
            if number not in large
        }
        if rest:
            found = _Run(task, rest, min(jobs, len(rest)), progress, teller).all()
            whole = replace(whole.merge(found), interrupted=found.interrupted)
    except KeyboardInterrupt:
        return interrupted(whole)
    finally:
        teller.rest()
    return whole


def _is_large(one: int, weights: Sequence[int], jobs: int) -> bool:
    """Whether sharing out whole files would leave workers without work for the time of that one.

    The file is read twice then, which is not worth it for little.
    """
    return one >= 2 * LEAST and one > sum(weights) / (2 * jobs)


def _divided(task: Task[P], number: int, path: str, jobs: int, progress: Progress) -> Gathered[P]:
    """What comes of one large file, its sessions shared out; of one that has no shares, from this process.

    Raises KeyboardInterrupt.
    """
    numbers = frozenset((number,))
    size = size_of_files([path])
    try:
        plan = cast("Divisible", task).plan(number, path, jobs, progress.reading)
        step = next(plan)
        while True:
            whole = sum(share.size for share in step.shares) or 1
            shares = {
                at: _File(path, share.size, size * share.size // whole)
                for at, share in enumerate(step.shares)
            }
            found = _Run(step.task, shares, jobs, progress).all()
            if found.interrupted:
                raise KeyboardInterrupt
            if found.unread:
                return Gathered(None, numbers, {number: found.unread[min(found.unread)]})
            step = plan.send(found.part)
    except StopIteration as end:
        part, said = end.value
        return Gathered(part, numbers, {}, {number: said})
    except NOT_SHARED:
        return of_one(task, number, path, progress.reading)


def weight(path: str) -> int:
    """How much work a file is, as bytes of a recording."""
    size = max(size_of_files([path]), _OPENING)
    return size * PACKED if path.endswith((".gz", ".zst")) else size


class Teller:
    """Says what there is to say of the files in their order, whatever order they are done in."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._waiting: dict[int, list[str]] = {}
        self._next = 0

    def take(self, heap: Gathered[Any]) -> None:
        """What came of some more files."""
        self._waiting |= {number: heap.said.get(number, []) for number in heap.numbers}
        while self._next in self._waiting:
            self._say(self._waiting.pop(self._next))
            self._next += 1

    def rest(self) -> None:
        """There will be no more: say what waited for others."""
        for number in sorted(self._waiting):
            self._say(self._waiting[number])

    def _say(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._progress.say(line)


def _alone(task: Task[P], paths: Sequence[str], progress: Progress) -> Gathered[P]:
    teller = Teller(progress)
    whole: Gathered[P] = Gathered()
    try:
        for number, path in enumerate(paths):
            with progress.file(path):
                heap = of_one(task, number, path, progress.reading)
            teller.take(heap)
            whole = whole.merge(heap)
    except KeyboardInterrupt:
        return interrupted(whole)
    return whole


def interrupted(whole: Gathered[P]) -> Gathered[P]:
    """What was found until somebody ended it, if there is anything."""
    if not whole.numbers:
        raise KeyboardInterrupt
    return Gathered(whole.part, whole.numbers, whole.unread, whole.said, interrupted=True)


def batches(weights: Sequence[int], workers: int) -> Iterator[list[int]]:
    """The numbers of the files, shared out: so many that each worker has several, none of them long."""
    most = max(1, sum(weights) // (workers * _SHARES))
    batch: list[int] = []
    size = 0
    for number, weight in enumerate(weights):
        if batch and (size + weight > most or len(batch) >= _MOST_FILES):
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += weight
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _File:
    """A file, or a share of it: its path, how much work it is, and its bytes on the disk."""

    path: str
    weight: int
    size: int


@dataclass(slots=True)
class _Worker:
    """A process, the pipe to it, the batch that it has, and the file that it said it begins with."""

    process: BaseProcess
    pipe: Connection
    batch: list[int] = field(default_factory=list)
    at: int | None = None


class _Run:
    """One task over many files, or shares of one; the numbers are those of the files, or of the shares."""

    def __init__(
        self,
        task: Task[Any],
        files: Mapping[int, _File],
        jobs: int,
        progress: Progress,
        teller: Teller | None = None,
    ) -> None:
        self._task = task
        self._files = files
        self._progress = progress
        self._jobs = jobs
        numbers = list(files)
        shared_out = batches([one.weight for one in files.values()], jobs)
        self._todo = deque([numbers[at] for at in batch] for batch in shared_out)
        self._workers: list[_Worker] = []
        self._failures = 0
        self._teller = teller
        self._whole: Gathered[Any] = Gathered()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOAD)

    def all(self) -> Gathered[Any]:
        try:
            while self._share_out():
                for pipe in wait([worker.pipe for worker in self._workers]):
                    self._hear(next(one for one in self._workers if one.pipe is pipe))
        except KeyboardInterrupt:
            return interrupted(self._whole)
        finally:
            for worker in self._workers:
                worker.process.kill()
            for worker in self._workers:
                self._end(worker)
        return self._whole

    def _share_out(self) -> bool:
        """Give each worker a batch, and end those for whom there is none; whether any is at work."""
        while self._todo and len(self._workers) < self._jobs:
            self._workers.append(self._started())
        for worker in [one for one in self._workers if not one.batch]:
            if self._todo:
                worker.batch, worker.at = self._todo.popleft(), None
                with suppress(OSError):  # it died: that is heard
                    worker.pipe.send(
                        [(number, self._files[number].path) for number in worker.batch]
                    )
            else:
                self._workers.remove(worker)
                self._end(worker)
        return bool(self._workers)

    def _started(self) -> _Worker:
        resource_tracker.ensure_running()  # which unblocks what `_uninterrupted` blocks
        with _uninterrupted():
            forkserver.ensure_running()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(self._task, theirs), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _end(self, worker: _Worker) -> None:
        worker.pipe.close()  # which a worker that waits takes for the end
        worker.process.join()

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            self._end(worker)
            self._died(worker)
            return
        if isinstance(said, int):
            worker.at = said
            self._progress.advance(0, os.path.basename(self._files[said].path))
        elif isinstance(said, BaseException):
            raise said
        else:
            self._take(said)
            worker.batch = []
            size = sum(self._files[number].size for number in said.numbers)
            if self._teller is None:  # shares of a file, each of which is read in its own right
                self._progress.advance(size)
            else:
                self._progress.finish(size)

    def _died(self, worker: _Worker) -> None:
        """Its file is lost; whatever else it had is for another worker."""
        code = worker.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        left = worker.batch
        if worker.at is None:
            self._failures += bool(left)
            if self._failures >= _MOST_FAILURES:
                raise OutputError(
                    f"the processes that share the work end at once ({how}); use --jobs 1"
                )
        else:
            lost = f"{self._files[worker.at].path}: the process that read it was ended ({how})"
            self._take(Gathered(None, frozenset((worker.at,)), {worker.at: lost}))
            left = [number for number in left if number != worker.at]
        if left:
            self._todo.append(left)

    def _take(self, heap: Gathered[Any]) -> None:
        if self._teller is not None:
            self._teller.take(heap)
        self._whole = self._whole.merge(heap)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """What is started meanwhile is not interrupted, not even before it can say so; we are afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(task: Task[Any], pipe: Connection) -> None:
    """In a worker: a batch after the other, until the pipe ends; interruptions are the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):  # the parent has ended
        while True:
            batch = pipe.recv()
            try:
                heap = together(_begun(task, batch, pipe))
            except Exception as error:  # noqa: BLE001 - the parent raises it
                pipe.send(error)
            else:
                pipe.send(heap)


def _begun(
    task: Task[Any], batch: Sequence[tuple[int, str]], pipe: Connection
) -> Iterator[Gathered[Any]]:
    for number, path in batch:
        pipe.send(number)
        yield of_one(task, number, path)
