"""The differences of a replay as findings: which rule, how severe, in which words, how much they weigh.

A `Difference` is what the player saw at one place; a finding is what that comes to once the whole
replay is known: its causes, the release of the target.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmpconf.findings import Finding, Severity
from qmpconf.findings import Group as Findings
from qmpconf.replay.difference import Difference, Effect, Group, Kind


@dataclass(frozen=True, slots=True)
class Words:
    """How differences are put: `rules` say what is wanted, and `kinds` what was seen, by their kind.

    `line` is what the line of the other trace is called, `source` what all is held against.
    """

    rules: Mapping[Kind, str]
    kinds: Mapping[Kind, str]
    line: str
    source: str


#: Of a replay, which holds a target to a recording.
REPLAYED = Words(
    rules={
        "changed": "What the target says is what the recorded server said.",
        "missing": "What the recorded server said, the target says too.",
        "extra": "What the target says, the recorded server had said.",
        "moved": "Messages come in the recorded order.",
        "fixed": "What failed when it was recorded still fails.",
    },
    kinds={
        "changed": "is another one",
        "missing": "was recorded, and did not come",
        "extra": "came, and was not recorded",
        "moved": "came in another order",
        "fixed": "failed when it was recorded, and succeeds",
    },
    line="replay line",
    source="the recording",
)

#: Of two recordings.
COMPARED = Words(
    rules={
        "changed": "What is said in both recordings is the same.",
        "missing": "What is in the first recording is in the second, too.",
        "extra": "What is in the second recording is in the first, too.",
        "moved": "Messages come in the same order.",
        "fixed": "What failed in the first recording fails in the second.",
    },
    kinds={
        "changed": "is another one in the second recording",
        "missing": "is only in the first recording",
        "extra": "is only in the second recording",
        "moved": "comes in another order",
        "fixed": "failed in the first recording, and succeeds in the second",
    },
    line="line of the second",
    source="the first recording",
)

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


def rule_of(kind: Kind) -> str:
    """The id of the rule that a difference of this kind breaks."""
    return f"replay.{kind}"


def severity_of(one: Difference) -> Severity:
    """How much a difference counts: one with a note does not."""
    return "note" if one.note else "error"


def finding(
    one: Difference, path: str, cause: str = "", words: Words = REPLAYED, other: str = ""
) -> Finding:
    """The finding of a difference to the recording `path`; `cause` is the failed call behind it.

    `other` is the other recording, where there is one: what only that has is found there.
    """
    path, line = (other, one.got_line) if other and not one.line else (path, one.line)
    more = {
        "follows from": cause,
        "nearest": one.nearest,
        "for an upgrade": _EFFECTS[one.effect],
        words.line: str(one.got_line or "") if line != one.got_line or one.line else "",
    }
    return Finding(
        requirement=rule_of(one.kind),
        level="MUST",
        severity=severity_of(one),
        blame="client" if one.subject.startswith("command ") else "server",
        path=path,
        line=line,
        session=one.session,
        pointer=one.pointer,
        subject=one.subject,
        message=_message(one, words),
        expected=one.expected,
        seen=one.got,
        source=f"{path}:{line}" if line else path,
        more=tuple((key, text) for key, text in more.items() if text),
        weight=_WEIGHTS.get(one.effect, 0.0) / (2 if cause else 1),
        around=one.around,
        identity=one.identity,
    )


def group(
    found: Group, path: str, cause: str = "", words: Words = REPLAYED, other: str = ""
) -> Findings:
    """The same of equal differences."""
    first = finding(found.first, path, cause, words, other)
    its = [one.line or one.got_line if other else one.line for one in found.kept]
    lines = sorted({line for line in its if line})
    return Findings(first, first.fingerprint, found.count, lines)


def _message(one: Difference, words: Words) -> str:
    """Why it counts as a difference or not; with the element that only one side's array has."""
    text = one.note or one.why or words.kinds[one.kind]
    value = {"missing": one.expected, "extra": one.got}.get(one.kind, "")
    if not value or not one.pointer.rpartition("/")[2].isdecimal():
        return text
    return f"{text}: {value if len(value) <= _LONGEST else value[:_LONGEST] + '...'}"
