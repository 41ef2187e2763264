"""A trace played as the server, from beginning to end: listen, serve, say what was played.

`serve_trace` is the verb ``serve TRACE``, and what ``record --mode`` does instead of recording.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from qmpconf.errors import InputError, UsageError
from qmpconf.monitor.server import MonitorServer, Served
from qmpconf.net.address import FORMS, Address, FdAddress, parse_address
from qmpconf.net.endpoint import Listener
from qmpconf.net.process import Folder, end, start
from qmpconf.record.recording import VARIABLE, Signals
from qmpconf.replay.gaps import require_whole
from qmpconf.replay.serve.monitor import Order, Stage
from qmpconf.replay.serve.outcome import Played
from qmpconf.replay.serve.script import Scene, Shelf, read_script
from qmpconf.trace.lines import Lines
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.shared import of_clients


def _itself(served: Served) -> Served:
    """Served as it is."""
    return served


def serve_trace(
    trace: str,
    *,
    listen: Sequence[str] = (),
    client: Sequence[str] = (),
    order: Order = "strict",
    once: bool = False,
    timeout: float | None = None,
    protocol: str = "",
    way: Callable[[Served], Served] = _itself,
    ready: Callable[[Sequence[Address]], None] = lambda _: None,
) -> Played:
    """Answer live clients from `trace`, until all its sessions were played.

    `listen` are addresses (unix:PATH, a path, tcp:HOST:PORT, fd:N); `client` the words of a client
    to start, with ``{listen}`` in them and QMPCONF_SOCKET in its environment: it ends with that.
    With `once`, only the first session is played.  `order` is described in
    `qmpconf.replay.serve.monitor`.  `timeout` is the number of seconds in which a client has to connect,
    and to say something.  `protocol` says what is spoken (``qmp``, ``qga``; empty: as the trace
    shows).  `way` gives what is served in place of the trace itself: with faults, recorded.  SIGINT, SIGTERM and
    SIGHUP end it, and the client; so does a client that falls silent.  `ready` is called with the addresses.

    Raises `InputError` for a trace that cannot be read or has no session, `UsageError`.
    """
    if not listen and not client:
        raise UsageError(f"say where clients connect: {FORMS}")
    result = Played(trace)
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        lines = stack.enter_context(Lines(TraceReader(trace)))
        scenes = read_scenes(trace, result, lines, protocol)
        addresses = [parse_address(text) for text in listen]
        if not addresses:
            folder = Folder()
            stack.callback(folder.close)
            addresses = [folder.socket("proxy.sock")]
        if client and isinstance(addresses[0], FdAddress):
            raise UsageError("a client that is started needs a path or HOST:PORT to connect to")
        listeners = [stack.enter_context(Listener(address)) for address in addresses]
        child: subprocess.Popen[bytes] | None = None

        def is_over() -> bool:
            return child is not None and child.poll() is not None

        stage = Stage(
            scenes[:1] if once else scenes,
            result,
            order=order,
            patience=timeout,
            clock=time.monotonic,
            is_over=is_over if client else None,
        )
        server = MonitorServer(way(stage), listeners, together=True)
        signals.stops(server)
        ready([one.address for one in listeners])
        if client:
            bare = listeners[0].address.bare
            child = start(
                [word.replace("{listen}", bare) for word in client], environment={VARIABLE: bare}
            )
            stack.callback(end, child)
        server.run()
        if child is not None:
            try:
                signals.stops(None)
                is_ended = bool(signals.came or result.failure)
                result.client_code = end(child) if is_ended else child.wait()
            except KeyboardInterrupt:
                result.client_code = end(child)
        result.interrupted = signal.SIGINT in signals.came
    return result


def read_scenes(
    trace: str, result: Played, shelf: Shelf | None = None, protocol: str = ""
) -> list[Scene]:
    """The sessions of `trace` as scenes to play; `result` is warned of what is missing in it.

    What `shelf` holds is not kept in memory.  Raises `InputError` for a trace that cannot be read or has no session.
    """
    reader = TraceReader(trace, protocol)
    require_whole(reader, "served: a client would wait for what is missing")
    scenes = read_script(of_clients(reader.items()), shelf, reader.begin)
    if not scenes:
        raise InputError(f"{trace} holds no session: there is nothing to serve")
    if reader.torn:
        result.warnings.append(
            f"{trace}: line {reader.torn} is torn: the recording was cut off there"
        )
    elif not reader.finished:
        result.warnings.append(f"{trace} was cut off: it has no last line; what is there is served")
    return scenes
