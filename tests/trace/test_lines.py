"""Messages had again from their lines."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest

from qmpconf.errors import InputError
from qmpconf.trace.items import Item
from qmpconf.trace.lines import Lines
from qmpconf.trace.reader import TraceReader
from tests.replay.conftest import written

SCRIPT = [
    "1+",
    '1<-{"QMP": {"version": {}, "capabilities": []}}',
    '1->{"execute":"qmp_capabilities"}',
    '1<-{"return": {"text": "\\"msg\\":\\u00E9"}}',
    "1->{'execute':'single'}",
    "1-client",
]


@pytest.mark.parametrize("name", ["t.qmptrace", "t.qmptrace.gz"])
def test_every_message_of_a_line_is_had_again(tmp_path: Path, name: str) -> None:
    reader = TraceReader(written(tmp_path / name, SCRIPT))
    items = [item for item in reader.items() if isinstance(item, Item)]
    with Lines(reader) as lines:
        held = [item for item in items if lines.holds(item)]
        assert [lines.item(item.line) for item in reversed(held)] == held[::-1]
    assert len(held) == 3
    assert len(items) == 4  # single quotes are kept as a string, which is not what was sent


def test_a_message_over_several_lines_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    head = '{"qmptrace":1,"started":"","recorder":"","meta":{}}'
    half = '{"t":0,"conn":1,"from":"client","raw":"{\\"a\\": "}'
    rest = '{"t":0,"conn":1,"from":"client","raw":"{}}"}'
    path.write_text(f"{head}\n{half}\n{rest}\n")
    reader = TraceReader(str(path))
    (item,) = (item for item in reader.items() if isinstance(item, Item))
    assert item.frame.data == b'{"a": {}}'
    with Lines(reader) as lines:
        assert not lines.holds(item)


def test_a_compressed_file_that_ends_early_has_what_its_reader_has(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace.gz"
    script = SCRIPT[:3] + [f'1->{{"execute":"stop","id":{n}}}' for n in range(2000)]
    whole = Path(written(path, script)).read_bytes()
    for cut in range(2000, len(whole), 997):
        path.write_bytes(whole[:cut])
        reader = TraceReader(str(path))
        items = [item for item in reader.items() if isinstance(item, Item)]
        with Lines(reader) as lines:
            held = [item for item in items if lines.holds(item)]
            assert [lines.item(item.line) for item in held] == held
        assert held, cut  # what is not held, where the data breaks off, the reader has given


def test_damaged_compressed_data_is_left_to_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace.gz"
    script = SCRIPT[:3] + [f'1->{{"execute":"stop","id":{n}}}' for n in range(5000)]
    whole = bytearray(Path(written(path, script)).read_bytes())
    whole[-8:-4] = bytes(one ^ 0xFF for one in whole[-8:-4])  # the checksum
    path.write_bytes(whole)
    reader = TraceReader(str(path))
    with Lines(reader) as lines:
        whole = (item for item in reader.items() if isinstance(item, Item) and lines.holds(item))
        with pytest.raises(InputError, match="damaged"):
            deque(lines.item(item.line) for item in whole)


def test_a_file_that_was_changed_meanwhile_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    reader = TraceReader(written(path, SCRIPT))
    with Lines(reader) as lines:
        with path.open("r+b") as file:
            file.write(b" " * path.stat().st_size)
        with pytest.raises(InputError, match="not a record of a trace"):
            lines.item(3)
