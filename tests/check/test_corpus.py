"""The recorded sessions of real servers: no false alarm, and both validators agree on each payload.

What a client did wrong on purpose is found (the sessions named ``wrong`` and ``shell``); servers
are only ever blamed for what the register knows of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import traces
from qmpconf.check.basis import Basis
from qmpconf.check.checking import automatic, check, look_through, product_of
from qmpconf.check.choice import Automatic
from qmpconf.protocol.messages import Command, Event, Success
from qmpconf.protocol.session import Session
from qmpconf.schema.validator import Validator
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

FOLDER = Path(traces.__file__).parent
CORPUS = sorted(path.name for path in FOLDER.glob("*.qmptrace*"))

#: Sessions in which the client does nothing wrong, but for what is deprecated by then; that some
#: calls are refused is how it has to be.
ORDERLY = [
    name for name in CORPUS if name.split(".qmp")[0].endswith(("-rich", "-storage", "-libvirt"))
]


def test_there_is_a_corpus() -> None:
    assert len(ORDERLY) >= 4


@pytest.mark.parametrize("name", ORDERLY)
def test_orderly_sessions_have_no_findings(name: str) -> None:
    groups = check(TraceReader(str(FOLDER / name))).groups
    found = [(one.first.requirement, one.first.subject) for one in groups]
    assert [one for one in found if one[0] not in ("compat.deprecated", "practice.failed")] == []


@pytest.mark.parametrize("name", ORDERLY)
def test_the_shipped_catalog_of_the_build_says_the_same(name: str) -> None:
    """Without the schema reply in the trace, `auto` finds the shipped catalog of that build."""
    reader = TraceReader(str(FOLDER / name))
    found = look_through(reader)
    for _, stretch in found:
        stretch.schema = b""
    outcome = check(reader, Automatic(found, product_of(reader)))
    assert re.search(r"introspected from this very build.* \(by the greeting", outcome.schemas[0])
    assert outcome.groups.totals["error"] == 0


def payloads(name: str) -> Iterator[tuple[str, Any]]:
    """(name in $defs, value) of every payload of the trace that the catalog knows."""
    reader = TraceReader(str(FOLDER / name))
    session = Session()
    for item in reader.items():
        if not isinstance(item, Item):
            continue
        side = session.client if item.sender == "client" else session.server
        step = side(item.frame, item.line)
        message = step.message
        if isinstance(message, Command):
            yield f"command.{message.name}.arguments", message.arguments
        elif isinstance(message, Event):
            yield f"event.{message.name}.data", message.data or {}
        elif isinstance(message, Success) and step.answered:
            yield f"command.{step.answered.name}.return", message.result


@pytest.mark.parametrize("name", CORPUS)
def test_both_validators_agree(name: str) -> None:
    choose = automatic(TraceReader(str(FOLDER / name)))
    basis = choose(1, 0)
    assert isinstance(basis, Basis)
    validator: Validator = basis.validator
    known = set(validator.definitions())
    asked = 0
    for definition, value in payloads(name):
        if definition in known:
            asked += 1
            assert validator.accepts(definition, value) == (
                validator.explain(definition, value) == []
            ), definition
    assert asked
