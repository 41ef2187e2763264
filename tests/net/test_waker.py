"""What wakes a loop."""

from __future__ import annotations

import select
import signal
import threading

from qmpconf.net.waker import Stopping, Waker


def is_ready(waker: Waker) -> bool:
    return bool(select.select((waker,), (), (), 0)[0])


def test_a_loop_is_woken_until_that_is_cleared() -> None:
    with Waker() as waker:
        assert not is_ready(waker)
        waker.wake()
        waker.wake()
        assert is_ready(waker)
        waker.clear()
        assert not is_ready(waker)
        waker.clear()  # nothing has come: that is no error


def test_it_never_blocks_who_wakes_and_may_be_over() -> None:
    waker = Waker()
    for _ in range(100_000):
        waker.wake()
    waker.close()
    waker.wake()
    waker.close()


def test_a_signal_wakes_too() -> None:
    with Waker() as waker:
        handler = signal.signal(signal.SIGUSR1, lambda *_: None)
        waker.take_signals()
        try:
            signal.raise_signal(signal.SIGUSR1)
            assert is_ready(waker)
            waker.close()
            assert signal.set_wakeup_fd(-1) == -1  # a signal that comes now finds nothing closed
        finally:
            signal.signal(signal.SIGUSR1, handler)


def test_a_loop_is_stopped_from_another_thread() -> None:
    with Stopping() as loop:
        other = threading.Thread(target=loop.stop)
        other.start()
        select.select((loop,), (), ())
        assert loop.is_stopped
        other.join()
