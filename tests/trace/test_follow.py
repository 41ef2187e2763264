"""Following a trace that grows: whole lines as they come, and whatever happens to the file."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import lock
from qmpconf.parts import name_of, parts_of
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.follow import FollowingReader
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.rotation import Rotation
from qmpconf.trace.writer import TraceWriter

COMMAND = Frame(Kind.VALUE, b'{"execute":"query-status"}', b"\r\n", True)
REPLY = Frame(Kind.VALUE, b'{"return": {}}', b"\r\n", True)


class Script:
    """What happens, one step each time when there is nothing to read."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)

    def __call__(self) -> None:
        assert self._steps, "the reader waits for more than there is"
        self._steps.pop(0)()

    @property
    def done(self) -> bool:
        return not self._steps


def lines_of(reader: TraceReader) -> list[int]:
    return [one.line for one in reader.items()]


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
def test_a_recording(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    writer = TraceWriter(path)
    seen: list[int] = []

    def some() -> None:
        assert seen == list(range(2, 2 + len(seen)))
        writer.frames(1, "client", [COMMAND, COMMAND])

    script = Script(lambda: writer.open(1), some, some, lambda: writer.close(1, "client"),
                    writer.finish)  # fmt: skip
    reader = FollowingReader(path, script)
    for one in reader.items():
        seen.append(one.line)
    assert seen == [2, 3, 4, 5, 6, 7]
    assert script.done
    assert reader.finished
    assert lines_of(TraceReader(path)) == seen


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
@pytest.mark.parametrize("begun", [b"", b"{"])
def test_a_recorder_that_died_before_it_wrote_the_header(
    tmp_path: Path, name: str, begun: bytes
) -> None:
    """The file is read as it is: it was locked at the first looks, and at none later."""
    path = tmp_path / name
    path.write_bytes(begun)
    held = [open(path, "ab")]  # noqa: SIM115 - closed in the script
    assert lock(held[0].fileno())
    script = Script(lambda: None, lambda: None, held[0].close, lambda: None)
    with pytest.raises(InputError) as follower:
        FollowingReader(str(path), script)
    assert script.done
    with pytest.raises(InputError) as reader:
        TraceReader(str(path))
    assert str(follower.value) == str(reader.value)


def test_a_recorder_that_comes_between_two_looks(tmp_path: Path) -> None:
    path = tmp_path / "a.qmptrace"
    path.touch()
    writers: list[TraceWriter] = []
    script = Script(lambda: writers.append(TraceWriter(str(path), overwrite=True)))
    reader = FollowingReader(str(path), script)
    writers[0].finish()
    assert lines_of(reader) == []


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
@pytest.mark.parametrize("by_part", [False, True])
def test_a_recording_in_parts(tmp_path: Path, name: str, *, by_part: bool) -> None:
    """It goes on from part to part, and what they repeat comes once."""
    path = str(tmp_path / name)
    writer = TraceWriter(path, rotation=Rotation(max_size=200))

    def some() -> None:
        writer.frames(1, "client", [COMMAND])
        writer.frames(1, "server", [REPLY])

    script = Script(lambda: writer.open(1), *[some] * 8, lambda: writer.open(2),
                    lambda: writer.close(1, "client"), writer.finish)  # fmt: skip
    followed = name_of(path, 1) if by_part else path
    reader = FollowingReader(followed, script)
    seen = lines_of(reader)
    assert script.done
    assert reader.finished
    assert len(parts_of(path)) > 2
    assert seen == lines_of(TraceReader(path)) == list(range(2, 21))
    os.unlink(name_of(path, 3))
    with pytest.raises(InputError, match=r"a.0003.*, in which the recording goes on"):
        lines_of(FollowingReader(name_of(path, 1), Script()))


def in_parts(path: str) -> list[str]:
    """A recording in three parts or more; gives their names."""
    writer = TraceWriter(path, rotation=Rotation(max_size=200))
    writer.open(1)
    for _ in range(8):
        writer.frames(1, "client", [COMMAND])
        writer.frames(1, "server", [REPLY])
    writer.finish()
    return parts_of(path)


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz", "a.qmptrace.zst"])
@pytest.mark.parametrize("by_part", [False, True])
def test_a_part_whose_recorder_was_killed_is_over(
    tmp_path: Path, name: str, *, by_part: bool
) -> None:
    """It has no last line, or a torn one: what follows is in the next part."""
    path = str(tmp_path / name)
    first = in_parts(path)[0]
    os.truncate(first, os.path.getsize(first) - 5)
    followed = first if by_part else path
    reader = FollowingReader(followed, Script())
    seen = lines_of(reader)
    assert reader.finished
    assert seen == lines_of(TraceReader(path))
    assert len(seen) > 10


def test_a_part_that_is_written_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "a.qmptrace")
    first = in_parts(path)[0]
    whole = Path(first).read_bytes()
    os.truncate(first, len(whole) - 5)
    with open(first, "ab") as file:
        assert lock(file.fileno())

        def end() -> None:
            file.write(whole[-5:])
            file.close()

        script = Script(lambda: None, lambda: None, end)
        reader = FollowingReader(path, script)
        seen = lines_of(reader)
    assert script.done
    assert seen == lines_of(TraceReader(path))


def test_what_goes_on_in_another_recording(tmp_path: Path) -> None:
    path = str(tmp_path / "a.qmptrace")
    names = in_parts(path)
    os.truncate(names[0], os.path.getsize(names[0]) - 5)
    other = Path(names[1]).read_bytes().replace(b'"started":"2', b'"started":"3', 1)
    Path(names[1]).write_bytes(other)
    with pytest.raises(InputError, match="does not go on with"):
        lines_of(FollowingReader(path, Script()))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("s3://bucket/a.qmptrace", "is a URL"),
        ("file:///a.qmptrace", "is a URL"),
        ("unix:nowhere.sock", "is a monitor's address"),
        ("tcp:127.0.0.1:1", "is a monitor's address"),
        ("{folder}/sock", "is a monitor's address"),
        ("{folder}", "is a folder: name one recording"),
        ("{folder}/pipe", "is not a file"),
        ("/dev/null", "is not a file"),
    ],
)
def test_what_does_not_grow(tmp_path: Path, path: str, why: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "sock"))
        with pytest.raises(UsageError, match=why):
            FollowingReader(path.format(folder=tmp_path), Script())


def test_a_line_that_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.qmptrace"
    text = b'{"qmptrace":1,"started":"x"}\n{"t":1,"conn":1,"from":"client","msg":{"execute":"a"}}\n'
    end = b'{"t":2,"finish":{"sessions":1,"messages":1}}\n'
    path.write_bytes(text[:1])

    def add(piece: bytes) -> Callable[[], object]:
        def write() -> None:
            with path.open("ab") as file:
                file.write(piece)

        return write

    script = Script(add(text[1:10]), add(text[10:40]), add(text[40:]), add(end[:5]), add(end[5:]))
    (item,) = FollowingReader(str(path), script).items()
    assert isinstance(item, Item)
    assert item.frame.data == b'{"execute":"a"}'


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
@pytest.mark.parametrize("what", ["removed", "replaced by another file", "made shorter"])
def test_a_file_that_is_no_longer_there(tmp_path: Path, name: str, what: str) -> None:
    path = str(tmp_path / name)
    writer = TraceWriter(path)
    writer.frames(1, "client", [COMMAND])

    def happen() -> None:
        if what == "removed":
            os.unlink(path)
        elif what == "made shorter":
            os.truncate(path, 3)
        else:
            shutil.copy(path, path + ".new")
            os.replace(path + ".new", path)

    items: Iterator[object] = FollowingReader(path, Script(happen)).items()
    assert isinstance(next(items), Item)
    with pytest.raises(InputError, match=f"a.qmptrace.* was {what} while it was followed"):
        next(items)
    writer.abandon()


def test_what_is_not_there_or_no_trace(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        FollowingReader(str(tmp_path / "none"), Script())
    path = tmp_path / "other"
    path.write_text("hello\n")
    with pytest.raises(InputError, match="first line of a trace"):
        FollowingReader(str(path), Script())
    path.write_bytes(b"\x1f\x8bhello, this is not deflated at all")
    with pytest.raises(InputError, match="not a readable gzip file"):
        FollowingReader(str(path), Script())


@given(st.binary(max_size=60))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """An error of ours or the wait for more, and never anything else."""
    path = tmp_path_factory.mktemp("any") / "a.qmptrace"
    head = b'{"qmptrace":1,"started":"x"}\n'
    path.write_bytes(head + data)
    script = Script(lambda: os.unlink(path))
    with pytest.raises(InputError):
        list(FollowingReader(str(path), script).items())
