"""Work that failed after its command had succeeded: jobs, migrations, dumps, and the guest's own.

A log is read for what failed, and such failures stand in events and in replies to queries, not in
errors.  Each is a note, with the server's words where it gives any.  A job that its client has
cancelled did not fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qmpconf.check.practice.watch import Answer, Call, End, Habit
from qmpconf.protocol.messages import Success

if TYPE_CHECKING:
    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Finding
    from qmpconf.protocol.messages import Event
    from qmpconf.protocol.values import Value

#: Jobs that are remembered, and characters of an error.
_MOST, _LONGEST = 1000, 200


def _text(value: Value) -> str:
    text = value if isinstance(value, str) else ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


_Data = Mapping[str, Any]


def _io_error(data: _Data) -> str:
    where = _text(data.get("node-name")) or _text(data.get("device")) or _text(data.get("qom-path"))
    reason = _text(data.get("reason")) or "no reason is given"
    return f"the guest's {_text(data.get('operation')) or 'access'} on {where!r} failed: {reason}"


def _job_error(data: _Data) -> str:
    if data.get("action") == "report":
        return ""  # the job fails with it, which BLOCK_JOB_COMPLETED says
    operation = _text(data.get("operation")) or "access"
    return f"a {operation} of job {_text(data.get('device'))!r} failed"


def _bad_quorum(data: _Data) -> str:
    reason = f": {_text(data.get('error'))}" if data.get("error") else ""
    return f"block node {_text(data.get('node-name'))!r} failed in a quorum{reason}"


def _dumped(data: _Data) -> str:
    result = data.get("result")
    failed = isinstance(result, dict) and result.get("status") == "failed"
    if not failed and not data.get("error"):
        return ""
    return f"the dump failed: {_text(data.get('error')) or 'no reason is given'}"


def _unplug(data: _Data) -> str:
    name = _text(data.get("device")) or _text(data.get("path"))
    return f"the guest refused to let device {name!r} go"


#: Event -> what it says that failed; empty where it says nothing like that.
_SAYS: Mapping[str, Callable[[_Data], str]] = {
    "BLOCK_IO_ERROR": _io_error,
    "BLOCK_JOB_ERROR": _job_error,
    "BLOCK_IMAGE_CORRUPTED": lambda data: f"an image is corrupt: {_text(data.get('msg'))}",
    "QUORUM_FAILURE": lambda data: f"the quorum {_text(data.get('reference'))!r} failed",
    "QUORUM_REPORT_BAD": _bad_quorum,
    "DUMP_COMPLETED": _dumped,
    "DEVICE_UNPLUG_GUEST_ERROR": _unplug,
    "MEM_UNPLUG_ERROR": _unplug,
    "GUEST_PANICKED": lambda _data: "the guest panicked",
    "GUEST_CRASHLOADED": lambda _data: "the guest crashed, and has loaded its crash kernel",
    "MEMORY_FAILURE": lambda _data: "the host's memory failed",
}

_CANCELS = frozenset({"job-cancel", "block-job-cancel"})
#: What a job says that was cancelled, by its client or with another job of its transaction.
_CANCELLED = re.compile(r"Operation cancell?ed\Z")


class Failures(Habit):
    """What failed behind the commands of one session."""

    commands = _CANCELS | {"migrate", "query-jobs", "query-migrate"}
    events = frozenset(
        {*_SAYS, "JOB_STATUS_CHANGE", "BLOCK_JOB_CANCELLED", "BLOCK_JOB_COMPLETED", "MIGRATION"}
    )

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(reporter)
        self._cancelled: dict[str, None] = {}
        self._aborting: dict[str, int] = {}  # jobs that may have failed, and the line that says so
        self._told: dict[str, None] = {}  # jobs whose failure was said
        self._migration = 0  # the line that says that it failed, and not why
        self._migration_told = False

    def sent(self, call: Call) -> Sequence[Finding]:
        """A command is sent."""
        given = call.command.arguments
        if call.name in _CANCELS:
            _keep(self._cancelled, _text(given.get("id")) or _text(given.get("device")))
        elif call.name == "migrate":
            found = list(self._migration_failed())
            self._migration_told = False
            return found
        return ()

    def answered(self, call: Call, answer: Answer) -> Sequence[Finding]:
        """A command is answered."""
        if not isinstance(answer.message, Success):
            return ()
        result = answer.message.result
        if call.name == "query-jobs" and isinstance(result, list):
            return [
                self._job_failed(_text(one.get("id")), error, answer.line, call.name)
                for one in result
                if isinstance(one, dict)
                and (error := _text(one.get("error")))
                and not _CANCELLED.match(error)
                and _text(one.get("id")) not in self._told
            ]
        if call.name == "query-migrate" and isinstance(result, dict):
            if result.get("status") != "failed" or self._migration_told:
                return ()
            self._migration, self._migration_told = 0, True
            reason = _text(result.get("error-desc"))
            words = f"the migration failed{f': {reason}' if reason else ''}"
            return (self._finding(answer.line, call.name, words),)
        return ()

    def event(self, event: Event, line: int) -> Sequence[Finding]:
        """An event comes."""
        data = event.data if isinstance(event.data, dict) else {}
        says = _SAYS.get(event.name)
        if says is not None:
            words = says(data)
            return (self._finding(line, event.name, words),) if words else ()
        if event.name == "JOB_STATUS_CHANGE":
            return list(self._job(_text(data.get("id")), data.get("status"), line))
        if event.name == "BLOCK_JOB_CANCELLED":
            self._aborting.pop(_text(data.get("device")), None)
        elif event.name == "BLOCK_JOB_COMPLETED" and data.get("error"):
            error = _text(data.get("error"))
            if _CANCELLED.match(error):
                self._aborting.pop(_text(data.get("device")), None)
                return ()
            return (self._job_failed(_text(data.get("device")), error, line, event.name),)
        elif event.name == "MIGRATION" and data.get("status") == "failed":
            self._migration = self._migration or line
        return ()

    def lost(self) -> None:
        """Bytes are missing: who has cancelled a job may be among them."""
        self._aborting.clear()

    def ended(self, _end: End) -> Sequence[Finding]:
        """The session ends."""
        found = [one for job in list(self._aborting) for one in self._aborted(job)]
        return [*found, *self._migration_failed()]

    # --- what failed -----------------------------------------------------------------------------

    def _job(self, job: str, status: Value, line: int) -> Iterator[Finding]:
        if status == "created":
            for known in (self._cancelled, self._told):
                known.pop(job, None)
        elif status == "aborting" and job not in self._cancelled:
            _keep(self._aborting, job, line)
        elif status == "null":
            yield from self._aborted(job)

    def _aborted(self, job: str) -> Iterator[Finding]:
        """A job was aborted, and nobody asked why."""
        line = self._aborting.pop(job, 0)
        if line:
            words = f"job {job!r} failed: nobody asked why"
            yield self._finding(line, "JOB_STATUS_CHANGE", words)

    def _job_failed(self, job: str, error: str, line: int, subject: str) -> Finding:
        self._aborting.pop(job, None)
        _keep(self._told, job)
        return self._finding(line, subject, f"job {job!r} failed: {error}")

    def _migration_failed(self) -> Iterator[Finding]:
        line, self._migration = self._migration, 0
        if line:
            self._migration_told = True
            yield self._finding(line, "MIGRATION", "the migration failed")

    def _finding(self, line: int, subject: str, words: str) -> Finding:
        return self.report(
            "practice.work-failed", line, "", subject, words, "", "", f"QAPI, {subject}"
        )


def _keep(known: dict[str, Any], name: str, value: object = None) -> None:
    """Remember a name; the oldest is forgotten where there are too many."""
    known[name] = value
    if len(known) > _MOST:
        del known[next(iter(known))]
