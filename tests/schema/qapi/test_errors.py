"""Malformed source: which file, which line, which column, what is wrong."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.schema.qapi.places import SourceError
from tests.schema.qapi.sources import GOOD, LAMPS, MAIN, compiled
from tests.usual import examples

E = "{ 'enum': 'Eo', 'data': [ 'a', 'b' ] }\n"
S = "{ 'struct': 'So', 'data': { 'e': 'Eo' } }\n"

#: Source, where the error is, words of it.
WRONG = [
    ("'text'", "1:1", "is an object"),
    ("{ 'a' 'b' }", "1:7", "expected ':' behind 'a', not the string 'b'"),
    ("{ 'a': 1 }", "1:8", "'1' does not belong here"),
    ("{ 'a': truly }", "1:8", "'truly' does not belong here"),
    ("{ 'a': 'b", "1:8", "does not end on its line"),
    ("{ 'a': '\\n' }", "1:9", "the escape \\n is unknown"),
    ("{ 'a': 'ä' }", "1:9", "printable ASCII"),
    ("{ 'a': [ 'b' 'c' ] }", "1:14", "expected ',' or ']'"),
    ("{ 'a': 'b', }", "1:13", "expected the name of a member, not '}'"),
    ("{ 'a': 'b', 'a': 'c' }", "1:13", "stands here twice"),
    ("{ 'a': [\n  'b'\n", "2:6", "not the end of the file"),
    ("{ 'a': " + "[" * 100, "1:72", "nested too deeply"),
    ("{ 'a':\n##\n# x\n##\n'b' }", "2:1", "not a documentation comment"),
    ("{ 'include': 'gone.json' }", "1:1", "the included file is missing"),
    ("{ 'include': 'lamps.json' }", "1:1", "includes itself: qapi/lamps.json → qapi/lamps.json"),
    ("{ 'include': 'x', 'y': 'z' }", "1:1", "beside 'include'"),
    ("{ 'include': true }", "1:1", "the name of a file"),
    ("{ 'pragma': { 'x': true } }", "1:1", "the pragma 'x' is unknown"),
    ("{ 'pragma': { 'doc-required': 'y' } }", "1:1", "true or false"),
    ("{ 'pragma': { 'member-name-exceptions': 'y' } }", "1:1", "a list of strings"),
    ("{ 'pragma': { 'doc-required': true } }\n" + E, "2:1", "has no documentation"),
    ("{ 'data': {} }", "1:1", "this has none"),
    ("{ 'enum': 'E', 'struct': 'S' }", "1:1", "this has enum and struct"),
    ("{ 'enum': true, 'data': [] }", "1:1", "takes a name"),
    ("{ 'enum': 'Eo' }", "1:1", "'data' is missing"),
    (
        "{ 'enum': 'Eo', 'data': [],\n  'x': 'y', 'z': true }",
        "1:1",
        "'x' and 'z' are not known here",
    ),
    ("{ 'enum': 'Eo', 'data': 'a' }", "1:25", "'data' takes an array"),
    ("{ 'enum': 'Eo', 'data': [ true ] }", "1:27", "a value's name is a string"),
    ("{ 'enum': 'Eo', 'data': [ 'A' ] }", "1:27", "an upper case letter"),
    ("{ 'enum': 'Eo', 'data': [ 'a-b',\n 'a-b' ] }", "1:1", "collides with 'a-b' (line 2)"),
    ("{ 'enum': 'eo', 'data': [] }", "1:1", "CamelCase"),
    ("{ 'enum': 'EoList', 'data': [] }", "1:1", "ends in 'List'"),
    ("{ 'enum': 'Eo', 'data': [], 'prefix': true }", "1:39", "'prefix' takes a string"),
    ("{ 'struct': 'So', 'data': 'str' }", "1:27", "takes an object"),
    ("{ 'struct': 'So', 'data': { 'a': 'Nothing' } }", "1:29", "there is no type 'Nothing'"),
    ("{ 'struct': 'So', 'data': { 'a': [] } }", "1:34", "one type's name in it"),
    ("{ 'struct': 'So', 'data': { 'a': { 'if': 'A' } } }", "1:34", "'type' is missing"),
    ("{ 'struct': 'So', 'data': { 'q-a': 'int' } }", "1:29", "not a name that QAPI allows"),
    ("{ 'struct': 'So', 'data': { 'has-a': 'int' } }", "1:29", "reserved"),
    ("{ 'struct': 'So', 'data': {}, 'base': 'int' }", "1:1", "'base' takes a struct"),
    ("{ 'struct': 'So', 'data': {}, 'base': 'So' }", "1:1", "contains itself"),
    (
        "{ 'struct': 'So', 'data': {} }\n" * 2,
        "2:1",
        "struct 'So' is defined in qapi/lamps.json:1:1",
    ),
    ("{ 'struct': 'QType', 'data': {} }", "1:1", "every schema has"),
    ("{ 'struct': 'So', 'data': {}, 'if': 'a' }", "1:37", "not the name of a setting"),
    ("{ 'struct': 'So', 'data': {}, 'if': [ 'A' ] }", "1:37", "a string or an object"),
    ("{ 'struct': 'So', 'data': {}, 'if': { 'any': [] } }", "1:46", "says nothing"),
    ("{ 'struct': 'So', 'data': {}, 'if': { 'x': 'A' } }", "1:37", "and not 'x'"),
    ("{ 'struct': 'So', 'data': {}, 'if': { 'not': 'A', 'all': [] } }", "1:37", "one of"),
    ("{ 'struct': 'So', 'data': {}, 'features': 'a' }", "1:43", "'features' takes an array"),
    ("{ 'struct': 'So', 'data': {}, 'features': [ 'a', 'a' ] }", "1:1", "collides"),
    (
        "{ 'struct': 'So', 'data': {}, 'features': [ 'unstable' ] }",
        "1:1",
        "cannot have the feature",
    ),
    (E + S + "{ 'union': 'Uo', 'data': {} }", "3:1", "'base' and 'discriminator' are missing"),
    (
        E + S + "{ 'union': 'Uo', 'base': 'So', 'discriminator': 'x', 'data': {} }",
        "3:1",
        "not a member",
    ),
    (
        E + S + "{ 'union': 'Uo', 'base': 'So', 'discriminator': 'e', 'data': { 'c': 'So' } }",
        "3:64",
        "not a value of 'Eo'",
    ),
    (
        E + S + "{ 'union': 'Uo', 'base': 'So', 'discriminator': 'e', 'data': { 'a': 'So' } }",
        "3:1",
        "the member 'e' of 'So' collides with 'e' of 'So'",
    ),
    (
        E + S + "{ 'union': 'Uo', 'base': 'So', 'discriminator': 'e', 'data': { 'a': 'int' } }",
        "3:64",
        "takes an object type",
    ),
    (
        "{ 'union': 'Uo', 'base': { '*e': 'int' }, 'discriminator': 'e', 'data': {} }",
        "1:1",
        "not of an enumeration's type",
    ),
    ("{ 'alternate': 'Ao', 'data': {} }", "1:30", "'data' is empty"),
    ("{ 'alternate': 'Ao', 'data': { 'a': 'int', 'b': 'str' } }", "1:44", "cannot be kept apart"),
    ("{ 'alternate': 'Ao', 'data': { 'a': 'any' } }", "1:32", "cannot be of the type 'any'"),
    ("{ 'command': 'a_b' }", "1:1", "an upper case letter or '_'"),
    ("{ 'command': 'a', 'data': 'int' }", "1:1", "'data' takes an object type"),
    ("{ 'command': 'a', 'boxed': true }", "1:1", "'boxed' needs 'data'"),
    ("{ 'command': 'a', 'gen': true }", "1:26", "'gen' can only be false"),
    ("{ 'command': 'a', 'allow-oob': true, 'coroutine': true }", "1:1", "exclude each other"),
    ("{ 'command': 'a', 'returns': 'int' }", "1:1", "'returns' takes an object type"),
    ("{ 'command': 'a', 'data': { 'b': { 'type': 'int', 'if': 'B' } } }", "1:1", "need 'boxed'"),
    ("{ 'event': 'low' }", "1:1", "lower case"),
    ("##\n# @So:\n##\n{ 'struct': 'To', 'data': {} }", "4:1", "above it documents 'So'"),
    ("##\n# @So:\n##\n", "1:1", "does not follow its documentation"),
    ("##\n# So\n##\n" + S, "1:1", "cannot stand above the definition in line 4"),
    ("##\n# @So\n##\n", "2:1", "ends with ':'"),
    ("##\n#x\n##\n", "2:1", "a space follows"),
    ("##\n# x\n" + S, "3:1", "ends with a line of '##'"),
    ("### x\n##\n", "1:1", "begins with a line of '##'"),
    ("##\n# x\n# @y: z\n##\n", "3:1", "'@y:' can only stand"),
    ("##\n# @So:\n#\n# @a: b\n# @a: c\n##\n", "5:1", "described twice"),
    ("##\n# @So:\n#\n# @a: b\n##\n{ 'struct': 'So', 'data': {} }", "4:1", "not a member of struct"),
    (
        "##\n# @So:\n##\n{ 'struct': 'So', 'data': { 'a': 'int' } }",
        "4:29",
        "'a' has no description",
    ),
    ("##\n# @So:\n#\n# @a: b\n#     c\n#   d\n##\n", "6:1", "indented less"),
    ("##\n# @So:\n#\n# Since: 1\n#\n# Since: 2\n##\n", "6:1", "for the second time"),
    ("##\n# @So:\n#\n# Since:\n##\n", "4:1", "text is missing"),
    ("##\n# @So:\n#\n# Note: x\n##\n", "4:1", "no longer a section"),
    ("##\n# @So:\n#\n# Features:\n##\n", "5:1", "descriptions are missing"),
    ("##\n# @So:\n#\n# = x\n##\n", "4:1", "a heading"),
    ("##\n# @So:\n#\n# Returns: x\n##\n{ 'struct': 'So', 'data': {} }", "4:1", "commands alone"),
]


@pytest.mark.whole
@pytest.mark.parametrize(("text", "place", "words"), WRONG)
def test_each_alone(text: str, place: str, words: str) -> None:
    check(text, place, words)


def test_what_is_wrong_and_where() -> None:
    for text, place, words in WRONG:
        check(text, place, words)


def check(text: str, place: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        compiled(text)
    assert str(caught.value).startswith(f"{MAIN}:{place}: "), str(caught.value)
    assert words in str(caught.value)


def test_an_error_in_an_included_file_says_who_includes_it() -> None:
    files = {
        MAIN: "{ 'include': 'a/b.json' }",
        "qapi/a/b.json": "\n{ 'include': '../c.json' }",
        "qapi/c.json": "{ 'x' }",
    }
    with pytest.raises(SourceError) as caught:
        compiled(files)
    assert str(caught.value).startswith("qapi/c.json:1:7: ")
    ends = f"(included from qapi/a/b.json:2:1, included from {MAIN}:1:1)"
    assert str(caught.value).endswith(ends)
    files["qapi/c.json"] = "{ 'include': 'lamps.json' }"
    loop = f"{MAIN} → qapi/a/b.json → qapi/c.json → {MAIN}"
    with pytest.raises(SourceError, match=re.escape(loop)):
        compiled(files)


def test_a_file_is_included_once() -> None:
    twice = {
        **GOOD,
        MAIN: LAMPS.replace("{ 'include'", "{ 'include': 'colours.json' }\n{ 'include'"),
    }
    assert compiled(twice).types.keys() == compiled(GOOD).types.keys()


OLD_WRONG = [
    ("{ 'struct': 'SoKind', 'data': {} }", "cannot end in 'Kind'"),
    ("{ 'struct': 'So', 'data': { 'u': 'int' } }", "reserved for generated code"),
    ("{ 'union': 'Uo', 'data': {} }", "has no branches"),
    ("{ 'union': 'Uo', 'data': { '*a': 'int' } }", "not a name that QAPI allows"),
    ("{ 'union': 'Uo', 'base': 'So', 'data': {} }", "'base' needs 'discriminator'"),
    ("{ 'command': 'a_b', 'returns': 'int' }", "'returns' takes an object type"),
    ("##\n# @a:\n# @b: x\n##\n{ 'command': 'a' }", "'b' is described"),
    ("##\n# @a:\n# @b: x\n# @b: y\n##\n", "for the second time"),
]


def test_rules_of_5_2() -> None:
    for text, words in OLD_WRONG:
        with pytest.raises(SourceError, match=re.escape(words)):
            compiled(text, "5.2.0")
    # What was right then: a name in two words, a condition in the preprocessor's language.
    compiled("{ 'command': 'a_b', 'if': 'defined(A)', 'returns': [ 'So' ] }\n" + E + S, "5.2.0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{ 'enum': 'Eo', 'data': [" + "'a'," * 150_000, "no more than 150,000 values"),
        ("##\n" + "#\n" * 150_000, "no more than 150,000 values"),
        (" " * (1 << 22) + "{}", "no more than 4 MiB"),
    ],
)
def test_what_is_too_much_is_refused(text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        compiled(text)


def test_what_has_no_end_is_no_traceback() -> None:
    files = {f"qapi/{one}.json": f"{{ 'include': '{one + 1}.json' }}" for one in range(2000)}
    with pytest.raises(SourceError, match="go too deep"):
        compiled({MAIN: "{ 'include': '0.json' }", **files})
    chain = "".join(
        f"{{ 'struct': 'S{one}a', 'data': {{}}, 'base': 'S{one + 1}a' }}\n" for one in range(2000)
    )
    with pytest.raises(SourceError, match="go too deep"):
        compiled(chain + "{ 'struct': 'S2000a', 'data': {} }")


def test_old_source_is_wrong_today_and_names_what_is_wrong_by_its_own_rules() -> None:
    text = "{ 'type': 'So', 'data': { 'a': 'int' } }\n{ 'struct': 'To', 'data': { 'b': 'Uo' } }"
    with pytest.raises(SourceError, match="1:1: a definition has one of"):
        compiled(text)
    # Without a release, the rules by which most of it is right say what is wrong.
    with pytest.raises(SourceError, match=r"2:29: .*there is no type 'Uo'"):
        compiled(text, "")


@settings(max_examples=examples(400))
@given(st.data())
def test_no_text_is_a_traceback(data: st.DataObject) -> None:
    """A schema with pieces lost, doubled and mixed compiles, or has an error in one of its lines."""
    text = LAMPS
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(len(text), begin + 40)))
        piece = data.draw(
            st.sampled_from(["", "'", "{", "}", "[", "##\n", "# @x:", "\n", "é", "true"])
        )
        text = text[:begin] + piece + text[end:]
    release = data.draw(st.sampled_from(["", "10.0.0", "7.2.0", "2.9.0"]))
    with contextlib.suppress(SourceError):
        assert compiled({**GOOD, MAIN: text}, release).source.kind == "qapi"
