"""``python -m tests.benchmarks.used COMMAND...``: run it, and print its seconds by the clock and of all processors.

Processes that outlive the one that began them count, too: this one takes them in, and waits for them.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time

#: PR_SET_CHILD_SUBREAPER (prctl(2)).
_SUBREAPER = 36


def main() -> int:
    """Run, print, and give the exit code of the command."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    start = time.perf_counter()
    done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - start
    try:
        while True:
            os.wait()
    except ChildProcessError:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{seconds:.3f} {used.ru_utime + used.ru_stime:.3f}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
