"""Reassembly: whatever a network and a capture do to segments, the bytes are exactly those sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.trace.capture.connection import Connection, Happening
from qmpconf.trace.capture.segments import ACK, FIN, RST, SYN, Segment
from qmpconf.trace.capture.stream import Room, Stream
from tests.usual import examples

WRAP = 1 << 32
ENDS = ((b"\x7f\0\0\x01", 50_000), (b"\x7f\0\0\x01", 4444))


@dataclass
class Sent:
    """What both sides sent: messages in turn, cut into segments with their acknowledgements."""

    isns: tuple[int, int]
    offsets: list[int] = field(default_factory=lambda: [0, 0])
    streams: list[bytes] = field(default_factory=lambda: [b"", b""])
    #: Of each message: side, where it begins, how much of the other side it had seen.
    messages: list[tuple[int, int, int]] = field(default_factory=list)

    def segment(
        self, side: int, offset: int, data: bytes, ack: int, flags: int = ACK, lost: int = 0
    ) -> Segment:
        seq = (self.isns[side] + 1 + offset) % WRAP
        number = (self.isns[1 - side] + 1 + ack) % WRAP
        return Segment(1, 0, ENDS[side], ENDS[1 - side], seq, number, flags, data, lost)

    def open(self) -> list[Segment]:
        syn = self.segment(0, -1, b"", 0, SYN)
        return [syn, self.segment(1, -1, b"", 0, SYN | ACK), self.segment(0, 0, b"", 0)]

    def say(self, side: int, data: bytes, cuts: list[int]) -> list[Segment]:
        """A message in pieces."""
        begin, seen = self.offsets[side], self.offsets[1 - side]
        self.messages.append((side, begin, seen))
        edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
        self.streams[side] += data
        self.offsets[side] += len(data)
        return [
            self.segment(side, begin + low, data[low:high], seen) for low, high in pairwise(edges)
        ]

    def end(self, side: int) -> Segment:
        return self.segment(side, self.offsets[side], b"", self.offsets[1 - side], ACK | FIN)

    def covered(self, captured: list[Segment]) -> list[set[int]]:
        """Which bytes of each side were captured."""
        found: list[set[int]] = [set(), set()]
        for one in captured:
            side = ENDS.index(one.source)
            start = (one.seq - self.isns[side] - 1) % WRAP
            found[side] |= set(range(start, start + len(one.data)))
        return found


def run(captured: list[Segment]) -> list[Happening]:
    room = Room()
    connection = Connection(captured[0], room)
    found = [one for segment in captured for one in connection.take(segment)]
    found += connection.finish()
    assert room.left == Room().left, "all that waited was given"
    return found


def laid_out(found: list[Happening], side: int) -> list[int | None]:
    """The bytes of one side in their places, None for those that are missing."""
    places: list[int | None] = []
    for one in found:
        if one.side == side and one.what == "data":
            places += one.data
        elif one.side == side and one.what == "gap":
            assert one.size > 0
            places += [None] * one.size
    return places


ISNS = st.one_of(
    st.integers(0, WRAP - 1), st.integers(WRAP - 200, WRAP - 1), st.sampled_from([0, WRAP - 1])
)


@settings(max_examples=examples(300), deadline=None)
@given(data=st.data(), isns=st.tuples(ISNS, ISNS))
def test_reordered_repeated_overlapping_and_lost(
    data: st.DataObject, isns: tuple[int, int]
) -> None:
    sent = Sent(isns)
    captured = sent.open()
    talk = st.tuples(
        st.integers(0, 1),
        st.binary(min_size=1, max_size=60),
        st.lists(st.integers(0, 60), max_size=4),
    )
    for side, text, cuts in data.draw(st.lists(talk, min_size=1, max_size=12)):
        captured += sent.say(side, text, cuts)
    handshake, body = captured[:3], captured[3:]
    # Sent again, perhaps cut otherwise: any part of what had been sent, by a side that knew as much.
    for side, low, size in data.draw(
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 200), st.integers(1, 80)), max_size=5)
    ):
        stream = sent.streams[side]
        if low < len(stream):
            # What the other side has answered was acknowledged with that, and is not sent again.
            seen = max(seen for one, begin, seen in sent.messages if one == side and begin <= low)
            ends = [begin for one, begin, later in sent.messages if one == side and later > seen]
            stop = min([low + size, *ends])
            again = sent.segment(side, low, stream[low:stop], seen)
            body.insert(data.draw(st.integers(0, len(body))), again)
    lost = data.draw(st.sets(st.integers(0, len(body))))
    body = [one for number, one in enumerate(body) if number not in lost]
    # Each goes back by a few places at most.
    moved = [number + data.draw(st.integers(0, 4)) for number in range(len(body))]
    body = [one for _, one in sorted(zip(moved, body, strict=True), key=lambda pair: pair[0])]
    found = run([*handshake, *body, sent.end(0), sent.end(1)])
    covered = sent.covered(body)
    for side in (0, 1):
        wanted = [
            byte if at in covered[side] else None for at, byte in enumerate(sent.streams[side])
        ]
        assert laid_out(found, side) == wanted
        assert [one.what for one in found if one.side == side][-1:] == ["shut"]
    # Nobody says anything before what had caused it.
    given = [0, 0]
    for one in found:
        for side, begin, seen in sent.messages:
            if side == one.side and begin < given[side] + (len(one.data) or one.size):
                assert begin < given[side] or one.what != "data" or given[1 - side] >= seen
        given[one.side] += len(one.data) or one.size


@settings(max_examples=examples(100), deadline=None)
@given(data=st.data(), isns=st.tuples(ISNS, ISNS))
def test_a_capture_that_begins_in_the_middle(data: st.DataObject, isns: tuple[int, int]) -> None:
    sent = Sent(isns)
    captured: list[Segment] = []
    for _ in range(data.draw(st.integers(1, 15))):
        side = data.draw(st.integers(0, 1))
        captured += sent.say(side, data.draw(st.binary(min_size=1, max_size=40)), [20])
    start = data.draw(st.integers(0, len(captured) - 1))
    seen = captured[start:]
    found = run([*seen, sent.end(0), sent.end(1)])
    for side in (0, 1):
        source = [one for one in seen if one.source == ENDS[side]]
        places = laid_out(found, side) if seen[0].source == ENDS[0] else laid_out(found, 1 - side)
        assert bytes(one for one in places if one is not None) == b"".join(o.data for o in source)
        assert None not in places


def segments(sent: Sent, *texts: bytes) -> list[Segment]:
    return [one for text in texts for one in sent.say(1, text, [])]


def test_what_was_acknowledged_and_never_seen_is_a_gap_of_its_size() -> None:
    sent = Sent((7, WRAP - 2))
    first, lost, last = segments(sent, b"one", b"two!", b"three")
    assert lost.data == b"two!"
    room = Room()
    connection = Connection(sent.open()[0], room)
    found = [
        one
        for segment in [*sent.open(), first, last, sent.segment(0, 0, b"", 12)]
        for one in connection.take(segment)
    ]
    assert [one.data for one in found] == [b"one"], "it may still come"
    late = sent.segment(0, 0, b"", 12)._replace(ns=2_000_000_000)
    found = list(connection.take(late))
    assert [(one.what, one.size, one.data) for one in found] == [
        ("gap", 4, b""),
        ("data", 0, b"three"),
    ]


def test_a_gap_stands_on_both_sides_of_what_was_said_between() -> None:
    sent = Sent((1, 2))
    hidden = sent.say(1, b"greeting", [])
    asked = sent.say(0, b"command", [])
    hidden += sent.say(1, b"reply", [])
    last = sent.say(0, b"thanks", [])
    assert len(hidden) == 2
    found = run([*sent.open(), *asked, *last, sent.end(0), sent.end(1)])
    assert [(one.what, one.side, one.size or one.data) for one in found] == [
        ("gap", 1, 8),
        ("data", 0, b"command"),
        ("gap", 1, 5),
        ("data", 0, b"thanks"),
        ("shut", 0, b""),
        ("shut", 1, b""),
    ]


def test_what_nobody_acknowledged_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent((1, 2))
    first, lost, last = segments(sent, b"one", b"two", b"three")
    connection = Connection(sent.open()[0], Room())
    early = [*sent.open(), first, last]
    assert [one.data for segment in early for one in connection.take(segment)] == [b"one"]
    again = lost._replace(ns=90_000_000_000)
    assert [one.data for one in connection.take(again)] == [b"two", b"three"]


def test_the_last_bytes_are_known_to_be_missing_by_their_acknowledgement() -> None:
    sent = Sent((1, 2))
    first, _ = segments(sent, b"one", b"two")
    found = run([*sent.open(), first, sent.segment(0, 0, b"", 6)])
    assert [(one.what, one.data, one.size) for one in found] == [
        ("data", b"one", 0),
        ("gap", b"", 3),
    ]


def test_bytes_that_a_capture_cut_off_are_a_gap_at_once() -> None:
    sent = Sent((1, WRAP - 1))
    whole, last = segments(sent, b"0123456789", b"end")
    cut = whole._replace(data=b"0123", lost=6)
    connection = Connection(sent.open()[0], Room())
    found = [one for s in [*sent.open(), cut, last] for one in connection.take(s)]
    assert [(one.what, one.data, one.size) for one in found] == [
        ("data", b"0123", 0),
        ("gap", b"", 6),
        ("data", b"end", 0),
    ]


def test_keep_alives_and_probes_change_nothing() -> None:
    sent = Sent((1, 2))
    (first,) = segments(sent, b"one")
    alive = sent.segment(1, 2, b"\0", 0)
    empty = sent.segment(1, 2, b"", 0)
    (second,) = segments(sent, b"two")
    found = run([*sent.open(), first, alive, empty, alive, second, sent.end(0), sent.end(1)])
    assert [one.data for one in found if one.what == "data"] == [b"one", b"two"]
    assert "gap" not in {one.what for one in found}


def test_a_reset_gives_what_was_there_and_ends_it() -> None:
    sent = Sent((1, 2))
    first, _, last = segments(sent, b"one", b"two", b"three")
    reset = sent.segment(0, 0, b"", 0, RST)
    found = run([*sent.open(), first, last, reset, last])
    assert [(one.what, one.side) for one in found] == [
        ("data", 1),
        ("gap", 1),
        ("data", 1),
        ("reset", 0),
    ]


def test_a_half_close_comes_behind_what_its_sender_had_seen() -> None:
    sent = Sent((1, 2))
    (reply,) = segments(sent, b"reply")
    found = run([*sent.open(), sent.end(0), reply, sent.end(1)])
    assert [one.what for one in found] == ["data", "shut", "shut"]


def test_the_same_ends_again_are_another_connection() -> None:
    sent = Sent((1, 2))
    connection = Connection(sent.open()[0], Room())
    for segment in sent.open():
        list(connection.take(segment))
    syn = sent.open()[0]
    assert not connection.begins_anew(syn), "sent again"
    assert connection.begins_anew(syn._replace(seq=99))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpconf.trace.capture.stream.ROOM", 1 << 16)
    sent = Sent((1, 2))
    room = Room()
    connection = Connection(sent.open()[0], room)
    for segment in sent.open():
        list(connection.take(segment))
    found: list[Happening] = []
    block = bytes(1000)
    for number in range(300):  # the first byte never comes
        found += connection.take(sent.segment(1, 1 + 1000 * number, block, 0))
        assert Room().left - room.left <= (1 << 16) + 1000
    assert [one.size for one in found if one.what == "gap"] == [1]


def test_nonsense_is_passed_over() -> None:
    sent = Sent((1, 2))
    (first,) = segments(sent, b"one")
    stray = sent.segment(1, 1 << 31, b"noise", 0)
    found = run([*sent.open(), first, stray, sent.end(0), sent.end(1)])
    assert [one.data for one in found if one.what == "data"] == [b"one"]


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(
        st.builds(
            Segment,
            st.just(1),
            st.integers(0, 1 << 62),
            st.sampled_from(ENDS),
            st.sampled_from(ENDS),
            st.one_of(st.integers(0, 300), ISNS),
            st.one_of(st.integers(0, 300), ISNS),
            st.integers(0, 255),
            st.binary(max_size=50),
            st.integers(0, 70_000),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_any_segments_at_all_come_to_an_end(captured: list[Segment]) -> None:
    run(captured)


@given(st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=40)), max_size=30))
def test_of_copies_that_differ_the_first_counts(pieces: list[tuple[int, bytes]]) -> None:
    stream, wanted = Stream(Room()), {}
    stream.begin(0)
    for seq, data in pieces:
        stream.add(seq, data, 0, 1, 0)
        for at, byte in enumerate(data, seq):
            wanted.setdefault(at, byte)
    places: dict[int, int] = {}
    while stream.missing or stream.peek():
        piece = stream.take()
        if piece is None:
            stream.give_up(stream.missing)
        elif piece.data is not None:
            base = stream.next - piece.size - (1 << 32)
            places |= dict(enumerate(piece.data, base))
    assert places == wanted
