"""Sessions as spans: what a collector understands of them, and what stands in a file."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.cli.main import main
from qmpconf.errors import TargetError, UsageError
from qmpconf.trace.convert.converting import convert
from tests.usual import examples

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

ROOT = Path(__file__).parents[3]

LINES = (
    '{"t":0,"conn":1,"open":{"client":"unix:c","server":"unix:s"}}',
    (
        '{"t":0.1,"conn":1,"from":"server","msg":{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, '
        '"package": "Debian"}, "capabilities": ["oob"]}}}'
    ),
    '{"t":0.2,"conn":1,"from":"client","msg":{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}}',
    '{"t":0.3,"conn":1,"from":"server","msg":{"return": {}}}',
    '{"t":0.4,"conn":1,"from":"client","msg":{"execute":"stop","id":"a"}}',
    '{"t":0.5,"conn":1,"from":"client","msg":{"exec-oob":"query-yank","id":7}}',
    '{"t":0.6,"conn":1,"from":"server","msg":{"return": [], "id": 7}}',
    '{"t":0.7,"conn":1,"from":"server","msg":{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "STOP"}}',
    '{"t":0.71,"conn":1,"fault":{"kind":"lose","message":"event STOP","rule":1}}',
    '{"t":0.8,"conn":1,"from":"server","msg":{"error": {"class": "GenericError", "desc": "no"}, "id": "a"}}',
    '{"t":0.9,"conn":1,"from":"client","msg":{"execute":"quit","id":1}}',
    '{"t":1.5,"conn":1,"close":"server","error":"reset"}',
)


def trace(path: Path, *lines: str) -> str:
    head = '{"qmptrace":1,"started":"2026-11-20T05:17:00.000001Z","recorder":"x","meta":{}}'
    path.write_text("\n".join((head, *lines, "")))
    return str(path)


class Collector(BaseHTTPRequestHandler):
    """Takes what an exporter sends, in OpenTelemetry's own messages."""

    requests: list[ExportTraceServiceRequest]
    status = 200

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        assert self.headers["content-type"] == "application/x-protobuf"
        self.requests.append(ExportTraceServiceRequest.FromString(data))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(self.status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    handler = type("One", (Collector,), {"requests": [], "status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", handler.requests
        finally:
            server.shutdown()
            thread.join()


def values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def spans(messages: Any) -> list[Span]:
    return [
        span
        for message in messages
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_a_collector_gets_a_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with collector() as (url, requests):
        assert main(["convert", "-q", trace(tmp_path / "s.qmptrace", *LINES), url]) == 0
    assert capsys.readouterr().out == f"{url}: 1 session, 9 messages (qmptrace to otlp)\n"
    (resource,) = requests[0].resource_spans
    assert values(resource.resource.attributes) == {
        "service.name": "qemu",
        "service.version": "7.2.22",
        "qmp.package": "Debian",
    }
    found = {one.name: one for one in spans(requests)}
    root = found.pop("QMP session")
    assert not root.parent_span_id
    assert root.status.code == Status.STATUS_CODE_ERROR
    assert root.status.message == "reset"
    begun = 1795151820_000001000
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (begun, begun + 1_500_000_000)
    assert [(one.name, one.time_unix_nano - begun) for one in root.events] == [
        ("STOP", 700_000_000),
        ("fault", 710_000_000),
    ]
    assert values(root.attributes)["qmp.recording"] == "s.qmptrace"
    assert set(found) == {"qmp_capabilities", "stop", "query-yank", "quit"}
    for one in found.values():
        assert one.trace_id == root.trace_id
        assert one.parent_span_id == root.span_id
        assert one.kind == Span.SPAN_KIND_CLIENT
    stop, yank, last = found["stop"], found["query-yank"], values(found["quit"].attributes)
    assert stop.status.code == Status.STATUS_CODE_ERROR
    assert stop.status.message == "GenericError: no"
    assert stop.end_time_unix_nano - stop.start_time_unix_nano == 400_000_000
    assert values(stop.attributes) == {
        "rpc.system": "qmp",
        "rpc.method": "stop",
        "qmp.oob": False,
        "qmp.session": 1,
        "qmp.line": 6,
        "qmp.id": '"a"',
        "qmp.response.line": 11,
        "qmp.response.size": 63,
        "error.type": "GenericError",
    }
    assert yank.status.code == Status.STATUS_CODE_UNSET
    assert values(yank.attributes)["qmp.oob"] is True
    assert last["qmp.unanswered"] is True


def test_a_file_holds_what_a_collector_gets(tmp_path: Path) -> None:
    source, target = trace(tmp_path / "s.qmptrace", *LINES), tmp_path / "s.otlp.jsonl"
    assert main(["convert", "-q", source, str(target)]) == 0
    with collector() as (url, requests):
        convert(source, url)
    (line,) = target.read_text().splitlines()
    value = json.loads(line)
    first = value["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert (len(first["traceId"]), len(first["spanId"])) == (32, 16)
    (message,) = spans([ParseDict(_base64(value), TracesData())])[-1:]
    assert message == spans(requests)[-1]


def _base64(value: Any) -> Any:
    """With ids as protobuf's JSON has them, where OTLP's has them in hexadecimal."""
    if isinstance(value, dict):
        return {
            name: base64.b64encode(bytes.fromhex(one)).decode()
            if name in ("traceId", "spanId", "parentSpanId")
            else _base64(one)
            for name, one in value.items()
        }
    return [_base64(one) for one in value] if isinstance(value, list) else value


def test_the_same_recording_gives_the_same_ids_and_another_one_others(tmp_path: Path) -> None:
    def ids(name: str, *lines: str) -> set[str]:
        out = tmp_path / f"{name}.otlp"
        convert(trace(tmp_path / name, *lines), str(out), from_format="qmptrace", overwrite=True)
        return {span["traceId"] for span in _spans(out)}

    assert ids("one", *LINES) == ids("two", *LINES)
    other = [line.replace('"conn":1', '"conn":2') for line in LINES]
    assert len(ids("three", *LINES, *other)) == 2


def _spans(path: Path) -> list[dict[str, Any]]:
    return [
        span
        for line in path.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def test_a_real_session_has_a_span_for_each_command(tmp_path: Path) -> None:
    source = ROOT / "traces/qemu-7.2.22-libvirt.qmptrace.gz"
    out = tmp_path / "x.otlp"
    assert main(["convert", "-q", str(source), str(out)]) == 0
    text = gzip.decompress(source.read_bytes()).decode()
    assert len(_spans(out)) == 1 + text.count('"from":"client"')


def test_who_does_not_take_them_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = trace(tmp_path / "s.qmptrace", *LINES)
    with (
        collector(404) as (url, _),
        pytest.raises(TargetError, match=r"does not take the spans: .*404"),
    ):
        convert(source, url)
    assert main(["convert", "-q", source, url]) == 4
    assert "Connection refused" in capsys.readouterr().err


def test_what_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = trace(tmp_path / "s.qmptrace", *LINES)
    with pytest.raises(UsageError, match="a URL is that of a collector"):
        convert(source, "http://127.0.0.1:1/", to_format="pcap")
    assert main(["convert", str(tmp_path), "http://127.0.0.1:1/"]) == 2
    assert "one recording at a time" in capsys.readouterr().err
    convert(source, str(tmp_path / "s.otlp"))
    assert main(["convert", str(tmp_path / "s.otlp"), str(tmp_path / "t.qmptrace")]) == 3
    assert "they do not hold messages" in capsys.readouterr().err


@given(st.lists(st.sampled_from(LINES), max_size=20))
@settings(
    max_examples=examples(80),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
def test_any_order_of_lines_gives_spans_that_end_behind_their_beginning(
    tmp_path: Path, lines: list[str]
) -> None:
    out = tmp_path / "x.otlp"
    convert(trace(tmp_path / "x.qmptrace", *lines, LINES[1]), str(out), overwrite=True)
    found = _spans(out)
    roots = [one for one in found if "parentSpanId" not in one]
    assert roots
    for one in found:
        assert int(one["startTimeUnixNano"]) <= int(one["endTimeUnixNano"])
        assert len(one["traceId"]) == 32
