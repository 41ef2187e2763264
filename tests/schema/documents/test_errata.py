"""What is wrong in a manual, and by QAPI source alone: no server that is right is blamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from qmpconf.report.catalog import entry
from qmpconf.schema import store
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.errata import ERRATA, ListWanted
from qmpconf.schema.doubts import doubt
from qmpconf.schema.model import Catalog
from qmpconf.schema.validator import Validator
from tests.schema.documents import texi

ONE = ListWanted("qemu-ga", "guest-get-devices", "GuestDeviceInfo", "")
DEVICE = {"driver-name": "netkvm"}


def manual(returns: str) -> Sequence[texi.Entry]:
    return [
        *texi.LAMPS,
        texi.Entry("Object", ONE.element, {"Members": [texi.Item("driver-name: string")]}),
        texi.Entry("Command", ONE.command, said={"Returns": returns}),
    ]


def sentences(catalog: Catalog, value: Any) -> list[str]:
    """Why each problem of `value` as the reply proves nothing; empty for one that does."""
    command = catalog.commands[ONE.command]
    found = [
        doubt(catalog, command.facts, command.returns, value, problem)
        for problem in Validator(catalog).returned(ONE.command, value)
    ]
    return [one.sentence if one else "" for one in found]


def test_a_list_is_right_and_what_the_manual_says_is_no_error() -> None:
    found = compile_document(texi.text(manual(ONE.element)), product="qemu-ga", release="7.2.0")
    (finding,) = [one for one in found.findings if one.subject == ONE.command]
    assert finding.requirement == "document.returns.wrong"
    assert finding.line == found.catalog.commands[ONE.command].facts.line
    assert sentences(found.catalog, [DEVICE]) == []
    (why,) = sentences(found.catalog, DEVICE)
    assert why.endswith("states another type, which is wrong by the QAPI source")
    assert "returns stated wrongly: concluded from the QAPI source" in entry(
        found.catalog, ONE.command
    )


@pytest.mark.parametrize(
    ("product", "says"), [("qemu", ONE.element), ("qemu-ga", f"a list of {ONE.element}")]
)
def test_nothing_else_is_corrected(product: str, says: str) -> None:
    found = compile_document(texi.text(manual(says)), product=product, release="7.2.0")
    assert not [one for one in found.findings if one.subject == ONE.command]
    assert not found.catalog.commands[ONE.command].facts.concluded


@pytest.mark.parametrize("erratum", ERRATA, ids=lambda one: one.command)
def test_the_shipped_catalog_is_corrected(erratum: ListWanted) -> None:
    catalog = store.load_shipped(f"{erratum.product}-7.2.22-doc")
    command = catalog.commands[erratum.command]
    assert command.returns == f"[{erratum.element}]"
    assert command.returns in {one.key for one in command.facts.concluded}
