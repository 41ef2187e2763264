"""Work that is put off is done whole, and in its order."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.replay.bindings import Bindings
from qmpconf.replay.masks import Mask
from qmpconf.replay.play.later import Later


@given(st.lists(st.integers()), st.integers(0, 5), st.integers(0, 5))
def test_all_of_it_is_done_in_its_order(works: list[int], most: int, steps: int) -> None:
    done: list[int] = []
    later = Later(most)
    for number in works:
        later.add(partial(done.append, number), matters=number > 0)
        assert len(works) >= len(done)
    assert len(done) >= len(works) - most
    for _ in range(steps):
        later.step()
    later.finish()
    assert done == works
    assert later.mattering == 0
    assert not later.step()


def test_nothing_is_put_off_unless_it_is_asked_for() -> None:
    done: list[int] = []
    Later().add(partial(done.append, 1))
    assert done == [1]


def test_it_is_known_whether_something_matters() -> None:
    later = Later(10)
    later.add(lambda: None)
    assert later.mattering == 0
    later.add(lambda: None, matters=True)
    assert later.mattering == 1
    later.step()
    later.step()
    assert later.mattering == 0


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (b'{"execute":"remove-fd","arguments":{"fdset-id":1,"fd":7}}', "remove-fd"),
        (b'{"execute":"a","arguments":{"x":"#block12"}}', "a"),
        (b'{"execute":"a","id":"#block12"}', "a"),
        (b'{"execute":"a","id":"\\u0023block12"}', "a"),
        (b'{"execute":"a","id":"/dev/pts/3"}', "a"),
    ],
)
def test_what_is_adapted_is_known_before(data: bytes, command: str) -> None:
    """No message that a binding changes may go out before the bindings are known."""
    bindings = Bindings()
    for name, one, other in (
        ("node-name", "#block12", "#block9"),
        ("pty", "/dev/pts/3", "/dev/pts/4"),
    ):
        pattern = r"#block\d+" if name == "node-name" else r"/dev/pts/\d+"
        mask = Mask(name, "", "*", "/**", "text", "", pattern=pattern)
        bindings.learn_names(mask, one, other)
    bindings.learn("reply", "add-fd", ("return", "fd"), 7, 9)
    frame = Frame(Kind.VALUE, data)
    adapted, used = bindings.adapt(frame, command)
    assert used
    assert adapted.data != data
    assert bindings.may_adapt(frame)
    assert not bindings.may_adapt(Frame(Kind.VALUE, b'{"execute":"query-status","id":"a-1"}'))
