"""Cases out of a catalog: what is called, what is left alone, and what is wrong in what is sent."""

from __future__ import annotations

import pytest

from qmpconf.check.basis import Basis
from qmpconf.conform.dangerous import danger
from qmpconf.conform.generated import catalog_cases, wrong_arguments
from qmpconf.conform.target import Facts
from qmpconf.schema.store import load_shipped
from qmpconf.schema.validator import Validator

CATALOGS = (
    "qemu-5.2.0",
    "qemu-7.2.22",
    "qemu-11.1.3",
    "qemu-storage-daemon-10.0.13",
    "qemu-1.6.2-doc",
    "qemu-7.2.22-doc",
)


def facts(name: str) -> Facts:
    catalog = load_shipped(name)
    basis = Basis(catalog, very_build=True, sentence=name)
    return Facts(catalog=catalog, basis=basis, listed=frozenset(catalog.commands))


@pytest.mark.parametrize("name", CATALOGS)
def test_everything_that_is_sent_is_wrong(name: str) -> None:
    """By the catalog's own validator: no case demands that something right is refused."""
    catalog = load_shipped(name)
    validator = Validator(catalog)
    tried = 0
    for command in catalog.commands.values():
        for wrong in wrong_arguments(catalog, command):
            tried += 1
            told = f"{command.name}: {wrong.why}: {wrong.arguments}"
            assert validator.arguments(command.name, wrong.arguments), told
    assert tried > 100


def test_each_kind_of_wrong_is_tried() -> None:
    catalog = load_shipped("qemu-7.2.22")
    command = catalog.commands["block_resize"]
    whys = {one.why for one in wrong_arguments(catalog, command)}
    assert "size is missing" in whys
    assert "an unknown argument" in whys
    assert "size: wrong type" in whys
    assert "size: no whole number" in whys
    command = catalog.commands["blockdev-backup"]
    whys = {one.why for one in wrong_arguments(catalog, command)}
    assert "sync: unknown value" in whys


def test_every_query_is_called_and_every_command_is_given_wrong_arguments() -> None:
    cases = {one.id: one for one in catalog_cases(facts("qemu-7.2.22"))}
    assert "schema.return/query-status" in cases
    assert "schema.return/query-blockstats" in cases  # its arguments are optional
    assert "schema.return/query-cpu-model-expansion" not in cases
    assert "request.strict-arguments/blockdev-add" in cases
    assert "request.strict-arguments/qmp_capabilities" not in cases


def test_dangerous_commands_are_marked() -> None:
    cases = {one.id: one for one in catalog_cases(facts("qemu-7.2.22"))}
    for name in ("quit", "system_reset", "migrate", "screendump", "snapshot-load"):
        assert danger(name)
        assert cases[f"request.strict-arguments/{name}"].destructive
    assert not cases["request.strict-arguments/query-status"].destructive
    assert not danger("query-migrate")


def test_only_commands_that_the_target_lists() -> None:
    one = facts("qemu-7.2.22")
    one.listed = frozenset({"query-status", "qmp_capabilities", "something-else"})
    assert {case.id for case in catalog_cases(one)} == {
        "schema.return/query-status",
        "request.strict-arguments/query-status",
    }


def test_no_catalog_no_cases() -> None:
    assert list(catalog_cases(Facts())) == []
