"""What makes a run fail: one rule for every verb, for merged results and for pytest (qmpconf/README.md, Exit codes).

Errors fail a run, warnings only where the user is strict, notes never.  What is known does not
count, but a known finding that is gone fails, so that the list stays true; and so does a run in
which nothing at all was judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qmpconf.findings import Severity


def fails(severity: Severity, *, strict: bool = False) -> bool:
    """Whether a finding of this severity, which is not known, makes a run fail."""
    return severity == "error" or (strict and severity == "warning")


def exit_code(
    new: Iterable[Severity], *, strict: bool = False, gone: bool = False, judged: bool = True
) -> int:
    """0 or 1: `new` are the severities of what was found and is not known.

    `gone` says whether something known was not found any more, `judged` whether there was
    anything to judge, and all that had to be judged could be.
    """
    failed = gone or not judged or any(fails(one, strict=strict) for one in new)
    return int(failed)
