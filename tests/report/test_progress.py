"""Progress: on a terminal, on stderr, after a while; then gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.report import progress
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.trace.reader import TraceReader
from tests.cli.terminal import Terminal, bare, left_on_screen

#: Works until the file of its argument is there.  Delays are none, so that nothing is waited for.
WORK = """
import os, sys, time
from qmpconf.report import progress
progress._DELAY, progress._PAUSE = {delay}, 0.01
with progress.Progress("testing", {total}, unit="{unit}", quiet={quiet}) as shown:
    shown.advance(3_000_000, "case\\x1b[2Jone")
    shown.say("said [bold]before")
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    shown.say("said [bold]behind")
    print("result")
print("end", file=sys.stderr)
"""


def work(
    tmp_path: Path,
    *,
    total: float = 6e6,
    unit: str = "bytes",
    quiet: bool = False,
    delay: float = 0.0,
) -> tuple[list[str], Path]:
    code = WORK.format(total=total, unit=unit, quiet=quiet, delay=delay)
    return [sys.executable, "-c", code, str(tmp_path / "end")], tmp_path / "end"


@pytest.mark.parametrize(
    ("total", "unit", "shown"),
    [(6e6, "bytes", "3.0/6.0 MB"), (6e6, "cases", "3000000/6000000"), (0, "bytes", "0:00:00")],
)
def test_on_a_terminal(tmp_path: Path, total: float, unit: str, shown: str) -> None:
    command, end = work(tmp_path, total=total, unit=unit)
    with Terminal(command) as terminal:
        terminal.until(lambda text: shown in bare(text) and "case" in text)
        # Who is killed now leaves a terminal with a cursor.
        terminal.until(lambda text: text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"), 20)
        end.touch()
        code, drawn, out = terminal.wait()
    assert (code, out) == (0, "result\n")
    assert "testing" in drawn
    assert "\x1b[2J" not in drawn  # names are not trusted
    assert [line for line in left_on_screen(drawn).split("\n") if line] == [
        "said [bold]before",
        "said [bold]behind",
        "end",
    ]


def test_nothing_before_a_second_has_passed(tmp_path: Path) -> None:
    command, end = work(tmp_path, delay=3600)
    end.touch()
    assert Terminal(command).wait() == (
        0,
        "said [bold]before\nsaid [bold]behind\nend\n",
        "result\n",
    )


def test_quiet(tmp_path: Path) -> None:
    command, end = work(tmp_path, quiet=True)
    end.touch()
    assert Terminal(command).wait() == (0, "end\n", "result\n")


def test_elsewhere_it_only_says_what_is_to_be_said(tmp_path: Path) -> None:
    command, end = work(tmp_path)
    end.touch()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    assert done.stderr == "said [bold]before\nsaid [bold]behind\nend\n"


def test_what_is_said_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("x") as shown:
        shown.say("\x1b[2J:\n  second line")
    assert capsys.readouterr().err == "\\u001B[2J:\n  second line\n"


def test_rich_is_not_imported_for_nothing(tmp_path: Path) -> None:
    command, end = work(tmp_path, delay=3600)
    end.touch()
    command[2] += "assert 'rich' not in sys.modules\n"
    assert Terminal(command).wait()[0] == 0


def test_bytes_of_traces(tmp_path: Path) -> None:
    path = tmp_path / "a.qmptrace"
    path.write_text('{"qmptrace":1,"started":"x"}\n{"t":1,"conn":1,"open":{}}\n')
    reader = TraceReader(str(path))
    list(reader.items())
    with Progress("x") as shown:
        for count in (1, 2):
            with shown.reading(reader):
                list(reader.items())
            assert shown._done == count * path.stat().st_size
    assert size_of_files([str(path), str(tmp_path / "none")]) == path.stat().st_size


@pytest.mark.parametrize("counted", [False, True])
def test_a_file_is_done_whoever_counts(tmp_path: Path, counted: bool) -> None:
    path = tmp_path / "a.qmptrace"
    path.write_text('{"qmptrace":1,"started":"x"}\n')
    size = path.stat().st_size
    with Progress("x", 2 * size, times=2) as shown:
        for done in (1, 2):
            with shown.file(str(path)):
                if counted:
                    shown.finish(size)
            assert shown._done == done * 2 * size


def test_readers_that_are_followed_count_together(tmp_path: Path) -> None:
    path = tmp_path / "a.qmptrace"
    path.write_text('{"qmptrace":1,"started":"x"}\n{"t":1,"conn":1,"open":{}}\n')
    one, other = TraceReader(str(path)), TraceReader(str(path))
    list(one.items())
    with Progress("x") as shown:
        shown.follow(one)
        shown.follow(other)
        assert shown._more() == 0
        list(one.items())
        assert shown._more() == path.stat().st_size
        list(other.items())
        assert shown._more() == 2 * path.stat().st_size


def test_an_error_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    with pytest.raises(KeyboardInterrupt), Progress("x"):
        raise KeyboardInterrupt
