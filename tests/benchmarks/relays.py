"""What stands between the two ends: nothing, socat, socat that records, and the recorder, with its core and without."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qmpconf.record.core import PYTHON, VARIABLE, available
from tests.benchmarks.peers import connect

_BARE = Path(__file__).with_name("bare_relay.c")


@dataclass(frozen=True, slots=True)
class Relay:
    """Where a relay listens, and its process (0: there is none)."""

    path: str
    pid: int = 0

    def processor(self) -> float:
        """Seconds of a processor that it has taken so far, with its children's."""
        return sum(map(_taken, _family(self.pid))) if self.pid else 0.0


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        for child in file.read().split():
            yield from _family(int(child))


def _taken(pid: int) -> float:
    """Nanoseconds are finer than the ticks of /proc/PID/stat."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9
    return 0.0


@contextlib.contextmanager
def _running(words: list[str], listen: str, log: str, **environment: str) -> Iterator[Relay]:
    with open(log, "wb") as output:
        child = subprocess.Popen(
            words, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        connect(listen).close()
        yield Relay(listen, child.pid)
    finally:
        child.terminate()
        child.wait()


@contextlib.contextmanager
def direct(server: str, folder: str) -> Iterator[Relay]:
    """Nothing in between."""
    yield Relay(server)


def socat(server: str, folder: str) -> contextlib.AbstractContextManager[Relay]:
    """socat that only relays."""
    listen = os.path.join(folder, "socat.sock")
    words = ["socat", f"UNIX-LISTEN:{listen},fork,unlink-close", f"UNIX-CONNECT:{server}"]
    return _running(words, listen, os.devnull)


def socat_v(server: str, folder: str) -> contextlib.AbstractContextManager[Relay]:
    """socat that writes down what passes, into a file."""
    listen = os.path.join(folder, "socat-v.sock")
    words = ["socat", "-v", f"UNIX-LISTEN:{listen},fork,unlink-close", f"UNIX-CONNECT:{server}"]
    return _running(words, listen, os.path.join(folder, "socat-v.log"))


def bare(server: str, folder: str) -> contextlib.AbstractContextManager[Relay]:
    """A relay that does nothing else, compiled here."""
    listen = os.path.join(folder, "bare.sock")
    program = os.path.join(folder, "bare-relay")
    subprocess.run(["cc", "-O2", "-o", program, str(_BARE)], check=True)
    return _running([program, listen, server], listen, os.devnull)


def recorder(server: str, folder: str, core: str = "") -> contextlib.AbstractContextManager[Relay]:
    """The recorder, as users start it; with `core`, the one that is said."""
    listen = os.path.join(folder, f"recorder{core}.sock")
    trace = os.path.join(folder, f"bench{core}.qmptrace")
    words = [sys.executable, "-m", "qmpconf", "record", "-q", "--force"]
    words += ["--server", server, "--listen", listen, "-o", trace]
    return _running(words, listen, os.path.join(folder, f"recorder{core}.log"), **{VARIABLE: core})


def in_python(server: str, folder: str) -> contextlib.AbstractContextManager[Relay]:
    """The recorder without its compiled core."""
    return recorder(server, folder, PYTHON)


Start = Callable[[str, str], contextlib.AbstractContextManager[Relay]]
RELAYS: dict[str, Start] = {
    "direct": direct,
    "socat": socat,
    "socat -v": socat_v,
    "qmpconf record": recorder,
}
BARE = "a relay that does nothing else"
if shutil.which("cc"):
    RELAYS[BARE] = bare
#: Without a core, the recorder is in Python anyway.
IN_PYTHON = "qmpconf record in Python"
if available():
    RELAYS[IN_PYTHON] = in_python
