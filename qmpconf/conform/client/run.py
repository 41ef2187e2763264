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
from qmpconf.conform.client.host import ClientTape, Host
from qmpconf.conform.client.judge import Behaviour, judge
from qmpconf.conform.client.manners import UnkindMonitor
from qmpconf.conform.client.scenarios import PLAIN, SCENARIOS, Scenario
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import chosen, nothing_chosen
from qmpconf.conform.verdicts import Result, Verdict
from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import Address, FdAddress
from qmpconf.net.endpoint import Listener
from qmpconf.net.process import Folder, end, start
from qmpconf.schema.model import Catalog

#: What a client that is started finds the address by, as with ``qmpconf record``.
VARIABLE = "QMPCONF_SOCKET"


@dataclass(frozen=True, slots=True)
class Options:
    """How the client suite runs.

    `listen` is where clients connect (None: a private socket), `patterns` choose scenarios by id,
    `limit` is how long one may take, in seconds.  `folder` takes the traces.  `known` are failures
    that are expected.  `quiet` keeps the client from the terminal.
    """

    folder: str
    listen: Address | None = None
    patterns: tuple[str, ...] = ()
    limit: float = 30.0
    known: Known = field(default_factory=Known)
    quiet: bool = False


def scenarios(patterns: Sequence[str]) -> list[Scenario]:
    """The scenarios that are meant; the one with the kind server is always among them.

    Raises UsageError where none is meant.
    """
    if not any(chosen(one.id, patterns) for one in SCENARIOS):
        raise nothing_chosen(patterns, [one.id for one in SCENARIOS])
    return [one for one in SCENARIOS if one is PLAIN or chosen(one.id, patterns)]


def conform_client(
    words: Sequence[str],
    catalog: Catalog,
    options: Options,
    watch: Callable[[Result], None] | None = None,
) -> Outcome:
    """Run the client `words` through every chosen scenario; `watch` is told each result.

    Raises UsageError for a client that cannot be started, TargetError for one that does not
    connect to a kind server, or does not end.
    """
    if isinstance(options.listen, FdAddress):
        raise UsageError("clients need a path or HOST:PORT to connect to")
    began = time.monotonic()
    outcome = Outcome(f"client {shlex.join(words)}", shlex.join(words), catalog.name)
    basis = Basis(catalog, sentence=catalog.name)
    plain: Behaviour | None = None
    for scenario in scenarios(options.patterns):
        start_time = time.monotonic()
        missing = plain.lacks(scenario.needs) if plain else ""
        if missing:
            result = Result(
                scenario.id,
                (scenario.requirement,),
                scenario.title,
                Verdict.NOT_APPLICABLE,
                missing,
            )
        else:
            path = _trace_of(options.folder, scenario)
            for _ in range(scenario.times):
                seen = _run(words, catalog, scenario, options, path)
                if plain is None:
                    plain = _usable(seen)
                result = judge(scenario, path, basis, seen, plain)
                if result.verdict.broken:
                    break
        result.seconds = time.monotonic() - start_time
        result.known = options.known.reason_of(result) if result.verdict.broken else ""
        outcome.results.append(result)
        if watch is not None:
            watch(result)
    outcome.seconds = time.monotonic() - began
    outcome.complete(options.known)
    return outcome


def _usable(seen: Behaviour) -> Behaviour:
    """What a client did with a kind server, if it can be held against anything."""
    if not seen.sessions:
        raise TargetError(
            f"the client did not connect ({seen.end}); give it the address where {{listen}} stands "
            f"in its command line, or in the environment as {VARIABLE}"
        )
    if seen.code is None:
        raise TargetError("the client does not end by itself, not even with a kind server")
    return seen


def _run(
    words: Sequence[str], catalog: Catalog, scenario: Scenario, options: Options, path: str
) -> Behaviour:
    with contextlib.ExitStack() as stack:
        address = options.listen
        if address is None:
            folder = Folder()
            stack.callback(folder.close)
            address = folder.socket("qmp.sock")
        listener = stack.enter_context(Listener(address))
        meta = {"case": scenario.id, "client": list(words)}
        tape = ClientTape(path, meta)
        stack.callback(tape.finish)
        bare = listener.address.bare
        child = start(
            [word.replace("{listen}", bare) for word in words],
            environment={VARIABLE: bare},
            background=options.quiet,
        )
        stack.callback(end, child, 1.0)
        monitor = UnkindMonitor(catalog, _clock, scenario.manners)
        host = Host(listener, monitor, scenario.manners, tape)
        in_time = host.run(child, options.limit)
        code = child.wait() if in_time else None
        sessions = tape.sessions
    return Behaviour.of(path, code, sessions)


def _clock() -> int:
    return time.time_ns() // 1000


def _trace_of(folder: str, scenario: Scenario) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "__", scenario.id)
    return os.path.join(folder, name + ".qmptrace")
