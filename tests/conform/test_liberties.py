"""Servers that are stricter, faster or more parallel than QEMU are not blamed for it; those that lose little are found."""

from __future__ import annotations

import json
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Verdict
from qmpconf.monitor.core import Close, Session
from qmpconf.monitor.refusal import Refusal
from qmpconf.protocol.framing import Frame
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value, dumps
from tests.conform import fakes
from tests.conform.test_variants import conformed
from tests.conform.variants import Broken
from tests.conform.variants.base import CATALOG, CRLF, replace
from tests.conform.variants.sessions import NoEffect

AFTER_ERROR = "recovery.after-error"


class Stricter(Broken, ABC):
    """Behind what cannot be read, and is not a reset, more is done than to say so."""

    @abstractmethod
    def at_fault(self, session: Session) -> None:
        """It was said."""

    def _read(self, frame: Frame) -> Command | Refusal:
        found = super()._read(frame)
        bad = isinstance(found, Refusal) and "invalid JSON" in found.description
        self.memory["bad"] = bad and b"\xff" not in frame.data
        return found

    def outgoing(self, session: Session, message: dict[str, Any]) -> Iterable[Any]:
        yield message
        if self.memory.pop("bad", False) and "error" in message:
            self.at_fault(session)


class Closes(Stricter):
    """The session ends."""

    def at_fault(self, session: Session) -> None:
        self._actions.append(Close(session.number))


class WaitsForReset(Stricter):
    """Nothing is read until 0xFF: qmp-spec 2.6 allows it."""

    def at_fault(self, session: Session) -> None:
        self.memory[session.number] = True

    def heard(self, session: Session, data: bytes) -> bytes:
        if self.memory.get(session.number):
            at = data.find(b"\xff")
            if at < 0:
                return b""
            self.memory[session.number] = False
            return data[at:]
        return data


#: Cases in which something comes behind what cannot be read.
BEHIND = (
    *("framing.json-strict/missing-comma", "framing.json-strict/negotiation-nan"),
    *("framing.utf8-in/latin1", "framing.duplicate-member/id", "recovery.reset-byte/idle"),
    *("recovery.reset-byte/string", "recovery.reset-byte/error", "recovery.after-error/once"),
    *("response.exactly-one/parse-error", "response.error-shape/parse-error"),
    *("recovery.after-error/negotiation", "response.id-absent/parse-error"),
)


@pytest.mark.parametrize("made", [WaitsForReset, Closes])
def test_how_a_session_goes_on_behind_an_error_is_one_rule(
    made: type[Broken], tmp_path: Path
) -> None:
    """It is a SHOULD: no specification says it.  What had its error before is shown to be kept."""
    outcome = conformed(made(), BEHIND, tmp_path)
    verdicts = outcome.requirements()
    assert {name for name, one in verdicts.items() if one.broken} == {AFTER_ERROR}
    assert verdicts[AFTER_ERROR] is Verdict.WARN
    assert verdicts["framing.json-strict"] is verdicts["framing.utf8-in"] is Verdict.PASS


def test_a_server_that_is_not_there_any_more_behind_an_error_breaks_more(tmp_path: Path) -> None:
    crashed = threading.Event()

    def serve(sock: socket.socket) -> None:
        if crashed.is_set():
            return
        sock.sendall(fakes.GREETING)
        with sock.makefile("rb") as file:
            for line in file:
                if b"execute" not in line:
                    crashed.set()
                    return
                sock.sendall(dumps({"return": {}, "id": json.loads(line).get("id")}) + CRLF)

    options = Options(patience=2, patterns=("response.error-shape/lexical-error",), schema="none")
    with fakes.serving(tmp_path, serve) as address, Suite(Target(address), options) as suite:
        assert suite.run_all().requirements()["response.exactly-one"] is Verdict.FAIL


class AnswersAtOnce(NoEffect):
    """Nothing takes long but to read it: when a command out of band comes, nothing is queued."""

    def _execute(self, session: Session, command: Command) -> Value:
        if command.name == "query-qmp-schema":
            return self.results(command.name, "long")
        return Broken._execute(self, session, command)

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        if message.get("return") != "long":
            yield message
            return
        if "long" not in self.memory:
            self.memory["long"] = b",".join([b'{"name": "%b"}' % (b"x" * 60)] * 10_000)
        identity = dumps(message["id"])
        yield b'{"return": [%b], "id": %b}\r\n' % (self.memory["long"], identity)


def test_what_takes_long_to_be_read_was_not_overtaken_for_that(tmp_path: Path) -> None:
    outcome = conformed(AnswersAtOnce(), ("oob.overtakes/*",), tmp_path)
    assert outcome.requirements()["oob.overtakes"] is Verdict.PASS
    queue = next(one for one in outcome.results if one.case == "oob.overtakes/queue")
    assert queue.verdict is Verdict.INCONCLUSIVE
    assert "nothing to overtake" in queue.reason


class VersionOutOfBand(Broken):
    """query-version is allowed out of band, and the schema says so."""

    catalog = replace(
        CATALOG,
        commands={
            **CATALOG.commands,
            "query-version": replace(CATALOG.commands["query-version"], allow_oob=True),
        },
    )


def test_what_may_be_executed_out_of_band_says_the_schema(tmp_path: Path) -> None:
    outcome = conformed(VersionOutOfBand(), ("oob.*",), tmp_path)
    assert outcome.exit_code == 0
    forbidden = next(one for one in outcome.results if one.case == "oob.allowed-only/query-version")
    assert forbidden.verdict is Verdict.PASS


def _late_out_of_band(sock: socket.socket) -> None:
    """Carry out commands out of band in threads that have something else to do before."""
    lock = threading.Lock()

    def send(value: dict[str, Any]) -> None:
        with lock, suppress(OSError):
            sock.sendall(dumps(value) + CRLF)

    sock.sendall(fakes.GREETING.replace(b'"capabilities": []', b'"capabilities": ["oob"]'))
    later: list[threading.Timer] = []
    with sock.makefile("rb") as file:
        for line in file:
            command = json.loads(line)
            answer: dict[str, Any] = {"return": {}, "id": command.get("id")}
            if command.get("execute") == "query-commands":
                answer["return"] = [{"name": "query-yank"}, {"name": "query-version"}]
            if "exec-oob" in command:
                later.append(threading.Timer(0.3, send, (answer,)))
                later[-1].start()
            else:
                send(answer)
    for one in later:
        one.join()


def test_what_comes_late_out_of_band_is_not_lost(tmp_path: Path) -> None:
    options = Options(patience=30, patterns=("oob.queue/many",), schema="none")
    with (
        fakes.serving(tmp_path, _late_out_of_band) as address,
        Suite(Target(address), options) as suite,
    ):
        result = suite.run_all().results[0]
    assert result.verdict is Verdict.PASS, result.reason
