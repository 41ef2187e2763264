"""virt-qemu-qmp-proxy in front of a machine of libvirt's: ``python -m tests.conform.clients.virt_proxy SOCKET``.

It is a client of libvirt's interface, and a server for clients of QMP.  libvirt's daemon is one of
our own; all ends with this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.conform.clients.prepare import VIRT
from tests.real.libvirt import Libvirt, missing


def leave(number: int, _frame: object) -> None:
    """End in order, whoever asks again."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def main(path: str) -> int:
    """Serve until the proxy ends."""
    if problem := missing():
        print(problem, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, leave)
    with Libvirt("/usr/bin/qemu-system-x86_64") as daemon:
        daemon.define("proxied")
        daemon.virsh("start", "proxied")
        address = f"qemu+unix:///system?socket={daemon.folder}/run/libvirt/libvirt-sock"
        proxy = [str(VIRT / "usr/bin/virt-qemu-qmp-proxy"), "-c", address, "proxied", path]
        packages = str(VIRT / "usr/lib/python3/dist-packages")
        child = subprocess.Popen(
            ["/usr/bin/python3", *proxy], env={**os.environ, "PYTHONPATH": packages}
        )
        try:
            return child.wait()
        finally:
            child.kill()
            # The daemon may have gone with our process group; the machine has not.
            machine = daemon.folder / "run/libvirt/qemu/proxied.pid"
            os.kill(int(machine.read_text()), signal.SIGKILL)
            daemon.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
