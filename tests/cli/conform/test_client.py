"""``qmpconf conform-client``, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from qmpconf.cli.conform import client as verb
from qmpconf.cli.main import main
from qmpconf.conform.outcome import Outcome
from qmpconf.errors import InputError, UsageError
from qmpconf.report.results.records import Case
from qmpconf.report.results.stream import read_result
from qmpconf.trace.reader import TraceReader

CAREFUL = str(Path(__file__).parents[2] / "conform" / "clients" / "careful.py")
NAIVE = str(Path(__file__).parents[2] / "conform" / "clients" / "naive.py")


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    verb.configure(parser)
    return verb.run(parser.parse_args([*words]))


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


def test_an_interrupted_matrix_goes_on_with_no_other_client_and_writes_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "mine.toml"
    one = '[[client]]\nname = "{}"\ncommand = "{{python}} client"\nnote = "A note."\n'
    listed.write_text("\n".join(one.format(name) for name in ("first", "second")))
    seen = []

    def interrupted(words: Sequence[str], *_: object) -> Outcome:
        seen.append(words)
        outcome = Outcome("", "", "")
        outcome.interrupted = True
        return outcome

    monkeypatch.setattr(verb, "conform_client", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("-q", "--matrix", str(listed))
    assert len(seen) == 1
    assert not (tmp_path / "mine.md").exists()


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


def test_what_is_listed_of_a_client_is_used_and_one_that_fails_is_not_judged(
    tmp_path: Path,
) -> None:
    listed = tmp_path / "mine.toml"
    listed.write_text(
        f"""
[[client]]
name = "reports"
command = "{{python}} {CAREFUL} shows-event"
output = "testee"
[[client]]
name = "three"
command = "sh -c '{{python}} {NAIVE} good; exit 3'"
exit = 3
[[client]]
name = "fails"
command = "sh -c 'echo so it is; exit 5'"
"""
    )
    assert run("--matrix", str(listed), "-k", "event.any-time/before") == 0
    page = (tmp_path / "mine.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| `event.any-time/before`"))
    assert [cell.strip() for cell in row.split("|")[3:6]] == ["**fail**", "pass", ""]
    assert "It was not judged: the client did not connect (exit code 5; its last words: " in page


def test_a_result_is_written_as_it_comes_and_seen_in_every_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "client.qmpresult"
    options = ("-q", "-k", "event.any-time/before", "--output", "testee", "--result", str(result))
    assert run(*options, "--", sys.executable, CAREFUL, "shows-event") == 1
    found = read_result(str(result))
    assert found.complete
    cases = {one.id: one.verdict for one in found.records if isinstance(one, Case)}
    assert cases == {"negotiation.client-first/plain": "pass", "event.any-time/before": "fail"}
    repeat = "conform-client -k event.any-time/before --output testee -- "
    assert repeat in capsys.readouterr().out
    for form, name in (("junit", "junit.xml"), ("html", "report.html")):
        assert main(["report", str(result), "--format", form, "-o", str(tmp_path / form)]) == 1
        assert "event.any-time/before" in (tmp_path / form / name).read_text()


def test_a_run_that_is_interrupted_keeps_what_it_has_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = tmp_path / "client.qmpresult"

    def interrupt(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(verb, "case_line", interrupt)
    words = ("-q", "-v", "-k", "any-time", "--result", str(result), "--")
    assert run(*words, sys.executable, NAIVE, "good") == 130
    found = read_result(str(result))
    assert found.exit_code == 130
    assert [one.id for one in found.records if isinstance(one, Case)] == [
        "negotiation.client-first/plain"
    ]


def test_what_makes_a_run_fail_is_chosen() -> None:
    words = ("-q", "-k", "quit-eof", "--fail-on")
    client = ("--", sys.executable, NAIVE, "wants-reply")
    assert run(*words, "MUST", *client) == 0
    assert run(*words, "SHOULD", *client) == 1
    with pytest.raises(UsageError, match="give one of both"):
        run("--strict", *words, "never", *client)


def test_what_cannot_work_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="behind --"):
        run()
    listed = tmp_path / "bad.toml"
    listed.write_text("[[client]]\nname = 'x'\ncommand = ''\n")
    with pytest.raises(InputError, match=r"bad\.toml:3: 'command' must be a string, not empty"):
        run("--matrix", str(listed))
    listed.write_text("client = 1")
    with pytest.raises(InputError, match=r"bad\.toml:1: write \[\[client\]\]"):
        run("--matrix", str(listed))
    with pytest.raises(InputError, match="cannot read"):
        run("--matrix", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="is a file; name a folder"):
        run("--report", str(listed), "--", "true")
