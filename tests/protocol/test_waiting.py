"""However much waits for its response, only so much is kept; nobody is blamed for the rest."""

from __future__ import annotations

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.matching import MOST_BYTES, MOST_WAITING
from qmpconf.protocol.session import Session


def value(text: bytes) -> Frame:
    return Frame(Kind.VALUE, text, b"\r\n", True)


def begun() -> Session:
    session = Session()
    version = b'{"qemu":{"major":7,"minor":2,"micro":0},"package":""}'
    session.server(value(b'{"QMP":{"version":%b,"capabilities":[]}}' % version), 1)
    session.client(value(b'{"execute":"qmp_capabilities"}'), 2)
    session.server(value(b'{"return":{}}'), 3)
    return session


def test_commands_that_are_never_answered_do_not_pile_up() -> None:
    session = begun()
    for number in range(5 * MOST_WAITING):
        session.client(value(b'{"execute":"stop","id":%d}' % number), number)
        assert len(session.pending) <= MOST_WAITING
    assert session.settled >= 3 * MOST_WAITING
    assert not session.certain
    # An answer whose command is gone blames nobody; one that is known makes the order certain.
    assert session.server(value(b'{"return":{},"id":5}'), 0).breaches == []
    step = session.server(value(b'{"return":{},"id":%d}' % (5 * MOST_WAITING - 1)), 0)
    assert step.answered is not None
    assert step.breaches == []
    assert session.certain


def test_few_that_are_long_do_not_pile_up_either() -> None:
    session = begun()
    text = b'{"execute":"stop","arguments":{"x":"%b"}}' % (b"y" * (MOST_BYTES // 8))
    for number in range(20):
        session.client(value(text), number)
        assert sum(one.size for one in session.pending) <= MOST_BYTES
    assert session.settled > 0
    assert all(not step.breaches for step in [session.server(value(b'{"return":{}}'), 0)])


def test_as_many_as_may_wait_are_all_answered_in_order() -> None:
    session = begun()
    for _ in range(3):
        for number in range(MOST_WAITING - 1):
            session.client(value(b'{"execute":"stop","id":%d}' % number), number)
        for number in range(MOST_WAITING - 1):
            step = session.server(value(b'{"return":{},"id":%d}' % number), 0)
            assert step.answered is not None
            assert step.answered.mark == number
    assert session.settled == 0
    assert session.certain
