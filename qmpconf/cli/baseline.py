"""``--baseline`` and ``--update``: what is known, under one name in every verb that finds something."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from qmpconf.check.baseline import Baseline, dumped
from qmpconf.errors import InputError, UsageError
from qmpconf.files import read_text
from qmpconf.outputs import Outputs, write_file
from qmpconf.packed import exists
from qmpconf.report.results.records import FindingRecord
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views.words import sentence
from qmpconf.text import counted, harmless


def configure(
    parser: argparse.ArgumentParser,
    *,
    old: Mapping[str, str] | None = None,
    update: bool = True,
    gone: bool = True,
) -> None:
    """Add the arguments; `old` are names of earlier times, with the option that each stands for.

    `gone` says whether what of it was not found fails the run.
    """
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        help="what is known, with reasons: it does not fail the run"
        + (", and what of it is gone does" if gone else "; what of it is not met does not either"),
    )
    if update:
        parser.add_argument(
            "--update",
            action="store_true",
            help="write what was found to the file of --baseline; reasons in it are kept",
        )
    for name, now in (old or {}).items():
        nargs = 0 if now == "--update" else None
        dest = now.removeprefix("--")
        parser.add_argument(name, action=_Renamed, now=now, dest=dest, nargs=nargs)


class _Renamed(argparse.Action):
    """An option under its old name: it works, and says what it is called now."""

    def __init__(self, *words: Any, now: str, **options: Any) -> None:
        hidden = {"help": argparse.SUPPRESS, "default": argparse.SUPPRESS}
        super().__init__(*words, **{**options, **hidden})
        self._now = now

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        print(f"{parser.prog}: {option_string} is called {self._now} now", file=sys.stderr)
        setattr(namespace, self.dest, True if self.nargs == 0 else values)


def files(arguments: argparse.Namespace, outputs: Outputs) -> None:
    """Add the file that ``--update`` writes.  Raises `UsageError` where none is named."""
    if arguments.update and not arguments.baseline:
        raise UsageError("--update needs the file: add --baseline FILE")
    if arguments.update:
        outputs.add(arguments.baseline, "list", "--baseline")


def inputs(arguments: argparse.Namespace) -> list[str]:
    """The file that is read and must stay as it is."""
    reads = arguments.baseline and not getattr(arguments, "update", False)
    return [arguments.baseline] if reads else []


def text_of(arguments: argparse.Namespace) -> str:
    """What the file says; nothing where there is none, or ``--update`` is to make it.

    Raises `InputError` for a file that cannot be read.
    """
    path = arguments.baseline
    if not path:
        return ""
    if not exists(path):
        if getattr(arguments, "update", False):
            return ""
        advice = "; --update makes it" if hasattr(arguments, "update") else ""
        raise InputError(f"cannot read {path}: No such file or directory{advice}")
    return read_text(path)


def read(arguments: argparse.Namespace) -> Baseline:
    """The findings that are known.  Raises `InputError`."""
    return Baseline.parse(text_of(arguments), arguments.baseline or "")


def update(
    arguments: argparse.Namespace,
    verb: str,
    result: ResultFile,
    old: Baseline,
    *,
    keeps: bool = False,
) -> None:
    """Write the baseline with which this run would not have failed; if it `keeps`, with what was not found, too."""
    found = [one for one in result.records if isinstance(one, FindingRecord)]
    words = {
        one.fingerprint: f"{one.rule}: {sentence(one)}"
        for one in found
        if one.severity != "note" or one.status == "known"
    }
    if keeps:
        words = dict.fromkeys(old.reasons, "") | words
    save(arguments, verb, dumped(words, old.reasons, verb, "fingerprint"), len(words))


def save(arguments: argparse.Namespace, verb: str, text: str, entries: int) -> None:
    """Write the file, and say so."""
    write_file(arguments.baseline, text.encode())
    has = f"{arguments.baseline} now has {counted(entries, 'known finding')}"
    print(f"qmpconf {verb}: {harmless(has)}", file=sys.stderr)
