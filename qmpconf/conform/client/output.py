"""What a client prints, made comparable: without times and numbers that no two runs have in common.

What is left differs between two runs with a kind server, or it is stable; only stable lines are held
against a client later.  It may always print more: an event, a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

#: Lines that are looked at.
MOST = 2_000

_UNSTABLE = (
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),  # colours
    (
        re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"),
        "<time>",
    ),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d([.,]\d+)?"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? ?(ns|us|µs|ms|s|sec|seconds?|minutes?)\b"), "<time>"),
    (re.compile(r"\b\d{10}(\.\d+)?\b|\b\d{13}\b|\b\d{16}\b|\b\d{19}\b"), "<time>"),
    (re.compile(r"(?i)((?:micro)?seconds\W{1,4})\d+"), r"\1<time>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?i)\b((?:pid|process|thread|tid)[ =:]*)\d+"), r"\1<number>"),
    (re.compile(r"\[\d+\]"), "[<number>]"),
)


def lines_of(text: str, address: str = "") -> tuple[str, ...]:
    """The lines of `text` that are not empty, normalised; `address` is where the client connected."""
    if address:
        text = text.replace(address, "<address>")
    for pattern, word in _UNSTABLE:
        text = pattern.sub(word, text)
    return tuple(line for one in text.splitlines()[:MOST] if (line := one.rstrip()))


def stable(runs: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The lines that stand in every run, in the order of the first one.

    What stands in another order elsewhere, or not as often, is not stable.
    """
    kept = list(runs[0]) if runs else []
    for other in runs[1:]:
        blocks = SequenceMatcher(None, kept, other, autojunk=False).get_matching_blocks()
        kept = [line for one in blocks for line in kept[one.a : one.a + one.size]]
    return tuple(kept)


def missing(wanted: Sequence[str], seen: Iterable[str]) -> str:
    """The first line of `wanted` that `seen` does not have in its place; empty if all are there."""
    rest = iter(seen)
    for line in wanted:
        if not any(one == line for one in rest):
            return line
    return ""


def last_words(output: str, errors: str) -> str:
    """The last line that a client printed, on stderr if there is one, of 200 characters at most."""
    for text in (errors, output):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1][:200]
    return ""
