"""Stopped and going on: what a view does about SIGTSTP and SIGCONT.

Textual's driver leaves the screen for the one, and comes back to it for the other.  It comes back as well where it
had not left (SIGSTOP cannot be caught), or where the view has ended: then it reads the keys twice, waits
for ever for itself, and leaves the terminal without an echo.  So its handlers are asked only in the one case that they are
made for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

_Handler = Callable[[int, FrameType | None], object]


def guard(ended: Callable[[], bool], draw: Callable[[], object]) -> None:
    """Stand before the handlers that a driver has put in place; without them, nothing is done.

    `ended` says whether the view has ended or is about to, `draw` draws the screen once more: somebody may have
    written to it while the process was stopped.  For the main thread.
    """
    leave, come_back = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if callable(leave) and callable(come_back):
        _Guard(leave, come_back, ended, draw)


class _Guard:
    def __init__(
        self,
        leave: _Handler,
        come_back: _Handler,
        ended: Callable[[], bool],
        draw: Callable[[], object],
    ) -> None:
        self._leave = leave
        self._come_back = come_back
        self._ended = ended
        self._draw = draw
        self._left = False
        signal.signal(signal.SIGTSTP, self._stop)
        signal.signal(signal.SIGCONT, self._go_on)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._ended():
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        self._left = True
        self._leave(number, frame)

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        if self._left:
            self._come_back(
                number, frame
            )  # in the background it stops again: then this is what goes on next
            self._left = False
        elif not self._ended():
            self._draw()
