"""`schema fetch`: from a server, and out of a trace."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.cli.schema.property_fetch import Fetched, at
from qmpconf.schema import store
from qmpconf.schema.property_catalog import properties_with
from tests.check.scripts import GREETING, OPENING, basis, schema_entries, schema_reply, write

ASK = '> {"execute": "query-qmp-schema"}'
SAMPLE = basis().catalog


class Server:
    """Says `lines` one after the other, each when it has been sent something (the first at once)."""

    def __init__(self, path: Path, lines: list[bytes]) -> None:
        self.address = f"unix:{path}"
        self._lines = lines
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:  # it is closed
                return
            with peer:
                for number, line in enumerate(self._lines):
                    if number and not peer.recv(1 << 16):
                        break
                    peer.sendall(line)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


def wire(script: list[str]) -> list[bytes]:
    return [line[2:].encode() + b"\r\n" for line in script if line.startswith("<")]


def test_from_a_server(tmp_path: Path) -> None:
    event = b'{"event": "SPILT", "timestamp": {"seconds": 1, "microseconds": 1}}\r\n'
    greeting, agreed, reply = wire([*OPENING, schema_reply()])
    server = Server(tmp_path / "s", [greeting, agreed + event, event + reply])
    out = tmp_path / "fetched.json"
    assert main(["schema", "fetch", "--target", server.address, "-o", str(out)]) == 0
    server.close()
    found = store.read(out)
    assert found.name == "qemu-7.0.0"
    assert found.source.package == "sample"
    assert (found.commands, found.events, found.types) == (
        SAMPLE.commands,
        SAMPLE.events,
        SAMPLE.types,
    )


def test_from_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = write(tmp_path / "t", [*OPENING, ASK, schema_reply()])
    assert main(["schema", "fetch", "--trace", str(trace), "--name", "mine"]) == 0
    captured = capsys.readouterr()
    found = store.decode(captured.out.encode())
    assert found.name == "mine"
    assert found.types == SAMPLE.types
    assert "mine: 7 commands, 3 events" in captured.err


REFUSED = b'{"error": {"class": "CommandNotFound", "desc": "none of that"}}\r\n'
GREET = wire([GREETING])[0]


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ([b""], 4, "closed the connection"),
        ([b"SSH-2.0-OpenSSH\r\n"], 4, "is not a QMP monitor"),
        ([GREET], 4, "closed the connection"),
        ([GREET, REFUSED], 4, "qmp_capabilities failed with CommandNotFound: none of that"),
        ([GREET, b'{"return": {}}', REFUSED], 4, "query-qmp-schema failed"),
        ([GREET, b'{"return": {}}', b'{"return": [1]}'], 3, "SchemaInfo entry 1"),
    ],
)
def test_servers_that_do_not_tell(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lines: list[bytes],
    code: int,
    words: str,
) -> None:
    server = Server(tmp_path / "s", lines)
    assert main(["schema", "fetch", "--target", server.address]) == code
    server.close()
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "fetch", "--target", str(tmp_path / "none")]) == 4
    assert "cannot connect to" in capsys.readouterr().err


def test_a_trace_without_a_reply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = write(tmp_path / "t", OPENING)
    assert main(["schema", "fetch", "--trace", str(trace)]) == 3
    assert "holds no reply to query-qmp-schema" in capsys.readouterr().err


class Talker(Server):
    """Answers each command by `answers`: what it returns, or an error, or nothing and an end."""

    def __init__(self, path: Path, answers: Mapping[str, object], sessions: int) -> None:
        self._answers = answers
        self._sessions = sessions
        super().__init__(path, [])

    def _serve(self) -> None:
        for _ in range(self._sessions):
            peer, _ = self._listener.accept()
            with peer, peer.makefile("rwb") as stream:
                stream.write(GREET)
                stream.flush()
                for line in stream:
                    asked = json.loads(line)
                    key = asked.get("arguments", {}).get("typename", asked["execute"])
                    if key == "qom-list-types" and not asked["arguments"].get("abstract", True):
                        key = asked["arguments"]["implements"]
                    answer = self._answers.get(key, ERROR)
                    if answer is None:
                        break
                    reply = answer if answer is ERROR else {"return": answer}
                    stream.write(json.dumps(reply).encode() + b"\r\n")
                    stream.flush()


ERROR = {"error": {"class": "GenericError", "desc": "none of that"}}
TYPES = ["lamp", "colo-compare", "fan", "virtio-vga-gl"]
ANSWERS: dict[str, object] = {
    "qmp_capabilities": {},
    "query-qmp-schema": schema_entries(),
    "human-monitor-command": 'name "lamp", bus PCI, alias "light"\r\nname "fan", desc "x"\r\n',
    "qom-list-types": [{"name": name} for name in TYPES],
    "device": [{"name": name} for name in TYPES],
    "user-creatable": [{"name": "thread"}],
    "lamp": [{"name": "bright", "type": "uint8", "description": "how much"}],
    "thread": [{"name": "polls", "type": "int"}],
}


def test_properties_go_into_a_second_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Talker(tmp_path / "s", ANSWERS, sessions=2)
    out = tmp_path / "mine.json"
    fetch = ["schema", "fetch", "--target", server.address, "--properties", "-o", str(out)]
    assert main(fetch) == 0
    server.close()
    found = properties_with(str(out))
    assert found is not None
    assert (found.name, found.source.version, found.source.package) == (
        "qemu-7.0.0",
        "7.0.0",
        "sample",
    )
    assert found.devices == {"lamp": {"bright": "uint8"}}
    assert found.objects == {"thread": {"polls": "int"}}
    assert found.aliases == {"light": "lamp"}
    assert "how much" not in (tmp_path / "mine.properties.json").read_text()
    told = capsys.readouterr().err
    assert "properties of 1 device types, 1 object types" in told
    assert "left out: colo-compare, fan, virtio-vga-gl" in told


def test_a_server_that_goes_is_asked_no_further(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Talker(tmp_path / "s", {**ANSWERS, "fan": None}, sessions=2)
    out = tmp_path / "mine.json"
    fetch = ["schema", "fetch", "--target", server.address, "--properties", "-o", str(out)]
    assert main(fetch) == 4
    server.close()
    words = capsys.readouterr().err
    assert "while it was asked for the properties of 'fan'; with --spawn" in words
    assert not out.exists()


def test_a_server_of_ones_own_is_started_again(tmp_path: Path) -> None:
    server = Talker(tmp_path / "s", {**ANSWERS, "fan": None}, sessions=2)
    fetched = Fetched(at(server.address), again=True)
    server.close()
    assert sorted(fetched.left_out) == ["colo-compare", "fan", "virtio-vga-gl"]
    assert set(fetched.catalog.devices) == {"lamp"}
    assert set(fetched.catalog.objects) == {"thread"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "unix:/x", "--properties"], "name it with -o FILE"),
        (["--trace", "t", "--properties", "-o", "x.json"], "use --target or --spawn"),
    ],
)
def test_properties_need_a_server_and_a_file(
    capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["schema", "fetch", *options]) == 2
    assert words in capsys.readouterr().err
