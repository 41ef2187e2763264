"""What is used again or removed before the event that frees it, and unplugs that never ended.

Nothing is said on a suspicion: the server has refused the command, in words that say that something
is in use, and the session shows by whom.  The one exception is ``netdev_del``, which QEMU carries out
at any time: under a device that is still being unplugged, the network goes away too early.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qmpconf.check.practice.holders import (
    CHANGES,
    EVENTS,
    JOBS,
    OPENS,
    REMOVES,
    Holder,
    Holders,
    Key,
    makes,
    target,
)
from qmpconf.check.practice.waiting import PATIENT
from qmpconf.check.practice.watch import Answer, Call, End, Habit
from qmpconf.check.reporter import answer_of
from qmpconf.protocol.messages import Failure
from qmpconf.text import duration

if TYPE_CHECKING:
    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Finding
    from qmpconf.protocol.messages import Event

#: How a server says that something is not free.
_IN_USE = re.compile(
    r"in use|\bbusy\b|active references|already in the process of unplug|Duplicate (device )?ID"
    r"|already exists|pending unplug|being used"
)

#: How a server says that a job is not as far, and the name of what it refuses.
_VERB = re.compile(
    r"Job '(?P<job>.*)' in state '(?P<state>[\w-]+)' cannot accept command verb '(?P<verb>[\w-]+)'"
)

#: What to wait for before a job takes a command.
_BEFORE_VERB = {
    "complete": "the event BLOCK_JOB_READY, or JOB_STATUS_CHANGE with the status ready, first",
    "finalize": "the event JOB_STATUS_CHANGE with the status pending first",
    "dismiss": "the event JOB_STATUS_CHANGE with the status concluded first",
}

_WORDS = {
    "device": "device",
    "node": "block node",
    "netdev": "netdev",
    "chardev": "character device",
    "object": "object",
    "job": "job",
    "export": "block export",
}

_SOURCES = {
    "device": "QAPI, device_del and DEVICE_DELETED",
    "job": "QAPI, JobStatus and JOB_STATUS_CHANGE",
    "export": "QAPI, block-export-del and BLOCK_EXPORT_DELETED",
    "node": "QAPI, blockdev-del",
    "netdev": "QAPI, netdev_del",
    "object": "QAPI, object-del",
    "chardev": "QAPI, chardev-remove",
}


def _called(key: Key) -> str:
    return f"{_WORDS[key[0]]} {key[1]!r}"


class Early(Habit):
    """Commands that came too early; and devices that were told to go, and did not."""

    commands = CHANGES
    sendings = OPENS
    events = EVENTS

    def __init__(self, reporter: Reporter, *, early: bool, unplug: bool) -> None:
        """`early` and `unplug` say which of the two is looked for."""
        super().__init__(reporter)
        self._early, self._unplug = early, unplug
        self._holders = Holders()

    def sent(self, call: Call) -> Sequence[Finding]:
        """A command is sent."""
        self._holders.sent(call)
        return ()

    def answered(self, call: Call, answer: Answer) -> Sequence[Finding]:
        """A command is answered."""
        reply = answer.message
        refused = isinstance(reply, Failure)
        found: Finding | None = None
        if self._early and isinstance(reply, Failure) and not answer.explained:
            found = self._refused(call, reply)
        elif self._early and call.name == "netdev_del":
            found = self._removed_under(call)
        self._holders.answered(call, success=not refused)
        return (found,) if found else ()

    def event(self, event: Event, _line: int) -> Sequence[Finding]:
        """An event comes."""
        self._holders.event(event)
        return ()

    def lost(self) -> None:
        """Bytes are missing: an event that frees something may be among them."""
        self._holders.clear()

    def ended(self, end: End) -> Sequence[Finding]:
        """The session ends."""
        if not self._unplug or not end.timed:
            return ()
        return [
            self.report(
                "practice.unplug",
                one.going,
                "",
                "device_del",
                f"{_called(one.key)} was told to go, and did not",
                "the event DEVICE_DELETED: a guest has to take part, or be reset",
                f"none within {duration(end.t - one.since)}, up to the end of the session",
                _SOURCES["device"],
            )
            for one in self._holders
            if one.kind == "device"
            and one.asked == "device_del"
            and one.sure
            and not one.told
            and end.t - one.since >= PATIENT
        ]

    # --- what came too early ---------------------------------------------------------------------

    def _refused(self, call: Call, reply: Failure) -> Finding | None:
        """Why the server refused a command, if something was not free yet."""
        words, answer = reply.description, answer_of(reply)
        verb = _VERB.match(words)
        if verb is not None:
            return self._verb(call, answer, verb)
        if not _IN_USE.search(words):
            return None
        for holder, used in self._holding(call):
            if used is None or used[1] in words or holder.name in words:
                return self._finding(call, answer, holder, used)
        return None

    def _holding(self, call: Call) -> Iterator[tuple[Holder, Key | None]]:
        """Who may hold what the command needs, and what that is; the likeliest first.

        None stands for the holder's own name.
        """
        given = call.command.arguments
        removed = target(REMOVES, call.name, given)
        if removed is not None:
            yield from ((one, removed) for one in self._holders.users(removed))
            return
        asked = self._holders.get(target({"device_del": ("device", "id")}, call.name, given))
        if asked is not None and asked.going and asked.going != call.line:
            yield asked, None
        for _, key, uses in makes(call.name, given):
            own = self._holders.get(key)
            if own is not None and own.line != call.line and (own.going or own.kind == "job"):
                yield own, None
            for used in uses:
                yield from self._temporary(used)
        if call.name not in JOBS:
            for value in given.values():
                if isinstance(value, str):
                    yield from self._temporary(("node", value))

    def _temporary(self, used: Key) -> Iterator[tuple[Holder, Key]]:
        """Who uses it now, and will soon do so no more: who is going, and jobs."""
        for one in self._holders.users(used):
            if one.going or one.kind == "job":
                yield one, used

    def _removed_under(self, call: Call) -> Finding | None:
        """The network backend of a device that is still being unplugged was removed."""
        removed = target(REMOVES, call.name, call.command.arguments)
        users = self._holders.users(removed) if removed else []
        going = next((one for one in users if one.kind == "device" and one.going), None)
        return self._finding(call, "", going, removed) if going else None

    def _finding(self, call: Call, answer: str, holder: Holder, used: Key | None) -> Finding:
        holder.told = True
        does, wait = _why(holder)
        uses = ""
        if used is not None:
            uses = f"{', and' if does else ''} uses {_called(used)}"
        if holder.going:
            seen = f"{holder.asked} in line {holder.going}, and no such event since"
        else:
            state = f"; its latest status is {holder.state}" if holder.state else ""
            seen = f"{holder.command} in line {holder.line}{state}"
        return self._early_finding(
            call, answer, f"{_called(holder.key)}{does}{uses}", wait, seen, _SOURCES[holder.kind]
        )

    def _verb(self, call: Call, answer: str, words: re.Match[str]) -> Finding:
        job, state, verb = words["job"], words["state"], words["verb"]
        wait = _BEFORE_VERB.get(verb, f"no {verb} in that state")
        if state in ("aborting", "concluded", "null"):
            wait = "job-dismiss, for the job has ended"
        known = self._holders.get(("job", job))
        seen = f"the status {state}"
        if known is not None and known.line:
            seen += f" ({known.command} in line {known.line})"
        return self._early_finding(
            call,
            answer,
            f"job {job!r} is {state}, and takes no {verb}",
            wait,
            seen,
            _SOURCES["job"],
        )

    def _early_finding(
        self, call: Call, answer: str, message: str, wait: str, seen: str, source: str
    ) -> Finding:
        return self.report(
            "practice.too-early",
            call.line,
            "",
            call.name,
            message,
            wait,
            seen,
            source,
            answer=answer,
        )


def _why(holder: Holder) -> tuple[str, str]:
    """What a holder still does, and what to wait for."""
    name = repr(holder.name)
    if holder.kind == "device":
        if holder.going:
            return " is still being unplugged", f"the event DEVICE_DELETED of {name} first"
        return "", f"device_del of {name}, and its event DEVICE_DELETED, first"
    if holder.kind == "job":
        if holder.state == "concluded":
            return " has ended, and was not dismissed", f"job-dismiss of {name} first"
        ends = "JOB_STATUS_CHANGE with the status null, or concluded and then job-dismiss,"
        return " still runs", f"the event {ends} of {name} first"
    if holder.kind == "export":
        if holder.going:
            return " is still being closed", f"the event BLOCK_EXPORT_DELETED of {name} first"
        return "", f"block-export-del of {name}, and BLOCK_EXPORT_DELETED, first"
    return "", f"the removal of {_called(holder.key)} first"
