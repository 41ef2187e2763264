"""``qmpconf reduce``: the fewest commands that still show a difference, or the fewest faults that a client fails with."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from qmpconf.cli import baseline, faults, judging, options
from qmpconf.errors import UsageError
from qmpconf.net.address import FORMS
from qmpconf.outputs import Outputs, write_file
from qmpconf.replay.reduce.reducing import EVENT_PATIENCE, REPLY_PATIENCE, Reduced, reduce_trace
from qmpconf.text import counted, harmless

if TYPE_CHECKING:
    from qmpconf.replay.reduce.faults import ReducedFaults

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

With --faults or --seed it is a client that is tried: it is run without faults, and must end with
exit code 0; then with those of the schedule, as 'qmpconf record' has them (qmpconf help record),
and as long as it fails in the same way with fewer and fewer of them. It fails when its exit code
is another one, or when it has not ended within --timeout. The faults that are left are rules for
--faults; they are printed, or written with -o.

examples:
  qmpconf reduce --seed 7 --spawn 'qmpconf serve --listen {{socket}}' -o few.toml -- client {{listen}}
  qmpconf reduce session.qmptrace -o short.qmptrace --spawn 'qemu-system-x86_64 -M none
      -display none -qmp unix:{{socket}},server=on,wait=off'

exit codes: 0 the replay shows no difference, or the client copes (nothing is written), 1 it does,
or it fails, 3 a file cannot be read, 4 the target cannot be reached, or the client fails without a
fault, 130 interrupted (the shortest so far is written)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.usage = (
        "qmpconf reduce TRACE (--target ADDR | --spawn COMMAND) [-o FILE] [options]\n"
        "       qmpconf reduce (--faults NAME|FILE | --seed N) (--target ADDR | --spawn COMMAND) "
        "[-o FILE] [options] -- CLIENT"
    )
    judging.replaying(parser, event_timeout=EVENT_PATIENCE, timeout=REPLY_PATIENCE, optional=True)
    parser.add_argument(
        "client",
        metavar="CLIENT",
        nargs="*",
        help="with --faults: the client, {listen} for the address",
    )
    faults.which(parser)
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
        help="the shorter trace; compressed if *.gz or *.zst (NAME.reduced.qmptrace beside TRACE)",
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
    if arguments.faults is not None or arguments.seed is not None:
        return _faults(arguments)
    if arguments.trace is None:
        raise UsageError("say what is reduced: a TRACE, or --faults and behind -- a client")
    if arguments.client:
        raise UsageError(
            f"{arguments.client[0]!r} is one word too many; a client goes with --faults"
        )
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


#: What is about replays alone.
_OF_REPLAYS = ("reference", "prepare", "baseline", "masks")


def _faults(arguments: argparse.Namespace) -> int:
    """The fewest faults that a client fails with."""
    from qmpconf.replay.reduce.faults import reduce_faults

    for option in _OF_REPLAYS:
        if getattr(arguments, option, None):
            raise UsageError(
                f"--{option} is for a TRACE that is replayed: it has nothing to do with faults"
            )
    if arguments.trace is None:
        raise UsageError(
            "say which client, behind --: its command line, with {listen} for the address"
        )
    outputs = Outputs(faults.inputs(arguments), force=arguments.force)
    outputs.add(arguments.output, "list", "-o", kept=True)
    schedule = faults.schedule_of(arguments)
    assert schedule is not None  # noqa: S101 - there is one of the options
    words = [arguments.trace, *arguments.client]
    reduced = reduce_faults(
        schedule,
        words,
        target=arguments.target,
        spawn=arguments.spawn,
        timeout=arguments.timeout,
        time_limit=arguments.time_limit,
        progress=_quiet if arguments.quiet else _say,
    )
    if reduced.fails and reduced.left:
        text = reduced.text([f"With these, the client fails: {harmless(reduced.fails)}."])
        if arguments.output in (None, "-"):
            print(text, end="")
        else:
            write_file(arguments.output, text.encode())
    print(_told_faults(reduced, arguments.output), end="", file=sys.stderr)
    return reduced.exit_code


def _told_faults(reduced: ReducedFaults, output: str | None) -> str:
    runs = counted(reduced.tries, "run")
    happened = counted(reduced.happened, "fault")
    lines = [reduced.note] if reduced.note else []
    if not reduced.fails and reduced.interrupted:
        lines.append(f"nothing is known of the client yet ({runs})")
    elif not reduced.fails:
        copes = "no fault happened" if not reduced.happened else f"the client copes with {happened}"
        lines.insert(0, f"{copes} ({runs})")
    elif reduced.left:
        where = f"{output}: " if output not in (None, "-") else ""
        left = f"{len(reduced.left)} of {counted(reduced.rules, 'fault')}"
        lines.insert(0, f"{where}the client fails with {left}: {reduced.fails} ({runs})")
    return "".join(f"{harmless(line)}\n" for line in lines)


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
