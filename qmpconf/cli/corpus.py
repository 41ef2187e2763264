"""What the verbs share that read many files: who does the work, and what could not be done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from qmpconf.cli.main import INTERRUPTED
from qmpconf.corpus import pool
from qmpconf.corpus.gathered import Gathered, Part, Task
from qmpconf.errors import InputError, UsageError
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.report.results.records import Note
from qmpconf.text import counted, harmless

if TYPE_CHECKING:
    import argparse

    from qmpconf.report.results.stream import ResultFile

P = TypeVar("P", bound=Part)


def gathered(
    arguments: argparse.Namespace, what: str, task: Task[P], paths: Sequence[str], times: int = 1
) -> tuple[P, Gathered[P]]:
    """What comes of all the files, each of which is read so many `times`.

    Raises InputError where none of them could be read, and what `shared_out` raises.
    """
    found = shared_out(arguments, what, task, paths, times)
    if found.part is None:
        raise found.errors[0]
    return found.part, found


def shared_out(
    arguments: argparse.Namespace,
    what: str,
    task: Task[P],
    paths: Sequence[str],
    times: int = 1,
    light: int = 1,
) -> Gathered[P]:
    """The same, also where none of them could be read; `light` as in `pool.run`.

    Raises UsageError for options that do not go together, and TargetError where the workers cannot be
    reached.
    """
    if arguments.workers and arguments.jobs:
        raise UsageError("--workers and --jobs both say who does the work: give one of them")
    total = size_of_files(paths)
    quiet = getattr(arguments, "quiet", False)
    with Progress(what, total, quiet=quiet, times=times) as progress:
        if arguments.workers:
            from qmpconf.corpus import on_dask

            return on_dask.run(task, paths, arguments.workers, progress)
        return pool.run(task, paths, arguments.jobs or pool.cores(), progress, light)


def closed(result: ResultFile, found: Gathered[P], paths: Sequence[str]) -> ResultFile:
    """The result, which says what could not be read, or was not done any more."""
    errors = [str(error) for error in found.errors]
    result.records += [Note(subject="", text=text) for text in errors]
    if found.interrupted:
        text = interrupted(found, paths)
        result.records.append(Note(subject="", text=text))
        return result.end(INTERRUPTED, text)
    return result.end(InputError.exit_code, errors[0]) if errors else result


def say(verb: str, found: Gathered[P], paths: Sequence[str]) -> None:
    """The same on stderr."""
    lines = [str(error) for error in found.errors]
    lines += [interrupted(found, paths)] if found.interrupted else []
    for line in lines:
        print(f"qmpconf {verb}: {harmless(line)}", file=sys.stderr)


def interrupted(found: Gathered[P], paths: Sequence[str]) -> str:
    """How much was done when somebody ended it."""
    return f"interrupted: {len(found.numbers):,} of {counted(len(paths), 'file')} done"
