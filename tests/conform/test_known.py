"""Known failures: read, chosen by the greeting, held against results, written."""

from __future__ import annotations

from importlib import resources

import pytest

from qmpconf.check.reporter import Reporter
from qmpconf.conform.cases import server_cases
from qmpconf.conform.known import Known, dumped
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.target import Facts
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.errors import InputError
from qmpconf.findings import Finding
from qmpconf.schema.store import shipped as catalogs

LIST = """
[[known]]
case = "response.id-echo/*"
reason = "the ids are not right"

[[known]]
case = "framing.crlf/replies"
reason = "it sends LF"
sometimes = true
"""


def result(case: str, verdict: Verdict, foreign: list[Finding] | None = None) -> CaseResult:
    requirement = case.partition("/")[0]
    return CaseResult(case, (requirement,), "a title", verdict, "a reason", foreign=foreign or [])


def breach(requirement: str) -> Finding:
    reporter = Reporter("x.qmptrace", 1)
    return reporter.finding(requirement, 7, "", "", "a sentence", "this", "that", "spec 2")


def outcome(known: Known, *results: CaseResult) -> Outcome:
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
    assert outcome(Known(), result("framing.escapes/error", Verdict.WARN)).exit_code == 0


def test_a_must_that_no_case_could_decide_does_not_conform() -> None:
    one = outcome(Known(), result("event.clock/host", Verdict.INCONCLUSIVE))
    assert (one.exit_code, one.word, one.undecided) == (1, "undecided", ["event.clock"])
    decided = outcome(
        Known(),
        result("event.clock/host", Verdict.INCONCLUSIVE),
        result("event.clock/other", Verdict.PASS),
    )
    assert (decided.exit_code, decided.word) == (0, "conforms")
    weak = outcome(Known(), result("event.rate-limit/quorum", Verdict.INCONCLUSIVE))
    assert (weak.exit_code, weak.undecided) == (0, [])


def test_a_run_that_was_cut_short_heals_nothing() -> None:
    known = Known.parse(LIST, "list")
    one = Outcome("target", "--target x", "none", gone="interrupted in x", interrupted=True)
    one.results = [result("response.id-echo/success-null", Verdict.PASS)]
    one.complete(known)
    assert (one.healed, one.exit_code, one.word) == ([], 130, "interrupted")


def test_what_is_seen_by_the_way_counts_for_its_own_requirement() -> None:
    seen = [breach("framing.crlf"), breach("framing.escapes")]
    one = outcome(Known(), result("response.members/shapes", Verdict.PASS, seen))
    verdicts = one.requirements()
    assert verdicts["response.members"] is Verdict.PASS
    assert verdicts["framing.crlf"] is Verdict.FAIL
    assert verdicts["framing.escapes"] is Verdict.WARN
    assert {each.case for each in one.unexpected} == {"framing.crlf/seen", "framing.escapes/seen"}
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
    again = Known.parse(dumped(failed, known, "conform"), "written")
    assert [one.case for one in again.entries] == [
        "framing.utf8-in/latin1",
        "response.id-echo/success-null",
    ]
    assert again.entries[1].reason == "the ids are not right"
    assert outcome(again, *failed).exit_code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("known = 1", r"list:1: write \[\[known\]\]"),
        ("[[known]]\ncase = 'x'", "list:1: known 1 has no 'reason'"),
        ("[[known]]\ncase = 'x'\nreason = ' '", "list:3: 'reason' must be a string, not empty"),
        ("[[known]]\ncase = 'x'\nreason = 'y'\nodd = 1", "list:4: unknown key 'odd'"),
        ("[[known]]\ncase = 1\nreason = 'y'", "list:2: 'case' must be a string"),
        ("[[known]]\ncase = 'x'\nreason = 'y'\nsince = 'new'", "list:4: 'new' is not a version"),
        ("[[known]]\ncase = 'x'\nreason = 'y'\nsometimes = 'no'", "true or false"),
        ("[[known]]\ncase = 'x'\nreason = 'y'\nbuilds = 'z'", "list:4: 'builds' must be a list"),
        ("[[known]]\nfingerprint = 'x'\nreason = 'y'", "list:2: .* name a 'case'"),
        ("[[other]]\n", "list:1: unknown key 'other'"),
        ("= 1", "list:1: is not a list of known failures"),
    ],
)
def test_bad_list_is_told(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Known.parse(text, "list")


def shipped(build: str) -> Known:
    return Known.shipped(Facts(build=build))


def test_shipped_list_goes_by_the_build() -> None:
    old = {one.case for one in shipped("qemu-5.2.0").entries}
    new = {one.case for one in shipped("qemu-7.2.22").entries}
    daemon = {one.case for one in shipped("qemu-storage-daemon-5.2.0").entries}
    assert "response.id-echo/*-tiny" in old
    assert "response.id-echo/*-tiny" not in new
    assert "framing.valid-json/numbers-*" in new
    assert "schema.introspection/query-commands" in daemon - old
    assert shipped("").entries == ()
    assert shipped("").where == ""


def test_an_entry_of_the_shipped_list_that_passes_is_a_note() -> None:
    one = outcome(shipped("qemu-7.2.22"), result("framing.utf8-in/overlong-zero", Verdict.PASS))
    assert one.healed == []
    assert one.exit_code == 0
    case = "framing.utf8-in/overlong-zero"
    assert one.notes() == [f"{case} is known to fail on this build ({case}), and passes here"]


def test_the_same_entry_of_the_users_list_fails_the_run() -> None:
    case = "framing.utf8-in/overlong-zero"
    mine = Known.parse(f'[[known]]\ncase = "{case}"\nreason = "seen"\n', "mine")
    one = outcome(mine.joined(shipped("qemu-7.2.22")), result(case, Verdict.PASS))
    assert one.healed == [(case, case)]
    assert one.exit_code == 1


def test_every_entry_of_the_shipped_list_names_its_builds() -> None:
    file = resources.files("qmpconf.conform") / "known.toml"
    for one in Known.parse(file.read_text(encoding="utf-8"), "known.toml").entries:
        assert one.builds, one.case
        assert set(one.builds) <= set(catalogs()), one.case


def test_shipped_list_names_cases_that_exist() -> None:
    cases = {*server_cases(), "response.exactly-one/seen"}
    cases.add("request.strict-arguments/query-qmp-schema")  # generated
    for one in shipped("qemu-storage-daemon-5.2.0").entries:
        assert any(one.meets(case) for case in cases), one.case
