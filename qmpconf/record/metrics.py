"""What a recorder counts, for Prometheus: messages, response times by command, and commands that wait.

`Metrics` watches the sessions of any number of monitors as they are recorded, and answers whoever scrapes
it, in a thread of its own.  How many different names it keeps is bounded: others are counted together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from qmpconf.closing import Closing
from qmpconf.errors import UsageError
from qmpconf.net.address import TcpAddress, parse_address
from qmpconf.net.endpoint import reason
from qmpconf.protocol.framing import Frame
from qmpconf.text import printable
from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Side
from qmpconf.trace.summary import Summaries, Summary

#: Names of commands that are told apart.
_MOST = 500
#: What others are called.
_OTHERS = "(others)"
#: Seconds in which responses come: from a query to a snapshot.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Watched:
    """One monitor, as `Recorder` reports it: what is recorded, and that a session is over."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self.name = printable(name)
        self.sessions: dict[int, None] = {}
        self._metrics = metrics
        self._summaries = Summaries()
        self._start = 0.0

    def observe(self, conn: int, sender: Side, frames: Sequence[Frame], t: float) -> None:
        """Count what was recorded `t` seconds after the recording began."""
        self.sessions[conn] = None
        self._start = time.monotonic() - t
        for frame in frames:
            found = self._summaries.take(Item(0, t, conn, sender, frame))
            if found is not None:
                self._metrics.count(self.name, found)

    def ended(self, conn: int) -> None:
        """Forget a session."""
        self.sessions.pop(conn, None)
        self._summaries.take(Close(0, 0.0, conn, "recorder"))

    def waiting(self) -> tuple[int, float]:
        """How many commands wait for their responses, and for how many seconds the oldest does."""
        asked = self._summaries.asked()
        now = time.monotonic() - self._start
        return len(asked), max(0.0, now - min(asked)) if asked else 0.0


class Metrics(Closing):
    """Serves what it counts at ``http://ADDRESS/metrics``; `address` is HOST:PORT or tcp:HOST:PORT.

    `port` is where it listens, `url` where it answers.  Raises `UsageError` for an address that cannot be used, or where
    prometheus-client is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import prometheus_client as client  # noqa: PLC0415 - not everybody has it, or needs it
            from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415
        except ImportError:
            raise UsageError(
                "--metrics needs another package: pip install 'qmpconf[hosts]'"
            ) from None
        where = parse_address(address if address.startswith("tcp:") else f"tcp:{address}")
        if not isinstance(where, TcpAddress):
            raise UsageError(f"--metrics {address}: write HOST:PORT")
        self._gauge: Any = GaugeMetricFamily
        self._watched: dict[str, Watched] = {}
        self._commands: set[str] = set()
        registry = client.CollectorRegistry()
        self._messages = client.Counter(
            "qmp_messages", "Messages recorded", ("monitor", "sender", "kind"), registry=registry
        )
        self._bytes = client.Counter(
            "qmp_bytes", "Bytes of these messages", ("monitor", "sender"), registry=registry
        )
        self._errors = client.Counter(
            "qmp_command_errors", "Commands that failed", ("command",), registry=registry
        )
        self._seconds = client.Histogram(
            "qmp_response_seconds",
            "Time from a command to its response",
            ("command",),
            registry=registry,
            buckets=_BUCKETS,
        )
        registry.register(self)
        try:
            self._server, self._thread = client.start_http_server(
                where.port, where.host, registry=registry
            )
        except (OSError, OverflowError) as error:
            raise UsageError(f"cannot serve metrics at {where}: {reason(error)}") from error
        self.port: int = self._server.server_port
        self.url = f"http://{TcpAddress(where.host, self.port).bare}/metrics"

    def watch(self, name: str) -> Watched:
        """What watches the monitor of that name from now on."""
        found = self._watched[name] = Watched(self, name)
        return found

    def count(self, monitor: str, one: Summary) -> None:
        """Count a message."""
        self._messages.labels(monitor, one.sender, one.kind).inc()
        self._bytes.labels(monitor, one.sender).inc(one.size)
        if one.latency is not None:
            command = self._command(one.name)
            self._seconds.labels(command).observe(max(0.0, one.latency))
            if one.kind == "error":
                self._errors.labels(command).inc()

    def collect(self) -> Iterator[Any]:
        """What is asked for anew with each scrape (the protocol of a collector)."""
        gauge = self._gauge
        sessions = gauge("qmp_sessions", "Sessions that are open", labels=["monitor"])
        waiting = gauge("qmp_unanswered_commands", "Commands that wait", labels=["monitor"])
        oldest = gauge(
            "qmp_oldest_unanswered_seconds", "How long the oldest of them waits", labels=["monitor"]
        )
        for one in list(self._watched.values()):
            count, seconds = one.waiting()
            sessions.add_metric([one.name], len(one.sessions))
            waiting.add_metric([one.name], count)
            oldest.add_metric([one.name], seconds)
        yield from (sessions, waiting, oldest)

    def _command(self, name: str) -> str:
        if name not in self._commands:
            if len(self._commands) >= _MOST:
                return _OTHERS
            self._commands.add(name)
        return printable(name)

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
