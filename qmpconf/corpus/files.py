"""``qmpconf convert FOLDER FOLDER``: the conversion of many files, as work that is shared out.

A folder of traces becomes a folder of files of the other format; as Parquet, a dataset that is
partitioned by the day on which each recording began (``day=2026-11-30/NAME.parquet``).  A folder of
Parquet files becomes a folder of traces.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qmpconf.corpus.gathered import Watch
from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import make_folder
from qmpconf.text import counted
from qmpconf.trace.convert import named
from qmpconf.trace.convert.converting import NothingPassesError, convert
from qmpconf.trace.filter.syntax import Filter
from qmpconf.trace.reader import TraceReader

#: How a folder of a partition is called.
_DAY = "day="
#: Endings of a recording that its name in the other format has not.
_ENDINGS = (".gz", ".zst", ".qmptrace", ".parquet")


@dataclass(frozen=True, slots=True)
class ConvertPart:
    """How much was converted: files, sessions, messages; `damaged` of the files could not be read whole.

    Of `empty` more, no message passes the filter: nothing was written for them.
    """

    files: int
    sessions: int
    messages: int
    damaged: int = 0
    empty: int = 0

    def merge(self, other: ConvertPart) -> ConvertPart:
        """Both."""
        return ConvertPart(
            self.files + other.files,
            self.sessions + other.sessions,
            self.messages + other.messages,
            self.damaged + other.damaged,
            self.empty + other.empty,
        )

    @property
    def sentence(self) -> str:
        """How much that is."""
        files, sessions = counted(self.files, "file"), counted(self.sessions, "session")
        rest = f"; no message of {self.empty:,} more passes the filter" if self.empty else ""
        return f"{files}, {sessions}, {counted(self.messages, 'message')}{rest}"


@dataclass(frozen=True, slots=True)
class ConvertTask:
    """Convert a file below `source` into one below `target`."""

    source: str
    target: str
    from_format: str
    to_format: str
    redact: bool
    secrets: tuple[str, ...]
    overwrite: bool
    wanted: Filter | None = None

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[ConvertPart, list[str]]:
        """One file.  Raises UsageError for a new one that is there, and OutputError."""
        del number, watch
        place = self._place(path)
        make_folder(os.path.dirname(place), "OUT")
        try:
            done = convert(
                path,
                place,
                from_format=self.from_format,
                to_format=self.to_format,
                redact=self.redact,
                secrets=self.secrets,
                wanted=self.wanted,
                overwrite=self.overwrite,
            )
        except NothingPassesError:
            return ConvertPart(0, 0, 0, empty=1), []
        damage = [text for is_damage, _, text in done.notes.told() if is_damage]
        damage += [str(done.failed)] if done.failed else []
        said = [f"{path}: {text}" for text in damage]
        return ConvertPart(1, done.sessions, done.messages, bool(damage)), said

    def _place(self, path: str) -> str:
        name = name_of(os.path.relpath(path, self.source)) + _ending(self.to_format)
        if self.to_format != "parquet":
            return os.path.join(self.target, name)
        day = TraceReader(path).header.started[: len("2026-11-30")] or "unknown"
        return os.path.join(self.target, _DAY + day.replace(os.sep, "-"), name)


def name_of(path: str) -> str:
    """What a file is called in the new folder, without its ending, by its path in the old one."""
    for ending in _ENDINGS:
        path = path.removesuffix(ending)
    return "-".join(one for one in path.split(os.sep) if not one.startswith(_DAY))


def _ending(to_format: str) -> str:
    endings = named(to_format).endings or named(to_format).hints
    return endings[0] if endings else f".{to_format}"


def parquet_in(folder: str) -> list[str]:
    """The Parquet files below a folder, sorted.  Raises InputError for one without access."""
    return sorted(_below(folder))


def _below(folder: str) -> Iterator[str]:
    def unread(error: OSError) -> None:
        raise InputError(f"cannot read {error.filename}: {error.strerror}")

    for place, _, names in os.walk(folder, onerror=unread):
        yield from (os.path.join(place, name) for name in names if name.endswith(".parquet"))


def apart(paths: Sequence[str], folder: str) -> None:
    """Raise UsageError where two files would become one."""
    known: dict[str, str] = {}
    for path in paths:
        other = known.setdefault(name_of(os.path.relpath(path, folder)), path)
        if other != path:
            raise UsageError(f"{other} and {path} would become one file: rename one of them")
