"""A message over several lines: laid out, never changed."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import CLIENT_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.values import Malformed, dumps, loads
from qmpconf.report.pretty import pretty
from qmpconf.report.terminal import Terminal

PLAIN = Terminal(io.StringIO(), {})


def lines(data: bytes) -> list[str]:
    return list(pretty(Frame(Kind.VALUE, data), PLAIN, ">"))


def test_json() -> None:
    found = lines(
        b'{"a" :[1,2.50, {}],"b":{"c":null , "d":[ ]},"n":18446744073709551616000,"e":1E+2,"e":"x:y,{"}'
    )
    assert found == [
        ">{",
        '>  "a": [',
        ">    1,",
        ">    2.50,",
        ">    {}",
        ">  ],",
        '>  "b": {',
        '>    "c": null,',
        '>    "d": []',
        ">  },",
        '>  "n": 18446744073709551616000,',
        '>  "e": 1E+2,',
        '>  "e": "x:y,{"',
        ">}",
    ]


def test_the_dialect_and_what_is_no_json() -> None:
    assert lines(b"{'exec\\'ute': 1}") == [">{", ">  'exec\\'ute': 1", ">}"]
    assert lines(b'{"a" 1}\r\n {"b": \x1b[2J') == ['>{"a" 1}', '> {"b": \\u001B[2J']
    assert list(pretty(Frame(Kind.PARTIAL, b'{"exec'), PLAIN)) == ['{"exec']
    assert lines(b"\xff\xfe") == [">\\xff\\xfe"]


def test_depth_costs_no_space() -> None:
    found = lines(b"[" * 5000 + b"]" * 5000)
    assert len(found) == 9999
    assert max(map(len, found)) < 100


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_the_value_stays(value: object) -> None:
    for data in (dumps(value), json.dumps(value, ensure_ascii=False).encode()):
        try:
            expected = loads(data)
        except Malformed:
            continue  # non-characters and the like
        shown = "".join(line[1:] for line in lines(data))
        assert loads(shown.encode()) == expected


@given(st.binary())
def test_nothing_steers_the_terminal(data: bytes) -> None:
    for frame in [*Framer(CLIENT_LIMITS).feed(data), Frame(Kind.VALUE, data)]:
        found = list(pretty(frame, PLAIN))
        assert all(line.isprintable() for line in found)


def test_colours() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    data = b'{"a": [1, "x"]}'
    found = "\n".join(pretty(Frame(Kind.VALUE, data), Terminal(Screen(), {})))
    assert "\x1b[34m" in found
    assert re.sub(r"\x1b\[[0-9;]*m", "", found).split() == ["{", '"a":', "[", "1,", '"x"', "]", "}"]  # fmt: skip


@pytest.mark.parametrize("data", [b"", b" ", b"[", b'"', b"{]"])
def test_scraps(data: bytes) -> None:
    lines(data)
