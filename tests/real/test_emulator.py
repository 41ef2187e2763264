"""What libvirt starts as QEMU, recorded, and an equal QEMU for its replay: no difference but where its sockets are."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from qmpconf.record.emulator.install import install
from tests.real.conftest import require
from tests.real.wire import Wire
from tests.record.proxy import PATIENCE, until


def inherited(stack: ExitStack, path: Path) -> int:
    """A listening socket, as libvirt makes it."""
    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
    sock.bind(str(path))
    sock.listen(1)
    return sock.fileno()


def qmpconf(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qmpconf", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("release", ["7.2", "11.1"])
def test_a_machine_with_all_that_cannot_be_inherited_again_is_replayed(
    release: str, tmp_path: Path
) -> None:
    qemu = require(f"qemu-{release}").launcher
    wrapper, output = tmp_path / "wrapper", tmp_path / "out"
    install(str(wrapper), qemu=str(qemu), output=str(output))
    key = tmp_path / "master-key.aes"
    key.write_bytes(os.urandom(32))
    with ExitStack() as stack:
        monitor = inherited(stack, tmp_path / "monitor")
        channel = inherited(stack, tmp_path / "channel")
        log = stack.enter_context((tmp_path / "log").open("wb")).fileno()
        tap, _peer = map(stack.enter_context, socket.socketpair())
        words = [
            *("-M", "none", "-display", "none", "-nodefaults", "-name", "guest=one", "-S"),
            *("-object", f'{{"qom-type":"secret","id":"k0","format":"raw","file":"{key}"}}'),
            *("-chardev", f"socket,id=mon,fd={monitor},server=on,wait=off"),
            *("-mon", "chardev=mon,id=m,mode=control"),
            *("-chardev", f"socket,id=agent,fd={channel},server=on,wait=off"),
            *("-add-fd", f"set=1,fd={log},opaque=log"),
            *("-chardev", "file,id=serial,path=/dev/fdset/1,append=on"),
            *("-netdev", f"socket,id=net,fd={tap.fileno()}"),
            *("-pidfile", str(tmp_path / "pid")),
        ]
        fds = (monitor, channel, log, tap.fileno())
        process = subprocess.Popen([str(wrapper), *words], pass_fds=fds)
        stack.callback(process.wait)
        stack.callback(process.kill)
        with Wire(tmp_path / "monitor") as wire:
            wire.negotiate()
            for name in ("query-chardev", "query-fdsets", "query-status", "quit"):
                wire.command(name)
        assert process.wait(PATIENCE) == 0
    (trace,) = output.glob("*.qmptrace")
    until(lambda: "has ended" in (output / "emulator.log").read_text(), PATIENCE)
    key.unlink()
    told = qmpconf("emulator", "command", str(trace))
    assert told.returncode == 0, told.stderr
    for text in ("secret k0", "network net", "descriptor set 1 holds /dev/null (w)"):
        assert text in told.stderr
    again = qmpconf("replay", str(trace), "--spawn", told.stdout.strip())
    assert again.returncode == 0, again.stdout + again.stderr
    assert "no differences" in again.stdout
