"""The changes between two catalogs as findings: which rule, how severe, in which words.

A `Change` (`qmpconf.schema.diff`) is a fact about two catalogs, which a replay asks as well: is this
difference one that the schemas announce?  Only `schema diff` makes a finding of it, here.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from qmpconf.findings import Finding, Severity
from qmpconf.schema.diff import Change, Level

#: What a rule's id begins with; the level of the change follows.
PREFIX = "diff."

#: How many of the other commands and events with the same change a sentence names.
_NAMED = 3


class Rule(NamedTuple):
    """What a change of one level breaks: how severe that is, the requirement's level and sentence."""

    severity: Severity
    level: str
    sentence: str


RULES: Mapping[Level, Rule] = {
    "breaks": Rule("error", "MUST", "What a client relies on stays as it was."),
    "risk": Rule("warning", "SHOULD", "A client meets nothing that it does not know."),
    "deprecated": Rule("warning", "SHOULD", "A client uses nothing that will go away."),
    "unknown": Rule("note", "MAY", "Both sides say the same."),
    "compatible": Rule("note", "MAY", "What is new need not concern a client."),
}


def findings(changes: Iterable[Change], source: str) -> Iterator[Finding]:
    """A finding for each change, in their order; `source` is what the newer catalog was made of.

    Two are equal that say the same of one place, wherever it stands in its source, and whatever
    else has changed there.
    """
    for one in changes:
        rule = RULES[one.level]
        more = {"also": ", ".join(one.also), "condition": one.condition}
        kind, _, rest = one.place.partition(" ")
        about, slash, pointer = rest.partition("/")
        yield Finding(
            requirement=f"{PREFIX}{one.level}",
            level=rule.level,
            severity=rule.severity,
            blame="document",
            path=(one.facts_after if one.facts_after.line else one.facts_before).file,
            line=one.facts_after.line or one.facts_before.line,
            pointer=slash + pointer,
            subject=f"{kind} {about}",
            message=_sentence(one),
            expected=one.before,
            seen=one.after,
            source=source,
            more=tuple((name, words) for name, words in more.items() if words),
            identity=(one.level, one.what, one.place, one.message),
        )


def _sentence(one: Change) -> str:
    """The change in words: what it is, what it depends on, where it stands, who else has it."""
    text = one.message
    if one.condition:
        text += f"; perhaps only not built: it needs {one.condition}"
    if one.what == "added" and one.facts_after.condition:
        text += f", in builds with {one.facts_after.condition}"
    lines = [
        f"{f'{facts.file}:' if facts.file else 'line '}{facts.line} {where}"
        for facts, where in ((one.facts_before, "before"), (one.facts_after, "after"))
        if facts.line
    ]
    if lines:
        text += f" [{', '.join(lines)}]"
    if one.also:
        more = len(one.also) - _NAMED
        text += f"; also {', '.join(one.also[:_NAMED])}" + (f" and {more} more" if more > 0 else "")
    return text
