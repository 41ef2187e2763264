"""What every text for people needs: nothing that a trace holds may steer a terminal."""

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
