"""The places of secrets, sent to real servers: they are read as commands, and the trace keeps none."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.real.agents import agent
from tests.real.conftest import StartProxy, StartServer
from tests.real.wire import Wire
from tests.trace.redaction.places import AGENT, COMMANDS, LINES, SECRET
from tests.trace.redaction.test_places import shows

#: What would start a program, or look up the name of a host.
_LEAVES = re.compile(
    r"exec:|-cmd:|tcp:user|user:§@(?:127\.0\.0\.1:1)?[\"']?\s*$|user:§@h \d|\"user:§@h\""
)
RELEASES = ("7.2", "11.1")


def here(text: str) -> str:
    """A place in which no host is named but this one."""
    return re.sub(r"@h\b", "@127.0.0.1:1", text).replace("//h/", "//127.0.0.1:1/")


def answer(wire: Wire, text: str) -> dict[str, Any]:
    """The response to what is sent; events pass."""
    wire.send(text.encode() + b"\n")
    while "event" in (message := wire.message()):
        pass
    return message


@pytest.mark.parametrize("release", RELEASES)
def test_lines_of_the_human_monitor(
    release: str, start_server: StartServer, start_proxy: StartProxy
) -> None:
    """None of them is an unknown command, and QEMU takes the arguments apart as they are written."""
    proxy = start_proxy(start_server(f"qemu-{release}"))
    with Wire(proxy.path) as wire:
        wire.negotiate()
        sent = 0
        for line in LINES:
            if _LEAVES.search(line):
                continue
            text = {"command-line": here(line).replace("§", SECRET)}
            said = answer(wire, json.dumps({"execute": "human-monitor-command", "arguments": text}))
            assert "unknown command" not in said["return"], line
            sent += 1
        assert sent > 60
        # What QEMU took for a secret it gives back.
        for line in ("qom-get /objects/s1 data", 'qom-get "/objects/s2" "data"'):
            text = {"command-line": line}
            said = answer(wire, json.dumps({"execute": "human-monitor-command", "arguments": text}))
            assert SECRET in said["return"]
    proxy.stop()
    assert not shows(Path(proxy.trace).read_bytes())


@pytest.mark.parametrize("release", RELEASES)
def test_commands(release: str, start_server: StartServer, start_proxy: StartProxy) -> None:
    """Each is well-formed, and names a command that this QEMU or the other one has."""
    proxy = start_proxy(start_server(f"qemu-{release}"))
    unknown = set()
    with Wire(proxy.path) as wire:
        wire.negotiate()
        for text in COMMANDS:
            if _LEAVES.search(text):
                continue
            said = answer(wire, here(text).replace("§", SECRET).replace("\n", " "))
            error = said.get("error", {})
            told = error.get("desc", "").replace("JSON parse error, duplicate key", "")
            assert "JSON parse error" not in told, text
            if error.get("class") == "CommandNotFound":
                unknown.add(json.loads(text.replace("'", '"'))["execute"])
        asked = {"path": "/objects/s1", "property": "data"}
        for name, data in (("s1", SECRET), ("s7", f"{SECRET} with blanks")):
            arguments = {"qom-type": "secret", "id": f"real-{name}", "data": data}
            answer(wire, json.dumps({"execute": "object-add", "arguments": arguments}))
            asked["path"] = f"/objects/real-{name}"
            said = answer(wire, json.dumps({"execute": "qom-get", "arguments": asked, "id": name}))
            assert said["return"] == data
    proxy.stop()
    assert unknown <= {"blockdev-reopen", "change-vnc-password"}
    assert not shows(Path(proxy.trace).read_bytes())


def test_the_guest_agent(tmp_path: Path, start_proxy: StartProxy) -> None:
    """It has these commands, of which some would change this machine; one is carried out."""
    with agent(tmp_path) as path:
        proxy = start_proxy(SimpleNamespace(path=path, folder=tmp_path))
        with Wire(proxy.path) as wire:
            known = {
                one["name"] for one in wire.command("guest-info")["return"]["supported_commands"]
            }
            assert {json.loads(sent)["execute"] for sent, _ in AGENT} <= known
            if wire.command("guest-exec", path="/bin/false").get("error"):
                pytest.skip("this qemu-ga carries nothing out")
            arguments = {"arg": [SECRET], "env": [f"X={SECRET}"], "capture-output": True}
            pid = wire.command("guest-exec", path="/bin/echo", **arguments)["return"]["pid"]
            while not (said := wire.command("guest-exec-status", pid=pid)["return"])["exited"]:
                time.sleep(0.01)
            assert base64.b64decode(said["out-data"]).decode().strip() == SECRET
        proxy.stop()
    assert not shows(Path(proxy.trace).read_bytes())
