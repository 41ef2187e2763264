"""The messages around lines of a trace."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from qmpconf.testing.around import around, latest
from tests.testing.samples import BAD, GOOD, write_trace


def test_messages_around_lines_are_of_the_same_session(tmp_path: Path) -> None:
    path = str(write_trace(tmp_path / "x.qmptrace", BAD, GOOD))
    found = around(path, [(1, 6), (2, 10), (2, 99)])
    assert set(found) == {(1, 6), (2, 10)}
    assert [line[:7].split() for line in found[1, 6]] == [
        *(["3"], ["4"], ["5"], [">", "6"], ["7"], ["8"])
    ]
    assert [line[:7].split() for line in found[2, 10]] == [[">", "10"], ["11"], ["12"]]


def test_neighbours_share_their_messages(tmp_path: Path) -> None:
    path = str(write_trace(tmp_path / "x.qmptrace", GOOD))
    found = around(path, [(1, line) for line in range(3, 8)])
    assert [len(found[1, line]) for line in range(3, 8)] == [3, 4, 5, 6, 6]


def test_the_latest_messages(tmp_path: Path) -> None:
    path = str(write_trace(tmp_path / "x.qmptrace", GOOD, GOOD))
    lines, before = latest(path, 3)
    assert [line.split()[1] for line in lines] == ["13", "14", "15"]
    assert before == 9
    assert latest(str(tmp_path / "none"), 3) == ([], 0)


@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), st.text() | st.binary())))
def test_whatever_was_said_is_shown_on_one_line_that_prints(said: list[tuple[str, object]]) -> None:
    lines = ['{"qmptrace":1,"started":""}']
    for side, data in said:
        form = {"raw": data} if isinstance(data, str) else {"b64": base64.b64encode(data).decode()}
        lines.append(json.dumps({"t": 0.0, "conn": 1, "from": side, **form}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.qmptrace"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")
        found = around(str(path), [(1, line) for line in range(2, len(lines) + 1)])
        for shown in (*found.values(), latest(str(path), 5)[0]):
            assert all(line.isprintable() for line in shown)
