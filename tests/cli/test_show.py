"""``qmpconf show`` as a program."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.protocol.framing import Framer
from qmpconf.trace.writer import TraceWriter
from tests.cli.terminal import Terminal, bare
from tests.protocol.playbook import GREETING

SHOW = [sys.executable, "-m", "qmpconf", "show"]


def say(writer: TraceWriter, sender: str, text: str, conn: int = 1) -> None:
    assert sender in {"client", "server"}
    writer.frames(conn, "client" if sender == "client" else "server", Framer().feed(text.encode()))


def begin(path: str) -> TraceWriter:
    """A recording of a greeting, a query and an error, which goes on."""
    times = iter(range(1000))
    writer = TraceWriter(path, clock=lambda: next(times) / 8)
    writer.open(1, client="unix:a", server="unix:b")
    say(writer, "server", GREETING + "\r\n")
    say(writer, "client", '{"execute":"query-block","id":1}\n')
    say(writer, "server", '{"return": [{"n": 18446744073709551616}], "id": 1}\r\n')
    say(writer, "client", '{"execute":"\\u001b[2Jnope","id":2}\n')
    say(writer, "server", '{"error": {"class": "CommandNotFound", "desc": "no"}, "id": 2}\r\n')
    return writer


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = str(tmp_path / "a.qmptrace")
    with begin(path) as writer:
        say(writer, "server", '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\n')
        writer.close(1, "client")
    return path


def show(*arguments: str) -> tuple[int, list[str], str]:
    done = subprocess.run([*SHOW, *arguments], capture_output=True, text=True, check=False)
    assert "\x1b" not in done.stdout
    return done.returncode, done.stdout.splitlines(), done.stderr


def told(*arguments: str) -> list[str]:
    """What stands in the last column."""
    code, lines, _ = show(*arguments)
    assert code == (len(lines) <= 2)
    return [line[40:] for line in lines[2:]]


def test_a_trace(trace: str) -> None:
    code, lines, errors = show(trace)
    assert (code, errors) == (0, "")
    assert lines[0].startswith(f"{trace}: recorded 20")
    assert lines[2:] == [
        "    2   0.125000  1 --                  session 1 opened: unix:a -> unix:b",
        f"    3   0.250000  1 <-           {len(GREETING) + 2} B  greeting 7.2.22",
        "    4   0.375000  1 ->            33 B  query-block",
        "    5   0.500000  1 <-   125 ms   52 B  query-block returned",
        "    6   0.625000  1 ->            35 B  \\u001B[2Jnope",
        "    7   0.750000  1 <-   125 ms   64 B  \\u001B[2Jnope failed: CommandNotFound: no",
        "    8   0.875000  1 <-            66 B  event STOP",
        "    9   1.000000  1 --                  session 1 closed by the client",
    ]


def test_filters(trace: str) -> None:
    assert told(trace, "--command", "query-*") == ["query-block", "query-block returned"]
    assert told(trace, "--event", "S*") == ["event STOP"]
    assert told(trace, "--errors") == ["\\u001B[2Jnope failed: CommandNotFound: no"]
    assert told(trace, "--slow", "125", "--command", "q*") == ["query-block returned"]
    assert told(trace, "--slow", "126") == []
    assert told(trace, "--line", "4", "--line", "8-") == [
        "query-block", "event STOP", "session 1 closed by the client"
    ]  # fmt: skip
    assert told(trace, "--session", "2") == []
    assert show(trace, "--session", "2")[2] == (
        f"{trace}: no message passes the filter: session in (2)\n"
    )


def test_pretty(trace: str) -> None:
    assert show(trace, "--line", "5", "--pretty")[1][3:] == [
        "      {",
        '        "return": [',
        "          {",
        '            "n": 18446744073709551616',
        "          }",
        "        ],",
        '        "id": 1',
        "      }",
    ]


def test_json(trace: str) -> None:
    code, lines, _ = show(trace, "--format", "json")
    assert code == 0
    said = [json.loads(line) for line in lines]
    assert [one["kind"] for one in said] == [
        "open", "greeting", "command", "return", "command", "error", "event", "close"
    ]  # fmt: skip
    assert said[3]["latency"] == 0.125
    assert said[3]["answers"] == said[2]["line"]


def test_a_recording_that_was_cut_off(trace: str) -> None:
    data = Path(trace).read_bytes()
    Path(trace).write_bytes(data[:-100])
    code, _, errors = show(trace)
    assert code == 0
    assert "the last line is torn" in errors
    Path(trace).write_bytes(b"".join(data.splitlines(keepends=True)[:-1]))
    assert show(trace)[2] == f"{trace}: the recording was cut off: no finish line\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--slow", "x"], 2),
        (["--slow", "nan"], 2),
        (["--line", "a"], 2),
        (["--line", "9-3"], 2),
        (["--line", "-3"], 2),
        (["--session", "one"], 2),
        (["--pretty", "--format", "json"], 2),
        (["--bindings", "--errors"], 2),
    ],
)
def test_usage(trace: str, arguments: list[str], code: int) -> None:
    found, lines, errors = show(trace, *arguments)
    assert (found, lines) == (code, [])
    assert "Traceback" not in errors
    assert errors.startswith("qmpconf show: ")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"\x00" * 1000))
    for arguments in ([str(path)], [str(tmp_path / "none")], [str(tmp_path / "none"), "-f"]):
        code, lines, errors = show(*arguments)
        assert (code, lines) == (3, [])
        assert "Traceback" not in errors


def test_on_a_terminal(trace: str) -> None:
    code, drawn, _ = Terminal([*SHOW, trace], columns=60, whole=True).wait()
    assert code == 0
    assert "\x1b[1;31m" in drawn
    lines = bare(drawn).split("\n")[2:]
    assert max(map(len, lines)) <= 60
    assert "session 1 opened:..." in lines[0]
    code, grey, _ = Terminal(
        [*SHOW, trace], columns=60, whole=True, environment={"NO_COLOR": "1"}
    ).wait()
    assert grey == bare(drawn)


def test_a_poor_terminal(tmp_path: Path) -> None:
    path = str(tmp_path / "a.qmptrace")
    with TraceWriter(path) as writer:
        say(writer, "client", '{"execute":"é\u65e5"}\n')
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for verb in ("show", "stats"):
        done = subprocess.run(
            [*SHOW[:3], verb, path], env=environment, capture_output=True, text=True, check=True
        )
        assert "\\xe9\\u65e5" in done.stdout


def test_the_reader_goes_away(tmp_path: Path) -> None:
    path = str(tmp_path / "long.qmptrace")
    with TraceWriter(path) as writer:
        for _ in range(5000):
            say(writer, "client", '{"execute":"query-block","id":1}\n')
    with subprocess.Popen([*SHOW, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 128 + 13


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
def test_follow_to_the_end(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    writer = begin(path)
    with Terminal([*SHOW, path, "--follow", "--errors"], whole=True) as terminal:
        terminal.until(lambda text: "CommandNotFound" in text)
        say(writer, "client", "[1]\n")
        terminal.until(lambda text: "no QMP message: array" in text)
        writer.finish()
        code, drawn, _ = terminal.wait()
    assert code == 0
    assert [line[40:] for line in bare(drawn).splitlines()[2:]] == [
        "\\u001B[2Jnope failed: CommandNotFound:", "no", "no QMP message: array"
    ]  # fmt: skip


def test_follow_until_interrupted_or_the_file_is_gone(tmp_path: Path) -> None:
    path = str(tmp_path / "a.qmptrace")
    writer = begin(path)
    with Terminal([*SHOW, path, "-f"], whole=True) as terminal:
        terminal.until(lambda text: "CommandNotFound" in text)
        terminal.process.send_signal(signal.SIGINT)
        code, drawn, _ = terminal.wait()
    assert code == 130
    assert "Traceback" not in drawn
    with Terminal([*SHOW, path, "-f"], whole=True) as terminal:
        terminal.until(lambda text: "CommandNotFound" in text)
        os.unlink(path)
        code, drawn, _ = terminal.wait()
    assert code == 3
    assert "was removed while it was followed" in drawn
    writer.abandon()


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
@pytest.mark.parametrize("meanwhile", [False, True])
def test_follow_ends_where_the_recorder_has_died(
    tmp_path: Path, name: str, *, meanwhile: bool
) -> None:
    """It leaves no last line, and lets go of its file."""
    path = str(tmp_path / name)
    writer = begin(path)
    if not meanwhile:
        writer.abandon()
    with Terminal([*SHOW, path, "-f"], whole=True) as terminal:
        terminal.until(lambda text: "CommandNotFound" in text)
        writer.abandon()
        code, drawn, _ = terminal.wait()
    assert code == 0
    assert f"{path}: its recorder has gone, without a last line" in bare(drawn)
