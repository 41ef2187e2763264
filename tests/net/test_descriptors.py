"""Descriptors come out on the very byte that they went in on."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.net.descriptors import MOST, close_all, describe, receive, send
from qmpconf.trace.records import Descriptor
from tests.descriptors import held
from tests.usual import examples

#: What is sent in one call: bytes, and how many descriptors ride on the first of them.
WRITES = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 3)) | st.tuples(st.integers(1, 5000), st.just(0)),
    min_size=1,
    max_size=12,
)


def inode(fd: int) -> int:
    return os.fstat(fd).st_ino


@given(WRITES, st.integers(1, 6000), st.booleans())
@settings(max_examples=examples(150), deadline=None)
def test_every_descriptor_on_its_byte(
    writes: list[tuple[int, int]], room: int, one_by_one: bool
) -> None:
    """However writes are glued together by the system, and however small the reader's buffer is."""
    before = held().keys()
    source, sink = socket.socketpair()
    wanted: list[tuple[int, int]] = []  # (byte, inode)
    found: list[tuple[int, int]] = []
    stream = b""
    got = b""
    buffer = memoryview(bytearray(room))

    def drain() -> None:
        nonlocal got
        while len(got) < len(stream):
            count, fds, at = receive(sink, buffer)
            assert at < count
            found.extend((len(got) + at, inode(fd)) for fd in fds)
            close_all(fds)
            assert not fds
            got += bytes(buffer[:count])

    for length, count in writes:
        pipes = [os.pipe() for _ in range(count)]
        wanted += [(len(stream), inode(reading)) for reading, _ in pipes]
        data = bytes((len(stream) + offset) % 251 for offset in range(length))
        assert send(source, data, [reading for reading, _ in pipes]) == length
        for pair in pipes:
            close_all(list(pair))
        stream += data
        if one_by_one:
            drain()
    drain()
    assert got == stream
    assert found == wanted
    source.close()
    assert receive(sink, buffer) == (0, [], 0)
    sink.close()
    assert not held().keys() - before


def test_a_large_write_with_a_descriptor() -> None:
    source, sink = socket.socketpair()
    buffer = memoryview(bytearray(1 << 18))
    data = os.urandom(150_000)
    source.sendall(b"x" * 10)
    sent = send(source, data, [0])
    count, fds, at = receive(sink, buffer)
    assert (len(fds), at) == (1, 10)
    close_all(fds)
    taken = bytes(buffer[10:count])
    while len(taken) < sent:
        count, fds, at = receive(sink, buffer)
        assert (fds, at) == ([], 0)
        taken += bytes(buffer[:count])
    assert taken == data[:sent]
    source.close()
    sink.close()


def test_as_many_as_the_system_takes_at_once() -> None:
    source, sink = socket.socketpair()
    send(source, b"x", [0] * MOST)
    count, fds, at = receive(sink, memoryview(bytearray(10)))
    assert (count, at) == (1, 0)
    assert len(fds) == MOST
    assert not any(os.get_inheritable(fd) for fd in fds)
    close_all(fds)
    source.close()
    sink.close()


def test_nothing_there() -> None:
    source, sink = socket.socketpair()
    sink.setblocking(False)
    with pytest.raises(BlockingIOError):
        receive(sink, memoryview(bytearray(10)))
    source.close()
    sink.close()


@pytest.mark.parametrize(
    ("flags", "access"), [(os.O_RDONLY, "r"), (os.O_WRONLY, "w"), (os.O_RDWR, "rw")]
)
def test_describe_files(tmp_path: Path, flags: int, access: str) -> None:
    path = tmp_path / "f"
    path.touch()
    for name, kind in ((str(path), "file"), ("/dev/null", "null"), ("/dev/zero", "char")):
        fd = os.open(name, flags)
        assert describe(fd) == Descriptor(kind, access)
        os.close(fd)


def test_describe_everything_else(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    one, other = socket.socketpair()
    folder = os.open(tmp_path, os.O_RDONLY)
    child = os.pidfd_open(os.getpid())
    memory = os.memfd_create("m")
    assert describe(reading) == Descriptor("pipe", "r")
    assert describe(writing) == Descriptor("pipe", "w")
    assert describe(one.fileno()) == Descriptor("socket", "rw")
    assert describe(folder) == Descriptor("directory", "r")
    assert describe(child).kind == "other"
    assert describe(memory) == Descriptor("file", "rw")
    close_all([reading, writing, folder, child, memory])
    one.close()
    other.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a block device")
def test_describe_a_block_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat(0)
    fake = os.stat_result((stat.S_IFBLK | 0o600, *real[1:]))
    monkeypatch.setattr(os, "fstat", lambda _: fake)
    assert describe(0).kind == "block"
