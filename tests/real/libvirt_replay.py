"""Sessions of libvirt, recorded by the wrapper, played against the same QEMU: masks, and no differences.

`replay` takes a recording that `tests.real.libvirt_walk` made, and what libvirt's images were when
it began.  The target is what ``qmpconf emulator command`` prints.  ``python -m tests.real.libvirt_replay
FOLDER`` does it again with what the walk kept in FOLDER (``--keep``).
"""

from __future__ import annotations

import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qmpconf.trace.reader import TraceReader

#: What differs between two runs of one machine besides what is built in (qmpconf/replay/README.md).
MASKS = """
[[mask]]
name = "write-cache"
message = "reply"
of = "query-block"
place = "/return/*/inserted/cache/writeback"
kind = "boolean"
reason = "the guest's driver turns the cache off, and the replay is faster than the guest"

[[mask]]
name = "image-length"
message = "reply"
of = "query-named-block-nodes"
place = "/return/*/image/virtual-size"
kind = "integer"
reason = "for the file below an image this is the image's length, in which a snapshot's state counts"
"""

#: Makes files that are not there; libvirt had made them, empty.
PREPARE = """sh -c 'for file; do [ -e "$file" ] || : > "$file"; done' sh"""


def command(trace: Path) -> str:
    """The command line for ``--spawn``."""
    return subprocess.run(
        [sys.executable, "-m", "qmpconf", "emulator", "command", "-q", str(trace)],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout.strip()


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
    shutil.rmtree(images, ignore_errors=True)
    shutil.copytree(before, images)
    folder = Path(tempfile.mkdtemp(prefix="qlr-"))
    (folder / "masks.toml").write_text(MASKS)
    call = shlex.join(
        [
            *(sys.executable, "-m", "qmpconf", "replay", str(trace)),
            *("--spawn", command(trace), "--prepare", PREPARE),
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


def replay_all(traces: Path, folder: Path) -> Iterator[tuple[Path, int, str]]:
    """Replay what machine `one` said: each recording in `traces`, the exit code, and the report.

    Its images, before each of its starts, are in ``images.N`` of `folder`.
    """
    for number, trace in enumerate(sorted(traces.glob("one-*.qmptrace"))):
        before = folder / f"images.{number}"
        saved = before / "saved"
        started = str(TraceReader(str(trace)).header.meta["emulator"])
        found = re.search(r'"filename":"([^"]+/images)/', started)
        assert found, started
        images = Path(found[1])
        yield trace, *replay(trace, images, before, saved if saved.exists() else None)


def main() -> int:
    """Replay what was kept, and print the reports."""
    folder = Path(sys.argv[1])
    failed = 0
    for trace, code, text in replay_all(folder, folder):
        print(f"== replay of {trace.name}: exit {code}\n{text}")
        failed += code != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
