"""How much of the tests a usual run has.

A usual run has a share of what there is much of, so that it ends in a quarter of an hour on two processors:
some of the builds, of the defects and of the catalogs, `MOST` cases of one test, an eighth of the examples of
each property, and nothing that is marked `whole`.  With ``QMPCONF_TESTS=whole`` a run has all of it, and where the command line names tests, it has all
of their cases.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

WHOLE = os.environ.get("QMPCONF_TESTS") == "whole"

#: Cases of one test that a usual run has at most.
MOST = 5

_T = TypeVar("_T")


def share(everything: Iterable[_T], step: int) -> list[_T]:
    """Each `step`-th of them, or all in a whole run."""
    return list(everything)[:: 1 if WHOLE else step]


def examples(number: int) -> int:
    """How many examples of a property: `number` in a whole run."""
    return number if WHOLE else max(10, number // 8)


def spread(cases: Sequence[_T], name: Callable[[_T], str]) -> tuple[list[_T], list[_T]]:
    """At most `MOST` cases of each name, from the first to the last, and those that are left out."""
    if WHOLE:
        return list(cases), []
    places: dict[str, list[int]] = {}
    for at, one in enumerate(cases):
        places.setdefault(name(one), []).append(at)
    chosen = {
        found[number * (len(found) - 1) // (MOST - 1)] if len(found) > MOST else found[number]
        for found in places.values()
        for number in range(min(MOST, len(found)))
    }
    kept = [one for at, one in enumerate(cases) if at in chosen]
    return kept, [one for at, one in enumerate(cases) if at not in chosen]
