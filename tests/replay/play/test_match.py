"""Matching without a socket: two scripts of one session, and what differs between them.

A script is a list of lines, ``->`` for the client and ``<-`` for the server.
"""

from __future__ import annotations

from typing import Any

import pytest

from qmpconf.protocol.framing import Frame, Framer, Kind
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.values import dumps
from qmpconf.replay.compare import Level
from qmpconf.replay.difference import Difference, Differences
from qmpconf.replay.play.match import Matcher
from qmpconf.replay.said import Said, Transcript

GREETING = (
    '<- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "p"}, '
    '"capabilities": ["oob"]}}'
)
START = [GREETING, '-> {"execute":"qmp_capabilities"}', '<- {"return": {}}']


def event(name: str, seconds: int = 1, **data: Any) -> str:
    value: dict[str, Any] = {"timestamp": {"seconds": seconds, "microseconds": 2}, "event": name}
    return "<- " + dumps(value | ({"data": data} if data else {})).decode()


def frames(line: str) -> list[Frame]:
    data = line[3:].encode() + b"\n"
    if line.startswith("<-"):
        return [Frame(Kind.VALUE, data[:-1], b"\r\n", plain=True)]
    return Framer().feed(data)


class Play:
    """Feeds a matcher with both scripts; the target says all it has to say at each command."""

    def __init__(
        self, recorded: list[str], got: list[str], level: Level = Level.VALUE, *, whole: bool = True
    ) -> None:
        self.found: list[Difference] = []
        self.masked: list[str] = []
        self.matcher = Matcher(
            1, self.found.append, lambda said, use: self.masked.append(use.mask.name), level=level
        )
        expected = self.said(START + recorded)
        for said in self.said(START + got):
            self.matcher.got(said)
        for said in expected:
            self.matcher.expect(said)
        self.matcher.finish(whole=whole)

    @staticmethod
    def said(script: list[str]) -> list[Said]:
        transcript = Transcript()
        found = []
        for line, text in enumerate(script, 1):
            for frame in frames(text):
                if text.startswith("->"):
                    transcript.client(frame)
                else:
                    said = transcript.server(frame, line)
                    assert said is not None
                    found.append(said)
        transcript.close(Party.CLIENT)
        return found

    @property
    def short(self) -> list[tuple[str, str, str]]:
        return [(one.kind, one.subject, one.pointer) for one in self.found if not one.note]

    @property
    def notes(self) -> list[tuple[str, str]]:
        return [(one.kind, one.subject) for one in self.found if one.note]


STATUS = ['-> {"execute":"query-status","id":1}', '<- {"return": {"status": "running"}, "id": 1}']
STOP = ['-> {"execute":"stop"}', event("STOP"), '<- {"return": {}}']


def test_the_same_session_does_not_differ() -> None:
    script = STATUS + STOP + ["-> [1}", '<- {"error": {"class": "GenericError", "desc": "x"}}']
    play = Play(script, script)
    assert play.found == []
    assert play.matcher.matched == {"greeting": 1, "reply": 4, "event": 1}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('"running"', '"paused"', ("changed", "reply to query-status", "/return/status")),
        ('"id": 1}', '"id": "1"}', ("changed", "reply to query-status", "/id")),
        (', "id": 1}', "}", ("missing", "reply to query-status", "/id")),
        ('{"status": "running"}', "{}", ("missing", "reply to query-status", "/return/status")),
        (
            '"running"}',
            '"running", "x": 1}',
            ("extra", "reply to query-status", "/return/x"),
        ),
        (
            '"return": {"status": "running"}',
            '"error": {"class": "GenericError", "desc": ""}',
            ("changed", "reply to query-status", ""),
        ),
    ],
)
def test_a_changed_reply_is_named(old: str, new: str, found: tuple[str, str, str]) -> None:
    assert Play(STATUS, [STATUS[0], STATUS[1].replace(old, new)]).short == [found]


def test_of_events_that_are_as_much_alike_the_first_one_is_compared() -> None:
    recorded = ['-> {"execute":"a"}', event("JOB", id="j", n=1), '<- {"return": {}}']
    got = [recorded[0], event("JOB", id="j", n=2), event("JOB", id="j", n=3), recorded[2]]
    changed, extra = Play(recorded, got).found
    assert (changed.kind, changed.pointer, changed.got) == ("changed", "/data/n", "2")
    assert extra.kind == "extra"
    assert '"n": 3' in extra.got


def test_an_event_about_the_same_thing_is_compared_before_one_about_another() -> None:
    recorded = ['-> {"execute":"a"}', event("JOB", id="j", n=1), '<- {"return": {}}']
    got = [recorded[0], event("JOB", id="k", n=1), event("JOB", id="j", n=3), recorded[2]]
    changed, extra = Play(recorded, got).found
    assert (changed.kind, changed.pointer, changed.got) == ("changed", "/data/n", "3")
    assert '"k"' in extra.got


def test_a_missing_and_an_extra_reply_are_named() -> None:
    assert Play(STATUS, STATUS[:1]).short == [("missing", "reply to query-status", "")]
    assert Play(STATUS, [*STATUS, STATUS[1]]).short == [("extra", "reply to nothing", "")]


def test_replies_without_ids_are_told_apart_by_their_order() -> None:
    script = [line for n in (1, 2) for line in ('-> {"execute":"a"}', f'<- {{"return": {n}}}')]
    swapped = [script[0], script[3], script[2], script[1]]
    assert [one[:2] for one in Play(script, swapped).short] == [("changed", "reply to a")] * 2


def test_out_of_band_replies_are_told_by_their_id() -> None:
    def script(first: int, second: int) -> list[str]:
        return [
            '-> {"execute":"a","id":1}',
            '-> {"exec-oob":"b","id":2}',
            f'<- {{"return": {first}, "id": {first}}}',
            f'<- {{"return": {second}, "id": {second}}}',
        ]

    def play(lines: list[str]) -> list[str]:
        enable = '-> {"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}'
        return [GREETING, enable, START[2], *lines]

    transcripts = []
    for lines in (play(script(1, 2)), play(script(2, 1))):
        transcripts.append(Play.said(lines))
    found: list[Difference] = []
    matcher = Matcher(1, found.append, lambda *_: None)
    for said in transcripts[1]:
        matcher.got(said)
    for said in transcripts[0]:
        matcher.expect(said)
    matcher.finish(whole=True)
    assert found == []


# --- events ---------------------------------------------------------------------------------------


def test_timestamps_are_masked_and_counted() -> None:
    play = Play([event("RESET", 1)], [event("RESET", 9)])
    assert play.found == []
    assert play.masked == ["event-time"]


def test_a_time_that_is_no_integer_is_not_masked() -> None:
    broken = event("RESET").replace('"seconds": 1', '"seconds": "1"')
    assert Play([event("RESET")], [broken]).short == [
        ("changed", "event RESET", "/timestamp/seconds")
    ]


def test_events_may_come_at_another_moment() -> None:
    script = [event("A", id="x"), *STATUS, event("B")]
    assert Play(script, [*STATUS, event("B"), event("A", id="x")]).found == []


def test_equal_events_are_preferred_then_those_about_the_same_thing() -> None:
    recorded = [event("JOB", id=name, status=word) for name in "ab" for word in ("on", "off")]
    assert Play(recorded, recorded[::-1]).found == []
    got = [recorded[1], recorded[2], recorded[3]]
    assert Play(recorded, got).short == [("missing", "event JOB", "")]
    got = [recorded[0], event("JOB", id="b", status="bad"), recorded[1], recorded[2]]
    play = Play(recorded, got)
    assert play.short == [("changed", "event JOB", "/data/status")]
    assert (play.found[0].expected, play.found[0].got) == ('"off"', '"bad"')


def test_an_extra_event_is_named_unless_it_came_behind_the_end() -> None:
    assert Play(STATUS, [event("GUEST_PANICKED"), *STATUS]).short == [
        ("extra", "event GUEST_PANICKED", "")
    ]
    late = Play(STATUS, [*STATUS, event("GUEST_PANICKED")])
    assert (late.short, late.notes) == ([], [("extra", "event GUEST_PANICKED")])


def test_the_number_of_rate_limited_events_is_a_note() -> None:
    play = Play([event("RTC_CHANGE", offset=1), *STATUS], STATUS)
    assert (play.short, play.notes) == ([], [("missing", "event RTC_CHANGE")])


def test_what_the_guest_sets_the_pace_of_is_a_note() -> None:
    passes = [event("MIGRATION_PASS", **{"pass": number}) for number in (1, 2)]
    play = Play([*passes, *STATUS], [passes[0], *STATUS])
    assert (play.short, play.notes) == ([], [("missing", "event MIGRATION_PASS")])
    by_itself = event("RESET", guest=True, reason="guest-reset")
    play = Play(STATUS, [by_itself, *STATUS])
    assert (play.short, play.notes) == ([], [("extra", "event RESET")])
    asked = event("RESET", guest=False, reason="host-qmp-system-reset")
    assert Play([asked, *STATUS], STATUS).short == [("missing", "event RESET", "")]


def test_an_event_that_a_command_emits_keeps_its_side_of_the_reply() -> None:
    moved = [STOP[0], STOP[2], STOP[1]]
    play = Play(STOP, moved)
    assert play.short == [("moved", "event STOP", "")]
    assert play.found[0].expected == "before the reply to stop"
    assert play.found[0].got == "after the reply to stop"
    assert Play(moved, STOP).found[0].got == "before the reply to stop"


# --- levels and ends ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "differs"),
    [(Level.EXACT, True), (Level.VALUE, False), (Level.SHAPE, False), (Level.OUTCOME, False)],
)
def test_only_exact_looks_at_the_bytes(level: Level, differs: bool) -> None:
    spaced = [STATUS[0], STATUS[1].replace(": ", ":")]
    assert bool(Play(STATUS, spaced, level).short) is differs


def test_outcome_takes_any_answer_of_the_same_kind() -> None:
    other = [STATUS[0], '<- {"return": {"x": []}, "id": 1}']
    assert Play(STATUS, other, Level.OUTCOME).found == []
    failed = [STATUS[0], '<- {"error": {"class": "GenericError", "desc": ""}, "id": 1}']
    assert Play(STATUS, failed, Level.OUTCOME).short == [
        ("extra", "reply to query-status", "/error/class")
    ]


def test_what_comes_behind_a_recording_that_was_cut_off_is_a_note() -> None:
    play = Play([STATUS[0]], [*STATUS, event("A"), *STOP[:0]], whole=False)
    assert play.short == []
    assert len(play.notes) == 2


def test_a_message_that_is_no_json_is_compared_by_its_bytes() -> None:
    broken = [STATUS[0], '<- {"return": inf, "id": 1}']
    assert Play(broken, broken).found == []
    assert [kind for kind, _, _ in Play(STATUS, broken).short] == ["missing", "extra"]


def test_the_messages_around_are_shown() -> None:
    play = Play([event("A"), *STATUS], [event("A"), STATUS[0], STATUS[1].replace("running", "x")])
    (found,) = play.found
    assert found.line == 6
    assert found.around[-1] == '<- {"return": {"status": "x"}, "id": 1}'
    assert len(found.around) > 1


def test_equal_differences_are_grouped() -> None:
    groups = Differences()
    for number in range(10):
        groups.add(
            Difference("changed", "reply to a", 1, number, 0, f"/return/{number}/x", "1", "2")
        )
    groups.add(Difference("changed", "reply to a", 1, 0, 0, "/return/0/x", "1", "3"))
    groups.add(Difference("extra", "event A", 1, note="late"))
    assert [group.count for group in groups] == [10, 1, 1]
    assert (groups.count, groups.notes) == (11, 1)
    assert [one.line for one in next(iter(groups)).kept] == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "subject", "kept"),
    [
        ('<- {"x": 1}', "message that is none of QMP's", 10_000),
        (event("MEMORY_FAILURE"), "event MEMORY_FAILURE", 10_000),
        ('<- {"x": "' + "x" * (1 << 20) + '"}', "message that is none of QMP's", 7),
        (event("MEMORY_FAILURE", of="x" * (1 << 20)), "event MEMORY_FAILURE", 7),
    ],
    ids=["messages", "events", "long messages", "long events"],
)
def test_what_was_not_recorded_does_not_pile_up(text: str, subject: str, kept: int) -> None:
    found: list[Difference] = []
    matcher = Matcher(1, found.append, lambda *_: None)
    more = 3
    for said in Play.said(START)[:1] + Play.said([text] * (kept + more)):
        matcher.got(said)
    assert [(one.kind, one.subject) for one in found] == [("extra", subject)] * more
    matcher.finish(whole=False)
    assert len([one for one in found if one.subject == subject]) == kept + more
