"""The suite is sharp: it finds the defect of each broken monitor, and nothing that is not broken.

Each variant is served by a thread, and the suite runs against it in this process: the cases of the
rule's group, and for each tenth variant some of every other one (for all in a whole run, `tests.usual`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmpconf.check.basis import Basis
from qmpconf.check.checking import check
from qmpconf.check.collect import Collector
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.net.address import Address
from qmpconf.net.endpoint import Listener
from qmpconf.net.process import Folder
from qmpconf.protocol.requirements import REQUIREMENTS, Party
from qmpconf.trace.reader import TraceReader
from tests.conform.variants import VARIANTS, Broken, Variant
from tests.conform.variants.base import CATALOG
from tests.usual import WHOLE

#: Cases that are run against every variant: something of each group.
SMOKE = (
    *("framing.crlf/replies", "framing.by-value/byte-by-byte", "framing.ascii/id-latin"),
    *("framing.json-strict/missing-comma", "framing.utf8-in/latin1", "greeting.first/*"),
    *("greeting.shape/*", "capabilities.known/*", "negotiation.gate/query"),
    *("negotiation.bad-enable/unknown", "negotiation.once/plain", "session.half-close/pending"),
    *("request.members/unknown", "request.non-object/array", "request.unknown-command/name"),
    *("request.strict-arguments/stop", "response.exactly-one/each", "response.id-echo/*-string"),
    *("response.id-echo/success-null", "response.void/stop", "response.error-shape/array"),
    *("response.in-order/mixed", "event.shape/stop", "event.timestamp/steps", "oob.queue/eight"),
    *("oob.allowed-only/query-version", "recovery.reset-byte/string", "fds.pass/getfd-middle"),
    *("recovery.after-error/once", "limits.nesting/taken-ten", "limits.size/string-9-kib"),
    *("schema.return/query-status", "schema.introspection/query-commands"),
)

#: What their traces are checked against.
BASIS = Basis(CATALOG, very_build=True)

#: Seconds after which a response counts as missing.
PATIENCE = 4.0


@contextmanager
def served(monitor: Broken) -> Iterator[Address]:
    folder = Folder()
    try:
        with (
            Listener(folder.socket("qmp.sock")) as listener,
            monitor.server(monitor, [listener]),
        ):
            yield listener.address
    finally:
        folder.close()


def conformed(monitor: Broken, cases: tuple[str, ...], folder: Path) -> Outcome:
    with served(monitor) as address:
        options = Options(patterns=cases, patience=PATIENCE, folder=str(folder), shipped=False)
        with Suite(Target(address), options) as suite:
            return suite.run_all()


def broken(outcome: Outcome) -> set[str]:
    return {name for name, verdict in outcome.requirements().items() if verdict.broken}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_defect_is_found_and_nothing_else(variant: Variant, tmp_path: Path) -> None:
    beside = variant.smoke and (WHOLE or VARIANTS.index(variant) % 10 == 0)
    cases = (*SMOKE, *variant.cases) if beside else variant.cases
    outcome = conformed(variant.make(), cases, tmp_path)
    found = broken(outcome)
    told = "\n".join(f"{one.case}: {one.reason}" for one in outcome.results if one.verdict.broken)
    assert variant.breaks in found, told
    assert found - {variant.breaks, *variant.also} == set(), told
    for path in tmp_path.rglob("*.qmptrace*"):
        collector = Collector()
        groups = check(TraceReader(str(path)), lambda *_: BASIS, observer=collector).groups
        judged = {group.first.requirement for group in groups}
        assert judged <= set(collector.data().requirements), path


def test_the_monitor_itself_is_not_broken(tmp_path: Path) -> None:
    outcome = conformed(Broken(), ("*",), tmp_path)
    # The catalog of the variants is a small part of the release's.
    assert broken(outcome) == {"schema.command-offered"}
    assert outcome.gone == ""


def test_there_are_variants_of_every_group_and_enough_of_them() -> None:
    assert len(VARIANTS) >= 60
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
    servers = {rule.id for rule in REQUIREMENTS.values() if rule.binds is Party.SERVER}
    groups = {rule.partition(".")[0] for rule in servers} - {"agent"}  # tests/conform/test_agent.py
    assert {variant.breaks.partition(".")[0] for variant in VARIANTS} >= groups
