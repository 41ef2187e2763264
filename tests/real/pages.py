"""What the page about recording gives to others to read: a unit, rules for AppArmor."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "qmpconf" / "record" / "README.md"

#: The program as this environment has it.
PROGRAM = str(Path(sys.executable).with_name("qmpconf"))


def blocks(kind: str, sign: str) -> list[str]:
    """The blocks of the page that are of a kind, and hold a text."""
    found = re.findall(
        rf"^```{kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [str(text) for text in found if sign in text]


def unit() -> str:
    """The unit for systemd, with this environment's program."""
    (one,) = blocks("ini", "[Service]")
    return one.replace("/usr/bin/qmpconf", PROGRAM)


def rules() -> list[str]:
    """The rules for AppArmor: of a machine's profile, and of libvirtd's."""
    return blocks("text", "/usr/local/bin/qemu-recorded ")
