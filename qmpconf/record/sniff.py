"""Passive recording: what passes on a network interface, for a session that cannot be redirected.

Nothing is between the client and the server, so nothing is promised but to tell the truth: bytes
that the system did not hand over are a gap in the trace, and how many packets it dropped is said.
The trace is not written ahead of delivery, and holds no descriptors.

scapy opens the interface, puts back VLAN tags and times, and sets a filter where libpcap is there;
elsewhere the port is looked for here.  It is imported when a capture begins.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from qmpconf.errors import TargetError, UsageError
from qmpconf.net.endpoint import reason
from qmpconf.net.waker import Stopping
from qmpconf.record.recorder import Observe, ignore
from qmpconf.record.recording import Signals
from qmpconf.record.records import Clock, RecordWriter
from qmpconf.text import counted
from qmpconf.trace.capture.layers import Decoder
from qmpconf.trace.capture.segments import Packet, moment
from qmpconf.trace.capture.sessions import Sessions
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.rotation import Rotation
from qmpconf.trace.writer import TraceWriter

#: Seconds after which it is looked whether something was waited for long enough.
_TICK = 0.25
#: Longer than any packet, also those that the system has glued together.
_LONGEST = 1 << 19
#: Bytes that the system keeps for us while we are busy.
_BUFFER = 16 << 20
#: Packets that are taken before anything else is looked at.
_BURST = 256

#: The link layer of packets, by the number of an interface's kind (linux/if_arp.h).
_LINKS = {1: 1, 772: 1, 512: 9, 519: 101, 768: 101, 65534: 101}

#: SO_ATTACH_FILTER, and the instruction of a filter (linux/bpf_common.h) that says how much to take.
_ATTACH_FILTER, _RETURN = 26, 6
_SOL_PACKET, _STATISTICS, _RCVBUFFORCE = 263, 6, 33


@dataclass(slots=True)
class Sniffed:
    """What was captured: the trace's `path`, and how much.

    `dropped` counts packets that the system had no room for; `told` is what the user should know.
    `interrupted` by a signal.
    """

    path: str
    sessions: int = 0
    messages: int = 0
    packets: int = 0
    dropped: int = 0
    interrupted: bool = False
    told: list[str] = field(default_factory=list)


def sniff_trace(
    output: str,
    *,
    interface: str,
    port: int,
    once: bool = False,
    overwrite: bool = False,
    rotation: Rotation | None = None,
    redact: bool = True,
    secrets: Iterable[str] = (),
    observe: Observe | None = None,
    ended: Callable[[int], None] = ignore,
    complain: Callable[[str], None] = ignore,
    ready: Callable[[str], None] = ignore,
) -> Sniffed:
    """Capture the sessions of a TCP `port` on an `interface` into the trace file `output`.

    It ends on SIGINT and SIGTERM, or with the first session (`once`).  With `rotation` the trace is
    in parts, and `output` names them all.  `observe` is called after each message,
    `ended` with the number of a session that is over, `complain` with what the user should know at
    once, `ready` when it has begun.

    Raises `UsageError` for an interface that is not there or may not be captured from,
    `OutputError`, and `TargetError` where the interface goes away.
    """
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        tap = stack.enter_context(contextlib.closing(_Tap(interface, port)))
        start = time.time_ns() // 1000 * 1000
        clock = Clock()
        writer = TraceWriter(
            output,
            meta={"interface": interface, "port": port},
            overwrite=overwrite,
            rotation=rotation,
            clock=clock,
            redact=Redactor(secrets) if redact else None,
            complain=complain,
            started=moment(start),
        )
        stack.callback(writer.abandon)
        sessions = Sessions(port, start, notes := Notes())
        records = RecordWriter(writer, clock, sessions.wire, observe, ended)
        sniffer = _Sniffer(tap, sessions, notes, records)
        stack.callback(sniffer.close)
        signals.stops(sniffer)
        ready(f"{interface}, port {port}")
        try:
            sniffer.run(once=once)
        except OSError as error:
            sniffer.finish()
            raise TargetError(
                f"cannot capture on {interface} any more: {reason(error)}; what was captured so "
                f"far is in {output}"
            ) from error
        sniffer.finish()
        signals.stops(None)
        result = Sniffed(output, writer.sessions, writer.messages, sniffer.packets)
        result.interrupted = bool(signals.came)
        result.dropped = tap.dropped
        if result.dropped:
            notes.damage(
                f"the system dropped {counted(result.dropped, 'packet')}: there was no room left"
            )
        for _, _, text in notes.told():
            result.told.append(text)
            complain(text)
        return result


class _Sniffer(Stopping):
    """Packets into a trace; `run` ends when `stop` is called."""

    def __init__(self, tap: _Tap, sessions: Sessions, notes: Notes, records: RecordWriter) -> None:
        super().__init__()
        self.packets = 0
        self._tap = tap
        self._sessions = sessions
        self._decoder = Decoder(notes)
        self._records = records

    def run(self, *, once: bool) -> None:
        """Capture until it is stopped; or, with `once`, until a session has been and gone."""
        due = time.monotonic() + _TICK
        while not self.is_stopped and not (
            once and self._sessions.wire.sessions and not self._records.live
        ):
            waited = (self._tap.fileno(), self.fileno())
            select.select(waited, (), (), max(0.0, due - time.monotonic()))
            self._drain(_BURST)
            if time.monotonic() >= due:
                self._records.put(self._sessions.tick(time.time_ns()))
                due = time.monotonic() + _TICK

    def finish(self) -> None:
        """Take what is there already, and end the trace."""
        with contextlib.suppress(OSError):
            self._drain(1 << 20)
        self._records.put(self._sessions.finish())
        self._records.finish()

    def _drain(self, most: int) -> None:
        for _ in range(most):
            packet = self._tap.packet(self.packets + 1)
            if packet is None:
                return
            self.packets += 1
            segment = self._decoder.segment(packet)
            if segment is not None:
                self._records.put(self._sessions.take(segment))


class _Tap:
    """An interface that is listened to.  Raises `UsageError`."""

    def __init__(self, interface: str, port: int) -> None:
        names = [name for _, name in socket.if_nameindex()]
        if interface not in names:
            raise UsageError(
                f"there is no interface {interface!r}; there are {', '.join(sorted(names))}"
            )
        self._socket: Any = _opened(interface, port)
        self._fd: int = self._socket.ins.fileno()
        self._socket.ins.setblocking(False)
        kind = self._socket.ins.getsockname()[3]
        self._dropped = 0
        if kind not in _LINKS:
            self.close()
            raise UsageError(f"{interface} has packets of a kind that is not known here ({kind})")
        self._link = _LINKS[kind]

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._fd

    def packet(self, number: int) -> Packet | None:
        """The next packet; None if there is none now.  Raises `OSError`."""
        try:
            _, data, when = self._socket.recv_raw(_LONGEST)
        except BlockingIOError:
            return None
        if data is None:
            return None
        ns = time.time_ns() if when is None else round(when * 1e6) * 1000
        return Packet(number, ns, self._link, data, len(data))

    @property
    def dropped(self) -> int:
        """How many packets the system had no room for."""
        with contextlib.suppress(OSError, struct.error):
            found = self._socket.ins.getsockopt(_SOL_PACKET, _STATISTICS, 8)
            self._dropped += struct.unpack("II", found)[1]
        return self._dropped

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def _opened(interface: str, port: int) -> Any:
    """A socket of scapy's on the interface, with a filter if that can be."""
    from scapy.arch.common import compile_filter  # noqa: PLC0415 - takes a third of a second
    from scapy.arch.linux import L2ListenSocket  # noqa: PLC0415
    from scapy.error import Scapy_Exception  # noqa: PLC0415

    try:
        for wanted in _filters(port):
            with contextlib.suppress(Scapy_Exception):
                found = L2ListenSocket(iface=interface, filter=wanted)
                if wanted is not None:
                    program = compile_filter(wanted, interface)
                    _take_whole(program)
                    found.ins.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
                break
        with contextlib.suppress(OSError):
            found.ins.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER)
    except PermissionError as error:
        raise UsageError(
            f"capturing on {interface} needs the capability CAP_NET_RAW: run it as root, or give "
            "that capability to the Python that runs it"
        ) from error
    except OSError as error:
        hint = "; set it up first" if error.errno == errno.ENETDOWN else ""
        raise UsageError(f"cannot capture on {interface}: {reason(error)}{hint}") from error
    return found


def _take_whole(program: Any) -> None:
    """Have a filter cut nothing off: libpcap's ends packets that the system glued together at 64 KiB."""
    for index in range(program.bf_len):
        step = program.bf_insns[index]
        if step.code == _RETURN and step.k:
            step.k = _LONGEST


def _filters(port: int) -> Iterator[str | None]:
    """What is wanted, as tcpdump has it: the port, also in a VLAN, and all fragments; or anything."""
    later = "(ip proto 6 and ip[6:2] & 0x1fff != 0) or ip6[6] == 44"
    yield f"tcp port {port} or {later} or (vlan and tcp port {port})"
    yield None
