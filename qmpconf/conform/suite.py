"""The suite in one process: cases chosen, run one after the other, judged.

::

    with Suite(Target(address), Options(folder="out")) as suite:
        outcome = suite.run_all()

`Suite` sees to it that a target which hangs, dies or floods ends the case, not the suite: each
wait has a deadline, and a target that stays away makes the rest inconclusive.
"""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.cases import Case, server_cases
from qmpconf.conform.frozen import load_set
from qmpconf.conform.generated import catalog_cases
from qmpconf.conform.judge import judge
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.patience import Patience
from qmpconf.conform.probe import Probe
from qmpconf.conform.talk import AFTER_ERROR
from qmpconf.conform.tape import Tape
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import CaseResult, Stop, Unmet, Verdict
from qmpconf.errors import TargetError, UsageError
from qmpconf.outputs import make_folder
from qmpconf.text import counted

#: Consecutive cases without an answer after which nothing more is tried.
_HOPELESS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How the suite runs.

    `patterns` choose cases by id (any of them: a part of it, or a glob), `level` only rules that
    bind as much (``MUST``; ``SHOULD``: these and MUST).  Without `slow`, cases are left out that
    take seconds on a server that reads byte by byte.  `patience` is how long an answer may
    take, in seconds.  `folder` takes the traces (empty: a temporary one, removed at the end unless
    `keep`).  `known` are failures that are expected.  With `strict`, warnings
    make the run fail.  `requirements` names a frozen set of them (empty: the register as it is).
    """

    patterns: tuple[str, ...] = ()
    level: str = "MAY"
    destructive: bool = False
    slow: bool = True
    schema: str = "auto"
    patience: float = 10.0
    folder: str = ""
    keep: bool = True
    known: Known | None = None
    shipped: bool = True
    strict: bool = False
    requirements: str = ""


_LEVELS = ("MUST", "SHOULD", "MAY")


class Suite:
    """The cases for one target.

    Entering it surveys the target (raises TargetError for what is not a QMP server); `cases` are
    those that were chosen, `known` the failures that are expected, shipped ones included; `gone`
    says why the rest could not be run, and is empty if it could.
    """

    def __init__(self, target: Target, options: Options | None = None) -> None:
        self.target = target
        self.options = options or Options()
        self.cases: list[Case] = []
        self.known = Known()
        self._folder = self.options.folder
        self._stack = ExitStack()
        self._patience = Patience(self.options.patience)
        self._frozen = load_set(self.options.requirements)
        self._hung = 0
        self._running = ""
        self.gone = ""

    def __enter__(self) -> Self:
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="qmpconf-conform-")
        make_folder(self.traces, "--report")
        try:
            with self.target.alone():
                facts = self.target.survey(
                    self.path_of(f"survey-{os.getpid()}" if self.target.shared else "survey"),
                    patience=self._patience,
                    schema=self.options.schema,
                )
        except BaseException:
            self.discard()
            raise
        every = list(self._all())
        self.cases = [one for one in every if self._chosen(one)]
        if not self.cases:
            self.discard()
            raise nothing_chosen(self.options.patterns, [one.id for one in every])
        self.cases.sort(key=lambda one: one.destructive)  # what may end the target goes last
        self.known = self.options.known or Known()
        if self.options.shipped:
            self.known = self.known.joined(Known.shipped(facts))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if error is not None:
            self.discard()

    def discard(self) -> None:
        """Remove the traces, if their folder was made by the suite."""
        if not self.options.folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def folder(self) -> str:
        """The folder of all that the suite writes."""
        return self._folder

    @property
    def traces(self) -> str:
        """The folder of the traces."""
        return os.path.join(self._folder, "traces")

    def path_of(self, name: str) -> str:
        """The path of the trace of the case `name`."""
        return os.path.join(self.traces, re.sub(r"[^A-Za-z0-9._-]", "__", name) + ".qmptrace")

    def case(self, name: str) -> Case:
        """The chosen case of that id."""
        return next(one for one in self.cases if one.id == name)

    def outcome(self) -> Outcome:
        """An outcome without results, for this target."""
        facts = self.target.facts
        title = f"{facts.title} at {self.target.address}"
        strict = self.options.strict
        return Outcome(title, self.target.words, facts.schema, strict=strict, frozen=self._frozen)

    def run_all(
        self,
        watch: Callable[[CaseResult], bool] | None = None,
        results: Generator[CaseResult, None, None] | None = None,
    ) -> Outcome:
        """Run every chosen case.

        `watch` is called with each result, and may end the run with True.  An interruption ends it
        as well: what was found so far stays.  `results` come from elsewhere, in any order
        (`qmpconf.conform.parallel`); the outcome has them in that of the cases.
        """
        start = time.monotonic()
        outcome = self.outcome()
        source = results or (self.run(case) for case in self.cases)
        try:
            for result in source:
                outcome.results.append(result)
                if watch is not None and watch(result):
                    break
        except KeyboardInterrupt:
            outcome.interrupted = True
            done = counted(len(outcome.results), "case")
            self.gone = f"interrupted {f'in {self._running}' if self._running else f'after {done}'}"
        finally:
            source.close()
        order = {case.id: number for number, case in enumerate(self.cases)}
        outcome.results.sort(key=lambda one: order[one.case])
        outcome.gone = self.gone
        outcome.remarks = self.target.facts.notes
        outcome.seconds = time.monotonic() - start
        outcome.complete(self.known)
        return outcome

    def run(self, case: Case) -> CaseResult:
        """Run one case.  Never raises for what the target does."""
        start = time.monotonic()
        self._running = case.id
        if self.gone:
            return _not_run(case, Verdict.INCONCLUSIVE, self.gone)
        reason = self.not_applicable(case)
        if reason:
            return _not_run(case, Verdict.NOT_APPLICABLE, reason)
        with self.target.alone():
            result, hung = self._run(case)
            self._look_after(result, doubtful=hung or case.destructive)
        result.seconds = time.monotonic() - start
        entry = self.known.reason_of(result)
        result.known = entry if result.verdict.broken else ""
        return result

    def _run(self, case: Case) -> tuple[CaseResult, bool]:
        path = self.path_of(case.id)
        meta = {"case": case.id, "target": str(self.target.address)}
        tape = Tape(path, meta | {"protocol": self.target.dialect.name})
        silence = case.requirements[0] if case.owns_silence else "response.exactly-one"
        probe = Probe(
            self.target,
            tape,
            patience=self._patience,
            limit=case.limit + self.options.patience,
            silence=silence,
        )
        stop: Stop | None = None
        try:
            case.body(probe)
        except Stop as raised:
            stop = raised
        finally:
            probe.close()
            tape.finish()
        if isinstance(stop, Unmet) and stop.requirement == AFTER_ERROR and not self._is_well():
            stop = Unmet(stop.expected, stop.seen, line=stop.line, requirement=silence)
        return judge(case, path, self.target.facts.basis, stop, self._frozen), probe.hung

    # --- a target that hangs or dies -------------------------------------------------------------

    def _look_after(self, result: CaseResult, *, doubtful: bool) -> None:
        """After a case that did not go well: is the target still there?  Else start it anew."""
        if not (doubtful or result.verdict is Verdict.INCONCLUSIVE):
            self._hung = 0
            if not self.target.ended():
                return
        well = self._is_well()
        self._hung = 0 if well else self._hung + 1
        if well:
            return
        what = self.target.ended() or "the target hangs"
        try:
            revived = self.target.revive()
        except TargetError as error:
            revived, what = False, str(error)
        if revived:
            self._hung = 0
            note = f"{what}; it was started again"
            result.reason = f"{result.reason}; {note}" if result.reason else note
        elif self._hung >= _HOPELESS or self.target.ended():
            self.gone = f"the target has gone in {result.case}: {what}"

    def _is_well(self) -> bool:
        return not self.target.ended() and self.target.is_well(min(2.0, self.options.patience))

    # --- which cases -----------------------------------------------------------------------------

    def _all(self) -> Iterator[Case]:
        own = self.target.dialect.name
        yield from (one for one in server_cases().values() if one.dialect == own)
        yield from catalog_cases(self.target.facts)

    def _chosen(self, case: Case) -> bool:
        if case.requirements[0] not in self._frozen:
            return False
        level = self._frozen.level(case.requirements[0]).value
        if _LEVELS.index(level) > _LEVELS.index(self.options.level):
            return False
        if case.destructive and not self.options.destructive:
            return False
        if case.slow and not self.options.slow:
            return False
        return chosen(case.id, self.options.patterns)

    def not_applicable(self, case: Case) -> str:
        """Why the case cannot be run against this target; empty if it can."""
        facts = self.target.facts
        for need in case.needs:
            if need == "oob":
                if "oob" not in facts.offered:
                    return "the target does not offer oob"
            elif need == "fds":
                if not self.target.local:
                    return "descriptors can be passed over UNIX sockets alone"
            elif need not in facts.commands:
                return f"the target has no {need}"
        rule = ALL_REQUIREMENTS[case.requirements[0]]
        if not rule.holds(facts.version):
            return (
                f"the rule holds {f'up to {rule.until}' if rule.until else f'since {rule.since}'}"
            )
        return ""


def chosen(name: str, patterns: Sequence[str]) -> bool:
    """Whether a case of this id is meant by the patterns (no pattern: all are)."""
    if not patterns or name in patterns:
        return True
    return any(
        fnmatch.fnmatchcase(name, one) if any(c in one for c in "*?[") else one in name
        for one in patterns
    )


def nothing_chosen(patterns: Sequence[str], names: Sequence[str]) -> UsageError:
    """The error for a run without a case: a run of nothing shows nothing."""
    if not any(chosen(name, patterns) for name in names):
        given = " ".join(f"-k {pattern}" for pattern in patterns)
        near = difflib.get_close_matches(patterns[0], names, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return UsageError(f"nothing is selected: no case matches {given}{hint} (--list lists them)")
    return UsageError(
        "nothing is selected: the cases that match are left out by --level, by --fast, or because "
        "they need --destructive"
    )


def _not_run(case: Case, verdict: Verdict, reason: str) -> CaseResult:
    return CaseResult(case.id, case.requirements, case.title, verdict, reason)
