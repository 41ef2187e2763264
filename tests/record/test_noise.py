"""Noise: it holds up nobody else, takes little room in the trace, and is recorded to its last byte."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from qmpconf.protocol.framing import Frame
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap, Side
from qmpconf.trace.redaction import Redactor
from tests.record.proxy import Pair, receive, until, until_end

COMMAND = b'{"execute":"query-status"}'
#: Bytes each of which is a frame, or nearly.
DENSE = {
    "impossible": b"\xff",
    "brackets": b"}",
    "broken": b"x\0",
    "objects": b"{}",
    "lines": b"{}\n",
}


@pytest.mark.parametrize("unit", DENSE.values(), ids=DENSE)
@pytest.mark.parametrize(("pourers", "redact"), [(1, False), (1, True), (20, False)])
def test_another_session_waits_for_a_few_frames_only(
    tmp_path: Path, unit: bytes, pourers: int, *, redact: bool
) -> None:
    """From the moment when its command is there, hardly any noise is dealt with before it."""
    noise = unit * (100_000 // pourers // len(unit))
    counts = {"noise": 0, "before": 0}
    polite: list[socket.socket] = []

    def observe(conn: int, sender: Side, frames: Sequence[Frame], _: float) -> None:
        if conn == 1:
            counts["command"] = counts["noise"]
        elif not counts["noise"] or len(polite) > 1:
            polite.pop().sendall(COMMAND)
        counts["noise"] += len(frames) * (conn > 1)

    with Pair(tmp_path, observe=observe, redact=Redactor() if redact else None) as pair:
        client, server = pair.session()
        polite.append(client)
        threads = []
        for _ in range(pourers):
            pourer, taker = pair.session()
            threads += [
                threading.Thread(
                    target=lambda sock: (sock.sendall(noise), sock.close()), args=(pourer,)
                ),
                threading.Thread(target=until_end, args=(taker,)),
            ]
        for thread in threads:
            thread.start()
        assert receive(server, len(COMMAND)) == COMMAND
        for thread in threads:
            thread.join()
        until(lambda: len(pair.proxy.closed()) == pourers)
    assert counts["noise"] >= 30_000
    assert counts["command"] <= 3000


def test_noise_in_single_bytes_is_read_together(tmp_path: Path) -> None:
    noise = b"\xff\0" * 20_000
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        client.settimeout(None)  # a write that waits; one that polls is held back after 70 bytes
        before = os.path.getsize(pair.proxy.trace)

        def send() -> None:
            for byte in noise:
                client.sendall(bytes([byte]))
            client.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        assert until_end(server) == noise
        thread.join()
        assert os.path.getsize(pair.proxy.trace) - before < 2 * len(noise)
        client.close()
        until(pair.proxy.closed)
    assert pair.proxy.bytes("client") == noise


def test_messages_in_small_pieces_are_not_slowed_down(tmp_path: Path) -> None:
    """White space in a piece of its own is not a reason to read in steps."""
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        relays = pair.proxy.recorder._relays
        until(lambda: bool(relays))
        flow = relays[1]._forward
        for _ in range(300):
            for piece in (COMMAND, b"\n"):
                client.sendall(piece)
                assert receive(server, len(piece)) == piece
            assert not flow.paused


def test_noise_before_a_kill_is_written_before_it_is_delivered(tmp_path: Path) -> None:
    noise = b"}x\0\xff" * 2000
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        threading.Thread(target=client.sendall, args=(noise,)).start()
        got = b""
        while len(got) < len(noise):
            got += server.recv(1000)
            # The last byte may be the beginning of a word, which has not ended.
            assert pair.proxy.bytes("client").startswith(got[:-1])


@pytest.mark.parametrize("stopped", [False, True], ids=["goes", "is stopped"])
def test_what_a_client_poured_before_it_went_is_recorded(tmp_path: Path, *, stopped: bool) -> None:
    noise = b"\xff" * 100_000
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        client.sendall(noise)
        if stopped:
            until(lambda: pair.proxy.writer.messages > 0)
            pair.proxy.stop()
            got = until_end(server)
        else:
            client.close()
            got = until_end(server)
            assert got == noise
            until(pair.proxy.closed)
    recorded = pair.proxy.bytes("client")
    assert recorded.startswith(got)
    gaps = [one.size for one in TraceReader(pair.proxy.trace).records() if isinstance(one, Gap)]
    assert len(recorded) + sum(gaps) <= len(noise)
    if not stopped:
        assert recorded == noise
        assert not gaps


def test_what_there_is_no_time_for_at_the_end_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpconf.record.recorder._LEAVE", 0.0)
    noise = b"\xff" * 100_000
    with Pair(tmp_path) as pair:
        client, _ = pair.session()
        client.sendall(noise)
        until(lambda: pair.proxy.writer.messages > 0)
        pair.proxy.stop()
    (gap,) = [one for one in TraceReader(pair.proxy.trace).records() if isinstance(one, Gap)]
    assert 0 < gap.size < len(noise)
    assert len(pair.proxy.bytes("client")) + gap.size == len(noise)
    assert pair.proxy.finished()
    assert pair.proxy.closed() == {1: ("recorder", "")}
