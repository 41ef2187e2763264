"""Answers that never came, that came late, that were asked for in a storm."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.check.checking import check, wire_only
from qmpconf.check.practice import Limits, Practice
from qmpconf.check.practice.waiting import STORM
from qmpconf.trace.reader import TraceReader
from tests.check.practice.stage import FIRST, Stage, found, names


@pytest.mark.parametrize(
    ("waited", "who", "says"),
    [
        (12.5, "client", ("warning", "server", "none within 12.5 s, when the client closed")),
        (0.02, "client", ("warning", "client", "none within 30.0 ms, when the client closed")),
        (12.5, "recorder", ("warning", "server", "none within 12.5 s, up to the end of the rec")),
        (0.02, "recorder", ("note", "nobody", "none within 30.0 ms, up to the end of the rec")),
        (12.5, "", ("warning", "server", "none within 12.5 s, up to the end of the recording")),
    ],
)
def test_a_command_that_was_never_answered(
    tmp_path: Path, waited: float, who: str, says: tuple[str, str, str]
) -> None:
    stage = Stage()
    line = stage.sends("query-block")
    stage.wait(waited)
    if who:
        stage.close(who)
    else:
        stage.event("VSERPORT_CHANGE", id="a", open=True)
    (one,) = found(stage.write(tmp_path / "t"))
    assert (one.requirement, one.subject, one.line) == ("practice.unanswered", "query-block", line)
    assert (one.severity, one.blame, one.seen[: len(says[2])]) == says


def test_a_server_that_closes_is_told_once(tmp_path: Path) -> None:
    stage = Stage()
    stage.sends("query-block")
    stage.wait(30)
    stage.close("server")
    assert names(found(stage.write(tmp_path / "t"))) == ["response.exactly-one"]


@pytest.mark.parametrize("who", ["client", "server", "recorder"])
@pytest.mark.parametrize("name", ["quit", "guest-shutdown", "guest-suspend-ram"])
def test_a_command_that_ends_everything_need_not_be_answered(
    tmp_path: Path, name: str, who: str
) -> None:
    stage = Stage()
    stage.sends(name)
    stage.wait(30)
    stage.close(who)
    unanswered = [one for one in found(stage.write(tmp_path / "t")) if one.blame != "server"]
    assert unanswered == []


def test_a_command_that_came_while_the_server_ended(tmp_path: Path) -> None:
    stage = Stage()
    stage.does("quit")
    stage.sends("query-status")
    stage.wait(5)
    stage.close("server")
    assert found(stage.write(tmp_path / "t")) == []


@pytest.mark.parametrize(
    ("waited", "kinds"), [(5.0, ["trace.gap", "unanswered"]), (0.1, ["trace.gap"])]
)
def test_an_answer_that_a_gap_may_hold(tmp_path: Path, waited: float, kinds: list[str]) -> None:
    """Nobody is blamed; and what had waited long before the gap is worth a note."""
    stage = Stage()
    stage.sends("query-block")
    stage.wait(waited)
    gap = stage.gap()
    stage.does("stop")
    stage.wait(100)
    stage.close()
    findings = found(stage.write(tmp_path / "t"))
    assert names(findings) == kinds
    for one in findings[1:]:
        assert (one.severity, one.blame) == ("note", "nobody")
        assert one.seen == f"none within 5.01 s, up to the gap in line {gap}"


def test_an_answer_behind_a_gap_counts(tmp_path: Path) -> None:
    stage = Stage()
    stage.sends("query-block")
    stage.wait(5)
    stage.gap()
    stage.returns([])
    stage.close()
    assert names(found(stage.write(tmp_path / "t"))) == ["trace.gap"]


def test_without_times_nobody_waited(tmp_path: Path) -> None:
    """A transcript that ends with a command: who knows what came then."""
    stage = Stage()
    stage.sends("query-block")
    stage.close()
    (one,) = found(stage.write(tmp_path / "t", timed=False))
    assert (one.severity, one.blame) == ("note", "nobody")
    assert one.seen == "none, up to the end of the recording"


def test_every_command_that_waits_is_told(tmp_path: Path) -> None:
    stage = Stage()
    lines = [stage.sends("query-block"), stage.sends("stop"), stage.sends("cont")]
    stage.wait(5)
    stage.close()
    assert [one.line for one in found(stage.write(tmp_path / "t"))] == lines


# --- a limit of time ---------------------------------------------------------------------------


def slow(stage: Stage, name: str, *seconds: float) -> list[int]:
    lines = []
    for one in seconds:
        lines.append(stage.sends(name))
        stage.wait(one)
        stage.returns()
    return lines


def test_without_a_limit_nothing_is_late(tmp_path: Path) -> None:
    stage = Stage()
    slow(stage, "cont", 500.0)
    stage.close()
    assert found(stage.write(tmp_path / "t")) == []


def test_late_answers_are_errors_and_the_slowest_goes_first(tmp_path: Path) -> None:
    stage = Stage()
    slow(stage, "stop", 0.1, 3.0)
    (_, line, _) = slow(stage, "cont", 4.0, 9.0, 5.0)
    slow(stage, "query-block", 1.5)
    stage.close()
    path = stage.write(tmp_path / "t")
    findings = found(path, Practice(limits=Limits(2.0)))
    assert [(one.severity, one.subject, one.line) for one in findings] == [
        ("error", "cont", line),
        ("error", "stop", FIRST + 2),
    ]
    assert findings[0].message == "was answered later than 2.00 s"
    assert findings[0].seen == f"9.01 s, in line {line + 1}"
    groups = check(TraceReader(str(path)), wire_only, practice=Practice(limits=Limits(2.0))).groups
    assert groups.totals["error"] == 4


def test_commands_have_limits_of_their_own(tmp_path: Path) -> None:
    stage = Stage()
    slow(stage, "migrate", 5.0)
    slow(stage, "cont", 1.0)
    slow(stage, "stop", 1.0)
    stage.close()
    path = stage.write(tmp_path / "t")
    limits = Limits(0.5, {"migrate": 10.0, "stop": 2.0})
    assert [one.subject for one in found(path, Practice(limits=limits))] == ["cont"]
    limits = Limits(of={"stop": 0.5})
    assert [one.subject for one in found(path, Practice(limits=limits))] == ["stop"]


def test_an_answer_that_never_came_is_late(tmp_path: Path) -> None:
    stage = Stage()
    stage.sends("cont")
    stage.wait(7)
    stage.close()
    practice = Practice(frozenset({"practice.unanswered"}), Limits(2.0))
    (one,) = found(stage.write(tmp_path / "t"), practice)
    assert (one.severity, one.message) == ("error", "was not answered within 2.00 s")
    assert one.seen == "no answer within 7.01 s"


def test_a_trace_without_times_is_not_held_against_a_limit(tmp_path: Path) -> None:
    stage = Stage()
    stage.does("cont")
    stage.close()
    path = stage.write(tmp_path / "t", timed=False)
    outcome = check(TraceReader(str(path)), wire_only, practice=Practice(limits=Limits(2.0)))
    (lack,) = [one for one in outcome.unjudged if one.kind == "time"]
    assert "--max-latency" in lack.text


# --- storms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["query-jobs", "query-status", "qom-get", "x-query-foo"])
def test_a_storm_is_a_note(tmp_path: Path, name: str) -> None:
    stage = Stage(step=0.001)
    lines = [stage.does(name) for _ in range(STORM + 7)]
    stage.does("stop")
    stage.close()
    (one,) = found(stage.write(tmp_path / "t"))
    assert (one.requirement, one.severity, one.blame) == ("practice.polling", "note", "client")
    assert (one.subject, one.line) == (name, lines[0])
    assert one.seen == f"57 times within 112 ms, up to line {lines[-1]}"


def test_a_storm_lasts_to_the_end(tmp_path: Path) -> None:
    stage = Stage(step=0.001)
    for _ in range(STORM):
        stage.does("query-jobs")
    stage.close()
    (one,) = found(stage.write(tmp_path / "t"))
    assert one.expected == "the event JOB_STATUS_CHANGE"


def test_what_is_no_storm(tmp_path: Path) -> None:
    few, patient, varied, work = Stage(0.001), Stage(0.1), Stage(0.001), Stage(0.001)
    for _ in range(STORM - 1):
        few.does("query-jobs")
    for number in range(2 * STORM):
        patient.does("query-jobs")
        varied.does("qom-get", path=f"/machine/{number}", property="x")
        work.does("send-key", keys=[])
    for number, stage in enumerate((few, patient, varied, work)):
        stage.close()
        assert found(stage.write(tmp_path / str(number))) == []
