"""The messages around lines of a trace."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from qmpconf.trace.around import around, excerpt, latest
from tests.testing.samples import BAD, GOOD, write_trace


def test_messages_around_lines_are_of_the_same_session(tmp_path: Path) -> None:
    path = str(write_trace(tmp_path / "x.qmptrace", BAD, GOOD))
    found = around(path, [(1, 6), (2, 10), (2, 99)])
    assert set(found) == {(1, 6), (2, 10)}
    assert [line[:7].split() for line in found[1, 6]] == [
        *(["2"], ["3"], ["4"], ["5"], [">", "6"], ["7"], ["8"])
    ]
    assert [line[:7].split() for line in found[2, 10]] == [["9"], [">", "10"], ["11"], ["12"]]


def test_neighbours_share_their_messages(tmp_path: Path) -> None:
    path = str(write_trace(tmp_path / "x.qmptrace", GOOD))
    found = around(path, [(1, line) for line in range(3, 8)])
    assert [len(found[1, line]) for line in range(3, 8)] == [4, 5, 6, 7, 6]


def test_the_message_in_question_is_marked_and_shows_itself(tmp_path: Path) -> None:
    path = str(write_trace(tmp_path / "x.qmptrace", BAD))
    lines = around(path, [(1, 6)])[1, 6]
    (asked,) = [line for line in lines if line.startswith("> ")]
    assert "->  block_resize  {" in asked
    assert '"size": "1M"' in asked
    others = [line for line in lines if line is not asked]
    assert not any("{" in line for line in others)
    assert any("block_resize failed: GenericError: Invalid parameter" in line for line in others)


def test_an_excerpt_is_of_all_sessions_and_shows_every_message(tmp_path: Path) -> None:
    path = str(write_trace(tmp_path / "x.qmptrace", GOOD, GOOD))
    lines = excerpt(path, 9).splitlines()
    assert [line[:7].split()[-1] for line in lines] == ["5", "6", "7", "8", "9", "10", "11"]
    assert [line[0] for line in lines] == [" ", " ", " ", " ", ">", " ", " "]
    assert sum("{" in line for line in lines) >= 4
    assert excerpt(path, 0).splitlines()[-1].strip().startswith("15")


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
