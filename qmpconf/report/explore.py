"""What an exploration came to as plain JSON values, with the names of its files: the campaign's own record.

It lies beside the reproducers, so that a folder says by itself what it is.  What people and other
programs read of a run is its result (`qmpconf.report.results.of_explore`).
"""

from __future__ import annotations

import os
from typing import Any

from qmpconf.explore.outcome import Discovery, Explored
from qmpconf.report.results.of_explore import figures, in_order, notes

#: The file's name in the folder.
RECORD = "explored.json"


def as_data(explored: Explored) -> dict[str, Any]:
    """The outcome as JSON values."""
    after, before = figures(explored)
    return {
        "qmpconf-explore": 1,
        "target": explored.target,
        "schema": explored.schema,
        "seed": explored.plan.seed,
        "seconds": round(explored.seconds, 1),
        "lives": explored.lives,
        "commands": explored.commands,
        "succeeded": explored.succeeded,
        "together": explored.together,
        "overtaking": explored.overtaking,
        "limited": explored.limited,
        "notes": notes(explored),
        "folder": explored.plan.folder,
        "coverage": [
            {
                "kind": one.kind,
                "before": was.exercised,
                "exercised": one.exercised,
                "tried": one.tried,
                "all": one.all,
            }
            for one, was in zip(after, before, strict=True)
        ],
        "findings": [_data(one) for one in in_order(explored)],
    }


def _data(one: Discovery) -> dict[str, Any]:
    finding, shorter, files = one.finding, one.shorter, one.files
    return {
        "fingerprint": finding.fingerprint,
        "kind": finding.requirement,
        "subject": finding.subject,
        "message": finding.message,
        "expected": finding.expected,
        "seen": finding.seen,
        "times": one.times,
        "life": one.life,
        "counts": one.counts,
        "verified": one.verified,
        "commands": shorter.left if shorter and shorter.shown else None,
        "of": shorter.commands if shorter else None,
        "note": shorter.note if shorter else "",
        "trace": os.path.basename(files.trace if files else one.trace),
        "whole": os.path.basename(one.trace),
        "lines": os.path.basename(files.lines) if files else None,
        "script": os.path.basename(files.script) if files else None,
        "untyped": files.untyped if files else None,
    }
