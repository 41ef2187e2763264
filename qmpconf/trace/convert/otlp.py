"""Sessions as spans of OpenTelemetry (OTLP): to a file, a line a batch, or to a collector.

A session is a trace, with a root span from its opening to its close.  Each command is a span below it, from the
command to its response; events, and what a recorder did on purpose, are span events of the root.  An error is a span's
status.  The resource is the server, as its greeting names it (qmpconf/trace/convert/README.md, Spans).

The spans are those of OpenTelemetry's SDK, and its own exporter encodes and sends them; it is imported when it is used:
not everybody has it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from qmpconf.errors import InputError, TargetError, UsageError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.items import items_of
from qmpconf.trace.summary import Summaries, Summary
from qmpconf.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan

#: Spans that are written or sent together.
_BATCH = 512
#: Span events that a root span has at most, and commands of a session whose response is waited for.
_MOST_EVENTS, _MOST_PENDING = 1000, 10_000
#: Seconds that a collector may take for a batch.
_TIMEOUT = 10.0
_URL = re.compile(r"https?://[^/]", re.IGNORECASE)
#: What the exporter's words end in where it tries again.
_AGAIN = re.compile(r" encountered while exporting spans? batch, retrying in .*", re.DOTALL)
#: Members of OTLP's JSON that are hexadecimal, where protobuf's has base64.
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
_LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


def is_url(target: str) -> bool:
    """Whether it names a collector."""
    return _URL.match(target) is not None


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """Nothing: spans do not hold messages."""
    del options, notes
    raise InputError(f"{source.name}: spans are written, and not read: they do not hold messages")


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write a line of OTLP's JSON for each batch of spans.  Raises UsageError where the package is missing."""
    needed()
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - not everybody has it
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import (  # noqa: PLC0415 - the same
        encode_spans,
    )

    for batch in _batches(reading, options, notes):
        value = MessageToDict(encode_spans(batch), use_integers_for_enums=True)
        file.write(json.dumps(_hexadecimal(value), separators=(",", ":")).encode() + b"\n")


def send(url: str, reading: Reading, options: Options, notes: Notes) -> None:
    """Send all spans to a collector.  Raises `TargetError` for one that does not take them, UsageError."""
    needed()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - the same
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415 - the same

    with _Heard() as heard:
        try:
            exporter = OTLPSpanExporter(url, timeout=_TIMEOUT)
            for batch in _batches(reading, options, notes):
                if exporter.export(batch) is not SpanExportResult.SUCCESS:
                    why = heard.said[0] if heard.said else "it does not say why"
                    raise TargetError(f"{url} does not take the spans: {why}")
            exporter.shutdown()
        except (ValueError, OSError) as error:
            raise TargetError(f"{url}: {error}") from None


def needed() -> None:
    """Raises UsageError where OpenTelemetry's packages are not installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401, PLC0415
    except ImportError:
        raise UsageError("spans need another package: pip install 'qmpconf[otlp]'") from None


class _Heard(logging.Handler):
    """What the exporter says of a failure, for our own error."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[
            str
        ] = []  # the first one names the cause, the last one that it was given up
        self._logger = logging.getLogger(_LOGGER)
        self._before = self._logger.propagate

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.said.append(_AGAIN.sub("", record.getMessage()))

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._before


def _hexadecimal(value: Any) -> Any:
    """The same value, with ids as OTLP's JSON has them."""
    if isinstance(value, dict):
        return {
            name: b64decode(one).hex() if name in _IDS else _hexadecimal(one)
            for name, one in value.items()
        }
    return [_hexadecimal(one) for one in value] if isinstance(value, list) else value


def _batches(reading: Reading, options: Options, notes: Notes) -> Iterator[list[ReadableSpan]]:
    batch: list[ReadableSpan] = []
    for span in _Spans(reading, options, notes).all():
        batch.append(span)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(slots=True)
class _Session:
    conn: int
    begun: float
    addresses: str = ""
    greeting: Summary | None = None
    pending: dict[int, Summary] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    left_out: int = 0
    latest: float = 0.0


class _Spans:
    """The spans of one recording, in the order in which they end."""

    def __init__(self, reading: Reading, options: Options, notes: Notes) -> None:
        self._reading = reading
        self._name = options.source
        self._notes = notes
        self._sessions: dict[int, _Session] = {}
        header = reading.header
        try:
            self._start = datetime.fromisoformat(header.started).timestamp()
        except (ValueError, OverflowError):
            self._start = 0.0
            notes.lost("the recording does not say when it began: its spans begin in 1970")
        # The same recording gives the same ids.
        self._seed = (
            f"{header.started} {header.recorder} {json.dumps(dict(header.meta), sort_keys=True)}"
        )

    def all(self) -> Iterator[ReadableSpan]:
        """Every span."""
        take = Summaries().take
        for item in items_of(self._reading.records, faults=True):
            one = take(item)
            if one is not None:
                yield from self._taken(one)
        for session in list(self._sessions.values()):
            yield from self._ended(session, session.latest, "")

    def _taken(self, one: Summary) -> Iterator[ReadableSpan]:
        session = self._sessions.get(one.conn)
        if session is None:
            session = self._sessions[one.conn] = _Session(one.conn, one.t)
        session.latest = max(session.latest, one.t)
        if one.kind == "open":
            session.addresses = one.text
        elif one.kind == "greeting":
            session.greeting = session.greeting or one
        elif one.kind == "command":
            session.pending[one.line] = one
            if len(session.pending) > _MOST_PENDING:
                yield self._call(session, session.pending.pop(next(iter(session.pending))), None)
        elif one.kind in ("return", "error"):
            command = session.pending.pop(one.answers, None)
            if command is not None:
                yield self._call(session, command, one)
            else:
                self._notes.lost("a response to no command has no span", one.line)
        elif one.kind == "close":
            del self._sessions[one.conn]
            yield from self._ended(session, one.t, one.text, one.outcome)
        elif one.kind != "shut":
            self._event(session, one)

    def _event(self, session: _Session, one: Summary) -> None:
        """Something that belongs to the session: an event, a fault, a gap, what is not a message."""
        from opentelemetry.sdk.trace import Event  # noqa: PLC0415 - not everybody has it

        if len(session.events) >= _MOST_EVENTS:
            session.left_out += 1
            self._notes.lost(f"a span has {_MOST_EVENTS:,} span events at most", one.line)
            return
        attributes: dict[str, str | int] = {"qmp.line": one.line, "qmp.sender": one.sender}
        name = one.name if one.kind == "event" else one.kind
        if one.outcome:
            attributes["qmp.what"] = one.outcome
        if one.text:
            attributes["qmp.text"] = one.text
        session.events.append(Event(name, attributes, self._ns(one.t)))

    def _call(self, session: _Session, command: Summary, response: Summary | None) -> ReadableSpan:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - not everybody has it

        attributes: dict[str, Any] = {
            "rpc.system": "qmp",
            "rpc.method": command.name,
            "qmp.oob": command.oob,
            "qmp.session": session.conn,
            "qmp.line": command.line,
        }
        if command.id:
            attributes["qmp.id"] = command.id
        error = ""
        if response is None:
            attributes["qmp.unanswered"] = True
        else:
            attributes["qmp.response.line"] = response.line
            attributes["qmp.response.size"] = response.size
            if response.kind == "error":
                attributes["error.type"] = response.outcome
                error = f"{response.outcome}: {response.text}"
        return self._span(
            session,
            command.name or "(no command)",
            command.line,
            (command.t, session.latest if response is None else response.t),
            attributes,
            error=error,
            kind=SpanKind.CLIENT,
        )

    def _ended(
        self, session: _Session, t: float, error: str, who: str = ""
    ) -> Iterator[ReadableSpan]:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - not everybody has it

        for command in session.pending.values():
            yield self._call(session, command, None)
        attributes: dict[str, Any] = {"qmp.session": session.conn, "qmp.recording": self._name}
        if session.addresses:
            attributes["qmp.addresses"] = session.addresses
        if who:
            attributes["qmp.closed.by"] = who
        if session.left_out:
            attributes["qmp.events.left_out"] = session.left_out
        yield self._span(
            session,
            "QMP session",
            0,
            (session.begun, t),
            attributes,
            error=error,
            kind=SpanKind.INTERNAL,
            events=session.events,
        )

    def _span(
        self,
        session: _Session,
        name: str,
        line: int,
        times: tuple[float, float],
        attributes: dict[str, Any],
        *,
        error: str,
        kind: Any,
        events: Sequence[Event] = (),
    ) -> ReadableSpan:
        """A span of the SDK's; the one of `line` 0 is the root."""
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - not everybody has it
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - the same
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
        from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415
        from opentelemetry.trace.status import Status, StatusCode  # noqa: PLC0415

        trace = self._id(16, session.conn)

        def context(line: int) -> SpanContext:
            flags = TraceFlags(TraceFlags.SAMPLED)
            return SpanContext(trace, self._id(8, session.conn, line), False, flags)

        return ReadableSpan(
            name,
            context(line),
            context(0) if line else None,
            Resource(_server(session.greeting)),
            attributes,
            events,
            kind=kind,
            status=Status(StatusCode.ERROR, error) if error else Status(),
            start_time=self._ns(times[0]),
            end_time=self._ns(max(times)),
            instrumentation_scope=InstrumentationScope("qmpconf", __version__),
        )

    def _ns(self, t: float) -> int:
        """A time as nanoseconds since 1970, which OTLP has no negative ones of."""
        return min(max(0, round(self._start * 1e6) + round(t * 1e6)) * 1000, (1 << 64) - 1)

    def _id(self, size: int, *what: int) -> int:
        digest = hashlib.sha256(f"{self._seed} {what}".encode("utf-8", "backslashreplace"))
        return int.from_bytes(digest.digest()[:size]) or 1


def _server(greeting: Summary | None) -> dict[str, str]:
    """What is known of the server, as a resource's attributes."""
    if greeting is None:
        return {"service.name": "unknown_service"}
    found = {"service.name": "qemu", "service.version": greeting.outcome}
    return {**found, "qmp.package": greeting.text} if greeting.text else found
