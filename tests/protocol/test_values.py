"""Values: the fast way against the reference, and against the json module; what must not be lost."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qmpconf.protocol.places import same
from qmpconf.protocol.values import (
    Float,
    Malformed,
    Object,
    dumps,
    has_duplicates,
    is_json,
    loads,
    parse,
)
from tests.usual import examples

#: Characters that QMP takes in a string: no surrogates, no non-characters.
TEXT = st.text(
    st.characters(exclude_categories=["Cs"]).filter(
        lambda c: not (0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE)
    ),
    max_size=8,
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**80), max_value=2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)

#: Pieces that spoil a count of members, or that JSON libraries disagree about.
PIECES = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"'", b" ", b"\n", b"\\", b"\xff", b"\x00"),
        *(b'"a"', b"'b'", b'"a":', b'"a" :', b'"\\u003a"', b'"\\""', b'"\\u0022:"', b'"\\":"'),
        *(b'":"', b'"\\u0061":', b"1", b"-0", b"1.0", b"1e400", b"0E1", b"01", b"-", b"1" * 25),
        *(b"true", b"null", b"nul", b"NaN", b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\uffff"'),
        *(b'{"a":1,"a":2}', "é".encode(), b'"\xc0\x80"', b'"\x7f"', b"/*", b'{"":{"a":[{}]}}'),
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=12).map(b"".join),
    st.binary(max_size=40),
    VALUES.map(lambda value: json.dumps(value).encode()),
)


def outcome(read: Any, data: bytes) -> Any:
    """What a reader makes of `data`, comparable to the last detail."""
    try:
        return exactly(read(data))
    except Malformed:
        return "malformed"


def exactly(value: Any) -> Any:
    """`value` with all that ``==`` would not tell apart."""
    if isinstance(value, Object):
        duplicates = [(name, exactly(earlier)) for name, earlier in value.duplicates]
        return "object", [(name, exactly(item)) for name, item in value.items()], duplicates
    if isinstance(value, dict):
        return "object", [(name, exactly(item)) for name, item in value.items()], []
    if isinstance(value, list):
        return "array", [exactly(item) for item in value]
    if isinstance(value, Float):
        return "float", value.text
    return type(value).__name__, value


@given(TEXTS)
@settings(max_examples=examples(500))
@example(b'{"a":1,"a":2,"b":"\\u003a"}')
@example(b'{"a":1,"a":2,"b":"\\"\\u003a"}')
@example(b'{"a":1,"a":2,"b":"\\u0022:"}')
def test_the_fast_way_agrees_with_the_reference(data: bytes) -> None:
    assert outcome(loads, data) == outcome(parse, data)


@given(st.binary(max_size=200))
@settings(max_examples=examples(500))
def test_any_bytes_are_a_value_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        loads(data)
    wrong = None
    try:
        parse(data)
    except Malformed as error:
        wrong = error
    assert wrong is None or (wrong.reason and 0 <= wrong.offset <= len(data))


def test_all_of_unicode_beyond_16_bits_is_read_from_surrogates() -> None:
    for text, code in (("d800\\udc00", 0x10000), ("dbff\\udffd", 0x10FFFD)):
        data = f'"\\u{text}"'.encode()
        assert loads(data) == parse(data) == chr(code)


@pytest.mark.parametrize(
    ("text", "offset"),
    [(b"", 0), (b"[1,]", 3), (b"{5:1}", 1), (b'{"a" 1}', 5), (b"{'a':1,}", 7), (b"[1 2]", 3)],
)
def test_a_malformed_text_says_why_and_where(text: bytes, offset: int) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert caught.value.offset == offset
    assert caught.value.reason
    assert "None" not in str(caught.value)


@given(VALUES)
def test_plain_json_reads_as_the_json_module_reads_it(value: Any) -> None:
    for ensure_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=ensure_ascii).encode()
        assert loads(text) == value
        assert loads(b" \r\n\t" + text + b"\n") == value
        assert is_json(text)


@given(VALUES)
def test_what_is_written_reads_back(value: Any) -> None:
    text = dumps(value)
    assert text.isascii()
    assert b"\n" not in text
    back = loads(text)
    assert same(back, value)
    assert json.loads(text) == value


def test_numbers_keep_what_json_libraries_lose() -> None:
    assert loads(b"18446744073709551617") == 2**64 + 1
    assert type(loads(b"1")) is int
    one = loads(b"1.0")
    assert isinstance(one, Float)
    assert one.text == repr(one) == "1.0"
    assert loads(b"[1e400]")[0].text == "1e400"
    assert math.isinf(loads(b"1e400"))
    assert loads(b"-0") == 0
    digits = b"7" * 20_000
    assert dumps(loads(digits)) == digits
    assert loads(b"9" * 4300) < loads(digits)
    assert loads(b"-" + digits) < loads(b"-" + b"9" * 4300)
    assert f"{loads(digits)!r}{loads(b'-' + digits)}" == f"{digits.decode()}-{digits.decode()}"
    assert dumps(loads(b"-1" + b"0" * 9000)) == b"-1" + b"0" * 9000


def test_integers_without_end_are_compared_as_they_were_written() -> None:
    one, other = loads(b"7" * 5000), loads(b"7" * 4999 + b"8")
    assert one == loads(b"7" * 5000)
    assert one != other
    assert one != 10**4301
    assert one not in [0, 10**4301]
    assert hash(one) == hash(loads(b"7" * 5000))
    assert copy.deepcopy([one]) == pickle.loads(pickle.dumps([one])) == [one]


def test_an_integer_of_a_million_digits_is_read_and_written_without_arithmetic() -> None:
    """Python's own way would take many times as long as both limits of digits allow."""
    text = b"[" + b"7" * 1_000_000 + b"]"
    assert dumps(loads(text)) == text
    assert repr(loads(text)[0]).encode() == text[1:-1]
    with pytest.raises(ValueError, match="Exceeds the limit"):
        int(text[1:-1])


def test_duplicate_members_are_kept() -> None:
    value = loads(b'{"a":1,"b":{"x":1,"x":2},"a":{"c":3},"a":4}')
    assert isinstance(value, Object)
    assert value == {"a": 4, "b": {"x": 2}}
    assert value.duplicates == (("a", 1), ("a", {"c": 3}))
    assert isinstance(value["b"], Object)
    assert has_duplicates([{"deep": [value]}])
    assert not has_duplicates(loads(b'[{"a":1},{"a":1}]'))


@pytest.mark.parametrize("form", [(b"[", b"]", b""), (b'{"a":', b"}", b"1")])
@pytest.mark.parametrize("read", [loads, parse])
def test_1024_levels_are_read_written_and_compared(form: tuple[bytes, ...], read: Any) -> None:
    opening, closing, inside = form
    text = opening * 1024 + inside + closing * 1024
    value = read(text)
    assert dumps(value).replace(b" ", b"") == text
    assert same(value, read(text))
    assert not same(value, read(text[len(opening) : -1]))
    assert not has_duplicates(value)


def test_deep_values_are_read_from_deep_inside_a_program() -> None:
    def deep(levels: int) -> Any:
        return deep(levels - 1) if levels else loads(b"[" * 990 + b"]" * 990)

    assert deep(200)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b" ", b"{", b"[1,]", b'{"a":1,}', b"{a:1}", b'{"a" 1}', b"[1 2]", b"{} {}", b"nul"),
        *(b"01", b"+1", b"1.", b".5", b"1e", b"- 1", b"0x10", b"NaN", b"Infinity", b"TRUE"),
        *(b'"\n"', b'"\x00"', b'"', b"'", b'"\\x41"', b'"\\u12"', b'"\\ud800"', b'"\\udc00"'),
        *(b'"\\ud800\\u0041"', b'"\\ud800x"', b'"\xff"', b'"\xed\xa0\x80"', b'"\\uFFFE"'),
        *(b"// c\n1", b"/* c */ 1", b"[}", b"]", b"\xef\xbb\xbf{}", b'"\xc3"'),
    ],
)
def test_refused(text: bytes) -> None:
    for read in (loads, parse):
        with pytest.raises(Malformed) as caught:
            read(text)
        assert "at byte" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"'a'", "a"),
        (b"'it\\'s'", "it's"),
        (b'"it\\\'s"', "it's"),
        (b"{'a': '\"'}", {"a": '"'}),
        (b'"\\u00e9\\ud83d\\ude00\\/"', "é😀/"),
        (b'"\xc0\x80"', "\0"),
        (b'"\x7f"', "\x7f"),
    ],
)
def test_the_dialect(text: bytes, value: Any) -> None:
    assert loads(text) == value
    assert parse(text) == value


def test_writing_is_what_a_server_writes() -> None:
    value = {"b": [1, 2], "a": {"é": "\x7f\n\u2028😀/\"'"}, "f": 0.1, "n": None, "e": [{}, []]}
    assert dumps(value) == (
        b'{"b": [1, 2], "a": {"\\u00E9": "\\u007F\\n\\u2028\\uD83D\\uDE00/\\"\'"}, '
        b'"f": 0.10000000000000001, "n": null, "e": [{}, []]}'
    )
    assert dumps(2**64) == b"18446744073709551616"
    with pytest.raises(TypeError):
        dumps({"a": {1, 2}})
