"""The upgrade question against real servers: what `--schema NAME` foretells is what they answer.

The calls of a recorded session are sent to a build of another release, one after the other.  Which
of them it refuses for their names, arguments and types does not depend on the state that it is in,
and must be those that the matrix calls "no" or "conditional".
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpconf.check.basis import Basis
from qmpconf.check.checking import check
from qmpconf.check.choice import Fixed
from qmpconf.check.matrix import Judges
from qmpconf.protocol.values import dumps
from qmpconf.schema import store
from qmpconf.trace.reader import TraceReader
from tests.real.builds import Build
from tests.real.conftest import require
from tests.real.machines import start_machine

TRACES = Path(__file__).parents[2] / "traces"

#: How QEMU refuses a call before it looks at what it asks for, in the words of all releases.
REFUSAL = re.compile(
    r"The command \S+ (?:has not been found|does not support OOB)|Parameter '\S+' is "
    r"(?:unexpected|missing)|Parameter '\S+' does not accept value|Invalid parameter (?:type )?'"
    r"|Invalid parameter type for '|Parameter '\S+' expects"
)

#: Not sent: they end or change the machine, and no release has another idea of them.
LEFT_OUT = {"qmp_capabilities", "quit", "system_reset"}


class Client:
    """Sends commands, one at a time, and gives what comes back; events are passed over."""

    def __init__(self, path: Path, sent: list[str] | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        with contextlib.chdir(path.parent):
            self._socket.connect(path.name)
        self._lines = self._socket.makefile("rb")
        self.sent = [] if sent is None else sent
        self.refused: list[str] = []
        self.greeting = self._lines.readline()
        self.call({"execute": "qmp_capabilities"})

    def call(self, message: dict[str, Any]) -> dict[str, Any]:
        self._socket.sendall(dumps(message) + b"\n")
        while True:
            line = self._lines.readline()
            assert line, "the server has gone"
            answer: dict[str, Any] = json.loads(line)
            if "event" not in answer:
                break
        self.sent += [f"> {json.dumps(message)}", f"< {line.decode().strip()}"]
        if REFUSAL.match(answer.get("error", {}).get("desc", "")):
            self.refused.append(str(message.get("execute", message.get("exec-oob"))))
        return answer

    def do(self, name: str, **arguments: Any) -> Any:
        found = {key.replace("__", "-"): value for key, value in arguments.items()}
        return self.call({"execute": name, "arguments": found}).get("return")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@contextlib.contextmanager
def connected(build: Build, folder: Path) -> Iterator[Client]:
    folder.mkdir()
    with start_machine(build, folder) as server:
        client = Client(server.path)
        try:
            yield client
        finally:
            client.close()


def catalog_of(build: Build) -> Basis:
    name = f"qemu-{build.version}"
    if name not in store.shipped():
        pytest.skip(f"no catalog {name}: the package is newer than the shipped catalogs")
    return Basis(store.load_shipped(name), named=True)


@pytest.mark.parametrize(
    ("trace", "release"),
    [
        ("qemu-5.2.0-rich", "11.1"),
        ("qemu-10.0.13-libvirt", "5.2"),
        ("qemu-7.2.22-rich", "10.0"),
        ("qemu-11.1.3-wrong", "7.2"),
    ],
)
def test_a_real_server_refuses_what_the_matrix_says(
    tmp_path: Path, trace: str, release: str
) -> None:
    build = require(f"qemu-{release}")
    bases = {"target": catalog_of(build)}
    items = TraceReader(str(TRACES / f"{trace}.qmptrace.gz")).items()
    foretold, refused = [], []
    with connected(build, tmp_path / "server") as client:
        for call in Judges(bases).calls(items):
            if call.refused or call.command.oob or call.command.name in LEFT_OUT:
                continue
            standing, _ = call.verdicts["target"].stands()
            if standing.answer in ("no", "conditional"):
                foretold.append(call.line)
            before = len(client.refused)
            client.call({"execute": call.command.name, "arguments": call.command.arguments})
            refused += [call.line] if len(client.refused) > before else []
    assert refused == foretold


def blind(client: Client) -> None:
    """Written for 5.2, and never asks what there is."""
    client.do("migrate_set_speed", value=1 << 20)
    client.do("query-cpus")
    client.do("object-add", qom__type="throttle-group", id="t", props={"limits": {}})
    client.do("migrate-set-capabilities", capabilities=[{"capability": "compress", "state": False}])


def adapting(client: Client) -> None:
    """Asks first, and sends what is there."""
    commands = {one["name"] for one in client.do("query-commands")}
    if "migrate_set_speed" in commands:
        client.do("migrate_set_speed", value=1 << 20)
    else:
        client.do("migrate-set-parameters", max__bandwidth=1 << 20)
    client.do("query-cpus" if "query-cpus" in commands else "query-cpus-fast")
    listed = [one["capability"] for one in client.do("query-migrate-capabilities")]
    wanted = [one for one in listed if one in ("compress", "xbzrle")]
    states = [{"capability": one, "state": False} for one in wanted]
    client.do("migrate-set-capabilities", capabilities=states)


@pytest.mark.parametrize("client", [blind, adapting])
@pytest.mark.parametrize("release", ["7.2", "11.1"])
def test_a_client_that_adapts_is_served_and_one_that_does_not_is_not(
    tmp_path: Path, client: Callable[[Client], None], release: str
) -> None:
    old, new = require("qemu-5.2"), require(f"qemu-{release}")
    with connected(old, tmp_path / "old") as there:
        client(there)
        assert there.refused == []
        script = ["< " + there.greeting.decode().strip(), *there.sent]
    with connected(new, tmp_path / "new") as there:
        client(there)
        refused = there.refused
    head = '{"qmptrace":1,"started":"2026-11-20T05:17:00.000000Z","recorder":"test","meta":{}}'
    sides = {"<": "server", ">": "client"}
    lines = [
        f'{{"t":{at}.0,"conn":1,"from":"{sides[line[0]]}","msg":{line[2:]}}}'
        for at, line in enumerate(script)
    ]
    trace = tmp_path / "t.qmptrace"
    trace.write_text("\n".join([head, *lines]) + "\n")
    found = check(TraceReader(str(trace)), Fixed(catalog_of(new).catalog)).groups
    errors = [one.first.subject for one in found if one.first.severity == "error"]
    conditional = {
        one.first.subject for one in found if one.first.requirement == "schema.conditional"
    }
    assert errors == list(dict.fromkeys(refused))
    assert bool(errors) == (client is blind)
    assert bool(conditional) == (client is adapting)
