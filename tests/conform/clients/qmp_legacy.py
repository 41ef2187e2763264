"""A client on qemu.qmp's synchronous QEMUMonitorProtocol, as test harnesses use it."""

from __future__ import annotations

import os
from typing import Any

from qemu.qmp.legacy import QEMUMonitorProtocol

with QEMUMonitorProtocol(os.environ["QMPCONF_SOCKET"]) as qmp:
    qmp.connect(negotiate=True)
    status: Any = qmp.cmd("query-status")
    assert status["running"]
    for name, event in (("stop", "STOP"), ("cont", "RESUME")):
        qmp.cmd(name)
        while True:
            got = qmp.pull_event(wait=5.0)
            assert got is not None
            if got["event"] == event:
                break
    version: Any = qmp.cmd("query-version")
    assert "qemu" in version
    qmp.cmd("quit")
