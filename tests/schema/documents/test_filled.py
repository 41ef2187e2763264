"""What a document does not state, and lets conclude: filled, marked, and softer than what it states."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from qmpconf.report.catalog import entry
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.doubts import doubt
from qmpconf.schema.model import Array, Catalog, Conclusion, Enum, Object
from qmpconf.schema.validator import Validator
from tests.schema.documents import by_hand, texi
from tests.schema.documents.texi import LAMPS, Entry, Item

TYPES = (
    Entry("Object", "LampState", {"Members": [Item("id: string"), Item("on: boolean")]}),
    Entry("Object", "LampSwitchOptions", {"Members": [Item("id: string"), Item("level: int", " (optional)")]}),
    Entry("Object", "RoomInformation", {"Members": [Item("name: string")]}),
    Entry("Object", "Unrelated", {"Members": [Item("name: string")]}),
    Entry("Object", "FuseData", {"Members": [Item("amps: number")]}),
)  # fmt: skip


def manual(*entries: Entry) -> Compilation:
    return compile_document(texi.text((*LAMPS, *entries)))


def asked(name: str, reply: str, sent: str = "", returns: str = "") -> Entry:
    sends = f', "arguments": {sent}' if sent else ""
    shown = f'-> {{ "execute": "{name}"{sends} }}\n<- {{ "return": {reply} }}' if reply else ""
    return Entry("Command", name, {}, {"Returns": returns} if returns else {}, shown)


def conclusions(found: Compilation, name: str) -> list[tuple[str, str]]:
    return [(one.how, one.key) for one in found.catalog.commands[name].facts.concluded]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (asked("query-lamp-states", '[ { "id": "a", "on": true } ]'), [("example", "[LampState]")]),
        (asked("query-lamp-state", '{ "id": "a", "on": true }'), [("example", "LampState")]),
        (asked("lamp-switch", "{}", '{ "id": "a" }'), [("example", "LampSwitchOptions")]),
        (asked("query-room", "", returns="a RoomInfo"), [("spelling", "RoomInformation")]),
        (asked("query-rooms", "", returns="list of RoomInfo"), [("spelling", "[RoomInformation]")]),
        (asked("query-fuse", ""), [("rest", "FuseData")]),
        (asked("lamp-get-fuses", "", returns="The list of all fuses."), [("rest", "[FuseData]")]),
        (asked("fuse-data", "", returns="what is known of it"), [("rest", "FuseData")]),
        (asked("query-kettle", '{ "hot": true }'), [("example", "query-kettle:return")]),
        (asked("query-kettle", "", returns="the kettle"), []),
    ],
)
def test_what_is_returned_or_taken_is_concluded(
    entry: Entry, expected: Sequence[tuple[str, str]]
) -> None:
    found = manual(*TYPES, entry)
    assert conclusions(found, entry.name) == list(expected)
    left = [one for one in found.undetermined if one.subject == entry.name]
    assert bool(left) != bool(expected)


def test_what_is_concluded_makes_no_error() -> None:
    catalog = manual(*TYPES, asked("query-lamp-state", '{ "id": "a", "on": true }')).catalog
    command = catalog.commands["query-lamp-state"]
    assert "returns not stated: concluded from an example, line " in entry(catalog, command.name)
    value = {"id": 3}
    problems = Validator(catalog).returned("query-lamp-state", value)
    assert problems
    for one in problems:
        why = doubt(catalog, command.facts, command.returns, value, one)
        assert why is not None
        assert why.sentence.startswith("the document does not state the type")
    assert isinstance(command.facts.concluded[0], Conclusion)


TEXT = """Lamps
=====

lamp-set
--------

Arguments:

- "lamp": which one
- "keys": a json-array of keys

Example:

-> { "execute": "lamp-set", "arguments": { "lamp": "desk", "keys": [ { "on": 1, "dim": 0.5 } ] } }
<- { "return": { "was": [ 1, 2 ], "any": null } }

lamp-modes
----------

Set modes.

- "blink": it blinks

Arguments:

Example:

-> { "execute": "lamp-modes", "arguments": { "modes": [ { "mode": "blink", "state": true } ] } }
<- { "return": {} }
"""


def _object(catalog: Catalog, key: str) -> dict[str, tuple[str, bool, str]]:
    found = catalog.types[key]
    assert isinstance(found, Object)
    return {one.name: (one.type, one.optional, one.facts.strength) for one in found.members}


def test_a_document_without_types_gets_what_its_examples_show() -> None:
    found = compile_document(TEXT)
    catalog = found.catalog
    taken = _object(catalog, "lamp-set.arguments")
    assert taken["lamp"] == ("str", False, "example")
    keys = catalog.types[taken["keys"][0]]
    assert isinstance(keys, Array)
    assert _object(catalog, keys.element) == {
        "on": ("int", True, "example"), "dim": ("number", True, "example")
    }  # fmt: skip
    returned = catalog.types[catalog.commands["lamp-set"].returns]
    assert isinstance(returned, Object)
    assert returned.open
    modes = _object(catalog, catalog.commands["lamp-modes"].arguments)
    assert list(modes) == ["modes"]
    assert not found.undetermined
    assert not any(isinstance(one, Enum) for one in catalog.types.values())


def test_the_sample_for_people_is_the_same_each_time() -> None:
    found = manual(*TYPES)
    first = by_hand.drawn(found, 3, 5)
    assert first == by_hand.drawn(found, 3, 5) != by_hand.drawn(found, 4, 5)
    rows = texi.text((*LAMPS, *TYPES)).split("\n")
    plug = next(one for one in found.headings if one.became == "type Plug")
    assert by_hand.words(found, plug, rows).startswith("-- Object: Plug\nIt is about lamps.")
    assert by_hand.compiled(found.catalog, "type Plug") == "{pin: [int], earth?: bool (=true)}"
    assert by_hand.compiled(found.catalog, "event LAMP_OFF") == "carries {id: str}"
    assert by_hand.figures(found, [plug]) == (2, 0)
