"""The outcome of a check as JSON, for programs.

::

    {"qmpconf-check": 1, "traces": [...], "findings": [...], "known": [...], "gone": [...],
     "totals": {"error": 1, "warning": 0, "note": 0}, "failed": true}

A finding has the members of `qmpconf.check.findings.Finding`, and `fingerprint` and `count`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qmpconf.check.baseline import Comparison
    from qmpconf.check.findings import Group
    from qmpconf.check.run import Outcome

VERSION = 1


def outcomes(checked: Sequence[Outcome], compared: Comparison) -> dict[str, Any]:
    """The whole outcome as JSON values; the traces of `checked` share their groups."""
    return {
        "qmpconf-check": VERSION,
        "traces": [_trace(one) for one in checked],
        "findings": [_group(one) for one in compared.new],
        "known": [_group(one) for one in compared.known],
        "gone": list(compared.gone),
        "totals": dict(checked[0].groups.totals),
        "dropped": checked[0].groups.dropped,
        "failed": compared.failed,
    }


def _trace(one: Outcome) -> dict[str, Any]:
    return {
        "path": one.path,
        "messages": one.messages,
        "sessions": one.sessions,
        "schemas": one.schemas,
        "finished": one.finished,
        "torn": one.torn,
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        **dataclasses.asdict(group.first),
        "fingerprint": group.fingerprint,
        "count": group.count,
    }
