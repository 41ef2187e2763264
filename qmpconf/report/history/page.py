"""A history as one HTML page that needs nothing else: no network, no other file.

The page holds each command and event in a table that can be read without its script, and the places below them
as data, from which the script makes rows when they are looked at or searched.  Places with the same history
and the same places below them are held once, so that the whole protocol takes a few hundred kilobytes.

Names may come from a user's catalog: they go through jinja2's autoescape, or into the data, which the script
writes as text.  The page's own policy lets nothing run but that script.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from qmpconf.report import one_page
from qmpconf.report.history.told import Selection, changed, extent, incomplete, legend, signs
from qmpconf.schema.history import Row
from qmpconf.schema.lifetime import MEANINGS
from qmpconf.text import counted, printable
from qmpconf.version import __version__

#: What the script calls the kinds of places.
_KINDS = {
    "command": "c",
    "event": "e",
    "payload": "p",
    "member": "m",
    "value": "v",
    "branch": "b",
}
_PACKAGE = __name__.rpartition(".")[0]
_WHAT = ("came", "deprecated", "went")


def page(selection: Selection) -> str:
    """The whole page."""
    style, script = one_page.style(_PACKAGE), one_page.asset(_PACKAGE, "script.js")
    tops = [row for row in selection.rows if row.above < 0]
    groups = selection.history.groups
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=selection.title,
            selection=selection,
            style=style,
            script=script,
            policy=one_page.policy(style, script),
            version=__version__,
            entries=[(row.place.path, list(changed(row.place).items())) for row in tops],
            commands=sum(row.place.kind == "command" for row in tops),
            events=sum(row.place.kind == "event" for row in tops),
            places=len(selection.rows),
            releases=[one.release.label for one in groups],
            sources=[
                (group.release.label, one.name, one.source.kind, extent(one.source))
                for group in groups
                for one in group.catalogs
            ],
            legend=list(legend(selection.rows)),
            incomplete=list(incomplete(selection)),
            data=_embedded(_data(selection)),
        )
    )


def _data(selection: Selection) -> dict[str, Any]:
    """What the script reads: releases, histories and nodes, which refer to each other by number."""
    histories: dict[str, int] = {}
    nodes: dict[str, int] = {}
    tops: list[int] = []
    waiting: dict[int, list[int]] = {}
    names: list[str] = []  # of the entry that a row belongs to
    for row in selection.rows:
        names.append(row.place.path if row.above < 0 else names[row.above])
    # From the last row to the first, so that what is below a place comes before it.
    for number in reversed(range(len(selection.rows))):
        row = selection.rows[number]
        below = waiting.pop(number, [])[::-1]
        node = _node(row, _number(histories, _history(row)), below)
        if row.again:  # within its entry, so that it does not depend on the entry's name
            node.append(printable(row.again.removeprefix(names[number])))
        found = _number(nodes, json.dumps(node, ensure_ascii=False))
        if row.above < 0:
            tops.append(found)
        else:
            waiting.setdefault(row.above, []).append(found)
    return {
        "releases": [one.release.label for one in selection.history.groups],
        "meanings": {str(state): words for state, words in MEANINGS.items()},
        "histories": [json.loads(one) for one in histories],
        "nodes": [json.loads(one) for one in nodes],
        "entries": tops[::-1],
    }


def _history(row: Row) -> str:
    found = changed(row.place)
    return json.dumps([signs(row.place), *(printable(found.get(one, "")) for one in _WHAT)])


def _node(row: Row, history: int, below: list[int]) -> list[Any]:
    place = row.place
    head = place.path if row.above < 0 else place.step
    word = place.type + ("?" if place.optional else "")
    return [printable(head), _KINDS[place.kind], printable(word), history, below]


def _number(known: dict[str, int], one: str) -> int:
    return known.setdefault(one, len(known))


def _embedded(value: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - what could end the element is escaped


@cache
def _environment() -> Environment:
    found = one_page.environment(
        _PACKAGE, lambda value: printable(value) if type(value) is str else value
    )
    found.filters["counted"] = counted
    return found
