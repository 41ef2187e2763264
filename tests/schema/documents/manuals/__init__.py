"""Small manual pages of the project's own, in roff source and rendered, in both layouts.

``sections`` has the layout of 4.x to 9.x, ``definitions`` that of 10 and later.  ``sections.txt``
was rendered 80 columns wide and copied out of a viewer, which numbered the lines but for chapter
headings; ``definitions.txt`` was rendered 72 columns wide.
"""

from pathlib import Path

NAMES = ("sections", "definitions")


def roff(name: str) -> str:
    return Path(__file__).with_name(f"{name}.7").read_text(encoding="utf-8")


def rendered(name: str) -> str:
    return Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")
