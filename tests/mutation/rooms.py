"""Which modules get faults, and which tests must see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """`modules` and `tests` are patterns of files; `slow` tests are left out."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    slow: tuple[str, ...] = ()


_MATCHING = (
    "bindings",
    "compare",
    "difference",
    "events",
    "gaps",
    "inference",
    "introspection",
    "masks",
    "places",
    "play/later",
    "play/match",
)
_PURE = (
    "test_bindings",
    "test_changes",
    "test_compare",
    "test_configuration",
    "test_events",
    "test_gaps",
    "test_ids",
    "test_inference",
    "test_introspection",
    "test_places",
    "play/test_later",
    "play/test_match",
    "learn/test_learning",
)

#: What judges single messages and sessions; the views over many (coverage, matrix, survey,
#: universe) take whole recordings to be tested, too long for hundreds of runs.
_JUDGING = (
    "basis",
    "baseline",
    "calls",
    "checker",
    "checking",
    "choice",
    "collect",
    "history",
    "missing",
    "offers",
    "recent",
    "reporter",
    "rules",
    "told",
    "unjudged",
    "verdict",
    "wordings",
)
_JUDGED = (
    "baseline",
    "built_in",
    "checker",
    "choice",
    "history",
    "missing",
    "named",
    "offers",
    "recent",
    "unjudged",
    "wire_rules",
)

#: Functions that make tables while their module is imported: mutmut changes a function later, in
#: a process whose tables are there already.
AT_IMPORT = frozenset(
    {
        "lexer._row",
        "lexer._staying",
        "masks._guest",
        "masks._sizes",
        "masks._times",
        "phases._transitions",
        "requirements.requirement",
    }
)

#: Left out are tests that read whole recordings, that count time, and that need long examples.
ROOMS = (
    Room(
        "protocol",
        ("qmpconf/protocol/*.py",),
        ("tests/protocol",),
        ("test_long_replies_in_pieces", "linear"),
    ),
    Room(
        "check",
        (*(f"qmpconf/check/{name}.py" for name in _JUDGING), "qmpconf/check/practice/*.py"),
        (*(f"tests/check/test_{name}.py" for name in _JUDGED), "tests/check/practice"),
    ),
    Room(
        "replay",
        tuple(f"qmpconf/replay/{name}.py" for name in _MATCHING),
        tuple(f"tests/replay/{name}.py" for name in _PURE),
    ),
)
