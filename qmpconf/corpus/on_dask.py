"""A task over many files, by the workers of a Dask scheduler, on whichever machines these are.

The function and the batches are those of `qmpconf.corpus.pool`; Dask shares them out, and does again
what a worker had that was lost.  A worker reads the files itself, by the same path or URL.  Its
qmpconf must be of this very version: another one may judge otherwise.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from qmpconf.corpus.gathered import Gathered, Part, Task, one, together
from qmpconf.corpus.pool import Teller, batches, interrupted, weight
from qmpconf.errors import TargetError, UsageError
from qmpconf.packed import STDIN
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.version import __version__

if TYPE_CHECKING:
    from types import ModuleType

P = TypeVar("P", bound=Part)

#: Seconds until a scheduler that does not answer counts as unreachable.
_PATIENCE = 10
#: The threads of a worker take turns: the work is Python's, and what is spooled is the process's.
_TURN = threading.Lock()


def run(task: Task[P], paths: Sequence[str], address: str, progress: Progress) -> Gathered[P]:
    """Do the task with each file, by the workers of the scheduler at `address`.

    Raises UsageError where Dask is not installed or the address is not one, and TargetError where there
    is no scheduler, none of its workers, or one with another version of qmpconf.
    """
    distributed = _module()
    if STDIN in paths:
        raise UsageError("--workers: no worker can read our standard input: name a file")
    try:
        client = distributed.Client(
            address, timeout=_PATIENCE, set_as_default=False, name="qmpconf"
        )
    except (OSError, TimeoutError) as error:
        raise TargetError(f"cannot reach the Dask scheduler at {address}: {error}") from None
    except ValueError as error:
        raise UsageError(f"--workers dask:{address}: {error}") from None
    with client:
        _same_version(client)
        return _Run(distributed, client, task, paths, progress).all()


def _module() -> ModuleType:
    try:
        import distributed  # noqa: PLC0415 - not everybody has it, or needs it
    except ImportError:
        raise UsageError("--workers needs another package: pip install 'qmpconf[dask]'") from None
    found: ModuleType = distributed
    return found


def _same_version(client: Any) -> None:
    """Raise TargetError unless all workers have this very version of qmpconf, and there are some."""
    there = client.run(version_here, on_error="return")
    if not there:
        raise TargetError(f"the Dask scheduler at {client.scheduler.address} has no workers")
    for worker, version in sorted(there.items()):
        if version != __version__:
            what = (
                f"qmpconf {version}" if isinstance(version, str) else f"not qmpconf ({version!r})"
            )
            raise TargetError(
                f"the Dask worker {worker} has {what}, and this is {__version__}: install the same"
            )


def version_here() -> str:
    """The version of qmpconf; asked in a worker."""
    return __version__


def done(version: str, task: Task[Any], batch: Iterable[tuple[int, str]]) -> Gathered[Any]:
    """In a worker: what comes of a batch.  Raises TargetError for one that came later, of another version."""
    if version != __version__:
        raise TargetError(f"a Dask worker has qmpconf {__version__}, and this is {version}")
    with _TURN:
        return together(one(task, number, path) for number, path in batch)


class _Run:
    """One task over many files."""

    def __init__(
        self,
        module: ModuleType,
        client: Any,
        task: Task[Any],
        paths: Sequence[str],
        progress: Progress,
    ) -> None:
        self._module = module
        self._client = client
        self._task = task
        self._paths = paths
        self._progress = progress
        self._teller = Teller(progress)
        self._whole: Gathered[Any] = Gathered()
        self._batches: dict[Any, list[int]] = {}

    def all(self) -> Gathered[Any]:
        workers = max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))
        weights = [weight(path) for path in self._paths]
        completed = self._module.as_completed(loop=self._client.loop)
        try:
            for batch in batches(weights, workers):
                completed.add(self._submit(batch))
            for future in completed:
                batch = self._batches.pop(future.key)
                try:
                    heap = future.result()
                except self._module.KilledWorker:
                    heap = self._lost(batch[0])
                    if len(batch) > 1:  # which of them did it?
                        for number in batch:
                            completed.add(self._submit([number]))
                        continue
                self._teller.take(heap)
                self._whole = self._whole.merge(heap)
                self._progress.advance(0, os.path.basename(self._paths[batch[-1]]))
                self._progress.finish(size_of_files([self._paths[number] for number in batch]))
        except KeyboardInterrupt:
            return interrupted(self._whole)
        finally:
            self._teller.rest()
        return self._whole

    def _submit(self, batch: list[int]) -> Any:
        named = [(number, self._paths[number]) for number in batch]
        future = self._client.submit(done, __version__, self._task, named, pure=False)
        self._batches[future.key] = batch
        return future

    def _lost(self, number: int) -> Gathered[Any]:
        text = f"{self._paths[number]}: each worker that read it was ended"
        return Gathered(None, frozenset((number,)), {number: text})
