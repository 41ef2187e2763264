"""The testee protocol: a client prints one JSON line for each result and event that it got.

::

    {"command": "query-status", "return": {"status": "running", "running": true}}
    {"command": "stop", "error": {"class": "GenericError", "desc": "..."}}
    {"command": "stop", "failed": "timed out"}
    {"event": "STOP", "data": {}}

What it prints is compared with what the server said: value by value, for each command in its order.
``failed`` says that the client gave up; what an error does not say, and the data of an event that
does not have them, are not compared.  Lines that are not JSON objects, and other members, are the client's own affair.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qmpconf.conform.client.manners import EXTRA, Told
from qmpconf.text import counted

_WORDS = 160


@dataclass(frozen=True, slots=True)
class Report:
    """One line of a testee: `kind` is ``return``, ``error``, ``failed`` or ``event``.

    `name` is that of the command or event, `value` the result, the error, the reason or the data
    (None for an event without any).
    """

    kind: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What a client reports of the command or event `name`, and what it should have.

    `message` is what the server said, or None.
    """

    name: str
    expected: str
    seen: str
    message: Any = None


def reports(output: str) -> list[Report]:
    """The reports in what a client printed."""
    found = []
    for line in output.splitlines():
        if line.lstrip().startswith("{"):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            report = _report(value)
            if report:
                found.append(report)
    return found


def _report(value: Any) -> Report | None:
    name = value.get("command")
    if isinstance(name, str):
        kinds = [kind for kind in ("return", "error", "failed") if kind in value]
        return Report(kinds[0], name, value[kinds[0]]) if len(kinds) == 1 else None
    name = value.get("event")
    return Report("event", name, value.get("data")) if isinstance(name, str) else None


def names(found: Sequence[Report]) -> tuple[frozenset[str], frozenset[str]]:
    """The commands and the events that are reported."""
    return (
        frozenset(one.name for one in found if one.kind in ("return", "error")),
        frozenset(one.name for one in found if one.kind == "event"),
    )


def compare(
    told: Sequence[Told], found: Sequence[Report], wanted: tuple[frozenset[str], frozenset[str]]
) -> Iterator[Mismatch]:
    """Where the reports differ from what the server said.

    `wanted` are the commands and events of which nothing may be missing.
    """
    results = [one for one in found if one.kind in ("return", "error")]
    for name in dict.fromkeys([*(one.name for one in results), *sorted(wanted[0])]):
        answers = [one.message for one in told if one.command == name and not one.withheld]
        mine = [one for one in results if one.name == name]
        yield from _in_order(name, answers, mine, complete=name in wanted[0])
    events = [one for one in found if one.kind == "event"]
    for name in dict.fromkeys([*(one.name for one in events), *sorted(wanted[1])]):
        emitted = [one.message for one in _before_the_end(told) if one.message.get("event") == name]
        late = [one.message for one in told if one.message.get("event") == name][len(emitted) :]
        mine = [one for one in events if one.name == name]
        yield from _events(name, emitted, late, mine, complete=name in wanted[1])


def _in_order(
    name: str, answers: Sequence[Any], mine: Sequence[Report], *, complete: bool
) -> Iterator[Mismatch]:
    at = 0
    for report in mine:
        rest = answers[at : at + 1] if complete else answers[at:]
        place = next((n for n, one in enumerate(rest) if _is_result(one, report)), -1)
        if place < 0:
            message = rest[0] if rest else None
            wanted = _shown(message) if rest else "no response, as none was sent"
            yield Mismatch(name, f"{name}: {wanted}", _words({report.kind: report.value}), message)
            at += 1 if complete else 0
        else:
            at += place + 1
    if complete and at < len(answers):
        what = f"{counted(len(answers), 'result')} of {name}, as many as were sent"
        yield Mismatch(name, what, str(len(mine)), answers[at])


def _events(
    name: str,
    emitted: Sequence[Any],
    late: Sequence[Any],
    mine: Sequence[Report],
    *,
    complete: bool,
) -> Iterator[Mismatch]:
    every = [*emitted, *late]
    at = 0
    for report in mine:
        place = next((n for n, one in enumerate(every[at:]) if _is_event(one, report)), -1)
        if place < 0:
            message = every[at] if at < len(every) else None
            wanted = _shown(message) if message else "no event, as none was sent"
            yield Mismatch(name, f"{name}: {wanted}", _words(report.value), message)
            return
        at += place + 1
    if complete and len(mine) < len(emitted):
        what = f"{counted(len(emitted), 'event')} of {name}, as many as were sent"
        yield Mismatch(name, what, str(len(mine)), emitted[-1])


def _before_the_end(told: Sequence[Told]) -> Sequence[Told]:
    """What was said before the last response but one: a client may not listen to the end."""
    places = [place for place, one in enumerate(told) if one.command]
    return told[: places[-2]] if len(places) > 1 else ()


def _is_result(message: Mapping[str, Any], report: Report) -> bool:
    if report.kind not in message:
        return False
    sent = message[report.kind]
    if report.kind == "error" and isinstance(report.value, dict):
        return all(name in sent and same(sent[name], one) for name, one in report.value.items())
    return same(sent, report.value)


def _is_event(message: Mapping[str, Any], report: Report) -> bool:
    return report.value is None or same(message.get("data", {}), report.value)


def same(sent: Any, reported: Any) -> bool:
    """Whether a value came through: numbers by value; what no schema has may be left out."""
    if isinstance(sent, bool) or isinstance(reported, bool):
        return sent is reported
    if isinstance(sent, dict) and isinstance(reported, dict):
        wanted = {name for name in sent if name != EXTRA or name in reported}
        return wanted == set(reported) and all(same(sent[name], reported[name]) for name in wanted)
    if isinstance(sent, list) and isinstance(reported, list):
        return len(sent) == len(reported) and all(map(same, sent, reported))
    return bool(sent == reported)


def _shown(message: Any) -> str:
    return _words({name: one for name, one in message.items() if name not in ("id", "timestamp")})


def _words(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _WORDS else text[:_WORDS] + "..."
