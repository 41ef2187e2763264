"""Values as words of a page: made safe, cut where they are too long, with units.

Everything that a template prints goes through `shown` (the environment's ``finalize``), and then
through jinja2's autoescape: what a trace holds can neither be markup nor turn the text around it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from markupsafe import Markup

from qmpconf.text import printable

#: Characters of one value that a page shows; one body has less, a word in a table less still.
MOST = 4000
MOST_BODY = 2000
MOST_WORD = 300

#: Characters that may stand in an anchor as they are.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Lines(str):
    """Text of several lines, whose line ends and tabs are kept."""

    __slots__ = ()


def shown(value: object) -> object:
    """What a template prints for `value`: nothing that is not printable, and never too much."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Lines):
        return _kept(cut(value))
    return printable(cut(value)) if isinstance(value, str) else value


def cut(text: str, most: int = MOST) -> str:
    """`text`, without what is beyond `most` characters, and saying how much that is."""
    if len(text) <= most:
        return text
    left = f"… ({len(text) - most:,} characters more)"
    return type(text)(text[:most] + left)


def _kept(text: str) -> str:
    parts = re.split(r"(\r?\n|\t)", text)
    return "".join(one if index % 2 else printable(one) for index, one in enumerate(parts))


def anchor(prefix: str, name: str) -> str:
    """The id of an element: `name` where it is a plain word, else a digest of it."""
    if _PLAIN.fullmatch(name):
        return f"{prefix}-{name}"
    return f"{prefix}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def volume(size: int) -> str:
    """``1.2 kB``."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.1f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"


def shares(words: Iterable[str]) -> str:
    """What all of `words` begin with, up to a slash: the folder of all paths."""
    names = list(words)
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    same = next((i for i, one in enumerate(first) if last[i : i + 1] != one), len(first))
    return first[: first.rfind("/", 0, same) + 1]
