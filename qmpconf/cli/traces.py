"""What the verbs that read files share: standard input, folders of recordings."""

from __future__ import annotations

import fnmatch
import os
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from qmpconf.errors import InputError, UsageError
from qmpconf.packed import STDIN
from qmpconf.parts import whole_of

#: Arguments that name files to be read, in whatever verb: for all of them, ``-`` is standard input.
READ = (
    *("trace", "traces", "schema", "catalog", "catalogs", "before", "after", "file", "files"),
    *("baseline", "masks", "notes", "secret", "results"),
)


def take_stdin(arguments: Namespace) -> None:
    """Give standard input its name, `STDIN`, where ``-`` stands for it.

    Raises UsageError where it would be read twice, or written.
    """
    taken = []
    for dest in READ:
        value = getattr(arguments, dest, None)
        named = _named(value)
        if named != value:
            setattr(arguments, dest, named)
        found = named if isinstance(named, list) else [named]
        taken += [dest for one in found if str(one).removeprefix("@") == STDIN]
    if len(taken) > 1:
        raise UsageError("- is standard input, which can be read once: name it once")
    if taken == ["baseline"] and getattr(arguments, "update", False):
        raise UsageError("--update writes the file of --baseline: name a file, and not -")


def _named(value: Any) -> Any:
    if isinstance(value, list):
        return [_named(one) for one in value]
    if isinstance(value, str | Path) and str(value) in ("-", "@-"):
        return type(value)(str(value).replace("-", STDIN))
    return value


def stdin_or(path: str) -> str:
    """The name of standard input for ``-``."""
    return STDIN if path == "-" else path


def traces_in(named: Iterable[str]) -> Iterator[str]:
    """The traces; a folder stands for those in it.

    Raises UsageError for one without any, and InputError for one that cannot be read.
    """
    for one in named:
        if not os.path.isdir(one):  # False also for a name that can be none
            yield one
            continue
        found = recordings_below(one)
        if not found:
            raise UsageError(f"{one}: there is no trace (*.qmptrace, *.qmptrace.gz) in this folder")
        yield from found


def results_in(named: Iterable[str]) -> Iterator[str]:
    """The same for results."""
    for one in named:
        if not os.path.isdir(one):
            yield one
            continue
        found = sorted(_below(one, "*.qmpresult"))
        if not found:
            raise UsageError(f"{one}: there is no result (*.qmpresult) in this folder")
        yield from found


def recordings_below(folder: str) -> list[str]:
    """The recordings in a folder, and in those below it.  Raises InputError for one without access."""
    return sorted({_whole(path) for path in _below(folder, "*.qmptrace*")})


def _whole(path: str) -> str:
    """The recording that a file is a part of, unless a file has that name; else the file."""
    whole = whole_of(path)
    return whole if whole and not os.path.lexists(whole) else path


def _below(folder: str, names: str) -> Iterator[str]:
    """The files with such names in a folder, and in those below it.  Raises InputError for one without access."""

    def unread(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # it may be gone by now
            raise InputError(f"cannot read {error.filename}: {error.strerror}")

    for place, _, here in os.walk(folder, onerror=unread):
        for name in fnmatch.filter(here, names):
            path = os.path.normpath(os.path.join(place, name))
            if os.path.isfile(path):
                yield path
