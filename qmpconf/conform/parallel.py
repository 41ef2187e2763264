"""The suite in several processes: each worker has its own server, or its own sessions with one that takes many.

With ``--spawn`` every worker starts a server, and all cases are shared out but those that change
it.  With ``--target`` only the cases that a catalog makes are, and only where the target serves
several clients at once: the others look at what one client sees of another.
"""

from __future__ import annotations

import atexit
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

from qmpconf.conform.cases import Case
from qmpconf.conform.generated import OF_CATALOG
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import CaseResult
from qmpconf.errors import TargetError

#: Opens the target in a worker: a server that it starts ends with the stack.
Open = Callable[[ExitStack], Target]


class Run(NamedTuple):
    """What a worker says of one case: its result, and why it can run no more (or empty)."""

    result: CaseResult
    gone: str


#: The one suite of a worker process.
_SUITE: list[Suite] = []


def run_all(
    suite: Suite, jobs: int, open_target: Open, watch: Callable[[CaseResult], bool] | None = None
) -> Outcome:
    """As `Suite.run_all`, with so many workers where cases can be shared out.

    Raises TargetError when a worker cannot open the target.
    """
    beside, alone = _split(suite)
    jobs = min(jobs, len(beside))
    if jobs < 2:
        return suite.run_all(watch)

    def results() -> Generator[CaseResult, None, None]:
        yield from map(suite.run, (case for case in alone if not case.destructive))
        for run in _worked(suite, jobs, open_target, beside):
            suite.gone = suite.gone or run.gone
            yield run.result
        yield from map(suite.run, (case for case in alone if case.destructive))

    return suite.run_all(watch, results())


def _split(suite: Suite) -> tuple[list[Case], list[Case]]:
    """The cases that workers may run beside each other, and those that are run one after the other."""
    target = suite.target
    many = target.spawned or target.serves_many(suite.options.patience)
    beside: list[Case] = []
    alone: list[Case] = []
    for case in suite.cases:
        shared = target.spawned or case.requirements[0] in OF_CATALOG
        (beside if many and shared and not case.destructive else alone).append(case)
    return beside, alone


def _worked(suite: Suite, jobs: int, open_target: Open, cases: Sequence[Case]) -> Iterator[Run]:
    """Run cases in workers; gives each when it ends."""
    options = replace(suite.options, folder=suite.folder)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, _begin, (open_target, options))
    try:
        yield from _results(pool, cases)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(pool: ProcessPoolExecutor, cases: Sequence[Case]) -> Iterator[Run]:
    futures: list[Future[Run]] = [pool.submit(_run, case.id) for case in cases]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise TargetError(f"a worker of the suite has ended: {error}") from error


def _begin(open_target: Open, options: Options) -> None:
    """In a worker: open the target, and leave interruptions to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stack = ExitStack()
    atexit.register(stack.close)
    target = open_target(stack)
    target.shared = True
    _SUITE.append(stack.enter_context(Suite(target, options)))


def _run(name: str) -> Run:
    suite = _SUITE[0]
    result = suite.run(suite.case(name))
    return Run(result, suite.gone)
