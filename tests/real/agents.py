"""Starting a real guest agent, on this machine, where only harmless commands may be sent to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.real.wire import Wire

#: Commands that no test may let through: they would end or freeze the machine that runs the tests.
NEVER = (
    *("guest-shutdown", "guest-suspend-disk", "guest-suspend-ram", "guest-suspend-hybrid"),
    *("guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list", "guest-fstrim", "guest-set-time"),
    *("guest-set-user-password", "guest-set-vcpus", "guest-set-memory-blocks"),
    *("guest-ssh-add-authorized-keys", "guest-ssh-remove-authorized-keys"),
)


def program() -> str:
    """The path of qemu-ga; the test is skipped where there is none."""
    found = shutil.which("qemu-ga", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip("there is no qemu-ga (Debian: qemu-guest-agent)")
    return found


def command_line(path: Path | str, state: Path) -> list[str]:
    """How to start an agent that listens at `path`, keeps its state in `state`, and harms nobody."""
    blocked = ",".join(NEVER)
    arguments = ["-m", "unix-listen", "-p", str(path), "-t", str(state), "-b", blocked]
    return [program(), *arguments, "-f", str(state / "qga.pid")]


@contextmanager
def agent(folder: Path) -> Iterator[Path]:
    """A guest agent; gives the path of its socket."""
    path = folder / "qga.sock"
    with subprocess.Popen(command_line(path, folder)) as running:
        try:
            while not path.exists():
                assert running.poll() is None
                time.sleep(0.01)
            yield path
        finally:
            running.kill()  # one that is frozen does not end by SIGTERM


def synced(wire: Wire, number: int = 5) -> None:
    """Begin as a client should: 0xFF, a sync with `number`, and nothing read before its response."""
    wire.send(b"\xff")
    request = {"execute": "guest-sync-delimited", "arguments": {"id": number}}
    wire.send(json.dumps(request).encode() + b"\n")
    while not (line := wire.line()).startswith(b"\xff"):
        assert line
    assert json.loads(line[1:]) == {"return": number}


def ask(wire: Wire, name: str, **arguments: Any) -> Any:
    """What a command returns; it must succeed."""
    reply = wire.command(name, **{key.replace("_", "-"): one for key, one in arguments.items()})
    assert "return" in reply, reply
    return reply["return"]
