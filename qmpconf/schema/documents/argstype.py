"""The ``args_type`` of a ``.hx`` table: what the server's own argument check accepts.

``"device:B,size:o,force:-f,base:s?"`` lists names with a letter for the type; a final ``?`` (or
``.``) makes one optional, and so does a flag (``-f``).  ``O`` takes any further arguments, as its
option list has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Letter -> type in the catalog, as the server checks it in QMP.
LETTERS: Mapping[str, str] = {
    "F": "str",  # a file's name
    "B": "str",  # a block device's name
    "s": "str",
    "i": "int",  # 32 bits for people; QMP does not check the size
    "l": "int",
    "M": "int",  # mebibytes for people, bytes in QMP
    "o": "int",  # octets
    "T": "number",  # seconds
    "b": "bool",
    "-": "bool",  # a flag
    "q": "any",
    "O": "any",
}

_ARGUMENT = re.compile(
    r"^(?P<name>[\w-]+):(?P<letter>-|[A-Za-z])(?P<flag>[A-Za-z]?)(?P<mark>[?.]?)$"
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: `type` is a key of the catalog's builtin types; `open` marks an ``O``."""

    name: str
    type: str
    optional: bool
    open: bool
    text: str


class ArgsTypeError(ValueError):
    """The text is not an ``args_type``; its message names the part that is not understood."""


def parse(text: str) -> tuple[Argument, ...]:
    """The arguments of an ``args_type``.  Raises ArgsTypeError."""
    return tuple(_argument(part) for part in text.split(",") if text)


def _argument(part: str) -> Argument:
    found = _ARGUMENT.match(part)
    if not found or found["letter"] not in LETTERS or (found["flag"] and found["letter"] != "-"):
        raise ArgsTypeError(f"{part!r} is not an argument of an args_type")
    letter = found["letter"]
    return Argument(
        found["name"],
        LETTERS[letter],
        letter == "-" or bool(found["mark"]),
        letter == "O",
        part.partition(":")[2],
    )
