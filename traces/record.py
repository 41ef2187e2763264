"""Records the corpus again: real servers, real clients, and `qmpconf record` between them.

::

    python -m tests.real.builds          # once: fetch the servers
    python -m traces.record [NAME ...]   # all sessions, or those whose name holds a NAME

A session is a build, a machine and a client (`SESSIONS`).  Each runs in a folder of its own, with
the same file names in every run, and gives one file ``PRODUCT-VERSION-CLIENT.qmptrace.gz``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.real.builds import RELEASES, BuildError, find
from tests.real.machines import Server, start, start_machine

HERE = Path(__file__).resolve().parent

#: Seconds that a session may take.
PATIENCE = 120


@dataclass(frozen=True)
class Session:
    """What is recorded: a build, how it is started, and a module of `traces.clients`."""

    build: str
    start: Callable[..., Server]
    client: str

    @property
    def name(self) -> str:
        """What selects the session on the command line: "qemu-7.2-rich"."""
        return f"{self.build}-{self.client}"


SESSIONS = [
    session
    for release in RELEASES
    for session in (
        Session(f"qemu-{release}", start_machine, "rich"),
        Session(f"qemu-{release}", start, "libvirt"),
        Session(f"qemu-{release}", start, "shell"),
        Session(f"qemu-{release}", start, "wrong"),
        Session(f"qemu-storage-daemon-{release}", start, "storage"),
    )
]


def record(session: Session, output: Path) -> Path:
    """Record `session` into the folder `output`; gives the trace's path.

    Raises BuildError when the build is missing, CalledProcessError when the client fails.
    """
    build = find(session.build)
    target = output / f"{build.product}-{build.version}-{session.client}.qmptrace.gz"
    with tempfile.TemporaryDirectory() as folder:
        with session.start(build, Path(folder)):
            subprocess.run(
                [
                    *(sys.executable, "-m", "qmpconf", "record", "-q"),
                    *("--server", "qmp.sock", "--listen", "proxy.sock", "-o", "trace.qmptrace.gz"),
                    *("--", "python3", "-m", f"traces.clients.{session.client}", "{listen}"),
                ],
                cwd=folder,
                # By name, so that no path of this machine gets into the trace.
                env={
                    **os.environ,
                    "PYTHONPATH": str(HERE.parent),
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                },
                timeout=PATIENCE,
                check=True,
            )
        shutil.copy(Path(folder, "trace.qmptrace.gz"), target)
    target.chmod(0o644)
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Record what the command line selects; exit code 1 when something could not be recorded."""
    parser = argparse.ArgumentParser(prog="python -m traces.record")
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of sessions' names")
    parser.add_argument("-o", "--output", type=Path, default=HERE, help="folder for the traces")
    options = parser.parse_args(arguments)
    failed = False
    for session in SESSIONS:
        if options.names and not any(name in session.name for name in options.names):
            continue
        try:
            path = record(session, options.output.resolve())
        except (BuildError, subprocess.SubprocessError) as error:
            failed = True
            print(f"{session.name}: {error}", file=sys.stderr)
        else:
            print(f"{path.name:50} {path.stat().st_size:8} bytes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
