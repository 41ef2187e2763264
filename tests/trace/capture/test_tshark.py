"""What is written as a capture, tshark opens, follows and finds nothing wrong with."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.protocol.framing import Framer
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Close, Gap, Open, Side
from qmpconf.trace.writer import TraceWriter
from tests.trace.capture.captures import GREETING
from tests.usual import share

TRACES = sorted((Path(__file__).parents[3] / "traces").glob("**/*.qmptrace.gz"))
SIDES: tuple[Side, Side] = ("client", "server")

CHECKED = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")


def tshark(*arguments: str) -> str:
    """What tshark prints; skips the test where there is none."""
    if not shutil.which("tshark"):
        if os.environ.get("QMPCONF_REQUIRE_REAL"):
            pytest.fail("tshark is not on PATH", pytrace=False)
        pytest.skip("tshark is not on PATH")
    done = subprocess.run(
        ["tshark", *CHECKED, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def followed(path: Path, stream: int) -> dict[str, bytes]:
    """What both sides said, as tshark follows it; the first to speak stands on the left."""
    text = tshark("-q", "-r", str(path), "-z", f"follow,tcp,raw,{stream}")
    first = {"client": b"", "server": b""}
    lines = text.splitlines()
    node = next(line for line in lines if line.startswith("Node 0"))
    server_first = node.endswith(":4444")
    for line in lines:
        if set(line.strip()) <= set("0123456789abcdef") and line.strip():
            tabbed = line.startswith("\t")
            side = "server" if server_first != tabbed else "client"
            first[side] += bytes.fromhex(line.strip())
    return first


def warnings(path: Path) -> str:
    """What tshark warns of, but for a connection that was reset, as it was recorded."""
    wanted = (
        "(_ws.expert.severity >= 6291456 and not tcp.flags.reset == 1) "
        "or tcp.checksum.status != 1 or ip.checksum.status != 1"
    )
    return tshark("-r", str(path), "-Y", wanted)


def converted(source: Path, target: Path) -> Path:
    assert main(["convert", "--force", str(source), str(target), "--no-redact"]) == 0
    return target


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name.split(".qmptrace")[0])
@pytest.mark.parametrize("ending", ["pcapng", "pcap"])
def test_every_recording_there_and_back(tmp_path: Path, path: Path, ending: str) -> None:
    there = converted(path, tmp_path / f"there.{ending}")
    back = converted(there, tmp_path / "back.qmptrace")
    conns = [one.conn for one in TraceReader(str(path)).records() if isinstance(one, Open)]
    for conn in conns:
        for side in SIDES:
            assert direction(str(back), conn, side) == direction(str(path), conn, side)
    items = [list(TraceReader(str(one)).items()) for one in (path, back)]
    texts = [
        [(one.conn, one.sender, one.frame) for one in every if isinstance(one, Item)]
        for every in items
    ]
    assert texts[0] == texts[1], "the same messages in the same order"
    ends = [[(one.conn, one.who) for one in every if isinstance(one, Close)] for every in items]
    assert ends[0] == ends[1]
    began = [next(one.t for one in every if isinstance(one, Item)) for every in items]
    times = [
        [round(one.t - start, 5) for one in every if isinstance(one, Item)]
        for every, start in zip(items, began, strict=True)
    ]
    assert times[0] == pytest.approx(times[1], abs=2e-5)


@pytest.mark.parametrize("name", ["qemu-7.2.22-rich", "qemu-10.0.13-wrong", "qemu-11.1.3-libvirt"])
@pytest.mark.parametrize("ending", ["pcapng", "pcap"])
def test_tshark_follows_it_and_finds_nothing_wrong(tmp_path: Path, name: str, ending: str) -> None:
    source = TRACES[0].parent / f"{name}.qmptrace.gz"
    path = converted(source, tmp_path / f"there.{ending}")
    assert warnings(path) == ""
    assert followed(path, 0) == {side: direction(str(source), 1, side) for side in SIDES}
    shown = tshark("-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-c", "1")
    with gzip.open(source, "rt") as file:
        started = file.readline()
    assert shown.strip()
    assert '"started":"20' in started


def test_tshark_takes_every_recording_without_a_warning(tmp_path: Path) -> None:
    for path in share(TRACES, 4):
        assert warnings(converted(path, tmp_path / "all.pcapng")) == "", path.name


def made(path: Path) -> Path:
    """A trace with all that can happen to a session."""
    with TraceWriter(str(path), clock=iter(range(100)).__next__) as writer:

        def says(conn: int, side: Side, data: bytes) -> None:
            writer.frames(conn, side, Framer().feed(data))

        writer.open(1, client="tcp:127.0.0.1:1", server="tcp:127.0.0.1:4444")
        says(1, "server", GREETING)
        writer.open(2, client="unix:a", server="unix:b")
        says(2, "server", GREETING)
        says(2, "client", b'{"execute":\n')
        writer.gap(2, "client", 70_000)
        says(2, "client", b'{"execute":"stop"}\n')
        writer.shut(1, "client")
        says(1, "server", b'{"return": "' + b"x" * 300_000 + b'"}\r\n')
        writer.close(1, "client")
        writer.close(2, "server", error="Connection reset by peer")
        writer.open(3, client="", server="")
        writer.close(3, "server", error="Connection refused")
        writer.open(4, client="", server="")
        says(4, "server", GREETING)
        writer.gap(4, "server")
        writer.close(4, "recorder")
        writer.open(5, client="", server="")
        writer.close(5, "client")
    return path


@pytest.mark.parametrize("ending", ["pcapng", "pcap"])
def test_everything_that_can_happen_to_a_session(tmp_path: Path, ending: str) -> None:
    source = made(tmp_path / "made.qmptrace")
    there = converted(source, tmp_path / f"there.{ending}")
    back = tmp_path / "back.qmptrace"
    assert main(["convert", str(there), str(back), "--port", "4444"]) == 0
    for conn in (1, 2, 4):
        for side in SIDES:
            assert direction(str(back), conn, side) == direction(str(source), conn, side)
    found = list(TraceReader(str(back)).records())
    assert [(one.conn, one.sender, one.size) for one in found if isinstance(one, Gap)] == [
        (2, "client", 70_000),
        (4, "server", 1),
    ]
    assert {one.conn: (one.who, one.error) for one in found if isinstance(one, Close)} == {
        1: ("client", ""),
        2: ("server", "Connection reset by peer"),
        3: ("server", "Connection refused"),
        4: ("recorder", ""),
        5: ("client", ""),
    }
    assert followed(there, 0) == {side: direction(str(source), 1, side) for side in SIDES}
    bad = tshark("-r", str(there), "-Y", "tcp.checksum.status != 1 or ip.checksum.status != 1")
    assert bad == ""
    lost = tshark(
        "-r", str(there), "-Y", "tcp.analysis.lost_segment or tcp.analysis.ack_lost_segment"
    )
    assert lost, "a gap is one for tshark, too"
