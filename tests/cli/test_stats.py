"""``qmpconf stats`` as a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from tests.cli.test_show import begin

STATS = [sys.executable, "-m", "qmpconf", "stats"]


@pytest.fixture
def traces(tmp_path: Path) -> list[str]:
    paths = [str(tmp_path / "a.qmptrace"), str(tmp_path / "b.qmptrace.gz")]
    for path in paths:
        begin(path).finish()
    return paths


def stats(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*STATS, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_text(traces: list[str]) -> None:
    code, text, errors = stats(*traces)
    assert (code, errors) == (0, "")
    assert text.startswith(
        "10 messages in 2 sessions of 2 traces, 1.25 s from first to last\n"
        "sessions took 625 ms to 625 ms, half of them at most 625 ms\n"
        "2 sessions did not close\n"
        "2 greetings, 4 commands, 2 returns, 2 errors\n"
    )
    rows = [line.split() for line in text.splitlines()]
    assert ["query-block", "2", *["125", "ms"] * 3, "250", "ms"] in rows
    assert ["\\u001B[2Jnope", "2", "2", *["125", "ms"] * 3, "250", "ms"] in rows


def test_markdown_and_json(traces: list[str]) -> None:
    code, text, _ = stats(*traces, "--format", "markdown", "--top", "1")
    assert code == 0
    assert "### Commands\n\n| command" in text
    assert "... and 1 more" in text
    code, text, _ = stats(traces[0], "--format", "json")
    assert code == 0
    found = json.loads(text)
    assert {one["name"]: one["errors"] for one in found["figures"]["latencies"]} == {
        "query-block": 0,
        "\x1b[2Jnope": 1,
    }
    assert found["figures"]["latencies"][0]["buckets"][0][1] == 1


def test_a_torn_trace_is_told(traces: list[str]) -> None:
    data = Path(traces[0]).read_bytes()
    Path(traces[0]).write_bytes(data[:-5])
    code, text, errors = stats(*traces)
    assert code == 0
    assert text.startswith("10 messages")
    assert errors == f"{traces[0]}:8: the last line is torn; what is before it was read\n"
    assert stats(*traces, "-q")[2] == ""


def test_what_cannot_be_read(traces: list[str], tmp_path: Path) -> None:
    code, text, errors = stats(str(tmp_path / "none"))
    assert (code, text) == (3, "")
    assert errors.startswith("qmpconf stats: cannot read ")
    code, text, errors = stats(traces[0], str(tmp_path / "none"))
    assert code == 3
    assert " messages in " in text
    assert "qmpconf stats: cannot read " in errors
    assert stats(traces[0], "--top", "-1")[0] == 2


def test_response_times_as_knowledge(capsys: pytest.CaptureFixture[str]) -> None:
    """By version, under a time-out, and beside other recordings; the same for any number of processes."""
    here, there = (f"traces/qemu-{one}-rich.qmptrace.gz" for one in ("11.1.3", "7.2.22"))
    words = ["stats", here, there, "--latency", "--timeout", "20ms", "--format", "json", "-q"]
    assert main(words) == 0
    one = capsys.readouterr().out
    found = json.loads(one)
    assert {row["version"] for row in found["figures"]["by_version"]} == {"7.2.22", "11.1.3"}
    assert any(
        "a time-out of 20 ms would have failed 1 in" in note["text"] for note in found["notes"]
    )
    titles = [table["title"] for table in found["tables"]]
    assert titles[0].startswith("Calls of more than 20 ms")
    assert main([*words, "--jobs", "2"]) == 0
    again = json.loads(capsys.readouterr().out)
    for run in (*found["runs"], *again["runs"]):
        del run["started"], run["command"]
    assert again == found
    assert main(["stats", here, "--against", there, "--format", "json", "-q"]) == 0
    beside = json.loads(capsys.readouterr().out)
    (table,) = beside["tables"]
    assert ("stop", "1 and 1") in [tuple(row[:2]) for row in table["rows"]]
    assert main(["stats", here, "--against", "nowhere"]) == 3
    with pytest.raises(SystemExit):
        main(["stats", here, "--timeout", "soon"])
    assert "'soon' is not a time: write 5s or 500ms" in capsys.readouterr().err


@pytest.mark.every_case
@pytest.mark.parametrize("number", ["0", "-1", "1e308", "9" * 400])
@pytest.mark.parametrize("place", [r'"total":', r'"buckets":\[\[', r'"count":', r'"bytes":'])
def test_a_result_with_a_number_that_cannot_be_is_reported_all_the_same(
    place: str,
    number: str,
    traces: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever wrote it: at worst a line is passed over, and that is said."""
    good, bad = str(tmp_path / "good.qmpresult"), tmp_path / "bad.qmpresult"
    assert main(["stats", *traces, "--result", good, "-q"]) == 0
    text = Path(good).read_text()
    bad.write_text(re.sub(rf"({place})[^,}}]+", rf"\g<1>{number}", text, count=1))
    assert main(["report", good, str(bad)]) in (0, 1, 3)
    assert "Times of responses" in capsys.readouterr().out
