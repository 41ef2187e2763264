"""Nobody can notice the recorder: real clients, real servers, the same bytes.

Each case runs once directly and once through `qmpconf record`, against the same server.  What the
client got must be equal (but for the clock in the events), and the trace must hold just that.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qemu.qmp import Message, QMPClient

from tests.real.conftest import StartProxy, StartServer, require
from tests.real.machines import BARE, Server
from tests.real.proxies import Proxy
from tests.real.wire import Wire

_CLOCK = re.compile(rb'"timestamp": \{[^}]*\}')


def timeless(data: bytes) -> bytes:
    return _CLOCK.sub(b'"timestamp": 0', data)


def compare(
    server: Server, start_proxy: StartProxy, session: Callable[[Path], tuple[bytes, bytes]]
) -> None:
    """Run `session` both ways; it gives what the client sent and what it received."""
    direct = session(server.path)
    proxy = start_proxy(server)
    through = session(proxy.path)
    assert timeless(through[1]) == timeless(direct[1])
    assert through[0] == direct[0]
    assert proxy.bytes(1, "client") == through[0]
    assert proxy.bytes(1, "server") == through[1]


class Spy(QMPClient):
    """qemu.qmp's client; keeps what it sends and receives, byte for byte."""

    def __init__(self) -> None:
        super().__init__("spy")
        self.logger.disabled = True
        self.seen = b""
        self.sent = b""

    async def _readline(self) -> bytes:
        line = await super()._readline()
        self.seen += line
        return line

    def _do_send(self, msg: Message) -> None:
        self.sent += bytes(msg)
        super()._do_send(msg)


def test_qemu_qmp(qemu: Server, start_proxy: StartProxy) -> None:
    async def talk(path: Path) -> tuple[bytes, bytes]:
        client = Spy()
        await client.connect(str(path))
        with client.listener(("RESUME", "STOP")) as events:
            assert await client.execute("query-name") == {}
            await client.execute("cont")
            await events.get()
            await client.execute("stop")
            await events.get()
            await client.execute("query-yank", oob=True)
        await client.disconnect()
        return client.sent, client.seen

    compare(qemu, start_proxy, lambda path: asyncio.run(talk(path)))


@pytest.mark.parametrize("options", [[], ["--verbose"]], ids=["plain", "verbose"])
def test_qmp_shell(qemu: Server, start_proxy: StartProxy, options: list[str]) -> None:
    lines = "query-version\nquery-status\nno-such-command\nqom-list path=/\nstop unknown=1\n"

    def shell(path: Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "qemu.qmp.qmp_shell", *options, str(path)],
            input=lines,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    direct = shell(qemu.path)
    proxy = start_proxy(qemu)
    assert shell(proxy.path) == direct
    assert len(proxy.bytes(1, "server").splitlines()) >= 4


def test_everything_written_before_the_greeting_is_read(
    each_qemu: Server, start_proxy: StartProxy
) -> None:
    data = b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-name","id":1}' * 20

    def session(path: Path) -> tuple[bytes, bytes]:
        with Wire(path) as wire:
            wire.send(data)
            return data, b"".join(wire.line() for _ in range(22))

    compare(each_qemu, start_proxy, session)


def test_half_close_gets_all_answers_and_the_end(qemu: Server, start_proxy: StartProxy) -> None:
    data = b'{"execute":"qmp_capabilities"}{"execute":"query-commands"}{"execute":"stop"'

    def session(path: Path) -> tuple[bytes, bytes]:
        with Wire(path) as wire:
            wire.send(data)
            return data, wire.rest()

    compare(qemu, start_proxy, session)


def test_garbage(qemu: Server, start_proxy: StartProxy) -> None:
    data = (
        b'\xff\xfe{"execute":\n "qmp_capabilities"}\r\n\r\nGET / HTTP/1.1\r\n\r\n'
        b"{'execute':'query-name','id':'\\u00e4'}\x80\n}{]{\"a\":\"\xc3\xa4\",\"a\":1}[1,2"
    )

    def session(path: Path) -> tuple[bytes, bytes]:
        with Wire(path) as wire:
            wire.send(data)
            return data, wire.rest()

    compare(qemu, start_proxy, session)


def test_byte_by_byte(qemu: Server, start_proxy: StartProxy) -> None:
    data = b'{"execute":"qmp_capabilities"}{"execute":"query-name"}'

    def session(path: Path) -> tuple[bytes, bytes]:
        with Wire(path) as wire:
            for byte in data:
                wire.send(bytes([byte]))
            return data, b"".join(wire.line() for _ in range(3))

    compare(qemu, start_proxy, session)


def test_large_replies(each_qemu: Server, start_proxy: StartProxy) -> None:
    data = b'{"execute":"qmp_capabilities"}\n' + b'{"execute":"query-qmp-schema"}\r\n' * 5

    def session(path: Path) -> tuple[bytes, bytes]:
        with Wire(path) as wire:
            wire.send(data)
            lines = [wire.line() for _ in range(7)]
        assert min(map(len, lines[2:])) > 140_000
        return data, b"".join(lines)

    compare(each_qemu, start_proxy, session)


def test_storage_daemon(storage_daemon: Server, start_proxy: StartProxy) -> None:
    commands = [
        {"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}, "id": 0},
        {"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "n"}, "id": 1},
        {"execute": "query-named-block-nodes", "id": [2]},
        {"execute": "blockdev-del", "arguments": {"node-name": "n"}, "id": None},
        {"execute": "device_add", "id": {"a": 4}},
    ]

    def session(path: Path) -> tuple[bytes, bytes]:
        sent = b""
        with Wire(path) as wire:
            wire.line()
            for command in commands:
                text = json.dumps(command).encode()
                wire.send(text)
                sent += text
                wire.line()
            return sent, bytes(wire.received)

    compare(storage_daemon, start_proxy, session)


#: Command that takes a descriptor: its arguments, and the command that gives it back.
DESCRIPTORS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "getfd": ({"fdname": "pipe"}, {"name": "closefd", "fdname": "pipe"}),
    "add-fd": ({"fdset-id": 1}, {"name": "remove-fd", "fdset-id": 1}),
}


@pytest.mark.parametrize("command", DESCRIPTORS)
def test_descriptors_arrive(qemu: Server, start_proxy: StartProxy, command: str) -> None:
    """A pipe is handed over; that it ends shows that nobody but the server held it."""
    proxy = start_proxy(qemu)
    with Wire(proxy.path) as wire:
        wire.negotiate()
        wire.command("cont")  # a stopped machine keeps removed descriptors
        reader, writer = os.pipe()
        identity = os.fstat(writer).st_ino
        opened, closed = DESCRIPTORS[command]
        assert "return" in wire.command(command, [writer], **opened)
        os.close(writer)
        held = [os.stat(path).st_ino for path in Path(f"/proc/{qemu.process.pid}/fd").iterdir()]
        assert identity in held
        assert select.select([reader], [], [], 0) == ([], [], [])
        assert wire.command(**closed) == {"return": {}}
        assert select.select([reader], [], [], 20)[0] == [reader]
        assert os.read(reader, 1) == b""
        os.close(reader)
    proxy.stop()
    lines = [json.loads(line) for line in proxy.trace.read_bytes().splitlines()]
    carried = [line for line in lines if "fds" in line]
    assert [line["msg"]["execute"] for line in carried] == [command]
    assert carried[0]["fds"] == [{"kind": "pipe", "access": "w"}]


@pytest.mark.parametrize("through", [False, True], ids=["direct", "recorded"])
def test_descriptor_before_and_inside_its_message(
    qemu: Server, start_proxy: StartProxy, through: bool
) -> None:
    path = start_proxy(qemu).path if through else qemu.path
    with Wire(path) as wire, Path(os.devnull).open("rb") as file:
        wire.negotiate()
        wire.send(b" ", [file.fileno()])
        assert wire.command("getfd", fdname="a") == {"return": {}}
        wire.send(b'{"execute":"getfd","argu')
        wire.send(b'ments":{"fdname":"b"}}', [file.fileno()])
        assert wire.reply() == {"return": {}}
        assert "error" in wire.command("getfd", fdname="c")
        for name in "ab":
            assert wire.command("closefd", fdname=name) == {"return": {}}


@pytest.mark.parametrize("through", [False, True], ids=["direct", "recorded"])
def test_out_of_band_overtakes(
    start_server: StartServer, start_proxy: StartProxy, through: bool
) -> None:
    """Five slow commands in band and one out of band: that one is answered before the last."""
    server = start_server("qemu-7.2")
    path = start_proxy(server).path if through else server.path
    with Wire(path) as wire:
        wire.negotiate("oob")
        slow = b"".join(b'{"execute":"query-qmp-schema","id":%d}' % n for n in range(5))
        wire.send(slow + b'{"exec-oob":"query-yank","id":"oob"}')
        order = [wire.message()["id"] for _ in range(6)]
    assert [one for one in order if one != "oob"] == [0, 1, 2, 3, 4]
    assert order.index("oob") < 5


def test_two_clients_one_after_the_other(qemu: Server, start_proxy: StartProxy) -> None:
    proxy = start_proxy(qemu)
    seen = []
    for _ in range(2):
        with Wire(proxy.path) as wire:
            wire.negotiate()
            wire.command("query-name")
            seen.append(bytes(wire.received))
    assert seen[0] == seen[1]
    assert [proxy.bytes(conn, "server") for conn in (1, 2)] == seen


@pytest.mark.parametrize("through", [False, True], ids=["direct", "recorded"])
def test_two_clients_at_once(qemu: Server, start_proxy: StartProxy, through: bool) -> None:
    """QEMU serves one at a time: the second hears nothing until the first has gone."""
    path = start_proxy(qemu).path if through else qemu.path
    with Wire(path) as second, Wire(path) as first:
        hears = _whoever_is_greeted(first, second)
        waits = second if hears is first else first
        hears.negotiate()
        for _ in range(10):
            assert "return" in hears.command("query-name")
        assert select.select([waits.sock], [], [], 0)[0] == []
        hears.close()
        assert waits.negotiate()["QMP"]["capabilities"] == ["oob"]


def _whoever_is_greeted(first: Wire, second: Wire) -> Wire:
    ready = select.select([first.sock, second.sock], [], [], 20)[0]
    assert len(ready) == 1
    return first if ready[0] is first.sock else second


def test_two_servers_at_once(start_server: StartServer, start_proxy: StartProxy) -> None:
    """Two monitors of one machine, two recorders, two clients: each hears its own answers."""
    wires = []
    for release in ("a", "b"):
        server = start_server("qemu-7.2", name=f"{release}.sock")
        wire = Wire(start_proxy(server, f"proxy-{release}").path)
        wire.negotiate()
        wires.append(wire)
    for number in range(20):
        for wire in wires:
            wire.send(b'{"execute":"query-name","id":%d}' % number)
        assert [wire.message()["id"] for wire in wires] == [number, number]
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("through", [False, True], ids=["direct", "recorded"])
def test_server_that_dies(qemu: Server, start_proxy: StartProxy, through: bool) -> None:
    path = start_proxy(qemu).path if through else qemu.path
    with Wire(path) as wire:
        wire.negotiate()
        qemu.process.kill()
        with pytest.raises((EOFError, ConnectionResetError)):
            wire.message()


def test_quit(qemu: Server, start_proxy: StartProxy) -> None:
    with Wire(start_proxy(qemu).path) as wire:
        wire.negotiate()
        wire.send(b'{"execute":"quit"}')
        assert [next(iter(wire.message())) for _ in range(2)] in (
            ["timestamp", "return"],
            ["return", "timestamp"],
        )
        assert wire.line() == b""
    assert qemu.process.wait(60) == 0


def test_server_that_dials_and_comes_back(tmp_path: Path) -> None:
    """A QEMU with ``reconnect`` dials the recorder, and again when a client has gone."""
    proxy = Proxy(tmp_path, tmp_path / "dial.sock", dials=True)
    build = require("qemu-7.2")
    server = subprocess.Popen(
        build.command(
            *BARE,
            *("-chardev", "socket,id=qmp,path=dial.sock,reconnect=1", "-mon", "qmp,mode=control"),
        ),
        cwd=tmp_path,
        env={**os.environ, **build.env},
    )
    try:
        for number in range(2):
            with Wire(proxy.path) as wire:
                wire.negotiate()
                wire.send(b'{"execute":"query-name","id":%d}' % number)
                assert wire.message() == {"return": {}, "id": number}
        assert proxy.bytes(2, "client").endswith(b'"id":1}')
    finally:
        proxy.stop()
        server.terminate()
        server.wait(60)
