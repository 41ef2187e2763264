"""The embedded monitor is the reference: it passes the suite, whatever catalog it serves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Verdict
from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.endpoint import Listener
from qmpconf.net.process import Folder
from qmpconf.schema.store import load_shipped

CATALOGS = ("qemu-11.1.3", "qemu-5.2.0-doc", "qemu-1.1-dev-doc", "qemu-storage-daemon-10.0.13")


# A usual run has tests/conform/test_variants.py::test_the_monitor_itself_is_not_broken.
@pytest.mark.whole
@pytest.mark.parametrize("name", CATALOGS)
def test_it_passes(name: str, tmp_path: Path) -> None:
    monitor = Monitor(load_shipped(name), lambda: time.time_ns() // 1000)
    folder = Folder()
    try:
        with (
            Listener(folder.socket("qmp.sock")) as listener,
            MonitorServer(monitor, [listener]),
            Suite(Target(listener.address), Options(folder=str(tmp_path))) as suite,
        ):
            outcome = suite.run_all()
    finally:
        folder.close()
    told = {one.case: one.reason for one in outcome.results if one.verdict.broken}
    assert told == {}
    assert outcome.exit_code == 0
    assert outcome.counts[Verdict.PASS] > 300
    assert outcome.counts[Verdict.INCONCLUSIVE] == 0
