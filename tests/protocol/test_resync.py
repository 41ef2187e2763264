"""Behind missing bytes: nothing before the next message is taken for one, and no message is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.resync import Resync, begins

MESSAGES = [
    b'{"return": {}, "id": "libvirt-1"}\r\n',
    b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n',
    b'{"QMP": {"version": {}, "capabilities": []}}\r\n',
    b'{"execute":"qom-list","arguments":{"path":"/"}}\n',
    b'{\r\n    "error": {\r\n        "class": "GenericError"\r\n    }\r\n}\r\n',
]


def passed(*pieces: bytes) -> tuple[bytes, bytes]:
    """What is passed over, and all that comes from the first message on."""
    resync, before, behind = Resync(), b"", b""
    for piece in pieces:
        if behind:
            behind += piece
            continue
        one, behind = resync.feed(piece)
        before += one
    return before + resync.close(), behind


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize(
    "rest", [b'"b"}]}\r\n', b'e\\"}\r\n', b"\r\n", b"\n", b"}\r\n    }\r\n  }\r\n}\r\n", b""]
)
def test_the_rest_of_a_message_is_passed_over(rest: bytes, message: bytes) -> None:
    assert passed(rest + message + message) == (rest, message + message)
    assert passed(*(bytes([one]) for one in rest + message)) == (rest, message)
    assert passed(rest, message) == (rest, message)


def test_a_message_that_follows_no_line_end_is_found_where_a_piece_begins() -> None:
    assert passed(b'"x"}}', b'{"execute":"stop"}') == (b'"x"}}', b'{"execute":"stop"}')


@pytest.mark.parametrize(
    "data",
    [
        b'{"name": "x", "return": 1}\r\n',  # inside of a list, where a segment began
        b'    "error": {\r\n        "class": "X"\r\n',
        b"[]\r\n{}\r\n",
        b'{"eventually": 1}\n',
        b"x" * 100_000,
        b'{"ret',
    ],
)
def test_what_is_no_message_is_passed_over(data: bytes) -> None:
    assert passed(data) == (data, b"")


def test_a_beginning_is_told_as_soon_as_possible() -> None:
    text = b'{ "return" :'
    assert [begins(text[:size]) for size in range(len(text) + 1)] == [None] * len(text) + [True]
    assert begins(b'{ "returns') is False


@given(st.lists(st.binary(max_size=30) | st.sampled_from(MESSAGES)), st.data())
def test_no_byte_is_lost_and_pieces_that_were_found_are_found_again(
    pieces: list[bytes], data: st.DataObject
) -> None:
    before, behind = passed(*pieces)
    assert before + behind == b"".join(pieces)
    if behind:
        assert begins(behind) is True or begins(b"".join(pieces)[len(before) :]) is True
        # A reader gets what was passed over in any pieces that a writer made of it.
        resync, kept = Resync(), []
        for piece in pieces:
            one, rest = resync.feed(piece)
            kept += [one] if one else []
            if rest:
                kept.append(rest)
                break
        again = Resync()
        found = [again.feed(one) for one in kept[:-1]]
        assert not any(rest for _, rest in found)
        assert again.feed(kept[-1])[1].endswith(kept[-1])


@given(st.dictionaries(st.sampled_from(["return", "event", "error"]), st.integers(), min_size=1))
def test_every_message_begins_one(value: dict[str, int]) -> None:
    assert begins(json.dumps(value).encode())
    assert begins(json.dumps(value, indent=4).encode())
