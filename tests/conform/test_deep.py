"""Wrong arguments at depth: each is wrong by the catalog's own validator, and each type has a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.conform.deep import deep_arguments, places, plan
from qmpconf.monitor.core import Session
from qmpconf.monitor.offer import restrict
from qmpconf.monitor.refusal import Refusal
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value
from qmpconf.schema.model import Object
from qmpconf.schema.store import load_shipped
from qmpconf.schema.validator import Validator
from qmpconf.schema.walk import reachable
from tests.conform.test_generated import CATALOGS
from tests.conform.test_variants import broken, conformed
from tests.conform.variants.base import COMMANDS, EVENTS, FULL, Broken


@pytest.mark.parametrize("name", CATALOGS)
def test_everything_that_is_sent_is_wrong_and_each_type_has_its_command(name: str) -> None:
    catalog = load_shipped(name)
    validator = Validator(catalog)
    shown = plan(catalog, sorted(catalog.commands))
    for command, types in shown.items():
        for wrong in deep_arguments(catalog, catalog.commands[command].arguments, types):
            told = f"{command}: {wrong.why}: {wrong.arguments}"
            assert validator.arguments(command, wrong.arguments), told
    each = [one for types in shown.values() for one in types]
    assert len(each) == len(set(each))
    inside = {
        one
        for command in catalog.commands.values()
        if command.arguments
        for one in reachable(catalog, command.arguments)
        if one != command.arguments and one in catalog.types
    }
    # Bases and variants have no place of their own: they are part of the object that has them.
    parts = {
        part
        for found in catalog.types.values()
        if isinstance(found, Object)
        for part in (found.base, *found.variants.values())
    }
    assert inside - parts <= set(each)


def test_what_stands_around_a_place_is_right() -> None:
    """A value of the right type makes right arguments: only the place itself is wrong."""
    catalog = load_shipped("qemu-7.2.22")
    validator = Validator(catalog)
    key = catalog.commands["blockdev-add"].arguments
    (discard,) = [one for one in places(catalog, key) if one.path == "discard"]
    assert not validator.arguments("blockdev-add", discard.around("unmap"))
    key = catalog.commands["transaction"].arguments
    (actions,) = [one for one in places(catalog, key) if one.path == "actions"]
    assert not validator.arguments("transaction", actions.around([]))


def test_each_kind_of_wrong_is_tried_inside() -> None:
    catalog = load_shipped("qemu-7.2.22")
    key = catalog.commands["transaction"].arguments
    types = plan(catalog, ["transaction"])["transaction"]
    whys = {one.why for one in deep_arguments(catalog, key, types)}
    assert {
        "actions: wrong type",
        "actions[0].type is missing",
        "actions[0].type: unknown value",
        "actions[0] (type abort): an unknown member",
        "actions[0].data.device is missing",
    } <= whys


COMMANDS_DEEP = (*COMMANDS, "chardev-add")


class Tolerates(Broken):
    """Members that a type lacks are passed over, where they stand inside of the arguments."""

    catalog = restrict(FULL, COMMANDS_DEEP, EVENTS)

    def refused(self, _session: Session, command: Command, refusal: Refusal) -> Value:
        text = str(refusal)
        if "at /backend/data/" in text and "is unknown here" in text:
            return {}
        raise refusal


class Right(Broken):
    """The same monitor, without the defect."""

    catalog = restrict(FULL, COMMANDS_DEEP, EVENTS)


@pytest.mark.parametrize(("monitor", "breaks"), [(Tolerates, True), (Right, False)])
def test_a_server_that_takes_unknown_members_inside_is_found(
    monitor: type[Broken], breaks: bool, tmp_path: Path
) -> None:
    outcome = conformed(monitor(), ("request.strict-arguments/*deep",), tmp_path)
    assert broken(outcome) == ({"request.strict-arguments"} if breaks else set())
    assert len(outcome.results) >= 1
