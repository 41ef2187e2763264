"""The client suite from beginning to end: the client started, served and ended, once a scenario."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from qmpconf.check.basis import Basis
from qmpconf.conform.client.behaviour import Behaviour, End
from qmpconf.conform.client.child import Client
from qmpconf.conform.client.failures import Failure, schedule_of, told_of
from qmpconf.conform.client.host import ClientTape, Host
from qmpconf.conform.client.judge import judge
from qmpconf.conform.client.kind import Kind, differ
from qmpconf.conform.client.manners import UnkindMonitor
from qmpconf.conform.client.scenarios import AGAIN, PLAIN, SCENARIOS, Scenario
from qmpconf.conform.frozen import CURRENT, RequirementSet, load_set
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import chosen, nothing_chosen
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.errors import UsageError
from qmpconf.faults.engine import Faults
from qmpconf.monitor.faulty import FaultyMonitor
from qmpconf.net.address import Address, FdAddress
from qmpconf.net.endpoint import Listener
from qmpconf.net.process import Folder
from qmpconf.schema.model import Catalog
from qmpconf.trace.redaction import Redactor

#: What a client that is started finds the address by, as with ``qmpconf record``.
VARIABLE = "QMPCONF_SOCKET"

#: What of a client's stdout is compared: its lines, its reports (`testee`), or nothing.
OUTPUTS = ("lines", "testee", "ignore")

#: Runs with a kind server beyond those that were asked for, where these differ.
_MORE = 2
#: Seconds after which a response that is late comes, at most.
_LATE = 10.0
#: Seconds that a client has in a scenario, at least, when it has hung before.
_LEAST = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the client suite runs.

    `listen` is where clients connect (None: a private socket), `patterns` choose scenarios by id,
    `limit` is how long one may take, in seconds.  `folder` takes the traces.  `known` are failures
    that are expected.  `kind_runs` is how often the server is kind at first, `expected` the exit
    code that the client ends with then, `output` what of its stdout is compared (`OUTPUTS`).
    `hear` is called with what the client printed in a run; with `strict`, warnings make the run fail.
    `requirements` names a frozen set of them (empty: the register as it is).
    """

    folder: str
    listen: Address | None = None
    patterns: tuple[str, ...] = ()
    limit: float = 30.0
    known: Known = field(default_factory=Known)
    hear: Callable[[str], None] | None = None
    strict: bool = False
    kind_runs: int = 2
    expected: int = 0
    output: str = "lines"
    requirements: str = ""


def scenarios(patterns: Sequence[str], frozen: RequirementSet = CURRENT) -> list[Scenario]:
    """The scenarios of the set that are meant; the one with the kind server is always among them.

    Raises UsageError where none is meant.
    """
    every = [one for one in SCENARIOS if one.requirement in frozen]
    if not any(chosen(one.id, patterns) for one in every):
        raise nothing_chosen(patterns, [one.id for one in every])
    return [one for one in SCENARIOS if one is PLAIN or (one in every and chosen(one.id, patterns))]


def conform_client(
    words: Sequence[str],
    catalog: Catalog,
    options: Options,
    watch: Callable[[CaseResult], None] | None = None,
) -> Outcome:
    """Run the client `words` through every chosen scenario; `watch` is called with each result.

    An interruption ends the run; what was found so far stays.

    Raises UsageError for a client that cannot be started, TargetError for one that does not
    connect to a kind server, does not end, or fails.
    """
    if isinstance(options.listen, FdAddress):
        raise UsageError("clients need a path or HOST:PORT to connect to")
    began = time.monotonic()
    outcome = opened(words, catalog, options)
    basis = Basis(catalog, sentence=catalog.name)
    meant = scenarios(options.patterns, outcome.frozen)
    limit = options.limit
    kind, first = _kind(words, catalog, options)
    least = max(_LEAST, options.limit / 3, (time.monotonic() - began) * 2)
    for scenario in meant:
        start_time = time.monotonic()
        missing = kind.plain.lacks(scenario.needs)
        try:
            if missing:
                result = _not_applicable(scenario, missing)
            elif scenario is PLAIN:
                seen = kind.plain
                result = judge(scenario, first, basis, seen, kind, options.output, outcome.frozen)
            else:
                given = options.limit if scenario.fails else limit
                result, hung = _tried(
                    words, catalog, scenario, options, given, kind, outcome.frozen
                )
                if hung and not scenario.fails:
                    limit = min(limit, least)
            result.seconds = time.monotonic() - start_time
            result.known = options.known.reason_of(result) if result.verdict.broken else ""
            outcome.results.append(result)
            if watch is not None:
                watch(result)
        except KeyboardInterrupt:
            outcome.interrupted = True
            outcome.gone = f"interrupted in {scenario.id}"
            break
    outcome.seconds = time.monotonic() - began
    outcome.complete(options.known)
    return outcome


def opened(words: Sequence[str], catalog: Catalog, options: Options) -> Outcome:
    """The outcome before the first scenario."""
    line = shlex.join(Redactor().words(words))
    plain = Options(options.folder)
    words = []
    if options.output != plain.output:
        words += ["--output", options.output]
    if options.expected != plain.expected:
        words += ["--expect-exit", str(options.expected)]
    if options.requirements:
        words += ["--requirements", options.requirements]
    if options.limit != plain.limit:
        words += ["--timeout", f"{options.limit:g}"]
    repeat = " ".join([*words, "--", line])
    return Outcome(
        f"client {line}",
        repeat,
        catalog.name,
        strict=options.strict,
        side="client",
        frozen=load_set(options.requirements),
    )


def _tried(
    words: Sequence[str],
    catalog: Catalog,
    scenario: Scenario,
    options: Options,
    limit: float,
    kind: Kind,
    frozen: RequirementSet,
) -> tuple[CaseResult, bool]:
    """The result of a scenario, and whether the client hung.

    What is a race is tried until it is lost.  For the rest, a client that has lost ends otherwise in two runs: one alone
    may be the machine's, where that is busy.
    """
    basis = Basis(catalog, sentence=catalog.name)

    def run(path: str) -> tuple[CaseResult, bool]:
        seen = _run(words, catalog, scenario, options, path, limit)
        result = judge(scenario, path, basis, seen, kind, options.output, frozen)
        return result, seen.end.code is None

    for _ in range(scenario.times):
        result, hung = run(_trace_of(options.folder, scenario))
        if result.verdict.broken:
            break
    if result.verdict.broken and scenario.times == 1 and not hung:
        path = _trace_of(options.folder, AGAIN)
        again, _ = run(path)
        os.unlink(path)
        if not again.verdict.broken:
            result.withdraw(f"in one of two runs: {result.reason}")
    return result, hung


def _not_applicable(scenario: Scenario, missing: str) -> CaseResult:
    rules = (scenario.requirement,)
    return CaseResult(scenario.id, rules, scenario.title, Verdict.NOT_APPLICABLE, missing)


def _kind(words: Sequence[str], catalog: Catalog, options: Options) -> tuple[Kind, str]:
    """What the client does with a kind server, and the trace of the first run.

    Where two runs differ, two more are made.
    """
    first = _trace_of(options.folder, PLAIN)
    runs: list[Behaviour] = []
    most = options.kind_runs
    while len(runs) < most:
        scenario, path = (AGAIN, _trace_of(options.folder, AGAIN)) if runs else (PLAIN, first)
        runs.append(_run(words, catalog, scenario, options, path, options.limit))
        if path != first:
            os.unlink(path)
        Kind.learned(runs, options.expected)
        if len(runs) == options.kind_runs and any(differ(runs[0], one) for one in runs):
            most += _MORE
    return Kind.learned(runs, options.expected), first


def _run(
    words: Sequence[str],
    catalog: Catalog,
    scenario: Scenario,
    options: Options,
    path: str,
    limit: float,
) -> Behaviour:
    with contextlib.ExitStack() as stack:
        address = options.listen
        if address is None:
            folder = Folder()
            stack.callback(folder.close)
            address = folder.socket("qmp.sock")
        listener = stack.enter_context(Listener(address))
        meta = {"case": scenario.id, "client": Redactor().words(words)}
        tape = ClientTape(path, meta)
        stack.callback(tape.finish)
        bare = listener.address.bare
        replaced = [word.replace("{listen}", bare) for word in words]
        child = stack.enter_context(Client(replaced, {VARIABLE: bare}))
        late = min(_LATE, limit / 3)
        monitor = UnkindMonitor(catalog, _clock, scenario.manners)
        faults = Faults(schedule_of(scenario.failure, late), tape.fault)
        served = FaultyMonitor(
            monitor, faults, time.monotonic, lambda _session, data: host.said(data)
        )
        host = Host(listener, served, scenario.manners, tape)
        in_time = host.run(child, limit)
        code = child.close()
        if options.hear is not None:
            options.hear(child.output + child.errors)
        told = told_of(monitor.told, faults.withheld)
        end = End(code if in_time else None, tape.sessions, child.output, child.errors, bare, told)
    return Behaviour.of(path, end, given_up=scenario.failure in (Failure.LOST, Failure.LATE))


def _clock() -> int:
    return time.time_ns() // 1000


def _trace_of(folder: str, scenario: Scenario) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "__", scenario.id)
    return os.path.join(folder, name + ".qmptrace")
