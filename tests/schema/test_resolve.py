"""Conditions resolved: by settings, and by what a server says about itself."""

from __future__ import annotations

from qmpconf.schema.conditions import Settings
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.model import Alternate, Enum, Object
from qmpconf.schema.resolve import learned, resolved
from tests.schema.qapi.sources import compiled

SOURCE = """\
{ 'enum': 'Kind', 'data': [ 'one', { 'name': 'two', 'if': 'TWO' }, { 'name': 'six', 'if': 'SIX' } ] }
{ 'struct': 'OfTwo', 'data': { 'x': 'Deep' }, 'if': 'TWO' }
{ 'struct': 'Deep', 'data': { 'y': 'int' } }
{ 'struct': 'OfSix', 'data': { 'z': { 'type': 'int', 'if': { 'not': 'DARK' } } } }
{ 'union': 'Pick', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
  'data': { 'two': { 'type': 'OfTwo', 'if': 'TWO' }, 'six': 'OfSix' } }
{ 'alternate': 'Ref', 'data': { 'name': 'str', 'whole': { 'type': 'Pick', 'if': 'TWO' } } }
{ 'command': 'pick', 'data': 'Pick', 'boxed': true,
  'features': [ { 'name': 'fast', 'if': 'FAST' }, 'always' ] }
{ 'command': 'refer', 'data': { 'to': 'Ref' }, 'if': { 'any': [ 'SIX', 'SEVEN' ] } }
{ 'event': 'GONE', 'if': { 'all': [ 'TWO', 'SEVEN' ] } }
"""


def test_settings_decide_and_what_they_do_not_decide_stays() -> None:
    source = compiled(SOURCE)
    found = resolved(source, Settings({"TWO": False, "SIX": True, "FAST": False}))
    catalog = found.catalog
    kinds = catalog.types["Kind"]
    assert isinstance(kinds, Enum)
    assert [(one.name, one.facts.condition) for one in kinds.values] == [("one", ""), ("six", "")]
    pick = catalog.types["Pick"]
    assert isinstance(pick, Object)
    assert (pick.variants, pick.variants_if) == ({"six": "OfSix"}, {})
    ref = catalog.types["Ref"]
    assert isinstance(ref, Alternate)
    assert (ref.branches, ref.branches_if) == (("str",), {})
    assert not {"OfTwo", "Deep"} & catalog.types.keys()
    assert catalog.commands["pick"].facts.features == ("always",)
    assert catalog.commands["refer"].facts.condition == ""
    assert "GONE" not in catalog.events
    assert dict(found.open) == {"not DARK": 1}
    assert (found.kept, found.dropped) == (2, 6)
    untouched = resolved(source, Settings())
    assert untouched.catalog == source
    assert (untouched.kept, untouched.dropped) == (0, 0)


SERVER = [
    {"name": "int", "meta-type": "builtin", "json-type": "int"},
    {"name": "1", "meta-type": "enum", "values": ["one", "six"]},
    {
        "name": "2",
        "meta-type": "object",
        "members": [{"name": "kind", "type": "1"}],
        "tag": "kind",
        "variants": [{"case": "six", "type": "3"}, {"case": "one", "type": "0"}],
    },
    {"name": "3", "meta-type": "object", "members": [{"name": "z", "type": "int"}]},
    {"name": "0", "meta-type": "object", "members": []},
    {
        "name": "pick",
        "meta-type": "command",
        "arg-type": "2",
        "ret-type": "0",
        "features": ["always", "fast"],
    },
]


def test_a_server_shows_its_settings() -> None:
    source = compiled(SOURCE)
    found = learned(source, compile_introspection(SERVER))
    # `SIX` holds, for a value is there; a command that depends on it as well is not.
    assert found.settings.known == {"TWO": False, "SIX": True, "DARK": False, "FAST": True}
    assert found.places["not DARK"] == (["command pick/arguments[kind=six]/z"], [])
    assert found.settings.contradictory == {"SIX or SEVEN": None}
    final = resolved(source, found.settings)
    assert not final.open
    assert final.catalog.commands["pick"].facts.features == ("fast", "always")


def test_what_a_server_has_in_one_place_and_lacks_in_another_decides_nothing() -> None:
    source = compiled("{ 'command': 'pick', 'if': 'A' } { 'event': 'OUT', 'if': 'A' }")
    pick = {"name": "pick", "meta-type": "command", "arg-type": "0", "ret-type": "0"}
    found = learned(source, compile_introspection([SERVER[4], pick]))
    assert found.contradictory == {"A": (["command pick"], ["event OUT"])}
    assert not found.settings
    assert resolved(source, found.settings).catalog == source
