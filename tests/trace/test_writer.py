"""Writing: private files, nothing overwritten unasked, and a valid prefix whatever the disk does."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from qmpconf.errors import OutputError, UsageError
from qmpconf.protocol.framing import Frame, Framer
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Traffic
from qmpconf.trace.writer import TraceWriter
from tests.descriptors import no_descriptor_left

TEXT = b'{"execute":"x","arguments":{"filler":"' + b"y" * 300 + b'"}}\r\n'


def frames(count: int = 1) -> list[Frame]:
    return Framer().feed(TEXT * count)


def messages(path: str) -> int:
    """How many messages a reader finds; it must find no damage."""
    reader = TraceReader(path)
    found = [one for one in reader.records() if isinstance(one, Traffic)]
    assert all(one.data == TEXT[:-2] for one in found)
    return len(found)


@pytest.mark.parametrize("name", ["t.qmptrace", "t.qmptrace.gz"])
@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_a_trace_is_private_whatever_the_umask(tmp_path: Path, name: str, umask: int) -> None:
    path = tmp_path / name
    before = os.umask(umask)
    try:
        TraceWriter(str(path)).finish()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
        TraceWriter(str(path), overwrite=True).finish()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_an_existing_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    path.write_text("precious")
    with pytest.raises(UsageError, match="exists") as caught:
        TraceWriter(str(path))
    assert caught.value.exit_code == 2
    assert path.read_text() == "precious"
    link = tmp_path / "link.qmptrace"
    link.symlink_to(path)
    with pytest.raises(UsageError):
        TraceWriter(str(link))
    TraceWriter(str(path), overwrite=True).finish()
    assert TraceReader(str(path)).header.version == 1


@pytest.mark.parametrize("name", ["none/t.qmptrace", "", "x" * 300])
def test_a_file_that_cannot_be_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot write") as caught:
        TraceWriter(os.path.join(tmp_path, name), overwrite=True)
    assert caught.value.exit_code == 3


def test_leaving_with_an_error_writes_no_footer(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    writer = TraceWriter(path)

    def use() -> None:
        with writer:
            writer.open(1)
            raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        use()
    reader = TraceReader(path)
    assert len(list(reader.records())) == 1
    assert not reader.finished
    assert not reader.torn
    writer.abandon()
    writer.finish()


def test_a_full_device_is_an_error_with_a_name() -> None:
    with pytest.raises(OutputError, match="/dev/full: No space left") as caught:
        TraceWriter("/dev/full", overwrite=True)
    assert caught.value.exit_code == 3


def test_a_trace_that_cannot_begin_leaves_no_file_and_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "t.qmptrace"
    with no_descriptor_left(), monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OutputError, match="No space left"):
            TraceWriter(str(path))
    assert not path.exists()


@pytest.mark.parametrize("name", ["t.qmptrace", "t.qmptrace.gz"])
@pytest.mark.parametrize("together", [1, 7])
def test_a_full_disk_leaves_a_valid_prefix(tmp_path: Path, name: str, together: int) -> None:
    """A child with a limit on file sizes: the write that crosses it is short, the next one fails."""
    path = str(tmp_path / name)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
            writer = TraceWriter(path)
            done = 0
            try:
                while done < 100_000:
                    writer.frames(1, "client", frames(together))
                    done += together
            except OutputError as error:
                code = 0 if "too large" in str(error) and messages(path) == done > 0 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert messages(path) > 0
    assert os.path.getsize(path) <= 5000
    assert not TraceReader(path).finished


@pytest.mark.parametrize("step", [1, 13, 100])
def test_short_writes_are_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    real = os.write
    path = str(tmp_path / "t.qmptrace")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:step]))
        with TraceWriter(path) as writer:
            writer.frames(1, "client", frames(3))
    assert messages(path) == 3


def test_a_write_that_cannot_be_taken_back_is_before_the_recording_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that does nothing for a while is the same error, and leaves no half line behind."""
    real = os.write
    path = str(tmp_path / "t.qmptrace")
    writer = TraceWriter(path)
    calls = []

    def failing(fd: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.EIO, "Input/output error")
        return real(fd, data[:50])

    def nothing(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing)
        patch.setattr(os, "ftruncate", nothing)
        with pytest.raises(OutputError, match="cannot write"):
            writer.frames(1, "client", frames())
        with pytest.raises(OutputError, match="cannot go on"):
            writer.resume()
    assert messages(path) == 0  # the last line is torn
    writer.resume()
    writer.frames(1, "client", frames(2))
    writer.finish()
    reader = TraceReader(path)
    assert len(list(reader.items())) == 2
    assert reader.finished


def test_a_write_that_fails_half_way_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    path = str(tmp_path / "t.qmptrace")
    writer = TraceWriter(path)
    writer.frames(1, "client", frames())
    size = os.path.getsize(path)
    calls = []

    def failing(fd: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.EIO, "Input/output error")
        return real(fd, data[:50])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing)
        with pytest.raises(OutputError, match="Input/output error"):
            writer.frames(1, "client", frames(2))
    assert os.path.getsize(path) == size
    writer.abandon()
    assert messages(path) == 1


def test_what_is_written_is_there_at_once(tmp_path: Path) -> None:
    """Write-ahead: a reader sees a message as soon as the writer's call has returned."""
    for name in ("t.qmptrace", "t.qmptrace.gz"):
        path = str(tmp_path / name)
        writer = TraceWriter(path)
        for count in range(1, 4):
            writer.frames(1, "client", frames())
            assert messages(path) == count
        writer.finish()


def test_a_pipe_can_take_a_trace(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with TraceWriter(path) as writer:
        writer.frames(1, "client", frames())
    assert os.read(reader, 1 << 16).count(b"\n") == 3
    os.close(reader)


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    with no_descriptor_left():
        with TraceWriter(str(tmp_path / "t.qmptrace.gz")) as writer:
            writer.frames(1, "client", frames())
        list(TraceReader(writer.path).items())
        list(TraceReader(writer.path).records())


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a\xff\xc3(")
    path = str(tmp_path / "t.qmptrace")
    with TraceWriter(path, meta={"client": [odd], "é": {"x": odd}}) as writer:
        writer.open(1, client=odd)
    reader = TraceReader(path)
    assert reader.header.meta == {"client": ["a\\xff\\xc3("], "é": {"x": "a\\xff\\xc3("}}
    assert next(reader.records()).client == "a\\xff\\xc3("


def test_a_header_as_deep_as_one_is_read(tmp_path: Path) -> None:
    deep: list[object] = []
    for _ in range(900):
        deep = [deep]
    with TraceWriter(str(tmp_path / "t"), meta={"deep": deep}):
        pass
    assert TraceReader(str(tmp_path / "t")).header.meta == {"deep": deep}


@pytest.mark.parametrize("name", ["t.qmptrace", "t.qmptrace.gz"])
def test_a_batch_waits_and_is_not_lost(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    writer = TraceWriter(str(path), batch=1 << 16)
    header = path.stat().st_size
    assert header > 0  # a file that cannot be written is said at once
    writer.open(1)
    writer.frames(1, "client", frames())
    assert path.stat().st_size == header
    writer.abandon()
    assert messages(str(path)) == 1


def test_a_full_batch_is_written_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "t"
    with TraceWriter(str(path), batch=200) as writer:
        for number in range(50):
            writer.frames(1, "client", Framer().feed(b'{"execute":"a","id":%d}\r\n' % number))
        assert path.stat().st_size > 1000
    items = [one for one in TraceReader(str(path)).records() if isinstance(one, Traffic)]
    assert [one.data for one in items] == [b'{"execute":"a","id":%d}' % at for at in range(50)]
