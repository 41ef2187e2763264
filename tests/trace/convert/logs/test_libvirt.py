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
    assert closed == [(1, 1.0), (2, 1.0), (3, 6.0)]  # when the old daemon was heard last
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


STATUS = '{"execute":"query-status","id":"libvirt-2"}'
RUNNING = '{"return": {"status": "running", "running": true}, "id": "libvirt-2"}'
PING, PONG = '{"execute":"guest-ping"}', '{"return": {}}'


def asks(thread: int, text: str) -> str:
    return f"{thread}: debug : qemuAgentCommandFull:1117 : Send command '{text}' for write, seconds = -2\n"


def agent_line(thread: int, text: str) -> str:
    return f"{thread}: debug : qemuAgentIOProcessLine:287 : Line [{text}]\n"


def enters(thread: int, agent: int) -> str:
    what = f"Entering agent (agent=0x{agent} vm=0x7 name=web)"
    return f"{thread}: debug : qemuDomainObjEnterAgent:6110 : {what}\n"


def test_what_an_agent_is_asked_is_a_session_of_its_own(tmp_path: Path) -> None:
    parts = (send(1, BEGIN), reply(1), asks(4, PING), send(1, STATUS), agent_line(5, PONG))
    done, records = read(tmp_path, *parts, reply(1, RUNNING))
    by_session = [(conn, text) for conn, text in said(records) if "guest" in text or text == PONG]
    assert by_session == [(2, PING), (2, PONG)]
    assert (done.sessions, done.messages) == (2, 6)


def test_an_answer_is_that_of_the_agent_that_was_asked(tmp_path: Path) -> None:
    error = '{"error": {"class": "GenericError", "desc": "busy"}}'
    parts = (enters(4, 10), asks(4, PING), enters(5, 20), asks(5, PING.replace("ping", "info")))
    first = (agent_line(8, PONG), agent_line(9, error))
    again = (asks(5, PING), agent_line(9, PONG), asks(4, PING), agent_line(8, error))
    _, records = read(tmp_path, *parts, *first, *again)
    assert [conn for conn, _ in said(records)] == [1, 2, 1, 2, 2, 2, 1, 1]
    assert not any(isinstance(one, Gap) and one.sender == "client" for one in records)


def test_an_agents_line_that_breaks_off_is_counted(tmp_path: Path) -> None:
    done, _ = read(tmp_path, asks(4, PING), agent_line(5, '{"return": {"a')[:-2] + "\n")
    assert done.notes.misses == 1


def test_the_journal_has_a_line_that_was_read_without_its_function(tmp_path: Path) -> None:
    begin = "Nov 20 10:00:01 h libvirtd[17]: "
    parts = [line(GREETING), send(1, BEGIN), wrote(1, BEGIN), line(RETURN), reply(1)]
    shown = (one.replace("debug : qemuMonitorJSONIOProcessLine:220 : ", "") for one in parts)
    done, records = read(tmp_path, *(begin + one for one in shown))
    assert [text for _, text in said(records)] == [GREETING, BEGIN, RETURN]
    assert done.sessions == 1


def test_an_address_that_is_used_again_has_its_greeting(tmp_path: Path) -> None:
    parts = (line(GREETING), send(1, BEGIN), wrote(1, BEGIN), line(RETURN), reply(1))
    again = tuple(one.replace("libvirt-1", "libvirt-9") for one in parts)
    for second in (parts, again):
        (tmp_path / "x.qmptrace").unlink(missing_ok=True)
        _, records = read(tmp_path, *parts, *second)
        shown = [(conn, text) for conn, text in said(records) if text == GREETING]
        assert shown == [(1, GREETING), (2, GREETING)]
        assert not any(isinstance(one, Gap) for one in records)


def test_a_greeting_that_belongs_to_nobody_is_counted(tmp_path: Path) -> None:
    done, _ = read(tmp_path, send(1, STATUS), reply(1, RUNNING), line(GREETING))
    assert done.notes.misses == 1


def test_a_daemon_that_began_anew_had_not_waited_until_then(tmp_path: Path) -> None:
    at = "2026-11-20 10:0{}:00.000+0000: {}: info : f:1 : {}"
    new = "QEMU_MONITOR_NEW: mon=0x1 fd=7\n"
    banner = "2026-11-20 10:05:00.000+0000: 9: info : libvirt version: 9.0.0\n"
    lines = [(0, 3, new), (0, 3, send(1, BEGIN)), (0, 3, wrote(1, BEGIN))]
    texts = [at.format(*one) for one in lines]
    _, records = read(tmp_path, *texts, banner, at.format(6, 9, new))
    assert next(one.t for one in records if isinstance(one, Close)) == 0
