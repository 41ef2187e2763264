"""One session of two recordings: what its clients sent, and what its servers said to that.

The commands that both clients have in common are known before (`aligning`).  What one of them alone sent is said; its
answers are not compared with anything.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from qmpconf.protocol.messages import Command, Event, from_client
from qmpconf.protocol.places import pointer
from qmpconf.replay import excerpt
from qmpconf.replay.compare import Comparison, Level, compare, excuse_redacted
from qmpconf.replay.diff.aligning import Commands, align
from qmpconf.replay.diff.outcome import Diff
from qmpconf.replay.difference import VALUE_WIDTH, Difference, Effect, Kind, shown
from qmpconf.replay.events import about_of
from qmpconf.replay.masks import BUILT_IN, Mask, Masks, own_address
from qmpconf.replay.plan import End, Expect, Lost, Send, Step
from qmpconf.replay.play.match import Matcher
from qmpconf.replay.play.telling import Teller
from qmpconf.replay.said import Said
from qmpconf.trace.members import ARGUMENTS, as_words, telling

#: Characters of a command that only one client sent.
_WIDTH = 120

#: Commands that may wait for their answers, and things that events are about, of one session.
_MOST = 10_000

_LATE = "it came after all that the two have in common: the other client may have been gone by then"
_LOSSY = "the second recording lacks bytes of the server"
_CUT = "the other recording was cut off before"


@dataclass(slots=True)
class Plan:
    """What two clients sent in a session, and at which addresses their servers were."""

    commands: tuple[Commands, Commands] = field(default_factory=lambda: (Commands(), Commands()))
    servers: list[str | None] = field(default_factory=lambda: [None, None])
    conn: int = 0  # its number in the first recording

    @property
    def is_of_both(self) -> bool:
        """Whether both recordings have it."""
        return None not in self.servers


class Session:
    """One session of both recordings, which `take` reads on; `finish` ends it."""

    def __init__(self, plan: Plan, diff: Diff, teller: Teller) -> None:
        self._number = plan.conn
        self._diff = diff
        self._result = diff.found
        self._teller = teller
        own = own_address(*(server or "" for server in plan.servers))
        self._masks = Masks((*own, *_both_ways(BUILT_IN), *diff.found.configured))
        #: By each one's numbers, from 1: the number that both have in common, or 0.
        self._common = tuple(array("q", bytes(8 * (len(one) + 1))) for one in plan.commands)
        for left, right in align(*plan.commands):
            self._common[0][left + 1] = self._common[1][right + 1] = left + 1
            diff.commands += 1
        plan.commands = Commands(), Commands()  # they are not needed any more
        self._waiting: dict[int, Send] = {}
        self._asked: tuple[dict[int, Send], dict[int, Send]] = ({}, {})
        self._ends: list[End | None] = [None, None]
        self._lossy = False
        self._ended_by_word = False
        self._last = 0  # line of the first recording's latest message that has a partner
        #: By what events are about: where the latest one stands in both, and what it is.
        self._latest: dict[tuple[str, str], tuple[int, int, str]] = {}
        self._matcher = Matcher(
            self._number,
            self._report,
            self._result.use,
            level=self._result.level,
            masks=self._masks,
            bindings=self._result.bindings,
            paired=self._paired,
            judge=teller.judge,
        )

    @property
    def is_over(self) -> bool:
        """Whether it has ended in both."""
        return None not in self._ends

    def take(self, side: int, step: Step) -> None:
        """The next step of one of the two."""
        if isinstance(step, Send):
            self._sent(side, step)
        elif isinstance(step, Expect):
            self._said(side, step)
        elif isinstance(step, Lost):
            if side:
                self._lossy = True
            else:
                self._matcher.lost(step.line)
        elif isinstance(step, End):
            self._ends[side] = step

    # --- commands --------------------------------------------------------------------------------

    def _sent(self, side: int, step: Send) -> None:
        if step.number is None:
            return
        self._ended_by_word |= step.command == "quit"
        asked = self._asked[side]
        asked[step.number] = step
        if len(asked) > _MOST:
            del asked[next(iter(asked))]
        if side:
            self._matcher.sent(step.frame.data)
        common = self._common[side][step.number]
        if not common:
            self._only(side, step)
            return
        other = self._waiting.pop(common, None)
        if other is None:
            self._waiting[common] = step
        elif side:
            self._compare(other, step)
        else:
            self._compare(step, other)

    def _only(self, side: int, step: Send) -> None:
        """A command that only one of the clients sent."""
        self._diff.alone[side] += 1
        message = step.message
        members = telling(message.arguments, ARGUMENTS) if isinstance(message, Command) else {}
        text = f"{step.command} {as_words(members)}".strip() if step.command else ""
        text = text or shown(step.frame.data, _WIDTH)
        effect, why = self._meant(side, step.command)
        words = ("not sent", text) if side else (text, "not sent")
        kind: Kind = "extra" if side else "missing"
        at, to = (0, step.line) if side else (step.line, 0)
        subject = f"command {step.command}" if step.command else "what is not a command"
        note = why if effect == "design" else ""
        end = self._ends[not side]
        if end is not None and end.who is None:
            note = _CUT
        self._result.differences.add(
            Difference(
                kind,
                subject,
                self._number,
                at,
                to,
                pointer="",
                expected=words[0],
                got=words[1],
                note=note,
                effect=effect,
                why=why,
            )
        )

    def _meant(self, side: int, name: str) -> tuple[Effect, str]:
        """What it means for an upgrade that only one client sends a command."""
        upgrade = self._result.upgrade
        only = f"only the {('first', 'second')[side]} recording's client sends it"
        if upgrade is None:
            return "", only
        if not (upgrade.old and upgrade.new):
            return "changed", only
        before, after = name in upgrade.old.commands, name in upgrade.new.commands
        if side and after and not before:
            return "design", f"the command is new in {upgrade.after}"
        if not side and before and not after:
            return "design", f"{upgrade.after} has no such command, and the client does without it"
        return "changed", only

    def _compare(self, one: Send, other: Send) -> None:
        """Two commands that stand for each other, but for what their servers chose."""
        bindings = self._result.bindings
        frame, used = bindings.adapt(one.frame, one.command)
        for bound in used:
            bound.used += 1
        if frame.data == other.frame.data or not isinstance(one.message, Command):
            return
        values = [_arguments(frame.data, one), _arguments(other.frame.data, other)]
        level = Level.VALUE if self._result.level is Level.EXACT else self._result.level
        found = compare(*values, level=level, masks=self._masks, message="reply", of=one.command)
        excuse_redacted(found, (*one.redacted, *other.redacted))
        subject = f"command {one.command}"
        for masked in found.masked:
            self._result.use_in(subject, masked)
        for mismatch in found.mismatches:
            sides = excerpt.of_values(mismatch.expected, mismatch.got, VALUE_WIDTH)
            self._result.differences.add(
                Difference(
                    mismatch.kind,
                    subject,
                    self._number,
                    one.line,
                    other.line,
                    pointer(mismatch.path),
                    *sides,
                    effect="changed" if self._result.upgrade else "",
                    why="the clients say it otherwise",
                )
            )

    # --- what the servers said -------------------------------------------------------------------

    def _said(self, side: int, step: Expect) -> None:
        said = step.said
        self._ended_by_word |= isinstance(said.message, Event) and said.of == "SHUTDOWN"
        number = said.answers
        if number is not None:
            asked = self._asked[side].pop(number, None)
            if asked is not None and asked.command:
                self._diff.times.add(side, asked.command, step.t - asked.t)
            said.answers = self._common[side][number]
            if not said.answers:
                return  # of a command that only one has: there is nothing to compare it with
        if side:
            self._matcher.got(said)
        else:
            self._matcher.expect(said)

    def _paired(self, expected: Said, got: Said, found: Comparison) -> None:
        self._last = max(self._last, expected.line)
        if isinstance(expected.message, Event):
            self._order(expected, got)
        self._teller.paired(expected, got, found)

    def _report(self, difference: Difference) -> None:
        if difference.note.startswith("came after"):
            difference = replace(difference, note=_LATE)
        if difference.kind == "missing" and not difference.note:
            is_event = difference.subject.startswith("event ")
            note = (
                _LATE
                if is_event and not difference.pointer and difference.line > self._last
                else ""
            )
            if not difference.pointer and not note:
                end = self._ends[1]
                is_cut = end is not None and end.who is None
                note = _CUT if is_cut else _LOSSY if self._lossy else ""
            difference = replace(difference, note=note)
        self._result.differences.add(difference)

    # --- the end -----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Both are over."""
        one, other = self._ends
        if one is None or other is None:
            return
        self._matcher.finish(whole=one.who in ("client", "server"))
        for kind, count in self._matcher.matched.items():
            if kind == "greeting":
                self._result.greetings += count
            elif kind == "reply":
                self._result.replies += count
            else:
                self._result.events += count
        by = [one.who, other.who]
        if by[0] != by[1] and set(by) <= {"client", "server"} and not self._ended_by_word:
            told = [f"ended by the {who}" for who in by]
            self._teller.session(self._number, one.line, other.line, *told)
        for rule, count in other.broken.items():
            if count > one.broken.get(rule, 0):
                self._teller.wire(one, other.line, rule, count)

    def _order(self, expected: Said, got: Said) -> None:
        """Whether events about the same thing came in the same order; others have none."""
        place = expected.index, got.index
        for about in about_of(expected.message.value):
            known = self._latest.get(about)
            if known is None and len(self._latest) >= _MOST:
                del self._latest[next(iter(self._latest))]
            self._latest[about] = (*place, expected.subject)
            if known is None or (place[0] < known[0]) == (place[1] < known[1]):
                continue
            words = f"after the {known[2]}", f"before the {known[2]}"
            sides = words if place[0] > known[0] else words[::-1]
            meant = self._teller.judge("moved", expected, got, None)
            self._result.differences.add(
                Difference(
                    "moved",
                    expected.subject,
                    self._number,
                    expected.line,
                    got.line,
                    pointer="",
                    expected=sides[0],
                    got=sides[1],
                    effect=meant.effect,
                    why=meant.words,
                )
            )
            return


def _both_ways(masks: Iterable[Mask]) -> Iterator[Mask]:
    """What had not come as far in a replay may have come further in another recording."""
    for one in masks:
        if one.kind != "progress":
            yield one
            continue
        known = replace(one, reason="how far it has come depends on the host")
        yield from (known, replace(known, kind="number"))


def _arguments(data: bytes, step: Send) -> dict[str, object]:
    """A command's arguments as they would be in a message, for its places."""
    message = step.message
    if data != step.frame.data:
        message = from_client(data)
    arguments = message.arguments if isinstance(message, Command) else None
    return {"arguments": arguments if arguments is not None else {}}
