"""``--max-size``, ``--max-age`` and ``--keep``: a recording in parts."""

from __future__ import annotations

import argparse
import re

from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs
from qmpconf.parts import name_of, numbers_of
from qmpconf.trace.rotation import Rotation

_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SECONDS = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86400}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parts = parser.add_argument_group("a recording in parts (see below)")
    parts.add_argument(
        "--max-size", metavar="SIZE", type=size, default=0, help="of a part: 64M (k, M, G)"
    )
    parts.add_argument(
        "--max-age", metavar="TIME", type=age, default=0, help="of a part: 1d (s, min, h, d)"
    )
    parts.add_argument(
        "--keep", metavar="N", type=_number, default=0, help="remove all parts but the latest N"
    )


def rotation_of(arguments: argparse.Namespace) -> Rotation | None:
    """What the arguments say; None: the recording is one file.  Raises `UsageError`."""
    given = arguments.max_size, arguments.max_age, arguments.keep
    return Rotation(*given) if any(given) else None


def add_output(outputs: Outputs, path: str, *, in_parts: bool) -> None:
    """Count the recording among the outputs of a call, with the parts of it that are there.

    Raises `UsageError`.
    """
    if in_parts and path == "-":
        raise UsageError("a recording in parts is several files, and -o - is one: name a file")
    outputs.add(path, "trace", "-o")
    for number in numbers_of(path) if in_parts else ():
        outputs.add(name_of(path, number), "trace", "-o")


def size(text: str) -> int:
    """A number of bytes above 0, for argparse."""
    return _measured(text, _BYTES, "a size: write 500k, 64M or 1G")


def age(text: str) -> int:
    """A number of seconds above 0, for argparse."""
    return _measured(text, _SECONDS, "a time: write 90s, 30min, 6h or 1d")


def _measured(text: str, units: dict[str, int], what: str) -> int:
    found = re.fullmatch(r"(\d{1,15})\s*([A-Za-z]*)", text, re.ASCII)
    unit = units.get(found[2].lower()) if found else None
    if found is None or unit is None or not 0 < int(found[1]) * unit < 1 << 60:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return int(found[1]) * unit


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 2 <= int(text) < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of parts, from 2")
    return int(text)
