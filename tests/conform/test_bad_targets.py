"""A target that is not a QMP server, hangs, dies or floods gets a verdict, and soon."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.conform import talk
from qmpconf.conform import target as targets
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Verdict
from qmpconf.net.address import UnixAddress
from tests.conform import fakes

#: What is not a QMP server, and what the message must say of it.
NONE = {
    "echo": (fakes.echo, "sends back what it is sent"),
    "http": (fakes.http, "speaks HTTP"),
    "silence": (fakes.silence, "says nothing within"),
    "instant-close": (fakes.instant_close, "closes the connection without a word"),
    "garbage": (fakes.garbage, "is not a QMP server"),
    "banner": (fakes.banner, "SSH-2.0"),
    "other-json": (fakes.other_json, "jsonrpc"),
    "agent": (fakes.agent, "--protocol qga"),
}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "GREETING", 0.4)


@pytest.mark.parametrize("name", NONE)
def test_no_qmp_server(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serve, words = NONE[name]
    with fakes.serving(tmp_path, serve) as address:
        code = main(["conform", "--target", str(address), "--report", str(tmp_path / "out")])
    told = capsys.readouterr()
    assert code == 4
    assert "not a QMP server" in told.err
    assert words in told.err
    assert not told.out


def test_nobody_listens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert main(["conform", "--target", str(tmp_path / "no.sock")]) == 4
    assert "cannot connect" in capsys.readouterr().err
    assert [one for one in tmp_path.rglob("*") if not one.is_dir()] == []


def test_one_process_at_a_time_and_no_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    inside: list[int] = []

    def use() -> None:
        for _ in range(50):
            with Target(UnixAddress("x")).alone():
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(use) for _ in range(4)]:
            one.result()
    assert [one for one in tmp_path.rglob("*") if not one.is_dir()] == []


def test_inherited_socket_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--target", "fd:7"]) == 2
    assert "connects many times" in capsys.readouterr().err


def test_program_that_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--spawn", "false {socket}"]) == 4
    assert "ended before it listened" in capsys.readouterr().err


def test_server_that_never_answers(tmp_path: Path) -> None:
    """It is given up after three cases; the rest is inconclusive, and says why."""
    options = Options(patience=0.2, folder=str(tmp_path / "out"), patterns=("greeting", "response"))
    with fakes.serving(tmp_path, fakes.mute) as address, Suite(Target(address), options) as suite:
        outcome = suite.run_all()
    assert outcome.exit_code == 4
    assert "gone" in outcome.gone
    last = outcome.results[-1]
    assert last.verdict in (Verdict.INCONCLUSIVE, Verdict.FAIL)


def test_server_that_floods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "FLOOD", 1 << 20)
    options = Options(patience=2, folder=str(tmp_path / "out"), patterns=("greeting.shape",))
    with (
        fakes.serving(tmp_path, fakes.talkative) as address,
        Suite(Target(address), options) as suite,
    ):
        outcome = suite.run_all()
    assert outcome.exit_code in (1, 4)
    assert "negotiation.no-events" in {one for one, v in outcome.requirements().items() if v.broken}


def test_server_that_dies_is_told_as_such(tmp_path: Path) -> None:
    options = Options(patience=10, folder=str(tmp_path / "out"), patterns=("negotiation",))
    with fakes.serving(tmp_path, fakes.dies) as address, Suite(Target(address), options) as suite:
        outcome = suite.run_all()
    assert outcome.exit_code in (1, 4)
    assert outcome.requirements()["response.exactly-one"] is Verdict.FAIL


def test_small_server_is_put_to_the_test(tmp_path: Path) -> None:
    """A few lines of Python read by line: the suite says so, and nothing about what is right."""
    groups = ("framing.by-value", "framing.crlf", "negotiation.gate/query", "response.in-order")
    options = Options(patience=3, folder=str(tmp_path / "out"), patterns=groups, schema="none")
    with fakes.serving(tmp_path, fakes.simple) as address, Suite(Target(address), options) as suite:
        outcome = suite.run_all()
    verdicts = outcome.requirements()
    assert verdicts["framing.by-value"] is Verdict.FAIL
    assert verdicts["framing.crlf"] is Verdict.PASS
    assert verdicts["negotiation.gate"] is Verdict.PASS
    failed = {one.case for one in outcome.results if one.verdict is Verdict.FAIL}
    assert "framing.by-value/no-newline" in failed
    assert "framing.by-value/two-lines" not in failed


def test_failure_tells_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fakes.serving(tmp_path, fakes.simple) as address:
        words = ["--timeout", "3", "--schema", "none", "-k", "framing.by-value/one-line", "-q"]
        report = ["--report", str(tmp_path / "out")]
        code = main(["conform", "--target", str(address), *words, *report])
    out = capsys.readouterr().out
    assert code == 1
    for wanted in (
        "FAIL framing.by-value/one-line",
        "rule       framing.by-value (MUST, spec 2.1)",
        "expected   ",
        "got        ",
        " -> ",
        " <- ",
        f"repeat     qmpconf conform --target {address} -k framing.by-value/one-line",
    ):
        assert wanted in out
    assert re.search(r"trace      .*\.qmptrace:\d+", out)


def test_a_server_that_hangs_up_once_while_it_starts_is_asked_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def serve(sock: socket.socket) -> None:
        asked.append(1)
        if len(asked) > 1:
            fakes.simple(sock)

    options = Options(patience=60, patterns=("framing.crlf",), schema="none")
    with fakes.serving(tmp_path, serve) as address, Suite(Target(address), options) as suite:
        assert "closed the connection without a word" in " ".join(suite.target.facts.notes)
        assert suite.run_all().requirements()["framing.crlf"] is Verdict.PASS


def test_a_server_that_hangs_up_every_second_time_does_not_conform(tmp_path: Path) -> None:
    """Once is enough: what comes later is held against it."""
    asked: list[int] = []

    def serve(sock: socket.socket) -> None:
        asked.append(1)
        if len(asked) % 2 == 0:
            fakes.simple(sock)

    patterns = ("greeting.first", "framing.crlf", "session.half-close")
    options = Options(patience=0.3, patterns=patterns, schema="none")
    with fakes.serving(tmp_path, serve) as address, Suite(Target(address), options) as suite:
        outcome = suite.run_all()
        assert "closed the connection without a word" in outcome.notes()[0]
        assert outcome.exit_code == 1
        assert outcome.requirements()["greeting.first"] is Verdict.FAIL
