"""What tests of verbs that record have in common."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.recording import CLIENT, SERVER
from tests.record.proxy import GREETING


@pytest.fixture
def server(tmp_path: Path) -> str:
    """The program of the server, without its argument."""
    path = tmp_path / "server.py"
    path.write_text(SERVER.replace("GREETING", repr(GREETING)))
    return f"{sys.executable} {path}"


@pytest.fixture
def client(tmp_path: Path) -> list[str]:
    """The program of the client, without its arguments."""
    path = tmp_path / "client.py"
    path.write_text(CLIENT)
    return [sys.executable, str(path)]
