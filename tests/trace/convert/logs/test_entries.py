"""Lines of libvirt's log as they are found in files, in the journal, in syslog and in mails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from qmpconf.trace.convert.logs.entries import Entries, LogEntry
from qmpconf.trace.convert.logs.times import Times

SEND = 'QEMU_MONITOR_SEND_MSG: mon=0xAb msg={"execute":"x"}'


def read(text: str) -> list[LogEntry]:
    lines = text.encode().splitlines(keepends=True)
    entries = Entries(Times(datetime.now(UTC)))
    found = [one for number, line in enumerate(lines, 1) for one in entries.feed(number, line)[0]]
    return [one for one in (*found, *entries.end()) if one.kind != "OTHER"]


NOW = datetime(2026, 11, 20, 10, 0, 1, 500_000, UTC)


@pytest.mark.parametrize(
    ("before", "when"),
    [
        ("2026-11-20 10:00:01.500+0000: 42: info : qemuMonitorSend:9 : ", NOW),
        ("2026-11-20 12:00:01.500+0200: 42: info : qemuMonitorSend:9 : ", NOW),
        ("2026-11-20T04:30:01.500000-05:30 host libvirtd[1]: ", NOW),
        ("2026-11-20 10:00:01.5: ", NOW),
        ("1795168801.500000 host libvirtd[1]: ", NOW),
        ("> > 2026-11-20 10:00:01.500+0000: ", NOW),
        ("Nov 20 10:00:02 host libvirtd[1]: 2026-11-20 10:00:01.500+0000: 1: info : ", NOW),
        ("", None),
        ("2026-13-20 10:00:01.500+0000: ", None),
        ("2026-11-20 10:00:01.500+9999: ", None),
        ("Foo 20 10:00:02 host: ", None),
        ("9999-12-31 23:59:59.000-2300: ", None),
    ],
)
def test_times(before: str, when: datetime | None) -> None:
    (entry,) = read(f"{before}{SEND}\r\n fd=-1\n")
    assert entry.when == when
    assert (entry.kind, entry.monitor, entry.text) == ("SEND_MSG", "0xab", b'{"execute":"x"}')


def test_a_time_without_a_year_is_of_this_one() -> None:
    (entry,) = read(f"Nov  2 10:00:02.25 host: {SEND}\r\n fd=-1\n")
    year = datetime.now(UTC).year
    assert entry.when == datetime(year, 11, 2, 10, 0, 2, 250_000, UTC)


def test_zones() -> None:
    (entry,) = read(f"2026-11-20 10:00:01.000+0530: {SEND}\n")
    assert entry.when == datetime(2026, 11, 20, 10, 0, 1, 0, timezone(timedelta(hours=5.5)))


@pytest.mark.parametrize(
    ("behind", "fd"),
    [
        ("\r\n fd=34\n", 34),
        ("\r\n fd=-1\n", -1),
        ("^M\n   fd=7\n", 7),
        ("#015#012 fd=8\n", 8),
        (" fd=9\n", 9),
        ("\r\n329348  fd=6\n", 6),
        ("\r\n> >  fd=5\n", 5),
        ("\r\n", -1),
        ("", -1),
        ("\r\nsomething else fd=3\n", -1),
        ("\r\n2026-11-20 10:00:00.000+0000: 1: debug : f:1 : fd=3\n", -1),
    ],
)
def test_descriptors(behind: str, fd: int) -> None:
    (entry,) = read(SEND + behind)
    assert (entry.fd, entry.broken) == (fd, False)


def test_a_message_over_several_lines() -> None:
    (entry,) = read('> x: QEMU_MONITOR_RECV_REPLY: mon=0x1 reply={"return":\n>  [1,\n> 2]}\nmore\n')
    assert entry.text == b'{"return":\n [1,\n2]}'
    assert entry.line == 1


@pytest.mark.parametrize(
    "behind",
    [
        "2026-11-20 10:00:01.500+0000: 42: debug : f:9 : x\n",
        "Nov 20 10:00:02 host kernel: x\n",
        "329348-2026-11-20 10:00:01.500+0000: 42: debug : f:9 : x\n",
        "QEMU_MONITOR_CLOSE: mon=0x1\n",
        "",
    ],
)
def test_a_message_that_the_next_entry_interrupts(behind: str) -> None:
    entry, *_ = read(f'QEMU_MONITOR_RECV_EVENT: mon=0x1 event={{"event": "ST\n{behind}')
    assert entry.broken
    assert entry.text == b'{"event": "ST'


def test_what_is_no_entry() -> None:
    assert not read("QEMU_MONITOR_SEND_MSG\nQEMU_MONITOR_SEND_MSG: mon=zz msg={}\nmon=0x1 msg={}\n")
