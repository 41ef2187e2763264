"""One process of the suite at a time talks to a target: most monitors serve one client.

The lock is a file in a folder that belongs to the user alone, so that nobody else can hold it:
``$XDG_RUNTIME_DIR``, or a folder of our own in the one for temporary files.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator

from qmpconf.errors import TargetError, UsageError

#: Seconds to wait for another process that talks to the same target: more than a case takes.
PATIENCE = 300.0

#: Seconds between two tries.
_PAUSE = 0.01


@contextlib.contextmanager
def locked(target: str, patience: float = PATIENCE) -> Iterator[None]:
    """Keep other processes of this user away from the target of that name.

    Waits up to `patience` seconds.  Raises TargetError when another one still holds it, and
    UsageError when there is no folder for the lock.
    """
    digest = hashlib.sha256(target.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path = os.path.join(_folder(), f"qmpconf-{digest}.lock")
    descriptor = _taken(path, target, time.monotonic() + patience)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # its folder goes when the user logs out
            os.unlink(path)
        os.close(descriptor)


def _folder() -> str:
    """A folder that belongs to this user, and that nobody else can write to."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and _is_own(given):
        return given
    path = os.path.join(tempfile.gettempdir(), f"qmpconf-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    if not _is_own(path):
        raise UsageError(
            f"{path} belongs to somebody else, or others can write to it; set XDG_RUNTIME_DIR or "
            "TMPDIR to a folder of your own"
        )
    return path


def _is_own(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _taken(path: str, target: str, deadline: float) -> int:
    """A descriptor of the file, which is made and locked; who has the lock removes the file."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if time.monotonic() > deadline:
                who = f"process {holder}" if holder else "another process"
                raise TargetError(
                    f"{target} is being tested by {who} ({path}); wait for it, or end it"
                ) from None
            time.sleep(_PAUSE)
            continue
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        os.close(descriptor)  # of a file that was removed while we waited
