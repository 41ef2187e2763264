"""What every text for people needs, on every floor: it steers no terminal, counts in words, and is cut where it says least.

Two long texts that begin alike would be the same text if each were cut at its end.  `apart` cuts both
at the same place instead, around the first difference, so that they can be compared by eye; ``...``
stands for what is left out.
"""

from __future__ import annotations

import re
import warnings
from typing import AnyStr


def printable(text: str) -> str:
    """`text` with every character escaped that does not print: traces are untrusted.

    The escapes are those of JSON, so that a string in JSON stays the same string.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def printable_page(page: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, page.split("\n")))


#: What begins a command in the log of a CI job: GitHub's, also in its older form, and Azure's.
_COMMAND = re.compile(r"^(\s*):(?=:)|##(?=\[|vso\[)", re.MULTILINE)


def harmless(page: str) -> str:
    """A text for a terminal or a job's log: it steers neither, whatever names stand in it."""
    return defused(printable_page(page))


def defused(page: str) -> str:
    """The same for a text that holds escapes of our own, such as colours."""
    return _COMMAND.sub(
        lambda found: f"{found[1]}\\u003A" if found[1] is not None else "#\\u0023", page
    )


def expression(pattern: AnyStr) -> re.Pattern[AnyStr]:
    """A regular expression that somebody wrote.  Raises ValueError, which says what is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it may mean something else in a later Python
            return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise ValueError("is not a regular expression that can be used: it is too big") from None


def counted(number: int, word: str, words: str = "") -> str:
    """``1 message``, ``2,345 messages``; `words` where a plural has more than an s."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


#: What stands for what is left out.
DOTS = "..."
#: The part of the width that what is equal gets, before the place where the texts differ.
_BEFORE = 3
#: The beginning of an escape of JSON, which is not cut in two.
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_LONGEST_ESCAPE = 6


def naturally(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """A key that sorts 5.2 before 10.0, and words behind numbers; two names never have the same one."""
    parts = re.split(r"([0-9]{1,18})", name)
    keys = [(odd % 2 == 0, int(part) if odd % 2 else 0, part) for odd, part in enumerate(parts)]
    return keys, name


def shortened(text: str, width: int) -> str:
    """The first `width` characters of a text (at least 4), dots among them where there are more."""
    return text if len(text) <= width else text[: width - len(DOTS)] + DOTS


def apart(one: str, other: str, width: int) -> tuple[str, str]:
    """Two texts, each of at most `width` characters (at least 20), around the place where they differ."""
    if len(one) <= width and len(other) <= width:
        return one, other
    start = _common(one, other) - width // _BEFORE
    start = min(start, max(len(one), len(other)) - width + len(DOTS))
    return _cut(one, start, width), _cut(other, start, width)


def around(text: str, at: int, width: int) -> str:
    """At most `width` characters of `text` (at least 20), around the place `at`."""
    return _cut(text, min(at - width // _BEFORE, len(text) - width + len(DOTS)), width)


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, start: int, width: int) -> str:
    """At most `width` characters of `text`, from about `start`."""
    if len(text) <= width:
        return text
    start = _whole(text, start) if start > len(DOTS) else 0
    head = DOTS if start else ""
    if len(text) - start <= width - len(head):
        return head + text[start:]
    end = _whole(text, start + width - len(head) - len(DOTS))
    return f"{head}{text[start:end]}{DOTS}"


def _whole(text: str, at: int) -> int:
    """`at`, or the beginning of the escape around it."""
    found = _ESCAPE.search(text, max(0, at - _LONGEST_ESCAPE), at)
    return found.start() if found else at


#: From this many seconds on: times this factor, in this unit.
_UNITS = ((1.0, 1, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "µs"))


def duration(seconds: float | None) -> str:
    """``1.23 ms``: three digits, and the unit that fits; empty for None."""
    if seconds is None:
        return ""
    if not seconds:
        return "0 s"
    rounded = float(f"{seconds:.2e}")
    _, factor, unit = next((one for one in _UNITS if abs(rounded) >= one[0]), _UNITS[-1])
    number = rounded * factor
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
    return f"{number:,.{digits}f} {unit}"
