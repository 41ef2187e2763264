"""Captures to sessions: who is the server, where it begins and ends, and what is not QMP."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.errors import InputError
from qmpconf.trace.capture.build import Conversation, Frame
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.records import Finish
from tests.trace.capture.captures import (
    ASKED,
    DONE,
    EVENT,
    GREETING,
    capture,
    read,
    said,
    session,
    shown,
    texts,
)

LINES = [
    "1 open tcp:127.0.0.1:50001 tcp:127.0.0.1:4444",
    f"1 server msg {GREETING.decode()!r}",
    f"1 client msg {ASKED.decode()!r}",
    f"1 server msg {DONE.decode()!r}",
    f"1 server msg {EVENT.decode()!r}",
    "1 shut client",
    "1 close client",
    "finish 1 4",
]


@pytest.mark.parametrize("ng", [True, False])
def test_a_session(ng: bool) -> None:
    header, records = read(capture(session(), ng=ng))
    assert shown(records) == LINES
    assert header.started == "2023-11-14T22:13:20.000000Z"
    assert [round(one.t, 6) for one in records[:3]] == [0.0, 0.003, 0.004]


def test_the_server_greets_also_where_it_dialled() -> None:
    talk = Conversation((50_000, 4444), 1)
    frames = [*talk.open(), *talk.send(0, GREETING), *talk.send(1, ASKED), *talk.send(0, DONE)]
    for port in (0, 4444, 50_000):
        _, records = read(capture(frames), port)
        assert shown(records)[0] == "1 open tcp:127.0.0.1:4444 tcp:127.0.0.1:50000"
        assert said(records) == {"client": ASKED, "server": GREETING + DONE}


def test_a_greeting_that_comes_byte_by_byte() -> None:
    talk = Conversation((50_000, 4444), 1)
    frames = list(talk.open())
    for byte in GREETING:
        frames += talk.send(1, bytes([byte]))
    assert said(read(capture(frames))[1])["server"] == GREETING


def test_several_sessions_at_once_and_one_on_the_same_ports_again() -> None:
    one, two, again = session(1), session(2), session(1, 4444)
    fresh = Conversation((50_001, 4444), 77)
    again = [*fresh.open(), *fresh.send(1, GREETING), *fresh.reset(0)]
    mixed = [frame for pair in zip(one, two, strict=True) for frame in pair]
    _, records = read(capture([*mixed, *again]))
    assert [line for line in shown(records) if "open" in line or "close" in line] == [
        "1 open tcp:127.0.0.1:50001 tcp:127.0.0.1:4444",
        "2 open tcp:127.0.0.1:50002 tcp:127.0.0.1:4444",
        "1 close client",
        "2 close client",
        "3 open tcp:127.0.0.1:50001 tcp:127.0.0.1:4444",
        "3 close client Connection reset by peer",
    ]
    assert said(records, 1) == said(records, 2)


def test_the_same_ports_again_where_the_end_of_the_first_was_missed() -> None:
    fresh = Conversation((50_001, 4444), 77)
    frames = [*session()[:-4], *fresh.open(), *fresh.send(1, GREETING)]
    told = shown(read(capture(frames))[1])
    assert "1 close recorder the end was not captured" in told
    assert told[-3:] == [f"2 server msg {GREETING.decode()!r}", "2 close recorder", "finish 2 5"]


@pytest.mark.parametrize("skip", [3, 4, 5, 6])
def test_a_capture_that_begins_in_the_middle(skip: int) -> None:
    frames = session()[skip:]
    _, records = read(capture(frames))
    told = shown(records)
    wanted = [LINES[at] for at, number in enumerate((3, 4, 5, 6), 1) if number >= skip]
    if skip > 3:
        assert told[1:3] == ["1 client gap 0", "1 server gap 0"]
    assert told[0] == LINES[0]
    assert [one for one in told if " msg " in one] == wanted
    assert told[-2] == "1 close client"


def test_a_long_reply_of_which_the_beginning_was_missed() -> None:
    talk = Conversation((50_000, 4444), 1, mss=1460)
    rest = list(talk.send(1, b'{"return": ["' + b"x" * 50_000 + b'"]}\r\n'))[9:]
    told = shown(read(capture([*rest, *talk.send(0, ASKED), *talk.send(1, DONE)]))[1])
    assert told[:3] == [
        "1 open tcp:127.0.0.1:50000 tcp:127.0.0.1:4444",
        "1 client gap 0",
        "1 server gap 0",
    ]
    assert told[-4:-2] == [f"1 client msg {ASKED.decode()!r}", f"1 server msg {DONE.decode()!r}"]
    assert {line.split("'")[0] for line in told[3:-4]} == {"1 server raw "}


def test_bytes_that_are_missing_are_a_gap_and_what_follows_is_read() -> None:
    talk = Conversation((50_000, 4444), 1, mss=1460)
    frames = [*talk.open(), *talk.send(1, GREETING), *talk.send(0, ASKED)]
    reply = list(talk.send(1, b'{"return": ["' + b"x" * 5_000 + b'"]}\r\n' + EVENT))
    del reply[1]
    _, records = read(capture([*frames, *reply, *talk.send(1, EVENT)]))
    told = shown(records)
    times = [round(one.t, 6) for one in records if not isinstance(one, Finish)]
    assert times[-2:] == [0.008, 0.008], "waiting for what is lost moves no time"
    at = told.index("1 server gap 1460")
    assert told[at - 1].startswith('1 server raw \'{"return"')
    assert told[at + 1].startswith("1 server raw 'xxx")
    assert told[-4:-2] == [f"1 server msg {EVENT.decode()!r}"] * 2


def test_a_refused_connection_is_a_session_of_its_port() -> None:
    frames = list(Conversation((50_000, 4444), 1).refuse())
    with pytest.raises(InputError, match=r"no QMP session in 2 packets, 2 of them TCP; --port"):
        read(capture(frames))
    assert shown(read(capture(frames), 4444)[1])[1] == "1 close server Connection refused"
    with pytest.raises(InputError, match=r"0 of them TCP on port 4445"):
        read(capture(frames), 4445)


def other(port: int, client: bytes, server: bytes) -> list[Frame]:
    talk = Conversation((40_000 + port, port), port)
    return [
        *talk.open(),
        *talk.send(0, client),
        *talk.send(1, server),
        *talk.shut(0),
        *talk.shut(1),
    ]


def test_other_traffic_is_left_out_and_counted() -> None:
    frames = [
        *other(80, b"GET / HTTP/1.1\r\n\r\n", b'HTTP/1.1 200\r\n\r\n{"return": 1}'),
        *other(22, b"SSH-2.0-x\r\n", b"SSH-2.0-y\r\n"),
        *other(9999, b'{"jsonrpc": "2.0"}' * 2000, b'{"result": 1}' * 2000),
        *session(),
        *other(443, b"\x16\x03\x01" + bytes(100_000), bytes(1_000_000)),
        *Conversation((1, 2), 5).open(),
    ]
    notes = Notes()
    header, records = read(capture(frames), 0, notes)
    assert shown(records) == LINES
    assert texts(notes) == [
        "a TCP session is not QMP, and was left out; --port takes all of a port (5 times)"
    ]
    assert header.meta == {"capture": "test.pcapng"}


def test_with_a_port_noise_is_kept_as_it_is() -> None:
    noise = bytes(range(256)) * 400
    _, records = read(capture(other(4444, b"hello" + noise, noise)), 4444)
    assert said(records) == {"client": b"hello" + noise, "server": noise}


def test_packets_that_were_cut_short_are_gaps(tmp_path: Path) -> None:
    scapy = pytest.importorskip("scapy.utils")
    path = tmp_path / "cut.pcap"
    with scapy.RawPcapWriter(str(path), linktype=1) as writer:
        writer.write_header(None)
        for number, frame in enumerate(session()):
            writer.write_packet(frame.data[:80], sec=number, usec=0, wirelen=len(frame.data))
    _, records = read(path.read_bytes())
    told = shown(records)
    assert told[1:3] == [f"1 server raw {GREETING[:26].decode()!r}", "1 server gap 20"]
    assert "1 server gap 41" in told


def test_a_segment_that_was_sent_again_with_other_bytes_is_told() -> None:
    one, two = Conversation((50_000, 4444), 1), Conversation((50_000, 4444), 1)
    list(two.open())
    frames = [*one.open()]
    late = list(one.send(1, GREETING))
    list(two.send(1, GREETING[:5]))
    early = list(two.send(1, b"X" * 10))
    notes = Notes()
    _, records = read(capture([*frames, *early, *late]), 4444, notes)
    assert said(records)["server"][5:15] == b"X" * 10
    assert "was sent again with other bytes" in texts(notes)[0]


def test_an_endless_number_of_connections_takes_no_endless_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qmpconf.trace.capture.sessions._MOST_CONNECTIONS", 3)
    frames = [f for n in range(10) for f in list(Conversation((1000 + n, 4444), n).open())]
    _, records = read(capture([*session()[:5], *frames, *session()[5:]]), 4444)
    told = shown(records)
    assert "1 close recorder the end was not captured" in told
    assert told[-1].startswith("finish 12 ")
