"""The embedded monitor and agent with faults before their clients, without sockets: the test's own clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from qmpconf.faults.engine import Faults
from qmpconf.faults.rules import Rule, Schedule
from qmpconf.monitor.agent import DEFAULT_SCHEMA, GuestAgent
from qmpconf.monitor.core import Action, Close, Monitor, Quit, Send
from qmpconf.monitor.faulty import Ended, FaultyMonitor
from qmpconf.schema.store import load


class Stage:
    """A monitor, and a time that the test moves on."""

    def __init__(self, *rules: Rule, agent: bool = False) -> None:
        self.now = 100.0
        if agent:
            served = GuestAgent(load(DEFAULT_SCHEMA), self._micro, "")
        else:
            served = Monitor(load("qemu-11.1.3"), self._micro)  # type: ignore[assignment]
        self.faults = Faults(Schedule(rules))
        self.monitor = FaultyMonitor(served, self.faults, lambda: self.now)

    def _micro(self) -> int:
        return int(self.now * 1e6)

    def say(self, number: int, *texts: bytes) -> list[Action]:
        """What comes of commands, as far as it comes at once."""
        done: list[Action] = []
        for text in texts:
            done += self.monitor.receive(number, text)
            done += self.work()
        return done

    def work(self) -> list[Action]:
        done: list[Action] = []
        while self.monitor.wait() == 0:
            done += self.monitor.work()
        return done


def sent(actions: Sequence[Action]) -> bytes:
    return b"".join(one.data for one in actions if isinstance(one, Send))


NEGOTIATE = b'{"execute":"qmp_capabilities"}'


def test_a_reply_is_lost_and_the_next_one_comes() -> None:
    stage = Stage(Rule("lose", "reply", "query-status"))
    number, greeting = stage.monitor.open()
    assert b'"QMP"' in sent(greeting)
    got = stage.say(number, NEGOTIATE, b'{"execute":"query-status"}', b'{"execute":"query-kvm"}')
    assert sent(got).count(b'"return"') == 2
    assert b"running" not in sent(got)


def test_a_refusal() -> None:
    stage = Stage(Rule("refuse", "connection", session=1))
    number, actions = stage.monitor.open()
    assert actions == [Ended(number)]
    stage.monitor.lost(number)
    _, actions = stage.monitor.open()
    assert b'"QMP"' in sent(actions)


def test_a_cut_ends_the_session_and_nothing_comes_behind_it() -> None:
    stage = Stage(Rule("cut", "reply", "stop"))
    number, _ = stage.monitor.open()
    got = stage.say(number, NEGOTIATE, b'{"execute":"stop"}', b'{"execute":"cont"}')
    assert Ended(number) in got
    assert sent(got[got.index(Ended(number)) :]) == b""


def test_a_client_is_read_slowly() -> None:
    stage = Stage(Rule("slow", "connection", size=10))
    number, _ = stage.monitor.open()
    stage.monitor.receive(number, NEGOTIATE)
    stage.work()
    assert stage.monitor.is_stalled(number)
    assert stage.monitor.wait() == pytest.approx(3.0)
    stage.now += 3.1
    assert not stage.monitor.is_stalled(number)


def test_the_end_waits_for_what_is_delayed() -> None:
    stage = Stage(Rule("delay", "event", "SHUTDOWN", seconds=2))
    number, _ = stage.monitor.open()
    got = stage.say(number, NEGOTIATE, b'{"execute":"quit"}')
    assert Quit() not in got
    assert b"SHUTDOWN" not in sent(got)
    stage.now += 2
    got = stage.work()
    assert b"SHUTDOWN" in sent(got)
    assert got[-1] == Quit()


def test_a_session_whose_client_has_said_all_waits_for_what_is_delayed() -> None:
    stage = Stage(Rule("delay", "greeting", seconds=1))
    number, actions = stage.monitor.open()
    assert sent(actions) == b""
    assert Close(number) not in [*stage.monitor.end(number), *stage.work()]
    stage.now += 1
    got = stage.work()
    assert b'"QMP"' in sent(got)
    assert got[-1] == Close(number)


def test_an_agents_reset_comes_though_its_response_is_lost() -> None:
    stage = Stage(Rule("lose", "reply", "guest-sync-delimited"), agent=True)
    number, _ = stage.monitor.open()
    sync = b'\xff{"execute":"guest-sync-delimited","arguments":{"id":1}}\n'
    got = sent(stage.say(number, sync))
    assert got.startswith(b'{"error"')  # to the client's own reset
    assert got.endswith(b"\n\xff")
    assert b"return" not in got
    assert b"return" in sent(stage.say(number, b'{"execute":"guest-ping"}\n'))
