"""Descriptors that are open, by number."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator


def held() -> dict[str, str]:
    """What this process holds open: the number of each descriptor, and what it stands for."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one of the listing itself
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return found


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Whatever is opened inside must be closed at the end; what was open before may be, too."""
    before = held()
    yield
    after = held()
    assert {number: after[number] for number in after.keys() - before.keys()} == {}


@contextlib.contextmanager
def descriptors_left(spare: int) -> Iterator[None]:
    """Meanwhile, this process can open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken = []
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.dup(0))
    for _ in range(spare):
        os.close(taken.pop())
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)
