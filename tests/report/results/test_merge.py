"""Results together: in any order, each once, and the one that counts most counts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.report.results.merge import merged
from qmpconf.report.results.records import (
    Case,
    Coverage,
    Gone,
    Header,
    Latency,
    Note,
    Record,
    Subject,
    Verdict,
)
from qmpconf.report.results.stream import ResultFile
from tests.report.results.samples import checked, conformed, finding, message, results, warning


def alone(*records: Record, started: str = "1") -> ResultFile:
    return ResultFile(Header(verb="conform", started=started), list(records)).end(0)


@given(st.lists(results(), max_size=4), st.data())
def test_any_order_and_copies_give_the_same(found: list[ResultFile], data: st.DataObject) -> None:
    again = data.draw(st.permutations([*found, *found[:2]]))
    assert merged(again) == merged(found)


def test_messages_of_equal_place_have_one_order() -> None:
    said = [message(1, name=name) for name in "abcdefgh"]
    first = merged([alone(*said)]).messages["s.qmptrace"]
    assert first == merged([alone(*reversed(said))]).messages["s.qmptrace"]
    assert len(first) == 8


@pytest.mark.parametrize(
    ("codes", "merged_code"),
    [
        ([0], 0),
        ([0, 1], 1),
        ([1, 4, 0], 4),
        ([130, 4], 130),
        ([3, 1], 3),
        ([2, 0], 2),
        ([99, 0], 3),
        ([-5, 1], 3),
    ],
)
def test_exit_codes(codes: list[int], merged_code: int) -> None:
    results = [checked(path=f"{at}", exit_code=code) for at, code in enumerate(codes)]
    assert merged(results).exit_code == merged_code


def test_what_is_cut_off_or_not_read_fails_the_report() -> None:
    cut = checked(finding())
    cut.finish = None
    report = merged([cut, checked(path="t", exit_code=0)])
    assert report.exit_code == 3
    assert [run.failure for run in report.cut] == ["the result was cut off"]
    assert report.new
    damaged = checked(exit_code=0)
    damaged.damage = "r:2: not a record"
    assert merged([damaged]).cut[0].failure == "r:2: not a record"
    assert merged([checked(exit_code=0)], ["x: cannot be read"]).exit_code == 3
    assert merged([checked(exit_code=1)]).exit_code == 1


def test_a_copy_under_another_name_counts_once() -> None:
    copies = [checked(finding()) for _ in range(2)]
    copies[0].origin, copies[1].origin = "b", "a"
    report = merged(copies)
    assert [run.origin for run in report.runs] == ["a"]
    assert merged(reversed(copies)) == report


def test_a_trace_that_was_checked_twice_has_its_messages_once() -> None:
    report = merged([checked(finding(), started=day) for day in ("2026-01-01", "2026-01-02")])
    assert report.subjects[0].facts["messages"] == 15
    assert [one.count for one in report.findings] == [1]
    assert len(report.runs) == 2


def test_shards_of_a_server_add_up() -> None:
    shards = [
        alone(
            Subject(name="q", kind="server", facts={"seconds": 1.5 + n, "on": True, "who": "q"}),
            Case(subject="q", id=f"case {n}", verdict="pass"),
            finding(subject="q", path=f"{n}", case=f"case {n}", lines=(n,)),
            started=f"{n}",
        )
        for n in range(2)
    ]
    report = merged(shards)
    assert report.subjects[0].facts == {"seconds": 4.0, "on": True, "who": "q"}
    assert len(report.cases) == 2
    assert [(one.count, one.lines) for one in report.findings] == [(2, (0, 1))]


def test_the_worst_verdict_counts_and_new_before_known() -> None:
    verdicts = [
        Verdict(subject="q", rule="r", verdict="pass"),
        Verdict(subject="q", rule="r", verdict="fail", known="why not"),
        Verdict(subject="q", rule="r", verdict="fail", reason="new"),
        Verdict(subject="q", rule="r", verdict="inconclusive"),
    ]
    (found,) = merged([alone(*verdicts)]).verdicts
    assert found.reason == "new"
    (found,) = merged([alone(verdicts[0], verdicts[3])]).verdicts
    assert found.verdict == "pass"


def test_what_is_new_anywhere_is_new() -> None:
    known = finding(status="known", reason="bug 1")
    report = merged([checked(known), checked(finding(), started="2")])
    assert [one.status for one in report.findings] == ["new"]


def test_what_another_shard_finds_is_not_gone() -> None:
    gone = Gone(subject="", fingerprint=finding().fingerprint, reason="bug 1")
    first = checked(gone, path="t.qmptrace", exit_code=1)
    second = checked(finding(status="known", reason="bug 1"), exit_code=0)
    report = merged([first, second])
    assert (report.gone, report.exit_code) == ([], 0)
    assert merged([first]).exit_code == 1
    warned = checked(gone, warning(subject="t.qmptrace"), path="t.qmptrace", exit_code=1)
    assert merged([warned, second]).exit_code == 0
    strict = ResultFile(msgspec.structs.replace(warned.header, strict=True), warned.records)
    assert merged([strict.end(1), second]).exit_code == 1
    worse = checked(gone, finding(subject="t.qmptrace", fingerprint="9"), path="t.qmptrace")
    assert merged([worse, second]).exit_code == 1
    other = Gone(subject="t.qmptrace", fingerprint=finding().fingerprint)
    assert merged([checked(other, path="t.qmptrace"), second]).exit_code == 1


def test_findings_come_worst_first() -> None:
    note = finding(severity="note", fingerprint="1", line=1)
    report = merged([checked(note, warning(), finding(line=99))])
    assert [one.severity for one in report.new] == ["error", "warning", "note"]
    assert report.totals() == {"error": 1, "warning": 4, "note": 1}


def test_findings_of_one_line_are_in_the_order_of_their_places() -> None:
    places = [("b", "/return/2"), ("b", "/return/10"), ("a", "/return/3")]
    found = [
        finding(about=about, pointer=at, fingerprint=f"{9 - n}")
        for n, (about, at) in enumerate(places)
    ]
    assert [(one.about, one.pointer) for one in merged([checked(*found)]).findings] == [
        ("a", "/return/3"),
        ("b", "/return/2"),
        ("b", "/return/10"),
    ]


def test_latencies_and_coverage_add_up() -> None:
    records = [
        Latency(subject="q", name="stop", count=2, max=0.5, p95=0.4, total=0.6, buckets=((1, 2),)),
        Latency(subject="q", name="stop", count=1, max=0.7, p95=0.1, total=0.7, buckets=((1, 1),)),
        Coverage(
            subject="q", schema="c", kind="command", name="stop", places={"a": 1}, missing=("b",)
        ),
        Coverage(
            subject="q", schema="c", kind="command", name="stop", places={"b": 2}, missing=("c",)
        ),
    ]
    report = merged([alone(*records), alone(*records, started="2")])
    (latency,) = report.latencies
    assert (latency.count, latency.max, latency.p95, latency.total) == (3, 0.7, 0.4, 1.3)
    assert latency.buckets == ((1.0, 3),)
    (covered,) = report.coverage
    assert (covered.places, covered.missing) == ({"a": 1, "b": 2}, ("c",))


def test_the_messages_around_a_finding_are_those_of_its_session() -> None:
    said = [message(line, conn=1 + line % 2) for line in range(1, 40)]
    report = merged([checked(finding(line=20, session=1), *said)])
    (one,) = report.findings
    assert [m.line for m in report.around(one)] == [12, 14, 16, 18, 20, 22, 24, 26]
    assert [m.line for m in report.around(one, before=1, after=0)] == [18, 20]
    assert report.around(finding(line=0)) == []
    assert report.around(finding(path="another")) == []
    assert report.around(finding(line=99))[-1].line == 38


def test_subjects_are_sorted_and_notes_told_once() -> None:
    results = [conformed("b"), conformed("a"), alone(Note(subject="", text="x"), started="9")]
    report = merged([*results, alone(Note(subject="", text="x"), started="8")])
    assert [one.name for one in report.subjects] == ["a", "b"]
    assert len(report.notes) == 1


def test_who_is_strict_is_failed_by_warnings() -> None:
    results = [checked(warning(), exit_code=0)]
    assert merged(results).exit_code == 0
    assert merged(results, strict=True).exit_code == 1
    assert merged([checked(finding(severity="note"), exit_code=0)], strict=True).exit_code == 0
