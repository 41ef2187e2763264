"""A client on PyPI's qmp 1.1.0, with the time-out that it offers; reports by the testee protocol."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.home() / ".cache/qmpconf/clients/python"))

from qmp import QEMUMonitorProtocol  # type: ignore[import-not-found]

monitor = QEMUMonitorProtocol(os.environ["QMPCONF_SOCKET"])
monitor.settimeout(8.0)
monitor.connect()
for name in ("query-status", "query-version", "stop", "cont", "query-version", "quit"):
    got: Any = monitor.cmd(name)
    if got is None and name == "quit":
        break  # cmd() gives None for the end of the session
    part = {kind: got[kind] for kind in ("return", "error") if kind in got}
    print(json.dumps({"command": name, **part}), flush=True)
    for event in monitor.get_events():
        print(json.dumps({"event": event["event"], "data": event.get("data", {})}), flush=True)
    monitor.clear_events()
monitor.close()
