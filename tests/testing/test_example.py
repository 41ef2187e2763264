"""The README's example: somebody's own client in ten lines, as a reader would try it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

TEST = """\
from qemu.qmp.legacy import QEMUMonitorProtocol  # or your own client


def test_pause(qmp_recorder):
    with QEMUMonitorProtocol(qmp_recorder.path) as client:
        client.connect()
        client.cmd("stop")
        assert client.cmd("query-status")["status"] == "paused"
        assert not client.cmd("query-kvm")["enabled"]
"""

SHOWN = """\
F                                                                        [100%]
=================================== FAILURES ===================================
__________________________________ test_pause __________________________________
warning compat.deprecated by the client: query-kvm /execute: the command 'query-kvm' is deprecated
1 warning in what qmp_recorder has recorded: TRACE
  TRACE:11: by the client
  expected     nothing that is deprecated
  seen         the command 'query-kvm'
  source       qemu-11.1.3, query-kvm
  fingerprint  503fa807948e0c0e
      7     TIME  <-  event STOP
      8     TIME  <-  stop returned   (N ms)
      9     TIME  ->  query-status
     10     TIME  <-  query-status returned  status=paused   (N ms)
>    11     TIME  ->  query-kvm  {"execute":"query-kvm","arguments":{},"id":"__qmp#00002"}
     12     TIME  <-  query-kvm returned   (N ms)
     13     TIME  --  session 1 closed by the client
=========================== short test summary info ============================
FAILED test_client.py::test_pause - Failed: warning compat.deprecated by the ...
1 failed in N s
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # Where CI is set, pytest shortens no line.
    ours = ("PYTEST", "CI", "BUILD_NUMBER")
    environment = {name: one for name, one in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**environment, "COLUMNS": "80", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )


def normal(text: str) -> str:
    text = re.sub(r"\S+/qmp\.qmptrace", "TRACE", text)
    text = re.sub(r"\d+\.\d{6} ", "TIME ", text)
    text = re.sub(r'("(?:micro)?seconds": )\d+', r"\1N", text)
    text = re.sub(r"[\d.]+ (?:ms|µs)\)", "N ms)", text)
    return re.sub(r"in [\d.]+s", "in N s", text)


def test_somebodys_own_client_in_ten_lines(tmp_path: Path) -> None:
    (tmp_path / "test_client.py").write_text(TEST)
    done = run(tmp_path, "--qmp-strict")
    assert normal(done.stdout) == SHOWN
    assert done.returncode == 1
    assert run(tmp_path).returncode == 0
    assert run(tmp_path, "--qmp-strict", "--qmp-schema", "qemu-7.2.22").returncode == 0
