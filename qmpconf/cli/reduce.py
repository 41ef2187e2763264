"""``qmpconf reduce``: the fewest commands that still show a replay's difference."""

from __future__ import annotations

import argparse
import sys

from qmpconf.cli import baseline, judging, options
from qmpconf.net.address import FORMS
from qmpconf.outputs import Outputs
from qmpconf.replay.reduce.reducing import EVENT_PATIENCE, REPLY_PATIENCE, Reduced, reduce_trace
from qmpconf.text import counted, harmless

_EPILOG = f"""\
ADDR is {FORMS}.

The recording is replayed again and again, each time without some of its commands, as long as the
same difference shows. Kept in any case are the command that differs, and causes: the negotiation,
and commands that made or chose what a later one names. The result is a trace for 'qmpconf replay'.

With --spawn each try gets a new server. With --target the server must be as good as new for each
session, or a difference of one try spoils the next ones.

Differences that are listed in --baseline are passed over.

A command that is left out may be why another one answers differently. With --reference (a server
that behaves as recorded) no try counts that shows the difference there, too.

examples:
  qmpconf reduce session.qmptrace -o short.qmptrace --spawn 'qemu-system-x86_64 -M none
      -display none -qmp unix:{{socket}},server=on,wait=off'

exit codes: 0 the replay shows no difference (nothing is written), 1 it does, 3 the trace cannot be
read, 4 the target cannot be reached, 130 interrupted (the shortest so far is written)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    judging.replaying(parser, event_timeout=EVENT_PATIENCE, timeout=REPLY_PATIENCE)
    baseline.configure(parser, old=judging.OLD_DIFFERENCES, update=False)
    parser.add_argument(
        "--reference",
        metavar="COMMAND",
        help="start a server that behaves as recorded, with {socket} for its socket's path",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the shorter trace; compressed if *.gz (NAME.reduced.qmptrace beside TRACE)",
    )
    parser.add_argument(
        "--difference",
        metavar="N",
        type=_number,
        default=1,
        help="which one to keep, in the order in which a replay finds them (%(default)s)",
    )
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=options.seconds,
        default=600.0,
        help="after which the shortest so far is written (%(default)g)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing of the tries")


def run(arguments: argparse.Namespace) -> int:
    """Reduce and report; give the exit code."""
    outputs = Outputs(
        [arguments.trace, *arguments.masks, *baseline.inputs(arguments)],
        force=arguments.force,
    )
    outputs.add(arguments.output, "trace", "-o")
    masks, known = judging.judging(arguments)
    reduced = reduce_trace(
        arguments.trace,
        target=arguments.target,
        spawn=arguments.spawn,
        reference=arguments.reference,
        prepare=arguments.prepare,
        output=arguments.output,
        overwrite=arguments.force,
        compare=arguments.compare,
        difference=arguments.difference,
        event_timeout=arguments.event_timeout,
        timeout=arguments.timeout,
        time_limit=arguments.time_limit,
        masks=masks,
        known=known.reasons,
        progress=_quiet if arguments.quiet else _say,
    )
    print(_told(reduced), end="", file=sys.stderr if arguments.output == "-" else sys.stdout)
    return reduced.exit_code


def _told(reduced: Reduced) -> str:
    lines = []
    if reduced.difference:
        lines.append(f"difference: {reduced.difference}")
    if reduced.output:
        lines.append(
            f"{reduced.output}: {reduced.left} of {reduced.commands} messages of the client show "
            f"it ({counted(reduced.tries, 'replay')})"
        )
    elif reduced.difference and not reduced.note:
        lines.append(
            f"nothing can be left out of {reduced.trace} ({counted(reduced.tries, 'replay')})"
        )
    if reduced.note:
        lines.append(reduced.note)
    return "".join(f"{harmless(line)}\n" for line in lines)


def _say(text: str) -> None:
    print(f"qmpconf reduce: {text}", file=sys.stderr, flush=True)


def _quiet(_: str) -> None:
    """Say nothing."""


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)
