"""What a run is shown as: text, the matrix in Markdown, and data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf.check.reporter import Reporter
from qmpconf.cli.main import main
from qmpconf.conform.frozen import RequirementSet
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import Outcome, result_from_data, result_to_data, to_data
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.errors import InputError
from qmpconf.protocol.requirements import Level
from qmpconf.report import conform_matrix
from qmpconf.report.results.merge import merged
from qmpconf.report.results.of_conform import of_conform
from qmpconf.report.results.stream import header
from qmpconf.report.views.text import page

EVIL = "<script>alert(1)</script> \x1b[31m | `x`"


def broken(known: str = "") -> CaseResult:
    breach = Reporter("out/x.qmptrace", 0).finding(
        "framing.crlf", 5, "", "", "A title", "CR LF", EVIL, "spec 2.1"
    )
    return CaseResult(
        "framing.crlf/replies",
        ("framing.crlf",),
        "A title",
        Verdict.FAIL,
        f"expected CR LF; got {EVIL}",
        [breach],
        trace="out/x.qmptrace",
        excerpt="     4 -> {}\n>    5 <- " + EVIL,
        known=known,
    )


def outcome(*results: CaseResult) -> Outcome:
    one = Outcome("qemu 7.2.22 (Debian)", "--target unix:x.sock", "its own", list(results))
    one.complete(Known())
    return one


def shown(one: Outcome) -> str:
    return page(merged([of_conform(header("conform"), one)]))


def test_failure_tells_rule_messages_and_command() -> None:
    text = shown(outcome(broken()))
    assert "FAIL framing.crlf/replies: A title" in text
    assert "rule       framing.crlf (MUST, spec 2.1): Every server message ends in CR LF." in text
    assert "\n  >    5 <- " in text
    assert "repeat     qmpconf conform --target unix:x.sock -k framing.crlf/replies" in text
    assert "\x1b" not in text
    assert "\ndoes not conform: 1 fail: 1 error; 0.0 s\n" in text


def lost_id(name: str, sent: str, seen: str = "none") -> CaseResult:
    breach = Reporter(f"out/{name}.qmptrace", 0).finding(
        "response.id-echo",
        5,
        "",
        "",
        f"The id comes back ({name})",
        f"the id {sent}",
        seen,
        "spec 2.4",
    )
    case = f"response.id-echo/{name}"
    return CaseResult(case, ("response.id-echo",), "A title", Verdict.FAIL, "no id", [breach])


def test_cases_that_break_a_rule_in_the_same_way_are_told_once() -> None:
    """A server that forgets ids does so whatever the id is."""
    ids = {"null": "null", "zero": "0", "object": '{"a": 1}', "string": '"x"'}
    text = shown(outcome(*(lost_id(name, sent) for name, sent in ids.items())))
    assert text.count("FAIL ") == 1
    assert "\n  also in    3 more cases: response.id-echo/" in text
    assert "does not conform: 4 fail" in text
    other = shown(outcome(lost_id("null", "null"), lost_id("zero", "0", "another one")))
    assert other.count("FAIL ") == 2


def test_known_failures_are_counted_and_not_told_in_full() -> None:
    text = shown(outcome(broken("it is old")))
    assert text.startswith("known ")
    assert "FAIL" not in text
    assert text.endswith("\nconforms: 1 fail (1 of them known); 1 kind known; 0.0 s\n")


def test_a_failure_that_is_listed_and_passes_is_said() -> None:
    one = outcome(CaseResult("framing.crlf/replies", ("framing.crlf",), "A title", Verdict.PASS))
    one.healed = [("framing.*", "framing.crlf/replies")]
    text = shown(one)
    assert "HEALED framing.crlf/replies is listed as known to fail (framing.*), and passes" in text
    assert "\ndoes not conform: 1 pass; 1 known one gone; 0.0 s\n" in text


def test_what_could_not_be_found_out_is_listed() -> None:
    case = CaseResult("framing.crlf/x", ("framing.crlf",), "A", Verdict.INCONCLUSIVE, "no answer")
    assert "\ninconclusive   framing.crlf/x: no answer\n" in "\n" + shown(outcome(case))


def test_matrix_has_a_column_for_each_server() -> None:
    good = CaseResult("framing.crlf/replies", ("framing.crlf",), "A title", Verdict.PASS)
    outcomes = {"one": outcome(good), "two": outcome(broken("it is old")), EVIL: outcome(broken())}
    found = conform_matrix.rows(outcomes)
    assert [cell.text for cell in found[0].cells] == ["pass", "FAIL †", "FAIL"]
    text = conform_matrix.markdown(outcomes, "x.toml")
    assert "| `framing.crlf`" in text
    assert "<script>" not in text


def test_matrix_names_its_set_of_requirements_and_has_its_levels() -> None:
    one = outcome(broken())
    assert "held to" not in conform_matrix.markdown({"one": one}, "x.toml")
    one.frozen = RequirementSet("2031-01", {"framing.crlf": Level.SHOULD})
    text = conform_matrix.markdown({"one": one}, "x.toml")
    assert "They are held to the requirements of 2031-01." in text
    assert conform_matrix.rows({"one": one})[0].level == "SHOULD"


def test_results_survive_as_data() -> None:
    one = broken("it is old")
    again = result_from_data(json.loads(json.dumps(result_to_data(one))))
    assert again == one
    assert to_data(outcome(one))["requirements"] == {"framing.crlf": "fail"}
    with pytest.raises(InputError):
        result_from_data({"case": "x"})


def test_list_needs_no_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--list", "-k", "response.id-echo"]) == 0
    out = capsys.readouterr().out
    assert "response.id-echo/success-null" in out
    assert "framing" not in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["conform"], "what is put to the test?"),
        (["conform", "--target", "x", "--update"], "needs the file"),
        (["conform", "--spawn", "qemu"], "has no {socket}"),
    ],
)
def test_wrong_calls(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[[server]]\nname = 'x'\n")
    assert main(["conform", "--matrix", str(bad)]) == 3
    said = capsys.readouterr().err
    assert f"{bad}:1: the server 'x' needs a spawn or a target" in said
    assert main(["conform", "--target", "x", "--baseline", str(tmp_path / "no")]) == 3
    assert "cannot read" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["conform", "conform-client"])
def test_a_list_is_that_of_the_set_of_requirements(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--list", "--requirements", "2026-13"]) == 2
    assert (
        "there is no set of requirements '2026-13'; did you mean 2026-12?"
        in capsys.readouterr().err
    )
    assert main([verb, "--list", "--requirements", "2026-12"]) == 0
    assert "framing." in capsys.readouterr().out
