"""When something came, was deprecated and went: concluded from what the releases' catalogs say.

Releases are a line, and for each of them a `State` is known: that something was there, that it was not, or
nothing at all.  Between two releases with a catalog lie others without; so what is known of a change is an
interval, and it is said as that: "between 7.2 and 10.0".  Where a source states since when something is there,
and no catalog says otherwise, that release is given instead.

Pure: knows no catalog.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from qmpconf.schema.select import Version


class State(StrEnum):
    """What is known of something in one release; the values are signs for tables."""

    PRESENT = "+"
    #: There, and marked as deprecated.
    DEPRECATED = "D"
    #: The release's documents have it, and the build that was asked has not.
    DOCUMENTED = "m"
    #: Not there, though it was before and is later: it was not built, or the source leaves it out.
    LEFT_OUT = "n"
    ABSENT = "-"
    UNKNOWN = "?"


#: What the signs mean.
MEANINGS: dict[State, str] = {
    State.PRESENT: "there",
    State.DEPRECATED: "there, and deprecated",
    State.DOCUMENTED: "in the manual or source, but not in the build",
    State.LEFT_OUT: "left out, though there before and later",
    State.ABSENT: "not there",
    State.UNKNOWN: "its sources do not say",
}

_THERE = frozenset({State.PRESENT, State.DEPRECATED, State.DOCUMENTED})


@dataclass(frozen=True, slots=True)
class Release:
    """One release of a product: its version as it is shown, and a number that grows by one with each.

    The number of what was to become a release ("2.9-dev") is half of one less than that of the release.
    """

    label: str
    number: float


@dataclass(frozen=True, slots=True)
class Change:
    """That something came, was deprecated, or went: in the release `until`, or in one after `since`.

    `since` is empty where no catalog says when not yet; then it happened in `until` or before.  `stated` is
    the release that a source states.
    """

    what: Literal["came", "deprecated", "went"]
    since: str
    until: str
    exact: bool = False
    stated: str = ""

    @property
    def when(self) -> str:
        """In words: "in 10.0", "between 7.2 and 10.0", "in 5.2 or before"."""
        if self.stated:
            return f"in {self.stated}"
        if self.exact:
            return f"in {self.until}"
        return (
            f"between {self.since} and {self.until}" if self.since else f"in {self.until} or before"
        )


def settled(states: Sequence[State]) -> list[State]:
    """The states, where what is missing between two releases that have it was only left out."""
    there = [at for at, state in enumerate(states) if state in _THERE]
    if not there:
        return list(states)
    return [
        State.LEFT_OUT if state is State.ABSENT and there[0] < at < there[-1] else state
        for at, state in enumerate(states)
    ]


def changes(
    releases: Sequence[Release],
    states: Sequence[State],
    since: str = "",
    marking: Sequence[bool] | None = None,
) -> list[Change]:
    """What happened, in the order of time; `states` are settled, one for each of `releases`.

    `since` is the release that a source states for the first; `marking` says which releases would mark it
    if it were deprecated (default: all).
    """
    there = [at for at, state in enumerate(states) if state in _THERE]
    if not there:
        return []
    first, last = there[0], there[-1]
    found = [_came(releases, _last(states, range(first)), first, since)]
    marked = next((at for at in there if states[at] is State.DEPRECATED), None)
    if marked is not None:
        before = [at for at in there if at < marked and (marking is None or marking[at])]
        # What was there for the first time is not known to have been there without the mark.
        found.append(_change("deprecated", releases, before[-1] if before else None, marked))
    gone = next((at for at in range(last, len(states)) if states[at] is State.ABSENT), None)
    if gone is not None:
        found.append(_change("went", releases, last, gone))
    return found


def _last(states: Sequence[State], among: range) -> int | None:
    return next((at for at in reversed(among) if states[at] is State.ABSENT), None)


def _change(
    what: Literal["came", "deprecated", "went"],
    releases: Sequence[Release],
    before: int | None,
    after: int,
) -> Change:
    until = releases[after]
    if before is None:
        return Change(what, "", until.label)
    since = releases[before]
    return Change(what, since.label, until.label, exact=until.number - since.number <= 1)


def _came(releases: Sequence[Release], before: int | None, first: int, since: str) -> Change:
    found = _change("came", releases, before, first)
    version = Version.parse(since)
    if version is None:
        return found
    number = version.release
    lower = releases[before].number if before is not None else float("-inf")
    if (
        not lower < number <= math.ceil(releases[first].number)
    ):  # a candidate has what its release has
        return found
    label = f"{version.major}.{version.minor}"
    return Change("came", found.since, found.until, stated=label)
