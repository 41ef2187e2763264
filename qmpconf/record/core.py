"""The compiled core, where there is one: a poll that passes usual messages on by itself.

What is usual, and what it does with it, stands in ``_core.c``; Python does everything else, and the
usual as well where nothing was compiled or the environment says ``QMPCONF_CORE=python``.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, Protocol, cast

from qmpconf.trace.writer import TraceWriter

#: The environment's variable that switches the compiled core off, and the value that does it.
VARIABLE, PYTHON = "QMPCONF_CORE", "python"

#: What this Python speaks with a core: one that was compiled for another number is left alone.
INTERFACE = 5


class Tape(Protocol):
    """A trace that the core writes to, with the words that may announce a secret."""

    def allow(self, on: bool, /) -> None:
        """Whether messages may be written there."""

    def look_for(self, values: tuple[bytes, ...], /) -> None:
        """What was replaced, as messages may repeat it: those that do so are not written there."""

    def written(self) -> tuple[int, int]:
        """Messages and bytes since the last call."""

    def close(self) -> None:
        """Write nothing more there."""


class Core(Protocol):
    """Polls, and passes on the usual messages of the flows that are allowed to pass.

    A flow is known by the descriptor of its source.
    """

    def poll(self, timeout: float, /) -> list[tuple[int, int]]:
        """What `select.epoll.poll` gives, but for what was passed on.

        A mask of 0 says that something was, and something is left to do: `take` tells what.
        """

    def register(
        self,
        fd: int,
        sink: int,
        conn: int,
        from_client: bool,
        looks: bool,
        sends: tuple[int, int],
        tape: Tape,
        /,
    ) -> None:
        """Know a flow, which may not pass yet; `looks` and `sends` are those of a `Flow`."""

    def forget(self, fd: int, /) -> None:
        """Take back `register`."""

    def allow(self, fd: int, on: bool, /) -> None:
        """Whether a flow's messages may pass."""

    def take(self, fd: int, whole: bool, /) -> tuple[bytes, bytes, bool, int, int] | None:
        """Stop a flow: what is held of a message, other bytes that were read, whether those are new, `left`, an error.

        New bytes were neither written nor sent; others are written, and could not be sent yet, as could so many
        bytes in the source that are `left`.  Unless there are new ones, or it is given back as a `whole`, a flow
        goes on with what is held when it is allowed again.  The error is a number: of sending, or, negative, of
        reading.
        """


def available() -> bool:
    """Whether a compiled core is there, fits, and is not switched off."""
    return _module() is not None


def is_another() -> bool:
    """Whether a compiled core is there that was compiled for another qmpconf."""
    found = _compiled()
    return found is not None and getattr(found, "INTERFACE", 1) != INTERFACE


def make(poller: int) -> Core | None:
    """A core for this epoll descriptor, if there is one."""
    module = _module()
    return cast(Core, module.Core(poller)) if module is not None else None


def tape_of(writer: TraceWriter) -> Tape | None:
    """What a core writes into this trace with, if it is a plain file; the writer counts with it."""
    module = _module()
    beginning = writer.plain if module is not None else None
    if module is None or beginning is None:
        return None
    tape = cast(Tape, module.Tape(*beginning))
    writer.goes_with(tape)
    return tape


def _module() -> Any:
    if os.environ.get(VARIABLE) == PYTHON or is_another():
        return None
    return _compiled()


def _compiled() -> Any:
    try:
        return importlib.import_module("qmpconf.record._core")
    except ImportError:
        return None
