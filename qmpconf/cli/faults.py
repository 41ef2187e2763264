"""``--faults``, ``--seed`` and ``--write-faults``: what goes wrong on purpose."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs, write_file
from qmpconf.text import counted

if TYPE_CHECKING:
    from qmpconf.faults.rules import Rule, Schedule

#: The options, as the namespace has them.
OPTIONS = ("faults", "seed", "write_faults")
_LARGEST = 1 << 63


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    which(parser)
    parser.add_argument(
        "--write-faults",
        metavar="FILE",
        help="write the faults that happened, as rules, each alone",
    )


def which(parser: argparse.ArgumentParser) -> None:
    """Add those that say which."""
    group = parser.add_argument_group("faults on purpose (qmpconf/faults/README.md)")
    group.add_argument(
        "--faults",
        metavar="NAME|FILE",
        help="let messages be lost, late, doubled or cut, by the rules of FILE, or of one of: "
        "silent, stuck-device-del, lost-shutdown, late-reply",
    )
    group.add_argument(
        "--seed",
        metavar="N",
        type=_seed,
        help="the same by chance; the same N gives the same faults",
    )


def schedule_of(arguments: argparse.Namespace) -> Schedule | None:
    """What the arguments say; None: nothing goes wrong.  Raises `UsageError`, or `InputError` for the file."""
    if arguments.faults is None and arguments.seed is None:
        if getattr(arguments, "write_faults", None) is not None:
            raise UsageError("--write-faults writes what goes wrong: add --faults or --seed")
        return None
    from qmpconf.faults.ready import load_schedule
    from qmpconf.faults.rules import Schedule

    found = load_schedule(arguments.faults) if arguments.faults is not None else Schedule()
    return found if arguments.seed is None else replace(found, seed=arguments.seed)


def add(outputs: Outputs, arguments: argparse.Namespace) -> None:
    """Count the file that is written among the outputs of a call.  Raises `UsageError`."""
    if arguments.write_faults == "-":
        raise UsageError("--write-faults needs a file: standard output is the client's")
    outputs.add(arguments.write_faults, "list", "--write-faults")


def inputs(arguments: argparse.Namespace) -> list[str]:
    """The files that are read."""
    return [arguments.faults] if arguments.faults else []


def written(
    path: str | None, rules: Iterable[Rule], whence: str, say: Callable[[str], None]
) -> None:
    """Write what happened, if it is to be; `whence` is a comment, `say` is called with what came of it.

    Raises `OutputError`.
    """
    from qmpconf.faults.rules import dumped

    found = tuple(rules)
    if not path:
        return
    if not found:
        say(f"no fault happened: {path} is not written")
        return
    write_file(path, dumped(found, [whence]).encode())
    say(f"{path}: {counted(len(found), 'fault')}")


def _seed(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20) or int(digits) >= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed: write a whole number")
    return int(text)
