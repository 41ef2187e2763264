"""Descriptors that are open, by number."""

from __future__ import annotations

import contextlib
import os
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
