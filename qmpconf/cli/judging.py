"""Options of the verbs that judge: how answers are compared, and what is looked for beyond the rules.

They stand apart from `qmpconf.cli.options`, for they take the checker and the replayer, which other verbs need not load.
"""

from __future__ import annotations

import argparse

from qmpconf.check.baseline import Baseline
from qmpconf.check.practice import Practice, ignoring, limits
from qmpconf.cli import baseline
from qmpconf.cli.options import seconds
from qmpconf.replay.configuration import find, read_masks
from qmpconf.replay.masks import Mask

#: How a baseline of differences was called before, and now.
OLD_DIFFERENCES = {"--known-differences": "--baseline"}


def replaying(
    parser: argparse.ArgumentParser,
    *,
    event_timeout: float,
    timeout: float,
    optional: bool = False,
) -> None:
    """What is replayed, against what, and how it is compared; with the default time limits.

    With `optional`, it works without a recording, too.
    """
    parser.add_argument(
        "trace", metavar="TRACE", nargs="?" if optional else None, help="the recording"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--target", metavar="ADDR", help="where the server listens")
    where.add_argument(
        "--spawn", metavar="COMMAND", help="start the server, with {socket} for its socket's path"
    )
    parser.add_argument(
        "--prepare",
        metavar="COMMAND",
        help="makes the files that the session needs, before the server is started",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE if it exists")
    parser.add_argument(
        "--compare",
        choices=("exact", "value", "shape", "outcome"),
        default="value",
        help="how strictly (%(default)s)",
    )
    parser.add_argument(
        "--event-timeout",
        metavar="SECONDS",
        type=seconds,
        default=event_timeout,
        help="how long to wait for an event that was recorded (%(default)g)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=timeout,
        help="how long to wait for a reply before the target counts as hanging (%(default)g)",
    )
    parser.add_argument(
        "--masks",
        metavar="FILE",
        action="append",
        default=[],
        help="masks besides the built-in and configured ones (see 'qmpconf learn'); can be repeated",
    )


def judging(arguments: argparse.Namespace) -> tuple[list[Mask], Baseline]:
    """The masks, configured ones included, and the known differences.

    A baseline that is configured is read where the call names none.  Raises `UsageError` and
    `InputError` for the files.
    """
    configured = find()
    masks = [*configured.masks, *(mask for file in arguments.masks for mask in read_masks(file))]
    arguments.baseline = arguments.baseline or configured.known_differences
    return masks, baseline.read(arguments)


def practice(parser: argparse.ArgumentParser) -> None:
    """What is looked for beyond protocol and schema."""
    parser.add_argument(
        "--ignore",
        metavar="REQUIREMENT",
        action="append",
        default=[],
        help="do not look for this habit (practice.polling, ...; practice: for none of them); can be "
        "repeated ('qmpconf requirements practice.' lists them)",
    )
    parser.add_argument(
        "--max-latency",
        metavar="[COMMAND=]TIME",
        action="append",
        default=[],
        help="an answer that takes longer is an error: 2s, 500ms, or migrate=30s for one command; can "
        "be repeated",
    )


def practised(arguments: argparse.Namespace) -> Practice:
    """What is to be looked for, by options and configuration; the options' limits come last.

    Raises `InputError` for the configuration, `UsageError` for an option.
    """
    configured = find()
    return Practice(
        ignoring([*configured.ignore, *arguments.ignore]),
        limits([*configured.max_latency, *arguments.max_latency]),
    )
