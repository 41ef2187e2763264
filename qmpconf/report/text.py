"""What every text for people needs: nothing that a trace holds may steer a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with every character escaped that does not print: traces are untrusted."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == " " else f"\\u{ord(one):04X}" for one in text)
