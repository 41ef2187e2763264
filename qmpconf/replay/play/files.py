"""Files that a replay needs: looked for, and made by a program of the user's."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence

from qmpconf.errors import UsageError
from qmpconf.net.endpoint import reason
from qmpconf.net.process import ended
from qmpconf.replay.needs import NeededFile


def missing(files: Iterable[NeededFile]) -> list[NeededFile]:
    """Those that are not there."""
    return [one for one in files if not os.path.exists(one.path)]


def make_ready(command: str, paths: Sequence[str]) -> None:
    """Run the command line `command` with `paths` behind it; what it prints goes to stderr.

    Raises `UsageError` where it cannot be run, or fails.
    """
    try:
        words = shlex.split(command)
        if not words:
            raise UsageError("--prepare is empty: write a command line")
        code = subprocess.run(
            [*words, *paths], stdin=subprocess.DEVNULL, stdout=2, check=False
        ).returncode
    except (OSError, ValueError) as error:
        raise UsageError(f"--prepare {command!r}: {reason(error)}") from error
    if code:
        raise UsageError(f"--prepare {command!r} failed ({ended(code)}): nothing was replayed")
