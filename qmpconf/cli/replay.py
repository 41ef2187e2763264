"""``qmpconf replay``: play a recording against another monitor, and compare."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from qmpconf.check.baseline import Baseline
from qmpconf.cli import baseline, judging, options, results
from qmpconf.net.address import FORMS
from qmpconf.outputs import Outputs
from qmpconf.replay.masks import Mask
from qmpconf.replay.needs import NeededFile
from qmpconf.replay.play.files import missing
from qmpconf.replay.play.player import EVENT_PATIENCE, REPLY_PATIENCE
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.report.results.of_replay import of_replay
from qmpconf.text import counted, harmless

_EPILOG = f"""\
ADDR is {FORMS}.

What the client sent is sent again, byte for byte, each message once the target has given all that
the client had seen when it sent it. Replies and events are compared with the recorded ones:

  exact    byte for byte
  value    by value; what may differ is masked, and the report says what was (the default)
  shape    the same members with the same types
  outcome  success, or an error of the same class

Against another release, the report says what broke, what changed, and what is new by design;
the last is a note, which does not fail the run.

What the session needs beside QMP (disks that the client made before the server was to open them) is
listed before the replay. --prepare runs a command with the paths of these files behind it.

With --baseline, what is listed does not fail the run, and what no longer occurs does.

More masks: [[tool.qmpconf.replay.mask]] in pyproject.toml, [[replay.mask]] in qmpconf.toml, or
[[mask]] in FILE, each with message, of, place, kind and reason.

examples:
  qmpconf replay session.qmptrace --target qmp.sock
  qmpconf replay session.qmptrace --spawn 'qemu-system-x86_64 -M none -display none
      -qmp unix:{{socket}},server=on,wait=off' -o again.qmptrace
  qmpconf replay session.qmptrace --target qmp.sock --prepare ./make-disks.sh

exit codes: 0 no differences, 1 differences, 3 the trace cannot be read, 4 the target cannot be
reached, hangs, or went away (the differences up to there are reported), 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    judging.replaying(parser, event_timeout=EVENT_PATIENCE, timeout=REPLY_PATIENCE)
    baseline.configure(parser, old=judging.OLD_DIFFERENCES)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the replay's own trace; compressed if *.gz or *.zst"
    )
    parser.add_argument(
        "--speed",
        metavar="N",
        type=_speed,
        default=0.0,
        help="pace by the recorded times: 1x as recorded, 10x, ... (max: as fast as causes allow)",
    )
    options.protocol(parser)
    parser.add_argument("--no-redact", action="store_true", help="keep secrets in the new trace")
    parser.add_argument(
        "--format", choices=results.FORMATS, default="text", help="of the report (%(default)s)"
    )
    results.configure(parser)
    options.lines(parser)
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay and report; give the exit code of the verdict."""
    outputs = Outputs(
        [arguments.trace, *arguments.masks, *baseline.inputs(arguments)],
        force=arguments.force,
    )
    outputs.add(arguments.output, "trace", "-o")
    outputs.add(arguments.result, "result", "--result")
    baseline.files(arguments, outputs)
    masks, known = judging.judging(arguments)
    total = size_of_files([arguments.trace])
    with Progress("replaying", total, quiet=arguments.quiet) as progress:
        result = _replay(arguments, masks, known, progress)
    full = bool(arguments.result) or arguments.format != "text"
    found = of_replay(results.header_of(arguments, "replay"), result, known, messages=full)
    results.write(arguments, found)
    results.show(arguments, found, lines=arguments.short)
    if result.failure:
        print(f"qmpconf replay: {result.failure}", file=sys.stderr)
    elif arguments.update and not result.interrupted:
        baseline.update(arguments, "replay", found, known)
        return 0
    return result.exit_code


def _replay(
    arguments: argparse.Namespace, masks: list[Mask], known: Baseline, progress: Progress
) -> ReplayResult:
    return replay_trace(
        arguments.trace,
        target=arguments.target,
        spawn=arguments.spawn,
        output=arguments.output,
        overwrite=arguments.force,
        redact=not arguments.no_redact,
        compare=arguments.compare,
        event_timeout=arguments.event_timeout,
        timeout=arguments.timeout,
        speed=arguments.speed,
        masks=masks,
        known=known.reasons,
        protocol=arguments.protocol,
        prepare=arguments.prepare,
        watch=progress.follow,
        needs=None if arguments.quiet else _say_needs,
    )


def _say_needs(files: Sequence[NeededFile]) -> None:
    paths = ", ".join(one.path for one in files)
    lost = len(missing(files))
    rest = f" ({lost} of them not there)" if lost else ""
    print(
        harmless(f"qmpconf replay: needs {counted(len(files), 'file')}: {paths}{rest}"),
        file=sys.stderr,
    )


def _speed(text: str) -> float:
    try:
        value = 0.0 if text == "max" else float(text.removesuffix("x"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9 or (value == 0 and text != "max"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed: write 1x, 10x, ... or max")
    return value
