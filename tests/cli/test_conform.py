"""``qmpconf conform`` as a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CONFORM = [sys.executable, "-m", "qmpconf", "conform"]
SERVER = f"{sys.executable} -m qmpconf serve --listen {{socket}}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_ended_takes_the_server_along(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "t"  # short, for sockets
    folder.mkdir()
    child = subprocess.Popen(
        [*CONFORM, "--spawn", SERVER, "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert child.stdout is not None
    with child, child.stdout:
        for line in child.stdout:
            if "greeting." in line:
                child.send_signal(number)
                break
        rest = child.stdout.read()  # to its end: the server, which has it too, is gone
    assert child.returncode == 130
    assert rest.endswith("qmpconf conform: interrupted\n")
    assert os.listdir(folder) == []
