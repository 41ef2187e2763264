"""Agreement of two catalogs: what counts, what does not, and what is said about it."""

from __future__ import annotations

import pytest

from qmpconf.schema.agreement import ASPECTS, Agreement, Note, compare
from qmpconf.schema.model import (
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Source,
    Type,
)


def catalog(types: dict[str, Type], arguments: str = "", returns: str = "") -> Catalog:
    command = Command("c", arguments, returns, facts=Facts(7))
    return Catalog("x", Source("document"), {"c": command}, {}, types)


def values(*names: str, condition: str = "") -> Enum:
    return Enum(tuple(EnumValue(name, Facts(3, condition=condition)) for name in names))


def outcomes(found: Agreement) -> list[tuple[str, str, str]]:
    return [(one.aspect, one.outcome, one.place) for one in found.differences]


def of_arguments(here: Object, there: Object, **types: Type) -> Agreement:
    return compare(catalog({"a": here, **types}, "a"), catalog({"b": there, **types}, "b"))


X = Member("x", "int")


def test_a_catalog_agrees_with_itself_under_other_type_names() -> None:
    here: dict[str, Type] = {
        "A": Object((Member("x", "[B]"), Member("y", "E", optional=True)), name="A"),
        "[B]": Array("B"),
        "B": Object((Member("kind", "E"),), tag="kind", variants={"v": "A"}),
        "E": values("v", "w"),
    }
    there: dict[str, Type] = {
        "1": Object((Member("x", "2"), Member("y", "4", optional=True))),
        "2": Array("3"),
        "3": Object((Member("kind", "4"),), tag="kind", variants={"v": "1", "w": "5"}),
        "4": values("w", "v"),
        "5": Object(),
    }
    found = compare(catalog(here, "A"), catalog(there, "1"))
    assert found.differences == []
    assert found.ratio() == 1.0
    assert found.shared == ["command c"]
    assert found.count("agree", "member") == 3
    assert found.count("agree", "value") == 2
    assert found.count("agree", "variant") == 1


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (Object(), Object((X,)), [("member", "disagree", "command c/arguments/x")]),
        (Object((X,)), Object(), [("member", "disagree", "command c/arguments/x")]),
        (
            Object((X,)),
            Object((Member("x", "int", optional=True),)),
            [("optional", "disagree", "command c/arguments/x")],
        ),
        (
            Object((X,)),
            Object((Member("x", "str"),)),
            [("type", "disagree", "command c/arguments/x")],
        ),
        (Object((Member("x", "uint8"),)), Object((X,)), []),
        (
            Object((Member("x", "any"),)),
            Object((X,)),
            [("type", "undetermined", "command c/arguments/x")],
        ),
        (
            Object((Member("x", "int", facts=Facts(1, condition="IF")),)),
            Object(),
            [("member", "conditional", "command c/arguments/x")],
        ),
        (
            Object((Member("x", "int", facts=Facts(features=("deprecated", "other"))),)),
            Object((X,)),
            [("feature", "disagree", "command c/arguments/x")],
        ),
        (
            Object(open=True),
            Object((X,)),
            [("type", "undetermined", "command c/arguments")],
        ),
    ],
)
def test_members(here: Object, there: Object, expected: list[tuple[str, str, str]]) -> None:
    assert outcomes(of_arguments(here, there)) == expected


def test_bases_are_folded_in() -> None:
    here = catalog({"a": Object((X,), base="B"), "B": Object((Member("y", "str"),))}, "a")
    there = catalog({"b": Object((Member("y", "str"), X))}, "b")
    assert compare(here, there).ratio() == 1.0


def test_values() -> None:
    here = catalog({"E": Enum((*values("a").values, *values("b", condition="IF").values))}, "", "E")
    there = catalog({"1": values("a", "c")}, "", "1")
    assert outcomes(compare(here, there)) == [
        ("value", "conditional", "command c/return=b"),
        ("value", "disagree", "command c/return=c"),
    ]


def test_a_branch_whose_value_is_missing_is_told_once() -> None:
    def union(*cases: str) -> dict[str, Type]:
        return {
            "u": Object((Member("t", "E"),), tag="t", variants=dict.fromkeys(cases, "A")),
            "E": values(*cases),
            "A": Object((X,)),
        }

    found = compare(catalog(union("v", "w"), "u"), catalog(union("v"), "u"))
    assert outcomes(found) == [("value", "disagree", "command c/arguments/t=w")]


def test_a_branch_that_only_one_has() -> None:
    types: dict[str, Type] = {"E": values("v"), "A": Object((X,))}
    union = Object((Member("t", "E"),), tag="t", variants={"v": "A"})
    plain = Object((Member("t", "E"),), tag="t")
    found = compare(catalog({"u": union, **types}, "u"), catalog({"u": plain, **types}, "u"))
    assert outcomes(found) == [("variant", "disagree", "command c/arguments[t=v]")]


def test_alternates_are_compared_by_kind() -> None:
    here = catalog({"A": Alternate(("str", "O")), "O": Object((X,))}, "", "A")
    there = catalog({"A": Alternate(("O", "null")), "O": Object()}, "", "A")
    assert outcomes(compare(here, there)) == [
        ("type", "disagree", "command c/return(null)"),
        ("member", "disagree", "command c/return(object)/x"),
        ("type", "disagree", "command c/return(str)"),
    ]


@pytest.mark.parametrize(
    ("here", "there", "outcome"),
    [("", "O", "disagree"), ("O", "", "disagree"), ("any", "", "undetermined")],
)
def test_something_and_nothing(here: str, there: str, outcome: str) -> None:
    types: dict[str, Type] = {"O": Object((X,))}
    found = compare(catalog(types, "", here), catalog(types, "", there))
    assert [one.outcome for one in found.differences] == [outcome]
    assert found.differences[0].line == 7


def test_types_that_hold_themselves_end() -> None:
    types: dict[str, Type] = {"A": Object((Member("a", "A"),))}
    assert compare(catalog(types, "A"), catalog(types, "A")).ratio() == 1.0


def test_what_only_one_has_is_listed_and_not_counted() -> None:
    here = Catalog(
        "h",
        Source("document"),
        {"a": Command("a", facts=Facts(3, condition="IF"))},
        {"E": Event("E"), "F": Event("F")},
        {},
    )
    there = Catalog("t", Source("introspection"), {}, {"F": Event("F"), "G": Event("G")}, {})
    found = compare(here, there)
    assert [(one.place, one.line, one.condition) for one in found.only_here] == [
        ("command a", 3, "IF"),
        ("event E", 0, ""),
    ]
    assert [one.place for one in found.only_there] == ["event G"]
    assert found.ratio() == 1.0


def test_the_ratio_leaves_out_what_cannot_be_compared() -> None:
    here = Object((X, Member("y", "any"), Member("z", "int", facts=Facts(condition="IF"))))
    found = of_arguments(here, Object((Member("x", "str"), Member("y", "int"))))
    assert found.count("undetermined") == 1
    assert found.count("conditional") == 1
    assert found.count("disagree") == 1
    agreed = found.count("agree")
    assert found.ratio() == agreed / (agreed + 1)
    assert found.ratio("type") == 0.5
    assert found.ratio("value") == 1.0
    assert sum(found.count("agree", aspect) for aspect in ASPECTS) == agreed


def test_notes_are_found_by_pattern() -> None:
    note = Note("qemu-1*-doc", "command a/return/*/x[t=*]", "build", "why")
    assert note.fits("qemu-10.0-doc", "command a/return/*/x[t=v]")
    assert not note.fits("qemu-7.2-doc", "command a/return/*/x[t=v]")
    assert not note.fits("qemu-10.0-doc", "command a/return/*/x")
