"""The recorder as a service of a real systemd, process 1 of a container: ``python -m tests.real.systemd``.

The container is this system itself, below a layer that is thrown away (overlayfs, systemd-nspawn of
Debian's systemd-container), without network.  Needs root.  The unit is that of the page about recording.  What is done
there stands in `SCRIPT`; `run` gives what it printed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.real.pages import PROGRAM, ROOT, unit

SOCKET = """
[Socket]
ListenStream=/run/qmpconf/web.sock
FileDescriptorName=web
Service=qmpconf-record.service
"""
CONFIG = """
output = "/var/log/qmp"
compress = "none"
[[monitor]]
name = "web"
server = "unix:/run/vms/web.sock"
listen = "fd:web"
"""
TRY = """
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh /root/try.sh
"""
SCRIPT = f"""
exec > /root/said 2>&1
of() {{ systemctl show -p "$1" --value qmpconf-record; }}
fetch() {{ {PROGRAM} schema fetch --target /run/qmpconf/web.sock -o /root/web.json --force; }}
mkdir -p /run/vms
systemd-run -q --unit=vm {PROGRAM} serve --listen /run/vms/web.sock
systemctl start qmpconf-web.socket
until [ -S /run/vms/web.sock ]; do sleep 0.1; done
fetch; echo "a client starts it: $? $(of ActiveState)"
systemctl reload qmpconf-record; echo "reload: $?"
kill -9 $(of MainPID)
until [ "$(of NRestarts)" = 1 ]; do sleep 0.1; done
fetch; echo "after kill -9: $? $(of ActiveState)"
systemctl stop qmpconf-web.socket qmpconf-record; echo "stop: $? $(of Result)"
journalctl --no-pager -o cat -u qmpconf-record
{PROGRAM} check /var/log/qmp; echo "check: $?"
systemctl --no-block poweroff
"""


def missing() -> str:
    """Why there can be no such container here; empty if there can."""
    for program in ("systemd-nspawn", "systemctl", "script"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "not root"
    with open("/proc/filesystems", encoding="ascii") as file:
        return "" if "overlay" in file.read() else "no overlayfs"


def run() -> str:
    """What `SCRIPT` prints.  Raises OSError or CalledProcessError where the container does not start."""
    folder = Path(tempfile.mkdtemp(prefix="qsd-"))
    mounted: list[Path] = []
    try:
        _mount(mounted, folder, "tmpfs", "tmpfs", "size=200m")
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        _mount(mounted, folder / "root", "overlay", "overlay", layers)
        units = folder / "root/etc/systemd/system"
        units.mkdir(parents=True, exist_ok=True)
        for name, text in (
            (units / "qmpconf-record.service", unit()),
            (units / "qmpconf-web.socket", SOCKET),
            (units / "try.service", TRY),
            (folder / "root/etc/qmpconf.toml", CONFIG),
            (folder / "root/root/try.sh", SCRIPT),
        ):
            name.write_text(text)
        words = [
            *("systemd-nspawn", "-D", str(folder / "root"), "--register=no", "--keep-unit"),
            *("--private-network", "--link-journal=no", f"--bind-ro={ROOT}", "-b"),
            *("systemd.unit=basic.target", "systemd.wants=try.service"),
        ]
        environment = Path(sys.prefix)
        if not environment.is_relative_to(ROOT):
            words.insert(-3, f"--bind-ro={environment}")
        # A terminal of its own: systemd wants a console.
        subprocess.run(
            ["script", "-qec", " ".join(words), "/dev/null"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        return (folder / "upper/root/said").read_text()
    finally:
        for path in reversed(mounted):
            subprocess.run(["umount", "-l", str(path)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def _mount(mounted: list[Path], path: Path, kind: str, source: str, options: str) -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, source, str(path)], check=True)
    mounted.append(path)


if __name__ == "__main__":
    print(missing() or run(), end="")
