"""The result of a replay as text for people and as JSON for programs.

Shows what `qmpconf.replay.result` holds, and judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from tabulate import tabulate

from qmpconf.replay.bindings import sentence
from qmpconf.replay.difference import Difference, Group
from qmpconf.replay.result import MaskUse, Result

#: Messages that are shown, and places of each; the others are counted.
_SHOWN = 50
_PLACES = 12


def as_text(result: Result) -> str:
    """The whole report: differences, notes, masks, warnings, and the verdict as the last line."""
    return "".join(f"{_safe(line)}\n" for line in _lines(result))


def as_json(result: Result) -> str:
    """The same as one JSON object."""
    groups = [
        {**asdict(group.first), "count": group.count, "lines": [one.line for one in group.kept]}
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
    count = result.differences.count
    kinds = sum(1 for group in result.differences if not group.first.note)
    found = "no differences"
    if count:
        found = f"{_count(count, 'difference')} ({kinds} of them different from each other)"
        if kinds == count:
            found = _count(count, "difference")
    if result.failure:
        return f"not played to the end: {result.failure}; {found} up to there"
    return found


def _safe(line: str) -> str:
    """A line in which nothing can control a terminal: names come from whoever sent them."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


def _lines(result: Result) -> Iterator[str]:
    yield (
        f"replay of {result.trace} against {result.target}: "
        f"{_count(result.sessions, 'session')}, {_count(result.sent, 'message')} sent, "
        f"{_count(result.replies, 'reply', 'replies')} and {_count(result.events, 'event')} "
        f"matched in {result.seconds:.2f} s, compared by {result.level.value}"
    )
    notes = [group for group in result.differences if group.first.note]
    messages = _by_message(result)
    for number, groups in enumerate(messages[:_SHOWN], 1):
        yield ""
        yield from _message(number, groups)
    if len(messages) > _SHOWN:
        yield ""
        left = len(messages) - _SHOWN
        yield f"... and {_count(left, 'message')} more that differ (all of them: --format json)"
    if result.differences.dropped:
        yield f"... and {result.differences.dropped} that were counted, but not kept"
    if notes:
        yield ""
        yield "Notes, which do not count as differences:"
        for group in notes:
            one = group.first
            times = f" ({group.count} times)" if group.count > 1 else ""
            yield f"  {one.kind} {one.subject}{times}: {one.note}"
    if result.masks:
        yield ""
        yield f"Masked: {_count(sum(use.count for use in result.masks.values()), 'place')}"
        rows = _mask_rows(result)
        headers = ("mask", "message", "place", "times", "recorded", "got", "why")
        table = tabulate(
            rows, headers, disable_numparse=True, maxcolwidths=[None, 32, 40, None, 24, 24, 30]
        )
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


def _mask_rows(result: Result) -> list[tuple[str, ...]]:
    """One row for each mask and place, whatever the messages."""
    together: dict[tuple[str, str, str], list[MaskUse]] = {}
    for (name, _, place), use in sorted(result.masks.items()):
        source = f" ({use.mask.source})" if use.mask.source else ""
        together.setdefault((name, place, use.mask.reason + source), []).append(use)
    return [
        (
            name,
            uses[0].subject if len(uses) == 1 else f"{len(uses)} kinds of messages",
            place,
            str(sum(use.count for use in uses)),
            *uses[0].examples[0][1:],
            reason,
        )
        for (name, place, reason), uses in together.items()
    ]


def _by_message(result: Result) -> list[list[Group]]:
    """The differences that count, those of one message together; what a schema announces last."""
    together: dict[tuple[object, ...], list[Group]] = {}
    for group in result.differences:
        one = group.first
        if not one.note:
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
        yield f"   {one.kind}{f' {place}' if place else ''}{times}"
        yield f"     expected  {one.expected}"
        yield f"     got       {one.got}"
    if len(groups) > _PLACES:
        yield f"   ... and {_count(len(groups) - _PLACES, 'more place')} (all: --format json)"
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


def _count(number: int, word: str, plural: str = "") -> str:
    return f"{number} {word if number == 1 else plural or word + 's'}"
