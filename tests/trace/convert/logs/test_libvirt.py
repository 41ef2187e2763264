"""Whose session an entry of libvirt's log belongs to, and what is written for libvirt's tools."""

from __future__ import annotations

from pathlib import Path

from qmpconf.trace.convert.run import Converted, convert
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap, Open, Record, Traffic

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
        "times are told in milliseconds",
        "gaps are left out",
        "half-closes are left out",
        "messages of several lines are put on one",
        "the white space behind messages is left out",
        "messages that are no QMP are left out",
    }
