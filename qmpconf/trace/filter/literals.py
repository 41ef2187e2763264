"""What stands behind an operator: texts, numbers with units, ranges of numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from qmpconf.trace.filter.fields import Type
from qmpconf.trace.filter.words import is_word, quoted

#: Seconds, and bytes.
TIMES = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
SIZES = {
    "B": Fraction(1),
    **{f"{letter}B": Fraction(1000**power) for power, letter in enumerate(("k", "M", "G", "T"), 1)},
    **{
        f"{letter}iB": Fraction(1024**power) for power, letter in enumerate(("K", "M", "G", "T"), 1)
    },
}
UNITS: dict[Type, dict[str, Fraction]] = {
    "number": {},
    "duration": TIMES,
    "size": SIZES,
    "json": SIZES,
}

Number = int | float
#: What one value may be: a text, a number (of seconds, of bytes), and in JSON true, false and null.
Scalar = str | Number | bool | None

_NUMBER = re.compile(r"(-?[0-9]{1,80}(?:\.[0-9]{1,80})?)([^0-9.]*)")
#: How ranges are written elsewhere.
_DASHED = re.compile("[0-9.]+[a-zµ]*-[0-9.]+[a-zµ]*")
#: Beyond these, numbers mean nothing here: the greatest, and decimals that count.
_MOST, _DECIMALS = 10**30, 12
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `first` to `last`, both included; None: without an end."""

    first: Number | None
    last: Number | None


class LiteralError(ValueError):
    """A literal that is wrong: the sentence says why."""


def number(text: str, kind: Type) -> Number | None:
    """A number with its unit; None for what is not one.  Raises `LiteralError` for its unit."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    units, unit = UNITS[kind], found[2]
    value = Fraction(found[1])
    if unit and unit not in units:
        if kind == "json":
            return None  # a text that begins with digits
        known = ", ".join(units)
        advice = (
            f"is not a unit here: {known}"
            if known
            else "is one word too many: it is a number alone"
        )
        raise LiteralError(f"{unit!r} {advice}")
    if not unit and kind == "duration" and value:
        raise LiteralError(f"{text} of what? Write a unit behind it: {', '.join(units)}")
    value = round(value * units.get(unit, Fraction(1)), _DECIMALS)
    if abs(value) > _MOST:
        raise LiteralError(f"{text} is too big")
    return int(value) if value.denominator == 1 else float(value)


def scalar(text: str, kind: Type, *, is_quoted: bool) -> Scalar:
    """One value.  Raises `LiteralError`."""
    if kind in ("text", "word") or is_quoted:
        if kind not in ("text", "word", "json"):
            raise LiteralError("a number is wanted here, without quotes")
        return text
    if kind == "json" and text in CONSTANTS:
        return CONSTANTS[text]
    found = number(text, kind)
    if found is None and kind != "json":
        wanted = (
            "a number" if kind == "number" else f"a number with a unit ({', '.join(UNITS[kind])})"
        )
        range_ = "; a range has two dots: 3..7" if _DASHED.fullmatch(text) else ""
        raise LiteralError(f"{text!r} is not {wanted}{range_}")
    return text if found is None else found


def item(text: str, kind: Type, *, is_quoted: bool) -> Scalar | Range:
    """One value of a list, or a range.  Raises `LiteralError`."""
    if is_quoted or kind in ("text", "word") or ".." not in text:
        return scalar(text, kind, is_quoted=is_quoted)
    first, _, last = text.partition("..")
    ends = [number(one, kind) if one else None for one in (first, last)]
    if (first and ends[0] is None) or (last and ends[1] is None) or ends == [None, None]:
        if kind == "json":
            return text
        raise LiteralError(f"{text!r} is not a range: write 3..7, 3.. or ..7, with units")
    if ends[0] is not None and ends[1] is not None and ends[1] < ends[0]:
        raise LiteralError(f"the range {text} ends before it begins")
    return Range(*ends)


def written(value: Scalar | Range, kind: Type) -> str:
    """A literal as text, which means the same again."""
    if isinstance(value, Range):
        ends = ("" if one is None else _digits(one, kind) for one in (value.first, value.last))
        return "..".join(ends)
    if isinstance(value, str):
        plain = is_word(value) and (kind != "json" or not _is_other(value))
        return value if plain else quoted(value)
    if value is None or isinstance(value, bool):
        return next(word for word, one in CONSTANTS.items() if one is value)
    return _digits(value, kind)


def _is_other(text: str) -> bool:
    """Whether a text without quotes would be something else in JSON."""
    return not isinstance(item(text, "json", is_quoted=False), str)


def _digits(value: Number, kind: Type) -> str:
    digits = str(value) if isinstance(value, int) else f"{Decimal(repr(value)):f}"
    return f"{digits}s" if kind == "duration" else digits
