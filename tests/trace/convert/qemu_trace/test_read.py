"""A whole log to the sessions of its monitors, with gaps for what is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check.checking import automatic, check
from qmpconf.errors import InputError, UsageError
from qmpconf.trace.convert.converting import Converted, convert
from qmpconf.trace.convert.qemu_trace import monitors
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Finish, Gap, Open, Record, Traffic
from tests.trace.convert.qemu_trace.printer import Event, Stamp
from tests.usual import examples

GREETING = {"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 9}}, "capabilities": []}}
NEGOTIATION = {"execute": "qmp_capabilities"}
STATUS = {"execute": "query-status"}
STOP = {"timestamp": {"seconds": 1795168800, "microseconds": 9}, "event": "STOP"}
BAD = {"error": {"class": "GenericError", "desc": "JSON parse error, invalid keyword 'x'"}}
DONE: dict[str, object] = {"return": {}}


def client(value: object, name: str = "0xa", ms: int = 0) -> Event:
    return Event(name, "client", value, ms=ms)


def server(value: object, name: str = "0xa", ms: int = 0) -> Event:
    return Event(name, "server", value, ms=ms)


BEGUN = (server(GREETING), client(NEGOTIATION), server(DONE))


def converted(
    folder: Path, *events: Event, stamp: Stamp = "thread", **options: bool
) -> tuple[list[str], Converted]:
    log = "".join("\n".join(one.lines(stamp)) + "\n" for one in events)
    (folder / "qemu.log").write_text(log)
    done = convert(
        str(folder / "qemu.log"), str(folder / "out.qmptrace"), overwrite=True, **options
    )
    return [_shown(one) for one in TraceReader(str(folder / "out.qmptrace")).records()], done


def _shown(record: Record) -> str:
    """A record in short: who it is about, and what."""
    if isinstance(record, Open):
        return f"{record.conn} open {record.server}"
    if isinstance(record, Gap):
        return f"{record.conn} gap {record.sender} {record.messages}"
    if isinstance(record, Close):
        return f"{record.conn} close"
    if isinstance(record, Finish):
        return f"{record.sessions} {record.messages}"
    assert isinstance(record, Traffic)
    value = json.loads(record.data)
    what = value.get("execute", value.get("event", next(iter(value)))) if value else ""
    return f"{record.conn} {record.sender} {what}"


def told(done: Converted) -> set[str]:
    return {text.partition(" (")[0] for _, _, text in done.notes.told()}


def test_a_session(tmp_path: Path) -> None:
    shown, done = converted(tmp_path, *BEGUN, client(STATUS), server(STOP), server(DONE))
    assert shown == [
        "1 open monitor 0xa",
        "1 server QMP",
        "1 client qmp_capabilities",
        "1 server return",
        "1 client query-status",
        "1 server STOP",
        "1 server return",
        "1 close",
        "1 6",
    ]
    assert done.source.name == "qemu-trace"
    assert told(done) == {monitors.AS_READ}


def test_monitors_and_their_clients_are_sessions(tmp_path: Path) -> None:
    other = [Event("0xb", one.side, one.value, is_pretty=True) for one in BEGUN]
    mixed = [one for pair in zip(BEGUN, other, strict=True) for one in pair]
    shown, _ = converted(tmp_path, *mixed, *BEGUN, server(STOP, "0xb"))
    assert shown[:2] == ["1 open monitor 0xa", "1 server QMP"]
    assert shown[-5:] == ["3 server return", "2 server STOP", "2 close", "3 close", "3 10"]


def test_times(tmp_path: Path) -> None:
    events = [server(GREETING, ms=0), client(NEGOTIATION, ms=1500), server(DONE, ms=1499)]
    for stamp, times in (("thread", [0.0, 1.5, 1.5]), ("iso", [0.0, 1.5, 1.5]), ("", [0.0] * 3)):
        _, done = converted(tmp_path, *events, stamp=stamp)  # type: ignore[arg-type]
        reader = TraceReader(str(tmp_path / "out.qmptrace"))
        assert [one.t for one in reader.records() if isinstance(one, Traffic)] == times
        assert (reader.header.started == "2026-11-30T04:00:00.000000Z") is bool(stamp)
        assert (monitors.NO_TIMES in told(done)) is not bool(stamp)


def test_what_could_not_be_parsed_is_a_gap(tmp_path: Path) -> None:
    shown, done = converted(tmp_path, *BEGUN, server(BAD), client(STATUS), server(DONE))
    assert shown[4:8] == [
        "1 gap client 1",
        "1 server error",
        "1 client query-status",
        "1 server return",
    ]
    assert monitors.NO_BYTES in told(done)


def test_the_answer_to_an_unknown_command_is_behind_a_gap(tmp_path: Path) -> None:
    shown, done = converted(
        tmp_path, *BEGUN, client({**STATUS, "id": 1}), server({**DONE, "id": 2}), server(DONE)
    )
    assert shown[5:9] == ["1 gap client 1", "1 server return", "1 gap client 1", "1 server return"]
    assert monitors.NO_COMMAND in told(done)


def test_a_log_that_begins_in_a_session(tmp_path: Path) -> None:
    shown, _ = converted(tmp_path, server(DONE), client(STATUS), server(DONE))
    assert shown[:4] == [
        "1 open monitor 0xa",
        "1 gap server 0",
        "1 gap client 1",
        "1 server return",
    ]


def test_events_before_the_first_client(tmp_path: Path) -> None:
    shown, done = converted(tmp_path, server(STOP), *BEGUN, server(STOP))
    assert shown[1] == "1 server QMP"
    assert monitors.UNHEARD in told(done)
    # Nobody came: perhaps somebody was there.
    assert converted(tmp_path, server(STOP))[0][1:3] == ["1 gap server 0", "1 server STOP"]
    shown, _ = converted(tmp_path, *[server(STOP)] * 70, *BEGUN)
    assert shown.count("1 server STOP") == 70


def test_of_qemu_5_2_there_are_commands_alone(tmp_path: Path) -> None:
    asked = [client(NEGOTIATION), client(STATUS), client(STATUS)]
    shown, done = converted(tmp_path, *asked, *asked)
    assert shown == [
        "1 open monitor 0xa",
        "1 gap server 0",
        "1 client qmp_capabilities",
        "1 gap server 0",
        "1 client query-status",
        "1 gap server 0",
        "1 client query-status",
        "1 gap server 0",
        "1 close",
        "2 open monitor 0xa",
        "2 gap server 0",
        "2 client qmp_capabilities",
        "2 gap server 0",
        "2 client query-status",
        "2 gap server 0",
        "2 client query-status",
        "2 gap server 0",
        "2 close",
        "2 6",
    ]
    assert monitors.NO_ANSWERS in told(done)
    reader = TraceReader(str(tmp_path / "out.qmptrace"))
    groups = check(reader, automatic(reader)).groups
    assert {one.first.severity for one in groups} == {"note"}


def test_what_breaks_off_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "qemu.log").write_text(
        "".join("\n".join(one.lines("")) + "\n" for one in BEGUN)
        + 'monitor_qmp_respond mon 0xa resp: {"timest'
    )
    done = convert(str(tmp_path / "qemu.log"), str(tmp_path / "out.qmptrace"))
    records = list(TraceReader(str(tmp_path / "out.qmptrace")).records())
    assert records[4].data == b'{"timest'  # type: ignore[union-attr]
    assert _shown(records[5]) == "1 gap server 0"
    assert done.notes.damaged


def test_descriptors_are_missed(tmp_path: Path) -> None:
    command = {"execute": "getfd", "arguments": {"fdname": "x"}}
    assert monitors.NO_DESCRIPTORS in told(converted(tmp_path, *BEGUN, client(command))[1])
    assert monitors.NO_DESCRIPTORS not in told(converted(tmp_path, *BEGUN)[1])


def test_secrets_are_replaced(tmp_path: Path) -> None:
    arguments = {"protocol": "vnc", "password": "hush"}
    command = client({"execute": "set_password", "arguments": arguments})
    _, done = converted(tmp_path, *BEGUN, command, server(DONE))
    assert done.redacted == 1
    assert "hush" not in (tmp_path / "out.qmptrace").read_text()
    converted(tmp_path, *BEGUN, command, redact=False)
    assert "hush" in (tmp_path / "out.qmptrace").read_text()
    # What is shown of a line that was not understood has none either.
    torn = command.lines("")[0][:-3] + "\n"
    (tmp_path / "qemu.log").write_text(torn)
    done = convert(str(tmp_path / "qemu.log"), str(tmp_path / "out.qmptrace"), overwrite=True)
    assert "hush" not in (tmp_path / "out.qmptrace").read_text()
    assert "hush" not in str(done.notes.missed_lines)


def test_more_monitors_than_are_kept_apart(tmp_path: Path) -> None:
    events = [client(STATUS, hex(number)) for number in range(1, monitors.MOST + 2)]
    shown, done = converted(tmp_path, *events, client(STATUS, "0x1"))
    assert monitors.TOO_MANY in told(done)
    assert shown[-1] == f"{monitors.MOST + 2} {monitors.MOST + 2}"


def test_a_log_without_these_events(tmp_path: Path) -> None:
    (tmp_path / "qemu.log").write_text("monitor_qmp_cmd_in_band \nwarning: no\n")
    with pytest.raises(InputError, match="none of its 2 lines is one of the trace events"):
        convert(
            str(tmp_path / "qemu.log"), str(tmp_path / "out.qmptrace"), from_format="qemu-trace"
        )
    assert not (tmp_path / "out.qmptrace").exists()


def test_it_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is read, and not written"):
        convert(str(tmp_path / "a"), str(tmp_path / "b"), to_format="qemu-trace")


ANY = st.lists(
    st.builds(
        Event,
        st.sampled_from(["0xa", "0xb"]),
        st.sampled_from(["client", "server"]),
        st.sampled_from([GREETING, NEGOTIATION, STATUS, STOP, BAD, DONE, {"return": 1, "id": 7}]),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=12,
)


@settings(max_examples=examples(25))
@given(events=ANY)
def test_every_message_is_kept_at_its_monitor(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    if not events:
        return
    folder = tmp_path_factory.mktemp("log")
    converted(folder, *events)
    whose: dict[int, str] = {}
    kept: dict[str, list[bytes]] = {}
    for one in TraceReader(str(folder / "out.qmptrace")).records():
        if isinstance(one, Open):
            whose[one.conn] = one.server.removeprefix("monitor ")
        elif isinstance(one, Traffic):
            kept.setdefault(whose[one.conn], []).append(one.data.removesuffix(b"\r\n"))
    for name, found in kept.items():
        texts = [one.wire for one in events if one.name == name]
        left_out = len(texts) - len(found)
        assert found == texts[left_out:]
        # Only events before the first greeting are left out.
        assert all(b'"event"' in one for one in texts[:left_out])
