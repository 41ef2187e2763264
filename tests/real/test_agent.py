"""A real guest agent: what is recorded of it is right, and what is wrong in front of it is found."""

from __future__ import annotations

import base64
import re
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from qmpconf.check.checking import Outcome, check_trace
from qmpconf.cli.main import main
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.schema import store
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document
from tests.real.agents import NEVER, agent, ask, command_line, synced
from tests.real.conftest import StartProxy
from tests.real.wire import Wire

CATALOG = "qemu-ga-7.2.22-doc"
MANUAL = Path("/usr/share/man/man7/qemu-ga-ref.7.gz")
#: What an agent is asked that changes nothing.
QUERIES = (
    *("guest-ping", "guest-info", "guest-get-osinfo", "guest-get-fsinfo", "guest-get-time"),
    *("guest-get-host-name", "guest-network-get-interfaces", "guest-get-vcpus"),
    *("guest-fsfreeze-status", "guest-get-users", "guest-get-timezone", "guest-get-disks"),
)
SECRET = "hunter2-of-the-guest"


@pytest.fixture
def qga(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A guest agent of this machine, on which only harmless things may be done."""
    with agent(tmp_path) as path:
        yield SimpleNamespace(path=path, folder=tmp_path)


def told(outcome: Outcome) -> set[tuple[str, str, str]]:
    firsts = [group.first for group in outcome.groups if group.first.severity != "note"]
    return {(one.requirement, one.blame, one.subject) for one in firsts}


def test_a_correct_session_has_no_findings(
    qga: SimpleNamespace, start_proxy: StartProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = start_proxy(qga)
    with Wire(proxy.path) as wire:
        synced(wire)
        for name in QUERIES:
            wire.command(name)
        path = qga.folder / "written"
        handle = ask(wire, "guest-file-open", path=str(path), mode="w+")
        data = base64.b64encode(SECRET.encode()).decode()
        ask(wire, "guest-file-write", handle=handle, buf_b64=data)
        ask(wire, "guest-file-seek", handle=handle, offset=0, whence="set")
        assert ask(wire, "guest-file-read", handle=handle)["buf-b64"] == data
        ask(wire, "guest-file-close", handle=handle)
        given = {"arg": [SECRET], "env": [f"A={SECRET}"], "capture_output": True}
        pid = ask(wire, "guest-exec", path="/bin/echo", **given)["pid"]
        while not ask(wire, "guest-exec-status", pid=pid)["exited"]:
            time.sleep(0.01)
    proxy.stop()
    assert path.read_text() == SECRET
    recorded = proxy.trace.read_text()
    assert SECRET not in recorded
    assert data not in recorded

    outcome = check_trace(str(proxy.trace))
    assert [str(group.first) for group in outcome.groups] == []
    assert outcome.unjudged == ()
    [schema] = outcome.schemas
    assert schema.startswith(f"{CATALOG}, of the same version")
    assert "by the reply to guest-info in line" in schema
    assert main(["show", str(proxy.trace)]) == 0
    out = capsys.readouterr().out
    assert "0xFF: the receiver's parser is reset" in out
    assert "guest-sync-delimited returned" in out
    assert "malformed" not in out
    assert main(["stats", str(proxy.trace)]) == 0
    assert "2 resets of a parser" in capsys.readouterr().out
    assert main(["check", str(proxy.trace), "--protocol", "qmp"]) == 1
    assert "negotiation.client-first" in capsys.readouterr().out


def test_a_wrong_client_is_told_so(qga: SimpleNamespace, start_proxy: StartProxy) -> None:
    proxy = start_proxy(qga)
    with Wire(proxy.path) as wire:
        ask(wire, "guest-info")
        assert wire.command("guest-get-tiem")["error"]["class"] == "CommandNotFound"
        assert "error" in wire.command("guest-file-read", handle="7")
        assert "error" in wire.command("guest-file-open")
        assert "error" in wire.command("qmp_capabilities")
        assert "error" in wire.command(NEVER[0])  # it is blocked, which is no fault of anybody
    with Wire(proxy.path) as wire:
        ask(wire, "guest-sync", id=3)
        ask(wire, "guest-sync", id=3)
    proxy.stop()
    outcome = check_trace(str(proxy.trace), ignore=["practice"])
    assert told(outcome) == {
        ("agent.sync-first", "client", "guest-info"),
        ("schema.command-known", "client", "guest-get-tiem"),
        ("schema.arguments", "client", "guest-file-read"),
        ("schema.arguments", "client", "guest-file-open"),
        ("schema.command-known", "client", "qmp_capabilities"),
        ("agent.reset-first", "client", "guest-sync"),
        ("agent.sync-unique", "client", "guest-sync"),
    }
    [hint] = [one.first.hint for one in outcome.groups if one.first.subject == "guest-get-tiem"]
    assert hint == "guest-get-time"


#: What is changed in an agent's messages -> which rules that breaks, with which commands.
WRONG = {
    "nothing": (b"", b"", set()),
    "no 0xFF": (b"\xff", b"", {("agent.sentinel", "guest-sync-delimited")}),
    "another integer": (b'{"return": 5}', b'{"return": 6}', {("agent.sync-echo", "guest-ping")}),
    "no line feed": (b"\n", b"", {("agent.line-feed", "")}),
    "a 0xFF too many": (b"{}}", b"{}}\n\xff", {("agent.sentinel", "guest-get-time")}),
    "nothing is what is returned": (b"{}", b"[]", {("response.void", "guest-ping")}),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_agent_is_blamed(qga: SimpleNamespace, start_proxy: StartProxy, name: str) -> None:
    """What stands between agent and recorder changes what the agent says."""
    old, new, broken = WRONG[name]
    between = qga.folder / "between.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(between))
        listener.listen()
        proxy = start_proxy(SimpleNamespace(path=between, folder=qga.folder))
        with Wire(proxy.path) as wire:
            server, _ = listener.accept()
            with server, Wire(qga.path) as real:
                for data in (
                    b'\xff{"execute":"guest-sync-delimited","arguments":{"id":5}}\n',
                    b'{"execute":"guest-ping"}\n{"execute":"guest-get-time"}\n',
                ):
                    wire.send(data)
                    for _ in range(len(data)):
                        real.send(server.recv(1))
                    for _ in range(2):  # the error for the 0xFF, and the response; two responses
                        said = real.line()
                        said = said.replace(old, new) if old else said
                        server.sendall(said)
                        for _ in range(len(said)):
                            assert wire.sock.recv(1)
    proxy.stop()
    outcome = check_trace(str(proxy.trace), CATALOG)
    assert told(outcome) == {(rule, "server", subject) for rule, subject in broken}


def test_a_file_system_that_is_frozen(tmp_path: Path, start_proxy: StartProxy) -> None:
    """An agent that finds the mark of an earlier one says that it is frozen, and freezes nothing."""
    (tmp_path / "qga.state.isfrozen").touch()
    with agent(tmp_path) as path:
        proxy = start_proxy(SimpleNamespace(path=path, folder=tmp_path))
        with Wire(proxy.path) as wire:
            synced(wire)
            assert ask(wire, "guest-fsfreeze-status") == "frozen"
            ask(wire, "guest-ping")
            assert wire.command("guest-get-time")["error"]["class"] == "CommandNotFound"
        proxy.stop()
    outcome = check_trace(str(proxy.trace), CATALOG, ignore=["practice"])
    assert told(outcome) == {("agent.frozen", "client", "guest-get-time")}


def test_the_shipped_catalog_is_what_the_compiler_gives(qga: SimpleNamespace) -> None:
    if not MANUAL.exists():
        pytest.skip("there is no qemu-ga-ref(7)")
    compiled = compile_document(read_document(MANUAL)).catalog
    if compiled.name != CATALOG:
        pytest.skip(f"{compiled.name} is not shipped: the package is another one")
    assert store.encode(compiled) == store.encode(store.load_shipped(CATALOG))
    with Wire(qga.path) as wire:
        synced(wire)
        listed = {one["name"] for one in ask(wire, "guest-info")["supported_commands"]}
    assert compiled.commands.keys() ^ listed == set()


def test_record_takes_the_protocol_and_a_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spawn = shlex.join(command_line("{socket}", tmp_path))
    trace = tmp_path / "agent.qmptrace"
    client = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
    client += (
        ' s.sendall(b\'{"execute":"guest-ping"}\'); assert s.recv(99) == b\'{"return": {}}\\n\''
    )
    words = ["record", "--protocol", "qga", "--spawn", spawn, "-o", str(trace)]
    assert main([*words, "--", sys.executable, "-c", client, "{listen}"]) == 0
    assert '"protocol":"qga"' in trace.read_text().partition("\n")[0]
    capsys.readouterr()
    assert main(["check", str(trace), "--schema", CATALOG]) == 0
    assert "agent.sync-first" in capsys.readouterr().out


def test_a_replay_takes_handles_and_processes_of_the_target(
    qga: SimpleNamespace, start_proxy: StartProxy
) -> None:
    """One agent counts its handles on: a second session with it has others."""
    proxy = start_proxy(qga)
    with Wire(proxy.path) as wire:
        synced(wire)
        ask(wire, "guest-info")
        ask(wire, "guest-get-time")
        handle = ask(wire, "guest-file-open", path=str(qga.folder / "there"), mode="w")
        ask(wire, "guest-file-flush", handle=handle)
        ask(wire, "guest-file-close", handle=handle)
        ask(wire, "guest-exec", path="/bin/true")
    proxy.stop()
    result = replay_trace(str(proxy.trace), target=str(qga.path))
    assert result.failure == ""
    assert [str(one) for one in result.new] == []
    bound = {one.kind: one.used for one in result.bindings}
    assert bound == {"file handle": 2, "process": 0}


def test_a_recording_answers_as_the_agent_did(
    qga: SimpleNamespace, start_proxy: StartProxy
) -> None:
    proxy = start_proxy(qga)
    with Wire(proxy.path) as wire:
        synced(wire)
        ask(wire, "guest-get-osinfo")
        wire.command("guest-get-time", nonsense=1)
    proxy.stop()
    client = qga.folder / "client.py"
    client.write_text(
        "import sys\n"
        "from tests.real.agents import ask, synced\n"
        "from tests.real.wire import Wire\n"
        "with Wire(sys.argv[1]) as wire:\n"
        "    synced(wire)\n"
        '    assert ask(wire, "guest-get-osinfo")["id"]\n'
        '    assert "error" in wire.command("guest-get-time", nonsense=1)\n'
    )
    words = ["record", "--mode", "none", "--server", str(qga.path), "-o", str(proxy.trace)]
    command = [sys.executable, str(client), "{listen}"]
    root = Path(__file__).parents[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))
        assert main([*words, "--", *command]) == 0


def test_the_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spawn = shlex.join(command_line("{socket}", tmp_path))
    assert main(["conform", "--protocol", "qga", "--spawn", spawn, "--level", "MUST", "-q"]) == 0
    assert re.search(r"conforms: [5-9]\d pass", capsys.readouterr().out)
