"""Update modes: what is recorded, what is served, and what a new recording keeps of the old."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.record.modes import carry_over, is_served, record_again, record_once
from qmpconf.record.recording import Recording, record_trace
from qmpconf.trace.reader import TraceReader

CLIENT = """
import socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
reader = sock.makefile("rb")
reader.readline()
for name in sys.argv[2:]:
    sock.sendall(b'{"execute":"%s"}\\n' % name.encode())
    while b'"event"' in (line := reader.readline()):
        pass
    print(line.decode().strip(), flush=True)
"""

RECORD = (sys.executable, "-m", "qmpconf", "record")


@contextmanager
def server(path: Path, answer: Callable[[str], str]) -> Iterator[None]:
    """Greets each client, and answers each line with what a function gives for its command."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, sock.makefile("rb") as lines:
                sock.sendall(b'{"QMP": {}}\r\n')
                for line in lines:
                    sock.sendall(answer(json.loads(line)["execute"]).encode() + b"\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        path.unlink()


def record(
    folder: Path, mode: str, *names: str, trace: str = "t.qmptrace"
) -> subprocess.CompletedProcess[str]:
    words = ["--server", "s", "-o", trace, "--mode", mode, "--"]
    client = [sys.executable, "-c", CLIENT, "{listen}", *names]
    return subprocess.run(
        [*RECORD, *words, *client],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        # The program runs in a folder of its own, and finds this package where we did.
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )


def named(name: str) -> str:
    return f'{{"return": "{name}"}}'


@pytest.mark.parametrize("trace", ["t.qmptrace", "t.qmptrace.gz"])
def test_once_records_and_then_serves_without_the_server(tmp_path: Path, trace: str) -> None:
    with server(tmp_path / "s", named):
        first = record(tmp_path, "once", "a", "b", trace=trace)
    assert first.returncode == 0
    before = (tmp_path / trace).read_bytes()
    second = record(tmp_path, "once", "a", "b", trace=trace)
    assert second.returncode == 0
    assert second.stdout == first.stdout == '{"return": "a"}\n{"return": "b"}\n'
    assert "answers instead of the server" in second.stderr
    assert (tmp_path / trace).read_bytes() == before


def test_a_client_that_says_something_else_gets_code_1(tmp_path: Path) -> None:
    with server(tmp_path / "s", named):
        record(tmp_path, "once", "a", "b")
    done = record(tmp_path, "none", "a", "c")
    assert done.returncode == 1
    assert "c is not what was recorded here" in done.stdout
    assert "extra: command c" in done.stderr


def test_none_never_records(tmp_path: Path) -> None:
    with server(tmp_path / "s", named):
        done = record(tmp_path, "none", "a")
    assert done.returncode == 3
    assert "there is no recording t.qmptrace" in done.stderr
    assert not (tmp_path / "t.qmptrace").exists()


def test_mode_and_force_exclude_each_other(tmp_path: Path) -> None:
    done = subprocess.run(
        [*RECORD, "--server", "s", "-o", "t", "--mode", "all", "--force"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert done.returncode == 2
    assert "leave --force away" in done.stderr


def test_all_changes_nothing_where_nothing_changed(tmp_path: Path) -> None:
    def with_time(name: str) -> str:
        stamp = f'{{"seconds": {next(clock)}, "microseconds": 5}}'
        return f'{{"event": "X", "timestamp": {stamp}}}\r\n{named(name)}'

    clock = iter(range(1_000_000, 2_000_000))
    path = tmp_path / "t.qmptrace"
    with server(tmp_path / "s", with_time):
        assert record(tmp_path, "all", "a", "b").returncode == 0
        before = path.read_bytes()
        assert b'"seconds": 1000000' in before
        done = record(tmp_path, "all", "a", "b")
    assert done.returncode == 0
    assert "0 lines of 11 changed" in done.stderr
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["t.qmptrace"]


def test_all_shows_what_changed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    with server(tmp_path / "s", named):
        record(tmp_path, "all", "a", "b", "c")
    path.chmod(0o644)
    before = path.read_text().splitlines()
    with server(tmp_path / "s", lambda name: named("new" if name == "b" else name)):
        done = record(tmp_path, "all", "a", "b", "c")
    assert "1 line of 11 changed" in done.stderr
    after = path.read_text().splitlines()
    differing = [at for at, pair in enumerate(zip(before, after, strict=True)) if len({*pair}) > 1]
    assert differing == [0, 6]
    assert '"msg":{"return": "new"}' in after[6]
    assert path.stat().st_mode & 0o777 == 0o644
    header, old = json.loads(after[0]), json.loads(before[0])
    assert header["started"] == old["started"]
    assert header["meta"].pop("rerecorded") > old["started"]
    reader = TraceReader(str(path))
    times = [item.t for item in reader.items()]
    assert times == sorted(times)
    assert reader.finished


def test_a_recording_without_a_session_is_none(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    said: list[str] = []

    def nobody(output: str, *, overwrite: bool) -> Recording:
        return record_trace(
            output,
            server=str(tmp_path / "s"),
            client=[sys.executable, "-c", "pass"],
            overwrite=overwrite,
            complain=said.append,
        )

    record_once(str(path), nobody, said.append)
    assert not path.exists()
    path.write_text('{"qmptrace":1}\n')
    again = record_again(str(path), nobody, said.append)
    assert again.changed == 0
    assert path.read_text() == '{"qmptrace":1}\n'
    words = ["nobody listens at unix", "no session was recorded"]
    assert [text.partition(":")[0] for text in said] == words * 2


def test_a_file_that_is_no_trace_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_text("dear\n")
    with pytest.raises(InputError, match="first line of a trace"):
        record_again(str(path), partial(record_trace, server="s", client=["true"]))
    assert path.read_text() == "dear\n"
    assert not is_served("all", str(path))
    assert is_served("once", str(path))


HEADER = b'{"qmptrace":1,"started":"%b","recorder":"q","meta":{}}\n'

words = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.floats(0, 5).map(lambda t: round(t, 6))),
    max_size=30,
)


def made(started: bytes, said: list[tuple[str, float]]) -> list[bytes]:
    t = 0.0
    lines = [HEADER % started]
    for word, step in said:
        t += step
        text = f'{{"t":{t:.6f},"conn":1,"from":"client","msg":"{word}"}}\n'
        lines.append(text.encode())
    return lines


@given(old=words, new=words)
def test_the_new_trace_says_what_was_said_and_keeps_what_it_can(
    old: list[tuple[str, float]], new: list[tuple[str, float]]
) -> None:
    before, after = made(b"2001", old), made(b"2002", new)
    lines, changed = carry_over(before, after)

    def said(some: list[bytes]) -> list[bytes]:
        return [line.partition(b",")[2] for line in some[1:]]

    assert said(lines) == said(after)
    times = [float(re.findall(rb'"t":([0-9.]+)', line)[0]) for line in lines[1:]]
    assert times == sorted(times)
    if said(before) == said(after):
        assert (lines, changed) == (before, 0)
    else:
        assert changed
        assert json.loads(lines[0])["started"] == "2001"
        assert json.loads(lines[0])["meta"] == {"rerecorded": "2002"}
    both = zip(said(before), said(after), strict=False)
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], both)))
    assert lines[1 : 1 + same] == before[1 : 1 + same]
