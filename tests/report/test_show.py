"""A recording, line by line: what stands in the lines, and that they fit."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.report.show import as_json, head, row, seconds, size_of
from qmpconf.report.terminal import Terminal, columns
from qmpconf.trace.records import Header
from qmpconf.trace.summary import Summary


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


PIPE = Terminal(io.StringIO(), {})
GREY = Terminal(Screen(), {"NO_COLOR": "1"})
BRIGHT = Terminal(Screen(), {})

ERROR = Summary(
    15, 1.2041, 1, "server", "error", "device_add", '"x"', False, 0.5, 14, "GenericError",
    "Duplicate ID 'disk0' for device, which is already there", 98,
)  # fmt: skip


def test_lines() -> None:
    said = [
        Summary(2, 0.1, 1, "client", "open", text="unix:a -> unix:b"),
        Summary(3, 0.2, 1, "server", "greeting", outcome="7.2.22", text="Debian", size=142),
        Summary(4, 1.0, 1, "client", "command", "getfd", fds=1, size=45),
        Summary(5, 1.00369, 1, "server", "return", "getfd", latency=0.00369, answers=4, size=1234),
        Summary(6, 1.0, 12, "client", "command", "migrate-pause", oob=True, size=45),
        Summary(7, 2.0, 12, "server", "event", "STOP", size=99),
        Summary(8, 2.0, 1, "client", "malformed", outcome="expected a value at byte 1", size=3),
        Summary(9, 2.0, 1, "client", "other", outcome="array", size=3),
        Summary(10, 2.0, 1, "server", "error", "", "", False, 0.1, 8, "GenericError", "No", 70),
        Summary(11, 3.0, 1, "server", "gap", size=1500),
        Summary(12, 3.0, 1, "server", "gap"),
        Summary(13, 3.0, 1, "client", "shut"),
        Summary(14, 12345.5, 1, "server", "close", outcome="recorder", text="stopped"),
    ]
    header = Header(1, "2026-11-20T05:17:00Z", "qmpconf 0.1.0")
    assert [*head("a.qmptrace", header, PIPE), *(row(one, PIPE, 80) for one in said)] == [
        "a.qmptrace: recorded 2026-11-20 05:17:00 UTC by qmpconf 0.1.0",
        " line       time  n        took   size  message",
        "    2   0.100000  1 --                  session 1 opened: unix:a -> unix:b",
        "    3   0.200000  1 <-           142 B  greeting 7.2.22 Debian",
        "    4   1.000000  1 ->            45 B  getfd  (+1 fd)",
        "    5   1.003690  1 <-  3.69 ms 1.2 kB  getfd returned",
        "    6   1.000000 12 ->            45 B  migrate-pause (out-of-band)",
        "    7   2.000000 12 <-            99 B  event STOP",
        "    8   2.000000  1 ->             3 B  malformed: expected a value at byte 1",
        "    9   2.000000  1 ->             3 B  no QMP message: array",
        "   10   2.000000  1 <-   100 ms   70 B  (no command) failed: GenericError: No",
        "   11   3.000000  1 <-          1.5 kB  gap: 1,500 bytes of the server are missing here",
        "   12   3.000000  1 <-                  gap: bytes of the server are missing here",
        "   13   3.000000  1 ->                  the client sends nothing more",
        "   14 12345.500000  1 --                  session 1 closed by the recorder: stopped",
    ]


def test_a_terminal_gets_lines_that_fit() -> None:
    assert row(ERROR, GREY, 80).splitlines() == [
        "   15   1.204100  1 <-   500 ms   98 B  device_add failed: GenericError:",
        "                                        Duplicate ID 'disk0' for device, which",
        "                                        is already there",
    ]
    assert len(row(ERROR, PIPE, 80).splitlines()) == 1
    command = Summary(4, 1.0, 1, "client", "command", "x" * 50, size=45)
    assert row(command, GREY, 80).endswith("x" * 37 + "...")
    assert row(command, PIPE, 80).endswith("x" * 50)


def test_the_members_that_say_most_are_cut_to_the_width() -> None:
    members = {"id": "disk0", "driver": "virtio-blk-pci", "bus": "pci.0"}
    command = Summary(4, 1.0, 1, "client", "command", "device_add", size=45, members=members)
    words = "device_add  id=disk0 driver=virtio-blk-pci bus=pci.0"
    assert row(command, PIPE, 80).endswith(words)
    assert row(command, GREY, 80).endswith(f"  {words[:37]}...")
    assert json.loads(as_json(command))["members"] == members


def test_colours() -> None:
    shown = row(ERROR, BRIGHT, 200)
    assert "\x1b[1;31mdevice_add failed" in shown
    assert "\x1b[33m  500 ms" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == row(ERROR, GREY, 200)


texts = st.text(max_size=60)
summaries = st.builds(
    Summary,
    line=st.integers(1, 10**7),
    t=st.floats(allow_nan=False, allow_infinity=False),
    conn=st.integers(),
    sender=st.sampled_from(["client", "server"]),
    kind=st.sampled_from(["greeting", "command", "return", "error", "event", "malformed", "open"]),
    name=texts,
    id=texts,
    outcome=texts,
    text=texts,
    latency=st.none() | st.floats(-1e12, 1e12),
    size=st.integers(0, 1 << 70),
)


@given(summaries, st.integers(0, 200))
def test_whatever_it_holds(one: Summary, width: int) -> None:
    for terminal in (PIPE, GREY):
        lines = row(one, terminal, width).split("\n")
        assert all(line.isprintable() for line in lines)
        assert len(lines) <= (4 if terminal is GREY else 1)
    for line in row(one, GREY, width).split("\n")[1:]:
        assert columns(line) <= max(width, 60)
    text = as_json(one)
    assert text.isascii()
    assert json.loads(text)["name"] == one.name


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (0.0, "0.000 ms"), (0.000591, "0.591 ms"), (0.0036999, "3.70 ms"), (0.0748, "74.8 ms"),
        (0.591, "591 ms"), (0.9996, "1.00 s"), (12.34, "12.3 s"), (123.4, "123 s"),
        (1e11, "1e+11 s"), (-0.001, "-1.00 ms"),
    ],
)  # fmt: skip
def test_seconds(time: float, shown: str) -> None:
    assert seconds(time) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9949, "9.9 kB"), (9960, "10 kB"),
        (999_499, "999 kB"), (999_501, "1.0 MB"), (12 * 10**9, "12 GB"), (10**18, "1e+06 TB"),
    ],
)  # fmt: skip
def test_sizes(size: int, shown: str) -> None:
    assert size_of(size) == shown
