"""What wakes a loop that waits for descriptors, from another thread or a signal handler."""

from __future__ import annotations

import contextlib
import signal
import socket

from qmpconf.closing import Closing


class Waker(Closing):
    """Two ends: a byte at one of them makes the other one, `fileno`, readable.

    A loop waits for it beside its own descriptors, and calls `clear` when it comes.
    """

    def __init__(self) -> None:
        self._wake, self._wakes = socket.socketpair()
        self._wake.setblocking(False)
        self._wakes.setblocking(False)
        self._takes_signals = False

    def take_signals(self) -> None:
        """From now on until it is closed, a signal with a handler wakes the loop, even just before it waits.

        Only the main thread may ask for that, and has to close it then.
        """
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._takes_signals = True

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._wakes.fileno()

    def wake(self) -> None:
        """Wake the loop."""
        with contextlib.suppress(OSError):  # it is awake, or over
            self._wake.send(b"x")

    def clear(self) -> None:
        """Take what has come: the next wait is a wait again."""
        with contextlib.suppress(BlockingIOError):
            self._wakes.recv(4096)

    def close(self) -> None:
        """Close both ends."""
        if self._takes_signals:
            self._takes_signals = False
            signal.set_wakeup_fd(-1)  # nothing may be written to what is closed
        self._wake.close()
        self._wakes.close()


class Stopping(Waker):
    """A loop that ends when `stop` was called; it waits for `fileno`, and looks at `is_stopped`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stopped = False

    def stop(self) -> None:
        """End the loop."""
        self.is_stopped = True
        self.wake()
