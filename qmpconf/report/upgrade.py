"""What a replay against another version tells for an upgrade, as text and as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qmpconf.replay.upgrade import Announced, Upgrade
from qmpconf.text import counted

BROKE = "What broke ({}):"
CHANGED = "What behaves otherwise ({}):"

#: Names in one list, and announced changes that are shown.
_NAMES = 40
_ANNOUNCED = 30


def head(found: Upgrade) -> Iterator[str]:
    """From what to what, and what behaves the same."""
    catalogs = [one.name if one else "no catalog of it" for one in (found.old, found.new)]
    yield f"Upgrade from {found.before} ({catalogs[0]}) to {found.after} ({catalogs[1]})."
    same = {name: one for name, one in found.behaved.items() if one.same == one.times}
    rest = {name: one for name, one in found.behaved.items() if one.same < one.times}
    total = sum(one.times for one in found.behaved.values())
    alike = sum(one.same for one in found.behaved.values())
    yield f"The same: {alike} of {total} messages; always the same were {len(same)} kinds:"
    yield f"  {_names(sorted(same))}"
    if rest:
        yield f"Not always the same were {len(rest)} kinds (how often they were):"
        yield f"  {_names([f'{name} ({one.same}/{one.times})' for name, one in sorted(rest.items())])}"


def tail(found: Upgrade) -> Iterator[str]:
    """What the schemas announce for what the session uses."""
    every = list(found.announced())
    if not (found.old and found.new):
        yield ""
        yield "The schemas were not compared: none is shipped for one of the two versions."
        return
    seen = [one for one in every if one.seen]
    yield ""
    yield (
        f"The schemas announce {counted(len(every), 'change')} to the {len(found.used)} commands and "
        f"events of this session; {len(seen)} met:"
    )
    for one in [*seen, *(one for one in every if not one.seen)][:_ANNOUNCED]:
        yield f"  {_sentence(one)}"
    if len(every) > _ANNOUNCED:
        yield (
            f"  ... and {len(every) - _ANNOUNCED} more "
            f"(qmpconf schema diff {found.old.name} {found.new.name})"
        )


def as_data(found: Upgrade) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "before": found.before,
        "after": found.after,
        "catalogs": [one.name if one else "" for one in (found.old, found.new)],
        "messages": {
            name: {"times": one.times, "same": one.same} for name, one in found.behaved.items()
        },
        "announced": [
            {
                "level": one.change.level,
                "place": one.change.place,
                "message": one.change.message,
                "also": list(one.change.also),
                "met": one.seen,
            }
            for one in found.announced()
        ],
    }


def _sentence(one: Announced) -> str:
    change = one.change
    also = f" (also {len(change.also)} others)" if change.also else ""
    met = "met" if one.seen else "not met"
    return f"{change.level}, {met}: {change.place}{also}: {change.message}"


def _names(names: list[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
