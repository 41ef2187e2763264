"""Where something stands in QAPI source, and the error that says what is wrong there."""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file of the schema.

    `file` is the file as it can be opened, `line` and `column` are 1-based (column 0: the whole line),
    `included` are the places of the include directives that lead to the file, the outermost first.
    """

    file: str
    line: int
    column: int = 0
    included: tuple[Place, ...] = ()

    def __str__(self) -> str:
        """For example ``qapi/char.json:12:3``."""
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")


class SourceError(InputError):
    """QAPI source that is not a schema: `place` is where, the message says that and what is wrong.

    `progress` grows with how far the compiler had come (see `qmpconf.schema.qapi.compiler`).
    """

    def __init__(self, place: Place, what: str, within: str = "") -> None:
        self.place = place
        self.progress = (0, 0)
        inside = f" in {within}:" if within else ""
        chain = "".join(f", included from {one}" for one in reversed(place.included))
        super().__init__(f"{place}:{inside} {what}{f' ({chain[2:]})' if chain else ''}")
