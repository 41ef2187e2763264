"""``--fail-on`` and ``--requirements``: what makes a run of a suite fail, and what it is held to."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from qmpconf.conform.frozen import set_names
from qmpconf.errors import UsageError


def fail_on(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--fail-on",
        choices=("never", "MUST", "SHOULD"),
        help="the weakest requirement whose breach makes the run fail (default: MUST; SHOULD is "
        "--strict; with never the exit code is 0 where it would be 1)",
    )


def requirements(parser: argparse.ArgumentParser, who: str) -> None:
    """Add the option that names a frozen set."""
    parser.add_argument(
        "--requirements",
        metavar="SET",
        default="",
        help=f"hold {who} to a set of requirements that is named and dated, as {set_names()[-1]}, "
        "so that claims stay comparable (default: all of today's)",
    )


def weighed(arguments: argparse.Namespace, run: Callable[[argparse.Namespace], int]) -> int:
    """The exit code of `run` as the option has it.  Raises UsageError beside another --strict."""
    if arguments.strict and arguments.fail_on not in (None, "SHOULD"):
        raise UsageError(
            f"--strict is --fail-on SHOULD, and not {arguments.fail_on}: give one of both"
        )
    arguments.strict |= arguments.fail_on == "SHOULD"
    code = run(arguments)
    return 0 if code == 1 and arguments.fail_on == "never" else code
