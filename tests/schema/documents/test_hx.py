"""The ``.hx`` form: the table, and where it disagrees with the prose."""

from __future__ import annotations

import pytest

from qmpconf.schema.documents.argstype import ArgsTypeError, Argument, parse
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.model import Object
from tests.schema.documents import samples


def found_in(text: str) -> list[tuple[str, str, str]]:
    return [
        (one.requirement.removeprefix("document."), one.subject, one.pointer)
        for one in compile_document(text).findings
        if one.requirement.startswith(("document.args-type", "document.command"))
    ]


def with_table(**changed: str) -> str:
    table = {**samples.TABLE, **{name.replace("_", "-"): text for name, text in changed.items()}}
    return samples.hx(table=table)


@pytest.mark.parametrize("damage", [str, samples.barred, samples.blamed])
def test_table_and_prose_agree(damage: object) -> None:
    assert callable(damage)
    assert found_in(damage(samples.hx())) == []


@pytest.mark.parametrize("damage", [str, samples.barred, samples.blamed])
def test_the_prose_is_compiled_as_in_the_other_forms(damage: object) -> None:
    assert callable(damage)
    catalog = compile_document(damage(samples.hx())).catalog
    plain = compile_document(samples.PLAIN).catalog
    assert set(catalog.commands) == set(plain.commands)
    assert set(catalog.types) == set(plain.types)


def test_the_table_tells_what_the_prose_does_not() -> None:
    compilation = compile_document(samples.hx())
    found = compilation.catalog.types["lamp-on.arguments"]
    assert isinstance(found, Object)
    assert {one.name: one.type for one in found.members}["warm"] == "int"
    assert ("lamp-on", "arguments.warm") not in {
        (one.subject, one.pointer) for one in compilation.undetermined
    }


@pytest.mark.parametrize(
    ("args_type", "rule", "name"),
    [
        ("lamp:s,level:i?,colour:s,mode:s?,shade:s?,warm:o,slow:-s,new:b", "undescribed", "new"),
        ("lamp:s,level:i?,colour:s,mode:s?,warm:o,slow:-s", "missing", "shade"),
        ("lamp:i,level:i?,colour:s,mode:s?,shade:s?,warm:o,slow:-s", "type", "lamp"),
        ("lamp:s,level:i,colour:s,mode:s?,shade:s?,warm:o,slow:-s", "optional", "level"),
        ("lamp:s,level:i?,colour:i,mode:s?,shade:s?,warm:o,slow:-s", "type", "colour"),
        ("lamp:s,level:i?,colour:s,mode:s?,shade:s?,warm:o,slow:-s,all:O", "open", "all"),
    ],
)
def test_a_disagreement_is_a_finding(args_type: str, rule: str, name: str) -> None:
    text = with_table(lamp_on=args_type)
    assert found_in(text) == [(f"args-type.{rule}", "lamp-on", f"arguments.{name}")]


def test_an_argument_that_only_the_table_has_is_added() -> None:
    text = with_table(lamp_on=samples.TABLE["lamp-on"] + ",new:b?")
    found = compile_document(text).catalog.types["lamp-on.arguments"]
    assert isinstance(found, Object)
    assert [(one.name, one.type, one.optional) for one in found.members][-1] == (
        "new",
        "bool",
        True,
    )


def test_an_argument_that_the_prose_rules_out_is_not_added() -> None:
    text = with_table(lamp_on=samples.TABLE["lamp-on"] + ",new:b?").replace(
        "(1) All boolean", '(2) The "new" argument is invalid here\n(1) All boolean'
    )
    found = compile_document(text).catalog.types["lamp-on.arguments"]
    assert isinstance(found, Object)
    assert "new" not in [one.name for one in found.members]
    assert found_in(text) == [("args-type.undescribed", "lamp-on", "arguments.new")]


def _bare_entry() -> Compilation:
    entry = '\n#if defined(CONFIG_X)\n{\n.name = "bare",\n.args_type = "a:s,b:O",\n},\n#endif\n'
    return compile_document(samples.hx() + entry)


def test_a_command_that_only_the_table_has() -> None:
    compilation = _bare_entry()
    command = compilation.catalog.commands["bare"]
    assert (command.returns, command.facts.condition) == ("any", "defined(CONFIG_X)")
    found = compilation.catalog.types[command.arguments]
    assert isinstance(found, Object)
    assert ([one.name for one in found.members], found.open) == (["a"], True)
    assert compilation.findings[-1].requirement == "document.command.undocumented"
    assert compilation.headings[-1].became == "command bare"


def test_args_type_letters() -> None:
    assert parse("") == ()
    assert parse("a:s?,b:-f,c:O,d:T") == (
        Argument("a", "str", True, False, "s?"),
        Argument("b", "bool", True, False, "-f"),
        Argument("c", "any", False, True, "O"),
        Argument("d", "number", False, False, "T"),
    )


@pytest.mark.parametrize("text", ["a", "a:", "a:sx", "a:Z", ":s", "a:s,"])
def test_what_is_no_args_type_is_named(text: str) -> None:
    with pytest.raises(ArgsTypeError, match="not an argument of an args_type"):
        parse(text)


def test_a_broken_args_type_is_a_finding() -> None:
    assert ("args-type.unknown", "lamp-off", "") in found_in(with_table(lamp_off="what:?"))
