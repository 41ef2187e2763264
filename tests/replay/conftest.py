"""Recordings and targets for replays: the embedded monitor, fakes, and traces made by hand."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import UnixAddress
from qmpconf.net.endpoint import Listener
from qmpconf.protocol.framing import CLIENT_LIMITS, MESSAGES, SERVER_LIMITS, Frame, Framer
from qmpconf.record.arrivals import Ends
from qmpconf.record.recorder import Recorder
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.schema.store import load_shipped
from qmpconf.trace.records import Descriptor
from qmpconf.trace.writer import TraceWriter

CATALOG = load_shipped("qemu-7.2.22")

Client = Callable[[Path], None]


@contextmanager
def monitors(*paths: Path) -> Iterator[Monitor]:
    """One embedded monitor that serves at `paths`."""
    monitor = Monitor(CATALOG, lambda: 1_000_002)
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(UnixAddress(str(path)))) for path in paths]
        stack.enter_context(MonitorServer(monitor, listeners))
        yield monitor


def exchange(path: Path, *pieces: bytes, close: bool = False) -> bytes:
    """Send pieces, each after all answers to the one before; half-close, and read to the end.

    Events that come behind the answers are waited for only until the server falls silent.
    """
    received = b""
    asked, told = Framer(CLIENT_LIMITS), Framer(SERVER_LIMITS)
    due = 1  # the greeting

    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        for piece in pieces:
            sock.sendall(piece)
            due += sum(frame.kind in MESSAGES for frame in asked.feed(piece))
            sock.settimeout(60)
            while due > 0 and (data := sock.recv(65536)):
                received += data
                due -= sum(map(_is_answer, told.feed(data)))
            sock.settimeout(0.03)
            with contextlib.suppress(TimeoutError):
                while data := sock.recv(65536):
                    received += data
        if not close:
            sock.settimeout(60)
            sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                received += data
    return received


def _is_answer(frame: Frame) -> bool:
    """Whether it is the greeting or a response."""
    return frame.kind in MESSAGES and b'"timestamp": ' not in frame.data


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., str]:
    """Record what a function does with the recorder's socket, before an embedded monitor."""

    def make(client: Client, *, name: str = "recorded.qmptrace") -> str:
        server, proxy, trace = tmp_path / "s", tmp_path / "p", tmp_path / name
        with monitors(server), TraceWriter(str(trace), overwrite=True) as writer:
            ends = Ends(UnixAddress(str(server)), UnixAddress(str(proxy)))
            with Recorder(ends, writer) as recorder:
                thread = threading.Thread(target=recorder.run)
                thread.start()
                try:
                    client(proxy)
                finally:
                    recorder.stop()
                    thread.join()
        return str(trace)

    return make


@pytest.fixture
def again(tmp_path: Path) -> Callable[..., ReplayResult]:
    """Replay a trace against a fresh embedded monitor; keyword arguments go to the replay."""

    def play(trace: str, **options: object) -> ReplayResult:
        target = tmp_path / "again"
        with monitors(target):
            return replay_trace(
                trace,
                target=str(target),
                output=str(tmp_path / "again.qmptrace"),
                overwrite=True,
                **options,  # type: ignore[arg-type]
            )

    return play


@contextmanager
def serving(path: Path, behave: Callable[[socket.socket], None]) -> Iterator[None]:
    """A fake server at `path`: `behave` talks to each client, one after the other."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    left = threading.Event()

    def serve() -> None:
        while not left.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(60)
                try:
                    behave(client)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        left.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def written(
    path: Path, script: Sequence[str | tuple[str, tuple[Descriptor, ...]]], *, finish: bool = True
) -> str:
    """A trace made by hand: lines of ``CONN->text``, ``CONN<-text``, ``CONN+``, ``CONN-SIDE``."""
    writer = TraceWriter(str(path), overwrite=True)
    for line in script:
        text, fds = line if isinstance(line, tuple) else (line, ())
        conn, mark, rest = int(text[0]), text[1:3], text[3:]
        if text[1] == "+":
            writer.open(conn, client="c", server="unix:recorded.sock")
        elif mark == "->":
            frames = Framer(CLIENT_LIMITS).feed(rest.encode() + b"\n")
            writer.frames(conn, "client", frames, fds)
        elif mark == "<-":
            frames = Framer(SERVER_LIMITS).feed(rest.encode() + b"\r\n")
            writer.frames(conn, "server", frames)
        elif text[2:] == "client":
            writer.close(conn, "client")
        elif text[2:] == "server":
            writer.close(conn, "server")
        elif text[2:] == "shut":
            writer.shut(conn, "client")
        else:
            raise ValueError(text)
    if finish:
        writer.finish()
    else:
        writer.abandon()
    return str(path)
