"""Manuals of 2.9 to 5.1: the layout that came from Texinfo, in every form; how much of one was understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.schema import store
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.model import Alternate, Catalog, Enum, Object
from qmpconf.schema.select import Version
from qmpconf.schema.sources import compile_file
from tests.schema.documents import texi
from tests.schema.documents.texi import FORMS, LAMPS, Entry, Item
from tests.usual import examples


def facts(catalog: Catalog) -> object:
    """All that the catalog says, apart from where it stands and what the catalog is called."""

    def without(value: object) -> object:
        if isinstance(value, dict):
            kept = value.items()
            return {key: without(one) for key, one in kept if key not in {"line", "form", "sha256"}}
        return [without(one) for one in value] if isinstance(value, list) else value

    found = without(json.loads(store.encode(catalog)))
    assert isinstance(found, dict)
    return {key: found[key] for key in ("commands", "events", "types")}


def test_a_manual_says_the_same_in_every_form() -> None:
    catalogs = {form: compile_document(write(LAMPS)).catalog for form, write in FORMS.items()}
    first = catalogs["text"]
    for form, catalog in catalogs.items():
        assert facts(catalog) == facts(first), form
        assert catalog.name == "qemu-4.1-doc", form
        assert catalog.source.title == "qemu-qmp-ref(7), newest 'since' 4.1"
        assert Version.parse(catalog.source.version) is not None
    assert list(first.commands) == ["lamp-on", "query-lamps", "lamp-change"]
    assert first.commands["lamp-on"].returns == ""
    assert first.commands["lamp-change"].arguments == "Plug"
    assert first.commands["query-lamps"].returns == "[Lamp]"
    assert first.events["LAMP_OFF"].data == "LAMP_OFF:data"
    colour, plug, lamp = (first.types[name] for name in ("Colour", "Plug", "Lamp"))
    assert isinstance(colour, Enum)
    assert [one.name for one in colour.values] == ["red", "12", "blue-ish"]
    assert colour.facts.since == "2.9"
    assert isinstance(plug, Object)
    assert plug.facts.condition == "defined(CONFIG_PLUG)"
    pin, earth = plug.members
    assert (pin.type, pin.optional) == ("[int]", False)
    assert (earth.type, earth.optional, earth.default) == ("bool", True, "true")
    assert (earth.facts.condition, earth.facts.since) == ("defined(CONFIG_EARTH)", "3.1")
    assert isinstance(lamp, Object)
    assert (lamp.tag, dict(lamp.variants)) == ("kind", {"bare": "Plug"})
    kind = first.types[lamp.members[0].type]
    assert isinstance(kind, Enum)
    assert [one.name for one in kind.values] == ["bare", "shaded"]
    assert isinstance(first.types["Switch"], Alternate)


@pytest.mark.parametrize("form", list(FORMS))
def test_every_heading_and_example_is_accounted_for(form: str) -> None:
    found = compile_document(FORMS[form](LAMPS))
    became = [one.became.partition(" ")[0] for one in found.headings]
    numbers = [became.count(one) for one in ("command", "event", "type")]
    assert numbers == [3, 1, 4]
    assert len(found.examples) == 3
    assert not found.findings
    lines = FORMS[form](LAMPS).split("\n")
    for one in found.headings:
        assert one.text.split()[0].replace("-", "") in lines[one.line - 1].replace(
            "\\-", ""
        ).replace("-", "")


_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}(?:-[a-z0-9]{1,5})?", fullmatch=True)
_TYPES = st.sampled_from(["string", "int", "boolean", "array of string", "value", "Thing"])
_ITEMS = st.lists(
    st.tuples(_NAMES, _TYPES, st.booleans()), min_size=1, max_size=4, unique_by=lambda one: one[0]
)


@settings(max_examples=examples(60), deadline=None)
@given(st.dictionaries(_NAMES, _ITEMS, min_size=3, max_size=6))
def test_every_member_is_read_in_every_form(wanted: dict[str, list[tuple[str, str, bool]]]) -> None:
    entries = [Entry("Object", "Thing", {"Members": [Item("it: int")]})]
    for name, members in wanted.items():
        items = [Item(f"{one}: {kind}", " (optional)" * left) for one, kind, left in members]
        entries.append(Entry("Command", name, {"Arguments": items}))
    for form, write in FORMS.items():
        catalog = compile_document(write(entries)).catalog
        assert set(catalog.commands) == set(wanted), form
        for name, members in wanted.items():
            found = catalog.types[catalog.commands[name].arguments]
            assert isinstance(found, Object)
            assert [(one.name, one.optional) for one in found.members] == [
                (one, left) for one, _, left in members
            ], form


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(list(FORMS)), st.data())
def test_a_torn_manual_gives_a_catalog_or_an_input_error(form: str, data: st.DataObject) -> None:
    whole = FORMS[form](LAMPS)
    low, high = sorted(data.draw(st.integers(0, len(whole))) for _ in range(2))
    try:
        found = compile_document(whole[:low] + whole[high:])
    except InputError:
        return
    assert found.catalog.commands or found.catalog.types or found.catalog.events


def test_what_is_mostly_not_understood_is_an_error_with_the_share() -> None:
    strange = "\n".join(
        f"lamp-{one}\n-----------\n\nSwitch it.\n\nTakes: level\n" for one in "abcdefgh"
    )
    known = 'lamp-on\n-------\n\nArguments: None.\n\n-> { "execute": "lamp-on" }\n<- { "return": {} }\n\n'
    text = f"Lamps\n=====\n\n{known}{strange}".replace("lamp-a\n", "\u00a0lamp-a\n")
    with_types = text.replace("lamp-", "Lamp")
    with pytest.raises(InputError, match=r"only 1 of \d+ headings were understood"):
        compile_document(with_types.replace("Lampon", "lamp-on"))


def test_a_layout_that_nobody_knows_is_betrayed_by_its_examples() -> None:
    entries = [
        Entry(
            "Command",
            f"lamp-{one}",
            shown=f'-> {{ "execute": "lamp-{one}" }}\n<- {{ "return": {{}} }}',
        )
        for one in "abcdefgh"
    ]
    assert len(compile_document(texi.text(entries)).catalog.commands) == 8
    known = (
        'Lamps\n=====\n\nlamp-on\n-------\n\n-> { "execute": "lamp-on" }\n<- { "return": {} }\n\n'
    )
    for text in (
        known + texi.text(entries).replace(" -- Command:", " ## Command"),
        texi.roff((*LAMPS[:3], *entries)).replace("(Command)", "[command]"),
        texi.html((*LAMPS[:3], *entries)).replace("Command: <", "Order: <"),
    ):
        with pytest.raises(
            InputError, match=r"only [01] of [89] commands that it executes were understood"
        ):
            compile_document(text)


@pytest.mark.parametrize(
    ("top", "product", "manual"),
    [
        ("QEMU Guest Agent protocol reference", "qemu-ga", "qemu-ga-ref"),
        ("QEMU Storage Daemon QMP reference", "qemu-storage-daemon", "qemu-storage-daemon-qmp-ref"),
    ],
)
def test_the_product_is_what_the_title_says(top: str, product: str, manual: str) -> None:
    for write in (texi.text, texi.roff, texi.html):
        source = compile_document(write(LAMPS, top=top)).catalog.source
        assert source.product == product
        assert source.title.startswith(f"{manual}(7)")


def test_an_info_file_with_an_index_is_text(tmp_path: Path) -> None:
    path = tmp_path / "lamps.info"
    path.write_text(
        texi.info(LAMPS) + "\0\x08[index\0\x08]\n* Menu:\n\n* Lamp:  API Reference. (line 3)\n"
    )
    assert list(compile_file(path).catalog.commands) == ["lamp-on", "query-lamps", "lamp-change"]


def test_what_man_prints_of_such_a_page_is_read_again() -> None:
    page = """QMP(7)                                                                  QMP(7)

DESCRIPTION
       Axis (Enum)

       Values:

       "x" the first

       "yz"
           Not documented

       Deed (Object)

       Members:

       "type"
           One of "lamp-switch-on", "b"

       "data: SomeVeryLongNameOfAType" when "type" is "lamp-switch-on-now"
       "data: Axis" when "type" is "b"

       Plain (Object)

       lamp-on  (Command) Switch it on.

       Arguments:

       "axis: Axis" (optional)
           Not documented

       Since: 2.9
"""
    catalog = compile_document(page).catalog
    axis, deed = catalog.types["Axis"], catalog.types["Deed"]
    assert isinstance(axis, Enum)
    assert [one.name for one in axis.values] == ["x", "yz"]
    assert isinstance(deed, Object)
    assert list(deed.variants) == ["lamp-switch-on-now", "b"]
    taken = catalog.types["lamp-on:arguments"]
    assert isinstance(taken, Object)
    assert [(one.name, one.type, one.optional) for one in taken.members] == [("axis", "Axis", True)]


def test_product_and_release_can_be_given() -> None:
    catalog = compile_document(texi.text(LAMPS), product="qemu-ga", release="4.2.1").catalog
    assert catalog.name == "qemu-ga-4.2.1-doc"
    assert (catalog.source.product, catalog.source.version) == ("qemu-ga", "4.2.1")
    assert catalog.source.title == "qemu-qmp-ref(7) 4.2.1"
