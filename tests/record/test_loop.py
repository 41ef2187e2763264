"""The recorder's poll: descriptors, times, and who wakes it."""

from __future__ import annotations

import os
import threading

from qmpconf.record.loop import Loop


def test_actions_are_done_in_the_order_of_their_times() -> None:
    done: list[str] = []
    loop = Loop(lambda: None)
    assert loop.due() == -1.0
    loop.later(0.002, lambda: done.append("last"))
    loop.later(0.0, lambda: done.append("first"))
    loop.later(0.0, lambda: done.append("second"))
    assert 0.0 <= loop.due() <= 0.002
    while len(done) < 3:
        loop.look(loop.due())
        loop.fire()
    assert done == ["first", "second", "last"]
    loop.close()


def test_it_looks_for_ever_until_another_thread_wakes_it() -> None:
    woken: list[int] = []
    loop = Loop(lambda: woken.append(threading.get_ident()))
    thread = threading.Thread(target=loop.wake)
    thread.start()
    loop.look(-1)
    thread.join()
    assert woken == [threading.get_ident()]
    loop.close()
    loop.wake()  # too late, and no error


def test_what_is_forgotten_is_not_looked_at() -> None:
    read, write = os.pipe()
    seen: list[bytes] = []
    loop = Loop(lambda: None)
    loop.register(read, lambda _: seen.append(os.read(read, 1)))
    os.write(write, b"ab")
    loop.look(-1)
    loop.forget(read)
    loop.look(0)
    assert seen == [b"a"]
    loop.close()
    os.close(read)
    os.close(write)
