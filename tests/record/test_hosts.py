"""Many monitors in one process: they come and go, and none of them costs another one anything."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from qmpconf.cli.rotation import age, size
from qmpconf.errors import InputError, UsageError
from qmpconf.net.address import UnixAddress
from qmpconf.record.host_config import read_plan
from qmpconf.record.hosts import Host
from qmpconf.record.plan import Monitor, Plan, Share
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.rotation import Rotation
from tests.descriptors import no_descriptor_left
from tests.record.proxy import (
    GREETING,
    PATIENCE,
    connected,
    listening,
    receive,
    until,
    until_end,
)

#: Why a socket below the folder is left alone.
_CONFIGURED = "a monitor of the configuration has the same name"


class Running:
    """A host whose loop runs in a thread."""

    def __init__(self, plan: Plan) -> None:
        self.said: list[str] = []
        self.host = Host(plan, None, self.said.append)
        self.host.begin()
        self._thread = threading.Thread(target=self.host.run)
        self._thread.start()

    def stop(self) -> None:
        self.host.stop()
        self._thread.join()
        self.host.close()


@contextmanager
def running(plan: Plan) -> Iterator[Running]:
    one = Running(plan)
    try:
        yield one
    finally:
        one.stop()


@pytest.fixture(autouse=True)
def closes_all() -> Iterator[None]:
    with no_descriptor_left():
        yield


def _connected(path: Path) -> socket.socket:
    """Connected to a socket that is there, and may not be listened at yet."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return connected(UnixAddress(str(path)))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class Server:
    """A monitor at `path`, through whose proxy a client talks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = listening(UnixAddress(str(path)))

    def talk(self, proxy: Path) -> tuple[socket.socket, socket.socket]:
        """A client and the server's side of its session, behind the greeting."""
        client = _connected(proxy)
        server, _ = self._listener.accept()
        server.sendall(GREETING)
        assert receive(client, len(GREETING)) == GREETING
        return client, server

    def go(self) -> None:
        self._listener.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    for name in ("vms", "vms/inner"):
        (tmp_path / name).mkdir()
    return Plan(
        str(tmp_path / "out"),
        directory=str(tmp_path / "vms"),
        listen=str(tmp_path / "px"),
        compress="",
    )


def traces(plan: Plan) -> list[str]:
    return sorted(os.path.join(plan.output, name) for name in os.listdir(plan.output))


def test_another_plan_is_gone_by_while_all_others_go_on(tmp_path: Path) -> None:
    servers = {name: Server(tmp_path / name) for name in ("one", "two", "three")}

    def monitor(name: str, **more: str) -> Monitor:
        return Monitor(name, f"unix:{tmp_path / name}", f"unix:{tmp_path / name}.px", **more)

    first = Plan(str(tmp_path / "out"), (monitor("one"), monitor("two")), compress="")
    second = replace(first, monitors=(monitor("one"), monitor("three", protocol="qga")))

    def nonsense() -> Plan:
        raise InputError("hosts.toml: nothing is called 'x' here")

    with running(first) as one:
        client, server = servers["one"].talk(tmp_path / "one.px")
        gone, its = servers["two"].talk(tmp_path / "two.px")
        one.host.reread(nonsense)
        until(lambda: one.said == ["hosts.toml: nothing is called 'x' here; nothing has changed"])
        one.host.reread(lambda: replace(second, match="x*"))
        until(lambda: "read again: 2 monitors" in one.said)
        assert any("until it is started anew" in text for text in one.said)
        assert not (tmp_path / "two.px").exists()
        assert sorted(one.host.names) == ["one", "three"]
        new, new_server = servers["three"].talk(tmp_path / "three.px")
        for here, there in ((client, server), (gone, its), (new, new_server)):
            here.sendall(
                b'{"execute":"x"}'
            )  # also of the one that is let go: with its last session
            assert receive(there, 15) == b'{"execute":"x"}'
            here.close()
            there.close()
    protocols = {
        TraceReader(path).header.meta["monitor"]: TraceReader(path).header.meta.get("protocol")
        for path in traces(first)
    }
    assert protocols == {"one": None, "two": None, "three": "qga"}
    for each in servers.values():
        each.go()


def test_machines_that_come_and_go(tmp_path: Path, plan: Plan) -> None:
    first = Server(tmp_path / "vms/web.sock")
    with running(plan) as one:
        assert one.host.names == ["web"]
        client, server = first.talk(tmp_path / "px/web.sock")
        second = Server(tmp_path / "vms/inner/db")
        one.host.wake()
        until((tmp_path / "px/inner-db.sock").exists)
        other, its = second.talk(tmp_path / "px/inner-db.sock")
        first.go()
        one.host.wake()
        until(lambda: not (tmp_path / "px/web.sock").exists())
        # Its session goes on, and with it the recording.
        client.sendall(b'{"execute":"quit"}')
        assert receive(server, 18) == b'{"execute":"quit"}'
        for sock in (client, server):
            sock.close()
        until(lambda: one.host.done.sessions == 1)
        # It comes again: another recording.
        again = Server(tmp_path / "vms/web.sock")
        one.host.wake()
        until((tmp_path / "px/web.sock").exists)
        client, server = again.talk(tmp_path / "px/web.sock")
        for sock in (client, server, other, its):
            sock.close()
        until(lambda: len(traces(plan)) == 3)
        for each in (second, again):
            each.go()
    assert one.said == []
    assert one.host.done.recordings == one.host.done.sessions == 3
    assert [os.path.basename(path).split("-2")[0] for path in traces(plan)] == [
        "inner-db",
        "web",
        "web",
    ]
    assert direction(traces(plan)[1], 1, "client") == b'{"execute":"quit"}'
    for path in traces(plan):
        reader = TraceReader(path)
        list(reader.items())
        assert reader.finished
        assert direction(path, 1, "server") == GREETING


def test_sockets_that_nobody_serves_and_other_files_are_none(tmp_path: Path, plan: Plan) -> None:
    (tmp_path / "vms/file.sock").write_text("")
    stale = listening(UnixAddress(str(tmp_path / "vms/stale.sock")))
    stale.close()
    other = Server(tmp_path / "vms/other.sock")
    wanted = Server(tmp_path / "vms/inner/wanted.sock")
    twice = Server(tmp_path / "vms/inner-wanted.sock")
    with running(replace(plan, match="inner*")) as one:
        assert one.host.names == ["inner-wanted"]
    assert "has the same name here" in one.said[0]
    for server in (other, wanted, twice):
        server.go()
    assert traces(plan) == []  # nobody said anything


def test_what_goes_wrong_with_one_costs_the_others_nothing(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = [Server(tmp_path / "vms" / name) for name in ("bad", "good")]
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if b'"full"' in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setenv("QMPCONF_CORE", "python")  # the compiled core does not write with os.write
    with running(plan) as one:
        pairs = [server.talk(tmp_path / "px" / f"{server.path.name}.sock") for server in servers]
        pairs[0][0].sendall(b'{"execute":"full"}')
        assert until_end(pairs[0][0]) == until_end(pairs[0][1]) == b""
        pairs[1][0].sendall(b'{"execute":"fine"}')
        assert receive(pairs[1][1], 18) == b'{"execute":"fine"}'
        assert one.host.names == ["good"]
        for sock in (*pairs[0], *pairs[1]):
            sock.close()
        for server in servers:
            server.go()
    assert len(one.said) == 1
    assert "bad: cannot write" in one.said[0]
    assert "No space left" in one.said[0]
    assert "its sessions were ended" in one.said[0]
    assert one.host.done.failed == 1


def test_monitors_of_a_host_are_shared_each_by_its_clients(tmp_path: Path, plan: Plan) -> None:
    plan = replace(plan, share=Share(str(tmp_path / "watch")))
    servers = {name: listening(UnixAddress(str(tmp_path / "vms" / name))) for name in ("web", "db")}
    with running(plan) as one, ExitStack() as stack:
        for name, listener in servers.items():
            paths = [tmp_path / folder / f"{name}.sock" for folder in ("px", "px", "watch")]
            clients = [stack.enter_context(_connected(path)) for path in paths]
            server = stack.enter_context(listener.accept()[0])
            server.sendall(GREETING)
            asked = json.loads(server.recv(4096))
            server.sendall(b'{"return": {}, "id": "%b"}\r\n' % asked["id"].encode())
            for client in clients:
                assert receive(client, len(GREETING)) == GREETING
                client.sendall(b'{"execute":"qmp_capabilities"}')
                assert receive(client, 16) == b'{"return": {}}\r\n'
            for client in clients[1:]:
                client.sendall(b'{"execute":"stop"}')
                assert b"only observes" in client.recv(4096)
            server.sendall(GREETING.replace(b"QMP", b"event"))
        assert sorted(one.host.names) == ["db", "web"]
        for name, listener in servers.items():
            listener.close()
            (tmp_path / "vms" / name).unlink()
        one.host.wake()
        until(lambda: not one.host.names)
    assert one.said == []
    assert one.host.done.sessions == 8
    assert [TraceReader(path).header.meta["share"] for path in traces(plan)] == [True, True]


def test_a_monitor_that_is_named_keeps_its_name(tmp_path: Path, plan: Plan) -> None:
    named, found = Server(tmp_path / "named"), Server(tmp_path / "vms/web.sock")
    named_only = replace(
        plan, monitors=(Monitor("web", f"unix:{named.path}", f"unix:{tmp_path}/named.px"),)
    )
    with running(named_only) as one:
        assert one.host.names == ["web"]
        assert one.said == [f"web: {found.path} is not recorded: {_CONFIGURED}"]
        here, there = named.talk(tmp_path / "named.px")
        found.go()
        one.host.wake()
        here.sendall(b'{"execute":"x"}')
        assert receive(there, 15) == b'{"execute":"x"}'
        here.close()
        there.close()
    named.go()
    assert [TraceReader(path).header.meta["server"] for path in traces(plan)] == [
        f"unix:{named.path}"
    ]


def test_a_monitor_that_is_named_later_takes_the_name(tmp_path: Path, plan: Plan) -> None:
    named, found = Server(tmp_path / "named"), Server(tmp_path / "vms/web.sock")
    monitor = Monitor("web", f"unix:{named.path}", f"unix:{tmp_path}/named.px")
    with running(plan) as one:
        assert one.host.names == ["web"]
        one.host.reread(lambda: replace(plan, monitors=(monitor,)))
        until(lambda: any("is not recorded" in text for text in one.said))
        assert not (tmp_path / "px/web.sock").exists()
        here, there = named.talk(tmp_path / "named.px")
        here.close()
        there.close()
        one.host.reread(lambda: plan)
        until((tmp_path / "px/web.sock").exists)
    named.go()
    found.go()


def test_an_address_in_use_is_said_once(tmp_path: Path, plan: Plan) -> None:
    (tmp_path / "px").mkdir()
    taken = Server(tmp_path / "px/web.sock")
    web, db = Server(tmp_path / "vms/web"), Server(tmp_path / "vms/db")
    with running(plan) as one:
        assert one.host.names == ["db"]
        assert "web: cannot listen on" in one.said[0]
    assert len(one.said) == 1
    for server in (taken, web, db):
        server.go()
    assert traces(plan) == []


def test_of_each_monitor_so_many_parts_are_kept(tmp_path: Path, plan: Plan) -> None:
    plan = replace(plan, rotation=Rotation(400, keep=2))
    for _ in range(3):
        server = Server(tmp_path / "vms/web.sock")
        with running(plan):
            client, its = server.talk(tmp_path / "px/web.sock")
            for _ in range(4):
                its.sendall(GREETING)
                receive(client, len(GREETING))
            for sock in (client, its):
                sock.close()
            server.go()
    assert len(traces(plan)) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"directory": ""}, "say which monitors"),
        ({"listen": ""}, "in which folder the sockets for clients"),
        ({"directory": "/nowhere/at/all"}, "there is no folder"),
        ({"listen": "INSIDE"}, "would be below"),
        ({"monitors": (Monitor("a/b", "s", "l"),)}, "cannot be a monitor's name"),
        ({"monitors": (Monitor("a", "s", "l"),) * 2}, "two monitors are called a"),
        ({"monitors": (Monitor("a", "s", "s"),)}, "a: server and listen are one address"),
        ({"share": Share(), "protocol": "qga"}, "a guest agent cannot be shared"),
        (
            {"monitors": (Monitor("a", "s", "l", protocol="qga", share=Share()),)},
            "a: a guest agent cannot be shared",
        ),
        ({"share": Share("px"), "listen": "px"}, "need another folder"),
        ({"share": Share("INSIDE")}, "would be below"),
    ],
)
def test_plans_that_cannot_be(plan: Plan, changes: dict[str, object], says: str) -> None:
    if changes.get("listen") == "INSIDE":
        changes = {"listen": os.path.join(plan.directory, "px")}
    if changes.get("share") == Share("INSIDE"):
        changes = {"share": Share(os.path.join(plan.directory, "watch"))}
    with pytest.raises(UsageError, match=says):
        Host(replace(plan, **changes), None, print)  # type: ignore[arg-type]


CONFIG = """
output = "out"
max-size = "1M"
keep = 3
compress = "none"
on-write-error = "passthrough"
[[monitor]]
name = "web"
server = "unix:/run/web"
listen = "tcp:localhost:4444"
"""


def test_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(CONFIG)
    plan = read_plan(str(path), size, age)
    assert plan.output == str(tmp_path / "out")
    assert plan.rotation == Rotation(1 << 20, keep=3)
    assert plan.monitors == (Monitor("web", "unix:/run/web", "tcp:localhost:4444"),)
    assert (plan.compress, plan.pass_on_error, plan.redact) == ("", True, True)


def test_a_configuration_says_who_shares_what(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        "output = 'out'\nshare = true\nobserve = 'watch'\nwriters = 'all'\n"
        "[[monitor]]\nname = 'a'\nserver = 's'\nlisten = 'l'\n"
        "[[monitor]]\nname = 'b'\nserver = 's'\nlisten = 'l'\nobserve = 'o'\nwriters = 'first'\n"
        "[[monitor]]\nname = 'c'\nserver = 's'\nlisten = 'l'\nshare = false\n"
    )
    plan = read_plan(str(path), size, age)
    assert plan.share == Share(str(tmp_path / "watch"), all_write=True)
    assert [one.share for one in plan.monitors] == [
        Share(f"unix:{tmp_path}/watch/a.sock", all_write=True),
        Share("o"),
        None,
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("output = 'x'\nobserve = 'y'", "observe says how a monitor is shared: add share = true"),
        ("output = 'x'\nshare = true\nwriters = 'none'", "writers must be one of first, all"),
        ("", "say in which folder"),
        ("output = 3", "output must be a string"),
        ("output = 'x'\nwhat = 1", "nothing is called 'what' here; there are output"),
        ("output = 'x'\nmonitor = [1]", "write .*monitor.* above each"),
        ("output = 'x'\n[[monitor]]\nname = 'a'", "monitor 'a' has no server"),
        ("output = 'x'\n[[monitor]]\nname = 'a'\nport = 1", "nothing is called 'port'"),
        ("output = 'x'\ncompress = 'bz2'", "compress must be one of none, gz, zst"),
        ("output = [", "is not a configuration of record"),
    ],
)
def test_a_configuration_that_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_plan(str(path), size, age)
