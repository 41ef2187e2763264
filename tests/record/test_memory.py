"""What a recorder holds is bounded, whatever its clients begin and do not end."""

from __future__ import annotations

import random
import re
import socket
import threading
from pathlib import Path

import pytest

from qmpconf.net.address import UnixAddress
from qmpconf.protocol.framing import Kind
from qmpconf.record.holding import Holding
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Gap, Traffic
from qmpconf.trace.redaction import Redactor
from tests.record.proxy import PATIENCE, Pair, connected, listening, receive, until, until_end
from tests.record.sniffing import recording

SECRET = b"correct-horse-battery"
BEGINS = b'{"execute":"object-add","arguments":{"qom-type":"secret","data":"' + SECRET
ENDS = b'"}}\r\n'


class Holder:
    """One who holds bytes, and can let go of them."""

    def __init__(self, holding: Holding) -> None:
        self.held = self.most = 0
        self._holding = holding

    def hold(self, more: int) -> None:
        self.held += more
        self._holding.count(self, self.held, self._spill)

    def _spill(self) -> None:
        self.hold(-self.held)


def test_who_holds_most_lets_go_first() -> None:
    holding = Holding(100)
    small, big = Holder(holding), Holder(holding)
    small.hold(40)
    big.hold(60)
    assert (small.held, big.held) == (40, 60)
    small.hold(1)
    assert (small.held, big.held) == (41, 0)


def test_together_no_more_than_is_allowed() -> None:
    holding = Holding(1000)
    holders = [Holder(holding) for _ in range(20)]
    chance = random.Random(3)
    for _ in range(5000):
        one = chance.choice(holders)
        one.hold(chance.choice((chance.randrange(200), -one.held)))
        assert sum(each.held for each in holders) <= 1000


def peak(pid: int) -> int:
    """The most memory that a process has taken so far, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", text)[1]) // 1000  # type: ignore[index]


@pytest.mark.whole
@pytest.mark.parametrize("redact", [False, True], ids=["plain", "redacted"])
def test_many_clients_that_begin_a_message_and_do_not_end_it(
    tmp_path: Path, *, redact: bool
) -> None:
    """40 messages of 8 MiB: more than may be held, by far."""
    size, count = 8 << 20, 40
    filler = b"x" * (size - len(BEGINS))
    server, client = UnixAddress(str(tmp_path / "s")), UnixAddress(str(tmp_path / "c"))
    trace = tmp_path / "t.qmptrace"
    words = ["--server", str(server), "--listen", str(client), "-o", str(trace)]
    with (
        listening(server) as listener,
        recording(*words, *([] if redact else ["--no-redact"]), begins="listening") as process,
    ):
        socks = []
        for _ in range(count):
            one = connected(client)
            other, _ = listener.accept()
            other.settimeout(PATIENCE)
            sender = threading.Thread(target=one.sendall, args=(BEGINS + filler,))
            sender.start()
            assert receive(other, size) == BEGINS + filler
            sender.join()
            socks += [one, other]
        assert peak(process.pid) < 300
        # The first one ends its message after all, and goes on.
        socks[0].sendall(ENDS + b'{"execute":"stop"}')
        assert receive(socks[1], len(ENDS) + 18) == ENDS + b'{"execute":"stop"}'
        for sock in socks:
            sock.close()
    if not redact:
        assert direction(str(trace), 1, "client") == BEGINS + filler + ENDS + b'{"execute":"stop"}'
        assert direction(str(trace), count, "client") == BEGINS + filler
        return
    assert SECRET not in trace.read_bytes()
    records = [one for one in TraceReader(str(trace)).records() if getattr(one, "conn", 0) == 1]
    gaps = [one for one in records if isinstance(one, Gap)]
    assert sum(one.size for one in gaps) == len(BEGINS + filler + ENDS)
    assert gaps[-1].messages == 1
    assert [one.data for one in records if isinstance(one, Traffic)] == [b'{"execute":"stop"}']


@pytest.mark.parametrize(
    "ends", [ENDS, b"\xff" + SECRET + b'"}}\n', b""], ids=["ends", "breaks", "stays"]
)
def test_what_is_too_long_to_be_redacted_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bytes
) -> None:
    """Nothing of it is in the trace, nor of what may be the rest of it; its receiver has it all."""
    monkeypatch.setattr("qmpconf.record.shared.Holding", lambda: Holding(100_000))
    sent = BEGINS + b"x" * 200_000 + SECRET
    with Pair(tmp_path, redact=Redactor()) as pair:
        client, server = pair.session()
        thread = threading.Thread(target=client.sendall, args=(sent,))
        thread.start()
        assert receive(server, len(sent)) == sent
        thread.join()
        client.sendall(ends)
        assert receive(server, len(ends)) == ends
        if ends:
            # It may have asked for a secret: what is returned is not kept.
            server.sendall(b'{"return": "also-a-secret"}\r\n')
            assert receive(client, 29)
            client.sendall(b'{"execute":"stop"}\r\n')
            assert receive(server, 20)
        client.close()
        assert until_end(server) == b""
        until(pair.proxy.closed)
    text = Path(pair.proxy.trace).read_bytes()
    assert SECRET not in text
    assert b"also-a-secret" not in text
    (said,) = pair.proxy.said
    assert "a message of the client is too long to be redacted" in said
    if ends:
        assert pair.proxy.frames("client")[-1].data == b'{"execute":"stop"}'


def test_what_is_let_go_of_is_read_as_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpconf.record.shared.Holding", lambda: Holding(100_000))
    monkeypatch.setenv("QMPCONF_CORE", "python")  # the compiled core holds a MiB by itself
    sent = BEGINS + b"x" * 400_000 + ENDS
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        thread = threading.Thread(target=client.sendall, args=(sent,))
        thread.start()
        assert receive(server, len(sent)) == sent
        thread.join()
        client.close()
        until(pair.proxy.closed)
    assert [(one.kind, one.data) for one in pair.proxy.frames("client")] == [
        (Kind.VALUE, sent[:-2])
    ]
    assert (
        len([one for one in TraceReader(pair.proxy.trace).records() if isinstance(one, Traffic)])
        > 1
    )


def test_descriptors_without_end_are_not_held(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        client.sendall(b'{"x":"')
        receive(server, 6)
        for _ in range(1000):
            socket.send_fds(client, [b"y"], [0])
            _, fds, _, _ = socket.recv_fds(server, 1, 10)
            for fd in fds:
                socket.close(fd)
        relay = pair.proxy.recorder._relays[1]
        assert len(relay._forward.described) <= 253
        client.close()
        until(pair.proxy.closed)
    written = [
        one.fds for one in TraceReader(pair.proxy.trace).records() if isinstance(one, Traffic)
    ]
    assert sum(map(len, written)) == 1000


def test_a_long_message_that_may_hold_a_secret_is_left_out_and_another_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpconf.trace.writer.MOST_REDACTED", 110_000)
    long = BEGINS + b"x" * 120_000 + ENDS
    harmless = b'{"execute":"x","arguments":{"a":"' + b"y" * 120_000 + ENDS
    with Pair(tmp_path, redact=Redactor()) as pair:
        client, server = pair.session()
        for message in (long, harmless):
            client.sendall(message)
            assert receive(server, len(message)) == message
        client.close()
        until(pair.proxy.closed)
    assert SECRET not in Path(pair.proxy.trace).read_bytes()
    assert [one.data for one in pair.proxy.frames("client")] == [harmless[:-2]]
    (gap,) = [one for one in TraceReader(pair.proxy.trace).records() if isinstance(one, Gap)]
    assert (gap.size, gap.messages) == (len(long), 1)
    assert "too long to be redacted" in pair.proxy.said[0]
