"""Frames: the same for every split, every byte kept, cut where QEMU cuts."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import (
    CLIENT_LIMITS,
    SERVER_LIMITS,
    Frame,
    Framer,
    Kind,
    Limits,
    is_plain,
)

#: Bytes that make a JSON scanner's life hard, and pieces of messages.
FRAGMENTS = st.sampled_from(
    [
        b'{"execute":"stop"}',
        b"{'execute':'stop','id':'\\''}",
        b'{"a":[1,2.5,-0,1e5,{"b":null}]}',
        b'{"a": 0E1}',
        b'{"a": 0e1}',
        b'"\\ud800"',
        b'{"a":"\\ud800"}',
        b'{"a":"\\ud83d\\ude00"}',
        b"\r\n",
        b" ",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"',
        b"'",
        b"\\",
        b"\xff",
        b"\xfe",
        b"\x00",
        b"\x7f",
        b"\xc3\xa9",
        b"0",
        b"01",
        b"-",
        b"1.",
        b"1e",
        b"true",
        b"nul",
        b"NaN",
        b"//",
        '{"a":"\u2028\U0001f600"}'.encode(),
    ]
)
STREAMS = st.one_of(
    st.lists(FRAGMENTS, max_size=12).map(b"".join),
    st.binary(max_size=60),
    st.lists(st.one_of(FRAGMENTS, st.binary(max_size=3)), max_size=10).map(b"".join),
)


def frames_of(stream: bytes, cuts: list[int], limits: Limits = CLIENT_LIMITS) -> list[Frame]:
    framer = Framer(limits)
    found = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        found += framer.feed(stream[start:end])
    return found + framer.close()


def joined(frames: list[Frame]) -> list[tuple[Kind, bytes, bool]]:
    """Frames without what depends on the split: white space and skipped bytes in one piece."""
    flat: list[tuple[Kind, bytes, bool]] = []
    for frame in frames:
        parts = [(frame.kind, frame.data, frame.plain)]
        if frame.end:
            parts.append((Kind.SPACE, frame.end, False))
        for kind, data, plain in parts:
            if flat and kind in (Kind.SPACE, Kind.SKIPPED) and flat[-1][0] is kind:
                flat[-1] = (kind, flat[-1][1] + data, False)
            else:
                flat.append((kind, data, plain))
    return flat


@given(
    STREAMS,
    st.lists(st.integers(min_value=0, max_value=1000), max_size=20),
    st.sampled_from([CLIENT_LIMITS, SERVER_LIMITS]),
)
@settings(max_examples=400)
def test_every_split_gives_the_same_frames_and_keeps_every_byte(
    stream: bytes, cuts: list[int], limits: Limits
) -> None:
    whole = frames_of(stream, [], limits)
    assert b"".join(frame.data + frame.end for frame in whole) == stream
    assert joined(frames_of(stream, cuts, limits)) == joined(whole)
    assert joined(frames_of(stream, list(range(len(stream))), limits)) == joined(whole)


def test_what_qemu_refuses_of_a_client_a_server_may_send() -> None:
    assert next(f.kind for f in frames_of(b'{"a":0E1}', [])) is Kind.MALFORMED
    assert [f.kind for f in frames_of(b'{"a":0E1}', [], SERVER_LIMITS)] == [Kind.VALUE]
    assert [f.kind for f in frames_of(b'{"a":0E1}', [5, 6, 7], SERVER_LIMITS)] == [Kind.VALUE]


@given(STREAMS)
def test_plain_frames_stand_on_a_line_of_their_own(stream: bytes) -> None:
    for frame in frames_of(stream, []):
        assert frame.plain == (frame.kind is Kind.VALUE and is_plain(frame.data))
        if frame.plain:
            assert b"\n" not in frame.data
            assert b"\r" not in frame.data
            json.loads(frame.data)


JSON_OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(st.lists(JSON_OBJECTS, min_size=1, max_size=5), st.booleans(), st.booleans())
def test_any_json_objects_come_out_one_by_one(
    objects: list[dict[str, object]], ascii_only: bool, newline: bool
) -> None:
    texts = [json.dumps(one, ensure_ascii=ascii_only).encode("utf-8", "replace") for one in objects]
    stream = (b"\r\n" if newline else b"").join(texts)
    found = [frame.data for frame in frames_of(stream, []) if frame.kind is Kind.VALUE]
    assert found == texts


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b'{"a":1}{"b":2}\r\n', [(Kind.VALUE, b'{"a":1}'), (Kind.VALUE, b'{"b":2}')]),
        (b"{'it\\'s':1}", [(Kind.VALUE, b"{'it\\'s':1}")]),
        (b'{"a":\n[1,\n2]}', [(Kind.VALUE, b'{"a":\n[1,\n2]}')]),
        (b'{"a":\xff{}', [(Kind.MALFORMED, b'{"a":\xff'), (Kind.VALUE, b"{}")]),
        (b'{"a":"b\xff"c"}{}', None),
        (b"[}", [(Kind.VALUE, b"[}")]),
        (b"1 2", [(Kind.VALUE, b"1"), (Kind.PARTIAL, b"2")]),
        (b"01{}", [(Kind.MALFORMED, b"01"), (Kind.VALUE, b"{}")]),
        (b"{}x", [(Kind.VALUE, b"{}"), (Kind.PARTIAL, b"x")]),
        (b"NaN\n{}", [(Kind.MALFORMED, b"N"), (Kind.SKIPPED, b"aN"), (Kind.VALUE, b"{}")]),
        (b'{"a" 1}{}', [(Kind.VALUE, b'{"a" 1}'), (Kind.VALUE, b"{}")]),
        (b'{"execute":\n', [(Kind.PARTIAL, b'{"execute":\n')]),
    ],
)
def test_cuts(stream: bytes, expected: list[tuple[Kind, bytes]] | None) -> None:
    found = [(f.kind, f.data) for f in frames_of(stream, []) if f.kind is not Kind.SPACE]
    if expected is None:
        assert found[0][0] is Kind.MALFORMED
        return
    assert found == expected


def test_white_space_stays_with_the_message_of_its_piece() -> None:
    framer = Framer()
    assert framer.feed(b'{"a":1}\r') == [Frame(Kind.VALUE, b'{"a":1}', b"\r", plain=True)]
    assert framer.feed(b'\n {"b":2}') == [
        Frame(Kind.SPACE, b"\n "),
        Frame(Kind.VALUE, b'{"b":2}', plain=True),
    ]


@pytest.mark.parametrize("size", [1, 7, 4096, 65536, 200_000])
def test_long_replies_in_pieces(size: int) -> None:
    reply = json.dumps({"return": [{"name": f"t{i}", "v": [i, "{x]"]} for i in range(9000)]})
    stream = (reply + "\r\n").encode() * 2
    found = frames_of(stream, list(range(0, len(stream), size)), SERVER_LIMITS)
    assert [f.data for f in found if f.kind is Kind.VALUE] == [reply.encode()] * 2
    assert all(f.plain for f in found if f.kind is Kind.VALUE)


def test_a_message_that_ends_within_a_long_piece_is_given_at_once() -> None:
    framer = Framer(SERVER_LIMITS)
    filler = b'{"x":"' + b"y" * 5000 + b'"}'
    found = framer.feed(filler + b'{"return":{}}' + filler[:-3])
    assert [f.data for f in found] == [filler, b'{"return":{}}']
    assert [f.data for f in framer.feed(filler[-3:])] == [filler]


def test_nesting_beyond_the_limit_is_cut_off_and_the_stream_goes_on() -> None:
    assert [f.kind for f in frames_of(b"[" * 1024 + b"]" * 1024, [])] == [Kind.VALUE]
    found = frames_of(b"[" * 1025, [])
    assert [(f.kind, len(f.data)) for f in found] == [(Kind.MALFORMED, 1025)]
    assert len([f for f in frames_of(b"[" * 100_000, []) if f.kind is Kind.MALFORMED]) == 97


def test_token_and_size_limits() -> None:
    limits = Limits(nesting=8, size=1000, tokens=10)
    assert [f.kind for f in frames_of(b"[1,2,3]", [], limits)] == [Kind.VALUE]
    found = frames_of(b"[" + b"1," * 20, [], limits)
    assert found[0].kind is Kind.MALFORMED
    assert len(found[0].data) > 10
    found = frames_of(b'"' + b"x" * 5000 + b'"', [], limits)
    assert found[0].kind is Kind.MALFORMED
    assert max(len(f.data) for f in found) <= 1000


@pytest.mark.parametrize(
    "unit", [b"[", b'{"a":', b'{"a":"' + b"x" * 50 + b'"}', b"'x", b"\xff", b"1 ", b'"\\', b"0" * 9]
)
@pytest.mark.timeout(60)
def test_time_is_linear_whatever_comes(unit: bytes) -> None:
    """600 KB in pieces of three bytes: in quadratic time, this test would not end in time."""
    framer = Framer(Limits(nesting=1 << 30, size=1 << 30, tokens=1 << 30))
    stream = unit * (600_000 // len(unit))
    kept = 0
    for at in range(0, len(stream), 3):
        kept += sum(len(frame.data) + len(frame.end) for frame in framer.feed(stream[at : at + 3]))
    kept += sum(len(frame.data) for frame in framer.close())
    assert kept == len(stream)


def test_memory_is_bounded_by_the_limit() -> None:
    framer = Framer(Limits(nesting=10, size=10_000, tokens=1 << 30))
    framer.feed(b'{"a":"')
    largest = 0
    for _ in range(1000):
        for frame in framer.feed(b"x" * 100):
            largest = max(largest, len(frame.data))
    assert largest <= 10_000
    assert len(framer.close()[0].data) <= 10_000


@given(STREAMS)
@example(b'{"a":"\\ud800"}' * 2)
def test_close_leaves_a_fresh_framer(stream: bytes) -> None:
    framer = Framer()
    framer.feed(stream)
    framer.close()
    assert framer.idle
    assert framer.feed(b"{}") == [Frame(Kind.VALUE, b"{}", plain=True)]


@pytest.mark.parametrize("word", [b"null", b"nope", b"0", b"12", b"-1.5", b"1e5"])
def test_a_bare_word_can_be_settled(word: bytes) -> None:
    framer = Framer()
    assert framer.feed(word) == []
    assert [(f.kind, f.data) for f in framer.settle()] == [(Kind.VALUE, word)]
    assert framer.idle
    assert framer.feed(b"{}") == [Frame(Kind.VALUE, b"{}", plain=True)]


@pytest.mark.parametrize("text", [b"[12", b'{"a":nul', b'"x', b"-", b"1.", b""])
def test_what_has_not_ended_cannot_be_settled(text: bytes) -> None:
    framer = Framer()
    framer.feed(text)
    assert framer.settle() == []
    assert b"".join(f.data for f in framer.close()) == text
