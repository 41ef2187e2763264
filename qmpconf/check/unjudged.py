"""What a check did not judge, and why: silence is not a verdict.

A session without a schema, arguments that no source types, a call that the recorded server
refused: none of them is a finding, and none of them may look like "no findings".  Whoever comes
upon one adds it to the checker's `Lacks`; every view names them in its closing lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

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
    """Things that were not judged, equal ones counted, in the order in which they showed."""

    def __init__(self) -> None:
        self._found: dict[tuple[LackKind, str], Unjudged] = {}

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
        else:
            self._found[key] = replace(known, count=known.count + count)

    def __iter__(self) -> Iterator[Unjudged]:
        yield from self._found.values()

    def __len__(self) -> int:
        return len(self._found)
