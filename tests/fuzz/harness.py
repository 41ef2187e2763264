"""Many cases, in processes that may die; what is found is made short, and kept."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.cases import Case, Outcome, made, run
from tests.fuzz.seeds import Seeds
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

#: Seconds by the clock after which a case counts as hanging; cases that a process runs.
_HANGS, _BATCH = 180, 300

#: A word of a command line is worth so many times less of a verb's time than a file.
_OF_WORDS = 10

#: Tries, and seconds, for making a finding short.
_TRIES, _SECONDS = 150, 30


@dataclass(slots=True)
class Found:
    """A fault: the case (short by now), and what came of it."""

    case: Case
    outcome: Outcome
    number: str = ""
    times: int = 1


@dataclass(slots=True)
class Tally:
    """What a run did: cases and their exit codes by verb, seconds, functions entered, and faults."""

    cases: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    entered: set[str] = field(default_factory=set)
    found: dict[str, Found] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """What `report` needs, for JSON."""
        return {
            "cases": dict(self.cases),
            "codes": dict(self.codes),
            "seconds": dict(self.seconds),
            "entered": sorted(self.entered),
            "found": [
                {"key": key, "wrong": one.outcome.wrong, "times": one.times, "case": one.number}
                for key, one in self.found.items()
            ],
        }


def chosen(only: str = "") -> list[Target]:
    """The targets of a verb, or all."""
    return [one for one in TARGETS if not only or one.verb == only or one.name.startswith(only)]


def case_of(target: Target, seed: str, number: int, seeds: Seeds) -> Case:
    """The case of that number: the same for the same seed, whatever ran before."""
    return made(target, Random(f"{seed} {target.name} {number}"), seeds)


class Worker:
    """A process that runs cases for a while: each verb gets as much time as the others."""

    def __init__(
        self,
        targets: Sequence[Target],
        seed: str,
        starts: dict[str, int],
        seeds: Seeds,
        until: float,
    ) -> None:
        self._receiver, sender = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self.doing: dict[str, Any] = {}
        self.since = time.monotonic()
        self.process = context.Process(
            target=_work, args=(sender, targets, seed, starts, seeds, until)
        )
        _started(self.process)
        sender.close()

    def news(self, wait: float) -> dict[str, Any] | None:
        """What it says next; None when it has nothing to say, or has ended."""
        try:
            if not self._receiver.poll(wait):
                return None
            said: dict[str, Any] = self._receiver.recv()
        except (EOFError, OSError):
            time.sleep(0.01)
            return None
        self.since = time.monotonic()
        return said


def _work(
    sender: Any,
    targets: Sequence[Target],
    seed: str,
    starts: dict[str, int],
    seeds: Seeds,
    until: float,
) -> None:
    rng = Random(f"{seed} {starts}")
    spent = {one.name: rng.random() * 0.05 for one in targets}
    by_verb = {one.verb: rng.random() * 0.05 for one in targets}
    numbers = dict(starts)
    for count in range(_BATCH):
        if time.monotonic() > until:
            break
        target = min(targets, key=lambda one: (by_verb[one.verb], spent[one.name]))
        number = numbers.get(target.name, 0)
        numbers[target.name] = number + 1
        case = case_of(target, seed, number, seeds)
        sender.send({"begins": target.name, "number": number})
        began = time.monotonic()
        entered: set[str] = set()
        if count % 10 == 0:
            sys.setprofile(_noting(entered))
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            outcome = run(case, seeds.fixed, Path(folder))
        sys.setprofile(None)
        share = _OF_WORDS if target.kind == "words" else 1
        spent[target.name] += (time.monotonic() - began) * share
        by_verb[target.verb] += time.monotonic() - began
        sender.send(
            {"ended": target.name, "number": number, "outcome": outcome, "entered": entered}
        )
    sender.send({"numbers": numbers})
    sender.close()
    os._exit(0)


def _noting(entered: set[str]) -> Callable[..., None]:
    """A profile function that notes which functions of the package are entered."""

    def note(frame: Any, event: str, _argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            name = code.co_filename
            if "/qmpconf/" in name and "/tests/" not in name:
                entered.add(f"{name.rpartition('/qmpconf/')[2]}:{code.co_qualname}")

    return note


def fuzz(
    targets: Sequence[Target],
    seeds: Seeds,
    seed: str,
    minutes: float,
    jobs: int = 1,
    say: Callable[[str], None] = lambda _text: None,
    keep: Callable[[Found], None] = lambda _found: None,
    look: Callable[[Tally], None] = lambda _tally: None,
) -> Tally:
    """Run cases for so many minutes; faults are made short and given to `keep` as they are found.

    `look` gets what there is once a minute.
    """
    tally = Tally()
    until = time.monotonic() + minutes * 60
    starts: dict[str, int] = {}
    shares = [list(targets)[one::jobs] for one in range(jobs)]
    workers: list[Worker | None] = [None] * jobs
    said = time.monotonic()
    while any(workers) or time.monotonic() < until:
        for index, share in enumerate(shares):
            if workers[index] is None and share and time.monotonic() < until:
                workers[index] = Worker(share, seed, starts, seeds, until)
            worker = workers[index]
            if worker is not None and not _listened(worker, tally, starts, seed, seeds, keep, say):
                workers[index] = None
        if time.monotonic() - said > 60:
            said = time.monotonic()
            say(
                f"{sum(tally.cases.values()):,} cases, {len(tally.found)} faults, {len(tally.entered):,} functions"
            )
            look(tally)
    look(tally)
    return tally


def _listened(
    worker: Worker,
    tally: Tally,
    starts: dict[str, int],
    seed: str,
    seeds: Seeds,
    keep: Callable[[Found], None],
    say: Callable[[str], None],
) -> bool:
    """Take in what a worker says; False when it has ended."""
    news = worker.news(0.2)
    if news is None:
        if worker.process.is_alive():
            if time.monotonic() - worker.since < _HANGS:
                return True
            os.kill(worker.process.pid or 0, signal.SIGKILL)
            _died(worker, tally, starts, seed, seeds, "hangs", keep, say)
        elif worker.process.exitcode not in (0, None):
            _died(
                worker,
                tally,
                starts,
                seed,
                seeds,
                f"ends the process ({worker.process.exitcode})",
                keep,
                say,
            )
        worker.process.join()
        return False
    if "begins" in news:
        worker.doing = news
    elif "ended" in news:
        name = news["ended"]
        worker.doing = {}
        outcome: Outcome = news["outcome"]
        target = next(one for one in TARGETS if one.name == name)
        starts[name] = news["number"] + 1
        tally.cases[target.verb] += 1
        tally.codes[f"{target.verb} {outcome.code if not outcome.wrong else 'wrong'}"] += 1
        tally.seconds[target.verb] += outcome.seconds
        tally.entered |= news["entered"]
        if outcome.wrong:
            _noted(
                tally,
                case_of(target, seed, news["number"], seeds),
                outcome,
                f"{name}:{news['number']}",
                seeds,
                keep,
                say,
            )
    return True


def _died(
    worker: Worker,
    tally: Tally,
    starts: dict[str, int],
    seed: str,
    seeds: Seeds,
    how: str,
    keep: Callable[[Found], None],
    say: Callable[[str], None],
) -> None:
    if not worker.doing:
        raise RuntimeError(f"the harness itself fails: its process {how}")
    name, number = worker.doing["begins"], worker.doing["number"]
    starts[name] = number + 1
    target = next(one for one in TARGETS if one.name == name)
    tally.cases[target.verb] += 1
    tally.codes[f"{target.verb} wrong"] += 1
    outcome = Outcome(-1, how, f"{how} {target.reads}")
    _noted(
        tally, case_of(target, seed, number, seeds), outcome, f"{name}:{number}", seeds, keep, say
    )


def _noted(
    tally: Tally,
    case: Case,
    outcome: Outcome,
    number: str,
    seeds: Seeds,
    keep: Callable[[Found], None],
    say: Callable[[str], None],
) -> None:
    known = tally.found.get(outcome.key)
    if known is not None:
        known.times += 1
        return
    found = tally.found[outcome.key] = Found(case, outcome, number)
    say(f"FOUND {outcome.key}: {case.command}: {outcome.wrong} [{number}]")
    if outcome.details:
        say(outcome.details[-1500:])
    found.case = shortened(case, outcome, seeds)
    keep(found)


def _started(process: Any) -> None:
    with warnings.catch_warnings():
        # Newer Pythons warn of threads, of which a test run has some; what is forked waits for none.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()


# ── in a process of its own ──────────────────────────────────────────────────────────────────


def alone(case: Case, fixed: dict[str, str], seconds: float = _HANGS) -> Outcome:
    """Run a case in a process of its own, which may hang or die."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            sender.send(run(case, fixed, Path(folder)))
        os._exit(0)

    process = context.Process(target=work)
    _started(process)
    sender.close()
    try:
        if receiver.poll(seconds):
            outcome: Outcome = receiver.recv()
            return outcome
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGKILL)
        return Outcome(-1, "hangs", f"hangs {case.target.reads}")
    except EOFError:
        process.join()
        how = f"ends the process ({process.exitcode})"
        return Outcome(-1, how, f"{how} {case.target.reads}")
    finally:
        process.join()


def shortened(case: Case, outcome: Outcome, seeds: Seeds) -> Case:
    """The case with as few lines and bytes as still show the same fault, within limits."""
    limit = time.monotonic() + _SECONDS
    tries = 0

    def shows(data: bytes) -> bool:
        nonlocal tries
        tries += 1
        if tries > _TRIES or time.monotonic() > limit:
            return False
        one = Case(case.target, case.words, case.name, data, case.old, case.seed)
        return alone(one, seeds.fixed).key == outcome.key

    if not shows(case.data):
        return case
    data = case.data
    for separator in (b"\n", b""):
        data = _fewer(data, separator, shows)
    return Case(case.target, case.words, case.name, data, case.old, case.seed)


def _fewer(data: bytes, separator: bytes, shows: Callable[[bytes], bool]) -> bytes:
    """Leave out ever smaller stretches of lines, or of bytes."""
    parts = data.split(separator) if separator else [data[at : at + 1] for at in range(len(data))]
    size = max(1, len(parts) // 2)
    while True:
        at = 0
        while at < len(parts):
            rest = parts[:at] + parts[at + size :]
            if rest and shows(separator.join(rest)):
                parts = rest
            else:
                at += size
        if size == 1:
            return separator.join(parts)
        size //= 2
