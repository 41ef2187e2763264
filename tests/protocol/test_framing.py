"""Frames: the same for every split, every byte kept, cut where QEMU cuts."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any, Self

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qmpconf.protocol import framing
from qmpconf.protocol.framing import (
    CLIENT_LIMITS,
    SERVER_LIMITS,
    Frame,
    Framer,
    Kind,
    Limits,
    is_plain,
)
from tests.usual import examples, share

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
@settings(max_examples=examples(400))
def test_every_split_gives_the_same_frames_and_keeps_every_byte(
    stream: bytes, cuts: list[int], limits: Limits
) -> None:
    whole = frames_of(stream, [], limits)
    assert b"".join(frame.data + frame.end for frame in whole) == stream
    assert joined(frames_of(stream, cuts, limits)) == joined(whole)
    assert joined(frames_of(stream, list(range(len(stream))), limits)) == joined(whole)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 1000), max_size=4), most=st.integers(1, 5))
def test_a_framer_that_does_a_little_at_once_gives_the_same_frames(
    stream: bytes, cuts: list[int], most: int
) -> None:
    framer = Framer()
    found = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        found += framer.feed(stream[start:end], most)
        assert framer.behind <= end
    for _ in range(4 * len(stream)):
        frames = framer.feed(b"", most)
        assert len(frames) <= most + 1
        found += frames
    assert not framer.behind
    assert joined(found + framer.close()) == joined(frames_of(stream, []))


@pytest.mark.parametrize("unit", [b"\xff", b"{}", b"{}\n", b"x\0", b"1 ", b"{'a':1}", b"{{}}"])
def test_a_framer_does_no_more_than_it_is_told(unit: bytes) -> None:
    stream = unit * 5000
    framer = Framer()
    done = framer.feed(stream, 100)
    assert 10 <= len(done) <= 101
    assert framer.behind > len(stream) * 9 // 10
    while framer.behind:
        done += framer.feed(b"", 1000)
    assert joined(done) == joined(Framer().feed(stream))


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


@pytest.mark.parametrize("limits", [CLIENT_LIMITS, SERVER_LIMITS])
@pytest.mark.parametrize("text", [rb'"\ud800"', rb'"\uDBFF\u0041"', "0E1", '"é"', '"\t"'])
def test_a_long_message_with_something_odd_is_given_as_soon_as_it_ends(
    text: bytes | str, limits: Limits
) -> None:
    """What a JSON parser takes for the beginning of something longer."""
    odd = text if isinstance(text, bytes) else text.encode()
    message = b'{"a":"' + b"y" * 5000 + b'","b":' + odd + b"}"
    frames = Framer(limits).feed(message)
    assert b"".join(frame.data for frame in frames) == message


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


class Meter:
    """Counts what a framer does: lines of its code that run, and bytes that its searches read.

    A search is a regular expression, or a look at a whole text by msgspec and its like.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.read = 0
        for name, length in (
            ("bulk", _length_of_match),
            ("count_tokens", lambda _found, _buffer, begin, end: end - begin),
            ("is_plain", lambda _found, data: len(data)),
        ):
            monkeypatch.setattr(framing, name, self._counted(getattr(framing, name), length))
        runs = [self._counted(one, _length_of_match) for one in framing.RUNS]
        monkeypatch.setattr(framing, "RUNS", runs)
        whole = self._counted(Framer._whole, lambda _found, _self, piece: len(piece))
        monkeypatch.setattr(Framer, "_whole", whole)

    def _counted(self, function: Any, length: Callable[..., int]) -> Any:
        def counting(*arguments: Any) -> Any:
            found = function(*arguments)
            self.read += length(found, *arguments)
            return found

        return counting

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename != framing.__file__:
            return None
        self.steps += event == "line"
        return self._trace


def _length_of_match(found: re.Match[bytes] | None, _buffer: object, at: int) -> int:
    return found.end() - at + 1 if found else 1


UNENDING = Limits(nesting=1 << 30, size=1 << 30, tokens=1 << 30)
#: A limit that counts the tokens of a long message.
COUNTING = Limits(nesting=1 << 30, size=1 << 30, tokens=3000)


@pytest.mark.parametrize("limits", [UNENDING, COUNTING, replace(UNENDING, held=500)])
@pytest.mark.parametrize(("size", "total"), share([(3, 3000), (512, 8000), (1, 2000)], 2))
@pytest.mark.parametrize(
    "unit",
    [
        # messages that do not end
        *(b"[", b'{"a":', b'{"a":"' + b"x" * 50 + b'"}', b"'x", b'"\\', b"0" * 9, b"a"),
        b'{"a":{"b":[1,',
        # messages one after the other
        *(b'{"a":1}\r\n', b"{}", b"1 ", b'{"a":[' + b"1," * 300 + b"1]}"),
        # garbage
        *(b"\xff", b"x\0", b"{\xff", b"\0" * 50 + b"{", b'{"a":1}\xff', b'"\\ud800"', b"\r\n \t"),
    ],
)
def test_work_is_linear_whatever_comes(
    unit: bytes, size: int, total: int, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: who looks again at what is there already looks at it hundreds of times."""
    stream = (unit * (total // len(unit) + 1))[:total]
    meter = Meter(monkeypatch)
    kept = 0
    framer = Framer(limits)
    with meter:
        for at in range(0, len(stream), size):
            frames = framer.feed(stream[at : at + size])
            kept += sum(len(frame.data) + len(frame.end) for frame in frames)
        kept += sum(len(frame.data) for frame in framer.close())
    assert kept == len(stream)
    assert meter.steps <= 100 * len(stream)
    assert meter.read <= 6 * len(stream)


#: Pieces, the end of a message, what it repeats, limits.
LONG = itertools.product(
    (1024, 4096, 65536),
    (b"null]}\r\n", b"null}]}\r\n", b""),
    (b'{"v":[1,2.5,-3,null,"\\n"]},', b'"%s",' % (b"y" * 100)),
    (SERVER_LIMITS, replace(SERVER_LIMITS, held=100_000)),
)


@pytest.mark.parametrize(("size", "end", "item", "limits"), share(LONG, 5))
def test_work_on_a_long_message_in_pieces_is_linear(
    limits: Limits, end: bytes, size: int, item: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast way begins again with each piece, but not for ever."""
    stream = b'{"return":[' + item * (300_000 // len(item)) + end
    meter = Meter(monkeypatch)
    framer = Framer(limits)
    with meter:
        for at in range(0, len(stream), size):
            framer.feed(stream[at : at + size])
        framer.close()
    assert meter.steps <= 10 * len(stream)
    assert meter.read <= 24 * len(stream)


@pytest.mark.parametrize("unit", [b"\xff", b"{}\n", b"{}", b"[", b"x\0"])
def test_work_is_linear_where_it_is_done_a_little_at_once(
    unit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = unit * (8_000 // len(unit))
    meter = Meter(monkeypatch)
    framer = Framer(UNENDING)
    with meter:
        framer.feed(stream, 20)
        while framer.behind:
            framer.feed(b"", 20)
    assert meter.steps <= 100 * len(stream)


def test_memory_is_bounded_by_the_limit() -> None:
    framer = Framer(Limits(nesting=10, size=10_000, tokens=1 << 30))
    framer.feed(b'{"a":"')
    largest = 0
    for _ in range(1000):
        for frame in framer.feed(b"x" * 100):
            largest = max(largest, len(frame.data))
    assert largest <= 10_000
    assert len(framer.close()[0].data) <= 10_000


def put_together(frames: list[Frame]) -> list[tuple[Kind, bytes, bool]]:
    """Frames with their parts in front, as if all of them had been held."""
    whole: list[Frame] = []
    parts = b""
    for frame in frames:
        if frame.kind is Kind.PART:
            parts += frame.data
            continue
        kind = Kind.VALUE if frame.kind is Kind.LONG else frame.kind
        data = parts + frame.data
        plain = is_plain(data) if frame.kind is Kind.LONG else frame.plain
        whole.append(Frame(kind, data, frame.end, plain))
        parts = b""
    assert not parts
    return joined(whole)


@given(
    STREAMS,
    st.lists(st.integers(min_value=0, max_value=1000), max_size=20),
    st.integers(min_value=1, max_value=30),
    st.sampled_from(
        [
            CLIENT_LIMITS,
            SERVER_LIMITS,
            Limits(nesting=8, size=1000, tokens=4),
            Limits(nesting=3, size=20, tokens=15),
        ]
    ),
)
@example(b'{\r\r   0,0,0,0,0,0,0a" ', [], 1, Limits(nesting=3, size=20, tokens=15))
@example(b'[0a0""', [], 1, Limits(nesting=8, size=1000, tokens=4))
@example(b'\\"\\ud800""\\ud800" true', [], 1, Limits(nesting=3, size=20, tokens=15))
@settings(max_examples=examples(400))
def test_what_is_too_long_to_be_held_comes_in_parts(
    stream: bytes, cuts: list[int], held: int, limits: Limits
) -> None:
    some = replace(limits, held=held)
    found = frames_of(stream, cuts, some)
    assert put_together(found) == put_together(frames_of(stream, cuts, limits))
    assert kinds_of(found) == kinds_of(frames_of(stream, list(range(len(stream))), some))


def kinds_of(frames: list[Frame]) -> list[Kind]:
    """Up to what is malformed: a parser that looks for its place again does so piece by piece."""
    kinds = [f.kind for f in frames if f.kind not in (Kind.PART, Kind.SPACE, Kind.SKIPPED)]
    bad = kinds.index(Kind.MALFORMED) + 1 if Kind.MALFORMED in kinds else len(kinds)
    return kinds[:bad]


@given(
    STREAMS,
    st.sets(st.integers(min_value=0, max_value=60), max_size=8),
    st.sampled_from([CLIENT_LIMITS, SERVER_LIMITS, Limits(nesting=8, size=1000, tokens=4)]),
)
@settings(max_examples=examples(400))
def test_what_is_held_can_be_taken_at_any_moment(
    stream: bytes, moments: set[int], limits: Limits
) -> None:
    framer = Framer(limits)
    found: list[Frame] = []
    edges = sorted({0, len(stream), *(one for one in moments if one < len(stream))})
    for start, end in itertools.pairwise(edges):
        found += framer.feed(stream[start:end])
        found += framer.spill()
        assert framer.held == 0
    assert put_together(found + framer.close()) == joined(frames_of(stream, [], limits))


def test_a_long_reply_can_be_taken_while_it_is_read_the_fast_way() -> None:
    stream = b'{"return":["' + b"x" * 20_000 + b'"]}'
    framer = Framer(SERVER_LIMITS)
    found = framer.feed(stream[:9000]) + framer.spill()
    assert [(frame.kind, len(frame.data)) for frame in found] == [(Kind.PART, 9000)]
    found = framer.feed(stream[9000:] + b"\r\n")
    assert [frame.kind for frame in found][-1] is Kind.LONG
    assert framer.idle


def test_memory_is_bounded_by_what_may_be_held() -> None:
    framer = Framer(replace(SERVER_LIMITS, held=10_000))
    framer.feed(b'{"a":"')
    for _ in range(1000):
        framer.feed(b"x" * 100)
        assert framer.held <= 10_000
    assert [frame.kind for frame in framer.feed(b'"}')] == [Kind.LONG]


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
    is_json = word != b"nope"
    assert framer.settle() == [Frame(Kind.VALUE, word, b"", plain=is_json)]
    assert framer.idle
    assert framer.feed(b"{}") == [Frame(Kind.VALUE, b"{}", plain=True)]


@pytest.mark.parametrize("text", [b"[12", b'{"a":nul', b'"x', b"-", b"1.", b""])
def test_what_has_not_ended_cannot_be_settled(text: bytes) -> None:
    framer = Framer()
    framer.feed(text)
    assert framer.settle() == []
    assert b"".join(f.data for f in framer.close()) == text
