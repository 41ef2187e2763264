"""What a schema becomes in a catalog: every meta-type, its facts, its comments."""

from __future__ import annotations

import pytest

from qmpconf.schema import store
from qmpconf.schema.model import (
    Alternate,
    Array,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
)
from qmpconf.schema.qapi.places import SourceError
from qmpconf.schema.validator import Validator
from tests.schema.qapi.sources import GOOD, LAMPS, MAIN, compiled

COLOURS = "qapi/colours.json"


def line(begins: str) -> int:
    """The line of the sample that begins so."""
    return next(at for at, one in enumerate(LAMPS.split("\n"), 1) if one.strip().startswith(begins))


def test_every_meta_type_with_its_facts() -> None:
    catalog = compiled(GOOD)
    assert (catalog.name, catalog.source.kind) == ("qemu-storage-daemon-10.0.0-qapi", "qapi")
    add = catalog.commands["lamp-add"]
    assert add == Command(
        "lamp-add",
        "Lamp",
        "[LampBase]",
        allow_oob=True,
        allow_preconfig=True,
        facts=Facts(
            line("{ 'command': 'lamp-add'"),
            "2.4",
            ("deprecated",),
            instead=("lamp-set",),
            file=MAIN,
            text=add.facts.text,
        ),
    )
    for words in (
        "Add a lamp.",
        "Returns: all lamps",
        "Errors:",
        "Use lamp-set instead",
        '"white"',
    ):
        assert words in add.facts.text
    assert "2.4" not in add.facts.text
    put_line = line("{ 'command': 'lamp-set'")
    arguments = catalog.types["lamp-set.arguments"]
    assert arguments == Object(
        (
            Member("lamp", "LampRef", facts=Facts(put_line, file=MAIN, text="which")),
            Member("names", "[str]", True, facts=Facts(put_line, file=MAIN, text="further names")),
        ),
        open=True,  # 'gen': false
        facts=Facts(put_line, file=MAIN),
    )
    put = catalog.commands["lamp-set"]
    assert (put.silent, put.coroutine, put.returns) == (True, True, "")
    condition = "CONFIG_BRIGHT or (HAVE_DARK and HAVE_CAT)"
    assert catalog.events == {
        "LAMP_OUT": Event(
            "LAMP_OUT", "LAMP_OUT.data", Facts(line("{ 'event'"), condition=condition, file=MAIN)
        )
    }
    assert catalog.types["Colour"] == Enum(
        (
            EnumValue("white", Facts(9, file=COLOURS, text="all of them")),
            EnumValue("2nd", Facts(9, condition="CONFIG_SECOND", file=COLOURS, text="another one")),
        ),
        "Colour",
        facts=Facts(8, file=COLOURS),
    )
    assert catalog.types["Lamp"] == Object(
        (),
        "LampBase",
        "colour",
        {"white": "LampBright"},
        name="Lamp",
        facts=Facts(
            line("{ 'union': 'Lamp'"),
            features=("dimmed",),
            file=MAIN,
            text="Feature dimmed: it can be dimmed",
            features_if=(("dimmed", "not CONFIG_PLAIN"),),
        ),
        variants_if={"white": "CONFIG_BRIGHT"},
    )
    assert catalog.types["LampRef"] == Alternate(
        ("Lamp", "str", "null"), "LampRef", Facts(line("{ 'alternate'"), file=MAIN)
    )
    assert catalog.types["[LampBase]"] == Array("LampBase")
    base = catalog.types["LampBase"]
    assert isinstance(base, Object)
    assert base.facts.text == "What all lamps have."
    identity = base.members[1]
    assert identity == Member(
        "id",
        "str",
        True,
        facts=Facts(
            line("'data': { 'colour'"),
            "1.2",
            file=MAIN,
            text="its name, and the only\nthing to call it by  (Since 1.2)",
        ),
    )
    assert base.members[0].default == "white"
    bright = catalog.types["LampBright"]
    assert isinstance(bright, Object)
    assert bright.members[0].facts.features == ("unstable",)
    assert store.decode(store.encode(catalog)) == catalog


OLD = """\
{ 'type': 'Size', 'data': { '*width': 'int' } }
# not documentation: there is no colon, and nothing asks for one
##
# @Shape
#
# @round: a ball, since 0.14
##
{ 'union': 'Shape', 'data': { 'round': 'Size', 'any': [ 'str' ] } }
{ 'union': 'Ref', 'discriminator': {}, 'data': { 'whole': 'Size', 'name': 'str' } }
##
# @shape_add:
#
# Add one.
#
# Returns: its number
#
# Since: 0.14.0
##
{ 'command': 'shape_add', 'data': { 'shape': 'Shape', '*props': '**' }, 'gen': 'no',
  'returns': 'int' }
{ 'command': 'raw', 'data': '**' }
##
# @VersionInfo:
#
# What it is.
#
# @qemu.major:  the first number,
# and the greatest
#
# @package: #optional whose it is
#
# Since 0.14.0
##
{ 'type': 'VersionInfo',
  'data': {'qemu': {'major': 'int', '*deep': {'x': 'str'}}, '*package': 'str'} }
{ 'command': 'query-version', 'returns': 'VersionInfo', 'success-response': 'no', 'gen': 'yes' }
{ 'enum': 'BlkdebugEvent', 'data': [ 'l1_grow.alloc_table' ] }
"""


def test_releases_before_today() -> None:
    catalog = compiled(OLD, "1.6.0")
    assert catalog.types["Shape"] == Object(
        (Member("type", "ShapeKind", facts=Facts(8, file=MAIN)),),
        "",
        "type",
        {"round": "Shape.round", "any": "Shape.any"},
        name="Shape",
        facts=Facts(8, file=MAIN),
    )
    assert isinstance(catalog.types["Ref"], Alternate)
    assert catalog.commands["shape_add"].facts.since == "0.14.0"
    assert catalog.commands["shape_add"].returns == "int"
    validator = Validator(catalog)
    good = {"shape": {"type": "round", "data": {"width": 1}}, "more": 1, "props": None}
    assert not validator.arguments("shape_add", good)
    assert not validator.arguments("raw", {"anything": 1})
    (problem,) = validator.arguments("shape_add", {"shape": {"type": "any", "data": [1]}})
    assert problem.path == ("shape", "data", 0)
    assert not validator.returned("query-version", {"qemu": {"major": 1, "deep": {"x": "y"}}})
    (problem,) = validator.returned("query-version", {"qemu": {"major": "1"}})
    assert problem.path == ("qemu", "major")
    version, inner = catalog.types["VersionInfo"], catalog.types["VersionInfo.qemu"]
    assert isinstance(version, Object)
    assert isinstance(inner, Object)
    assert (version.facts.since, version.members[1].facts.text) == ("0.14.0", "whose it is")
    assert inner.members[0].facts.text == "the first number,\nand the greatest"
    assert inner.name == ""
    assert catalog.commands["query-version"].silent


def test_conditions_before_6_1_are_expressions_of_the_preprocessor() -> None:
    text = """
    { 'enum': 'A', 'data': [ { 'name': 'one', 'if': 'defined(X) && !defined(Y)' } ],
      'if': ['defined(A) || defined(B)', 'C > 2'] }
    """
    one = compiled(text, "5.2.0").types["A"]
    assert isinstance(one, Enum)
    assert one.facts.condition == "(A or B) and `C > 2`"
    assert one.values[0].facts.condition == "X and not Y"


def test_without_a_release_any_rules_will_do() -> None:
    assert compiled(OLD, "").source.version == ""
    assert compiled(GOOD, "").commands.keys() == {"lamp-add", "lamp-set"}


def test_what_a_setting_decides_may_be_missing() -> None:
    text = "{ 'struct': 'Ao', 'data': { 'b': { 'type': 'int', 'if': 'B' } } }"
    text += "{ 'command': 'c', 'data': 'Ao', 'boxed': true }"
    validator = Validator(compiled(text))
    assert not validator.arguments("c", {})
    assert not validator.arguments("c", {"b": 1})
    assert validator.arguments("c", {"b": "1"})


OLDEST = """\
{ 'type': 'ShapeBase', 'data': { 'kind': 'str', '*id': 'str' } }
{ 'type': 'Ball', 'data': { 'width': 'int' } }
{ 'union': 'Shape', 'base': 'ShapeBase', 'discriminator': 'kind', 'data': { 'ball': 'Ball' } }
{ 'command': 'shape-add', 'data': { 'options': 'Shape', '*props': 'dict' }, 'gen': 'no' }
{ 'command': 'shape-get', 'data': { 'id': 'str' }, 'returns': 'visitor', 'gen': 'no' }
"""


def test_the_source_of_the_first_releases() -> None:
    """A discriminator was a string before it was an enumeration, and values of any kind had other names."""
    catalog = compiled(OLDEST, "1.7.0")
    shape = catalog.types["Shape"]
    assert isinstance(shape, Object)
    assert (shape.tag, dict(shape.variants)) == ("kind", {"ball": "Ball"})
    assert catalog.commands["shape-get"].returns == "any"
    arguments = catalog.types[catalog.commands["shape-add"].arguments]
    assert isinstance(arguments, Object)
    assert {one.name: one.type for one in arguments.members} == {"options": "Shape", "props": "any"}
    today = "\n".join(OLDEST.splitlines()[:3]).replace("'type'", "'struct'")
    with pytest.raises(SourceError, match="is not of an enumeration's type"):
        compiled(today, "2.13.0")
