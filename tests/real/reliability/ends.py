"""How sessions end: closed, half-closed, cut off in a message, reset; by either side, on both transports."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from qmpconf.trace.records import Side
from tests.real.builds import find
from tests.real.machines import LOOPBACK, bind, start
from tests.real.proxies import Proxy
from tests.real.reliability.clients import At, Client
from tests.real.reliability.kills import bare
from tests.real.reliability.ledger import Ledger, Recorded, Tally, missing, recorded
from tests.real.reliability.rows import Row, Scale, descriptors, peak
from tests.real.reliability.stops import compared
from tests.real.wire import PATIENCE

QUESTION = (
    "When one side closes, half-closes, goes in the middle of a message, goes with unread bytes, or "
    "resets, does the other side see through the recorder just what it sees without: the same "
    "bytes, the same end, the same error when it writes? Does the trace name who ended the session?"
)

How = Literal["close", "half-close", "cut", "unread", "reset"]
HOWS: tuple[How, ...] = ("close", "half-close", "cut", "unread", "reset")
_SIDES: tuple[Side, Side] = ("client", "server")

#: What cannot be passed on: closing a UNIX socket with unread bytes resets it, and the recorder, who
#: has read them all, can only close.  The other side sees an end in place of the reset.
_NO_RESET = {("unread", False), ("reset", False)}


class Seen(NamedTuple):
    """What the side that stays sees: bytes, how they end, and what a write ends with."""

    data: bytes
    end: str
    write: str


class Said(NamedTuple):
    """What both sides of one session sent, all of it received; `late`: what nobody is there for."""

    case: Case
    client: bytes
    server: bytes
    late: bytes


class Case(NamedTuple):
    """One way to end a session."""

    who: Side
    how: How


CASES = [Case(who, how) for how in HOWS for who in _SIDES]


def rows(scale: Scale, folder: Path) -> Iterator[Row]:
    """Two sockets of our own as peers, then clients of a real QEMU."""
    for tcp in (False, True):
        yield _row(scale.ends, folder / f"ends{tcp}", tcp)
    for tcp in (False, True):
        yield _clients_of_qemu(scale.ends, folder / f"qemu{tcp}", tcp)


def _row(times: int, folder: Path, tcp: bool) -> Row:
    folder.mkdir()
    tally = Tally()
    ended = 0
    listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
    with listener:
        if tcp:
            listener.bind((LOOPBACK, 0))
        else:
            bind(listener, folder / "peer.sock")
        listener.listen()
        listener.settimeout(PATIENCE)
        behind: At = listener.getsockname() if tcp else folder / "peer.sock"
        proxy = Proxy(folder, behind, tcp=tcp)
        said: list[Said] = []
        try:
            for case in CASES * times:
                direct = _played(case, behind, listener, [])
                through = _played(case, proxy.at, listener, said)
                if direct == through:
                    continue
                if (case.how, tcp) in _NO_RESET and direct.data == through.data:
                    ended += 1
                    continue
                tally.problems.append(f"{case}: directly {direct}, recorded {through}")
            memory, after = peak(proxy.process.pid), descriptors(proxy.process.pid)
        finally:
            proxy.stop()
    sessions = sorted(recorded(str(proxy.trace)), key=lambda one: one.conn)
    if len(sessions) != len(said):
        tally.problems.append(f"{len(said)} sessions, of which the trace has {len(sessions)}")
    for session, one in zip(sessions, said, strict=False):
        _held(session, one, tally)
    transport = "TCP" if tcp else "UNIX"
    note = "the side that stays sees what it sees without the recorder"
    if ended:
        note = (
            f"the same, but for {ended} ends in place of resets (closed with unread bytes): a UNIX "
            "socket cannot be made to reset"
        )
    return Row(
        f"ends by either side, {transport}: {', '.join(HOWS)}",
        f"{len(said)} sessions",
        tally,
        f"{memory:.0f} MB at most; {after} open at the end",
        note,
    )


def _held(session: Recorded, said: Said, tally: Tally) -> None:
    """One session in the trace against what its two sides sent."""
    case = said.case
    tally.sessions += 1
    where = f"session {session.conn}, {case}"
    late = {case.who: b"", _other(case.who): said.late}
    both: tuple[tuple[Side, bytes, bytes], ...] = (
        ("client", said.client, session.client),
        ("server", said.server, session.server),
    )
    for side, sent, there in both:
        tally.messages += sent.count(b"\n")
        lost, invented = missing(sent, there), missing(there, sent + late[side])
        tally.found(where, len(lost), len(invented), [*lost, *invented])
    if session.closed != case.who:
        tally.problems.append(f"{where}: ended by {session.closed or 'nobody'}")
    if case.how == "half-close" and session.shut != case.who:
        tally.problems.append(f"{where}: half-closed by {session.shut or 'nobody'}")


def _played(case: Case, at: At, listener: socket.socket, said: list[Said]) -> Seen:
    """A short dialogue that ends as `case` says; adds what both sides sent to `said`."""
    client = socket.socket(socket.AF_INET if isinstance(at, tuple) else socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(at if isinstance(at, tuple) else str(at))
    server, _ = listener.accept()
    server.settimeout(PATIENCE)
    sent: dict[Side, bytearray] = {"client": bytearray(), "server": bytearray()}
    socks: dict[Side, socket.socket] = {"client": client, "server": server}
    goes: Side = case.who
    stays = _other(goes)
    late = b""

    def say(side: Side, data: bytes) -> None:
        """Send, and have it received."""
        sent[side] += data
        socks[side].sendall(data)
        other = socks["server" if side == "client" else "client"]
        got = b""
        while len(got) < len(data):
            got += other.recv(len(data) - len(got))
        assert got == data

    with client, server:
        say("server", b'{"QMP": {"version": {}, "capabilities": []}}\n')
        say("client", json.dumps({"execute": "x", "id": "e/0"}).encode() + b"\n")
        say("server", b'{"return": {}, "id": "e/0"}\n')
        if case.how == "cut":
            say(goes, b'{"execute": "half')
        if case.how in ("unread", "reset"):
            sent[stays] += b'{"unread": 1}\n'
            socks[stays].sendall(b'{"unread": 1}\n')
            while not socks[goes].recv(1, socket.MSG_PEEK):
                pass
        _end(socks[goes], case.how)
        if case.how == "half-close":
            assert socks[stays].recv(1) == b""
            say(stays, b'{"return": "still"}\n')
            socks[stays].shutdown(socket.SHUT_WR)
            assert socks[goes].recv(1) == b""
            seen = Seen(b"", "half, then the end", "taken")
        else:
            seen, late = _seen(socks[stays])
    said.append(Said(case, bytes(sent["client"]), bytes(sent["server"]), late))
    return seen


def _other(side: Side) -> Side:
    return "server" if side == "client" else "client"


def _end(sock: socket.socket, how: How) -> None:
    if how == "half-close":
        sock.shutdown(socket.SHUT_WR)
        return
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _seen(sock: socket.socket) -> tuple[Seen, bytes]:
    """What there is to read, how it ends, and with which error writing ends; what was written."""
    data = b""
    end = "end"
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        end = "reset"
    late = b""
    try:
        while True:  # on TCP the first one is still taken
            late += b"\n"
            sock.sendall(b"\n")
    except OSError as error:
        return Seen(data, end, type(error).__name__), late


#: What a client of QEMU does at its end.
_LEAVES: dict[str, Callable[[Client], None]] = {
    "close": lambda client: None,
    "half-close": lambda client: client.half_close(),
    "unread": lambda client: client.send("query-qmp-schema"),
    "reset": lambda client: client.reset(),
    "cut": lambda client: client.send_part(b'{"execute": "query-'),
}


def _clients_of_qemu(times: int, folder: Path, tcp: bool) -> Row:
    """After each one the next is greeted: QEMU, who serves one at a time, has seen the end."""
    folder.mkdir()
    ledger = Ledger(folder / "ledger")
    count = 0
    build = find("qemu-7.2")
    with start(build, folder, *bare(build), tcp=tcp, watched=True) as server:
        proxy = Proxy(folder, server.at, tcp=tcp)
        try:
            for how in [*_LEAVES] * times:
                with Client(proxy.at, f"e{count}", ledger) as client:
                    client.negotiate()
                    client.send("query-qmp-schema", "query-name")
                    client.answers(2)
                    with contextlib.suppress(ConnectionError):
                        _LEAVES[how](client)
                count += 1
            with Client(proxy.at, "last", ledger) as client:
                client.negotiate()
            memory, after = peak(proxy.process.pid), descriptors(proxy.process.pid)
        finally:
            proxy.stop()
    return Row(
        f"ends by clients of qemu-7.2, {'TCP' if tcp else 'UNIX'}: {', '.join(_LEAVES)}",
        f"{count + 1} sessions",
        compared(server, ledger, str(proxy.trace)),
        f"{memory:.0f} MB at most; {after} open at the end",
        "after each of them QEMU greets the next client",
    )
