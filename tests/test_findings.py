"""Equal findings group; fingerprints know nothing of traces."""

from __future__ import annotations

from dataclasses import replace

from qmpconf.check.requirements import (
    ALL_REQUIREMENTS,
    PRACTICE_REQUIREMENTS,
    SCHEMA_REQUIREMENTS,
    TRACE_REQUIREMENTS,
)
from qmpconf.findings import KEPT_LINES, MOST_GROUPS, Finding, Groups
from qmpconf.protocol.requirements import REQUIREMENTS

ONE = Finding(
    "schema.return",
    "MUST",
    "error",
    "server",
    "a.qmptrace",
    7,
    1,
    "/return/3/inserted/10/x",
    "query-block",
    "member 'x' is unknown here",
    "one of the members a, b",
    "'x': 1",
    "qemu-7.2.22, query-block",
)


def test_place_in_the_trace_and_values_do_not_count() -> None:
    other = replace(ONE, path="b", line=9, session=2, seen="'x': 2", expected="", hint="a")
    assert other.fingerprint == ONE.fingerprint
    assert replace(ONE, pointer="/return/4/inserted/0/x").fingerprint == ONE.fingerprint


def test_everything_else_counts() -> None:
    others = [
        replace(ONE, requirement="schema.additions"),
        replace(ONE, severity="note"),
        replace(ONE, blame="client"),
        replace(ONE, subject="query-blockstats"),
        replace(ONE, pointer="/return/3/inserted/y"),
        replace(ONE, message="member 'x' is missing"),
    ]
    assert len({one.fingerprint for one in [ONE, *others]}) == len(others) + 1


def test_a_breach_of_the_wire_is_the_same_with_every_command() -> None:
    wire = replace(ONE, requirement="oob.id")
    assert replace(wire, subject="stop").fingerprint == wire.fingerprint


def test_a_member_named_by_digits_is_told_from_none() -> None:
    assert (
        replace(ONE, pointer="/return/3").fingerprint != replace(ONE, pointer="/return").fingerprint
    )


def test_groups_count_and_put_the_worst_first() -> None:
    note = replace(ONE, severity="note", line=1)
    warning = replace(ONE, severity="warning", line=2)
    groups = Groups([note, ONE, note, warning, replace(ONE, line=99)])
    assert [(group.first.severity, group.first.line, group.count) for group in groups] == [
        ("error", 7, 2),
        ("warning", 2, 1),
        ("note", 1, 2),
    ]
    assert groups.totals == {"error": 2, "warning": 1, "note": 2}


def test_a_room_can_say_itself_what_makes_two_equal() -> None:
    one = replace(ONE, identity=("gone", "command x"))
    assert replace(one, message="is gone [line 7]", severity="note").fingerprint == one.fingerprint
    assert replace(one, identity=("gone", "command y")).fingerprint != one.fingerprint


def test_a_group_has_the_first_few_lines() -> None:
    (group,) = Groups(replace(ONE, line=n // 2) for n in range(2 * KEPT_LINES + 9))
    assert group.lines == list(range(1, KEPT_LINES + 1))
    assert group.count == 2 * KEPT_LINES + 9


def test_groups_are_bounded() -> None:
    groups = Groups(replace(ONE, subject=str(n)) for n in range(MOST_GROUPS + 5))
    assert len(groups) == MOST_GROUPS
    assert groups.dropped == 5
    assert groups.totals["error"] == MOST_GROUPS + 5


def test_the_registers_do_not_overlap() -> None:
    registers = (
        REQUIREMENTS,
        SCHEMA_REQUIREMENTS,
        TRACE_REQUIREMENTS,
        PRACTICE_REQUIREMENTS,
    )
    assert len(ALL_REQUIREMENTS) == sum(map(len, registers))
    assert all(one.id == name for name, one in ALL_REQUIREMENTS.items())
