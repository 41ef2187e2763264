"""The recorded sessions in traces/: whole, small, carrying their schema, and judged rightly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.protocol.values import loads
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

TRACES = Path(__file__).parents[2] / "traces"
CORPUS = sorted(TRACES.glob("*.qmptrace*"))

#: Clients that make no mistake: their sessions are without findings.
CORRECT = ("rich", "libvirt", "storage")


def client_of(path: Path) -> str:
    return path.name.partition(".qmptrace")[0].rpartition("-")[2]


def checked(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    """The exit code of `qmpconf check` and its findings, but for notes on what was refused."""
    code = main(["check", str(path), "--format", "json", "--ignore", "practice.failed"])
    return code, json.loads(capsys.readouterr().out)["findings"]


def each(*clients: str) -> pytest.MarkDecorator:
    chosen = [path for path in CORPUS if not clients or client_of(path) in clients]
    return pytest.mark.parametrize("path", chosen, ids=lambda path: path.name.split(".qmp")[0])


def test_has_every_release_and_stays_small() -> None:
    names = [path.name for path in CORPUS]
    for start in ("qemu-5.2", "qemu-7.2", "qemu-10.0", "qemu-11.1", "qemu-storage-daemon-7.2"):
        assert any(name.startswith(start) for name in names), start
    assert sum(path.stat().st_size for path in TRACES.rglob("*") if path.is_file()) < 4 << 20


@each()
def test_is_complete_and_carries_its_schema(path: Path) -> None:
    reader = TraceReader(str(path))
    messages = [item for item in reader.items() if isinstance(item, Item)]
    assert reader.finished
    assert not reader.torn
    assert "QMP" in loads(next(one for one in messages if one.sender == "server").frame.data)
    commands = [one.frame.data for one in messages if one.sender == "client" and one.frame.plain]
    asked = any(b"query-qmp-schema" in data for data in commands)
    assert asked != (client_of(path) == "libvirtd")  # it asks in another session, once for a build


@each("rich")
def test_rich_session_is_rich(path: Path) -> None:
    names = set()
    events = set()
    count = 0
    for item in TraceReader(str(path)).items():
        if not isinstance(item, Item) or not item.frame.plain:
            continue
        message = loads(item.frame.data)
        if item.sender == "client":
            count += 1
            names.add(message.get("execute") or message["exec-oob"])
        elif "event" in message:
            events.add(message["event"])
    assert count > 150
    assert len(names) > 100
    assert events >= {
        *("DEVICE_DELETED", "BLOCK_JOB_READY", "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED"),
        *("JOB_STATUS_CHANGE", "STOP", "RESUME", "RESET", "MIGRATION", "DUMP_COMPLETED"),
        "SHUTDOWN",
    }


@each("rich", "storage")
def test_secret_is_not_in_the_trace(path: Path) -> None:
    redacted = 0
    for item in TraceReader(str(path)).items():
        if isinstance(item, Item):
            assert b"battery staple" not in item.frame.data
            redacted += bool(item.redacted)
    assert redacted == 1


@each(*CORRECT)
def test_correct_session_has_no_findings(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = checked(path, capsys)
    # libvirt asks for query-kvm, which 11.1 has deprecated.
    findings = [one for one in findings if one["rule"] != "compat.deprecated"]
    assert findings == []
    assert code == 0 or "11.1" in path.name


@each("wrong", "shell")
def test_mistakes_are_the_clients(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = checked(path, capsys)
    assert code == 1
    assert {one["blame"] for one in findings} == {"client"}


@each("libvirtd")
def test_libvirt_cannot_save_a_machine_on_11_1_as_its_session_on_7_2_tells(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for schema, expected in (("qemu-10.0.13", []), ("qemu-11.1.3", ["/arguments/detach"])):
        code = main(["check", str(path), "--schema", schema, "-q", "--format", "json"])
        found = json.loads(capsys.readouterr().out)["findings"]
        assert [one["pointer"] for one in found if one["severity"] == "error"] == expected
        assert code == bool(expected)
        conditional = {one["seen"] for one in found if one["rule"] == "schema.conditional"}
        assert conditional == ({'"compress"'} if "7.2" in path.name else set())


@each("wrong")
def test_each_kind_of_mistake_is_found(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, findings = checked(path, capsys)
    assert {one["rule"] for one in findings} >= {
        *("negotiation.client-first", "negotiation.enable-offered", "request.oob-negotiated"),
        *("request.members", "request.execute-string", "request.arguments-object"),
        *("schema.command-known", "schema.arguments"),
    }
    places = {one["pointer"] for one in findings if one["rule"] == "schema.arguments"}
    assert places >= {
        *("/arguments/unknown", "/arguments/path", "/arguments/size", "/arguments/driver"),
        *("/arguments/file/aio", "/arguments/backend/data/size"),
    }
