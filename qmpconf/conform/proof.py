"""A failed case with all that proves it, as text: the rule, the messages, how to repeat it.

It stands here and not with the reports because pytest shows it, too.
"""

from __future__ import annotations

import shlex

from qmpconf.conform.verdicts import Result
from qmpconf.text import printable


def failure(result: Result, repeat: str) -> str:
    """A broken requirement with all that proves it; `repeat` names the target."""
    head = "KNOWN" if result.known else result.verdict.value.upper()
    lines = [f"{head} {result.case}: {result.title}"]
    if result.known:
        lines.append(f"  known      {result.known}")
    for breach in result.breaches[:1]:
        rule = f"{breach.requirement} ({breach.level}, {breach.source})"
        lines += [
            f"  rule       {rule}: {breach.sentence}",
            f"  expected   {breach.expected}",
            f"  got        {breach.seen}",
        ]
        if breach.pointer:
            lines.append(f"  place      {breach.pointer}")
    if len(result.breaches) > 1:
        lines.append(f"  and        {len(result.breaches) - 1} more in the same trace")
    if not result.breaches:
        lines.append(f"  reason     {result.reason}")
    if result.trace:
        line = result.breaches[0].line if result.breaches else 0
        lines.append(f"  trace      {result.trace}" + (f":{line}" if line else ""))
    lines += [f"  {one}" for one in result.excerpt.splitlines()]
    lines.append(f"  repeat     {command(result, repeat)}")
    return "\n".join(map(printable, lines))


def command(result: Result, repeat: str) -> str:
    """The one-line command that repeats a case."""
    case = result.case
    if case.endswith("/seen"):  # no case of its own: the one in whose trace it was seen
        case = result.reason.removeprefix("in ").partition(":")[0]
    return f"qmpconf conform {repeat} -k {shlex.quote(case)}"
