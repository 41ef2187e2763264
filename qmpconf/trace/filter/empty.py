"""What is said where no message passes a filter: names that are written in the wrong case, above all."""

from __future__ import annotations

from collections.abc import Iterator

from qmpconf.text import shortened
from qmpconf.trace.filter.syntax import Compare, Filter, Has, In, Not

NOTHING_PASSES = "no message passes the filter"

#: Characters of the filter that are shown.
_LONGEST = 200


def nothing_passes(wanted: Filter) -> str:
    """The sentence, without an end: the filter, and what may have been meant.

    >>> from qmpconf.trace.filter.parsing import parse
    >>> nothing_passes(parse("event = stop"))
    "no message passes the filter: event = stop (events have capitals: event = STOP)"
    """
    asked = f"{NOTHING_PASSES}: {shortened(str(wanted), _LONGEST)}"
    hint = case_hint(wanted)
    return f"{asked} ({hint})" if hint else asked


def case_hint(wanted: Filter) -> str:
    """How a name in the filter is written, where it has the wrong case; else an empty string.

    QAPI has events in capitals, and commands in small letters.
    """
    for field, name in _names(wanted):
        if field == "event" and name != name.upper():
            return f"events have capitals: event = {name.upper()}"
        if field == "command" and name != name.lower():
            return f"commands have small letters: command = {name.lower()}"
    return ""


def _names(wanted: Filter) -> Iterator[tuple[str, str]]:
    """The names that a message must have to pass, and the field of each; not those behind ``not``."""
    if isinstance(wanted, Not | Has):
        return
    if isinstance(wanted, Compare):
        if wanted.operator in ("=", "~"):
            yield wanted.place.name, str(wanted.value)
    elif isinstance(wanted, In):
        yield from ((wanted.place.name, str(one)) for one in wanted.items)
    else:
        for one in wanted.parts:
            yield from _names(one)
