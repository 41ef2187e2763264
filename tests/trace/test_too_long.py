"""Messages that are too long to be parsed: every byte is recorded, and nobody judges them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.protocol.framing import CLIENT_PASSING, HELD, SERVER_PASSING, Framer
from qmpconf.trace import items as reading
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Gap, Side
from qmpconf.trace.rows import LONGEST_RAW
from qmpconf.trace.writer import TraceWriter

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    b'"capabilities": ["oob"]}}\r\n'
)
DONE = b'{"return": {}}\r\n'
ENABLE = b'{"execute": "qmp_capabilities"}\n'
STATUS = b'{"execute": "query-status"}\n'
RUNNING = b'{"return": {"running": true, "singlestep": false, "status": "running"}}\r\n'

#: A reply of one string, one of parts on several lines, one of very many values.
LONG = b'{"return": {"x": "' + b"x" * HELD + b'"}}\r\n'
SPREAD = b'{"return":\n {"x": "' + b"x" * HELD + b'"}}\r\n'
MANY = b'{"return": [' + b"[], " * 600_000 + b"[]]}\r\n"


def record(path: Path, *said: tuple[Side, bytes]) -> str:
    """A trace as the recorder writes it: read in pieces of 200,000 bytes, framed, written."""
    framers = {"client": Framer(CLIENT_PASSING), "server": Framer(SERVER_PASSING)}
    with TraceWriter(str(path)) as writer:
        writer.open(1)
        for sender, data in said:
            for at in range(0, len(data), 200_000):
                frames = framers[sender].feed(data[at : at + 200_000])
                if frames:
                    writer.frames(1, sender, frames)
        writer.close(1, "client")
    return str(path)


@pytest.fixture(params=[LONG, SPREAD, MANY], ids=["long", "spread", "many"])
def reply(request: pytest.FixtureRequest) -> bytes:
    found: bytes = request.param
    return found


@pytest.fixture
def trace(tmp_path: Path, reply: bytes) -> str:
    return record(
        tmp_path / "t.qmptrace",
        ("server", GREETING),
        ("client", ENABLE),
        ("server", DONE),
        ("client", STATUS),
        ("server", reply),
        ("client", STATUS),
        ("server", RUNNING),
    )


def test_every_byte_is_recorded_and_one_message_stands_for_itself(trace: str, reply: bytes) -> None:
    assert direction(trace, 1, "server") == GREETING + DONE + reply + RUNNING
    items = [item for item in TraceReader(trace).items() if isinstance(item, Item | Gap)]
    gaps = [item for item in items if isinstance(item, Gap)]
    assert [(one.sender, one.messages, one.too_long) for one in gaps] == [("server", 1, True)]
    assert len(reply) - 2 <= gaps[0].size <= len(reply)
    assert items[-1].line > gaps[0].line


def test_what_comes_behind_is_judged(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", trace, "--schema", "qemu-7.2.22"]) == 0
    out, err = capsys.readouterr()
    assert "NOT JUDGED: 1 message" in out + err
    assert "longer than 24 MiB, or have more than 262,144 values" in out + err
    assert main(["stats", trace]) == 0
    assert main(["show", trace]) == 0
    assert "too long to be read" in capsys.readouterr().out


def test_a_wrong_reply_behind_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = record(
        tmp_path / "t.qmptrace",
        ("server", GREETING),
        ("client", ENABLE + STATUS),
        ("server", DONE + MANY),
        ("client", STATUS),
        ("server", RUNNING.replace(b"true", b'"true"')),
    )
    assert main(["check", trace, "--schema", "qemu-7.2.22"]) == 1
    assert "/return/running" in capsys.readouterr().out


def test_a_command_that_is_too_long_takes_one_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = b'{"execute": "query-status", "arguments": {"x": "' + b"x" * HELD + b'"}}\n'
    trace = record(
        tmp_path / "t.qmptrace",
        ("server", GREETING),
        ("client", ENABLE + command + STATUS),
        ("server", DONE + b'{"error": {"class": "GenericError", "desc": "no"}}\r\n' + RUNNING),
    )
    assert main(["check", trace, "--schema", "qemu-7.2.22"]) == 0
    assert "NOT JUDGED: 1 message" in "".join(capsys.readouterr())


def test_garbage_is_looked_at_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame for each of very many bytes would fill the memory, were they made at once."""
    most = 0

    class Counting(Framer):
        def feed(self, piece: bytes) -> list:  # type: ignore[type-arg]
            nonlocal most
            most = max(most, len(piece))
            return super().feed(piece)

    path = tmp_path / "t.qmptrace"
    with TraceWriter(str(path)) as writer:
        writer.open(1)
        writer.frames(1, "client", [Framer().feed(b"\x01")[0]._replace(data=b"\x01" * 300_000)])
        writer.close(1, "client")
    monkeypatch.setattr(reading, "Framer", Counting)
    found = [item for item in TraceReader(str(path)).items() if isinstance(item, Item)]
    assert b"".join(item.frame.data for item in found) == b"\x01" * 300_000
    assert len(found) == 300_000
    assert most <= 1 << 16


@pytest.mark.parametrize("text", ["é" * 1_200_000, "a" + "\U0001f600" * 700_000])
def test_long_lines_are_split_between_characters(tmp_path: Path, text: str) -> None:
    message = b"{'a': '" + text.encode() + b"'}"
    trace = record(tmp_path / "t.qmptrace", ("client", message))
    lines = Path(trace).read_bytes().splitlines()
    assert max(map(len, lines)) < 1_200_000
    assert not any(b'"b64"' in line for line in lines)
    assert direction(trace, 1, "client") == message
    found = [item.frame.data for item in TraceReader(trace).items() if isinstance(item, Item)]
    assert found == [message]


def test_a_line_of_other_bytes_has_a_limit_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.qmptrace"
    header = b'{"qmptrace":1,"started":"2026-11-20T05:17:00Z","recorder":"x","meta":{}}\n'
    start = b'{"t":0,"conn":1,"from":"server","raw":"'
    path.write_bytes(header + start + b"x" * LONGEST_RAW + b'"}\n')
    assert main(["stats", str(path)]) == 3
    assert "t.qmptrace:2: the line is longer than any record of its kind (33 MiB)" in (
        capsys.readouterr().err
    )
