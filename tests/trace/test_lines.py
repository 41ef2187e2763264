"""Messages had again from their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.errors import InputError
from qmpconf.trace.lines import Lines
from qmpconf.trace.reader import Item, TraceReader
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
    rest = '{"t":0,"conn":1,"from":"client","end":"}","msg":{}}'
    path.write_text(f"{head}\n{half}\n{rest}\n")
    reader = TraceReader(str(path))
    (item,) = (item for item in reader.items() if isinstance(item, Item))
    assert item.frame.data == b'{"a": {}}'
    with Lines(reader) as lines:
        assert not lines.holds(item)


def test_a_file_that_was_changed_meanwhile_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    reader = TraceReader(written(path, SCRIPT))
    with Lines(reader) as lines:
        with path.open("r+b") as file:
            file.write(b" " * path.stat().st_size)
        with pytest.raises(InputError, match="no record of a trace"):
            lines.item(3)
