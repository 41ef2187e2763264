"""The register as text, Markdown and JSON: each rule with what covers it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from qmpconf.conform.coverage import Coverage
from qmpconf.conform.suite import chosen as meant
from qmpconf.errors import UsageError
from qmpconf.lists import suggestion
from qmpconf.text import counted

_HEAD = ("requirement", "level", "binds", "covered by", "rule")
_LEAST = 40
#: A part of a version.
_PART = re.compile(r"[0-9]{1,9}")


def chosen(
    register: Sequence[Coverage],
    *,
    patterns: Sequence[str] = (),
    level: str = "",
    binds: str = "",
    version: str = "",
) -> list[Coverage]:
    """The rules that meet all of these.

    Raises UsageError for a version that is none, and where nothing is selected.
    """
    parts = version.split(".") if version else []
    if not all(_PART.fullmatch(part) for part in parts):
        raise UsageError(f"{version[:40]!r} is not a version: write for example 7.2")
    numbers = tuple(map(int, parts))
    matching = [one for one in register if meant(one.requirement.id, patterns)]
    found = [
        one
        for one in matching
        if level in ("", one.requirement.level.value)
        and binds in ("", one.requirement.binds.value)
        and one.requirement.holds(numbers)
    ]
    if not found:
        raise UsageError(f"nothing is selected: {_why_none(register, patterns, matching)}")
    return found


def _why_none(
    register: Sequence[Coverage], patterns: Sequence[str], matching: Sequence[Coverage]
) -> str:
    """What left nothing of the register: the patterns, or the rest."""
    if matching:
        return "the requirements that match are left out by --level, --binds or --version"
    ids = [one.requirement.id for one in register]
    given, known = " ".join(patterns), [*{one.partition(".")[0]: None for one in ids}, *ids]
    near = suggestion(patterns[0], known) if patterns else ""
    return f"no requirement matches {given!r}{near} ('qmpconf requirements' lists all)"


def text(register: Sequence[Coverage], width: int = 120, *, verbose: bool = False) -> str:
    """A table for people, and one line that counts."""
    rows = []
    left = 2 * len(_HEAD) + max((len(one.requirement.id) for one in register), default=0) + 32
    room = max(_LEAST, width - left)
    for one in register:
        rule = one.requirement
        words = textwrap.wrap(f"{rule.sentence} ({_source(one)})", room)
        if verbose:
            words += _details(one, room)
        covered = _covered(one)
        rows.append((rule.id, rule.level.value, rule.binds.value, covered, "\n".join(words)))
    bare = [one.requirement.id for one in register if not one.covered]
    cases = sum(len(one.cases) for one in register)
    last = f"{counted(len(register), 'requirement')}, {counted(cases, 'case')}"
    if bare:
        last += f"; covered by nothing: {', '.join(bare)}"
    return f"{tabulate(rows, _HEAD, tablefmt='simple', disable_numparse=True)}\n\n{last}\n"


def markdown(register: Sequence[Coverage]) -> str:
    """A table in Markdown."""
    rows = [
        (
            f"`{one.requirement.id}`",
            one.requirement.level.value,
            one.requirement.binds.value,
            one.requirement.sentence,
            _source(one),
            f"`{one.checker}`" if one.checker else "",
            len(one.cases) or one.requirement.unseen,
            "; ".join(map(str, one.requirement.deviations)),
        )
        for one in register
    ]
    head = (
        "requirement",
        "level",
        "binds",
        "rule",
        "source",
        "checker",
        "cases",
        "known to differ",
    )
    return tabulate(rows, head, tablefmt="github", disable_numparse=True) + "\n"


def data(one: Coverage) -> dict[str, Any]:
    """One rule as JSON values."""
    rule = one.requirement
    return {
        "id": rule.id,
        "level": rule.level.value,
        "binds": rule.binds.value,
        "sentence": rule.sentence,
        "source": rule.source,
        "since": rule.since,
        "until": rule.until,
        "deviations": [
            {
                "product": each.product,
                "since": each.since,
                "until": each.until,
                "seen": each.seen,
            }
            for each in rule.deviations
        ],
        "checker": one.checker,
        "cases": list(one.cases),
        "unseen": rule.unseen,
    }


def _source(one: Coverage) -> str:
    rule = one.requirement
    held = "".join(
        (
            f", since {rule.since}" if rule.since else "",
            f", until {rule.until}" if rule.until else "",
        )
    )
    return rule.source + held


def _covered(one: Coverage) -> str:
    parts = []
    if one.checker:
        parts.append("checker")
    if one.cases:
        parts.append(f"{len(one.cases)} case{'' if len(one.cases) == 1 else 's'}")
    return ", ".join(parts) or ("cannot be seen" if one.requirement.unseen else "NOTHING")


def _details(one: Coverage, room: int) -> list[str]:
    lines = [f"checker: {one.checker}"] if one.checker else []
    lines += [f"case: {case}" for case in one.cases]
    lines += [f"known to differ: {each}" for each in one.requirement.deviations]
    if one.requirement.unseen:
        lines.append(f"not to be seen: {one.requirement.unseen}")
    return [part for line in lines for part in textwrap.wrap(line, room, subsequent_indent="  ")]
