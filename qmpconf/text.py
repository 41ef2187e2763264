"""What every text for people needs, on every floor: it steers no terminal, and it counts in words."""

from __future__ import annotations


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


def counted(number: int, word: str, words: str = "") -> str:
    """``1 message``, ``2,345 messages``; `words` where a plural has more than an s."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"
