"""Two recordings compared: what only one has, what differs, and what is the same in spite of it all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qmpconf.errors import UsageError
from qmpconf.protocol.framing import Framer
from qmpconf.replay.compare import Level
from qmpconf.replay.diff.differing import diff_traces
from qmpconf.replay.diff.outcome import Diff
from qmpconf.trace.writer import TraceWriter
from tests.replay.conftest import exchange, written

STAMP = '"timestamp": {"seconds": 1, "microseconds": 2}'


def greeting(version: str = "7.2.22") -> str:
    major, minor, micro = version.split(".")
    triple = f'"micro": {micro}, "minor": {minor}, "major": {major}'
    return f'{{"QMP": {{"version": {{"qemu": {{{triple}}}, "package": ""}}, "capabilities": []}}}}'


def event(name: str, **data: object) -> str:
    return f'{{"event": "{name}", "data": {json.dumps(data)}, {STAMP}}}'


def session(
    *said: tuple[str, object] | str, version: str = "7.2.22", end: str = "client"
) -> list[str]:
    """Calls, (command, answer) with arguments behind the name, and events between them."""
    script = [
        "1+",
        f"1<-{greeting(version)}",
        '1->{"execute":"qmp_capabilities"}',
        '1<-{"return": {}}',
    ]
    for one in said:
        if isinstance(one, str):
            script.append(f"1<-{one}")
            continue
        name, _, arguments = one[0].partition(" ")
        more = f',"arguments":{arguments}' if arguments else ""
        script += [f'1->{{"execute":"{name}"{more}}}', f"1<-{json.dumps(one[1])}"]
    return [*script, f"1-{end}"]


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., Diff]:
    def compare(one: Sequence[str], other: Sequence[str], level: Level = Level.VALUE) -> Diff:
        first, second = (
            written(tmp_path / name, script) for name, script in (("a", one), ("b", other))
        )
        return diff_traces(first, second, level=level)

    return compare


def found(diff: Diff) -> list[tuple[str, str, str]]:
    """Kind, subject and place of what counts."""
    return [
        (one.first.kind, one.first.subject, one.first.pointer)
        for one in diff.found.differences
        if not one.first.note
    ]


def notes(diff: Diff) -> list[tuple[str, str]]:
    return [(one.first.subject, one.first.note) for one in diff.found.differences if one.first.note]


EMPTY: dict[str, object] = {"return": {}}
STATUS = ("query-status", {"return": {"status": "running", "running": True}})


def test_the_same_twice(compared: Callable[..., Diff]) -> None:
    diff = compared(session(("stop", EMPTY), event("STOP"), STATUS), session(
        ("stop", EMPTY), event("STOP"), STATUS
    ))  # fmt: skip
    assert (found(diff), notes(diff), diff.exit_code) == ([], [], 0)
    assert (diff.commands, diff.alone) == (3, [0, 0])
    assert (diff.found.greetings, diff.found.replies, diff.found.events) == (1, 3, 1)


def test_commands_that_only_one_has(compared: Callable[..., Diff]) -> None:
    one = session(("cont", EMPTY), ("query-name", {"return": {"name": "a"}}), STATUS)
    other = session(STATUS, ("system_reset", EMPTY), ("system_reset", EMPTY))
    diff = compared(one, other)
    assert found(diff) == [
        ("missing", "command cont", ""),
        ("missing", "command query-name", ""),
        ("extra", "command system_reset", ""),
    ]
    assert [group.count for group in diff.found.differences] == [1, 1, 2]
    assert (diff.commands, diff.alone, diff.exit_code) == (2, [2, 2], 1)


def test_answers_and_arguments_that_differ(compared: Callable[..., Diff]) -> None:
    diff = compared(
        session(STATUS, ('block_resize {"device":"a","size":1}', EMPTY), ("cont", EMPTY)),
        session(
            ("query-status", {"return": {"status": "paused", "running": True}}),
            ('block_resize {"device":"a","size":2}', EMPTY),
            ("cont", {"error": {"class": "GenericError", "desc": "no"}}),
        ),
    )
    assert found(diff) == [
        ("changed", "reply to query-status", "/return/status"),
        ("changed", "command block_resize", "/arguments/size"),
        ("changed", "reply to cont", ""),
    ]
    assert found(compared(session(STATUS), session(STATUS), Level.OUTCOME)) == []


def test_what_a_server_chose_stands_for_what_the_other_one_chose(
    compared: Callable[..., Diff],
) -> None:
    def added(number: int) -> list[str]:
        return session(
            ("add-fd", {"return": {"fdset-id": number, "fd": 10 + number}}),
            (f'remove-fd {{"fdset-id":{number}}}', EMPTY),
            ("query-block", {"return": [{"node-name": f"#block{number}55"}]}),
            (f'blockdev-del {{"node-name":"#block{number}55"}}', EMPTY),
        )

    diff = compared(added(1), added(2))
    assert found(diff) == []
    assert {one.kind: one.used for one in diff.found.bindings} == {
        "descriptor": 0, "descriptor set": 1, "node-name": 1
    }  # fmt: skip


def test_ids_are_the_clients_own(compared: Callable[..., Diff]) -> None:
    scripts = [
        ["1+", f"1<-{greeting()}", f'1->{{"execute":"a","id":"{one}"}}', f'1<-{{"return": {{}}, "id": "{one}"}}',
         "1-client"]
        for one in ("libvirt-3", "libvirt-7")
    ]  # fmt: skip
    assert found(compared(*scripts)) == []


def test_events(compared: Callable[..., Diff]) -> None:
    steps = [event("JOB_STATUS_CHANGE", id="j", status=one) for one in ("created", "running")]
    other = event("DEVICE_DELETED", device="d")
    diff = compared(
        session(("stop", EMPTY), steps[0], steps[1], other, event("STOP"), STATUS),
        session(("stop", EMPTY), steps[1], other, steps[0], STATUS),
    )
    assert found(diff) == [
        ("moved", "event JOB_STATUS_CHANGE", ""),
        ("missing", "event STOP", ""),
    ]
    # Those about other things have no order.
    assert found(compared(session(steps[0], other, STATUS), session(other, steps[0], STATUS))) == []


def test_what_comes_after_everything_else_may_have_been_too_late(
    compared: Callable[..., Diff],
) -> None:
    bare, more = session(STATUS), session(STATUS, event("STOP"))
    for diff in (compared(more, bare), compared(bare, more)):
        assert found(diff) == []
        ((subject, note),) = notes(diff)
        assert subject == "event STOP"
        assert note.startswith("it came after all that the two have in common")


def test_how_a_session_ended(compared: Callable[..., Diff]) -> None:
    assert found(compared(session(STATUS), session(STATUS, end="server"))) == [
        ("changed", "session", "")
    ]
    asked = ("quit", EMPTY)
    assert found(compared(session(asked), session(asked, end="server"))) == []


def test_sessions_that_only_one_has(compared: Callable[..., Diff]) -> None:
    second = [line.replace("1", "2", 1) for line in session(STATUS)]
    assert found(compared([*session(STATUS), *second], session(STATUS))) == [
        ("missing", "session", "")
    ]


def test_another_release(compared: Callable[..., Diff]) -> None:
    diff = compared(
        session(("query-status", {"return": {"status": "running", "singlestep": False}}),
                ("x-query-rdma", {"return": {"human-readable-text": ""}})),
        session(("query-status", {"return": {"status": "running"}}),
                ("query-audiodevs", {"return": []}), ("cont", EMPTY), version="11.1.3"),
    )  # fmt: skip
    assert found(diff) == [
        ("missing", "reply to query-status", "/return/singlestep"),
        ("extra", "command cont", ""),
    ]
    told = dict(notes(diff))
    assert told["command x-query-rdma"].startswith("11.1.3 has no such command")
    assert told["command query-audiodevs"] == "the command is new in 11.1.3"
    broken = {one.first.subject: one.first.effect for one in diff.found.differences}
    assert broken["reply to query-status"] == "broke"
    assert broken["command cont"] == "changed"


def test_recordings_of_other_things(tmp_path: Path, compared: Callable[..., Diff]) -> None:
    agent = written(tmp_path / "g", ["1+", '1->{"execute":"guest-sync","arguments":{"id":1}}',
                                     '1<-{"return": 1}', "1-client"])  # fmt: skip
    monitor = written(tmp_path / "m", session(STATUS))
    with pytest.raises(UsageError, match=r"is a recording of qemu-ga, and .* of qemu:"):
        diff_traces(agent, monitor)
    apart = compared(
        session(*[(f"a{n}", EMPTY) for n in range(9)]),
        session(*[(f"b{n}", EMPTY) for n in range(9)]),
    )
    assert any("are these recordings of one scenario?" in one for one in apart.found.warnings)
    assert apart.exit_code == 1


def test_nothing_is_not_the_same(tmp_path: Path) -> None:
    empty = written(tmp_path / "e", [])
    assert diff_traces(empty, empty).exit_code == 1


def test_a_gap_is_said(tmp_path: Path) -> None:
    path = str(tmp_path / "g")
    with TraceWriter(path, clock=lambda: 0.0) as writer:
        writer.open(1)
        writer.gap(1, "client", 99)
        writer.close(1, "client")
    whole = written(tmp_path / "w", session(STATUS))
    assert any(
        "what only the other one has" in one for one in diff_traces(whole, path).found.warnings
    )


def test_what_was_cut_off_is_not_missing(tmp_path: Path) -> None:
    whole = session(STATUS, ("stop", EMPTY), event("STOP"), ("cont", EMPTY))
    first = written(tmp_path / "a", whole)
    second = written(tmp_path / "b", whole[:7], finish=False)
    diff = diff_traces(first, second)
    assert found(diff) == []
    assert dict(notes(diff)) == {
        "reply to stop": "the other recording was cut off before",
        "command cont": "the other recording was cut off before",
        "event STOP": "it came after all that the two have in common: the other client may have been "
        "gone by then",
    }
    assert any("cut off" in one for one in diff.found.warnings)


def test_times(tmp_path: Path) -> None:
    def recorded(name: str, took: float) -> str:
        now = [0.0]
        path = str(tmp_path / name)
        with TraceWriter(path, clock=lambda: now[0]) as writer:
            writer.open(1)
            for number in range(20):
                for command, seconds in (("slow", took), ("same", 0.01)):
                    said = f'{{"execute":"{command}","id":{number}}}\n'.encode()
                    writer.frames(1, "client", Framer().feed(said))
                    now[0] += seconds * (1 + number / 100)
                    writer.frames(
                        1, "server", Framer().feed(b'{"return": {}, "id": %d}\r\n' % number)
                    )
            writer.close(1, "client")
        return path

    diff = diff_traces(recorded("a", 0.1), recorded("b", 0.3))
    assert {one.name: one.word for one in diff.times.compared()} == {
        "slow": "slower",
        "same": "alike",
    }
    assert diff.exit_code == 0


def test_the_embedded_monitor_recorded_twice(record: Callable[..., str]) -> None:
    def client(path: Path) -> None:
        exchange(
            path,
            b'{"execute":"qmp_capabilities"}\n',
            b'{"execute":"query-qmp-schema"}\n{"execute":"stop"}\n',
            b'{"execute":"query-block"}\n{"execute":"cont"}\n{"execute":"nope"}\n',
        )

    one, other = (record(client, name=name) for name in ("one.qmptrace", "two.qmptrace"))
    diff = diff_traces(one, other)
    assert (found(diff), notes(diff), diff.exit_code) == ([], [], 0)
    assert {use.mask.name for use in diff.found.masks.values()} <= {"event-time"}
    assert diff.found.events == 2
