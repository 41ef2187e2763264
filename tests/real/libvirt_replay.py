"""Sessions of libvirt, recorded by the wrapper, played against the same QEMU: masks, and no differences.

`replay` takes a recording that `tests.real.libvirt_walk` made, and what libvirt's images were when
it began.  The target is QEMU with the command line in the recording's header, in which only what was
inherited or removed is replaced: the monitor's socket, the guest agent's, a secret's file.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from qmpconf.trace.reader import TraceReader

#: What differs between two runs of one machine besides what is built in.
MASKS = """
[[mask]]
name = "inherited-socket"
message = "reply"
of = "query-chardev"
place = "/return/*/filename"
kind = "text"
pattern = "unix:[^,]+"
reason = "the socket of the guest agent, which QEMU had inherited"

[[mask]]
name = "write-cache"
message = "reply"
of = "query-block"
place = "/return/*/inserted/cache/writeback"
kind = "boolean"
reason = "the guest's driver turns the cache off, and the replay is faster than the guest"
"""

#: Makes files that are not there; libvirt had made them, empty.
PREPARE = """sh -c 'for file; do [ -e "$file" ] || : > "$file"; done' sh"""


def command(trace: Path, folder: Path) -> str:
    """The command line for ``--spawn``."""
    words = shlex.split(str(TraceReader(str(trace)).header.meta["emulator"]))
    for place, word in enumerate(words):
        if re.match(r"socket,id=charmonitor,fd=\d+,", word):
            words[place] = "socket,id=charmonitor,path={socket},server=on,wait=off"
        elif found := re.match(r"socket,id=(\w+),fd=\d+,", word):
            words[place] = f"socket,id={found[1]},path={folder}/{found[1]},server=on,wait=off"
        elif word.startswith('{"qom-type":"secret"'):
            told = json.loads(word)
            told["file"] = f"{folder}/{told['id']}"
            Path(told["file"]).write_bytes(os.urandom(32))
            words[place] = json.dumps(told)
    return shlex.join(words)


def state(path: Path) -> int:
    """Where QEMU's part of a saved machine begins: behind libvirt's header, and the domain's XML."""
    with path.open("rb") as file:
        file.seek(16)
        _, length = struct.unpack("=II", file.read(8))
    return 92 + length


def replay(trace: Path, images: Path, before: Path, saved: Path | None) -> tuple[int, str]:
    """Replay, with the folder `images` as it was `before`: the exit code, and the report.

    A machine that was restored gets its state out of the file `saved`, under the number that QEMU
    had inherited it by.
    """
    shutil.rmtree(images)
    shutil.copytree(before, images)
    folder = Path(tempfile.mkdtemp(prefix="qlr-"))
    (folder / "masks.toml").write_text(MASKS)
    call = shlex.join(
        [
            *(sys.executable, "-m", "qmpconf", "replay", str(trace)),
            *("--spawn", command(trace, folder), "--prepare", PREPARE),
            *("--event-timeout", "120", "--timeout", "600"),
            *("--masks", str(folder / "masks.toml"), "-o", str(folder / "again.qmptrace")),
        ]
    )
    found = re.search(rb'"uri":"fd:(\d+)"', trace.read_bytes())
    if saved and found:
        call += f" {int(found[1])}< <(tail -c +{state(saved) + 1} {shlex.quote(str(saved))})"
    done = subprocess.run(
        ["bash", "-c", call],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shutil.rmtree(folder)
    return done.returncode, done.stdout
