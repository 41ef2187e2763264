"""Trace events of a machine whose answers may be anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.errors import TargetError
from qmpconf.monitor.core import Monitor, Session
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import UnixAddress
from qmpconf.net.endpoint import Listener
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value
from qmpconf.record.switch import Switch
from qmpconf.schema.store import load_shipped


class Traced(Monitor):
    """A monitor that says so of each of its trace events."""

    said: Value = None

    def _execute(self, session: Session, command: Command) -> Value:
        if command.name == "trace-event-get-state":
            return self.said
        return super()._execute(session, command)


@pytest.mark.parametrize("said", [5, {}, [], [{}], [7], [{"state": [1]}], [{"name": "x"}]])
def test_a_state_that_is_none_is_not_there(said: Value, tmp_path: Path) -> None:
    monitor = Traced(load_shipped("qemu-7.2.22"), lambda: 0)
    monitor.said = said
    with (
        Listener(UnixAddress(str(tmp_path / "s"))) as listener,
        MonitorServer(monitor, [listener]),
        pytest.raises(TargetError, match="built without the trace event handle_qmp_command"),
    ):
        Switch(listener.address, lambda _: None).__enter__()
