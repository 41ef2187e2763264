"""A step beyond: one change of a valid call, after which its schema forbids it.

A member is missing, one is there that nobody knows, or one has a wrong type (`qmpconf.conform.instances`).
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from qmpconf.conform.instances import UNKNOWN_ARGUMENT, misfits
from qmpconf.schema.model import Catalog, Member

#: An object of a call, the members that its type has, and whether it takes any others.
Made = tuple[dict[str, Any], Sequence[Member], bool]


def step_beyond(catalog: Catalog, objects: Sequence[Made], random: Random) -> str:
    """Change one thing in one of the objects of a call; says what it was (empty: nothing can be)."""
    value, members, is_open = random.choice(objects)
    steps: list[Callable[[], str]] = []
    needed = [one.name for one in members if not one.optional and one.name in value]
    if needed:
        steps.append(lambda: _leave_out(value, random.choice(needed)))
    if not is_open:
        steps.append(lambda: _add_unknown(value))
    wrong = [
        (one.name, why, bad)
        for one in members
        for why, bad in misfits(catalog, one.type)
        if not (is_open and one.name not in value)
    ]
    if wrong:
        steps.append(lambda: _spoil(value, *random.choice(wrong)))
    return random.choice(steps)() if steps else ""


def _leave_out(value: dict[str, Any], name: str) -> str:
    del value[name]
    return f"{name} is missing"


def _add_unknown(value: dict[str, Any]) -> str:
    value[UNKNOWN_ARGUMENT] = 1
    return "an unknown member"


def _spoil(value: dict[str, Any], name: str, why: str, bad: Any) -> str:
    value[name] = bad
    return f"{name}: {why}"
