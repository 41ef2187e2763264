"""The result of a replay as text for people and as JSON for programs.

Shows what `qmpconf.replay.result` holds, and judges nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from qmpconf.replay.bindings import sentence
from qmpconf.replay.difference import Difference, Group
from qmpconf.replay.result import MaskUse, Result
from qmpconf.report import upgrade
from qmpconf.report.tables import fitted
from qmpconf.text import counted, printable

#: Messages that are shown, and places of each; the others are counted.
_SHOWN = 50
_PLACES = 12
_NOTE_PLACES = 12


def as_text(result: Result, width: int = 120) -> str:
    """The whole report: differences, notes, masks, warnings, and the verdict as the last line.

    Tables are at most `width` columns wide.
    """
    return "".join(f"{printable(line)}\n" for line in _lines(result, width))


def as_json(result: Result) -> str:
    """The same as one JSON object."""
    groups = [
        {
            **asdict(group.first),
            "fingerprint": group.first.digest,
            "known": result.known.get(group.first.digest, ""),
            "count": group.count,
            "lines": [one.line for one in group.kept],
        }
        for group in result.differences
    ]
    value = {
        "trace": result.trace,
        "output": result.output,
        "target": result.target,
        "compare": result.level.value,
        "verdict": verdict(result),
        "exit_code": result.exit_code,
        "failure": result.failure,
        "sessions": result.sessions,
        "sent": result.sent,
        "greetings": result.greetings,
        "replies": result.replies,
        "events": result.events,
        "seconds": round(result.seconds, 6),
        "upgrade": upgrade.as_data(result.upgrade) if result.upgrade else None,
        "known_but_gone": result.gone,
        "differences": [group for group in groups if not group["note"]],
        "notes": [group for group in groups if group["note"]],
        "masks": [
            {
                "mask": use.mask.name,
                "message": use.subject,
                "place": place,
                "count": use.count,
                "reason": use.mask.reason,
                "source": use.mask.source,
                "examples": [
                    {"pointer": where, "expected": expected, "got": got}
                    for where, expected, got in use.examples
                ],
            }
            for (_, _, place), use in sorted(result.masks.items())
        ],
        "unused_masks": [asdict(mask) for mask in result.unused],
        "bindings": [asdict(bound) for bound in result.bindings],
        "warnings": result.warnings,
    }
    return json.dumps(value, indent=2) + "\n"


def verdict(result: Result) -> str:
    """The verdict in one sentence."""
    count = sum(group.count for group in result.new) + result.differences.dropped
    kinds = len(result.new) + result.differences.dropped
    found = "no differences"
    if result.known:
        found = "no differences but the known ones"
    if count:
        found = f"{counted(count, 'difference')} ({kinds} of them different from each other)"
        if kinds == count:
            found = counted(count, "difference")
    if result.gone:
        found += f"; {counted(len(result.gone), 'known difference')} no longer there"
    if result.failure:
        return f"not played to the end: {result.failure}; {found} up to there"
    return found


def _lines(result: Result, width: int) -> Iterator[str]:
    yield (
        f"replay of {result.trace} against {result.target}: "
        f"{counted(result.sessions, 'session')}, {counted(result.sent, 'message')} sent, "
        f"{counted(result.replies, 'reply', 'replies')} and {counted(result.events, 'event')} "
        f"matched in {result.seconds:.2f} s, compared by {result.level.value}"
    )
    if result.upgrade:
        yield ""
        yield from upgrade.head(result.upgrade)
    number = 0
    for title, messages in _parts(result):
        if title and messages:
            yield ""
            yield title
        for groups in messages[:_SHOWN]:
            number += 1
            yield ""
            yield from _message(number, groups)
        if len(messages) > _SHOWN:
            yield ""
            left = len(messages) - _SHOWN
            yield f"... and {counted(left, 'message')} more that differ (all of them: --format json)"
    if result.differences.dropped:
        yield f"... and {result.differences.dropped} that were counted, but not kept"
    notes = [group for group in result.differences if group.first.note]
    if notes:
        yield ""
        yield "Notes, which do not count as differences:"
        yield from _notes(notes)
    if result.upgrade:
        yield from upgrade.tail(result.upgrade)
    yield from _known(result)
    if result.masks:
        yield ""
        yield f"Masked: {counted(sum(use.count for use in result.masks.values()), 'place')}"
        rows = _mask_rows(result)
        headers = ("mask", "message", "place", "times", "recorded", "got", "why")
        table = fitted(rows, headers, width - 2, most={"recorded": 24, "got": 24, "why": 30})
        yield from (f"  {line}".rstrip() for line in table.splitlines())
    for mask in result.unused:
        yield ""
        yield (
            f"not needed: mask {mask.name} of {mask.source or 'the call'} "
            f"({mask.message} {mask.of} {mask.place}): nothing differed there"
        )
    for bound in result.bindings:
        yield ""
        yield f"bound: {sentence(bound)}"
    for warning in result.warnings:
        yield ""
        yield f"warning: {warning}"
    yield ""
    yield f"{verdict(result)[0].upper()}{verdict(result)[1:]}."
    if result.output:
        yield f"The replay's own trace is {result.output}."


def _parts(result: Result) -> list[tuple[str, list[list[Group]]]]:
    """The differences to show by message; against another version, what broke goes first."""
    if result.upgrade is None:
        return [("", _by_message(result.new))]
    broke = [group for group in result.new if group.first.effect != "changed"]
    changed = [group for group in result.new if group.first.effect == "changed"]
    return [
        (upgrade.BROKE.format(counted(len(broke), "kind")), _by_message(broke)),
        (upgrade.CHANGED.format(counted(len(changed), "kind")), _by_message(changed)),
    ]


def _notes(notes: list[Group]) -> Iterator[str]:
    """One line for each kind of message and reason, with the places."""
    together: dict[tuple[str, str, str], list[Group]] = {}
    for group in notes:
        one = group.first
        subject = "schema" if one.subject.startswith("schema: ") else one.subject
        together.setdefault((one.kind, subject, one.note), []).append(group)
    for (kind, subject, note), groups in together.items():
        count = sum(group.count for group in groups)
        times = f" ({count} times)" if count > 1 else ""
        yield f"  {kind} {subject}{times}: {note}"
        places = dict.fromkeys(_note_place(group.first) for group in groups)
        shown = [place for place in places if place][:_NOTE_PLACES]
        more = len([place for place in places if place]) - len(shown)
        if shown:
            yield f"    {', '.join(shown)}{f' and {more} more' if more else ''}"


def _note_place(one: Difference) -> str:
    """Where a note is; for an entry of a list, what the entry is."""
    if one.subject.startswith("schema: "):
        return one.subject.removeprefix("schema: ")
    if one.kind == "extra" and one.pointer.rpartition("/")[2].isdigit():
        return one.got
    return re.sub(r"/\d+(?=/|$)", "/*", one.pointer)


def _known(result: Result) -> Iterator[str]:
    """The known differences, and those that are gone."""
    if result.known:
        yield ""
    for group in result.differences:
        one = group.first
        if one.digest in result.known and not one.note:
            times = f" ({group.count} times)" if group.count > 1 else ""
            yield f"known {one.digest}: {one.kind} {one.subject}{times}: {result.known[one.digest]}"
    for digest in result.gone:
        yield f"gone {digest}: known ({result.known[digest]}), but no longer there: remove it"


def _mask_rows(result: Result) -> list[tuple[str, ...]]:
    """One row for each mask and place, whatever the messages."""
    together: dict[tuple[str, str, str], list[MaskUse]] = {}
    for (name, _, place), use in sorted(result.masks.items()):
        source = f" ({use.mask.source})" if use.mask.source else ""
        together.setdefault((name, place, use.mask.reason + source), []).append(use)
    return [
        (
            printable(name),
            printable(uses[0].subject) if len(uses) == 1 else f"{len(uses)} kinds of messages",
            printable(place),
            str(sum(use.count for use in uses)),
            *map(printable, uses[0].examples[0][1:]),
            printable(reason),
        )
        for (name, place, reason), uses in together.items()
    ]


def _by_message(found: Iterable[Group]) -> list[list[Group]]:
    """Differences, those of one message together; what a schema announces last."""
    together: dict[tuple[object, ...], list[Group]] = {}
    for group in found:
        one = group.first
        announced = one.subject.startswith("schema: ")
        subject = "" if announced else one.subject
        key = (announced, subject, one.session, one.line, one.got_line)
        together.setdefault(key, []).append(group)
    return [groups for _, groups in sorted(together.items(), key=lambda item: bool(item[0][0]))]


def _message(number: int, groups: list[Group]) -> Iterator[str]:
    first = groups[0].first
    announced = first.subject.startswith("schema: ")
    subject = "what the schema announces" if announced else first.subject
    yield f"{number}. {subject}: {_where(first)}"
    for group in groups[:_PLACES]:
        one = group.first
        times = f", {group.count} times{_others(group)}" if group.count > 1 else ""
        place = one.subject.removeprefix("schema: ") if announced else one.pointer
        why = f": {one.why}" if one.why else ""
        yield f"   {one.kind}{f' {place}' if place else ''}{times}{why} [{one.digest}]"
        yield f"     expected  {one.expected}"
        yield f"     got       {one.got}"
        if one.nearest:
            yield f"     nearest   {one.nearest}"
    if len(groups) > _PLACES:
        yield f"   ... and {counted(len(groups) - _PLACES, 'more place')} (all: --format json)"
    yield from (f"     {line}" for line in first.around)


def _where(one: Difference) -> str:
    places = [f"session {one.session}"]
    if one.line:
        places.append(f"line {one.line} of the recording")
    if one.got_line:
        places.append(f"line {one.got_line} of the replay")
    return ", ".join(places)


def _others(group: Group) -> str:
    lines = [str(one.line or one.got_line) for one in group.kept[1:]]
    if not lines:
        return ""
    more = ", ..." if group.count > len(group.kept) else ""
    return f" (also {', '.join(lines)}{more})"
