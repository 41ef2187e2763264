"""What the compiler makes of a document, in every form of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.model import Array, Catalog, Enum, Member, Object, Type
from tests.schema.documents import samples

FORMS = {
    "plain": samples.PLAIN,
    "bars": samples.barred(samples.PLAIN),
    "blame": samples.blamed(samples.PLAIN),
    "collapsed": samples.collapsed(samples.PLAIN),
}


@pytest.fixture(scope="module", params=list(FORMS))
def compiled(request: pytest.FixtureRequest) -> Compilation:
    return compile_document(FORMS[request.param], "lamps")


@pytest.fixture(scope="module")
def plain() -> Compilation:
    return compile_document(samples.PLAIN, "lamps")


def members(catalog: Catalog, key: str) -> dict[str, Member]:
    found = catalog.types[key]
    assert isinstance(found, Object)
    return {one.name: one for one in found.members}


def element(catalog: Catalog, member: Member) -> str:
    found = catalog.types[member.type]
    assert isinstance(found, Array)
    return found.element


def values(catalog: Catalog, key: str) -> list[str]:
    found = catalog.types[key]
    assert isinstance(found, Enum)
    return [one.name for one in found.values]


def rules(compilation: Compilation) -> list[tuple[str, str]]:
    return [
        (one.requirement.removeprefix("document."), one.subject) for one in compilation.findings
    ]


def test_every_command_is_there(compiled: Compilation) -> None:
    assert list(compiled.catalog.commands) == [
        "lamp-off",
        "lamp-on",
        "lamp_add",
        "lamp-script",
        "query-lamps",
        "query-rooms",
        "query-fuses",
        "query-kinds",
    ]


def test_every_heading_is_accounted_for(compiled: Compilation) -> None:
    became = {one.text: one.became for one in compiled.headings}
    assert became["Lamp Commands"] == "prose"
    assert became["1. About this"] == "prose"
    assert became["Show the fuse box"] == "command query-fuses"
    assert len(became) == 12


def test_no_arguments_and_nothing_returned(compiled: Compilation) -> None:
    command = compiled.catalog.commands["lamp-off"]
    assert (command.arguments, command.returns) == ("", "")


def test_arguments_their_types_defaults_and_marks(compiled: Compilation) -> None:
    found = members(compiled.catalog, "lamp-on.arguments")
    assert {name: (one.type, one.optional, one.default) for name, one in found.items()} == {
        "lamp": ("str", False, ""),
        "level": ("int", True, "80"),
        "colour": ("lamp-on.arguments.colour", False, ""),
        "mode": ("LampMode", True, "fade"),
        "shade": ("str", True, "linen"),
        "warm": ("int", False, ""),  # as the example shows
        "slow": ("bool", True, "false"),
    }


def test_placeholders_leave_an_enumeration_open(compiled: Compilation) -> None:
    found = compiled.catalog.types["lamp-on.arguments.colour"]
    assert isinstance(found, Enum)
    assert ([one.name for one in found.values], found.open) == (["red", "green"], True)


def test_a_type_that_is_only_named_keeps_its_name(compiled: Compilation) -> None:
    found = compiled.catalog.types["LampMode"]
    assert isinstance(found, Enum)
    assert (found.name, found.open) == ("LampMode", True)
    assert {one.name for one in found.values} == {"jump", "fade"}


def test_further_properties_leave_the_arguments_open(compiled: Compilation) -> None:
    found = compiled.catalog.types["lamp_add.arguments"]
    assert isinstance(found, Object)
    assert found.open
    assert values(compiled.catalog, "lamp_add.arguments.driver") == ["led", "tube"]


def test_a_list_that_depends_on_a_member_is_a_variant(compiled: Compilation) -> None:
    catalog = compiled.catalog
    assert (
        members(catalog, "lamp-script.arguments")["steps"].type == "lamp-script.arguments.steps[]"
    )
    step = catalog.types["lamp-script.arguments.steps"]
    assert isinstance(step, Object)
    assert (step.tag, list(step.variants)) == ("type", ["dim"])
    data = members(catalog, step.variants["dim"])["data"]
    inner = members(catalog, data.type)
    assert {name: (one.type, one.optional) for name, one in inner.items()} == {
        "to": ("int", False),
        "in": ("number", True),
    }


def test_returned_array_and_its_nested_members(compiled: Compilation) -> None:
    catalog = compiled.catalog
    assert catalog.commands["query-lamps"].returns == "query-lamps.return[]"
    found = members(catalog, "query-lamps.return")
    assert {name for name, one in found.items() if one.optional} == {
        "plug",
        "behind",
        "watts",
        "lumen",
        "amps",
    }
    assert values(catalog, "query-lamps.return.state") == ["on", "off"]
    assert found["state"].facts.features == ("deprecated",)
    assert found["behind"].type == "query-lamps.return"
    assert found["age"].type == "int"
    assert element(catalog, found["tags"]) == "any"
    assert element(catalog, found["names"]) == "str"
    assert set(members(catalog, "query-lamps.return.plug")) == {"volts", "socket"}
    socket = members(catalog, "query-lamps.return.plug.socket")
    assert set(socket) == {"wall", "spare-socket"}
    assert socket["spare-socket"].type == "query-lamps.return.plug.socket"


def test_objects_that_are_described_apart(compiled: Compilation) -> None:
    catalog = compiled.catalog
    found = members(catalog, "query-rooms.return")
    rooms = catalog.types[found["rooms"].type]
    assert isinstance(rooms, Array)
    room = members(catalog, rooms.element)
    assert set(room) == {"name", "walls"}
    assert room["walls"].optional
    view = catalog.types[found["view"].type]
    assert isinstance(view, Array)
    assert set(members(catalog, view.element)) == {"pane"}
    assert values(catalog, "query-rooms.return.mood") == ["calm", "party"]


def test_kinds_that_a_fixed_value_tells_apart(compiled: Compilation) -> None:
    walls = compiled.catalog.types["query-rooms.return.rooms.walls"]
    assert isinstance(walls, Object)
    assert walls.tag == "type"
    assert [set(members(compiled.catalog, key)) for key in walls.variants.values()] == [
        {"thick"},
        {"tree"},
    ]
    assert list(walls.variants) == ["stone", "wood"]


def test_what_is_not_told_is_counted(compiled: Compilation) -> None:
    told = [one for one in compiled.undetermined if "indentation" not in one.reason]
    places = {(one.subject, one.pointer) for one in told}
    assert places == {
        ("lamp-on", "LampMode"),
        ("query-lamps", "return.tags[]"),
        ("query-kinds", "return[]"),
    }


def test_flaws_of_the_document_are_found(compiled: Compilation) -> None:
    assert sorted(rules(compiled)) == [
        ("enum.duplicate", "query-lamps"),
        ("heading.name", "query-fuses"),
        ("member.no-colon", "query-lamps"),
        ("type.misspelled", "lamp-on"),
        ("type.parenthesis", "query-lamps"),
    ]


def test_examples_belong_to_their_sections(compiled: Compilation) -> None:
    assert [one.subject for one in compiled.examples[::2]] == list(compiled.catalog.commands)
    assert [one.direction for one in compiled.examples] == ["->", "<-"] * 8


@pytest.mark.parametrize("form", ["bars", "blame", "collapsed"])
def test_damage_changes_no_type(plain: Compilation, form: str) -> None:
    damaged = compile_document(FORMS[form], "lamps").catalog
    assert _without_lines(damaged) == _without_lines(plain.catalog)


def _without_lines(catalog: Catalog) -> dict[str, object]:
    return {key: _bare(one) for key, one in catalog.types.items()}


def _bare(one: Type) -> object:
    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {name: strip(part) for name, part in value.items() if name != "line"}
        if isinstance(value, (list, tuple)):
            return [strip(part) for part in value]
        return value

    return strip(dataclasses.asdict(one))


def test_lines_are_those_of_the_file_as_given() -> None:
    for text in (samples.PLAIN, samples.barred(samples.PLAIN), samples.blamed(samples.PLAIN)):
        found = members(compile_document(text).catalog, "lamp-on.arguments")["level"]
        assert '"level": how bright' in text.split("\n")[found.facts.line - 1]


def test_a_collapsed_document_tells_columns() -> None:
    text = samples.collapsed(samples.PLAIN)
    found = next(
        one for one in compile_document(text).findings if one.requirement == "document.heading.name"
    )
    assert (found.line, text[found.column - 1 :].split(" ---")[0]) == (1, "Show the fuse box")


def test_a_heading_without_underline_that_stands_for_a_longer_name() -> None:
    text = samples.PLAIN + (
        '\nfuse\n\n\nBlow one.\n\nArguments:\n\n- "n": which (json-int)\n\nExample:\n\n'
        '-> { "execute": "fuse-blow", "arguments": { "n": 1 } }\n<- { "return": {} }\n'
    )
    compilation = compile_document(text)
    assert "fuse-blow" in compilation.catalog.commands
    assert ("heading.no-underline", "fuse-blow") in rules(compilation)
    assert ("heading.name", "fuse-blow") in rules(compilation)


def test_arguments_that_only_an_example_has_are_left_open() -> None:
    text = (
        "a\n-\nb\n---\nReturn a json-array of bs.\n\nExample:\n\n"
        '-> { "execute": "b", "arguments": { "c": 1 } }\n<- { "return": [] }\n'
    )
    compilation = compile_document(text)
    found = compilation.catalog.types["b.arguments"]
    assert isinstance(found, Object)
    assert found.open
    assert rules(compilation) == [("arguments.missing", "b")]


@pytest.mark.parametrize(
    ("listed", "taken"),
    [("x", [("x", "int", True)]), ("y", [("x", "int", True)])],
    ids=["members", "values"],
)
def test_a_list_that_nothing_announces_demands_nothing(
    listed: str, taken: list[tuple[str, str, bool]]
) -> None:
    text = (
        f'cap\n---\nSet it.\n\n- "{listed}": it (json-int)\n\nArguments:\n\nExample:\n\n'
        '-> { "execute": "cap", "arguments": { "x": 1 } }\n'
    )
    compilation = compile_document(text)
    found = compilation.catalog.types["cap.arguments"]
    assert isinstance(found, Object)
    assert found.open
    assert [(one.name, one.type, one.optional) for one in found.members] == taken
    assert rules(compilation) == [("list.unannounced", "cap"), ("arguments.empty", "cap")]


def test_a_list_of_nobody_is_a_finding_never_lost() -> None:
    text = (
        "lone\n----\n\nThe frame json-object contains the following:\n\n"
        '- "w": width (json-int)\n\nSome say so:\n\n- "h": height (json-int)\n\n'
        'Example:\n\n-> { "execute": "lone" }\n<- { "return": {} }\n'
    )
    compilation = compile_document(text)
    assert rules(compilation) == [("list.unattached", "lone")] * 2
    assert members(compilation.catalog, "lone.frame")["w"].type == "int"


@pytest.mark.parametrize("form", ["bars", "blame", "collapsed"])
def test_a_place_that_only_the_wording_tells_is_counted(form: str) -> None:
    found = [one for one in compile_document(FORMS[form]).undetermined if "wording" in one.reason]
    assert [(one.subject, one.pointer, one.reason.rpartition(" ")[2]) for one in found] == [
        ("lamp-script", "arguments.steps.dim.data", "in"),
        ("query-lamps", "return.plug.socket", "spare-socket"),
    ]


OTHER = """\
Lamps
-----

lamp-plan
---------
Since: 2.4

This command is considered experimental.

Arguments:

- "size": how large (int, optional) (Since 2.5)
- "note": a remark.

          It goes on here, and it is the same item.
          (json-string, optional)

- "parts": its parts, a list

steps array:
    - "type": what to do (json-string).  Possible
              values: "dim", "flash"
    - "data": a dictionary.  What it holds depends on
      "type".  When "type" is "dim":
      - "to": the level (json-int)
      When "type" is "flash":
      - "often": how often (json-int)
      - "to": the colour (json-string)

Returns: Nothing on success

Example:

-> { "execute": "lamp-plan", "arguments": { "parts": [], "steps": [
     { "type": "dim", "data": { "to": 3 } },
     { "type": "flash", "data": { "often": 3, "to": "red" } } ] } }
<- { "timestamp": {}, "event": "LAMP_PLANNED" }

<- { "return": {} }
"""


@pytest.mark.parametrize("damage", [str, samples.barred, samples.blamed])
def test_what_later_documents_write_otherwise(damage: Callable[[str], str]) -> None:
    compilation = compile_document(damage(OTHER))
    catalog = compilation.catalog
    command = catalog.commands["lamp-plan"]
    assert (command.facts.since, command.facts.features) == ("2.4", ("unstable",))
    assert command.returns == ""
    found = members(catalog, command.arguments)
    assert (found["size"].type, found["size"].facts.since) == ("int", "2.5")
    step = catalog.types["lamp-plan.arguments.steps"]
    assert isinstance(step, Object)
    assert values(catalog, "lamp-plan.arguments.steps.type") == ["dim", "flash"]
    assert {
        value: {
            name: one.type
            for name, one in members(catalog, members(catalog, key)["data"].type).items()
        }
        for value, key in step.variants.items()
    } == {"dim": {"to": "int"}, "flash": {"often": "int", "to": "str"}}


def test_an_item_goes_on_behind_an_empty_line_while_it_is_indented() -> None:
    found = members(compile_document(OTHER).catalog, "lamp-plan.arguments")
    assert (found["note"].type, found["note"].optional) == ("str", True)
