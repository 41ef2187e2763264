"""Whatever the bytes: a result that can be read, or an error that is said, and nothing else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.errors import QmpconfError
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.reader import TraceReader
from tests.trace.convert.golden import INPUTS
from tests.trace.test_roundtrip import STREAMS, record
from tests.usual import examples

NAMES = ("qmptrace", "libvirt-log", "replies", "qmp-shell", "transcript")
READ = (*NAMES, "log")
TEXTS = [path.read_bytes() for path in INPUTS]
PIECES = st.sampled_from(
    [
        *(
            b"\n",
            b"{",
            b"}",
            b'"',
            b"'",
            b"...",
            b"\0",
            b"\xff",
            b"\r",
            b"[[[[",
            b"-> ",
            b"<-",
            b"> ",
        ),
        *(
            b"(QEMU) ",
            b"TRANS> ",
            b"{'a': 1e999}",
            b'{"QMP": 1}',
            b'{"execute": {}}',
            b'{"return": []}',
        ),
        *(b"QEMU_MONITOR_SEND_MSG: mon=0x1 msg=", b"QEMU_MONITOR_CLOSE: mon=0x1\n", b" fd=7\n"),
        *(b"2026-02-30 25:00:00.1+9999: ", b"9999-12-31 23:59:59.999-2359: ", b"Feb 29 00:00:00 "),
        *(b'msg="', b'{\\"execute\\": \\"x\\"}', b"b'", b'{""', b"{\\n", b"\\u0022", b"\r\n fd=3"),
        *(b'{"MESSAGE":[81,69,77,85],', b"(monitor vm1) ", b"pid=1 ", b"mon=0x2 ", b"&quot;"),
        *(
            b"-> execute x: {}",
            b"event STOP at 1.2 for domain vm1: {}",
            b"virsh qemu-monitor-command ",
        ),
        *(b"9999999999.1 ", b"Line [{", b'"QMP":', b"\x1b[", b"\xff\xfe", b"\x1f\x8b\x08"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """One of the golden files with pieces put in, left out and repeated."""
    data = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = draw(st.integers(begin, min(len(data), begin + 200)))
        piece = draw(PIECES | st.binary(max_size=6) | st.just(data[begin:end] * 2))
        data = data[:begin] + piece + data[end:]
    return data


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as path:
        yield path


def settle(source: str, target: str, **how: str) -> bool:
    """Convert; tells whether there is a result, which then is a trace from end to end."""
    try:
        convert(source, target, overwrite=True, **how)  # type: ignore[arg-type]
    except QmpconfError as error:
        assert str(error)  # noqa: PT017 - it is one of two ways
        return False
    return True


@pytest.mark.parametrize("name", READ)
@given(data=mutated() | st.binary(max_size=100) | st.lists(PIECES).map(b"".join))
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_can_be_read(folder: str, name: str, data: bytes) -> None:
    source, target = os.path.join(folder, "in"), os.path.join(folder, "out.qmptrace")
    with open(source, "wb") as file:
        file.write(data)
    if settle(source, target, from_format=name):
        for _ in TraceReader(target).items():
            pass
        for other in NAMES:
            settle(target, os.path.join(folder, "again"), to_format=other)
    settle(source, target)  # whatever the content says


@pytest.mark.parametrize("name", NAMES)
@given(stream=STREAMS)
@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_trace_can_be_written(
    folder: str, name: str, stream: list[tuple[int, str, bytes]]
) -> None:
    source, target = os.path.join(folder, "in.qmptrace"), os.path.join(folder, "out")
    if os.path.exists(source):
        os.unlink(source)
    record(source, stream)  # type: ignore[arg-type]
    for session in (0, 1):
        try:
            convert(source, target, to_format=name, session=session, overwrite=True)
        except QmpconfError:
            continue
        settle(target, os.path.join(folder, "back.qmptrace"), from_format=name)
