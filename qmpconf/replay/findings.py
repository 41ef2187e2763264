"""The differences of a replay as findings: which rule, how severe, in which words, how much they weigh.

A `Difference` is what the player saw at one place; a finding is what that comes to once the whole
replay is known: its causes, the release of the target.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from qmpconf.findings import Finding, Severity
from qmpconf.findings import Group as Findings
from qmpconf.replay.difference import Difference, Effect, Group, Kind

#: What a replay holds a target to, by the kind of difference that shows a breach.
RULES: Mapping[Kind, str] = {
    "changed": "What the target says is what the recorded server said.",
    "missing": "What the recorded server said, the target says too.",
    "extra": "What the target says, the recorded server had said.",
    "moved": "Messages come in the recorded order.",
    "fixed": "What failed when it was recorded still fails.",
}

#: Characters of a value within a sentence.
_LONGEST = 80

_EFFECTS: Mapping[Effect, str] = {
    "": "",
    "design": "new by design",
    "changed": "behaves otherwise",
    "broke": "the client loses something",
}

#: What breaks goes before what is only another answer, causes before what follows from them.
_WEIGHTS: Mapping[Effect, float] = {"broke": 8.0, "changed": 2.0}

_WORDS: Mapping[Kind, str] = {
    "changed": "is another one",
    "missing": "was recorded, and did not come",
    "extra": "came, and was not recorded",
    "moved": "came in another order",
    "fixed": "failed when it was recorded, and succeeds",
}


def rule_of(kind: Kind) -> str:
    """The id of the rule that a difference of this kind breaks."""
    return f"replay.{kind}"


def severity_of(one: Difference) -> Severity:
    """How much a difference counts: one with a note does not."""
    return "note" if one.note else "error"


def finding(one: Difference, path: str, cause: str = "") -> Finding:
    """The finding of a difference to the recording `path`; `cause` is the failed call behind it."""
    more = {
        "follows from": cause,
        "nearest": one.nearest,
        "for an upgrade": _EFFECTS[one.effect],
        "replay line": str(one.got_line or ""),
    }
    return Finding(
        requirement=rule_of(one.kind),
        level="MUST",
        severity=severity_of(one),
        blame="server",
        path=path,
        line=one.line,
        session=one.session,
        pointer=one.pointer,
        subject=one.subject,
        message=_message(one),
        expected=one.expected,
        seen=one.got,
        source=f"{path}:{one.line}" if one.line else path,
        more=tuple((key, words) for key, words in more.items() if words),
        weight=_WEIGHTS.get(one.effect, 0.0) / (2 if cause else 1),
        around=one.around,
        identity=one.identity,
    )


def group(found: Group, path: str, cause: str = "") -> Findings:
    """The same of equal differences."""
    first = finding(found.first, path, cause)
    lines = sorted({one.line for one in found.kept if one.line})
    return Findings(first, first.fingerprint, found.count, lines)


def _message(one: Difference) -> str:
    """Why it counts as a difference or not; with the element that only one side's array has."""
    text = one.note or one.why or _WORDS[one.kind]
    value = {"missing": one.expected, "extra": one.got}.get(one.kind, "")
    if not value or not one.pointer.rpartition("/")[2].isdecimal():
        return text
    return f"{text}: {value if len(value) <= _LONGEST else value[:_LONGEST] + '...'}"
