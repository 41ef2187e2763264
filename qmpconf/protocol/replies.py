"""What a server's message breaks by itself, or as the response to what it answers.

Where in the session it stands is the business of `qmpconf.protocol.session` and
`qmpconf.protocol.negotiation`.
"""

from __future__ import annotations

from typing import Any

from qmpconf.protocol.framing import Frame
from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import (
    DOWNSTREAM,
    Command,
    Event,
    Failure,
    Problem,
    Success,
    Unknown,
    brief,
)
from qmpconf.protocol.rates import LIMITED, Rates
from qmpconf.protocol.signs import SUCCESS, holds_event, outcome_of, shown
from qmpconf.protocol.steps import Step
from qmpconf.protocol.values import Cause

_MEMBER_TWICE = "framing.duplicate-member"

#: What a success for input that cannot be read breaks, by what is wrong with the input.
_REFUSES = {
    Cause.SYNTAX: "framing.json-strict",
    Cause.CHARACTERS: "framing.utf8-in",
    Cause.SURROGATE: "framing.surrogates",
    Cause.LIBERTY: "",
}


def judge_outcome(response: Success | Failure, answered: Pending, step: Step, mark: Any) -> None:
    """Hold the response to malformed input, or to a malformed command, against what it has to be."""
    message, outcome = answered.message, outcome_of(response)
    if isinstance(message, Command):
        if (message.problems or message.duplicates) and outcome == SUCCESS:
            rule = _MEMBER_TWICE if message.duplicates else message.problems[0].requirement
            step.server(mark, rule, "", "an error: the command is malformed", outcome)
    elif isinstance(response, Success):
        rule = "request.non-object" if message.cause is None else _REFUSES[message.cause]
        if rule:
            step.server(mark, rule, "", "an error", outcome)
    elif message.well_formed and outcome != "GenericError":
        step.server(mark, "request.non-object", "/error/class", "GenericError", outcome)


def judge_event(
    event: Event, rates: Rates, version: tuple[int, ...], step: Step, mark: Any
) -> None:
    """Hold an event of a server of this version against its name, and those before it."""
    if event.name in LIMITED:
        apart = rates.too_often(event, version)
        if apart is not None:
            seen = f"three {event.name} within {apart / 1e6:.3f} s"
            step.server(mark, "event.rate-limit", "/timestamp", "one a second", seen)
    elif event.name.startswith("__") and not DOWNSTREAM.match(event.name):
        wanted = "__, a reversed domain name and _"
        step.server(mark, "compat.downstream-prefix", "/event", wanted, brief(event.name))


def unreadable(frame: Frame) -> Unknown:
    """What a server sent that is not JSON."""
    return _unknown("framing.valid-json", "JSON", frame)


def as_torn(message: Unknown, frame: Frame) -> Unknown:
    """The same, unless it is a message with an event in the middle of it."""
    if message.well_formed or not holds_event(frame.data):
        return message
    return _unknown("event.not-inside", "an event before or behind a message", frame)


def _unknown(requirement: str, wanted: str, frame: Frame) -> Unknown:
    problem = Problem(requirement, "", wanted, shown(frame.data))
    return Unknown(None, (problem,), duplicates=False, well_formed=False)
