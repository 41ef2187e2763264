"""The framer and the parser against real servers: the same bytes, the same responses.

QEMU 7.2 is what the framer models.  The tables run against the other releases too: 5.2 and 10.0
answer alike, and 11.1, whose parser is new, differs only in what it says of too deep nesting.

Each case is one session: negotiate, send the input, shut the sending side down, read all that
comes.  The framer says how many responses there must be and in which order; `values.loads` says
which of them are parse errors and which ids come back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import Frame, Framer, Kind
from qmpconf.protocol.values import Malformed, dumps, has_duplicates, loads
from tests.real.conftest import require
from tests.real.machines import Server, start
from tests.real.wire import Wire
from tests.usual import examples

#: How QEMU says that it could not read a message, as opposed to not liking it; 11.1 says where.
UNREADABLE = re.compile(
    r"(\d+:\d+: )?(JSON parse error|Invalid JSON syntax|JSON token|JSON nesting)"
)

#: Kinds of frames that get a response.
ANSWERED = (Kind.VALUE, Kind.MALFORMED)

PARSE_ERROR = "parse error"
NO_ID = "answer without id"


@dataclass(frozen=True)
class Answer:
    """An answer that carries this id."""

    id: object


def answers(path: Path, data: bytes) -> list[object]:
    """What the server answers to `data`, in order."""
    with Wire(path) as wire:
        wire.negotiate()
        wire.send(data)
        lines = wire.rest().splitlines(keepends=True)
    found: list[object] = []
    for line in lines:
        assert line.endswith(b"\r\n"), line
        message = loads(line)
        if "event" in message:
            continue
        if "id" in message:
            found.append(Answer(message["id"]))
        elif "error" in message and UNREADABLE.match(message["error"]["desc"]):
            found.append(PARSE_ERROR)
        else:
            found.append(NO_ID)
    return found


def predicted(data: bytes, *, size: int = 0) -> list[object]:
    """What the framer and the parser say that a server answers to `data`.

    They are given `size` bytes at a time, or all at once.
    """
    framer = Framer()
    size = size or max(len(data), 1)
    frames = [
        frame for at in range(0, len(data), size) for frame in framer.feed(data[at : at + size])
    ]
    frames += framer.close()
    assert b"".join(frame.data + frame.end for frame in frames) == data
    return [_answer(frame) for frame in frames if frame.kind in ANSWERED]


def _answer(frame: Frame) -> object:
    if frame.kind is Kind.MALFORMED:
        return PARSE_ERROR
    try:
        value = loads(frame.data)
    except Malformed:
        return PARSE_ERROR
    if has_duplicates(value):
        return PARSE_ERROR
    if isinstance(value, dict) and "id" in value:
        return Answer(_normalised(value["id"]))
    return NO_ID


def _normalised(value: object) -> object:
    """`value` as a server gives it back: what fits no 64 bits becomes a double."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    if isinstance(value, dict):
        return {name: _normalised(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_normalised(one) for one in value]
    return value


def check(server: Server, data: bytes) -> None:
    seen = answers(server.path, data)
    assert predicted(data) == seen
    if len(data) < 5000:
        assert predicted(data, size=1) == seen


def ask(number: int) -> bytes:
    return b'{"execute":"query-name","id":%d}' % number


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


GOOD = ask(1)

#: qmpconf/protocol/README.md, Framing and encoding: one or more inputs for each row that binds the
#: server's input.
FRAMING = {
    "by-value: two in a line": ask(1) + ask(2),
    "by-value: over several lines": GOOD.replace(b",", b"\r\n,\n\t"),
    "by-value: no newline": GOOD,
    "by-value: only white space": b" \t\r\n",
    "by-value: nothing": b"",
    "by-value: scalar with delimiter": b"12 " + GOOD,
    "by-value: scalar at the end": GOOD + b"12",
    "by-value: keyword at the end": GOOD + b"true",
    "by-value: string": b'"text"' + GOOD,
    "by-value: scalars": b"1 2 true false null 'a' \"b\" " + GOOD,
    "by-value: scalars without space": b"1'a'true\"b\"[]{}" + GOOD,
    "by-value: array": b"[1,[2,{}]]" + GOOD,
    "by-value: partial": GOOD + b'{"execute":"query-name"',
    "by-value: partial string": GOOD + b'"abc',
    "by-value: braces in a string": b'{"execute":"query-name","id":"}{]["}' + GOOD,
    "by-value: quote in a string": b'{"execute":"query-name","id":"\\"}"}' + GOOD,
    "by-value: stray brace": b"}" + GOOD,
    "by-value: stray bracket": b"]" + GOOD,
    "by-value: crossed": b'{"a":[}]' + GOOD,
    "by-value: crossed and closed": b"[{]}" + GOOD,
    "by-value: closed too often": b"[}}" + GOOD,
    "by-value: comma between": GOOD + b"," + ask(2),
    "by-value: colon between": b":" + GOOD,
    "utf8-in: two bytes": b'{"execute":"query-name","id":"\xc3\xa4"}',
    "utf8-in: three bytes": b'{"execute":"query-name","id":"\xe2\x82\xac"}',
    "utf8-in: four bytes": b'{"execute":"query-name","id":"\xf0\x9f\x98\x80"}',
    "utf8-in: highest": b'{"execute":"query-name","id":"\xf4\x8f\xbf\xbd"}',
    "utf8-in: above the highest": b'{"execute":"query-name","id":"\xf4\x90\x80\x80"}' + GOOD,
    "utf8-in: lone continuation": b'{"execute":"query-name","id":"\x80"}' + GOOD,
    "utf8-in: cut short": b'{"execute":"query-name","id":"\xe2\x82"}' + GOOD,
    "utf8-in: overlong slash": b'{"execute":"query-name","id":"\xc0\xaf"}' + GOOD,
    "utf8-in: overlong zero": b'{"execute":"query-name","id":"\xc0\x80"}' + GOOD,
    "utf8-in: surrogate": b'{"execute":"query-name","id":"\xed\xa0\x80"}' + GOOD,
    "utf8-in: non-character FFFE": b'{"execute":"query-name","id":"\xef\xbf\xbe"}' + GOOD,
    "utf8-in: non-character FDD0": b'{"execute":"query-name","id":"\xef\xb7\x90"}' + GOOD,
    "utf8-in: non-character 1FFFF": b'{"execute":"query-name","id":"\xf0\x9f\xbf\xbf"}' + GOOD,
    "utf8-in: five bytes": b'{"execute":"query-name","id":"\xf8\x88\x80\x80\x80"}' + GOOD,
    "utf8-in: byte order mark": b"\xef\xbb\xbf" + GOOD + b"\n" + ask(2),
    "utf8-in: outside a string": b"\xc3\xa4\n" + GOOD,
    "escapes: all": rb'{"execute":"query-name","id":"\"\\\/\b\f\n\r\t\u00e4\u20AC"}',
    "escapes: zero": rb'{"execute":"query-name","id":"\u0000"}' + GOOD,
    "escapes: DEL": rb'{"execute":"query-name","id":"\u007f"}',
    "escapes: pair": rb'{"execute":"query-name","id":"\ud83d\ude00"}',
    "escapes: lone high": rb'{"execute":"query-name","id":"\ud83d"}' + GOOD,
    "escapes: lone high, text behind": rb'{"execute":"query-name","id":"\ud83dabc"}' + GOOD,
    "escapes: lone low": rb'{"execute":"query-name","id":"\ude00"}' + GOOD,
    "escapes: two highs": rb'{"execute":"query-name","id":"\ud83d\ud83d"}' + GOOD,
    "escapes: non-character": rb'{"execute":"query-name","id":"\uffff"}' + GOOD,
    "escapes: short": rb'{"execute":"query-name","id":"\u12"}' + GOOD,
    "escapes: unknown": rb'{"execute":"query-name","id":"\x41"}' + GOOD,
    "escapes: upper U": rb'{"execute":"query-name","id":"\U0041"}' + GOOD,
    "dialect: single quotes": b"{'execute':'query-name','id':'a\"b'}",
    "dialect: escaped single quote": rb"{'execute':'query-name','id':'a\'b'}",
    "dialect: escaped single in double": rb'{"execute":"query-name","id":"a\'b"}',
    "dialect: mixed": b"{\"execute\":'query-name',\"id\":'x'}",
    "dialect: interpolation": b'{"execute":%s}' + GOOD,
    "dialect: interpolation outside": b"%d " + GOOD,
    "json-strict: leading zero": b'{"execute":"query-name","id":01}' + GOOD,
    "json-strict: plus": b'{"execute":"query-name","id":+1}' + GOOD,
    "json-strict: NaN": b'{"execute":"query-name","id":NaN}' + GOOD,
    "json-strict: Infinity": b'{"execute":"query-name","id":-Infinity}' + GOOD,
    "json-strict: trailing comma": b'{"execute":"query-name","id":1,}' + GOOD,
    "json-strict: trailing comma in array": b'{"execute":"query-name","id":[1,]}' + GOOD,
    "json-strict: comment": b'/* c */ {"execute":"query-name","id":1}' + GOOD,
    "json-strict: line comment": b"// c\n" + GOOD,
    "json-strict: control character": b'{"execute":"query-name","id":"a\tb"}' + GOOD,
    "json-strict: newline in string": b'{"execute":"query-name","id":"a\nb"}' + GOOD,
    "json-strict: zero byte": b"\0" + GOOD,
    "json-strict: point": b'{"execute":"query-name","id":.5}' + GOOD,
    "json-strict: point at end": b'{"execute":"query-name","id":5.}' + GOOD,
    "json-strict: bare exponent": b'{"execute":"query-name","id":1e}' + GOOD,
    "json-strict: minus": b'{"execute":"query-name","id":-}' + GOOD,
    "json-strict: hex": b'{"execute":"query-name","id":0x10}' + GOOD,
    "json-strict: unknown keyword": b'{"execute":"query-name","id":nil}' + GOOD,
    "json-strict: upper keyword": b'{"execute":"query-name","id":True}' + GOOD,
    "json-strict: missing colon": b'{"execute" "query-name"}' + GOOD,
    "json-strict: missing comma": b'{"execute":"query-name" "id":1}' + GOOD,
    "json-strict: name is not a string": b'{1:"query-name"}' + GOOD,
    "json-strict: no value": b'{"execute":}' + GOOD,
    "json-strict: two commas": b'{"execute":"query-name",,"id":1}' + GOOD,
    "json-strict: vertical tab": b"\x0b" + GOOD,
    "json-strict: no-break space": b"\xc2\xa0" + GOOD + b"\n" + ask(2),
    "duplicate-member": b'{"execute":"query-name","id":1,"id":2}' + GOOD,
    "duplicate-member: inside": b'{"execute":"query-name","id":{"a":1,"a":1}}' + GOOD,
    "duplicate-member: escaped": rb'{"execute":"query-name","id":{"a":1,"\u0061":1}}' + GOOD,
    "duplicate-member: in an array": b'{"execute":"query-name","id":[{"a":1,"a":1}]}' + GOOD,
}

#: qmpconf/protocol/README.md, Recovery and limits; and requests that are not an object.
RECOVERY = {
    "after-error: letters": b"ABC\n" + GOOD,
    "after-error: on the same line": b"ABC " + GOOD,
    "after-error: bad, then bad": b"A B\nC D\n" + GOOD,
    "after-error: bad inside an object": b'{"execute":A}' + GOOD,
    "after-error: bad inside nesting": b'{"a":[{"b":A}]}\n' + GOOD,
    "after-error: tab does not end it": b"A\tB\n" + GOOD,
    "after-error: carriage return ends it": b"A\r" + GOOD,
    "after-error: quote does not end it": b'A"{"\n' + GOOD,
    "after-error: comma ends it": b"A,B,C\n" + GOOD,
    "after-error: text of another protocol": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + GOOD,
    "after-error: unfinished string": b'{"execute":"query-name\n' + GOOD,
    "after-error: bad at the end": GOOD + b"A",
    "reset-byte: alone": b"\xff" + GOOD,
    "reset-byte: two": b"\xff\xff" + GOOD,
    "reset-byte: FE": b"\xfe" + GOOD,
    "reset-byte: in a string": b'{"execute":"abc\xff' + GOOD,
    "reset-byte: in an object": b'{"execute":\xff' + GOOD,
    "reset-byte: after garbage": b"ABC\xff" + GOOD,
    "reset-byte: in a number": b"12\xff" + GOOD,
    "reset-byte: DEL is none": b'{"execute":"query-name","id":"\x7f"}' + GOOD,
    "reset-byte: DEL outside": b"\x7f" + GOOD + b"\n" + ask(2),
    "reset-byte: FD is none": b"\xfd" + GOOD + b"\n" + ask(2),
    "nesting: 1024 arrays": nested(1024) + GOOD,
    "nesting: 1024 with the command": b'{"execute":"stop","id":7,"arguments":{"a":%b}}'
    % nested(1022),
    "nesting: mixed": b'{"a":[' * 512 + b"0" + b"]}" * 512 + GOOD,
    "non-object: array": b"[]" + GOOD,
    "non-object: number": b"1 " + GOOD,
    "non-object: null": b"null " + GOOD,
    "non-object: text": b'"x"' + GOOD,
}

#: qmpconf/protocol/README.md, Recovery and limits: what nests too deep, and then a command.
TOO_DEEP = {
    "nesting: 1025 arrays": nested(1025) + b"\n" + GOOD,
    "nesting: 1025 arrays, reset": b"[" * 1025 + b"\xff" + GOOD,
    "nesting: 1025 with the command": b'{"execute":"stop","id":7,"arguments":{"a":%b}}'
    % nested(1023)
    + b"\n"
    + GOOD,
    "nesting: 3000 opened": b"{" * 3000 + b"\xff" + GOOD,
}

#: Ids that come back by value, in the server's own writing (response.id-echo).
IDS = [
    *(b"null", b"true", b"[]", b"{}", b'""', b"0", b"-0", b"1.0", b"0.1", b"-0.0", b"1e3", b"1E+3"),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551615"),
    *(b"18446744073709551616", b"-9223372036854775808", b"-9223372036854775809"),
    *(b"1" * 40, b"1e308", b"1e-400", b"123456789.125", b"0.0e1", b"10e-1"),
    *(b'{"b":1,"a":[null,{"c":"d"}]}', b'"\x7f"', '"ä€😀"'.encode(), rb'"\ud83d\ude00\u0001"'),
]

#: Values of which `dumps` says the very bytes.
WRITTEN = [text for text in IDS if len(text) < 18 or text.startswith(b'"')]


@pytest.fixture(scope="module")
def qemu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """QEMU 7.2, the same for all tests."""
    with start(require("qemu-7.2"), tmp_path_factory.mktemp("qemu")) as server:
        yield server


@pytest.fixture(scope="module", params=["qemu-5.2", "qemu-7.2", "qemu-10.0", "qemu-11.1"])
def each(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server of each release."""
    with start(require(request.param), tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING)
def test_framing(each: Server, data: bytes) -> None:
    check(each, data)


@pytest.mark.parametrize("data", RECOVERY.values(), ids=RECOVERY)
def test_recovery(each: Server, data: bytes) -> None:
    check(each, data)


@pytest.mark.parametrize("data", TOO_DEEP.values(), ids=TOO_DEEP)
def test_too_deep(each: Server, data: bytes) -> None:
    if each.build.release == "11.1":
        seen = answers(each.path, data)
        assert seen[0] == PARSE_ERROR
        assert seen[-1] == Answer(1)
    else:
        check(each, data)


@pytest.mark.parametrize("text", IDS)
def test_id_comes_back_by_value(qemu: Server, text: bytes) -> None:
    check(qemu, b'{"execute":"query-name","id":' + text + b"}" + GOOD)


@pytest.mark.parametrize("text", WRITTEN)
def test_dumps_writes_as_the_server_does(qemu: Server, text: bytes) -> None:
    with Wire(qemu.path) as wire:
        wire.negotiate()
        wire.send(b'{"execute":"query-name","id":' + text + b"}")
        line = wire.line()
        assert b'"id": ' + dumps(loads(text)) in line


@pytest.mark.parametrize("data", [b"0e1 ", b"0E1 ", b"[0e1]", b"[0E1]", b"0.0e1 ", b"-0e1 "])
def test_zero_with_exponent(qemu: Server, data: bytes) -> None:
    """The server reads ``0`` and what follows as two tokens; JSON, and so `loads`, as a number."""
    data = data + b"\n" + GOOD
    assert len(predicted(data)) == len(predicted(data, size=1)) == len(answers(qemu.path, data))


def test_number_that_no_json_can_hold(qemu: Server) -> None:
    """The known deviation from framing.valid-json: the server writes ``inf``."""
    with Wire(qemu.path) as wire:
        wire.negotiate()
        wire.send(b'{"execute":"query-name","id":1e400}')
        assert b'"id": inf' in wire.line()


PIECES = st.sampled_from(
    [
        *(GOOD, ask(2), b'"a"', b'"id"', b'"id":', b"'a'", b'{"id":', b'{"a":1}', b"[]", b"{}"),
        *(
            b"{",
            b"}",
            b"[",
            b"]",
            b"[[",
            b"]]",
            b",",
            b":",
            b'"',
            b"'",
            b"\\",
            b"\\u00",
            b"\\ud800",
        ),
        *(
            b" ",
            b"\n",
            b"\t",
            b"\r",
            b"\0",
            b"\xff",
            b"\xfe",
            b"\x7f",
            b"\xc3\xa4",
            b"\x80",
            b"\xf4",
        ),
        *(b"0", b"1", b"00", b"-", b"+", b".", b"e", b"E", b"1.5e3", b"true", b"null", b"nul"),
        *(b"A", b"%", b"/"),
    ]
)
INPUTS = st.lists(PIECES | st.binary(min_size=1, max_size=3), max_size=24).map(b"".join)


@settings(max_examples=examples(400), deadline=None, derandomize=True)
@given(data=INPUTS)
def test_any_input(qemu: Server, data: bytes) -> None:
    assume(b"0e" not in data)  # see test_zero_with_exponent
    check(qemu, data + b"\n" + GOOD)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=examples(200), deadline=None, derandomize=True)
@given(value=JSON, ascii_only=st.booleans())
def test_any_id(qemu: Server, value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    check(qemu, b'{"execute":"query-name","id":' + text + b"}" + GOOD)
