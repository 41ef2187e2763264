"""A check while a trace grows: what it finds, and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace, chooser
from qmpconf.check.live import LiveCheck
from qmpconf.check.practice import Practice
from qmpconf.findings import Groups
from qmpconf.protocol.framing import Framer
from qmpconf.trace.follow import FollowingReader
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.writer import TraceWriter
from tests.record.proxy import GREETING
from tests.usual import share

TRACES = Path(__file__).parents[2] / "traces"


def test_a_finding_shows_before_there_is_more(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    writer = TraceWriter(path)
    seen: list[tuple[int, str]] = []

    def says(side: str, text: bytes) -> Callable[[], None]:
        frames = Framer().feed(text)
        return lambda: writer.frames(1, "client" if side == ">" else "server", frames)

    steps = [
        says("<", GREETING),
        says(">", b'{"execute": "qmp_capabilities"}\n'),
        says("<", b'{"return": {}}\r\n'),
        says(">", b'{"execute": "query-status", "arguments": {"x": 1}}\n'),
        says("<", b'{"return": {"running": 1}}\r\n'),
        writer.finish,
    ]

    def wait() -> None:
        if len(steps) == 1:
            assert {line for line, _ in seen} == {5, 6}
        steps.pop(0)()

    lines: list[int] = []
    reader = FollowingReader(path, wait)
    for one in LiveCheck(reader, None, Practice(), lines.append).findings():
        seen.append((one.line, one.requirement))
    assert {what for _, what in seen} == {"schema.additions", "schema.return"}
    assert lines == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("path", share(sorted(TRACES.glob("*-wrong.qmptrace.gz")), 4))
@pytest.mark.parametrize("schema", ["auto", "none"])
def test_in_the_end_it_has_found_what_a_check_finds(path: Path, schema: str) -> None:
    reader = TraceReader(str(path))
    live = LiveCheck(reader, chooser(schema), Practice(), lambda _: None)
    found = live.outcome(Groups(live.findings()))
    whole = check_trace(str(path), schema)
    assert [one.fingerprint for one in found.groups] == [one.fingerprint for one in whole.groups]
    assert (found.messages, found.sessions) == (whole.messages, whole.sessions)
    assert found.finished
