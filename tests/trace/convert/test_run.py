"""One conversion from the outside: formats, files, secrets, damage, what is kept."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path

import pytest

from qmpconf.errors import InputError, OutputError, UsageError
from qmpconf.protocol.framing import Kind
from qmpconf.trace.convert import format_of_input, format_of_output, named
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Finish, Traffic
from tests.trace.convert.golden import FOLDER

LOG = FOLDER / "libvirtd.log"
SHELL = b'{"execute": "stop", "arguments": {}, "return": {}}\n'
SECRET = (
    b'-> {"execute":"set_password","arguments":{"protocol":"vnc","password":"hush"},"id":"x"}\n'
    b'<- {"return": {}, "id": "x"}\n'
)


def bodies(path: Path) -> list[bytes]:
    return [one.data for one in TraceReader(str(path)).records() if isinstance(one, Traffic)]


def test_a_pipe_with_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "a.qmptrace"
    convert(str(LOG), str(trace))
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(trace.read_bytes()[:60_000])
    out = tmp_path / "b.qmptrace"
    convert(f"/dev/fd/{reading}", str(out), from_format="qmptrace")
    os.close(reading)
    assert bodies(out) == bodies(trace)


# --- formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*[!d]")), ids=lambda path: path.name)
def test_the_content_tells_the_format_where_the_name_does_not(path: Path) -> None:
    if path.suffix == ".expected":
        return
    expected = path.with_name(path.name + ".expected").read_text().split("\n\n")[1].split(",")[0]
    assert format_of_input("mail.bin", path.read_bytes())[0].name == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.qmptrace", "qmptrace"),
        ("A.QMPTRACE.GZ", "qmptrace"),
        ("a.replies", "replies"),
        ("a.replies.gz", "replies"),
        ("a.txt", "transcript"),
        ("a.md", "transcript"),
    ],
)
def test_the_name_tells_the_format(name: str, expected: str) -> None:
    assert format_of_output(name).name == expected
    assert format_of_input(name, b"")[0].name == expected


def test_a_name_that_decides_is_believed() -> None:
    assert format_of_input("a.replies", b'{"qmptrace":1}\n')[0].name == "replies"


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("A.REPLIES.gz", b"", ("replies", "its name ends in .replies")),
        ("a.txt", b"hello", ("transcript", "its name ends in .txt")),
        ("a", b"x\n\n-> {}\n", ("transcript", "line 3 holds '-> {'")),
        ("a", b"caf\xe9\n  <- {}\n", ("transcript", "line 2 holds '<- {'")),
        ("a", b"\xa1\xb2\xc3\xd4", ("pcap", "its first bytes are those of one")),
        (
            "a",
            b"1: x QEMU_MONITOR_SEND_MSG: mon",
            ("libvirt-log", "line 1 holds 'QEMU_MONITOR_SEND_MSG'"),
        ),
    ],
)
def test_it_is_said_what_the_format_was_guessed_by(
    name: str, head: bytes, expected: tuple[str, str]
) -> None:
    found, why = format_of_input(name, head)
    assert (found.name, why) == expected


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: format_of_output("a.log"),
            "a.log fits several formats.*--to: libvirt-log, qmp-sh",
        ),
        (lambda: format_of_output("a"), "shows no format.*--to: qmptrace"),
        (lambda: format_of_input("a", bytes(range(20))), "neither the name nor.*--from"),
        (lambda: named("x"), "no format 'x'.*qmptrace"),
    ],
)
def test_what_nobody_can_tell_is_asked_for(call: object, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        call()  # type: ignore[operator]


# --- files -------------------------------------------------------------------------------------


def test_the_new_file_is_the_users_alone_and_never_overwrites(tmp_path: Path) -> None:
    out = tmp_path / "out.qmptrace"
    convert(str(LOG), str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    before = out.read_bytes()
    with pytest.raises(UsageError, match=r"exists.*--force"):
        convert(str(LOG), str(out))
    assert out.read_bytes() == before
    convert(str(FOLDER / "document.txt"), str(out), overwrite=True)
    assert out.read_bytes() != before
    assert os.listdir(tmp_path) == ["out.qmptrace"]


def test_a_file_can_be_converted_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.qmptrace"
    convert(str(LOG), str(path), redact=False)
    before = path.read_bytes()
    convert(str(path), str(path), overwrite=True)
    assert path.read_bytes() == before


def test_compressed_on_both_sides(tmp_path: Path) -> None:
    packed = tmp_path / "x.log.gz"
    half = len(LOG.read_bytes()) // 2
    # Rotated logs are members, one behind the other.
    packed.write_bytes(
        gzip.compress(LOG.read_bytes()[:half]) + gzip.compress(LOG.read_bytes()[half:])
    )
    convert(str(packed), str(tmp_path / "a.txt.gz"), session=1)
    convert(str(LOG), str(tmp_path / "b.txt"), session=1)
    assert (
        gzip.decompress((tmp_path / "a.txt.gz").read_bytes()) == (tmp_path / "b.txt").read_bytes()
    )


def test_standard_input_and_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    convert(str(LOG), str(tmp_path / "a.qmptrace"))
    for data in ((tmp_path / "a.qmptrace").read_bytes(), gzip.compress(LOG.read_bytes())):
        stdin = io.TextIOWrapper(io.BytesIO(data))
        monkeypatch.setattr(sys, "stdin", stdin)
        convert("-", "-", to_format="transcript", session=1)
        sys.stdout.flush()
        lines = capfdbinary.readouterr().out.splitlines()
        assert lines[1] == b'-> {"execute":"qmp_capabilities","id":"libvirt-1"}'
        assert len(lines) == 5
    with pytest.raises(UsageError, match="--to"):
        convert("-", "-")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe.txt"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        convert(str(FOLDER / "document.txt"), str(path))
        assert os.read(reader, 4) == b"<- {"
    finally:
        os.close(reader)
    assert not path.is_file()


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*nothing: No such file"):
        convert(str(tmp_path / "nothing"), str(tmp_path / "a.qmptrace"))
    with pytest.raises(InputError, match="cannot read"):
        convert(str(tmp_path), str(tmp_path / "a.qmptrace"))
    with pytest.raises(OutputError, match="cannot write"):
        convert(str(LOG), str(tmp_path / "no" / "a.qmptrace"))
    with pytest.raises(OutputError, match=r"cannot write .*No space"):
        convert(str(LOG), "/dev/full", to_format="qmptrace", overwrite=True)


def test_one_session_of_several(tmp_path: Path) -> None:
    done = convert(str(LOG), str(tmp_path / "a.qmptrace"), session=2)
    assert done.failed is None
    items = list(TraceReader(str(tmp_path / "a.qmptrace")).items())
    assert {one.conn for one in items} == {2}
    with pytest.raises(UsageError, match="no session 3; the last one is 2"):
        convert(str(LOG), str(tmp_path / "b.qmptrace"), session=3)
    assert os.listdir(tmp_path) == ["a.qmptrace"]


# --- secrets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["a.qmptrace", "a.txt", "a.replies"])
def test_secrets_are_replaced_unless_they_shall_not_be(tmp_path: Path, target: str) -> None:
    source = tmp_path / "mail"
    source.write_bytes(SECRET)
    convert(str(source), str(tmp_path / target))
    text = (tmp_path / target).read_bytes()
    assert b"set_password" in text
    assert b"hush" not in text
    convert(str(source), str(tmp_path / target), redact=False, overwrite=True)
    assert b"hush" in (tmp_path / target).read_bytes()


def test_the_trace_tells_what_was_replaced(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(SECRET)
    convert(str(tmp_path / "mail"), str(tmp_path / "a.qmptrace"))
    convert(str(tmp_path / "a.qmptrace"), str(tmp_path / "b.qmptrace"))
    items = list(TraceReader(str(tmp_path / "b.qmptrace")).items())
    assert [one.redacted for one in items if isinstance(one, Item)] == [
        ("/arguments/password",),
        (),
    ]


# --- bad input ---------------------------------------------------------------------------------


def damage(path: Path, tmp_path: Path, **how: object) -> list[str]:
    done = convert(str(path), str(tmp_path / "out.qmptrace"), overwrite=True, **how)  # type: ignore[arg-type]
    return [text for is_damage, _, text in done.notes.told() if is_damage]


def test_compressed_data_that_ends_early_is_read_until_there(tmp_path: Path) -> None:
    path = tmp_path / "x.log.gz"
    packed = gzip.compress(SHELL * 5000)
    path.write_bytes(packed[:-20])
    assert damage(path, tmp_path)[0] == "the compressed data ends early"
    assert len(bodies(tmp_path / "out.qmptrace")) > 1000
    broken = bytearray(gzip.compress(os.urandom(3000) + SHELL * 5000))
    broken[-8] ^= 1
    path.write_bytes(broken)
    assert "damaged" in damage(path, tmp_path, from_format="qmp-shell")[0]


def test_compressed_data_without_anything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "x.log.gz"
    path.write_bytes(gzip.compress(SHELL)[:12])
    with pytest.raises(InputError, match="ends early"):
        convert(str(path), str(tmp_path / "out.qmptrace"))
    assert os.listdir(tmp_path) == ["x.log.gz"]


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_text_in_another_encoding(tmp_path: Path, encoding: str, marked: bool) -> None:
    text = '-> {"execute":"x","id":"é😀"}\r\n<- {"return": {}}\r\n'
    mark = "\ufeff" if marked and encoding not in ("utf-16", "utf-8-sig") else ""
    (tmp_path / "mail").write_bytes((mark + text).encode(encoding))
    done = convert(str(tmp_path / "mail"), str(tmp_path / "out.qmptrace"))
    assert bodies(tmp_path / "out.qmptrace")[0] == '{"execute":"x","id":"é😀"}'.encode()
    notes = [text for _, _, text in done.notes.told()]
    assert ("the text is UTF-16, and was read as such" in notes) == ("16" in encoding)


def test_utf_16_that_is_damaged(tmp_path: Path) -> None:
    text = '-> {"execute":"x"}\n'.encode("utf-16") + b"\x00\xd8" + "<- {}\n".encode("utf-16-le")
    (tmp_path / "mail").write_bytes(text + b"x")
    assert "bytes that are not UTF-16" in damage(tmp_path / "mail", tmp_path)[0]


def test_bytes_that_are_no_utf_8_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(
        b'caf\xe9:\n-> {"execute":"x","id":"caf\xe9"}\n<- {"return": 1}\n'
    )
    done = convert(str(tmp_path / "mail"), str(tmp_path / "out.qmptrace"))
    assert bodies(tmp_path / "out.qmptrace")[0] == b'{"execute":"x","id":"caf\xe9"}\r\n'
    assert [line for _, line, text in done.notes.told() if "not UTF-8" in text] == [2]


@pytest.mark.parametrize(
    "noise", [b"\0" * 3_000_000, b"\xff{[\"'" * 600_000, b"{" * 2_000_000, b"\n" * 99]
)
@pytest.mark.parametrize("name", ["libvirt-log", "replies", "qmp-shell", "transcript"])
def test_megabytes_of_noise_around_something(tmp_path: Path, name: str, noise: bytes) -> None:
    whole = {
        "libvirt-log": LOG.read_bytes(),
        "replies": (FOLDER / "session.replies").read_bytes(),
        "qmp-shell": SHELL,
        "transcript": b'\n\n-> {"execute":"stop"}\n<- {"return": {}}\n',
    }[name]
    path = tmp_path / "noise"
    path.write_bytes(noise)
    try:
        convert(str(path), str(tmp_path / "a.qmptrace"), from_format=name)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017 - damage may also be kept
    path.write_bytes(whole + noise + b"\n\n" + whole)
    convert(str(path), str(tmp_path / "b.qmptrace"), from_format=name)
    found = bodies(tmp_path / "b.qmptrace")
    assert any(b"execute" in one for one in found)


@pytest.mark.parametrize("name", ["libvirt-log", "replies", "qmp-shell", "transcript", "qmptrace"])
def test_a_file_without_anything_in_it(tmp_path: Path, name: str) -> None:
    for text in (b"", b"hello\n"):
        (tmp_path / "empty").write_bytes(text)
        with pytest.raises(InputError, match="empty"):
            convert(str(tmp_path / "empty"), str(tmp_path / "a.qmptrace"), from_format=name)
        assert os.listdir(tmp_path) == ["empty"]


def test_what_was_read_of_a_damaged_trace_is_kept(tmp_path: Path) -> None:
    convert(str(LOG), str(tmp_path / "a.qmptrace"))
    lines = (tmp_path / "a.qmptrace").read_bytes().splitlines(keepends=True)
    (tmp_path / "b.qmptrace").write_bytes(b"".join([*lines[:5], b"nonsense\n", *lines[5:]]))
    done = convert(str(tmp_path / "b.qmptrace"), str(tmp_path / "c.qmptrace"))
    assert "b.qmptrace:6: not a record" in str(done.failed)
    assert (tmp_path / "c.qmptrace").read_bytes() == b"".join(lines[:5])
    (tmp_path / "b.qmptrace").write_bytes(b"".join(lines[:5]) + lines[5][:9])
    done = convert(str(tmp_path / "b.qmptrace"), str(tmp_path / "c.qmptrace"), overwrite=True)
    assert done.failed is None
    assert not done.notes.damaged
    assert [text for _, _, text in done.notes.told()] == [
        "the last line is torn, and was passed over"
    ]


@pytest.mark.parametrize("session", [0, 1, 2])
@pytest.mark.parametrize("ending", ["qmptrace", "pcapng"])
def test_what_is_told_is_what_the_trace_says(tmp_path: Path, session: int, ending: str) -> None:
    path, back = tmp_path / f"a.{ending}", tmp_path / "b.qmptrace"
    source = tmp_path / "log"
    source.write_bytes(LOG.read_bytes())
    convert(str(source), str(path), from_format="libvirt-log")
    done = convert(str(path), str(back), session=session)
    reader = TraceReader(str(back))
    finish = [one for one in reader.records() if isinstance(one, Finish)]
    assert [(one.sessions, one.messages) for one in finish] == [(done.sessions, done.messages)]
    kinds = [one.frame.kind for one in reader.items() if isinstance(one, Item)]
    assert done.messages == sum(kind in (Kind.VALUE, Kind.MALFORMED) for kind in kinds)
    assert done.sessions == (1 if session else 2)
