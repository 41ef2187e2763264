"""``qmpconf conform-client``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from qmpconf.cli import conform_client
from qmpconf.errors import InputError, OutputError, UsageError
from qmpconf.trace.reader import TraceReader

NAIVE = str(Path(__file__).parent.parent / "conform" / "clients" / "naive.py")


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    conform_client.configure(parser)
    return conform_client.run(parser.parse_args([*words]))


def test_it_tells_what_a_client_cannot_cope_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = ("--", sys.executable, NAIVE)
    options = ("-q", "-v", "-k", "event.unknown", "--report", str(tmp_path))
    assert run(*options, *client, "good") == 0
    assert "copes: 3 pass" in capsys.readouterr().out
    assert run(*options, *client, "known-members") == 1
    out = capsys.readouterr().out
    assert "FAIL event.unknown-tolerated/members" in out
    assert "repeat     qmpconf conform-client -k event.unknown-tolerated/members -- " in out
    assert "does not cope: 2 pass, 1 fail" in out
    reader = TraceReader(str(tmp_path / "event.unknown-tolerated__members.qmptrace"))
    assert len(list(reader.items())) > 5
    assert reader.finished
    assert len(list(tmp_path.iterdir())) == 3


def test_it_lists_its_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    assert "session.quit-eof/no-reply" in capsys.readouterr().out


def test_a_matrix_stands_next_to_its_list(tmp_path: Path) -> None:
    listed = tmp_path / "mine.toml"
    listed.write_text(
        f'[[client]]\nname = "mine"\ncommand = "{{python}} {NAIVE} known-events"\nnote = "A note."\n'
    )
    assert run("-q", "--matrix", str(listed), "-k", "event.unknown") == 0
    page = (tmp_path / "mine.md").read_text()
    assert "| `event.unknown-tolerated/events`" in page
    assert "**fail**" in page
    assert "A note." in page


def test_what_cannot_work_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="behind --"):
        run()
    listed = tmp_path / "bad.toml"
    listed.write_text("[[client]]\nname = 'x'\ncommand = ''\n")
    with pytest.raises(InputError, match="'x' is empty"):
        run("--matrix", str(listed))
    listed.write_text("client = 1")
    with pytest.raises(InputError, match="no list of clients"):
        run("--matrix", str(listed))
    with pytest.raises(InputError, match="cannot read"):
        run("--matrix", str(tmp_path / "none"))
    with pytest.raises(OutputError, match="cannot make the folder"):
        run("--report", str(listed), "--", "true")
