"""Bindings: what the target chose otherwise is what it is sent."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import Frame, Framer, Kind
from qmpconf.protocol.values import dumps, loads
from qmpconf.replay.bindings import Bindings, sentence
from qmpconf.replay.inference import scalars
from qmpconf.replay.masks import BUILT_IN
from qmpconf.replay.play.replaying import replay_trace
from tests.replay.conftest import serving, written

NODE = next(mask for mask in BUILT_IN if mask.name == "node-name")

#: What no server takes as text.
NO_CHARACTERS = [
    *map(chr, range(0xFDD0, 0xFDF0)),
    *(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=NO_CHARACTERS))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)  # fmt: skip


@given(VALUES, st.booleans())
def test_scalars_are_where_they_are_said_to_be(value: Any, ascii_only: bool) -> None:
    data = dumps(value) if ascii_only else json.dumps(value, ensure_ascii=False).encode()
    seen = 0
    for path, start, end in scalars(data):
        place = value
        for part in path:
            place = place[part]
        assert loads(data[start:end]) == place
        seen += 1
    assert seen == count(value)


def count(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list) else 1


def bound() -> Bindings:
    bindings = Bindings()
    assert bindings.learn("reply", "add-fd", ("return", "fd"), 11, 8) is not None
    bindings.learn_names(NODE, "node #block12 on #block34", "node #block567 on #block34")
    return bindings


def adapted(bindings: Bindings, data: str, command: str) -> str:
    frame, _ = bindings.adapt(Frame(Kind.VALUE, data.encode(), b"\n"), command)
    return frame.data.decode()


@pytest.mark.parametrize(
    ("command", "sent", "there"),
    [
        ("remove-fd", '{"arguments" :{"fd":11, "fdset-id":1}}', '{"arguments" :{"fd":8, "fdset-id":1}}'),
        ("remove-fd", "{'arguments':{'fd':11}}", "{'arguments':{'fd':8}}"),
        ("remove-fd", '{"arguments":{"fd":12}}', None),
        ("remove-fd", '{"arguments":{"fd":11.0}}', '{"arguments":{"fd":8}}'),
        ("remove-fd", '{"arguments":{"fd":"11"}}', None),
        ("remove-fd", '{"id":11}', None),
        ("closefd", '{"arguments":{"fd":11}}', None),
        ("any", '{"a":["#block12"],"#block12":1}', '{"a":["#block567"],"#block12":1}'),
        ("any", '{"a":"x/#block12/y"}', '{"a":"x/#block567/y"}'),
        ("any", '{"a":"#block123"}', None),
    ],
)  # fmt: skip
def test_only_the_right_places_change_and_no_other_byte(
    command: str, sent: str, there: str | None
) -> None:
    assert adapted(bound(), sent, command) == (there or sent)


def test_nothing_is_bound_that_did_not_differ_or_is_of_another_type() -> None:
    bindings = Bindings()
    assert bindings.learn("reply", "add-fd", ("return", "fd"), 11, "8") is None
    assert bindings.learn("reply", "getfd", ("return", "fd"), 11, 8) is None
    assert list(bindings) == []


def test_a_shown_value_must_be_the_bound_one() -> None:
    bindings = bound()
    place = ("return", 0, "fds", 0, "fd")
    assert bindings.learn("reply", "query-fdsets", place, 11, 8) is not None
    assert bindings.learn("reply", "query-fdsets", place, 11, 9) is None
    assert bindings.learn("reply", "query-fdsets", place, 12, 8) is None


@given(st.binary())
def test_any_bytes_are_survived(data: bytes) -> None:
    for frame in Framer().feed(data):
        bound().adapt(frame, "remove-fd")


@pytest.mark.parametrize("level", ["value", "shape", "outcome"])
def test_a_replay_sends_what_the_target_chose_and_tells_it(tmp_path: Path, level: Any) -> None:
    script = [
        "1+",
        '1->{"execute":"add-fd"}',
        '1<-{"return": {"fd": 11, "fdset-id": 1}}',
        '1->{"execute":"query-fdsets"}',
        '1<-{"return": [{"fds": [{"fd": 11}], "fdset-id": 1}]}',
        '1->{"execute":"remove-fd","arguments":{"fdset-id":1,"fd":11}}',
        '1<-{"return": {}}',
        "1-client",
    ]
    sent: list[Any] = []

    def behave(sock: socket.socket) -> None:
        for answer in (
            b'{"return": {"fd": 8, "fdset-id": 5}}\r\n',
            b'{"return": [{"fds": [{"fd": 8}], "fdset-id": 5}]}\r\n',
            b'{"return": {}}\r\n',
        ):
            sent.append(json.loads(sock.recv(4096)))
            sock.sendall(answer)

    with serving(tmp_path / "s", behave):
        trace = written(tmp_path / "t", script)
        result = replay_trace(trace, target=str(tmp_path / "s"), compare=level)
    assert result.exit_code == 0
    assert sent[2]["arguments"] == {"fdset-id": 5, "fd": 8}
    assert [sentence(one) for one in result.bindings] == [
        "descriptor 11 of the recording is 8 here (sent 1 time)",
        "descriptor set 1 of the recording is 5 here (sent 1 time)",
    ]
