"""A trace that was played as the server: the result as text for people.

Shows what `qmpconf.replay.serve.outcome` holds, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from qmpconf.replay.difference import Group
from qmpconf.replay.serve.outcome import Played
from qmpconf.text import counted, printable

#: Differences that are shown; the others are counted.
_SHOWN = 50


def as_text(played: Played) -> str:
    """The whole report, with the verdict as its last line."""
    return "".join(f"{printable(line)}\n" for line in _lines(played))


def verdict(played: Played) -> str:
    """The verdict in one sentence."""
    found = [
        f"{count} {text}"
        for count, text in (
            (played.unexpected, "not in the recording"),
            (played.unplayed, "not played"),
            (played.differences.count - played.unexpected - played.unplayed, "other differences"),
        )
        if count
    ]
    told = ", ".join(found) or "all of the recording was played"
    return f"not played to the end: {played.failure}; {told}" if played.failure else told


def _lines(played: Played) -> Iterator[str]:
    again = f", {played.repeated} once more" if played.repeated else ""
    yield (
        f"{played.trace} played as the server: sessions: {played.sessions}, "
        f"commands answered: {played.commands}{again}, messages sent: {played.messages}"
    )
    for number, group in enumerate(played.differences, 1):
        if number > _SHOWN:
            yield f"... and {len(played.differences) - _SHOWN} more"
            break
        yield from _group(number, group)
    for warning in played.warnings:
        yield f"warning: {warning}"
    text = verdict(played)
    yield f"{text[0].upper()}{text[1:]}."


def _group(number: int, group: Group) -> Iterator[str]:
    one = group.first
    times = f" ({counted(group.count, 'time')})" if group.count > 1 else ""
    where = f" (line {one.line})" if one.line else ""
    yield f"{number}. {one.kind}: {one.subject}, session {one.session}{where}{times}"
    yield f"     recorded: {one.expected}"
    yield f"     client:   {one.got}"
