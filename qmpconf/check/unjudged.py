"""What a check did not judge, and why: silence is not a verdict.

A session without a schema, arguments that no source types, a call that the recorded server
refused: none of them is a finding, and none of them may look like "no findings".  Whoever comes
upon one adds it to the checker's `Lacks`; every view names them in its closing lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from qmpconf.findings import Place
from qmpconf.protocol.framing import HELD
from qmpconf.protocol.matching import MOST_BYTES, MOST_WAITING
from qmpconf.trace.items import MOST_VALUES
from qmpconf.trace.order import Where
from qmpconf.trace.settle import MOST_OPEN

#: What was not judged: a trace without a message; the session's messages against a schema; a call
#: or an event against the catalog; open-ended arguments against their properties; lines of the
#: input that were not understood; answers against a limit of time; the rest of sessions, and the
#: responses to commands, that were given up because too many were open at once; messages that are
#: too long to be read.
LackKind = Literal[
    "trace",
    "schema",
    "call",
    "event",
    "property",
    "line",
    "time",
    "session",
    "response",
    "message",
]

# What is said of each, and what to do.

#: The places of a converted text that nobody understood.
NOT_UNDERSTOOD = (
    "lines of the text that this trace was converted from were not understood, and may hold messages",
    "`qmpconf convert` shows them",
)
#: Messages that are not read.
TOO_LONG = (
    f"they are longer than {HELD >> 20} MiB, or have more than {MOST_VALUES:,} values",
    "",
)
#: Answers that are to come within a time, in a trace that has no times.
NO_TIMES = (
    "the trace has no times: no answer was held against --max-latency",
    "record the session, or convert a log that has times",
)
#: A trace without a message.
NO_MESSAGE = (
    "it holds no message",
    "was the recorder between the client and the server, and did the client connect?",
)
#: A session that was given up, to stay within bounds.
GIVEN_UP = (
    f"it was open, and silent for longest, while more than {MOST_OPEN:,} sessions were",
    "`qmpconf convert --session N` takes one out of the trace",
)
#: Commands whose responses are not waited for any more.
NOT_WAITED_FOR = (
    f"they were given up, because too many waited at once ({MOST_WAITING:,} may, or {MOST_BYTES >> 20} MiB)",
    "",
)

#: How many different lacks are kept; the rest is counted under the first of its kind.
MOST_LACKS = 200


@dataclass(frozen=True, slots=True)
class Unjudged:
    """One thing that was not judged.

    `text` says what and why, as a clause without a full stop ("no schema could be chosen: the
    trace has no greeting"); `advice` says what to do, or is empty; `line` is the line (1-based) of
    the trace where it shows first, or 0; `count` is how often.
    """

    kind: LackKind
    text: str
    advice: str = ""
    line: int = 0
    count: int = 1


class Lacks:
    """Things that were not judged, equal ones counted, in the order in which they showed.

    `where` says where in the trace it is looked; `full` whether there was no room for all of them.
    """

    def __init__(self, where: Where | None = None) -> None:
        self._found: dict[tuple[LackKind, str], Unjudged] = {}
        self._places: dict[tuple[LackKind, str], Place] = {}
        self._where = where or Where()

    def add(
        self, kind: LackKind, text: str, advice: str = "", line: int = 0, count: int = 1
    ) -> None:
        """Count one more."""
        key = kind, text
        known = self._found.get(key)
        if known is None and len(self._found) >= MOST_LACKS:
            key = next((one for one in self._found if one[0] == kind), key)
            known = self._found.get(key)
        if known is None:
            self._found[key] = Unjudged(kind, text, advice, line, count)
            self._places[key] = self._where.next()
        else:
            self._found[key] = replace(known, count=known.count + count)

    def merge(self, other: Lacks) -> Lacks:
        """Both, of one trace.  It is exact while no more than `MOST_LACKS` are in both."""
        both = Lacks()
        found = dict(self._found)
        places = dict(self._places)
        for key, one in other._found.items():
            known = found.get(key, one)
            early = min(
                (places.get(key, other._places[key]), known),
                (other._places[key], one),
                key=lambda pair: pair[0],
            )
            count = one.count + (found[key].count if key in found else 0)
            places[key], found[key] = early[0], replace(early[1], count=count)
        both._places = dict(sorted(places.items(), key=lambda pair: pair[1]))
        both._found = {key: found[key] for key in both._places}
        return both

    def __iter__(self) -> Iterator[Unjudged]:
        yield from self._found.values()

    def __len__(self) -> int:
        return len(self._found)
