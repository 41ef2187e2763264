"""The result of a matrix: servers by the names of its list, traces by their server's folder."""

from __future__ import annotations

from qmpconf.check.reporter import Reporter
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.report.results.of_matrix import of_matrix, said_once
from qmpconf.report.results.records import Case, FindingRecord, Note, Subject

TARGET = "qemu 7.2.22 (Debian) at unix:/run/x/qmp.sock"


def outcome(known: str = "") -> Outcome:
    breach = Reporter("/run/x/traces/framing.qmptrace", 0).finding(
        "framing.crlf", 5, "", "", "A title", "CR LF", "LF", "spec 2.1"
    )
    one = CaseResult(
        "framing.crlf/replies",
        ("framing.crlf",),
        "A title",
        Verdict.FAIL,
        "expected CR LF; got LF",
        [breach],
        trace="/run/x/traces/framing.qmptrace",
        known=known,
    )
    found = Outcome(TARGET, "--target unix:x.sock", "its own", [one])
    found.complete(Known())
    return found


def test_every_record_is_about_the_name_of_the_list() -> None:
    records = list(of_matrix("QEMU 7.2, q35", outcome(), "03"))
    assert {getattr(one, "subject", "QEMU 7.2, q35") for one in records} == {"QEMU 7.2, q35"}
    (subject,) = [one for one in records if isinstance(one, Subject)]
    assert subject.name == "QEMU 7.2, q35"
    assert subject.facts["target"] == "qemu 7.2.22 (Debian)"


def test_traces_are_told_by_the_folder_of_their_server() -> None:
    records = list(of_matrix("QEMU 7.2, q35", outcome(), "03"))
    (finding,) = [one for one in records if isinstance(one, FindingRecord)]
    (case,) = [one for one in records if isinstance(one, Case) and one.verdict == "fail"]
    assert finding.path == case.trace == "03/framing.qmptrace"
    assert (finding.line, finding.rule) == (5, "framing.crlf")


def test_a_note_that_is_the_same_on_all_servers_is_said_once() -> None:
    same, other = "held to the requirements of 2026-12", "it limits events"
    notes = [Note(subject=one, text=same) for one in ("a", "b")] + [Note(subject="b", text=other)]
    assert list(said_once(notes, 2)) == [Note(subject="", text=same), Note(subject="b", text=other)]
    assert list(said_once(notes, 3)) == notes
    assert list(said_once(notes[2:], 1)) == notes[2:]
