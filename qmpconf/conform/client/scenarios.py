"""The scenarios of the client suite: each one way to be unkind, and the rule that it shows.

A scenario's id is an address, as those of the server suite's cases are; it stays for good.  Where
the server fails, the client may fail as well, but not in every way (`qmpconf.conform.client.judge`).
"""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.conform.client.failures import Failure
from qmpconf.conform.client.manners import Manners


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the client.

    `needs` says what the client must have done with a kind server, for the scenario to be about
    it: ``oob`` (sent a command out of band), ``quit``, or ``commands`` (any but qmp_capabilities).
    What is a race for the client is tried several `times`, until it is lost.  `failure` says how the
    server fails.
    """

    id: str
    title: str
    manners: Manners
    needs: str = ""
    times: int = 1
    failure: Failure = Failure.NONE

    @property
    def fails(self) -> bool:
        """Whether the server fails, so that the client may."""
        return self.failure is not Failure.NONE

    @property
    def requirement(self) -> str:
        """The rule that it is about."""
        return self.id.partition("/")[0]


#: A server that is as kind as can be: what the client does with it is held against the others.
PLAIN = Scenario("negotiation.client-first/plain", "The server is kind", Manners())
#: Just as kind, but not as quick: who polls is seen by it.
AGAIN = Scenario("negotiation.client-first/again", "The server is kind", Manners(slow=0.1))

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
        "event.any-time/before",
        "An event comes before every response, in one write with it",
        Manners(before=True, pieces="merged"),
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
        "framing.any-piece/lf",
        "CR and LF come in two pieces, the LF late",
        Manners(pieces="lf"),
    ),
    Scenario(
        "framing.any-piece/4096",
        "Responses have 4096 bytes, a page and the size of many buffers",
        Manners(exact=4096),
    ),
    Scenario(
        "framing.any-piece/65536",
        "Responses have 65536 bytes, the size of many buffers",
        Manners(exact=65536),
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
    Scenario(
        "session.silence/no-greeting",
        "The connection is accepted, and nothing comes",
        Manners(),
        failure=Failure.SILENT,
    ),
    Scenario(
        "session.silence/lost",
        "The first response after negotiation never comes; the next commands are answered",
        Manners(),
        needs="commands",
        failure=Failure.LOST,
    ),
    Scenario(
        "response.own/late",
        "The first response after negotiation comes with the next command, which is then answered",
        Manners(hold=0.2),
        needs="commands",
        failure=Failure.LATE,
    ),
    Scenario(
        "session.cut/mid-message",
        "The connection ends in the middle of the first response after negotiation",
        Manners(),
        needs="commands",
        failure=Failure.CUT,
    ),
    Scenario(
        "session.cut/greeting",
        "The connection ends in the middle of the greeting",
        Manners(),
        failure=Failure.CUT_GREETING,
    ),
    Scenario(
        "session.greeted-twice/two",
        "The session begins with two greetings",
        Manners(hold=0.2),
        failure=Failure.TWICE,
    ),
)
