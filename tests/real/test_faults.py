"""The schedules that are there already, between a real QEMU and a real client (qemu.qmp).

What the client then meets is what people report: it waits for a greeting, an event or a reply that
does not come, or comes too late.  Its own time-outs end each test.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.faults.ready import READY
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Fault
from tests.real.conftest import require

#: Adds and removes a device, ends the machine, and says what it got; no wait takes more than 3 s.
CLIENT = """
import asyncio, json, sys
from qemu.qmp import EventListener, QMPClient

async def within(what, seconds=3):
    try:
        return await asyncio.wait_for(what, seconds)
    except asyncio.TimeoutError:
        return "timed out"

async def main(path):
    client = QMPClient("test")
    found = {"connect": await within(client.connect(path))}
    if found["connect"] == "timed out":
        return found
    deleted, ended = EventListener(names="DEVICE_DELETED"), EventListener(names="SHUTDOWN")
    with client.listen(deleted), client.listen(ended):
        found["first"] = await within(client.execute("query-kvm"), 1)
        found["second"] = await within(client.execute("query-status"))
        await client.execute("device_add", {"driver": "usb-mouse", "id": "mouse0", "bus": "usb0.0"})
        await client.execute("device_del", {"id": "mouse0"})
        found["deleted"] = str(await within(deleted.get(), 1))
        found["quit"] = await within(client.execute("quit"))
        found["ended"] = str(await within(ended.get(), 1))
    try:
        await within(client.disconnect())
    except EOFError:
        pass
    return found

print(json.dumps(asyncio.run(main(sys.argv[1]))))
"""

ARGUMENTS = (
    "-M q35,accel=tcg -m 16M -nodefaults -display none -S -device qemu-xhci,id=usb0 "
    "-qmp unix:{socket},server=on,wait=off"
)


def run(folder: Path, *more: str) -> tuple[dict[str, object], list[Fault]]:
    """What the client got, and the faults in the trace; `check` blames nobody."""
    launcher = shlex.quote(str(require("qemu-7.2").launcher))
    client = folder / "client.py"
    client.write_text(CLIENT)
    trace = str(folder / "t.qmptrace")
    qmpconf = [sys.executable, "-m", "qmpconf"]
    done = subprocess.run(
        [
            *(*qmpconf, "record", "-q", "--spawn", f"{launcher} {ARGUMENTS}", "-o", trace, *more),
            *("--", sys.executable, str(client), "{listen}"),
        ],
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    checked = subprocess.run(
        [*qmpconf, "check", "-q", trace, "--format", "json"], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout.decode()
    findings = json.loads(checked.stdout)["findings"]
    assert [one for one in findings if one["severity"] == "error"] == []
    found = [one for one in TraceReader(trace).records() if isinstance(one, Fault)]
    return json.loads(done.stdout), found


#: Schedule -> what the client gets otherwise than without it.
EXPECTED = {
    "silent": {"connect": "timed out"},
    "stuck-device-del": {"deleted": "timed out"},
    "lost-shutdown": {"ended": "timed out"},
    "late-reply": {"first": "timed out"},
}


@pytest.mark.parametrize("name", READY)
def test_a_schedule(tmp_path: Path, name: str) -> None:
    got, faults = run(tmp_path, "--faults", name)
    for key, value in EXPECTED[name].items():
        assert got[key] == value
    timed_out = [key for key, value in got.items() if value == "timed out"]
    assert timed_out == list(EXPECTED[name])
    assert faults
    if name == "late-reply":
        assert got["second"]["status"] == "prelaunch"  # type: ignore[index] # the id tells them apart
        assert [one.given for one in faults] == [False, True]


def test_without_a_fault_nothing_times_out(tmp_path: Path) -> None:
    got, faults = run(tmp_path)
    assert "timed out" not in got.values()
    assert not faults
