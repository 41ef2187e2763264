"""Recordings in parts: joined they are the recording, and each is one that can be read alone."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.check.checking import chooser, findings
from qmpconf.check.choice import Choose
from qmpconf.errors import InputError, UsageError
from qmpconf.packed import Pieces
from qmpconf.parts import name_of, numbers_of, parts_of, whole_of
from qmpconf.protocol.framing import CLIENT_PASSING, SERVER_PASSING, Frame, Framer
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Open, Record, Shut, Side, Traffic
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.rotation import Rotation
from qmpconf.trace.writer import TraceWriter
from tests.record.proxy import GREETING
from tests.trace.test_roundtrip import STREAMS, merged

TRACES = Path(__file__).parents[2] / "traces"
NAMES = ["t.qmptrace", "t.qmptrace.gz", "t.qmptrace.zst"]
few = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as path:
        yield path


def fresh(folder: str, name: str) -> str:
    """A name of which there is no part."""
    path = os.path.join(folder, name)
    for one in (path, *parts_of(path)):
        if os.path.exists(one):
            os.unlink(one)
    return path


def text(path: str) -> bytes:
    with Pieces(path) as pieces:
        return b"".join(pieces)


def without_times(data: bytes) -> list[object]:
    """The lines, but for times of the clock, and for what is of parts."""
    lines = [json.loads(line) for line in data.splitlines()]
    lines[0].pop("part", None)
    return [{**one, "started": ""} if "qmptrace" in one else one for one in lines]


class Clock:
    """Seconds that pass with each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


Piece = tuple[int, Side, bytes]


def written(
    path: str, stream: list[Piece], rotation: Rotation | None, *, redact: bool = False
) -> None:
    """Write what came, as the recorder does; a second between two pieces."""
    clock = Clock()
    framers: dict[tuple[int, Side], Framer] = {}
    redactor = Redactor() if redact else None
    with TraceWriter(path, clock=clock, rotation=rotation, redact=redactor) as writer:
        for conn, sender, data in stream:
            clock.now += 1
            if (conn, sender) not in framers:
                writer.open(conn, client="unix:c", server="unix:s")
                framers[conn, "client"] = Framer(CLIENT_PASSING)
                framers[conn, "server"] = Framer(SERVER_PASSING)
            if frames := framers[conn, sender].feed(data):
                writer.frames(conn, sender, frames)
            if len(data) % 7 == 1 and (frames := framers[conn, sender].spill()):
                writer.frames(conn, sender, frames)
        for conn, sender in sorted(framers):
            if frames := framers[conn, sender].close():
                writer.frames(conn, sender, frames)
            if sender == "client":
                writer.shut(conn, "client")
            else:
                writer.close(conn, "client")


def said(path: str) -> dict[object, list[object]]:
    """What each side said and what happened to each session; and each frame."""
    reader = TraceReader(path)
    found: dict[object, list[object]] = {}
    frames: dict[tuple[int, Side], list[Frame]] = {}
    for item in reader.items():
        if isinstance(item, Item):
            frames.setdefault((item.conn, item.sender), []).append(item.frame)
        else:
            found.setdefault(item.conn, []).append((type(item), item.t))
    assert reader.finished
    return found | {way: merged(several) for way, several in frames.items()}


@pytest.mark.parametrize("name", NAMES)
@given(stream=STREAMS, size=st.integers(1, 3000), redact=st.booleans())
@few
def test_joined_they_give_the_messages_of_the_whole(
    folder: str, name: str, stream: list[Piece], size: int, redact: bool
) -> None:
    whole, path = fresh(folder, "whole.qmptrace"), fresh(folder, name)
    written(whole, stream, None, redact=redact)
    written(path, stream, Rotation(size), redact=redact)
    assert said(path) == said(whole)
    for one in parts_of(path):
        said(one)


# --- each one alone ------------------------------------------------------------------------------


@cache
def recorded(name: str) -> tuple[list[Record], frozenset[str]]:
    reader = TraceReader(str(TRACES / f"{name}.qmptrace.gz"))
    return list(reader.records()), frozenset(one.fingerprint for one in findings(reader))


def again(path: str, records: list[Record], rotation: Rotation | None) -> None:
    """Record what was recorded."""
    clock = Clock()
    framers: dict[tuple[int, Side], Framer] = {}
    with TraceWriter(path, clock=clock, rotation=rotation) as writer:
        for record in records:
            clock.now = record.t
            if isinstance(record, Open):
                writer.open(record.conn, client=record.client, server=record.server)
                framers[record.conn, "client"] = Framer(CLIENT_PASSING)
                framers[record.conn, "server"] = Framer(SERVER_PASSING)
            elif isinstance(record, Traffic):
                frames = framers[record.conn, record.sender].feed(record.data + record.end)
                if frames:
                    writer.frames(record.conn, record.sender, frames, record.fds)
            elif isinstance(record, Shut):
                writer.shut(record.conn, record.who)
            elif isinstance(record, Close):
                writer.close(record.conn, record.who, error=record.error)


@pytest.mark.parametrize(
    ("name", "schema", "most", "examples"),
    [
        ("qemu-7.2.22-libvirtd", "qemu-7.2.22", 2_000, 15),
        ("qemu-7.2.22-libvirt", "auto", 60_000, 2),
    ],
)
def test_a_part_of_a_real_session_has_no_finding_that_the_whole_has_not(
    folder: str, name: str, schema: str, most: int, examples: int
) -> None:
    choose = chooser(schema)
    few_of_them = settings(few, max_examples=examples)
    few_of_them(given(st.integers(500, most))(lambda size: alone(folder, name, choose, size)))()


def alone(folder: str, name: str, choose: Choose | None, size: int) -> None:
    """Record it in parts, and check each."""
    records, known = recorded(name)
    path = fresh(folder, "t.qmptrace")
    again(path, records, Rotation(size))
    whole = fresh(folder, "whole.qmptrace")
    again(whole, records, None)
    assert without_times(text(path)) == without_times(text(whole))
    for part in parts_of(path):
        found = [
            one for one in findings(TraceReader(part), choose) if one.requirement != "trace.gap"
        ]
        assert {one.fingerprint for one in found} <= known, (part, found)


HELLO: list[Piece] = [
    (1, "server", GREETING),
    (1, "client", b'{"execute":"qmp_capabilities","id":1}'),
    (1, "server", b'{"return": {}, "id": 1}\r\n'),
    (1, "client", b'{"execute":"stop","id":2}'),
    (1, "server", b'{"return": {}, "id": 2}\r\n'),
    (1, "client", b'{"execute":"cont","id":3}{"execute":"query-status","id":4}'),
    (1, "server", b'{"return": {}, "id": 3}\r\n'),
    (1, "server", b'{"return": {"running":true}, "id": 4}\r\n'),
]


def lines(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text(path).splitlines()]


def test_a_part_repeats_what_has_to_be_known(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    written(path, HELLO, Rotation(max_age=7))
    first, second = map(lines, parts_of(path))
    assert (first[0]["part"], second[0]["part"]) == (1, 2)
    assert first[-1]["finish"] == {"sessions": 1, "messages": 7, "next": 2}
    assert second[-1]["finish"] == {"sessions": 1, "messages": 9}
    repeated = [one for one in second if "repeated" in one]
    assert second[1 : 1 + len(repeated)] == repeated
    assert repeated[0]["open"] == {"client": "unix:c", "server": "unix:s"}
    # Behind the negotiation: how much there was, and what still waits.
    assert [one.get("msg") for one in repeated[1:]] == [
        json.loads(GREETING),
        json.loads(HELLO[1][2]),
        json.loads(HELLO[2][2]),
        None,
        None,
        {"execute": "cont", "id": 3},
        {"execute": "query-status", "id": 4},
    ]
    gaps = [(one["from"], one["gap"], one["messages"]) for one in repeated if "gap" in one]
    assert gaps == [("client", 25, 1), ("server", 25, 1)]
    assert [one["t"] for one in second[1:]] == sorted(one["t"] for one in second[1:])


def test_the_schema_of_a_session_that_is_over_is_repeated(tmp_path: Path) -> None:
    ask = b'{"execute":"query-qmp-schema","id":9}'
    schema = b'{"return": [{"name":"x","meta-type":"command"}], "id": 9}\r\n'
    path = str(tmp_path / "t.qmptrace")
    clock = Clock()
    with TraceWriter(path, clock=clock, rotation=Rotation(max_age=10)) as writer:
        writer.open(1)
        writer.open(2)
        for _, who, data in [*HELLO[:3], (1, "client", ask), (1, "server", schema)]:
            limits = SERVER_PASSING if who == "server" else CLIENT_PASSING
            writer.frames(1, who, Framer(limits).feed(data))
        writer.frames(2, "server", Framer(SERVER_PASSING).feed(GREETING))
        writer.close(1, "client")
        clock.now = 11
        writer.frames(2, "client", Framer(CLIENT_PASSING).feed(HELLO[1][2]))
    _, second = map(lines, parts_of(path))
    assert {one["conn"] for one in second[1:-1]} == {1, 2}
    assert sum("meta-type" in str(one) for one in second) == 1
    assert any(one.get("close") == "client" for one in second)


# --- files ---------------------------------------------------------------------------------------


def more(writer: TraceWriter, *numbers: int) -> None:
    """Record an event for each number."""
    for number in numbers:
        message = b'{"event":"E%03d","data":{"filler":"%b"}}\r\n' % (number, b"x" * 100)
        writer.frames(1, "server", Framer(SERVER_PASSING).feed(message))


def many(path: str, count: int, rotation: Rotation) -> TraceWriter:
    """A recording of so many events, which is not ended."""
    writer = TraceWriter(path, rotation=rotation)
    writer.open(1)
    more(writer, *range(count))
    return writer


def test_the_oldest_are_removed_and_the_rest_reads_as_one(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    many(path, 40, Rotation(1000, keep=3)).finish()
    numbers = numbers_of(path)
    assert len(numbers) == 3
    assert numbers[0] > 1
    events = [one.frame.data[10:14] for one in TraceReader(path).items() if isinstance(one, Item)]
    assert events == [b"E%03d" % number for number in range(40 - len(events), 40)]
    gap = next(one for one in lines(path) if "gap" in one)
    assert gap["messages"] == 40 - len(events)


def test_a_part_between_two_others_that_is_missing_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    many(path, 40, Rotation(1000)).finish()
    os.unlink(name_of(path, 2))
    with pytest.raises(InputError, match=r"part 2 is missing .*t\.0002\.qmptrace"):
        TraceReader(path)


def test_parts_of_two_recordings_are_not_put_together(tmp_path: Path) -> None:
    path, other = str(tmp_path / "t.qmptrace"), str(tmp_path / "u.qmptrace")
    many(path, 40, Rotation(1000)).finish()
    many(other, 40, Rotation(1000)).finish()
    os.replace(name_of(other, 2), name_of(path, 2))
    with pytest.raises(InputError, match="of another recording"):
        list(TraceReader(path).items())


def test_without_the_last_part_it_is_cut_off(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    many(path, 40, Rotation(1000)).finish()
    os.unlink(parts_of(path)[-1])
    reader = TraceReader(path)
    list(reader.items())
    assert not reader.finished


def test_what_is_there_is_not_mixed_with_a_new_recording(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    old = many(path, 40, Rotation(1000))
    with pytest.raises(UsageError, match=r"t\.0001\.qmptrace exists"):
        TraceWriter(path, rotation=Rotation(1000))
    with pytest.raises(UsageError, match="is being written"):
        TraceWriter(path, rotation=Rotation(1000), overwrite=True)
    old.finish()
    TraceWriter(path, rotation=Rotation(1000), overwrite=True).finish()
    assert numbers_of(path) == [1]


@pytest.mark.parametrize("wrong", [{}, {"keep": 3}, {"max_size": 1, "keep": 1}])
def test_a_rotation_that_makes_no_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Rotation(**wrong)


def test_the_names_of_parts() -> None:
    for path in ("a/vm.qmptrace.gz", "vm.qmptrace", "vm.1.qmptrace.zst", "vm", "x.gz"):
        for number in (1, 9999, 10000):
            assert whole_of(name_of(path, number)) == path
    assert name_of("vm.qmptrace.gz", 7) == "vm.0007.qmptrace.gz"
    assert whole_of("vm.12.qmptrace") == whole_of("vm.00012.qmptrace") == ""


def test_a_part_that_cannot_be_begun_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full just then: the recording goes on in the part before."""
    path = str(tmp_path / "t.qmptrace")
    said: list[str] = []
    real, full = os.write, True

    def write(fd: int, data: bytes) -> int:
        if full and b'"part":2' in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    clock = Clock()
    with TraceWriter(path, rotation=Rotation(1000), clock=clock, complain=said.append) as writer:
        writer.open(1)
        more(writer, *range(40))
        assert numbers_of(path) == [1]
        full = False
        more(writer, *range(40, 50))  # it is not tried with each message
        assert [name_of(path, 2) in one and "No space left" in one for one in said] == [True]
        assert f"goes on in {name_of(path, 1)}" in said[0]
        clock.now = 61
        more(writer, *range(50, 80))
    assert len(numbers_of(path)) > 1
    items = [one for one in TraceReader(path).items() if isinstance(one, Item)]
    assert len(items) == 80
