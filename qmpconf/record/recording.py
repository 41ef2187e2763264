"""Recording from beginning to end: server, recorder and client, started and ended in order."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, Self

from qmpconf.errors import UsageError
from qmpconf.net.address import FORMS, Address, FdAddress, UnixAddress, parse_address
from qmpconf.net.endpoint import is_bound
from qmpconf.net.process import START, Folder, Server, end, ended, start
from qmpconf.record.arrivals import Ends
from qmpconf.record.attach import Attached, Watcher
from qmpconf.record.plan import Share
from qmpconf.record.recorder import Observe, Recorder, ignore
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.rotation import Rotation
from qmpconf.trace.writer import TraceWriter

if TYPE_CHECKING:
    from qmpconf.faults.engine import Happened
    from qmpconf.faults.rules import Rule, Schedule
    from qmpconf.record.faulty import FaultyRecorder

#: What a client that is started finds the recorder's address by.
VARIABLE = "QMPCONF_SOCKET"


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded: the trace's `path`, how much, and how the client ended.

    `client_code` is the client's exit code (negative: minus the signal that ended it), or None
    without one.  `interrupted` by a signal to the recorder, `unrecorded` when traffic passed
    after the trace could not be written any more.  `unreached` when no session reached the
    server, or the server that was started came to a bad end.  `faults` are those that happened on purpose, as
    rules that mean one message each; `timed_out` when the client had to be ended.
    """

    path: str
    sessions: int
    messages: int
    client_code: int | None
    interrupted: bool
    unrecorded: bool
    unreached: bool = False
    faults: tuple[Rule, ...] = ()
    timed_out: bool = False


def record_trace(
    output: str,
    *,
    server: str | None = None,
    listen: str | None = None,
    spawn: str | None = None,
    attach: str | None = None,
    client: Sequence[str] = (),
    limit: float | None = None,
    quiet_client: bool = False,
    once: bool = False,
    overwrite: bool = False,
    rotation: Rotation | None = None,
    protocol: str = "",
    redact: bool = True,
    secrets: Iterable[str] = (),
    pass_on_error: bool = False,
    server_dials: bool = False,
    client_listens: bool = False,
    share: Share | None = None,
    faults: Schedule | str | None = None,
    fault: Callable[[Happened], None] = ignore,
    observe: Observe | None = None,
    ended: Callable[[int], None] = ignore,
    complain: Callable[[str], None] = ignore,
    ready: Callable[[Address], None] = ignore,
) -> Recording:
    """Record sessions into the trace file `output` until they are over.

    `server` and `listen` are addresses (unix:PATH, a path, tcp:HOST:PORT, fd:N); `spawn` is the
    command line of a server to start, with ``{socket}`` in it; `attach` a monitor of a machine that
    is given another one, which is the server then (`qmpconf.record.attach`), and is only watched
    where there is neither `listen` nor `client`; `client` the words of a client to
    start, with ``{listen}`` in them and QMPCONF_SOCKET in its environment; it is ended after `limit` seconds, and with
    `quiet_client` gets no input, and what it prints is thrown away.  With `rotation` the trace
    is in parts, and `output` names them all.  With `share`, clients share one session with the server.  `faults` go
    wrong on purpose (qmpconf/faults/README.md; a name or a file of rules), and `fault` is called with each.  `protocol` says what they speak (``qmp``, ``qga``),
    where the traffic shall not have to tell it.  `redact` keeps secrets out
    of the trace; `secrets` are exact values that are one wherever they stand.  It ends with the
    client, with the first session (`once`), or on SIGINT, SIGTERM and SIGHUP.  `ready` is called with the
    address on which the recorder listens, `observe` after each message, `ended` with the number
    of a session that is over, `complain` with what the
    user should know at once.

    Raises `UsageError` for arguments that do not fit together or a file that exists, `OutputError`
    for a trace that cannot be written, `TargetError` for a server that cannot be had.  How it works
    is in qmpconf/record/README.md.

    >>> from qmpconf import record_trace
    >>> client = ["qmpconf", "schema", "fetch", "--target", "{listen}", "-o", "mine.json"]
    >>> done = record_trace(
    ...     "session.qmptrace", spawn="qmpconf serve --listen {socket}", client=client
    ... )
    >>> done.client_code, done.sessions
    (0, 1)
    """
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        server_address = parse_address(server) if server else None
        if server_address is None and not (spawn or attach):
            raise UsageError("say where the server is: its address, or how to start it")
        watcher = Watcher(complain) if attach and not (listen or client) else None
        if watcher is not None:
            stack.callback(watcher.join)  # the recorder is closed by then
        listen_address = _listen_address(listen, client or watcher, stack)
        if attach:
            attached = stack.enter_context(
                Attached(_attach_address(attach, server or spawn), complain)
            )
            server_address = attached.address
        spawned = stack.enter_context(Server(spawn, server_address)) if spawn else None
        if spawned is not None:
            server_address = spawned.address
        if server_address is None:
            raise UsageError("say where the server is")
        ends = Ends(server_address, listen_address, server_dials, client_listens)
        if spawned is None and not server_dials and not _is_there(server_address):
            complain(f"nobody listens at {server_address}: clients are refused until somebody does")
        if spawned is not None and not server_dials:
            spawned.start()
            spawned.wait_until_bound()
        redactor = Redactor(secrets) if redact else None
        writer = TraceWriter(
            output,
            meta=_meta(ends, spawn, client, redactor, protocol)
            | ({"attach": attach} if attach else {})
            | ({"share": True} if share is not None else {}),
            overwrite=overwrite,
            rotation=rotation,
            redact=redactor,
            complain=complain,
        )
        stack.push(_closing(writer))
        if faults is not None and share is not None:
            raise UsageError("faults and a shared monitor do not go together")
        make: Callable[..., Recorder] = sharing(share)
        if faults is not None:
            make = partial(_faulty(), schedule=_schedule(faults), told=fault)
        recorder = stack.enter_context(
            make(
                ends,
                writer,
                once=once or watcher is not None,
                patience=_patience(spawned),
                pass_on_error=pass_on_error,
                observe=observe,
                ended=ended,
                complain=complain,
            )
        )
        signals.stops(recorder)
        if spawned is not None and server_dials:
            spawned.start()
        if watcher is not None:
            watcher.start(recorder.listen_address)
        ready(recorder.listen_address)
        child = None
        late: list[object] = []  # the client, if it had to be ended
        if client:
            bare = recorder.listen_address.bare
            child = start(
                [word.replace("{listen}", bare) for word in client],
                environment={VARIABLE: bare},
                unheard=quiet_client,
            )
            stack.callback(end, child)
            recorder.stop_after_process(child.pid)
            if limit is not None:
                recorder.end_after(limit, partial(late.append, child), partial(end, child))
        elif spawned is not None and spawned.child is not None:
            recorder.stop_after_process(spawned.child.pid)
        recorder.run()
        code = None
        if child is not None:
            signals.stops(None)
            try:
                code = child.wait() if not signals.came else end(child)
            except KeyboardInterrupt:
                code = end(child)
        crashed = spawned is not None and _crashed(spawned, complain)
        return Recording(
            output,
            recorder.sessions,
            writer.messages,
            code,
            bool(signals.came),
            recorder.unrecorded,
            crashed or 0 < recorder.sessions == recorder.refused,
            tuple(recorder.happened),
            bool(late),
        )


def sharing(share: Share | None) -> Callable[..., Recorder]:
    """What makes a recorder; its clients share the server, if they are to."""
    if share is None:
        return Recorder
    from qmpconf.record.sharing.recorder import SharingRecorder  # noqa: PLC0415 - slow to import

    observers = parse_address(share.observe) if share.observe else None
    return partial(SharingRecorder, observe_at=observers, all_write=share.all_write)


def _faulty() -> type[FaultyRecorder]:
    """What makes a recorder with faults on purpose."""
    from qmpconf.record.faulty import FaultyRecorder  # noqa: PLC0415 - hardly anybody wants it

    return FaultyRecorder


def _schedule(faults: Schedule | str) -> Schedule:
    """The schedule, read where it is named."""
    from qmpconf.faults.ready import load_schedule  # noqa: PLC0415 - hardly anybody wants it

    return load_schedule(faults) if isinstance(faults, str) else faults


def _is_there(server: Address) -> bool:
    """Whether the server listens, as far as it can be seen without connecting to it."""
    return not isinstance(server, UnixAddress) or is_bound(server.name)


def _closing(writer: TraceWriter) -> Callable[[Any, BaseException | None, Any], None]:
    """Close a trace that was not finished; one that could not even begin goes altogether."""

    def close(_: Any, error: BaseException | None, __: Any) -> None:
        if isinstance(error, UsageError):
            writer.discard()
        else:
            writer.abandon()

    return close


def _crashed(server: Server, complain: Callable[[str], None]) -> bool:
    """Whether the server that was started has come to a bad end by itself."""
    code = server.child.poll() if server.child is not None else None
    if not code:
        return False
    complain(f"the server ended with {ended(code)}")
    return True


def _patience(server: Server | None) -> float:
    """Seconds in which a connection that is refused is tried again."""
    if server is None:
        return 0.0
    # A UNIX socket was seen; whether a TCP port is ready shows only when one connects.
    return 1.0 if isinstance(server.address, UnixAddress) else START


def _attach_address(attach: str, other: str | None) -> Address:
    if other:
        raise UsageError(
            "a monitor is added to a machine that runs: its own is all there is to say"
        )
    address = parse_address(attach)
    if isinstance(address, FdAddress):
        raise UsageError(
            "the machine is needed twice, also to remove the monitor: name its address"
        )
    return address


def _listen_address(
    listen: str | None, client: Sequence[str] | Watcher | None, stack: contextlib.ExitStack
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


def _meta(
    ends: Ends, spawn: str | None, client: Sequence[str], redactor: Redactor | None, protocol: str
) -> dict[str, Any]:
    meta: dict[str, Any] = {"server": str(ends.server), "listen": str(ends.client)}
    if protocol:
        meta["protocol"] = protocol
    if spawn:
        meta["spawn"] = redactor.command_line(spawn) if redactor else spawn
    if client:
        meta["client"] = redactor.words(client) if redactor else list(client)
    if ends.server_dials:
        meta["server-dials"] = True
    if ends.client_listens:
        meta["client-listens"] = True
    return meta


class Stoppable(Protocol):
    """What a signal can stop: `stop` ends it, and a signal makes it look around once it takes them."""

    def take_signals(self) -> None:
        """Look around when a signal comes, until it is closed."""

    def stop(self) -> None:
        """End it."""


class Signals:
    """SIGINT, SIGTERM and SIGHUP stop what goes on in order; which ones came stands in `came`.

    SIGHUP is left alone where it is ignored, as by nohup.
    As long as no recorder `stops` by them, they raise KeyboardInterrupt.  Only the main thread
    can have signals; elsewhere none come.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self._recorder: Stoppable | None = None
        self._before: dict[int, Any] = {}

    def stops(self, recorder: Stoppable | None) -> None:
        """From now on, stop `recorder`; or interrupt, if it is None."""
        self._recorder = recorder
        if recorder is not None and self._before:
            recorder.take_signals()

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            # Without this exception the caller is not a main thread, and signals are not its business.
            with contextlib.suppress(ValueError):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self.stops(None)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.came.append(number)
        if self._recorder is not None:
            self._recorder.stop()
        else:
            raise KeyboardInterrupt
