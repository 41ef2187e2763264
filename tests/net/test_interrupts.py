"""Interrupts that wait for a moment where nothing is half done."""

from __future__ import annotations

import signal
import threading

import pytest

from qmpconf.net.interrupts import Interrupts


def test_an_interrupt_waits_until_it_is_let_in() -> None:
    done = []
    with Interrupts() as interrupts:
        interrupts.keep_out()
        signal.raise_signal(signal.SIGINT)
        done.append("step")
        with pytest.raises(KeyboardInterrupt):
            interrupts.let_in()
        interrupts.keep_out()
        interrupts.let_in()  # it came once
    assert done == ["step"]


def test_where_it_is_let_in_it_comes_at_once() -> None:
    with Interrupts() as interrupts:
        interrupts.let_in()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_second_interrupt_does_not_wait() -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_was_there_before_is_there_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_and_an_ignored_signal_are_left_alone() -> None:
    seen = []

    def look() -> None:
        with Interrupts() as interrupts:
            interrupts.let_in()
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    other = threading.Thread(target=look)
    other.start()
    other.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [before, signal.SIG_IGN]
