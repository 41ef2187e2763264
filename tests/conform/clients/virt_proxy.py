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


def main(path: str) -> int:
    """Serve until the proxy ends."""
    if problem := missing():
        print(problem, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
