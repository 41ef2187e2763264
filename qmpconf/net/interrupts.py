"""An interrupt that comes only where it is let in: at a wait, and never in the middle of a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """While it is entered, SIGINT waits until `let_in`; a second one does not.

    Python raises `KeyboardInterrupt` between any two steps of a program, so what is half done then
    would be lost.  Only the main thread gets signals: elsewhere, and where SIGINT is ignored, this
    does nothing.
    """

    def __init__(self) -> None:
        self._came = False
        self._is_open = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._before = before
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def let_in(self) -> None:
        """From here on an interrupt comes at once; one that waits comes now."""
        self._is_open = True
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def keep_out(self) -> None:
        """From here on an interrupt waits."""
        self._is_open = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_open or self._came:
            self._came = False
            raise KeyboardInterrupt
        self._came = True
