"""What is wrong at one place of a payload, out of the errors of a JSON Schema validator.

A JSON Schema error speaks of keywords; a `Problem` speaks of members: which one, what was allowed
there, what stood there, and what was probably meant.  One wrong place gives one problem.

Works on the error objects of jsonschema for bundles made by `qmpconf.schema.bundle`; knows
neither catalogs nor messages.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from qmpconf.protocol.values import dumps
from qmpconf.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jsonschema.exceptions import ValidationError

Path = tuple[str | int, ...]
Kind = Literal["unknown", "missing", "type", "value", "range", "nesting", "more"]

#: How much of a value is shown.
SEEN_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong place.

    `kind` is ``unknown`` (a member that is not in the schema), ``missing`` (a member that must be
    there), ``type``, ``value`` (none of an enumeration), ``range`` (of an integer), ``nesting``
    (too deep to be explained) or ``more`` (too many to be said).  `path` leads to the place: an unknown member itself, but the
    object that lacks a missing one.  `message` says what is wrong; `expected` and `seen` give both
    sides, `seen` shortened to `SEEN_LIMIT` characters; `hint` is the name that was probably
    meant, or empty; `member` is the name of an unknown or missing member.
    """

    kind: Kind
    path: Path
    message: str
    expected: str
    seen: str
    hint: str = ""
    member: str = ""

    @classmethod
    def too_deep(cls) -> Problem:
        """The value breaks the schema somewhere too deep to be found."""
        text = "breaks the schema, at a place nested too deeply to be named"
        return cls("nesting", (), text, "a value that fits the schema", "another")

    @classmethod
    def too_many(cls) -> Problem:
        """There are more problems than are said."""
        text = f"breaks the schema at more than {MOST_PROBLEMS} places; the rest is left out"
        return cls("more", (), text, "a value that fits the schema", "another")


#: How many problems of one value are said: more help nobody, and would take long to collect.
MOST_PROBLEMS = 1000


def problems_of(errors: Iterable[ValidationError], value: Any) -> list[Problem]:
    """The problems behind all `errors` of one `value`, in the order of the value's members.

    Beyond `MOST_PROBLEMS` the rest is left out, and the last problem says so.
    """
    # Each error about an object may report all that it lacks: the same problem comes many times.
    told: dict[tuple[Kind, Path, str], Problem] = {}
    for error in errors:
        for problem in _problems(error):
            told.setdefault((problem.kind, problem.path, problem.member), problem)
        if len(told) > MOST_PROBLEMS:
            break
    found = _telling(list(told.values()))
    more = len(found) > MOST_PROBLEMS
    found = sorted(found[:MOST_PROBLEMS], key=lambda problem: _rank(problem.path, value))
    return [*found, Problem.too_many()] if more else found


def show(value: Any) -> str:
    """A JSON value as text, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # an integer too long for Python to write
        text = dumps(value).decode("ascii")
    return shortened(text, SEEN_LIMIT)


#: What is longer, in characters, is not a name that somebody mistyped.
_LONGEST_NAME = 100


def suggest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant by `name`, or nothing."""
    return "" if len(name) > _LONGEST_NAME else _suggest(name, tuple(known))


@lru_cache(1024)
def _suggest(name: str, known: tuple[str, ...]) -> str:
    plain = {_plain(one): one for one in known}
    close = difflib.get_close_matches(_plain(name), list(plain), 1, 0.6)
    return plain[close[0]] if close else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def json_type(value: Any) -> str:
    """The JSON type of a value, with QMP's difference between integers and other numbers."""
    if isinstance(value, bool):
        return "boolean"
    for kind, name in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    return "null"


_TYPE_NAMES: Sequence[tuple[type, str]] = (
    (str, "string"),
    (int, "integer"),
    (float, "number"),
    (dict, "object"),
    (list, "array"),
)


def _problems(error: Any) -> list[Problem]:
    path = tuple(error.absolute_path)
    if error.validator == "anyOf":  # only where a document's alternate is not decided by its type
        text = "fits none of the documented types"
        return [_simple("type", path, error, "a value of one of the documented types", text)]
    if error.validator == "additionalProperties":
        return _unknown(path, error)
    if error.validator == "required":
        return _missing(path, error)
    if error.validator == "type":
        types = error.validator_value
        words = " or ".join([types] if isinstance(types, str) else types)
        article = "" if words == "null" else "an " if words[0] in "aeiou" else "a "
        return [_simple("type", path, error, words, f"is not {article}{words}")]
    if error.validator == "enum":
        return [_no_value(path, error)]
    low, high = error.schema.get("minimum"), error.schema.get("maximum")
    expected = f"an integer from {low} to {high}"
    return [_simple("range", path, error, expected, "is out of range")]


def _simple(kind: Kind, path: Path, error: Any, expected: str, message: str) -> Problem:
    seen = f"{json_type(error.instance)} {show(error.instance)}"
    return Problem(kind, path, message, expected, seen)


def _no_value(path: Path, error: Any) -> Problem:
    allowed = [str(one) for one in error.validator_value]
    hint = suggest(error.instance, allowed) if isinstance(error.instance, str) else ""
    seen = show(error.instance)
    known = f"none of the {len(allowed)} known values"
    message = f"{seen} is {'not the only known value' if len(allowed) == 1 else known}"
    return Problem("value", path, message, "one of " + ", ".join(allowed), seen, hint)


def _unknown(path: Path, error: Any) -> list[Problem]:
    allowed = list(error.schema.get("properties", ()))
    strange = [name for name in error.instance if name not in error.schema.get("properties", ())]
    expected = "one of the members " + ", ".join(allowed) if allowed else "no members"
    free = [one for one in allowed if one not in error.instance]
    return [
        Problem(
            "unknown",
            (*path, name),
            f"member {name!r} is unknown here",
            expected,
            f"{name!r}: {show(value)}",
            suggest(name, free),
            name,
        )
        for name, value in ((name, error.instance[name]) for name in strange[: MOST_PROBLEMS + 1])
    ]


def _missing(path: Path, error: Any) -> list[Problem]:
    # jsonschema gives one error for each missing member, and names it only in its text.
    present = list(error.instance)
    seen = "members " + ", ".join(present) if present else "no members"
    return [
        Problem("missing", path, f"member {name!r} is missing", f"member {name!r}", seen, "", name)
        for name in error.validator_value
        if name not in error.instance
    ]


def _telling(problems: list[Problem]) -> list[Problem]:
    """Without the ones that another explains: what a wrong type brings, half of a typo."""
    wrong_type = {problem.path for problem in problems if problem.kind == "type"}
    renamed = {
        (problem.path[:-1], problem.hint)
        for problem in problems
        if problem.kind == "unknown" and problem.hint
    }
    return [
        problem
        for problem in problems
        if not (problem.path in wrong_type and problem.kind != "type")
        and not (problem.kind == "missing" and (problem.path, problem.member) in renamed)
    ]


def _rank(path: Path, value: Any) -> list[int]:
    """Where `path` stands in `value`, as numbers that sort like the text of the value does."""
    rank = []
    for part in path:
        if isinstance(value, dict):
            names = list(value)
            rank.append(names.index(str(part)) if part in value else len(names))
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            rank.append(part)
            value = value[part]
    return rank
