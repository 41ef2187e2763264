"""libvirt as a client: a libvirtd of our own asks an emulator what it can do (``virsh domcapabilities``).

The emulator is a script that passes the monitor's socket on.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.real.libvirt import Libvirt, missing

EMULATOR = """#!/bin/bash
while [ $# -gt 0 ]; do
  case "$1" in
    -qmp) path=${{2#unix:}}; path=${{path%%,*}}; shift;;
    -pidfile) pid=$2; shift;;
    -version|--version) echo "QEMU emulator version 11.1.3"; exit;;
  esac
  shift
done
[ -n "$path" ] || exit 1
setsid socat -t 0 "UNIX-LISTEN:$path" "UNIX-CONNECT:{socket}" >/dev/null 2>&1 </dev/null &
echo $! > "$pid"
until [ -S "$path" ]; do sleep 0.01; done
"""

if problem := missing():
    sys.exit(problem)
daemon = Libvirt("/bin/false")
emulator = daemon.folder / "qemu-system-x86_64"
emulator.write_text(EMULATOR.format(socket=os.environ["QMPCONF_SOCKET"]))
emulator.chmod(0o755)
with daemon:
    done = daemon.run_virsh(
        "domcapabilities", "--emulatorbin", str(emulator), "--arch", "x86_64", "--virttype", "qemu"
    )
    print(*re.findall(r"<(?:domain|machine|arch)>.*", done.stdout), sep="\n")
    print(done.stderr.replace(str(daemon.folder), "<folder>"), file=sys.stderr)
sys.exit(done.returncode)
