"""Recording what a test's client says to its server, and checking it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from qmpconf.check.checking import Outcome, check, chooser
from qmpconf.closing import Closing
from qmpconf.errors import UsageError
from qmpconf.net.address import Address, FdAddress, TcpAddress, parse_address
from qmpconf.net.process import START, Folder, Server
from qmpconf.record.arrivals import Ends
from qmpconf.record.recorder import Recorder as Proxy
from qmpconf.testing.endpoint import At, Endpoint
from qmpconf.text import counted
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.summary import Summary, summarize
from qmpconf.trace.writer import TraceWriter

if TYPE_CHECKING:
    from qmpconf.check.choice import Choose

#: Seconds that what clients have said last may take to get into the trace.
_QUIET = 2.0
#: Seconds in which a server that was not started by us may begin to listen.
_PATIENCE = 1.0


class Recording(At):
    """One recorder: a trace at `path_of_trace`, between an address and a server."""

    def __init__(
        self, server: Address, trace: str, meta: Mapping[str, Any], *, patience: float = _PATIENCE
    ) -> None:
        self.trace = trace
        self.complaints: list[str] = []
        self._failure: BaseException | None = None
        self._folder = Folder()
        try:
            where: Address = self._folder.socket("qmp.sock")
            if isinstance(server, TcpAddress):  # as its server does
                where = TcpAddress("127.0.0.1", 0)
            writer = TraceWriter(trace, meta={"server": str(server), **meta}, redact=Redactor())
            try:
                self._proxy = Proxy(
                    Ends(server, where),
                    writer,
                    patience=patience,
                    complain=self.complaints.append,
                )
            except BaseException:
                writer.discard()
                raise
        except BaseException:
            self._folder.close()
            raise
        super().__init__(self._proxy.listen_address)
        self._thread = threading.Thread(target=self._work, name="qmpconf-recorder", daemon=True)
        self._thread.start()

    @property
    def sessions(self) -> int:
        """How many sessions there were."""
        return self._proxy.sessions

    def _work(self) -> None:
        try:
            self._proxy.run()
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self._failure = error

    def settle(self) -> None:
        """Wait until what clients have said so far is in the trace."""
        self._proxy.wait_until_quiet(_QUIET)

    def close(self) -> None:
        """Stop, with all that clients have said in the trace; raise what went wrong."""
        self._proxy.stop_when_quiet(_QUIET)
        self._thread.join()
        self._folder.close()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure


class Recorder(Closing, Endpoint):
    """Stands between a client and its server, and writes what they say into a trace.

    A client connects to the recorder as it would to `server`, which is as `__call__` takes it, or
    a function that calls the recorder when somebody asks for its address first.  Calling the
    recorder with another server gives the way to that one, with a trace of its own in `folder`.
    Passwords and secrets are replaced in the traces.  A message is in the trace before it is
    delivered.

    A context manager.  Raises UsageError, TargetError.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        server: str | Endpoint | Callable[[Recorder], Endpoint] = "",
        *,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = os.fspath(folder)
        self._server = server
        self._meta = dict(meta or {})
        self._stack = ExitStack()
        self._first: Endpoint | None = None
        self._closed = False
        self.recordings: list[Recording] = []

    def __repr__(self) -> str:
        return f"<Recorder, {counted(len(self.recordings), 'recording')} in {self._folder}>"

    def __call__(self, server: str | Endpoint = "", *, spawn: str = "") -> Endpoint:
        """Where a client connects that is to talk to `server`.

        `server` is its address (``unix:PATH``, a path, ``tcp:HOST:PORT``), or what another fixture
        gave; `spawn` a command line with ``{socket}`` that starts it.
        """
        if self._closed:
            raise UsageError("the recorder has ended")
        if bool(server) == bool(spawn):
            raise UsageError("say where the server is, or how to start it: one of both")
        patience = _PATIENCE
        if spawn:
            started = self._stack.enter_context(Server(spawn))
            started.start()
            started.wait_until_bound()
            where, patience = started.address, START
        elif isinstance(server, Endpoint):
            where = parse_address(server.address)
        else:
            where = parse_address(server)
        if isinstance(where, FdAddress):
            raise UsageError(f"{where} is one connection; give the server's address")
        number = f"-{len(self.recordings) + 1}" if self.recordings else ""
        path = os.path.join(self._folder, f"qmp{number}.qmptrace")
        recording = Recording(where, path, self._meta, patience=patience)
        self.recordings.append(recording)
        return recording

    def _where(self) -> Address:
        __tracebackhide__ = True
        if self._first is None:
            server = self._server
            if isinstance(server, str | Endpoint):
                self._first = self(server)
            else:
                self._first = server(self)
        return parse_address(self._first.address)

    @property
    def trace(self) -> str:
        """The path of the trace.  Raises UsageError where there is none, or there are several."""
        if len(self.recordings) != 1:
            raise UsageError(
                f"{counted(len(self.recordings), 'trace is', 'traces are')} here: see `traces`"
            )
        return self.recordings[0].trace

    @property
    def traces(self) -> list[str]:
        """The paths of all traces, in the order in which servers were asked for."""
        return [one.trace for one in self.recordings]

    def messages(self) -> list[Summary]:
        """What was said up to now: name, kind, latency, ... of each message."""
        readers = (TraceReader(path) for path in self.traces)
        return [one for reader in readers for one in summarize(reader.items(), reader.begin)]

    def commands(self) -> list[str]:
        """The names of the commands that clients have sent up to now."""
        return [one.name for one in self.messages() if one.kind == "command"]

    def check(self, schema: str | Choose | None = "auto") -> list[Outcome]:
        """Check what was said up to now; one outcome a trace.  `schema` as `qmpconf.check_trace`."""
        choose = chooser(schema) if isinstance(schema, str) else schema
        return [check(TraceReader(path), choose) for path in self.traces]

    def close(self) -> None:
        """Stop recording, and end the servers that were started for it."""
        self._closed = True
        with self._stack as stack:
            for one in self.recordings:
                stack.callback(one.close)
