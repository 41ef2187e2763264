"""No output destroys an input, a recording or another kind of file; a file is whole or not there."""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import socket
import stat
from pathlib import Path

import pytest

from qmpconf.errors import OutputError, UsageError
from qmpconf.outputs import Kind, Outputs, is_locked, kind_of, write_file, write_page, written
from qmpconf.trace.writer import TraceWriter

SAMPLES: dict[str, bytes] = {
    "trace": b'{"qmptrace":1,"started":"2026-01-01T00:00:00.000000Z","recorder":"x","meta":{}}\n',
    "result": b'{"qmpresult":1,"verb":"check"}\n',
    "catalog": b'{"qmpconf-catalog":1,\n"name":"mine",\n',
    "schema": b'{\n "$schema": "https://json-schema.org/draft/2020-12/schema",\n',
    "list": b"# what is known\n\n[[known]]\nfingerprint = 'x'\n",
    "page": b"# Coverage\n\nMade by `qmpconf coverage traces`.\n",
    "": b"",
    "other": b"#!/bin/sh\n# runs qmpconf check\n",
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_says_by_its_first_bytes_what_it_is(tmp_path: Path, kind: str, packed: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(SAMPLES[kind]) if packed and kind else SAMPLES[kind])
    assert kind_of(str(path)) == kind


@pytest.mark.parametrize(
    "content",
    [
        b"print('hello')\n",
        b"\x7fELF\0\0qmpconf",
        b'{"return": []}',
        b"\x1f\x8bnonsense",
        b'[INFO] sent {"execute": "stop"}\n',
        b"[pid  77] write(5, ...\n",
    ],
)
def test_what_others_wrote_is_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert kind_of(str(tmp_path / "file")) == "other"


@pytest.mark.parametrize("there", SAMPLES)
@pytest.mark.parametrize("kind", ["trace", "result", "catalog", "schema", "list", "page"])
def test_a_file_is_replaced_by_one_of_its_kind_alone(
    tmp_path: Path, kind: Kind, there: str
) -> None:
    path = tmp_path / "out"
    path.write_bytes(SAMPLES[there])
    Outputs(force=True).add(path, kind, "-o")
    if there == "" or (there == kind and kind != "trace"):
        Outputs().add(path, kind, "-o")
        return
    with pytest.raises(UsageError, match=r"^-o .*out exists.*\(--force\)"):
        Outputs().add(path, kind, "-o")


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_an_input_is_never_an_output_whatever_it_is_called(tmp_path: Path, link: object) -> None:
    source, other = tmp_path / "a.qmptrace", tmp_path / "b.qmptrace"
    source.write_bytes(SAMPLES["trace"])
    link(source, other)  # type: ignore[operator]
    for force in (False, True):
        for name in (source, other, f"{tmp_path}/./a.qmptrace"):
            with pytest.raises(UsageError, match="would overwrite an input of this call"):
                Outputs([str(source)], force=force).add(name, "result", "--result")


def test_an_input_that_is_not_there_is_kept_free(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an input"):
        Outputs([tmp_path / "no"]).add(tmp_path / "no", "result", "--result")


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    outputs = Outputs()
    outputs.add(tmp_path / "out", "trace", "-o")
    outputs.add("-", "result", "--result")
    outputs.add(None, "page", "--page")
    with pytest.raises(UsageError, match="-o and --result name the same file"):
        outputs.add(tmp_path / "out", "result", "--result")


def test_a_folder_is_no_file_and_a_pipe_is_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        Outputs(force=True).add(tmp_path, "page", "-o")
    Outputs().add("/dev/null", "trace", "-o")


def test_what_destroys_nothing_takes_several_outputs_and_may_be_an_input() -> None:
    outputs = Outputs(["/dev/null"])
    outputs.add("/dev/null", "trace", "-o")
    outputs.add("/dev/null", "result", "--result")


def test_a_device_is_written_to_and_stays() -> None:
    with written("/dev/null") as file:
        file.write(b"x")
    with pytest.raises(OutputError, match="cannot write /dev/full: No space left"):  # noqa: SIM117
        with written("/dev/full", overwrite=True) as file:
            file.write(b"x")
    for name in ("/dev/null", "/dev/full"):
        assert stat.S_ISCHR(os.stat(name).st_mode)


def test_a_socket_is_not_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        with (
            pytest.raises(OutputError, match="neither a file nor a pipe"),
            written(path, overwrite=True),
        ):
            pass
    assert stat.S_ISSOCK(os.stat(path).st_mode)


@pytest.mark.parametrize("name", ["t.qmptrace", "t.qmptrace.gz"])
def test_a_trace_that_is_being_written_is_left_alone(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    with TraceWriter(path) as writer:
        writer.open(1)
        assert is_locked(path)
        before = Path(path).read_bytes()
        with pytest.raises(UsageError, match="a recorder is writing"):
            Outputs(force=True).add(path, "result", "--result")
        with pytest.raises(UsageError, match="is being written by another recorder"):
            TraceWriter(path, overwrite=True)
        assert Path(path).read_bytes() == before
    assert not is_locked(path)
    with TraceWriter(path, overwrite=True) as writer:
        writer.open(1)


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    here, there = os.pipe()
    child = os.fork()
    if not child:
        writer = TraceWriter(path)
        writer.open(1)
        os.write(there, b"x")
        signal.pause()
    os.read(here, 1)
    assert is_locked(path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not is_locked(path)


def test_a_full_disk_costs_nothing_that_was_there(tmp_path: Path) -> None:
    path, link = tmp_path / "known.toml", tmp_path / "link"
    path.write_bytes(b"reasons")
    link.symlink_to(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*known\.toml: File too large"):
            write_file(link, bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"reasons"
    write_file(link, b"more")
    assert path.read_bytes() == b"more"
    assert sorted(tmp_path.iterdir()) == [path, link]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_may_be_read_as_others_are(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_file(tmp_path / "x.json", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o666 & ~umask


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError), written(str(tmp_path / "x")) as file:
        file.writelines([b"some", "other"])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="cannot write /dev/full: No space left"):
        write_file("/dev/full", b"x")


def test_a_page_can_be_told_from_a_text_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    write_page(path, "all is well\n")
    assert path.read_text() == "all is well\nmade by qmpconf\n"
    Outputs().add(path, "page", "-o")
    write_page(path, '[\n {\n  "document": "a.txt"\n }\n]\n')
    assert json.loads(path.read_text()) == [{"document": "a.txt"}]
    Outputs().add(path, "page", "-o")
    write_page(path, "qmpconf: \udcff\n")
    assert path.read_bytes() == b"qmpconf: \\udcff\n"


def test_folders_of_files_that_are_there_are_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of recordings in one folder: listing it for each of them would take minutes."""
    paths = [tmp_path / f"{number}.qmptrace" for number in range(9)]
    for path in paths:
        path.touch()
    (tmp_path / "vm.0001.qmptrace").touch()
    listed: list[object] = []
    monkeypatch.setattr("os.listdir", lambda folder: listed.append(folder) or ["vm.0001.qmptrace"])
    outputs = Outputs([*paths, tmp_path / "vm.qmptrace"])
    assert listed == [str(tmp_path)]
    with pytest.raises(UsageError, match="would overwrite an input"):
        outputs.add(tmp_path / "vm.0001.qmptrace", "trace", "-o")
