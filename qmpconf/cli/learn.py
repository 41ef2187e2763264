"""``qmpconf learn TRACE TRACE...``: the masks that a scenario's recordings need."""

from __future__ import annotations

import argparse
import sys

from qmpconf.cli import options
from qmpconf.outputs import Outputs, write_file
from qmpconf.replay.learn.learning import as_toml, learn
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.text import counted

_EPILOG = """\
Record one scenario two times or more, on one build (recordings of two builds are refused). What
differs between the recordings, and is not masked anyway, is written as masks: each for the schema
place at which it was seen, with the values seen there. Read them before you use them: a mask
hides what it covers. A reply's id is never masked: each is compared with that of its own command.

examples:
  qmpconf learn first.qmptrace second.qmptrace -o masks.toml
  qmpconf replay first.qmptrace --target qmp.sock --masks masks.toml

exit codes: 0 the masks cover all differences, 1 some differences no mask can cover, 2 usage,
or recordings of two builds, 3 a trace cannot be read, or is of another scenario
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces, and where the masks go."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("traces", metavar="TRACE", nargs="+", help="recordings of one scenario")
    parser.add_argument("-o", "--output", metavar="FILE", help="the masks (default: stdout)")
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn, write, and tell on stderr what no mask covers."""
    outputs = Outputs(arguments.traces, force=arguments.force)
    outputs.add(arguments.output, "list", "-o", kept=True)
    first, *others = arguments.traces
    total = size_of_files([first]) * len(others) + size_of_files(others)
    with Progress("learning", total) as progress:
        learned = learn(arguments.traces, progress.follow)
    text = as_toml(learned)
    if arguments.output:
        write_file(arguments.output, text.encode())
    else:
        print(text, end="")
    for difference in learned.left:
        print(f"qmpconf learn: no mask covers this: {difference}", file=sys.stderr)
    for path in learned.unknown:
        print(
            f"qmpconf learn: {path} does not name its server's version: make sure that all "
            "recordings are of one build",
            file=sys.stderr,
        )
    print(
        f"qmpconf learn: {counted(learned.pairs, 'message')} compared, "
        f"{counted(len(learned.masks), 'mask')} needed",
        file=sys.stderr,
    )
    return 1 if learned.left else 0
