"""One cause said once: what follows from a response that nobody waits for.

A checker that reads message by message takes such a response for that to the next command: its id
is wrong, its value is not of that command's type, and then the command's own response comes, for
which nothing waits any more.  Here the whole trace is there, so that it can be said what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qmpconf.findings import Finding
from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import Failure, Success, brief
from qmpconf.protocol.session import Session
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

_EXTRA = "response.exactly-one"
_OF_IDS = ("response.id-echo", "response.id-absent")
#: What is true of each message by itself, whatever it answers.
_OF_ITSELF = "framing."
#: Characters of a response that are shown.
_SHOWN = 120


def first_causes(path: str, found: Sequence[Finding]) -> Sequence[Finding]:
    """The findings in the trace `path`, without those that follow from a response too many."""
    wrong = {one.line for one in found if one.requirement in _OF_IDS}
    extra = {one.line for one in found if one.requirement == _EXTRA}
    if not wrong or not extra or min(wrong) > max(extra):
        return found
    strays = _strays(path, wrong, extra)
    lines = {line for line, _ in strays.values()}
    kept = []
    for one in found:
        if one.requirement == _EXTRA and one.line in strays:
            line, seen = strays[one.line]
            kept.append(replace(one, line=line, seen=seen))
        elif one.line not in lines or one.requirement.startswith(_OF_ITSELF):
            kept.append(one)
    return kept


def _strays(path: str, wrong: set[int], extra: set[int]) -> dict[int, tuple[int, str]]:
    """The lines of responses that nobody waits for, and what they are.

    By the line of the response that was meant.
    """
    sessions: dict[int, Session] = {}
    mistaken: dict[int, tuple[Pending, str]] = {}
    strays: dict[int, tuple[int, str]] = {}
    for item in TraceReader(path).items():
        if not isinstance(item, Item):
            continue
        session = sessions.setdefault(item.conn, Session())
        if item.sender == "client":
            session.client(item.frame, item.line)
            continue
        step = session.server(item.frame, item.line)
        response = step.message
        if item.line in wrong and step.answered is not None and response is not None:
            seen = f"none waits for {brief(response.value, _SHOWN)}"
            mistaken[item.line] = step.answered, seen
        if item.line in extra and isinstance(response, Success | Failure):
            before = (line for line, (one, _) in mistaken.items() if one.wants(response))
            stray = next(before, 0)
            if stray:
                strays[item.line] = stray, mistaken.pop(stray)[1]
    return strays
