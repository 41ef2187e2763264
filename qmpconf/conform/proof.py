"""A failed case with all that proves it, as text: the rule, the messages, how to repeat it.

It is what a test of the suite fails with under pytest, which has no result to show; what a whole run
came to is shown by the views (`qmpconf.report.views.failures`).
"""

from __future__ import annotations

import shlex
from typing import Literal

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.verdicts import CaseResult
from qmpconf.findings import Finding
from qmpconf.text import printable


def failure(result: CaseResult, repeat: str) -> str:
    """A broken requirement with all that proves it; `repeat` names the target."""
    head = "KNOWN" if result.known else result.verdict.value.upper()
    lines = [f"{head} {result.case}: {result.title}"]
    if result.known:
        lines.append(f"  known      {result.known}")
    for breach in result.breaches[:1]:
        rule = f"{breach.requirement} ({breach.level}, {breach.source})"
        lines += [
            f"  rule       {rule}: {_sentence(result, breach)}",
            f"  expected   {breach.expected}",
            f"  got        {breach.seen}",
        ]
        if breach.pointer:
            lines.append(f"  place      {breach.pointer}")
    if len(result.breaches) > 1:
        lines.append(f"  and        {len(result.breaches) - 1} more in the same trace")
    if result.trace:
        line = result.breaches[0].line if result.breaches else 0
        lines.append(f"  trace      {result.trace}" + (f":{line}" if line else ""))
    lines += [f"  {one}" for one in result.excerpt.splitlines()]
    lines.append(f"  repeat     {command(result, repeat)}")
    return "\n".join(map(printable, lines))


def _sentence(result: CaseResult, finding: Finding) -> str:
    """The rule in the register's words, and what the finding says beyond that."""
    sentence = ALL_REQUIREMENTS[finding.requirement].sentence
    said = finding.message in (sentence.rstrip("."), result.title)
    return sentence if said else f"{sentence} ({finding.message})"


def command(result: CaseResult, repeat: str, side: Literal["server", "client"] = "server") -> str:
    """The one-line command that repeats a case; `repeat` has the server, or options and client."""
    case = result.case
    if case.endswith("/seen"):  # no case of its own: the one in whose trace it was seen
        case = result.reason.removeprefix("in ").partition(":")[0]
    if side == "client":
        return f"qmpconf conform-client -k {shlex.quote(case)} {repeat}"
    return f"qmpconf conform {repeat} -k {shlex.quote(case)}"
