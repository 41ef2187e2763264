"""Whatever the text: a compilation, or an InputError; and an audit that can say something of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.schema.documents import tolerant
from qmpconf.schema.documents.account import counts_of
from qmpconf.schema.documents.audit import audit
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.walk import is_known, references_of
from tests.schema.documents import samples
from tests.usual import examples

_WORDS = [
    "lamp-on", "query-lamps", "----", "--------", "=====", "Arguments:", "Arguments: None.",
    "Example:", "Notes:", "keys array:", "- ", '"a"', '"a":', '- "a": x (json-int)',
    '- "b": a json-object containing:', '    - "c": (json-string, optional)', "- Possible values:",
    '"x", "y"', "- device options", '- "d": a json-array of cs', '- "d" contains recursively',
    'When "a" is "x":', "[ a | +b | b ]", "Each json-object contains:", "one of the following values",
    '"v" - it is', "Return a json-object:", "Return a json-array.", "Return a list of AaBb objects",
    "The c json-object contains:", "The c json-object can be an x or a y, an x json-object contains:",
    '-> { "execute": "lamp-on" }', '-> { "execute": "query-lamps", "arguments": {', "} }", "<- {",
    '<- { "return": [ { "a": 1 }, { ... } ] }', "<- { 'return': {} }", '"a": 1', "...", "SQMP", "EQMP",
    '.name = "lamp-on",', '.args_type = "a:i,b:-x,c:O,d:s?",', '.args_type = "?",', "|", "| |",
    "| a |", "#if X", "#endif", "HXCOMM", "(AaBb, default 'x')", "default 3", "2011-02-03 04:05:06",
    ".SH NAME", ".TP", "Command lamp-on", "\u2010", "\t", "\\fB", "é",
]  # fmt: skip
_PIECES = st.lists(st.tuples(st.sampled_from(_WORDS), st.sampled_from(["\n", "\n\n", " ", ""])))
_TEXTS = st.one_of(
    st.text(),
    _PIECES.map(lambda pieces: "".join(word + end for word, end in pieces)),
    _PIECES.map(lambda pieces: "x\n-\n" + "".join(word + end for word, end in pieces)),
    st.tuples(st.sampled_from(["plain", "hx", "blame", "bars", "collapsed"]), st.data()).map(
        lambda chosen: _mangled(*chosen)
    ),
)


def _mangled(form: str, data: st.DataObject) -> str:
    """A document with a stretch cut out and another put somewhere else."""
    text = {
        "plain": samples.PLAIN,
        "hx": samples.hx(),
        "blame": samples.blamed(samples.hx()),
        "bars": samples.barred(samples.PLAIN),
        "collapsed": samples.collapsed(samples.PLAIN),
    }[form]
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=3, max_size=3)))
    low, middle, high = places
    return text[:low] + text[middle:high] + data.draw(st.sampled_from(_WORDS)) + text[high:]


@settings(max_examples=examples(250), deadline=None)
@given(_TEXTS)
def test_any_text_gives_a_compilation_or_an_input_error(text: str) -> None:
    try:
        compilation = compile_document(text)
    except InputError:
        return
    catalog = compilation.catalog
    assert all(is_known(catalog, key) for _, key in references_of(catalog))
    counts = counts_of(compilation)
    assert counts.commands + counts.events + counts.types > 0
    for finding in audit(compilation):
        assert finding.message
        assert 0 <= finding.line <= text.count("\n") + 1


_HEAD = "a\n-\nlamp\n----\n\nArguments:\n\n"
_END = '\n\nExample:\n\n-> { "execute": "lamp" }\n'


@pytest.mark.parametrize(
    "text",
    [
        _HEAD
        + "".join(f'{" " * n}- "a{n}": a json-object containing:\n' for n in range(900))
        + _END,
        samples.barred(
            _HEAD + "".join(f'- "a{n}": a json-object containing:\n' for n in range(500)) + _END
        ),
        _HEAD + "-> " + "{" * 50_000,
        _HEAD + '-> {"a":' + '"' * 50_000,
        "- " * 50_000 + "a -- -> {}",
        "a ---- " + "Each x " * 20_000 + "-> {}",
        "|\n" * 50_000 + '-> {"a":1}\n----\n',
        _HEAD + '- "a": one of ' + "'a', " * 20_000 + _END,
    ],
    ids=["deep", "deep and dedented", "braces", "quotes", "dashes", "words", "bars", "values"],
)
def test_a_hostile_text_is_no_trouble(text: str) -> None:
    try:
        compilation = compile_document(text)
    except InputError:
        return
    audit(compilation)


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(st.text(), st.text("{}[]\",:.\\ \n'a1-…", max_size=60)))
def test_any_text_is_read_as_an_example(text: str) -> None:
    reading = tolerant.read(text)
    assert reading.node is not None or reading.flaws
    assert all(0 <= flaw.at <= len(text) for flaw in reading.flaws)


@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(codec="utf-8"))),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(codec="utf-8")), inner)),
    max_leaves=10,
))  # fmt: skip
def test_json_is_read_as_json(value: object) -> None:
    reading = tolerant.read(json.dumps(value, indent=1))
    assert reading.flaws == []
    assert reading.node is not None
    assert reading.node.plain() == value
