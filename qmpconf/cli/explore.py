"""``qmpconf explore``: calls that nobody thought of, to a server that is started for them."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile

from qmpconf.check.baseline import Baseline
from qmpconf.check.collect import Exercised, collect
from qmpconf.cli import baseline, options, results
from qmpconf.cli.examples import explain
from qmpconf.cli.rotation import age, size
from qmpconf.cli.traces import traces_in
from qmpconf.errors import UsageError
from qmpconf.explore.exploring import explore
from qmpconf.explore.life import Ground
from qmpconf.explore.outcome import COMMANDS, Explored, Plan
from qmpconf.outputs import Outputs, make_folder, write_file
from qmpconf.report.explore import RECORD, as_data
from qmpconf.report.results.of_explore import of_explore
from qmpconf.text import harmless
from qmpconf.trace.reader import TraceReader

#: Seconds, unless told otherwise.
_FOR = 300

_EPILOG = """\
Calls are made out of the server's own schema: names that it has given (nodes, devices, jobs, QOM
paths) are the arguments of later calls, and what coverage has not seen is tried first. One call in
eight goes a step beyond the schema: a member is missing, unknown or of a wrong type. Each answer is
held against the schema and the protocol; queries have to agree with what was done before; and the
server must neither crash, nor end, nor hang. After 150 commands it is started anew.

The server runs in an empty folder of its own (give absolute paths), with limits on its memory and
its files. Commands and values that start programs, join networks or take devices of the host are
never sent.

What is found is shrunk to the fewest commands that show it, and written to -o: a trace, lines for
qmp-shell, and a Python script that shows it again by itself. Equal findings are one. The same seed
makes the same calls, as long as the server gives the same answers.

Some calls go out in one write, without waiting for each other, and where the server offers
out-of-band execution some overtake those before them. What is found so is shown again so; lines for
qmp-shell say what they cannot say.

What --baseline knows does not fail the run, and is not shrunk again. What of it was not met does
not fail the run either, for exploring is chance; --update keeps it.

examples:
  qmpconf explore --minutes 10 --seed 1 -o found --spawn 'qemu-system-x86_64 -M q35 -S -nodefaults
      -display none -qmp unix:{socket},server=on,wait=off'
  qmpconf explore --for 30s --spawn 'qmpconf serve --listen {socket}'
  qmpconf explore --seen traces/ --spawn 'qemu-storage-daemon --chardev
      socket,id=m,path={socket},server=on,wait=off --monitor chardev=m'
  python3 found/crash-0123456789abcdef.py 'qemu-system-x86_64 ... {socket}'

exit codes: 0 nothing found (with --strict: nor warnings) but what the baseline knows; 1 something
found, or not one command sent; 2 usage; 3 a file cannot be read or written; 4 the server cannot be
started, or has no schema; 130 interrupted (what was found so far is reported)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "--spawn",
        metavar="COMMAND",
        required=True,
        help="start this server, again and again, with {socket} where its monitor's path goes",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=_seed,
        help="a number from 0, from which all that is chance is made (default: another one each time)",
    )
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--for",
        dest="time",
        metavar="TIME",
        type=age,
        help="how long: 90s, 30min, 1h (default: 5min); shrinking what is found last may take longer",
    )
    limit.add_argument(
        "--minutes", metavar="N", type=_minutes, dest="time", help="the same in minutes"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="an empty or new folder for what is found (default: one for temporary files)",
    )
    parser.add_argument(
        "--seen",
        metavar="TRACE",
        action="append",
        default=[],
        help="a recording, or a folder of them: what it exercises counts as seen; may be repeated",
    )
    parser.add_argument(
        "--schema",
        metavar="NAME|FILE|auto",
        default="auto",
        help="the catalog to make calls from (auto: the server's own introspection)",
    )
    parser.add_argument(
        "--timeout",
        type=options.seconds,
        default=20.0,
        metavar="SECONDS",
        help="how long an answer may take (default: %(default)g)",
    )
    parser.add_argument(
        "--shrink",
        type=options.seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long each finding is shrunk at most (default: %(default)g)",
    )
    parser.add_argument(
        "--memory", metavar="SIZE", type=size, default=4 << 30, help="of the server (default: 4G)"
    )
    parser.add_argument(
        "--commands",
        metavar="N",
        type=_number,
        default=COMMANDS,
        help="after which the server is started anew (default: %(default)d)",
    )
    parser.add_argument(
        "--lives",
        metavar="N",
        type=_number,
        default=0,
        help="end after N servers, too: so a seed makes the same calls on any machine",
    )
    parser.add_argument(
        "--format", choices=results.FORMATS, default="text", help="on stdout (default: text)"
    )
    baseline.configure(parser, gone=False)
    options.force(parser)
    results.configure(parser)
    options.lines(parser)
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explore, print, and give the exit code."""
    outputs = Outputs(
        [*traces_in(arguments.seen), arguments.schema, *baseline.inputs(arguments)],
        force=arguments.force,
    )
    outputs.add(arguments.result, "result", "--result")
    baseline.files(arguments, outputs)
    known = baseline.read(arguments)
    plan = _plan(arguments, known)
    if not arguments.quiet:
        _say(f"seed {plan.seed}; what is found goes to {plan.folder}")
    try:
        explored = explore(
            plan, lambda text, _: None if arguments.quiet or not text else _say(text)
        )
        if arguments.output or explored.discoveries:
            _keep(explored)
    finally:
        if not arguments.output and not os.listdir(plan.folder):
            os.rmdir(plan.folder)
    full = bool(arguments.result) or arguments.format != "text"
    result = of_explore(results.header_of(arguments, "explore"), explored, known, full=full)
    results.write(arguments, result)
    results.show(arguments, result, lines=arguments.short)
    if arguments.update and not explored.interrupted:
        baseline.update(arguments, "explore", result, known, keeps=True)
        return 0
    return result.exit_code


def _plan(arguments: argparse.Namespace, known: Baseline) -> Plan:
    ground = Ground(arguments.spawn, arguments.memory, arguments.timeout)
    ground.words()  # which may be wrong: then nothing begins
    seen = _seen(arguments)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**9)
    return Plan(
        ground,
        seed,
        float(arguments.time or _FOR),
        _folder(arguments.output),
        shrink=arguments.shrink,
        schema=arguments.schema,
        commands=arguments.commands,
        lives=arguments.lives,
        seen=seen,
        known=known.reasons,
    )


def _keep(explored: Explored) -> None:
    """Write the campaign's own record into the folder of what was found."""
    path = os.path.join(explored.plan.folder, RECORD)
    write_file(path, (json.dumps(as_data(explored), indent=2) + "\n").encode())


def _folder(output: str | None) -> str:
    if output is None:
        return tempfile.mkdtemp(prefix="qmpconf-explored-")
    if output == "-":
        raise UsageError("-o is a folder: what is found is several files")
    make_folder(output, "-o")
    if os.listdir(output):
        raise UsageError(f"-o {output} is not empty; name a new folder, or an empty one")
    return output


def _seen(arguments: argparse.Namespace) -> tuple[Exercised, ...]:
    """What the recordings of ``--seen`` exercise.  Raises InputError for one that cannot be read."""
    return tuple(collect(TraceReader(path)) for path in traces_in(arguments.seen))


def _say(text: str) -> None:
    print(harmless(f"qmpconf explore: {text}"), file=sys.stderr, flush=True)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 (18 digits at most)")
    return int(text)


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0")
    return 60 * value


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100,000")
    return int(text)
