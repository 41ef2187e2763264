"""An exploration from beginning to end: life after life of a server, until the time is over.

Each life is a fresh server, one session and one trace.  Steps are chosen (`steps`) and sent, and what is
answered becomes known (`world`).  At its end the life is judged from its trace (`judging`), and what is
found for the first time is shrunk (`shrinking`) and written down (`reproducers`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from random import Random

from qmpconf.check.basis import Basis
from qmpconf.check.collect import Exercised, join
from qmpconf.check.coverage import Places
from qmpconf.conform.patience import Patience
from qmpconf.conform.said import Said
from qmpconf.conform.target import Facts
from qmpconf.errors import TargetError, UsageError
from qmpconf.explore.choosing import Guide
from qmpconf.explore.judging import judge
from qmpconf.explore.life import Ending, Life
from qmpconf.explore.making import Call, Maker
from qmpconf.explore.outcome import Discovery, Explored, Plan
from qmpconf.explore.reproducers import SEEN_OUTSIDE, verify, write
from qmpconf.explore.shrinking import again, shorten
from qmpconf.explore.steps import Step, Steps
from qmpconf.explore.world import World, subject_of
from qmpconf.protocol.messages import Event, Success
from qmpconf.protocol.values import Value
from qmpconf.schema.model import Catalog
from qmpconf.schema.store import load

#: Lives that may fail to start one after the other.
_FALSE_STARTS = 3

#: How many of the lives have out-of-band execution, where the server offers it.
_WITH_OOB = 0.6

#: Seconds that a reproducer may take.
_VERIFYING = 180.0


def survey(plan: Plan) -> tuple[Facts, Catalog]:
    """What the target says of itself, and its catalog.

    Raises UsageError or InputError for a catalog that cannot be had, and TargetError for a server that
    ends at once, is not a QMP server, or has no schema.
    """
    catalog = None if plan.schema == "auto" else load(plan.schema)
    path = os.path.join(plan.folder, "survey.qmptrace")
    asked = os.path.join(plan.folder, "asked.qmptrace")
    try:
        with Life(plan.ground, path) as life:
            life.talk.close()
            patience = Patience(plan.ground.patience)
            facts = life.target.survey(asked, patience=patience, schema="auto")
    finally:
        for one in (path, asked):
            _remove(one)
    if catalog is not None:
        facts.schema = plan.schema
        facts.basis = Basis(catalog, sentence=plan.schema, on_purpose=True)
        return facts, catalog
    if facts.entries is None or facts.catalog is None:
        why = facts.schema_problem or "it does not answer query-qmp-schema"
        raise TargetError(f"the target has no schema to explore: {why}; name one with --schema")
    return facts, facts.catalog


def explore(plan: Plan, progress: Callable[[str, Explored], None] = lambda *_: None) -> Explored:
    """Explore until the time is over; `progress` hears what happens.

    Raises UsageError for a command line or a catalog that cannot be used, or that has no command of the
    target's, InputError, TargetError for a target that cannot be explored at all, OutputError where nothing
    can be written.
    """
    begun = time.monotonic()
    explored = Explored(plan)
    facts, catalog = survey(plan)
    explored.target, explored.schema = facts.title, facts.schema
    explored.digest = Places(catalog).digest
    explored.before = _of_catalog(plan.seen, explored.digest)
    explored.exercised = explored.before
    run = _Run(plan, facts, catalog, explored, begun + plan.seconds, progress)
    if not run.commands:
        why = f"no command of {facts.schema} is one that the target lists and that may be explored"
        raise (TargetError if plan.schema == "auto" else UsageError)(why)
    try:
        run.all()
    except KeyboardInterrupt:
        explored.interrupted = True
    explored.seconds = time.monotonic() - begun
    return explored


def _of_catalog(seen: Iterable[Exercised], digest: str) -> Exercised:
    """What is exercised of the catalog with that digest; that of others is left out."""
    whole = join(seen)
    return Exercised(
        traces=whole.traces,
        messages=whole.messages,
        catalogs=tuple(one for one in whole.catalogs if one.digest == digest),
        requirements=whole.requirements,
        dialects=whole.dialects,
    )


class _Run:
    """The state that goes from life to life."""

    def __init__(
        self,
        plan: Plan,
        facts: Facts,
        catalog: Catalog,
        explored: Explored,
        deadline: float,
        progress: Callable[[str, Explored], None],
    ) -> None:
        self._plan = plan
        self._basis = facts.basis
        self._explored = explored
        self._deadline = deadline
        self._progress = progress
        self._random = Random(plan.seed)  # noqa: S311 - chance, not secrecy
        self._world = World()
        self._guide = Guide(catalog, facts.commands, self._random)
        maker = Maker(catalog, self._world, self._random, self._guide.wanted)
        self._steps = Steps(catalog, self._guide, maker, self._world, self._random)
        self._learn()

    @property
    def commands(self) -> Sequence[str]:
        """The names of the commands that may be sent."""
        return self._guide.names

    def all(self) -> None:
        """Life after life."""
        false_starts = 0
        most = self._plan.lives or sys.maxsize
        while time.monotonic() < self._deadline and self._explored.lives < most:
            path = os.path.join(self._plan.folder, f"life-{self._explored.lives + 1}.qmptrace")
            try:
                ending = self._live(path)
            except TargetError as error:
                false_starts += 1
                if false_starts >= _FALSE_STARTS:
                    self._explored.gone = str(error)
                    return
                continue
            false_starts = 0
            self._judge(path, ending)

    # --- one life --------------------------------------------------------------------------------

    def _live(self, path: str) -> Ending:
        """One life, whose trace is at `path`; there is none of a life that did not come to its end."""
        self._world.renew()
        self._guide.renew()
        try:
            return self._lived(path)
        except BaseException:
            _remove(path)
            raise

    def _lived(self, path: str) -> Ending:
        with Life(self._plan.ground, path) as life:
            oob = life.offers_oob and self._random.random() < _WITH_OOB
            life.negotiate(oob=oob)
            self._explored.lives += 1
            blamed = self._steps_of(life, oob=oob)
            ending = life.finish()
        if ending.how and blamed is not None:
            self._guide.spoils(blamed.name, subject_of(blamed.name, blamed.arguments))
        return ending

    def _steps_of(self, life: Life, *, oob: bool) -> Call | None:
        """Step after step; gives the first call without an answer, else the last one."""
        last: Call | None = None
        sent = 0
        steps = self._steps.first()
        for _ in range(self._plan.commands):
            if sent >= self._plan.commands or life.over or time.monotonic() >= self._deadline:
                break
            for step in steps:
                if not step:
                    continue
                answers = self._say(life, step, sent)
                sent += len(step)
                last = step[-1]
                if None in answers:
                    return step[answers.index(None)]
            steps = self._steps.next(oob=oob)
        return last

    def _say(self, life: Life, step: Step, number: int) -> list[Said | None]:
        """Send the calls of a step, and learn from the answers, in the order of the calls."""
        said = life.say_all(
            [_message(call, f"{number + at}-{call.name}") for at, call in enumerate(step)]
        )
        answers = [*said, *[None] * (len(step) - len(said))]
        self._explored.commands += len(step)
        self._explored.together += len(step) if len(step) > 1 else 0
        self._explored.overtaking += sum(call.oob for call in step)
        for event in life.events():
            if isinstance(event.message, Event):
                self._world.happened(event.message)
        for call, answer in zip(step, answers, strict=True):
            if answer is not None:
                self._learn_from(call, answer)
        return answers

    def _learn_from(self, call: Call, answer: Said) -> None:
        worked = isinstance(answer.message, Success)
        self._explored.succeeded += worked
        self._guide.answered(call.name, worked=worked)
        if isinstance(answer.message, Success):
            self._world.answered(call.name, call.arguments, answer.message.result)
        elif not call.beyond:
            self._world.refused(call.name, call.arguments)

    # --- what it came to ---------------------------------------------------------------------------

    def _learn(self) -> None:
        for data in self._explored.exercised.catalogs:
            if data.digest == self._explored.digest:
                self._guide.learn(data)

    def _judge(self, path: str, ending: Ending) -> None:
        explored = self._explored
        judged = judge(path, self._basis, ending)
        explored.exercised = join((explored.exercised, judged.collector.data()))
        self._learn()
        explored.limited += judged.limited
        new = []
        for finding in judged.findings:
            known = explored.discoveries.get(finding.fingerprint)
            if known is None:
                discovery = Discovery(finding, explored.lives, path, last=explored.lives)
                explored.discoveries[finding.fingerprint] = discovery
                new.append(discovery)
            elif known.last != explored.lives:
                known.last = explored.lives
                known.times += 1
        for one in new:
            self._progress(f"life {explored.lives}: {one.finding.message}", explored)
            if one.finding.fingerprint in self._plan.known:
                one.trace = shutil.copy(
                    path, os.path.join(self._plan.folder, f"{one.name}.whole.qmptrace")
                )
            else:
                self._reproduce(one)
        os.unlink(path)
        self._progress("", explored)

    def _reproduce(self, one: Discovery) -> None:
        """Shrink it, write the reproducers, and see whether the script shows it again."""
        plan = self._plan
        name = os.path.join(plan.folder, one.name)

        def progress(text: str) -> None:
            self._progress(f"{one.name}: {text}", self._explored)

        one.shorter = shorten(
            one.trace,
            one.finding,
            plan.ground,
            self._basis,
            plan.shrink,
            f"{name}.qmptrace",
            progress,
        )
        whole = shutil.copy(one.trace, f"{name}.whole.qmptrace")
        one.trace = whole
        one.files = write(one.finding, one.shorter.trace or whole, plan.ground, name)
        if one.shorter.shown and one.finding.requirement in SEEN_OUTSIDE:
            one.verified = verify(one.files, plan.ground, _VERIFYING)
        elif one.shorter.shown:
            one.verified = again(one.shorter.trace, one.finding, plan.ground, self._basis)
        progress("shown again by its reproducer" if one.verified else "not shown again")


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _message(call: Call, mark: str) -> dict[str, Value]:
    message: dict[str, Value] = {"exec-oob" if call.oob else "execute": call.name, "id": mark}
    if call.arguments:
        message["arguments"] = call.arguments
    return message
