"""What stands between the two ends: nothing, socat, socat that records, and the recorder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.peers import connect


@contextlib.contextmanager
def _running(words: list[str], listen: str, log: str) -> Iterator[str]:
    with open(log, "wb") as output:
        child = subprocess.Popen(words, stdout=output, stderr=output)
    try:
        connect(listen).close()
        yield listen
    finally:
        child.terminate()
        child.wait()


@contextlib.contextmanager
def direct(server: str, folder: str) -> Iterator[str]:
    """Nothing in between."""
    yield server


def socat(server: str, folder: str) -> contextlib.AbstractContextManager[str]:
    """socat that only relays."""
    listen = os.path.join(folder, "socat.sock")
    words = ["socat", f"UNIX-LISTEN:{listen},fork,unlink-close", f"UNIX-CONNECT:{server}"]
    return _running(words, listen, os.devnull)


def socat_v(server: str, folder: str) -> contextlib.AbstractContextManager[str]:
    """socat that writes down what passes, into a file."""
    listen = os.path.join(folder, "socat-v.sock")
    words = ["socat", "-v", f"UNIX-LISTEN:{listen},fork,unlink-close", f"UNIX-CONNECT:{server}"]
    return _running(words, listen, os.path.join(folder, "socat-v.log"))


def recorder(server: str, folder: str) -> contextlib.AbstractContextManager[str]:
    """The recorder, as users start it."""
    listen = os.path.join(folder, "recorder.sock")
    trace = os.path.join(folder, "bench.qmptrace")
    words = [sys.executable, "-m", "qmpconf", "record", "-q", "--force"]
    words += ["--server", server, "--listen", listen, "-o", trace]
    return _running(words, listen, os.path.join(folder, "recorder.log"))


RELAYS = {"direct": direct, "socat": socat, "socat -v": socat_v, "qmpconf record": recorder}
