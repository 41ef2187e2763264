"""Known failures: read, chosen by the greeting, held against results, written."""

from __future__ import annotations

import pytest

from qmpconf.conform.cases import server_cases
from qmpconf.conform.known import Known, dumped
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.target import Facts
from qmpconf.conform.verdicts import Breach, Result, Verdict
from qmpconf.errors import InputError

LIST = """
[[known]]
case = "response.id-echo/*"
reason = "the ids are not right"

[[known]]
case = "framing.crlf/replies"
reason = "it sends LF"
sometimes = true
"""


def result(case: str, verdict: Verdict, foreign: list[Breach] | None = None) -> Result:
    requirement = case.partition("/")[0]
    return Result(case, (requirement,), "a title", verdict, "a reason", foreign=foreign or [])


def breach(requirement: str, level: str = "MUST") -> Breach:
    return Breach(requirement, level, 7, "a sentence", "spec 2", "this", "that")


def outcome(known: Known, *results: Result) -> Outcome:
    one = Outcome("target", "--target x", "none", list(results))
    for each in one.results:
        each.known = known.reason_of(each) if each.verdict.broken else ""
    one.complete(known)
    return one


def test_known_failure_does_not_fail_the_run() -> None:
    known = Known.parse(LIST, "list")
    one = outcome(known, result("response.id-echo/success-null", Verdict.FAIL))
    assert one.exit_code == 0
    assert one.unexpected == []
    assert one.is_known("response.id-echo")


def test_known_failure_that_passes_fails_the_run() -> None:
    known = Known.parse(LIST, "list")
    one = outcome(known, result("response.id-echo/success-null", Verdict.PASS))
    assert one.exit_code == 1
    assert one.healed == [("response.id-echo/*", "response.id-echo/success-null")]


def test_one_of_several_that_still_fails_is_enough() -> None:
    known = Known.parse(LIST, "list")
    one = outcome(
        known,
        result("response.id-echo/success-null", Verdict.PASS),
        result("response.id-echo/success-zero", Verdict.FAIL),
    )
    assert one.exit_code == 0


def test_what_happens_sometimes_may_pass() -> None:
    known = Known.parse(LIST, "list")
    assert outcome(known, result("framing.crlf/replies", Verdict.PASS)).exit_code == 0
    assert outcome(known, result("framing.crlf/replies", Verdict.FAIL)).exit_code == 0


def test_unknown_failure_fails_and_a_warning_does_not() -> None:
    assert outcome(Known(), result("framing.crlf/replies", Verdict.FAIL)).exit_code == 1
    assert outcome(Known(), result("framing.ascii/error", Verdict.WARN)).exit_code == 0


def test_what_is_seen_by_the_way_counts_for_its_own_requirement() -> None:
    seen = [breach("framing.crlf"), breach("framing.ascii", "SHOULD")]
    one = outcome(Known(), result("response.members/shapes", Verdict.PASS, seen))
    verdicts = one.requirements()
    assert verdicts["response.members"] is Verdict.PASS
    assert verdicts["framing.crlf"] is Verdict.FAIL
    assert verdicts["framing.ascii"] is Verdict.WARN
    assert {each.case for each in one.unexpected} == {"framing.crlf/seen", "framing.ascii/seen"}
    assert one.exit_code == 1


def test_what_is_seen_by_the_way_can_be_known() -> None:
    known = Known.parse('[[known]]\ncase = "framing.crlf/seen"\nreason = "LF"\n', "list")
    one = outcome(known, result("response.members/shapes", Verdict.PASS, [breach("framing.crlf")]))
    assert one.exit_code == 0


def test_what_its_own_case_tells_is_not_told_again() -> None:
    one = outcome(
        Known(),
        result("framing.crlf/replies", Verdict.FAIL),
        result("response.members/shapes", Verdict.PASS, [breach("framing.crlf")]),
    )
    assert [each.case for each in one.unexpected] == ["framing.crlf/replies"]


def test_target_that_has_gone() -> None:
    one = outcome(Known(), result("framing.crlf/replies", Verdict.PASS))
    one.gone = "the target hangs"
    assert one.exit_code == 4


def test_written_list_is_read_again_and_keeps_reasons() -> None:
    known = Known.parse(LIST, "list")
    failed = [
        result("response.id-echo/success-null", Verdict.FAIL),
        result("framing.utf8-in/latin1", Verdict.FAIL),
        result("framing.object/replies", Verdict.PASS),
    ]
    again = Known.parse(dumped(failed, known), "written")
    assert [one.case for one in again.entries] == [
        "framing.utf8-in/latin1",
        "response.id-echo/success-null",
    ]
    assert again.entries[1].reason == "the ids are not right"
    assert outcome(again, *failed).exit_code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("known = 1", "unexpected 'known'"),
        ("[[known]]\ncase = 'x'", "needs the strings"),
        ("[[known]]\ncase = 'x'\nreason = ' '", "needs the strings"),
        ("[[known]]\ncase = 'x'\nreason = 'y'\nodd = 1", "unexpected 'odd'"),
        ("[[known]]\ncase = 1\nreason = 'y'", "case is no string"),
        ("[[known]]\ncase = 'x'\nreason = 'y'\nsince = 'new'", "is no version"),
        ("[[known]]\ncase = 'x'\nreason = 'y'\nsometimes = 'no'", "true or false"),
        ("[[other]]\n", "unexpected 'other'"),
        ("= 1", "no list of known failures"),
    ],
)
def test_bad_list_is_told(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Known.parse(text, "list")


def facts(version: tuple[int, ...], package: str = "Debian", product: str = "qemu") -> Facts:
    return Facts(version=version, package=package, product=product)


def test_shipped_list_goes_by_the_greeting() -> None:
    old = {one.case for one in Known.shipped(facts((5, 2, 0))).entries}
    new = {one.case for one in Known.shipped(facts((7, 2, 22))).entries}
    daemon = {
        one.case for one in Known.shipped(facts((5, 2, 0), product="qemu-storage-daemon")).entries
    }
    assert "response.id-echo/*-tiny" in old
    assert "response.id-echo/*-tiny" not in new
    assert "framing.valid-json/numbers-*" in new
    assert "schema.introspection/query-commands" in daemon - old


def test_shipped_list_is_not_for_the_embedded_monitor() -> None:
    assert Known.shipped(facts((7, 2, 22), "qmpconf 0.1.0 (embedded monitor)")).entries == ()


def test_shipped_list_names_cases_that_exist() -> None:
    cases = {*server_cases(), "response.exactly-one/seen"}
    cases.add("request.strict-arguments/query-qmp-schema")  # generated
    for one in Known.shipped(facts((5, 2, 0), product="qemu-storage-daemon")).entries:
        assert any(one.meets(case) for case in cases), one.case
