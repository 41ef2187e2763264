"""Replies to ``query-qmp-schema`` that are numbered otherwise, and that mean something else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from qmpconf.protocol.values import dumps, loads
from qmpconf.replay.difference import Difference
from qmpconf.replay.introspection import by_structure
from qmpconf.replay.play.match import Matcher
from qmpconf.replay.said import Transcript
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.replay.play.test_match import GREETING, START, frames

TRACE = str(Path(__file__).parents[2] / "traces" / "qemu-7.2.22-shell.qmptrace.gz")


@pytest.fixture(scope="module")
def reply() -> Any:
    data = max(
        (one.frame.data for one in TraceReader(TRACE).items() if isinstance(one, Item)), key=len
    )
    return loads(data)


def renumbered(value: Any) -> Any:
    """The same schema with other numbers."""

    def other(text: str) -> str:
        digits = text.strip("[]")
        return text.replace(digits, str(int(digits) + 5000)) if digits.isdigit() else text

    value = copy.deepcopy(value)
    for entry in value["return"]:
        for name in {"name", "arg-type", "ret-type", "element-type"} & entry.keys():
            entry[name] = other(entry[name])
        for member in [*entry.get("members", ()), *entry.get("variants", ())]:
            if "type" in member:
                member["type"] = other(member["type"])
    return value


def differences(one: Any, other: Any) -> tuple[list[Difference], list[str]]:
    found: list[Difference] = []
    masked: list[str] = []
    matcher = Matcher(1, found.append, lambda _, use: masked.append(use.mask.name))
    for value, take in ((one, matcher.expect), (other, matcher.got)):
        transcript = Transcript()
        for line in [*START, '-> {"execute":"query-qmp-schema"}', "<- " + dumps(value).decode()]:
            for frame in frames(line):
                if line.startswith("->"):
                    transcript.client(frame)
                else:
                    said = transcript.server(frame, 1)
                    assert said is not None
                    take(said)
    matcher.finish(whole=True)
    return found, masked


def test_other_numbers_mean_the_same(reply: Any) -> None:
    assert GREETING
    other = renumbered(reply)
    assert by_structure(reply, other) == []
    assert differences(reply, other) == ([], ["type-names"])


def test_a_change_is_named_whatever_the_numbers(reply: Any) -> None:
    other = renumbered(reply)
    other["return"] = [one for one in other["return"] if one["name"] != "query-kvm"]
    found, masked = differences(reply, other)
    assert [(one.kind, one.subject) for one in found] == [("missing", "schema: command query-kvm")]
    assert masked == []


def test_few_changes_are_told_at_their_place(reply: Any) -> None:
    other = copy.deepcopy(reply)
    other["return"][3]["name"] += "x"
    found, _ = differences(reply, other)
    assert [one.pointer for one in found] == ["/return/3/name"]


def test_a_change_of_a_member_says_what_it_was_and_is(reply: Any) -> None:
    """As many as are too many for a comparison place by place."""
    other = renumbered(reply)
    command = next(one for one in other["return"] if one["name"] == "query-kvm")
    command["ret-type"] = next(
        one["ret-type"] for one in other["return"] if one["name"] == "query-uuid"
    )
    found = by_structure(reply, other)
    assert found
    assert all(one.expected and one.got for one in found)
    assert any("query-kvm" in one.place for one in found)
    added = renumbered(reply)
    for entry in added["return"]:
        if entry["name"] == "query-kvm":
            entry["name"] = "query-kvm2"
    kinds = {(one.kind, one.place) for one in by_structure(reply, added) or ()}
    assert kinds == {
        ("missing", "schema: command query-kvm"),
        ("extra", "schema: command query-kvm2"),
    }


@pytest.mark.parametrize("value", [{}, {"return": {}}, {"return": [1]}, {"error": {}}])
def test_what_is_no_schema_has_no_structure(reply: Any, value: Any) -> None:
    assert by_structure(reply, value) is None
