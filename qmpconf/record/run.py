"""Recording from beginning to end: server, recorder and client, started and ended in order."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from qmpconf.errors import UsageError
from qmpconf.net.address import FORMS, Address, FdAddress, parse_address
from qmpconf.net.process import Folder, Server, end, start
from qmpconf.record.recorder import Ends, Observe, Recorder, ignore
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter

#: What a client that is started finds the recorder's address by.
VARIABLE = "QMPCONF_SOCKET"


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded: the trace's `path`, how much, and how the client ended.

    `client_code` is the client's exit code (negative: minus the signal that ended it), or None
    without one.  `interrupted` by a signal to the recorder, `unrecorded` when traffic passed
    after the trace could not be written any more.
    """

    path: str
    sessions: int
    messages: int
    client_code: int | None
    interrupted: bool
    unrecorded: bool


def record_trace(
    output: str,
    *,
    server: str | None = None,
    listen: str | None = None,
    spawn: str | None = None,
    client: Sequence[str] = (),
    once: bool = False,
    overwrite: bool = False,
    redact: bool = True,
    pass_on_error: bool = False,
    server_dials: bool = False,
    client_listens: bool = False,
    observe: Observe | None = None,
    complain: Callable[[str], None] = ignore,
    ready: Callable[[Address], None] = ignore,
) -> Recording:
    """Record sessions into the trace file `output` until they are over.

    `server` and `listen` are addresses (unix:PATH, a path, tcp:HOST:PORT, fd:N); `spawn` is the
    command line of a server to start, with ``{socket}`` in it; `client` the words of a client to
    start, with ``{listen}`` in them and QMPCONF_SOCKET in its environment.  It ends with the
    client, with the first session (`once`), or on SIGINT and SIGTERM.  `ready` is called with the
    address on which the recorder listens, `observe` after each message, `complain` with what the
    user should know at once.

    Raises `UsageError`, `OutputError`, `TargetError`.
    """
    with contextlib.ExitStack() as stack:
        server_address = parse_address(server) if server else None
        if server_address is None and not spawn:
            raise UsageError("say where the server is: its address, or how to start it")
        listen_address = _listen_address(listen, client, stack)
        spawned = stack.enter_context(Server(spawn, server_address)) if spawn else None
        if spawned is not None:
            server_address = spawned.address
        if server_address is None:
            raise UsageError("say where the server is")
        ends = Ends(server_address, listen_address, server_dials, client_listens)
        if spawned is not None and not server_dials:
            spawned.start()
            spawned.wait_until_bound()
        writer = TraceWriter(
            output,
            meta=_meta(ends, spawn, client),
            overwrite=overwrite,
            redact=Redactor() if redact else None,
        )
        stack.callback(writer.abandon)
        recorder = stack.enter_context(
            Recorder(
                ends,
                writer,
                once=once,
                patience=1.0 if spawned else 0.0,
                pass_on_error=pass_on_error,
                observe=observe,
                complain=complain,
            )
        )
        signals = stack.enter_context(_stopping_on_signals(recorder))
        if spawned is not None and server_dials:
            spawned.start()
        ready(recorder.listen_address)
        child = None
        if client:
            bare = recorder.listen_address.bare
            child = start(
                [word.replace("{listen}", bare) for word in client],
                environment={VARIABLE: bare},
            )
            stack.callback(end, child)
            recorder.stop_after_child(child.pid)
        elif spawned is not None and spawned.child is not None:
            recorder.stop_after_child(spawned.child.pid)
        recorder.run()
        code = None
        if child is not None:
            code = end(child) if signals else child.wait()
        return Recording(
            output,
            recorder.sessions,
            writer.messages,
            code,
            bool(signals),
            recorder.failed is not None,
        )


def _listen_address(
    listen: str | None, client: Sequence[str], stack: contextlib.ExitStack
) -> Address:
    if listen:
        address = parse_address(listen)
        if client and isinstance(address, FdAddress):
            raise UsageError("a client that is started needs a path or HOST:PORT to connect to")
        return address
    if not client:
        raise UsageError(f"say where clients connect: {FORMS}")
    folder = Folder()
    stack.callback(folder.close)
    return folder.socket("proxy.sock")


def _meta(ends: Ends, spawn: str | None, client: Sequence[str]) -> Mapping[str, Any]:
    meta: dict[str, Any] = {"server": str(ends.server), "listen": str(ends.client)}
    if spawn:
        meta["spawn"] = spawn
    if client:
        meta["client"] = list(client)
    if ends.server_dials:
        meta["server-dials"] = True
    if ends.client_listens:
        meta["client-listens"] = True
    return meta


@contextlib.contextmanager
def _stopping_on_signals(recorder: Recorder) -> Iterator[list[int]]:
    """SIGINT and SIGTERM stop the recorder in order; which ones came stands in the list.

    Only the main thread can have signals; elsewhere the list stays empty.
    """
    came: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        came.append(number)
        recorder.stop()

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        yield came
        return
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
