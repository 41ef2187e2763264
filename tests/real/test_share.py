"""`record --share` in front of real servers: the suite's verdicts, the trace's, and a replay."""

from __future__ import annotations

import json
import shlex
import socket
from pathlib import Path
from typing import IO, Any

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Verdict
from qmpconf.net.address import UnixAddress
from qmpconf.record.sharing.recorder import SharingRecorder
from qmpconf.replay.play.replaying import replay_trace
from tests.real.conftest import StartServer, require
from tests.real.machines import BARE
from tests.record.proxy import PATIENCE, Proxy
from tests.usual import WHOLE

#: What a proxy that answers for a server, and for several clients, does otherwise than one that passes bytes.
PATTERNS = ("negotiation*", "capabilities*", "oob*", "fds*", "response.id*", "session*")


def shared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """A recorder in the folder of a server, whose clients share it."""
    monkeypatch.chdir(folder)  # a socket's address may have 107 bytes
    return Proxy(folder, UnixAddress("qmp.sock"), UnixAddress("shared.sock"), make=SharingRecorder)


@pytest.mark.parametrize("name", ["qemu-11.1", *(["qemu-7.2", "qemu-5.2"] if WHOLE else [])])
def test_it_passes_the_suite_as_the_server_does(
    name: str, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(name)
    with shared(server.folder, monkeypatch) as proxy:
        options = Options(patterns=() if WHOLE else PATTERNS, slow=WHOLE)
        with Suite(Target(UnixAddress("shared.sock")), options) as suite:
            found = suite.run_all()
    new = [one for one in found.results if not one.known]
    assert {one.case for one in new if one.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)} == set()
    assert {one.case for one in new if one.verdict is Verdict.WARN} == set()
    known = {rule for one in found.results if one.known for rule in one.requirements}
    groups = [one.first for one in check_trace(proxy.trace).groups]
    blamed = {one.blame for one in groups if one.requirement not in known}
    assert not blamed & {"server", "recorder"}


class Client:
    """A client that has negotiated."""

    def __init__(self) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect("shared.sock")
            self.file: IO[bytes] = sock.makefile("rwb")
        self.events: list[str] = []
        assert "QMP" in self.hear()
        self.ask("qmp_capabilities")

    def hear(self) -> Any:
        return json.loads(self.file.readline())

    def ask(self, name: str, **arguments: object) -> Any:
        """The response to a command, whose id is the same for all commands of all clients."""
        self.file.write(json.dumps({"execute": name, "arguments": arguments, "id": [0]}).encode())
        self.file.flush()
        while "event" in (found := self.hear()):
            self.events.append(found["event"])
        assert found["id"] == [0]
        return found


def test_a_session_of_three_is_judged_and_played_again(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server("qemu-11.1")
    with shared(server.folder, monkeypatch) as proxy:
        clients = [Client() for _ in range(3)]
        owner, *others = clients
        owner.ask("query-qmp-schema")
        owner.ask("object-add", **{"qom-type": "iothread", "id": "t1"})
        for one in others:
            assert one.ask("query-iothreads")["return"][0]["id"] == "t1"
            assert "error" in one.ask("object-del", id="t1")
        assert owner.ask("object-del", id="t1")["return"] == {}
        owner.ask("cont")
        for one in clients:
            one.ask("query-status")
            assert one.events == ["RESUME"]
            one.file.close()
    assert {one.first.requirement for one in check_trace(proxy.trace).groups} == {"practice.failed"}
    build = require("qemu-11.1")
    words = build.command(*BARE, "-qmp", "unix:{socket},server=on,wait=off")
    environment = [f"{name}={value}" for name, value in build.env.items()]
    result = replay_trace(proxy.trace, spawn=shlex.join(["env", *environment, *words]))
    assert (result.exit_code, result.new) == (0, [])
