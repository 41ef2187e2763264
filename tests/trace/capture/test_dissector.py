"""The dissector for Wireshark, as tshark runs it: it reads a session as qmpconf does."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success, Unknown
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.trace.capture.test_tshark import converted, tshark

TRACES = Path(__file__).parents[3] / "traces"
FIELDS = ("tcp.stream", "qmp.kind", "qmp.command", "qmp.event", "qmp.class", "qmp.took")
KINDS: dict[type, str] = {
    Greeting: "greeting",
    Command: "command",
    Success: "return",
    Failure: "error",
    Event: "event",
}


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The dissector, as a user gets it."""
    with pytest.raises(SystemExit) as end:
        main(["convert", "--dissector"])
    assert end.value.code == 0
    path = tmp_path / "qmp.lua"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def dissected(script: Path, capture: Path) -> list[dict[str, list[str]]]:
    """The values of each field in each frame that holds QMP."""
    named = [word for field in FIELDS for word in ("-e", field)]
    text = tshark(
        *("-X", f"lua_script:{script}", "-2", "-r", str(capture), "-Y", "qmp"),
        *("-T", "fields", "-E", "separator=\x1f", "-E", "aggregator=\x1e", *named),
    )
    rows = [line.split("\x1f") for line in text.split("\n") if line]
    return [
        {name: one.split("\x1e") if one else [] for name, one in zip(FIELDS, row, strict=True)}
        for row in rows
    ]


@pytest.mark.parametrize(
    "name", ["qemu-11.1.3-rich", "qemu-7.2.22-libvirtd", "qemu-storage-daemon-10.0.13-storage"]
)
def test_it_reads_a_recording_as_we_do(script: Path, tmp_path: Path, name: str) -> None:
    source = TRACES / f"{name}.qmptrace.gz"
    rows = dissected(script, converted(source, tmp_path / "session.pcapng"))
    reader = TraceReader(str(source))
    sessions = {}
    kinds, commands, events, classes = [], [], [], []
    for item in reader.items():
        if not isinstance(item, Item):
            continue
        session = sessions.setdefault(item.conn, reader.begin())
        feed = session.client if item.sender == "client" else session.server
        step = feed(item.frame, None)
        message = step.message
        if message is None or isinstance(message, Unknown):
            continue
        kinds.append(KINDS[type(message)])
        if isinstance(message, Event):
            events.append(message.name)
        elif isinstance(message, Command):
            commands.append(message.name)
        elif step.answered is not None and isinstance(step.answered.message, Command):
            commands.append(step.answered.message.name)
        if isinstance(message, Failure):
            classes.append(message.error_class)
    assert len(kinds) > 30
    assert [one for row in rows for one in row["qmp.kind"]] == kinds
    assert [one for row in rows for one in row["qmp.command"]] == commands
    assert [one for row in rows for one in row["qmp.event"]] == events
    assert [one for row in rows for one in row["qmp.class"]] == classes
    took = [float(one) for row in rows for one in row["qmp.took"]]
    assert len(took) == kinds.count("return") + kinds.count("error")
    assert min(took) >= 0


def test_it_marks_what_nothing_asked_for_and_takes_broken_text(
    script: Path, tmp_path: Path
) -> None:
    source = TRACES / "qemu-11.1.3-wrong.qmptrace.gz"
    capture = converted(source, tmp_path / "wrong.pcapng")
    rows = dissected(script, capture)
    assert any(row["qmp.kind"] == ["unknown"] for row in rows)
    unasked = tshark("-X", f"lua_script:{script}", "-r", str(capture), "-Y", "qmp.unasked")
    assert "JSON parse error" in unasked
    assert "query-name" not in unasked
    assert not tshark("-X", f"lua_script:{script}", "-r", str(capture), "-Y", "_ws.lua.error")
