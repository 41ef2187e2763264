"""Rows are read again from their places as a reading from the beginning gives them."""

from __future__ import annotations

import gzip
import shutil
import time
from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.errors import InputError
from qmpconf.trace.filter.parsing import parse
from qmpconf.trace.filter.selecting import choose
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.summary import Summary, summarize
from qmpconf.view.document import Document
from qmpconf.view.index import Index
from qmpconf.view.reading import WatchedReader
from qmpconf.view.rows import Chosen, Rows
from tests.view.samples import lines, sample

ROOT = Path(__file__).parents[2]


def read(path: str | Path, **more: bool) -> Document:
    document = Document(str(path), **more)
    document.start()
    until(lambda: document.read)
    return document


def until(holds: object, patience: float = 120.0) -> None:
    end = time.monotonic() + patience
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


#: Sessions of real servers, and what fuzzing found: traces that are wrong in many ways.
CORPUS = sorted((ROOT / "traces").glob("*.qmptrace.gz"))[::6]
NASTY = [path for path in sorted((ROOT / "tests/fuzz/corpus").rglob("*")) if path.is_file()]


@pytest.mark.parametrize("path", [*CORPUS, *NASTY[::5]], ids=lambda path: path.name)
@pytest.mark.every_case
def test_every_row_is_what_reading_from_the_beginning_gives(path: Path) -> None:
    try:
        reader = TraceReader(str(path))
    except InputError:
        with pytest.raises(InputError):
            Document(str(path))
        return
    wanted: list[Summary] = []
    try:
        for one in summarize(reader.items(), reader.begin):
            wanted.append(one)
    except InputError as error:
        trouble = str(error)
    else:
        trouble = reader.cut_off
    with read(path) as document:
        assert [document.messages[row].summary for row in range(document.index.count)] == wanted
        assert document.trouble == trouble
        for row, one in enumerate(wanted):
            assert document.index.line(row) == one.line
            assert document.index.kind(row) == one.kind
            item = document.messages[row].item
            assert document.messages.sent(row) == (b"" if item is None else item.frame.data)
            if one.answers:
                partner = document.index.partner(row)
                assert partner is not None
                assert wanted[partner].line == one.answers


def test_what_no_line_holds_is_read_again(tmp_path: Path) -> None:
    """Messages over several records, two on one line, and a file that is compressed."""
    whole = Path(sample(tmp_path)).read_text().splitlines()
    parts = [
        '{"t":0.1,"conn":1,"from":"client","raw":"{\'execute\':"}',
        '{"t":0.2,"conn":1,"from":"client","raw":"\'stop\'}{\\"execute\\": \\"cont\\"}\\n"}',
    ]
    path = tmp_path / "parts.qmptrace.gz"
    path.write_bytes(gzip.compress("\n".join([*whole[:6], *parts, *whole[-3:]]).encode() + b"\n"))
    with read(path) as document:
        rows = [document.messages[row] for row in range(document.index.count)]
        assert [one.summary.name for one in rows if one.summary.kind == "command"][1:] == [
            "stop",
            "cont",
        ]
        assert [one.item.frame.data for one in rows if one.summary.name == "stop" and one.item] == [
            b"{'execute':'stop'}"
        ]


def test_a_file_that_is_changed_meanwhile_is_said(tmp_path: Path) -> None:
    path = Path(sample(tmp_path))
    with read(path) as document:
        path.write_bytes(path.read_bytes().replace(b'{"t"', b'["t"'))
        with pytest.raises(InputError, match="the file was changed while it was shown"):
            document.messages[5]


def test_calls_are_joined(tmp_path: Path) -> None:
    with read(sample(tmp_path)) as document:
        index = document.index
        joined = Rows(index, joined=True)
        kinds = [index.kind(joined[place]) for place in range(len(joined))]
        assert kinds.count("command") == 6
        assert "return" not in kinds
        assert "error" not in kinds
        for row in range(index.count):
            assert joined[joined.place_of(row)] == index.head(row)
        assert index.lanes.used == 2


@pytest.mark.parametrize(
    "text", ["session = 2", "took > 50ms", "error", "command and not answered", "event"]
)
@pytest.mark.every_case
def test_a_filter_lets_pass_what_show_shows(text: str, tmp_path: Path) -> None:
    path = sample(tmp_path)
    wanted = choose(parse(text), TraceReader(path).items())
    with read(path) as document:
        filtered = document.filtered(parse(text))
        until(lambda: filtered.done)
        rows = [filtered.rows[place] for place in range(len(filtered.rows))]
        assert rows == [row for row in range(document.index.count) if wanted.passes(row)]


def test_rows_that_come_in_any_order_are_listed_in_that_of_the_trace() -> None:
    index = Index()
    for line in range(1, 9):
        answered = line - 2 if line % 2 == 0 else -1
        kind = "return" if line % 2 == 0 else "command"
        index.add(Summary(line, 0.0, 1, "client", kind), line, answered)
    apart, joined = Chosen(index), Chosen(index, joined=True)
    for row in (5, 1, 7, 0, 4):
        apart.add(row)
        joined.add(row)
    assert [apart[place] for place in range(len(apart))] == [0, 1, 4, 5, 7]
    assert [joined[place] for place in range(len(joined))] == [0, 4, 6]
    assert apart[apart.place_of(2)] == 4, "the nearest one behind it"
    assert apart[apart.place_of(9)] == 7, "the last one"


def test_a_check_finds_what_check_finds(tmp_path: Path) -> None:
    path = ROOT / "traces" / "qemu-7.2.22-wrong.qmptrace.gz"
    wanted = check_trace(str(path)).groups.totals
    with read(path) as document:
        until(lambda: document.checked)
        assert document.found.totals == wanted
        line = document.found.next(0, 1)
        assert line == 4
        assert document.found.at(4)[0].requirement == "negotiation.client-first"
        assert document.found.next(line, -1) is None


def test_a_growing_trace_is_followed_into_its_next_part(tmp_path: Path) -> None:
    lines = Path(sample(tmp_path)).read_text().splitlines(keepends=True)
    header = lines[0].replace('"meta":{}}', '"meta":{},"part":1}')
    one, two = (tmp_path / f"vm.000{number}.qmptrace" for number in (1, 2))
    one.write_text(header + "".join(lines[1:5]))
    with Document(str(tmp_path / "vm.qmptrace"), follow=True) as document:
        document.start()
        filtered = document.filtered(parse("command"))
        until(lambda: document.index.count == 4)
        assert not document.read
        assert document.messages[3].summary.name == "qmp_capabilities"
        two.write_text(header.replace('"part":1', '"part":2') + "".join(lines[5:]))
        with one.open("a") as file:
            file.write('{"t":0.002,"finish":{"sessions":2,"messages":2,"next":2}}\n')
        until(lambda: document.rests and filtered.done)
        wanted = list(summarize(TraceReader(sample(tmp_path)).items()))
        assert [document.messages[row].summary.name for row in range(21)] == [
            summary.name for summary in wanted
        ]
        assert len(filtered.rows) == 12


def test_a_reading_ends_where_the_view_ends(tmp_path: Path) -> None:
    """Between two pieces of the file, however long it is."""
    path = tmp_path / "long.qmptrace"
    path.write_text("\n".join(lines()[:2]) + "\n" + (lines()[10] + "\n") * 5000)
    left = 3

    def look() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt

    reader = WatchedReader(str(path), look)
    with pytest.raises(KeyboardInterrupt):
        list(reader.items())
    assert reader.bytes_read < path.stat().st_size / 2


def test_a_recording_that_nobody_goes_on_with_can_be_left(tmp_path: Path) -> None:
    lines = Path(sample(tmp_path)).read_text().splitlines(keepends=True)
    path = tmp_path / "cut.qmptrace"
    path.write_text("".join(lines[:8]))
    with Document(str(path), follow=True) as document:
        document.start()
        until(lambda: document.index.count == 7)
        found = document.search("nothing has this", iter(range(7)))
        until(lambda: found.done)
        assert found.found is None


def test_a_temporary_copy_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    shutil.copy(ROOT / "traces" / "qemu-7.2.22-libvirtd.qmptrace.gz", tmp_path / "a.gz")
    with read(tmp_path / "a.gz") as document:
        assert document.index.count == 40
        assert list(folder.iterdir()) == []
