"""Whose session an entry of libvirt's log belongs to, and what is written for libvirt's tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from qmpconf.trace.convert.converting import Converted, convert
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Gap, Open, Record, Traffic
from tests.trace.convert.golden import FOLDER

GREETING = '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 9}, "package": ""}, "capabilities": []}}'
RETURN = '{"return": {}, "id": "libvirt-1"}'
BEGIN = '{"execute":"qmp_capabilities","id":"libvirt-1"}'


def send(monitor: int, text: str) -> str:
    return f"QEMU_MONITOR_SEND_MSG: mon=0x{monitor} msg={text}\r\n fd=-1\n"


def reply(monitor: int, text: str = RETURN) -> str:
    return f"QEMU_MONITOR_RECV_REPLY: mon=0x{monitor} reply={text}\n"


def line(text: str) -> str:
    return f"debug : qemuMonitorJSONIOProcessLine:220 : Line [{text}]\n"


def wrote(monitor: int, text: str) -> str:
    return f"QEMU_MONITOR_IO_WRITE: mon=0x{monitor} buf={text}\r\n len=9 ret=9 errno=0\n"


def read(tmp_path: Path, *parts: str) -> tuple[Converted, list[Record]]:
    (tmp_path / "x.log").write_text("".join(parts), newline="")
    done = convert(str(tmp_path / "x.log"), str(tmp_path / "x.qmptrace"), from_format="libvirt-log")
    return done, list(TraceReader(str(tmp_path / "x.qmptrace")).records())


def said(records: list[Record]) -> list[tuple[int, str]]:
    return [(one.conn, one.data.decode()) for one in records if isinstance(one, Traffic)]


def test_a_greeting_without_an_address_goes_to_the_next_session(tmp_path: Path) -> None:
    _, records = read(tmp_path, line(GREETING), send(1, BEGIN), line(RETURN), reply(1))
    assert [text for _, text in said(records)][:2] == [GREETING, BEGIN]
    assert not any(isinstance(one, Gap) for one in records)


def test_a_greeting_is_never_given_to_a_session_that_goes_on(tmp_path: Path) -> None:
    other = '{"execute":"stop","id":"libvirt-9"}'
    _, records = read(tmp_path, send(1, other), line(GREETING), reply(1), send(2, BEGIN), reply(2))
    assert [conn for conn, text in said(records) if text == GREETING] == [2]


def test_what_is_written_is_what_was_to_be_sent(tmp_path: Path) -> None:
    stop = '{"execute":"stop","id":"libvirt-2"}'
    parts = (send(1, BEGIN), wrote(1, BEGIN), wrote(1, stop), wrote(1, stop[9:]))
    assert [text for _, text in said(read(tmp_path, *parts)[1])] == [BEGIN, stop]


def test_an_address_can_come_to_another_monitor(tmp_path: Path) -> None:
    again = BEGIN.replace("-1", "-7")
    parts = (send(1, BEGIN), reply(1), send(1, BEGIN), reply(1), send(1, again), reply(1))
    assert [conn for conn, _ in said(read(tmp_path, *parts)[1])] == [1, 1, 2, 2, 3, 3]
    new, close = "QEMU_MONITOR_NEW: mon=0x1 fd=7\n", "QEMU_MONITOR_CLOSE: mon=0x1\n"
    (tmp_path / "x.qmptrace").unlink()
    _, records = read(tmp_path, new, new, send(1, again), close, close, new, send(1, again), new)
    assert [conn for conn, _ in said(records)] == [1, 2]
    assert sum(isinstance(one, Open) for one in records) == 3


def test_what_is_written_for_others_to_read(tmp_path: Path) -> None:
    trace = tmp_path / "t.qmptrace"
    trace.write_text(
        '{"qmptrace":1,"started":"2026-11-20T10:00:00.5Z"}\n'
        '{"t":0.25,"conn":1,"open":{}}\n'
        f'{{"t":0.25,"conn":1,"from":"server","msg":{GREETING}}}\n'
        '{"t":60,"conn":1,"from":"client","fds":[{"kind":"file"}],"msg":{"execute":"getfd"}}\n'
        '{"t":60,"conn":1,"from":"client","raw":"{\\n\\"execute\\": \\"x\\"}"}\n'
        '{"t":61,"conn":1,"from":"server","msg":{"event": "STOP"}}\n'
        '{"t":61,"conn":1,"from":"server","raw":"nonsense "}\n'
        '{"t":61,"conn":1,"from":"server","gap":0}\n'
        '{"t":1e300,"conn":1,"shut":"client"}\n'
        '{"t":62,"conn":1,"close":"client"}\n'
    )
    done = convert(str(trace), str(tmp_path / "x.log"), to_format="libvirt-log")
    at = "2026-11-20 10:0%s+0000: 1: info : "
    assert (tmp_path / "x.log").read_bytes().decode() == (
        at % "0:00.750"
        + "qemuMonitorOpenInternal:0 : QEMU_MONITOR_NEW: mon=0x1\n"
        + at % "0:00.750"
        + f"qemuMonitorIOProcess:0 : QEMU_MONITOR_IO_PROCESS: mon=0x1 buf={GREETING}\r\n"
        + f" len={len(GREETING) + 2}\n"
        + at % "1:00.500"
        + 'qemuMonitorSend:0 : QEMU_MONITOR_SEND_MSG: mon=0x1 msg={"execute":"getfd"}\r\n fd=3\n'
        + at % "1:00.500"
        + 'qemuMonitorIOWrite:0 : QEMU_MONITOR_IO_WRITE: mon=0x1 buf={"execute":"getfd"}\r\n'
        + " len=21 ret=21 errno=0\n"
        + at % "1:00.500"
        + 'qemuMonitorSend:0 : QEMU_MONITOR_SEND_MSG: mon=0x1 msg={"execute": "x"}\r\n fd=-1\n'
        + at % "1:00.500"
        + 'qemuMonitorIOWrite:0 : QEMU_MONITOR_IO_WRITE: mon=0x1 buf={"execute": "x"}\r\n'
        + " len=18 ret=18 errno=0\n"
        + at % "1:01.500"
        + "qemuMonitorJSONIOProcessLine:0 : QEMU_MONITOR_RECV_EVENT: mon=0x1 "
        + 'event={"event": "STOP"}\n'
        + at % "1:02.500"
        + "qemuMonitorClose:0 : QEMU_MONITOR_CLOSE: mon=0x1\n"
    )
    assert {text for _, _, text in done.notes.told()} >= {
        "times are in milliseconds",
        "gaps are left out",
        "half-closes are left out",
        "messages of several lines are put on one",
        "the white space behind messages is left out",
        "messages that are not QMP are left out",
    }


# --- the same log, as other programs wrap it ---------------------------------------------------

HEAD = re.compile(r"(\S+ \S+)\+0000: (\d+): (\w+) : (?:(\w+:\d+) : )?")


def kubevirt(lines: list[str]) -> Iterator[str]:
    """As virt-launcher writes what it reads from libvirt: line by line, each an object."""
    for line in lines:
        one = {"component": "virt-launcher", "level": "info", "subcomponent": "libvirt"}
        if head := HEAD.match(line):
            time, thread, _, function = head.groups()
            one |= {"thread": thread, "timestamp": f"{time.replace(' ', 'T')}000Z"}
            one |= {"pos": function} if function else {}
            line = line[head.end() :]
        yield json.dumps({**one, "msg": line.rstrip("\r\n")}) + "\n"


def journal(lines: list[str]) -> Iterator[str]:
    """As the journal exports it: entry by entry, those with line ends as bytes."""
    for entry in "".join(lines).replace("\n2026-", "\n\0" + "2026-").split("\0"):
        head = HEAD.match(entry)
        if head is None:
            continue
        moment = datetime.fromisoformat(head.group(1) + "+00:00")
        text = entry[head.end() :].removesuffix("\n")
        function, _, number = (head.group(4) or "").partition(":")
        yield (
            json.dumps(
                {
                    "__REALTIME_TIMESTAMP": f"{int(moment.timestamp() * 1_000_000)}",
                    "_PID": "42",
                    "CODE_FUNC": function,
                    "CODE_LINE": number,
                    "MESSAGE": list(text.encode()) if "\n" in text else text,
                }
            )
            + "\n"
        )


def syslog(lines: list[str]) -> Iterator[str]:
    """As rsyslog writes it: an entry a line, its line ends made visible."""
    for entry in "".join(lines).replace("\n2026-", "\n\0" + "2026-").split("\0"):
        text = entry.removesuffix("\n").replace("\r\n", "#015#012").replace("\n", "#012")
        yield f"Nov 20 10:00:00 host libvirtd[42]: {text}\n"


@pytest.mark.parametrize("wrap", [kubevirt, journal, syslog])
def test_a_wrapped_log_says_the_same(
    tmp_path: Path, wrap: Callable[[list[str]], Iterator[str]]
) -> None:
    text = (FOLDER / "libvirtd.log").read_bytes().decode()
    lines = [line for line in text.splitlines(keepends=True) if '"paus\n' not in line]
    _, plain = read(tmp_path, *lines)
    (tmp_path / "x.qmptrace").unlink()
    _, wrapped = read(tmp_path, *wrap(lines))
    assert [strip(one) for one in wrapped] == [strip(one) for one in plain]


def strip(record: Record) -> object:
    """A record without its line; times are rounded."""
    found = {name: getattr(record, name) for name in record.__struct_fields__ if name != "line"}
    return {**found, "t": round(record.t, 2)}


# --- restarts, threads, writes -----------------------------------------------------------------


def at(second: int, thread: int, text: str) -> str:
    return f"2026-11-20 10:00:{second:02}.000+0000: {thread}: {text}"


def banner(second: int, thread: int) -> str:
    return at(second, thread, "info : libvirt version: 9.0.0, package: x\n")


def begins(second: int, thread: int, events: int, monitor: int) -> list[str]:
    """A session begins: the greeting is read by another thread, after there is a command."""
    return [
        at(
            second,
            thread,
            f"info : qemuMonitorOpenInternal:6 : QEMU_MONITOR_NEW: mon=0x{monitor}\n",
        ),
        at(second, thread, f"info : qemuMonitorSend:8 : {send(monitor, BEGIN)}"),
        at(second, events, line(GREETING)),
        at(second, events, f"info : qemuMonitorIOWrite:3 : {wrote(monitor, BEGIN)}"),
        at(second, events, line(RETURN)),
        at(second, events, f"info : qemuMonitorJSONIOProcessLine:2 : {reply(monitor)}"),
    ]


def test_the_greeting_comes_before_the_command_that_waits_for_it(tmp_path: Path) -> None:
    _, records = read(tmp_path, banner(1, 5), *begins(2, 7, 9, 1))
    assert [text for _, text in said(records)] == [GREETING, BEGIN, RETURN]


def test_two_machines_at_once_have_threads_of_their_own(tmp_path: Path) -> None:
    one, two = begins(2, 7, 21, 1), begins(2, 8, 22, 2)
    mixed = [text for pair in zip(one, two, strict=True) for text in pair]
    _, records = read(tmp_path, *mixed)
    for conn in (1, 2):
        assert [text for n, text in said(records) if n == conn] == [GREETING, BEGIN, RETURN]


def test_one_thread_that_reads_for_all(tmp_path: Path) -> None:
    """Before libvirt 6.1: what it reads for another machine is not a sign of whose a greeting is."""
    event = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'
    begun = begins(3, 8, 21, 2)
    other = at(3, 21, f"info : x:1 : QEMU_MONITOR_RECV_EVENT: mon=0x1 event={event}\n")
    _, records = read(tmp_path, *begins(2, 7, 21, 1), *begun[:3], other, *begun[3:])
    assert [text for conn, text in said(records) if conn == 1] == [GREETING, BEGIN, RETURN, event]
    assert [text for conn, text in said(records) if conn == 2] == [GREETING, BEGIN, RETURN]


def test_a_restart_ends_all_sessions(tmp_path: Path) -> None:
    stop = '{"execute":"stop","id":"libvirt-2"}'
    _, records = read(
        tmp_path,
        *begins(2, 7, 21, 1),
        *begins(3, 7, 22, 2),
        banner(5, 90),
        *begins(6, 91, 92, 1),
        at(7, 91, f"info : qemuMonitorSend:8 : {send(1, stop)}"),
        at(8, 92, f"info : qemuMonitorIOWrite:3 : {wrote(1, stop)}"),
    )
    closed = [(one.conn, one.t) for one in records if isinstance(one, Close)]
    assert closed == [(1, 3.0), (2, 3.0), (3, 6.0)]
    assert [text for conn, text in said(records) if conn == 3] == [GREETING, BEGIN, RETURN, stop]
    assert records[-2].t == 6.0


def test_the_banner_of_the_same_daemon_ends_nothing(tmp_path: Path) -> None:
    stop = '{"execute":"stop","id":"libvirt-2"}'
    _, records = read(
        tmp_path,
        *begins(2, 7, 21, 1),
        banner(5, 8),
        at(7, 7, f"info : qemuMonitorSend:8 : {send(1, stop)}"),
        at(8, 21, f"info : qemuMonitorIOWrite:3 : {wrote(1, stop)}"),
    )
    assert {conn for conn, _ in said(records)} == {1}


def test_a_write_in_pieces_and_one_that_is_tried_again(tmp_path: Path) -> None:
    stop = '{"execute":"stop","id":"libvirt-2"}'
    rest = f"QEMU_MONITOR_IO_WRITE: mon=0x1 buf={stop[20:]}\r\n len=17 ret=17 errno=0\n"
    again = f"QEMU_MONITOR_IO_WRITE: mon=0x1 buf={stop}\r\n len=37 ret=-1 errno=11\n"
    first = f"QEMU_MONITOR_IO_WRITE: mon=0x1 buf={stop}\r\n len=37 ret=20 errno=0\n"
    send_fd = f"QEMU_MONITOR_SEND_MSG: mon=0x1 msg={stop}\r\n fd=7\n"
    parts = [
        *begins(2, 7, 21, 1),
        at(3, 7, send_fd),
        at(4, 21, again),
        at(5, 21, first),
        at(6, 21, rest),
    ]
    _, records = read(tmp_path, *parts)
    [sent] = [one for one in records if isinstance(one, Traffic) and one.data == stop.encode()]
    assert (sent.t, len(sent.fds)) == (3.0, 1)


def test_a_log_of_lines_alone(tmp_path: Path) -> None:
    """Without the trace points, what was read and sent is there as well, in one session."""
    parts = [
        at(2, 7, f"debug : qemuMonitorJSONCommandWithFd:308 : Send command '{BEGIN}' for write\n"),
        at(2, 21, line(RETURN)),
        at(
            3,
            7,
            'debug : qemuMonitorJSONCommandWithFd:308 : Send command \'{"execute":"stop"}\' for\n',
        ),
        at(3, 21, line('{"return": {}}')),
    ]
    _, records = read(tmp_path, *parts)
    assert [text for _, text in said(records)] == [
        BEGIN,
        RETURN,
        '{"execute":"stop"}',
        '{"return": {}}',
    ]
