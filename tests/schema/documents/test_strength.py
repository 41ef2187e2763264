"""What a document contradicts itself, or shows in examples alone, is marked where it is stated."""

from __future__ import annotations

from typing import Any

import pytest

from qmpconf.schema import store
from qmpconf.schema.documents.audit import held
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.doubts import Doubt, doubt
from qmpconf.schema.model import Command, Contradiction, Enum, Facts, Object
from qmpconf.schema.validator import Validator

#: Line 5 of the document is its heading; the example's reply stands in line 21.
TEXT = """\
Lamps
-----


query-lamp
----------

Return a json-object with the following information:

- "level": how bright (json-int)
- "room": a json-object containing:
    - "name": its name (json-string)
    - "floor": where it is (json-int)
- "kind": what it is (json-string, optional)
         - Possible values: "led", "tube"
- "spares": a json-array of integers (json-array of json-int, optional)

Example:

-> { "execute": "query-lamp" }
<- { "return": { REPLY } }
"""

GOOD = '"level": 1, "room": { "name": "a", "floor": 2 }'


def compiled(reply: str) -> Compilation:
    return compile_document(TEXT.replace("REPLY", reply))


def doubts(shown: str, value: Any) -> list[tuple[str, str, Doubt | None]]:
    """What is wrong with `value`, by a document whose example is `shown`; and the doubts."""
    catalog = compiled(shown).catalog
    command = catalog.commands["query-lamp"]
    return [
        (one.kind, one.member, doubt(catalog, command.facts, command.returns, value, one))
        for one in Validator(catalog).returned("query-lamp", value)
    ]


def full(**members: Any) -> dict[str, Any]:
    return {"level": 1, "room": {"name": "a", "floor": 2}, **members}


def test_a_document_that_agrees_with_itself_leaves_no_doubt() -> None:
    value = full(level="x", kind="gas", smell=1, room={"name": 5})
    assert [one for *_, one in doubts(GOOD, value)] == [None] * 5


@pytest.mark.parametrize(
    ("shown", "value", "kind", "what"),
    [
        (
            '"room": { "name": "a", "floor": 2 }',
            {"room": {"name": "a", "floor": 2}},
            "missing",
            "missing",
        ),
        ('"level": 1, "room": { "name": "a" }', full(room={"name": "b"}), "missing", "missing"),
        ('"level": "1", "room": { "name": "a", "floor": 2 }', full(level="7"), "type", "type"),
        (GOOD + ', "kind": "gas"', full(kind="gas"), "value", "shown"),
        (GOOD + ', "smell": 1', full(smell=[]), "unknown", "shown"),
        (GOOD + ', "spares": [ "x" ]', full(spares=[1, "y"]), "type", "type"),
    ],
)
def test_the_examples_own_problem_proves_nothing(
    shown: str, value: dict[str, Any], kind: str, what: str
) -> None:
    ((found, _, why),) = doubts(shown, value)
    assert (found, why) == (kind, Doubt(what, 21))  # type: ignore[arg-type]
    assert why is not None
    assert "line 21" in why.sentence


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        # the example leaves one member out: the other one is stated, and so is its type
        ('"room": { "name": "a", "floor": 2 }', {"level": 1}),
        ('"room": { "name": "a", "floor": 2 }', full(level="x")),
        ('"level": 1, "room": { "name": "a" }', full(room={"floor": 1})),
        # the example has another type: the member is mandatory all the same
        ('"level": "1", "room": { "name": "a", "floor": 2 }', {"room": {"name": "a", "floor": 2}}),
        # one more value, or member: not any
        (GOOD + ', "kind": "gas"', full(kind="oil")),
        (GOOD + ', "kind": "gas"', full(kind=5)),
        (GOOD + ', "smell": 1', full(taste=1)),
        (GOOD + ', "smell": 1', full(room={"name": "a", "floor": 2, "smell": 1})),
    ],
)
def test_what_is_stated_and_nowhere_contradicted_stays(shown: str, value: dict[str, Any]) -> None:
    ((_, _, why),) = doubts(shown, value)
    assert why is None


def test_a_return_value_of_another_type_is_a_doubt() -> None:
    text = TEXT.replace("{ REPLY }", "[ 5 ]")
    catalog = compile_document(text).catalog
    command = catalog.commands["query-lamp"]
    facts = catalog.types[command.returns].facts
    assert (facts.strength, facts.against) == ("contradicted", (Contradiction("type", 21),))
    (problem,) = Validator(catalog).returned("query-lamp", "x")
    assert doubt(catalog, command.facts, command.returns, "x", problem) == Doubt("type", 21)


def test_what_is_shortened_is_no_contradiction() -> None:
    catalog = compiled('"level": 1, ...').catalog
    assert not [one for one in catalog.types.values() if one.facts.against]
    found = catalog.types[catalog.commands["query-lamp"].returns]
    assert isinstance(found, Object)
    assert {one.facts.strength for one in found.members} == {"stated"}


def test_what_only_examples_show_is_no_part_of_the_type() -> None:
    catalog = compiled(GOOD + ', "kind": "gas", "smell": 1').catalog
    found = catalog.types[catalog.commands["query-lamp"].returns]
    assert isinstance(found, Object)
    assert "smell" not in {one.name for one in found.members}
    (shown,) = found.shown
    assert (shown.name, shown.facts) == ("smell", Facts(21, strength="example"))
    (kind,) = (one for one in catalog.types.values() if isinstance(one, Enum))
    assert [one.name for one in kind.values] == ["led", "tube"]
    assert [(one.name, one.facts.strength) for one in kind.shown] == [("gas", "example")]


def test_marks_are_kept_in_files() -> None:
    catalog = compiled('"level": "1", "smell": 1').catalog
    assert store.decode(store.encode(catalog)) == catalog


def test_the_table_of_a_hx_file_is_a_witness() -> None:
    text = """\
    {
        .name       = "snap",
        .args_type  = "device:s,file:s?",
    },

SQMP
snap
----

Take a snapshot.

Arguments:

- "device": the device (json-string)
- "file": where (json-string)

Example:

-> { "execute": "snap", "arguments": { "device": "d", "file": "f" } }
<- { "return": {} }

EQMP
"""
    catalog = compile_document(text).catalog
    command = catalog.commands["snap"]
    problems = Validator(catalog).arguments("snap", {})
    told = {
        one.member: doubt(catalog, command.facts, command.arguments, {}, one) for one in problems
    }
    assert told == {"device": None, "file": Doubt("missing", 3)}


@pytest.mark.parametrize("name", [one for one in store.shipped() if one.endswith("-doc")])
def test_shipped_documents_know_their_doubts(name: str) -> None:
    """Each with examples has some, each with its line; and a contradicted fact says by what."""
    catalog = store.load_shipped(name)
    found = 0
    for one in catalog.types.values():
        members = one.members if isinstance(one, Object) else ()
        for facts in (one.facts, *(member.facts for member in members)):
            assert bool(facts.against) == (facts.strength == "contradicted")
            assert all(against.line > 0 for against in facts.against)
            found += len(facts.against)
    assert bool(found) == (catalog.source.product != "qemu-ga")  # qemu-ga-ref(7) has no examples


def test_no_example_makes_an_error_by_its_own_document() -> None:
    compilation = compiled('"level": "1", "room": { "nam": "a" }, "kind": 5, "smell": [ { } ]')
    catalog = compilation.catalog
    seen = 0
    for one in held(compilation):
        assert isinstance(one.entry, Command)
        for problem in one.problems:
            seen += 1
            value = one.node.plain()
            assert doubt(catalog, one.entry.facts, one.key, value, problem) is not None, problem
    assert seen >= 4
