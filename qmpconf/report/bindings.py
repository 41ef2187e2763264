"""The bindings of a recording as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tabulate import tabulate

from qmpconf.protocol.messages import brief
from qmpconf.replay.play.explain import Explanation
from qmpconf.text import counted, printable

#: Uses of a value that are shown.
_USES = 2


def as_text(found: Sequence[Explanation]) -> str:
    """Two tables: what a replay binds, and what it does not."""
    bound = [one for one in found if one.is_bound]
    loose = [one for one in found if not one.is_bound]
    parts = []
    if bound:
        parts += ["Bound: should the target choose another value, it is sent that.", _table(bound)]
    if loose:
        parts += ["Not bound, though the server said it first:", _table(loose)]
    if not found:
        return "No value that the server chose goes back to it.\n"
    values = counted(len(found), "value goes", "values go")
    parts.append(f"{values} from the server back to it: {len(bound)} bound, {len(loose)} not.")
    return "\n\n".join(parts) + "\n"


def as_json(found: Sequence[Explanation]) -> str:
    """A list of objects."""
    value = [
        {
            "value": one.value,
            "bound": one.is_bound,
            "reason": one.reason,
            "line": one.line,
            "message": one.subject,
            "pointer": one.place,
            "sent": [
                {"line": use.line, "command": use.command, "pointer": use.place} for use in one.uses
            ],
        }
        for one in found
    ]
    return json.dumps(value, indent=1) + "\n"


def _table(found: Sequence[Explanation]) -> str:
    rows = [
        [
            printable(brief(one.value, 40)),
            printable(f"line {one.line}: {one.subject} {one.place}"),
            printable(_sent(one)),
            printable(one.reason),
        ]
        for one in found
    ]
    head = ("value", "the server says it in", "the client sends it in", "why")
    return tabulate(rows, head, disable_numparse=True, maxcolwidths=[40, 40, 40, 50])


def _sent(one: Explanation) -> str:
    uses = [f"line {use.line}: {use.command} {use.place}" for use in one.uses[:_USES]]
    more = len(one.uses) - _USES
    return "; ".join(uses) + (f"; and {more} more" if more > 0 else "")
