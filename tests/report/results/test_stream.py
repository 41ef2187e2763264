"""Result files: what is written is read, and what is missing is noticed."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError, OutputError
from qmpconf.packed import STDIN, spooling
from qmpconf.report.results.records import Header, Note
from qmpconf.report.results.stream import (
    Packed,
    ResultFile,
    ResultWriter,
    header,
    parse_result,
    read_result,
    write_result,
)
from tests.report.results.samples import checked, data_of, finding, lines_of, results, warning


@given(results())
def test_what_is_written_is_read(result: ResultFile) -> None:
    read = parse_result(data_of(result), result.origin)
    assert read == result
    assert read.complete == (result.finish is not None)


def test_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "r.jsonl")
    result = checked(finding(), warning())
    write_result(path, result)
    read = read_result(path)
    assert (read.header, read.records, read.finish) == (
        result.header,
        result.records,
        result.finish,
    )
    assert read.origin == path
    assert read.exit_code == 1


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO(data_of(checked()))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data))
    with spooling():
        assert read_result(STDIN).complete
        assert read_result(STDIN).origin == STDIN


def test_a_cut_is_noticed_at_every_byte() -> None:
    data = data_of(checked(finding(), warning()))
    head = data.index(b"\n")
    for length in range(head, len(data)):
        read = parse_result(data[:length], "r")
        assert not read.complete
        assert read.exit_code == 3
        assert len(read.records) == max(0, data[:length].count(b"\n") - 1)
    assert parse_result(data, "r").complete


def test_a_line_that_is_gone_is_noticed() -> None:
    lines = lines_of(checked(finding(), warning()))
    for gone in range(1, len(lines)):
        data = b"".join(line + b"\n" for at, line in enumerate(lines) if at != gone)
        assert not parse_result(data, "r").complete


def test_a_writer_that_dies_leaves_what_it_wrote(tmp_path: Path) -> None:
    path = str(tmp_path / "r.jsonl")
    with ResultWriter(path, header("check", label="shard 1")) as writer:
        writer.write(finding())
    read = read_result(path)
    assert read.records == [finding()]
    assert read.header.label == "shard 1"
    assert not read.complete


def test_damage_costs_the_damaged_lines_alone() -> None:
    lines = lines_of(checked(finding(), warning()))
    lines[1] = b"\xff{"
    lines[2] = b'{"record":"no such"}'
    read = parse_result(b"\n".join([*lines, b""]), "r")
    assert read.damage.startswith("line 2 is not a record of a result: ")
    assert read.damage.endswith("; 1 more line is damaged")
    assert [type(one).__name__ for one in read.records] == [
        "Rule",
        "FindingRecord",
        "FindingRecord",
    ]
    assert read.exit_code == 3


def test_more_behind_the_end() -> None:
    data = data_of(checked())
    read = parse_result(data + data, "r")
    assert read.damage == "line 6: there is more after the result's last line"
    assert len(read.records) == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "this is not a result of qmpconf: it begins with an empty line, or is empty"),
        (b"\n\n", "not a result of qmpconf"),
        (b'{"qmptrace":1}\n', "not a result of qmpconf: '{\"qmptrace\":1}'"),
        (b"\x1b[31m\xff" * 50, "not a result of qmpconf: '\\x1b[31m\\xff"),
        (b'{"qmpresult":2}\n', "version 2; this qmpconf reads version 1: use a newer one"),
        (b'{"qmpresult":true}\n', "not a result of qmpconf"),
        (b'{"qmpresult":1,"verb":"dance"}\n', "not a result of qmpconf: Invalid enum value"),
        (b"[" * 100_000 + b"\n", "not a result of qmpconf"),
    ],
)
def test_what_is_no_result(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_result(data, "r")
    text = str(caught.value)
    assert text.startswith("r:1: ")
    assert said in text
    assert text.isprintable()


@given(
    st.binary(max_size=200)
    | st.binary(max_size=80).map(b'{"qmpresult":1,"verb":"check"}\n'.__add__)
)
def test_any_bytes_are_a_result_or_an_input_error(data: bytes) -> None:
    try:
        complete = parse_result(data, "r").complete
    except InputError as error:
        complete = "\n" in str(error)
    assert not complete


@given(data=results().map(data_of), at=st.integers(0), byte=st.integers(0, 255))
def test_one_byte_that_is_wrong_is_damage_or_an_input_error(
    data: bytes, at: int, byte: int
) -> None:
    changed = bytearray(data)
    changed[at % len(data)] = byte
    with contextlib.suppress(InputError):
        assert parse_result(bytes(changed), "r").exit_code in range(256)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full"])
def test_what_has_no_end_is_no_result(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}:1: this is not a result"):
        read_result(name)


def test_a_reader_of_standard_output_that_goes_away() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as pipe, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", SimpleNamespace(buffer=pipe))
        with pytest.raises(BrokenPipeError):
            write_result("-", checked())


def test_a_full_disk_is_said_and_costs_no_earlier_result(tmp_path: Path) -> None:
    path = tmp_path / "r"
    write_result(str(path), checked())
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OutputError, match=f"cannot write {path}: File too large"):
            write_result(str(path), checked(Note(subject="s", text="a" * 10_000)))
        assert path.read_bytes() == before
        with (
            pytest.raises(OutputError, match=f"cannot write {path}: File too large"),
            ResultWriter(str(path), header("check")) as writer,
        ):
            writer.write(Note(subject="s", text="a" * 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not read_result(str(path)).complete
    with pytest.raises(OutputError, match="cannot write /dev/full: No space left"):
        ResultWriter("/dev/full", header("check"))
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_pair_is_written_and_read() -> None:
    result = checked(Note(subject="s", text="a\ud800b"))
    assert parse_result(data_of(result)).records[-1] == Note(subject="s", text="a\\ud800b")


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        read_result(str(tmp_path / "none"))
    with pytest.raises(OutputError, match=r"cannot write .*: No such file"):
        write_result(str(tmp_path / "no" / "folder"), checked())


def test_what_is_packed_is_read_as_it_was_written() -> None:
    notes = [Note(subject="s", text=f"{number} \n é") for number in range(100)]
    result = ResultFile(Header(verb="check", by="x", started="x"), [finding(), Packed(notes)])
    result.end(0)
    assert result.count == 101
    assert list(result.every()) == [finding(), *notes]
    assert parse_result(data_of(result)).records == [finding(), *notes]
    assert Packed(notes) == Packed(iter(notes)) != Packed(notes[1:])
    assert list(Packed([])) == []
