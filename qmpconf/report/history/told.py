"""What all views say of a history: how much its sources have, and what happened when.

A view shows a `Selection`: one place with all below it, or every command and event.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qmpconf.schema.history import History, Place, Row
from qmpconf.schema.lifetime import MEANINGS, Change, State
from qmpconf.schema.model import Source
from qmpconf.text import counted

#: How much of what there is a kind of source has.
_HAS = {
    "introspection": "all that the build has",
    "qapi": "all that the schema has",
    "manual": "all that the manual has",
    "hand": "not all, for it was written by hand",
    "part": "a part",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What is shown: `rows` of one place or of all; `whole` where no place was named.

    `product` is what the catalogs describe.
    """

    product: str
    history: History
    rows: Sequence[Row]
    whole: bool

    @property
    def title(self) -> str:
        """The place, or what all of it is."""
        return f"{self.product}: all commands and events" if self.whole else self.rows[0].place.path

    @property
    def lead(self) -> str:
        """How many releases and catalogs there are, in a sentence without its end."""
        groups = self.history.groups
        number = sum(len(one.catalogs) for one in groups)
        span = f"{groups[0].release.label} to {groups[-1].release.label}"
        return f"{self.product} {span}: {counted(len(groups), 'release')}, {counted(number, 'catalog')}"

    def of_their_own(self) -> Iterator[Row]:
        """The rows whose history is not that of the row above."""
        for row in self.rows:
            if row.above < 0 or row.place.differs(self.rows[row.above].place):
                yield row

    def relative(self, row: Row) -> str:
        """The path of a row, from the place on that is shown."""
        if self.whole or row.above < 0:
            return row.place.path
        return row.place.path.removeprefix(self.rows[0].place.path)


def extent(source: Source) -> str:
    """How much of what there is a catalog of that source has."""
    if source.partial:
        return f"{_HAS['part']}: {source.partial}"
    if source.kind == "document":
        return _HAS["manual" if source.lists_all else "hand"]
    return _HAS[source.kind]


def changed(place: Place) -> Mapping[str, str]:
    """When it came, was deprecated, and went, in words; what to use instead stands with the last."""
    found: dict[str, str] = {one.what: one.when for one in place.changes}
    if "went" not in found and place.states[-1] is State.UNKNOWN and place.changes:
        found["went"] = "not known"
    if place.instead:
        at = "deprecated" if "deprecated" in found else "went"
        if at in found:
            found[at] += f"; instead: {', '.join(place.instead)}"
    return found


def notes(place: Place, history: History) -> str:
    """What else is known of single releases: where it was not built, and which catalogs leave it out."""
    found: dict[State, list[str]] = {}
    labels = [one.label for one in history.releases]
    for state, several in itertools.groupby(enumerate(place.states), key=lambda one: one[1]):
        numbers = [number for number, _ in several]
        first, last = labels[numbers[0]], labels[numbers[-1]]
        span = first if first == last else f"{first} to {last}"
        found.setdefault(state, []).append(span)
    return "; ".join(
        f"{words} {', '.join(found[one])}" for one, words in _NOTED.items() if one in found
    )


_NOTED = {State.DOCUMENTED: "not built in", State.LEFT_OUT: "left out in"}


def signs(place: Place) -> str:
    """One sign for each release."""
    return "".join(place.states)


def legend(rows: Iterable[Row]) -> Iterator[tuple[State, str]]:
    """The signs that are used, and what they mean."""
    used = {state for row in rows for state in row.place.states}
    return ((state, words) for state, words in MEANINGS.items() if state in used)


def data_of(change: Change) -> dict[str, object]:
    """A change as JSON values."""
    found: dict[str, object] = {"after": change.since or None, "until": change.until}
    if change.stated:
        found["stated"] = change.stated
    return {**found, "words": change.when}


def incomplete(selection: Selection) -> Iterator[str]:
    """The catalogs that do not have all there was, as sentences without an end."""
    found: dict[str, list[str]] = {}
    for group in selection.history.groups:
        for one in group.catalogs:
            if not one.source.lists_all:
                found.setdefault(extent(one.source), []).append(one.name)
    for words, names in found.items():
        yield f"{', '.join(names)}: {words}; what is missing there proves nothing"
