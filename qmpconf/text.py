"""What every text for people needs, on every floor: it steers no terminal, and it counts in words."""

from __future__ import annotations

import re


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


def counted(number: int, word: str, words: str = "") -> str:
    """``1 message``, ``2,345 messages``; `words` where a plural has more than an s."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


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
