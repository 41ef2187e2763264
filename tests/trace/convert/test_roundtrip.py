"""What a format promises to keep comes back: for every recorded session, and for made-up ones."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from qmpconf.errors import UsageError
from qmpconf.protocol.values import Malformed, loads
from qmpconf.trace.convert import FORMATS
from qmpconf.trace.convert.base import Notes, Options, Source
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.convert.exchanges import exchanges
from qmpconf.trace.convert.jsontext import names
from qmpconf.trace.convert.qmptrace import read as read_trace
from qmpconf.trace.convert.texts import sender_of
from qmpconf.trace.files import read_lines
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

TRACES = sorted((Path(__file__).parents[3] / "traces").glob("*.qmptrace.gz"))
TEXTS = ("libvirt-log", "replies", "qmp-shell", "transcript")


def there_and_back(trace: str, name: str, folder: Path) -> tuple[str, set[str]]:
    """The trace that comes back, and what was said to be lost on both ways."""
    middle, back = str(folder / "middle"), str(folder / "back.qmptrace")
    there = convert(trace, middle, to_format=name, redact=False, overwrite=True)
    again = convert(middle, back, from_format=name, redact=False, overwrite=True)
    assert there.failed is None
    assert again.failed is None
    assert not there.notes.damaged
    assert not again.notes.damaged
    assert os.stat(middle).st_mode & 0o777 == 0o600
    told = [*there.notes.told(), *again.notes.told()]
    return back, {text.partition(" (")[0] for _, _, text in told}


def messages(path: str) -> list[Item]:
    """Everything in a trace that is a message of QMP and said by whom it should."""
    return [
        item
        for item in TraceReader(path).items()
        if isinstance(item, Item) and sender_of(names(item.frame.data)) == item.sender
    ]


def said(path: str) -> list[tuple[str, bytes]]:
    return [(item.sender, item.frame.data) for item in messages(path)]


def value(data: bytes) -> object:
    try:
        return loads(data)
    except Malformed:
        return data


def answered(path: str) -> list[tuple[object, object]]:
    """The commands with their answers, without the ids that an answer repeats."""
    reading = read_trace(Source(path, path, io.BytesIO(), b""), Options(), Notes())
    return [
        (value(one.sent), value(one.answer))
        for one in exchanges(reading, Notes())
        if not one.command.oob
    ]


def without_id(command: object, answer: object) -> tuple[object, ...]:
    assert isinstance(command, dict)
    assert isinstance(answer, dict)
    rest = {name: one for name, one in answer.items() if name != "id"}
    return command["execute"], command.get("arguments"), rest


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name)
def test_a_trace_stays_the_same(path: Path, tmp_path: Path) -> None:
    convert(str(path), str(tmp_path / "a.qmptrace"))
    convert(str(tmp_path / "a.qmptrace"), str(tmp_path / "b.qmptrace.gz"))
    assert read_lines(str(tmp_path / "a.qmptrace")) == read_lines(str(path))
    assert read_lines(str(tmp_path / "b.qmptrace.gz")) == read_lines(str(path))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name)
def test_a_libvirt_log_keeps_messages_times_and_that_there_were_descriptors(
    path: Path, tmp_path: Path
) -> None:
    back, told = there_and_back(str(path), "libvirt-log", tmp_path)
    before, after = messages(str(path)), messages(back)
    if "messages of several lines are put on one" in told:
        assert [(one.sender, value(one.frame.data)) for one in after] == [
            (one.sender, value(one.frame.data)) for one in before
        ]
    else:
        assert said(back) == said(str(path))
    assert [bool(one.fds) for one in after] == [bool(one.fds) for one in before]
    offset = before[0].t - after[0].t
    for one, other in zip(before, after, strict=True):
        assert abs(one.t - other.t - offset) < 0.0021
    assert "times are in milliseconds" in told


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name)
def test_a_transcript_keeps_messages(path: Path, tmp_path: Path) -> None:
    back, told = there_and_back(str(path), "transcript", tmp_path)
    kept = [(who, value(data)) for who, data in said(str(path)) if data.startswith(b"{")]
    assert [(who, value(data)) for who, data in said(back)] == kept
    assert "times are left out" in told


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name)
@pytest.mark.parametrize("name", ["replies", "qmp-shell"])
def test_exchanges_stay_the_same(path: Path, name: str, tmp_path: Path) -> None:
    back, told = there_and_back(str(path), name, tmp_path)
    before, after = answered(str(path)), answered(back)
    assert before
    assert len(after) == len(before)
    if name == "replies":
        assert after == before
    else:  # of the two, an id that only the command has goes to both
        assert [without_id(*both) for both in after] == [without_id(*both) for both in before]
    assert "greetings are left out" in told


SEVERAL = """\
{"qmptrace":1,"started":"2026-11-20T10:00:00Z"}
{"t":0,"conn":1,"open":{}}
{"t":1,"conn":1,"from":"client","msg":{"execute":"stop"}}
{"t":1,"conn":1,"from":"server","msg":{"return": {}}}
{"t":2,"conn":2,"open":{}}
{"t":2,"conn":2,"from":"client","msg":{"execute":"cont"}}
{"t":2,"conn":1,"from":"client","msg":{"execute":"quit"}}
{"t":3,"conn":2,"from":"server","msg":{"return": {}}}
{"t":3,"conn":1,"from":"server","msg":{"return": {}}}
{"t":4,"conn":1,"close":"client"}
{"t":4,"conn":2,"close":"server"}
{"t":4,"finish":{"sessions":2,"messages":6}}
"""


@pytest.mark.parametrize("name", ["replies", "qmp-shell", "transcript"])
def test_sessions_at_the_same_time_are_refused_or_chosen_from(name: str, tmp_path: Path) -> None:
    trace, out = tmp_path / "t.qmptrace", tmp_path / "out"
    trace.write_text(SEVERAL)
    with pytest.raises(UsageError, match="--session"):
        convert(str(trace), str(out), to_format=name)
    assert sorted(os.listdir(tmp_path)) == ["t.qmptrace"]
    convert(str(trace), str(out), to_format=name, session=2)
    assert b"cont" in out.read_bytes()
    assert b"stop" not in out.read_bytes()


def test_a_libvirt_log_holds_sessions_at_the_same_time(tmp_path: Path) -> None:
    trace = tmp_path / "t.qmptrace"
    trace.write_text(SEVERAL)
    back, _ = there_and_back(str(trace), "libvirt-log", tmp_path)
    assert [(one.conn, one.frame.data) for one in messages(back)] == [
        (one.conn, one.frame.data) for one in messages(str(trace))
    ]


def test_every_format_of_text_is_here() -> None:
    others = {"qmptrace", "pcap", "pcapng", "parquet", "otlp"}
    assert {one.name for one in FORMATS if one.writes} - others == set(TEXTS)
