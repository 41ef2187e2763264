"""``--faults``, ``--seed`` and ``--write-faults``, as programs; and ``reduce`` of a schedule."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.faults.rules import Rule, parse_schedule
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Fault

#: Asks for the status twice and for the name, which it wants within two seconds.
CLIENT = """
import json, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(30)
sock.connect(sys.argv[1])
file = sock.makefile("rwb", buffering=0)
def read():
    while True:
        message = json.loads(file.readline())
        if "event" not in message:
            return message
read()
for name in ("qmp_capabilities", "query-status", "query-name", "query-status"):
    file.write(json.dumps({"execute": name}).encode())
    if name == "query-name":
        sock.settimeout(2)
        try:
            read()
        except TimeoutError:
            sys.exit(7)
    else:
        read()
"""

SERVE = f"{shlex.quote(sys.executable)} -m qmpconf serve --listen {{socket}}"


@pytest.fixture
def client(tmp_path: Path) -> list[str]:
    path = tmp_path / "client.py"
    path.write_text(CLIENT)
    return [sys.executable, str(path), "{listen}"]


def test_a_recording_with_faults(
    tmp_path: Path, client: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    rules, trace, out = tmp_path / "f.toml", tmp_path / "t.qmptrace", tmp_path / "out.toml"
    rules.write_text('[[fault]]\ndo = "lose"\nreply = "query-n*"\n')
    words = ["record", "--spawn", SERVE, "-o", str(trace), "--faults", str(rules)]
    assert main([*words, "--write-faults", str(out), "--", *client]) == 7
    assert (
        "qmpconf record: fault on purpose: session 1: lose: reply query-name"
        in capfd.readouterr().err
    )
    found = [one for one in TraceReader(str(trace)).records() if isinstance(one, Fault)]
    assert [(one.kind, one.message, one.rule) for one in found] == [("lose", "reply query-name", 1)]
    assert parse_schedule(out.read_text(), "out").rules == (
        Rule("lose", "reply", "query-name", session=1, times=1),
    )
    assert main(["check", str(trace), "-q"]) == 0
    assert main(["show", str(trace)]) == 0
    assert "fault on purpose: lose: reply query-name" in capfd.readouterr().out


@pytest.mark.parametrize("serves", ["monitor", "trace"])
def test_what_is_served_with_faults_is_recorded_with_them(
    serves: str, tmp_path: Path, client: list[str]
) -> None:
    rules, trace = tmp_path / "f.toml", tmp_path / "t.qmptrace"
    rules.write_text('[[fault]]\ndo = "lose"\nreply = "query-n*"\n')
    played: list[str] = []
    if serves == "trace":
        played = [str(tmp_path / "played.qmptrace")]
        assert main(["record", "-q", "--spawn", SERVE, "-o", *played, "--", *client]) == 0
    path = str(tmp_path / "s")
    words = [sys.executable, "-m", "qmpconf", "serve", *played, "--listen", path, "--once"]
    words += ["-o", str(trace), "--faults", str(rules)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        run.stderr.readline()  # it listens
        done = subprocess.run([word.replace("{listen}", path) for word in client], check=False)
        _, errors = run.communicate()
    assert done.returncode == 7
    assert "fault on purpose: session 1: lose: reply query-name" in errors
    found = [one for one in TraceReader(str(trace)).records() if isinstance(one, Fault)]
    assert [(one.kind, one.message, one.rule) for one in found] == [("lose", "reply query-name", 1)]
    assert main(["check", str(trace), "-q"]) == 0


def test_every_format_keeps_or_names_them(tmp_path: Path, client: list[str]) -> None:
    trace = tmp_path / "t.qmptrace"
    words = ["record", "-q", "--spawn", SERVE, "-o", str(trace), "--faults", "silent"]
    hasty = CLIENT.replace("sock.settimeout(30)", "sock.settimeout(1)")
    (tmp_path / "client.py").write_text(hasty)
    assert main([*words, "--", *client]) == 1
    text = trace.read_bytes()
    assert b'"fault":{"kind":"hang","message":"connection","rule":1}' in text
    assert main(["redact", str(trace), str(tmp_path / "r.qmptrace")]) == 0
    assert b'"fault":{"kind":"hang"' in (tmp_path / "r.qmptrace").read_bytes()
    parquet, back = str(tmp_path / "t.parquet"), tmp_path / "b.qmptrace"
    assert main(["convert", "-q", str(trace), parquet]) == 0
    assert main(["convert", "-q", parquet, str(back)]) == 0
    assert back.read_bytes() == text
    assert main(["convert", "-q", str(trace), str(tmp_path / "t.pcapng")]) == 0


def test_the_fewest_faults(
    tmp_path: Path, client: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    rules, out = tmp_path / "f.toml", tmp_path / "few.toml"
    rules.write_text(
        '[[fault]]\ndo = "delay"\nreply = "query-status"\nseconds = 0.05\n'
        '[[fault]]\ndo = "double"\nevent = "*"\n'
        '[[fault]]\ndo = "late"\nreply = "query-name"\nseconds = 5\n'
    )
    words = ["reduce", "--faults", str(rules), "--spawn", SERVE, "-o", str(out)]
    assert main([*words, "--", *client]) == 1
    assert "the client fails with 1 of 2 faults: exit code 7" in capfd.readouterr().err
    (left,) = parse_schedule(out.read_text(), "few").rules
    assert (left.do, left.name) == ("late", "query-name")
    assert main([*words, "--", *client]) == 2  # few.toml is there


@pytest.mark.whole
def test_a_client_that_hangs_is_ended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    patient = tmp_path / "patient.py"
    patient.write_text(CLIENT.replace("sock.settimeout(30)", ""))
    words = ["reduce", "-q", "--faults", "silent", "--timeout", "6", "--spawn", SERVE]
    assert main([*words, "--", sys.executable, str(patient), "{listen}"]) == 1
    out, err = capfd.readouterr()
    assert "the client fails with 1 of 1 fault: it does not end within 6 s" in err
    assert 'do = "hang"\nconnection = true' in out


def test_a_client_that_copes_or_fails_anyway(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["reduce", "-q", "--faults", "silent", "--spawn", SERVE, "--"]
    assert main([*words, "true"]) == 0
    assert "no fault happened (2 runs)" in capfd.readouterr().err
    assert main([*words, "false"]) == 4
    assert "the client fails without any fault: exit code 1" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("record -o x --faults silent --share --server a --listen b", "--share has nothing to do"),
        ("record -o x --write-faults y --server a --listen b", "add --faults or --seed"),
        ("record -o x --seed 1.5 --server a --listen b", "'1.5' is not a seed"),
        ("record -o x --faults lost --server a --listen b", "no faults of the name 'lost'"),
        ("reduce --target a", "say what is reduced"),
        ("reduce --target a --faults silent", "say which client"),
        ("reduce x y --target a", "'y' is one word too many"),
        ("reduce --seed 1 --target a --reference b -- c", "--reference is for a TRACE"),
        ("serve --listen x --write-faults y", "add --faults or --seed"),
    ],
)
def test_what_does_not_fit_together(
    words: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["qmpconf"])
        try:
            code = main(words.split())
        except SystemExit as ended:
            code = ended.code  # type: ignore[assignment]
    assert code == 2
    assert told in capfd.readouterr().err


@pytest.mark.parametrize("trace", [False, True])
def test_a_server_with_faults(tmp_path: Path, client: list[str], trace: bool) -> None:
    path, out = tmp_path / "s", tmp_path / "out.toml"
    words = [sys.executable, "-m", "qmpconf", "serve", "--listen", str(path)]
    if trace:
        recorded = str(tmp_path / "t.qmptrace")
        call = ["record", "-q", "--spawn", SERVE, "-o", recorded, "--", *client]
        assert main(call) == 0
        words.append(recorded)
    rules = tmp_path / "f.toml"
    rules.write_text('[[fault]]\ndo = "cut"\nreply = "query-name"\n')
    words += ["--once", "--faults", str(rules), "--write-faults", str(out)]
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stderr is not None
        child.stderr.readline()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(60)
            sock.connect(str(path))
            for name in ("qmp_capabilities", "query-status", "query-name"):
                sock.sendall(b'{"execute": "%b"}' % name.encode())
            sock.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: sock.recv(65536), b""))
        err = child.stderr.read()
        child.wait(60)
    assert not got.endswith(b"\n")
    assert got.count(b"\r\n") == 3
    assert "qmpconf serve: fault on purpose: session 1: cut: reply query-name" in err
    assert [one.do for one in parse_schedule(out.read_text(), "out").rules] == ["cut"]
