"""The scenarios of the client suite: each one way to be unkind, and the rule that it shows.

A scenario's id is an address, as those of the server suite's cases are; it stays for good.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.conform.client.manners import Manners


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the client.

    `needs` says what the client must have done with a kind server, for the scenario to be about
    it: ``oob`` (sent a command out of band) or ``quit``.  What is a race for the client is tried
    several `times`, until it is lost.
    """

    id: str
    title: str
    manners: Manners
    needs: str = ""
    times: int = 1

    @property
    def requirement(self) -> str:
        """The rule that it is about."""
        return self.id.partition("/")[0]


#: A server that is as kind as can be: what the client does with it is held against the others.
PLAIN = Scenario("negotiation.client-first/plain", "The server is kind", Manners())

SCENARIOS = (
    PLAIN,
    Scenario(
        "event.any-time/between",
        "An event comes before and after every response",
        Manners(events=True),
    ),
    Scenario(
        "event.any-time/early",
        "Fifty events come at once when negotiation is done, in one write with its response",
        Manners(early=50, pieces="merged"),
    ),
    Scenario(
        "event.unknown-tolerated/events",
        "Events come that no schema has, with data and without",
        Manners(unknown_events=True),
    ),
    Scenario(
        "event.unknown-tolerated/members",
        "Results and events have members that no schema has",
        Manners(unknown_members=True, events=True),
    ),
    Scenario(
        "framing.any-piece/bytes",
        "Short messages come byte by byte, long ones in odd pieces",
        Manners(pieces="bytes"),
    ),
    Scenario(
        "framing.any-piece/ends",
        "The last byte of a message, its CR and its LF come each for itself, and late",
        Manners(pieces="ends"),
    ),
    Scenario(
        "framing.any-piece/merged",
        "Responses come in one write with the events around them",
        Manners(events=True, pieces="merged"),
    ),
    Scenario(
        "framing.any-piece/events-in-bytes",
        "Responses and events come byte by byte",
        Manners(events=True, unknown_events=True, pieces="bytes"),
    ),
    Scenario(
        "framing.any-size/1-mib",
        "A message has a mebibyte",
        Manners(large=1 << 20),
    ),
    Scenario(
        "framing.any-size/10-mib",
        "A message has ten mebibytes",
        Manners(large=10 << 20),
    ),
    Scenario(
        "oob.by-id/overtaken",
        "In-band commands wait, and what is sent out of band is answered at once",
        Manners(hold=0.4),
        needs="oob",
    ),
    Scenario(
        "session.patience/slow",
        "Greeting and answers take more than a second",
        Manners(slow=1.2),
    ),
    Scenario(
        "session.quit-eof/at-once",
        "The session ends right behind the response to quit, in the same moment",
        Manners(pieces="merged", linger=0.0),
        needs="quit",
        times=5,
    ),
    Scenario(
        "session.quit-eof/no-reply",
        "The end of the session is all the answer that quit gets",
        Manners(quit_reply=False, linger=0.0),
        needs="quit",
    ),
)
