"""What traces do not exercise yet, the most useful first.

A `Missing` is a command that never succeeded, an event that never came, or parts of one place that
were never used: members of an object, values of a member, branches of a union.  What only opens
with something that is missing itself is not told for itself; `Missing.opens` counts it.

They come in the order of `GROUPS`, from what costs one line in a test to what only the server
can do.  Within a group those come first that are nearest to what the traces do already: commands
that were tried before those that were not, parts of what is used most; then what opens most.
Whatever is deprecated or unstable stands in the last group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, get_args

import msgspec

from qmpconf.check.coverage import CoverageData, Record
from qmpconf.check.universe import SEPARATORS, Kind, Marks, kind_of

Group = Literal[
    "queries", "arguments", "values", "commands", "events", "returns", "data", "deprecated"
]
GROUPS: tuple[Group, ...] = get_args(Group)

#: What the groups hold, for people.
TITLES: dict[Group, str] = {
    "queries": "Queries that need no arguments",
    "arguments": "Arguments of commands in use",
    "values": "Values and branches of arguments in use",
    "commands": "Other commands",
    "events": "Events",
    "returns": "Results of commands in use: members, values, branches",
    "data": "Data of events that came: members, values, branches",
    "deprecated": "Deprecated or unstable",
}

_GROUP_OF: dict[Kind, Group] = {
    "arguments": "arguments",
    "values": "values",
    "variants": "values",
    "returns": "returns",
    "data": "data",
}


#: What parts have in common that are said together: the place above them, kind and marks.
_Key = tuple[str, Kind, Marks]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Places that are missing below one place.

    `place` is ``command NAME/arguments/...``, or ``command NAME`` when it never succeeded (then
    `parts` is empty).  `parts` are the missing endings of places: ``/MEMBER``, ``=VALUE``,
    ``[TAG=VALUE]``, ``(KIND)``.  `uses` is how often the place was used, or the command tried;
    `opens` how many places are behind the parts.
    """

    group: Group
    place: str
    kind: Kind
    parts: tuple[str, ...] = ()
    uses: int = 0
    opens: int = 0
    marks: Marks = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The missing places in full."""
        return tuple(f"{self.place}{part}" for part in self.parts) or (self.place,)


def most_useful(data: CoverageData, kinds: Iterable[str] = ()) -> list[Missing]:
    """Everything that is missing, the most useful first; of some `kinds` where any is named."""
    wanted = set(kinds)
    found = [one for record in data.records for one in _of_record(record)]
    return sorted((one for one in found if not wanted or one.kind in wanted), key=_rank)


def _rank(one: Missing) -> tuple[int, bool, int, int, str]:
    unasked = one.group == "commands" and not one.uses
    return GROUPS.index(one.group), unasked, -one.uses, -one.opens, one.place


def _of_record(record: Record) -> Iterator[Missing]:
    if record.calls:
        yield from _parts(record)
        return
    place = f"{record.kind} {record.name}"
    group: Group = "events"
    if record.kind == "command":
        query = record.bare and record.name.startswith(("query-", "x-query-"))
        group = "queries" if query else "commands"
    yield Missing(
        group="deprecated" if record.marks else group,
        place=place,
        kind="commands" if record.kind == "command" else "events",
        uses=record.refused + record.unanswered,
        opens=len(record.missing),
        marks=record.marks,
    )


def _parts(record: Record) -> Iterator[Missing]:
    """What is missing of a command that succeeded, or of an event that came."""
    missing = frozenset(record.missing)
    found: dict[_Key, dict[str, int]] = {}
    told: dict[str, tuple[_Key, str]] = {}
    for place in sorted(record.missing, key=len):
        above = next((one for one in _above(place) if one in missing), None)
        if above is None:
            stem = next(_above(place), "")
            marks = {*record.marks, *record.marked.get(place, ())}
            key = stem, kind_of(place), tuple(sorted(marks))
            told[place] = key, place[len(stem) :]
            found.setdefault(key, {})[place[len(stem) :]] = 0
        else:
            key, part = told[place] = told[above]
            found[key][part] += 1
    for (stem, kind, marked), parts in found.items():
        yield Missing(
            group="deprecated" if marked else _GROUP_OF[kind],
            place=f"{record.kind} {record.name}{stem}",
            kind=kind,
            parts=tuple(sorted(parts)),
            uses=_uses(record, stem),
            opens=sum(parts.values()),
            marks=marked,
        )


def _above(place: str) -> Iterator[str]:
    """The places, and the beginnings of places, that `place` stands below; the nearest first."""
    at = len(place)
    if place.endswith(("]", ")")):
        at = place.rfind("[" if place.endswith("]") else "(")
        yield place[:at]
    while at > 1:
        at -= 1
        if place[at] in SEPARATORS and not (place[at] == "=" and _in_brackets(place, at)):
            yield place[:at]


def _in_brackets(place: str, at: int) -> bool:
    return place.rfind("[", 0, at) > place.rfind("]", 0, at)


def _uses(record: Record, stem: str) -> int:
    """How often the place was used; that of the nearest one above it where it is none itself."""
    for one in (stem, *_above(stem)):
        if one in record.places:
            return record.places[one]
    return record.calls
