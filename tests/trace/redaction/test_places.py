"""Each place of the list keeps its secret: in what a recorder writes, and in every format."""

from __future__ import annotations

import base64
import gzip
import json
import shlex
from pathlib import Path

import pytest

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer, Kind
from qmpconf.trace.convert import FORMATS
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Side
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter
from tests.trace.redaction.places import COMMAND_LINES, SECRET, exchanges

#: How the secret may stand in a file; the beginning stands for all of it.
FORMS = (
    SECRET[:6].encode(),
    SECRET[-5:].encode(),
    base64.b64encode(SECRET.encode()).rstrip(b"="),
    SECRET.encode().hex().encode(),
)
PLACES = exchanges()


def shows(data: bytes) -> bool:
    """Whether a file's content shows the secret, compressed or in base64 or not."""
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    for line in data.splitlines():
        if b'"b64":"' in line:
            data += base64.b64decode(json.loads(line)["b64"])
    return any(form in data for form in FORMS)


def test_there_are_enough_places() -> None:
    assert len(PLACES) + len(COMMAND_LINES) >= 150
    assert shows(SECRET.encode())


def record(path: Path, redactor: Redactor | None, places: list[tuple[str, str]]) -> str:
    """A trace of these exchanges, one session each, as a recorder writes it."""
    with TraceWriter(str(path), redact=redactor) as writer:
        for conn, exchange in enumerate(places, 1):
            writer.open(conn, client="unix:c", server="unix:s")
            sides: tuple[Side, Side] = ("client", "server")
            for side, text in zip(sides, exchange, strict=True):
                framer = Framer(CLIENT_LIMITS if side == "client" else SERVER_LIMITS)
                data = text.replace("§", SECRET).encode()
                for frames in (framer.feed(data), framer.close()):
                    if frames:
                        writer.frames(conn, side, frames)
            writer.close(conn, "client")
    return str(path)


def said(path: Path) -> list[tuple[Kind, Side, bytes]]:
    """The frames of a trace."""
    items = TraceReader(str(path)).items()
    return [(one.frame.kind, one.sender, one.frame.data) for one in items if isinstance(one, Item)]


@pytest.mark.parametrize(
    ("sent", "reply"), PLACES, ids=[f"{sent}{reply}"[:90] for sent, reply in PLACES]
)
def test_a_place_in_a_trace(sent: str, reply: str, tmp_path: Path) -> None:
    path = tmp_path / "s.qmptrace"
    record(path, Redactor(), [(sent, reply)])
    assert not shows(path.read_bytes())
    assert b"REDACTED" in path.read_bytes()
    again = tmp_path / "again.qmptrace"
    convert(str(path), str(again))
    assert said(again) == said(path)  # what is redacted stays as it is
    raw = tmp_path / "raw.qmptrace"
    record(raw, None, [(sent, reply)])
    assert shows(raw.read_bytes())
    done = tmp_path / "done.qmptrace"
    convert(str(raw), str(done))
    assert not shows(done.read_bytes())
    assert [kind for kind, *_ in said(path)] == [kind for kind, *_ in said(raw)]
    assert said(done) == said(path)


@pytest.mark.parametrize("name", [one.name for one in FORMATS if one.writes])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_all_places_in_every_format(name: str, end: str, tmp_path: Path) -> None:
    # A transcript holds messages alone, the others what is none as well.
    raw = record(tmp_path / "raw.qmptrace", None, PLACES)
    out = tmp_path / f"out{end}"
    if name == "qmp-shell":
        for session in (1, 100, 150, 200, len(PLACES)):
            convert(raw, str(out), to_format=name, session=session, overwrite=True)
            assert not shows(out.read_bytes())
        return
    convert(raw, str(out), to_format=name)
    assert out.stat().st_size
    assert not shows(out.read_bytes())


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_command_lines_of_programs(line: str) -> None:
    redactor = Redactor()
    assert SECRET[:6] not in redactor.command_line(line.replace("§", SECRET))
    words = shlex.split(line.replace("§", SECRET))
    assert SECRET[:6] not in " ".join(Redactor().words(words))
    if "blanks" not in line:
        assert SECRET not in redactor.text(f"no such thing: '{SECRET}'")
