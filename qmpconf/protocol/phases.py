"""The phases of a session: what a server may say in each, and where it leads.

`TRANSITIONS` is the whole of it (qmpconf/protocol/README.md, Phases); `qmpconf.protocol.negotiation`
finds out what a message is, and keeps the phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Phase(Enum):
    """How far a session has come, as its server's messages show."""

    GREETING = "no greeting yet"
    NEGOTIATION = "capabilities negotiation"
    COMMANDS = "command mode"
    CLOSED = "closed"


class Said(Enum):
    """What a server says, as far as it matters to the phases.

    A command is an in-band one here; `OTHER` are the responses to out-of-band commands, to
    malformed input, and to what was not seen.
    """

    GREETING = "a greeting"
    EVENT = "an event"
    EVENT_MEANWHILE = "an event while qmp_capabilities waits for its response"
    ENABLED = "success of qmp_capabilities"
    ENABLE_NOT_FOUND = "CommandNotFound for qmp_capabilities"
    ENABLE_FAILED = "another error of qmp_capabilities"
    SUCCESS = "success of another command"
    NOT_FOUND = "CommandNotFound for another command"
    FAILED = "another error of another command"
    OTHER = "any other response"


class Transition(NamedTuple):
    """What a message breaks ("" for nothing), what was due in its place, and the next phase."""

    requirement: str
    expected: str
    next: Phase


def _transitions() -> Mapping[tuple[Phase, Said], Transition]:
    greeting, negotiation, commands = Phase.GREETING, Phase.NEGOTIATION, Phase.COMMANDS
    first = "greeting.first"
    found = {(phase, said): Transition("", "", phase) for phase in Phase for said in Said}
    for said in Said:
        found[greeting, said] = Transition(first, "the greeting first", greeting)
    found |= {
        (greeting, Said.GREETING): Transition("", "", negotiation),
        (greeting, Said.ENABLED): Transition(first, "the greeting first", commands),
        (negotiation, Said.ENABLED): Transition("", "", commands),
    }
    for phase, said, rule, expected in (
        (negotiation, Said.GREETING, first, "one greeting"),
        (negotiation, Said.EVENT, "negotiation.no-events", "no event before negotiation is done"),
        (negotiation, Said.SUCCESS, "negotiation.gate", "CommandNotFound"),
        (negotiation, Said.FAILED, "negotiation.gate", "CommandNotFound"),
        (commands, Said.GREETING, first, "one greeting"),
        (commands, Said.ENABLED, "negotiation.once", "CommandNotFound"),
        (commands, Said.ENABLE_FAILED, "negotiation.once", "CommandNotFound"),
    ):
        found[phase, said] = Transition(rule, expected, phase)
    return found


#: For each phase and each thing that can be said in it; what nobody names breaks nothing and
#: changes nothing.
TRANSITIONS = _transitions()
