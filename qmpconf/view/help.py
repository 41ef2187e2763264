"""The keys, and what they do: one table for the screen that shows them and for the page about them."""

from __future__ import annotations

from qmpconf.report.tables import wrapped
from qmpconf.view.styled import Line, plain

#: Keys, and what they do.
KEYS: tuple[tuple[str, str], ...] = (
    ("up down j k", "the message before, the next one"),
    ("pgup pgdn space", "a screen up, down"),
    (
        "home end g G",
        "the first, the last one; while a recording grows, the last one stays the last",
    ),
    ("enter", "to the other half of the call: from a command to its response, and back"),
    ("tab", "to the next part of the screen, to scroll it"),
    ("/ n N", "search, again, backwards"),
    ("f", "filter: show only what an expression lets pass; empty shows all"),
    ("s", "only this session, and all again"),
    ("t", "a command and its response together on one row, and apart again"),
    ("l", "sessions as lanes beside each other (left and right for more), and back"),
    ("e E", "the next finding, the one before"),
    ("m c", "mark a message; compare the marked one with this one"),
    (":", "to a line of the trace"),
    ("v", "on a small screen: the message, its schema, the list alone"),
    ("b escape", "back: from a comparison, a filter, to the folder"),
    ("? q", "these keys; the end"),
)


_MOUSE = "The mouse: click a row or a key, click twice for the other half, turn the wheel."

#: Columns of the keys.
_KEYS = 17


def lines(width: int) -> list[Line]:
    """The keys as text, in `width` columns."""
    made: list[Line] = []
    for keys, told in KEYS:
        if width < 3 * _KEYS:
            made += [plain(keys, "bold"), *map(plain, wrapped(f"  {told}", width, "  "))]
            continue
        first, *others = wrapped(told, width - _KEYS)
        made.append(((f"{keys:<{_KEYS}}", "bold"), (first, "")))
        made += [plain(" " * _KEYS + one) for one in others]
    made.append(plain(""))
    return made + [plain(line) for line in wrapped(_MOUSE, width)]
