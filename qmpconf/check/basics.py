"""Findings that need neither a catalog nor a look at what came before: breaches, members twice, missing bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpconf.protocol.messages import brief_pair
from qmpconf.protocol.places import pointer
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.values import Object, Value
from qmpconf.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Finding
    from qmpconf.protocol.steps import Breach, Step
    from qmpconf.trace.records import Gap


def breaches(reporter: Reporter, step: Step) -> list[Finding]:
    """What a frame breaks of the wire protocol, and what was kept back of those before it."""
    subject = step.answered.name if step.answered else getattr(step.message, "name", "")
    sent = step.waiting.mark if step.waiting else None

    def is_earlier(breach: Breach) -> bool:
        return sent is not None and breach.mark != sent and breach.blame is Party.CLIENT

    return [
        reporter.breach(breach, "" if is_earlier(breach) else subject) for breach in step.breaches
    ]


def twice(reporter: Reporter, step: Step, line: int, blame: Party) -> list[Finding]:
    """Members that stand twice in a message; without those that the wire rules have reported already.

    `line` (1-based) is where the message stands in the trace, and `blame` who has sent it.
    """
    told = {breach.pointer for breach in step.breaches}
    return [
        reporter.finding(
            "schema.member-once",
            line,
            where,
            getattr(step.message, "name", ""),
            f"member {name!r} stands twice",
            "each member once",
            seen,
            "spec 2.3",
            blame=blame,
        )
        for where, name, seen in _twice(step.message.value if step.message else None)
        if where not in told
    ]


def _twice(value: Value) -> Iterator[tuple[str, str, str]]:
    """Pointer, name, and the values for people, of every member that stands twice in `value`."""
    waiting: list[tuple[tuple[str | int, ...], Value]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, Object):
            for name, earlier in one.duplicates:
                seen = "{}, and later {}".format(*brief_pair(earlier, one[name]))
                yield pointer((*path, name)), name, seen
        if isinstance(one, dict):
            waiting += [((*path, name), inner) for name, inner in one.items()]
        elif isinstance(one, list):
            waiting += [((*path, index), inner) for index, inner in enumerate(one)]


def gap(reporter: Reporter, missing: Gap) -> Finding:
    """A note that bytes or messages are missing."""
    size = f"{missing.size:,} bytes" if missing.size else "an unknown number of bytes"
    if missing.messages:
        size = counted(missing.messages, "message")
    what = "messages" if missing.messages else "bytes"
    return reporter.finding(
        "trace.gap",
        missing.line,
        "",
        "",
        f"{what} of the {missing.sender} are missing: what they may hold was not judged",
        f"all that the {missing.sender} sent",
        f"{size} not recorded",
        "the trace",
    )
