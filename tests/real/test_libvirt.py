"""libvirt's own log of real machines against recordings of the same monitors: the same messages.

A libvirtd runs two machines at once, dumps one (with a descriptor), begins anew, goes on with both,
saves one and destroys the other, all of it logged by libvirt and recorded by the proxy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from qmpconf.check.checking import automatic, check
from qmpconf.protocol.messages import Event, from_server
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.real.conftest import require
from tests.real.libvirt import Libvirt, missing

Said = list[tuple[bytes, int]]  # a message, and how many descriptors it carried


@dataclass
class Session:
    client: Said = field(default_factory=list)
    server: Said = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


def require_libvirt() -> None:
    """Skip the test where there is no libvirtd, or fail it where the real ones are required."""
    why = missing()
    if why and os.environ.get("QMPCONF_REQUIRE_REAL"):
        pytest.fail(why, pytrace=False)
    if why:
        pytest.skip(why)


def sessions(path: Path) -> list[Session]:
    """The sessions of a trace; their times are those of the clock on the wall."""
    found: dict[int, Session] = {}
    reader = TraceReader(str(path))
    started = datetime.fromisoformat(reader.header.started).timestamp()
    for item in reader.items():
        if isinstance(item, Item):
            session = found.setdefault(item.conn, Session())
            said = session.client if item.sender == "client" else session.server
            said.append((item.frame.data, len(item.fds)))
            session.times.append(started + item.t)
            session.order.append(item.sender)
    return list(found.values())


@dataclass
class Run:
    """What came of it."""

    log: Path
    trace: Path
    logged: list[Session]
    recorded: list[Session]


def both(*actions: object) -> None:
    """Do them at the same time."""
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    require_libvirt()
    qemu = require("qemu-7.2")
    folder = tmp_path_factory.mktemp("libvirt")
    with Libvirt(str(qemu.launcher), recorded=True) as libvirt:
        for name in ("one", "two"):
            libvirt.define(name)
        both(lambda: libvirt.virsh("start", "one"), lambda: libvirt.virsh("start", "two"))
        both(
            lambda: libvirt.virsh("dump", "one", f"{libvirt.folder}/core", "--memory-only"),
            lambda: libvirt.virsh("domstats", "two"),
        )
        libvirt.run_virsh("qemu-monitor-command", "one", '{"execute":"no-such","arguments":{}}')
        libvirt.restart()
        both(lambda: libvirt.virsh("domstats", "one"), lambda: libvirt.virsh("suspend", "two"))
        both(
            lambda: libvirt.virsh("save", "one", f"{libvirt.folder}/saved"),
            lambda: libvirt.virsh("resume", "two"),
        )
        libvirt.virsh("destroy", "two")
        libvirt.stop()
        trace = folder / "log.qmptrace"
        log = folder / "libvirtd.log"
        log.write_bytes(libvirt.log.read_bytes())
        done = convert(str(log), str(trace), redact=False)
        assert not done.notes.damaged
        assert done.notes.misses == 0
        recorded = [one for path in libvirt.traces.glob("*.qmptrace") for one in sessions(path)]
        yield Run(log, trace, sessions(trace), recorded)


def counterpart(session: Session, run: Run) -> Session:
    """What the log has of a recorded session: the client said the same, at the same time."""
    found = [one for one in run.logged if one.client == session.client]
    assert found, session.client[:3]
    return min(found, key=lambda one: abs(one.times[0] - session.times[0]))


def test_the_log_and_the_recordings_hold_the_same_sessions(run: Run) -> None:
    """Two machines, each with two sessions, and what libvirt asks QEMU for before."""
    assert len(run.logged) == len(run.recorded)
    assert len(run.logged) >= 5
    assert sum(len(one.client) for one in run.logged) > 500


def test_the_log_and_the_recordings_hold_the_same_messages(run: Run) -> None:
    for session in run.recorded:
        logged = counterpart(session, run)
        assert session.server[: len(logged.server)] == logged.server
        # What libvirt does not read any more, it does not log: the end of a machine.
        for message, _ in session.server[len(logged.server) :]:
            assert isinstance(from_server(message), Event)


def test_commands_and_answers_come_in_the_order_of_the_wire(run: Run) -> None:
    """Events aside, a command is in the log before its answer and behind the one before."""
    for session in run.logged:
        kinds = [
            sender
            for sender, (message, _) in zip(session.order, _in_order(session), strict=True)
            if sender == "client" or not isinstance(from_server(message), Event)
        ]
        assert kinds == ["server", *["client", "server"] * (len(kinds) // 2)][: len(kinds)]


def _in_order(session: Session) -> Iterator[tuple[bytes, int]]:
    said = {"client": iter(session.client), "server": iter(session.server)}
    return (next(said[sender]) for sender in session.order)


def test_every_session_begins_with_its_greeting(run: Run) -> None:
    for session in run.logged:
        assert session.order[0] == "server"
        assert session.server[0][0].startswith(b'{"QMP":')


def test_descriptors_are_counted(run: Run) -> None:
    logged = sum(fds for one in run.logged for _, fds in one.client)
    assert logged == sum(fds for one in run.recorded for _, fds in one.client)
    assert logged >= 2  # of the dump, and of the save


def test_times_are_those_of_the_wire(run: Run) -> None:
    for session in run.recorded:
        logged = counterpart(session, run)
        count = min(len(session.times), len(logged.times))
        late = [
            abs(one - other)
            for one, other in zip(session.times[:count], logged.times[:count], strict=True)
        ]
        assert sorted(late)[len(late) // 2] < 0.05  # half of them; a busy machine delays a few


def test_nothing_is_wrong_but_what_was_sent_on_purpose(run: Run) -> None:
    reader = TraceReader(str(run.trace))
    groups = check(reader, automatic(reader)).groups
    assert {one.first.requirement for one in groups if one.first.blame == "server"} == set()
    errors = [one.first for one in groups if one.first.severity == "error"]
    assert [one.subject for one in errors] == ["no-such"]
