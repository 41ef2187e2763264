"""``qmpconf convert IN OUT``: other formats to traces and back."""

from __future__ import annotations

import argparse
import importlib.resources
import os
import re
import sys

from qmpconf.cli import options
from qmpconf.cli.converted import held, told
from qmpconf.cli.corpus import gathered, say
from qmpconf.cli.main import INTERRUPTED
from qmpconf.cli.secrets import secret, secrets_of
from qmpconf.cli.traces import traces_in
from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import Outputs
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.text import expression, harmless
from qmpconf.trace.convert import FORMATS
from qmpconf.trace.convert.base import Options
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.convert.logs.fields import SESSION_KEYS
from qmpconf.trace.convert.otlp import is_url
from qmpconf.trace.filter.empty import nothing_passes

_EPILOG = """\
The formats are known by the names of the files, or else by what the input begins with. Everything
is read and written compressed where a name ends in .gz. What a format cannot hold is said on
standard error, once a kind. Secrets are replaced as in a recording, unless you say --no-redact.

examples:
  qmpconf convert libvirtd.log vm.qmptrace
  qmpconf convert app.log vm.qmptrace --session-by vm
  qmpconf convert app.log vm.qmptrace --pattern '^(?P<time>\\S+) (?P<side>TX|RX) (?P<message>.*)'
  qmpconf convert --from transcript mail.txt vm.qmptrace && qmpconf check vm.qmptrace
  qmpconf convert vm.qmptrace.gz vm.pcapng
  qmpconf convert vm.qmptrace small.qmptrace --filter 'not command ~ query-*'
  qmpconf convert --to transcript vm.qmptrace -
  qmpconf convert --to parquet night/ corpus/
  qmpconf convert --to qmptrace night/ errors/ --filter 'error and not command ~ query-*'
  qmpconf convert vm.qmptrace http://127.0.0.1:4318/v1/traces
  qmpconf convert --list
  qmpconf convert --dissector > qmp.lua && tshark -X lua_script:qmp.lua -r vm.pcapng -Y qmp

exit codes: 0 converted, 2 wrong call, or OUT cannot hold what IN holds, 3 not all of IN could be
read: it is damaged, or has lines that were not understood (what could be read is in OUT), or
nothing could be read (there is no OUT), 4 the collector does not take the spans, 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    names = tuple(one.name for one in FORMATS if one.reads)
    written = tuple(one.name for one in FORMATS if one.writes)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "source", metavar="IN", help="what to convert, or a folder of traces; - is standard input"
    )
    parser.add_argument(
        "target",
        metavar="OUT",
        help="the new file; - is standard output; the URL of a collector takes spans",
    )
    options.output(parser)
    parser.add_argument(
        "--from",
        dest="from_format",
        metavar="FORMAT",
        choices=names,
        default="",
        help="the format of IN, one of " + ", ".join(names),
    )
    parser.add_argument(
        "--to",
        dest="to_format",
        metavar="FORMAT",
        choices=written,
        default="",
        help="the format of OUT, one of " + ", ".join(written),
    )
    parser.add_argument(
        "--session",
        metavar="N",
        type=_number,
        default=0,
        help="keep this session only, counted from 1",
    )
    options.filtering(parser, "keep the messages that pass, and gaps that say where others were")
    parser.add_argument(
        "--port", metavar="N", type=_port, default=0, help="the server's port, in a capture"
    )
    parser.add_argument(
        "--pattern",
        metavar="REGEX",
        type=_pattern,
        help="a log: which lines hold messages, with the groups message, time, session, side",
    )
    parser.add_argument(
        "--session-by",
        metavar="KEYS",
        type=_keys,
        default=(),
        help="a log: what tells sessions apart, of " + ", ".join(SESSION_KEYS),
    )
    parser.add_argument(
        "--no-redact",
        dest="redact",
        action="store_false",
        help="keep passwords and other secrets as they are",
    )
    secret(parser)
    parser.add_argument("--force", action="store_true", help="overwrite OUT if it exists")
    options.jobs(parser)
    parser.add_argument(
        "--list", action=_List, nargs=0, help="list the formats and what each of them holds"
    )
    parser.add_argument(
        "--dissector",
        action=_Dissector,
        nargs=0,
        help="print a dissector that shows QMP in Wireshark and tshark (Lua)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not say what is lost")


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say what was lost on the way; give the exit code."""
    arguments.target = options.named_once(arguments.target, arguments.output)
    if os.path.isdir(arguments.source):
        return _many(arguments)
    for name in ("jobs", "workers"):
        if getattr(arguments, name):
            raise UsageError(f"--{name} is for many files: name a folder as IN, and one as OUT")
    outputs = Outputs([arguments.source], force=arguments.force)
    if not is_url(arguments.target):
        outputs.add(arguments.target, "trace", "OUT")
    secrets = secrets_of(arguments.secret)
    if secrets and not arguments.redact:
        raise UsageError("--no-redact keeps all secrets: --secret does not go with it")
    from_format = arguments.from_format
    if arguments.pattern is not None:
        if from_format not in ("", "log"):
            raise UsageError(f"--pattern is for logs: it does not go with --from {from_format}")
        from_format = "log"
    size = size_of_files([arguments.source]) * (1 if arguments.filter is None else 2)
    with Progress("converting", size, quiet=arguments.quiet) as progress:
        done = convert(
            arguments.source,
            arguments.target,
            from_format=from_format,
            to_format=arguments.to_format,
            redact=arguments.redact,
            secrets=secrets,
            session=arguments.session,
            wanted=arguments.filter,
            overwrite=arguments.force,
            options=Options(arguments.port, arguments.pattern, arguments.session_by),
            advance=progress.advance,
        )
    name = "<stdin>" if arguments.source == "-" else arguments.source
    for line in told(done, name, quiet=arguments.quiet):
        _say(line)
    if done.failed is not None:
        _say(f"{done.failed}; what could be read is in {arguments.target}")
    if arguments.target != "-":
        print(
            harmless(f"{arguments.target}: {held(done)} ({done.source.name} to {done.target.name})")
        )
    return InputError.exit_code if done.incomplete else 0


def _many(arguments: argparse.Namespace) -> int:
    """A folder of traces, or of Parquet files, to a folder of the other format."""
    from qmpconf.corpus.files import ConvertTask, apart, parquet_in

    if arguments.session:
        raise UsageError(
            "--session is for one file, and IN is a folder: write "
            f"--filter 'session = {arguments.session}' instead"
        )
    for name in ("port", "pattern", "session_by"):
        if getattr(arguments, name):
            raise UsageError(f"--{name.replace('_', '-')} is for one file, and IN is a folder")
    folder, target = arguments.source, arguments.target
    if arguments.from_format not in ("", "qmptrace", "parquet"):
        raise UsageError("a folder as IN holds traces, or Parquet files")
    paths = parquet_in(folder) if arguments.from_format != "qmptrace" else []
    from_format = "parquet" if paths else "qmptrace"
    paths = paths or list(traces_in([folder]))
    to_format = arguments.to_format or ("qmptrace" if from_format == "parquet" else "")
    if is_url(target):
        raise UsageError("IN is a folder, and a collector takes one recording at a time")
    if not to_format or target == "-":
        raise UsageError("IN is a folder: name another one as OUT, and its format with --to")
    apart(paths, folder)
    secrets = tuple(secrets_of(arguments.secret))
    task = ConvertTask(
        folder,
        target,
        from_format,
        to_format,
        arguments.redact,
        secrets,
        arguments.force,
        arguments.filter,
    )
    part, found = gathered(arguments, "converting", task, paths)
    say("convert", found, paths)
    if not part.files and part.empty and not found.unread:
        raise UsageError(f"{folder}: {nothing_passes(arguments.filter)}; there is nothing to write")
    print(harmless(f"{target}: {part.sentence} ({from_format} to {to_format})"))
    if found.interrupted:
        return INTERRUPTED
    return InputError.exit_code if found.unread or part.damaged else 0


def _say(text: str) -> None:
    print(f"qmpconf convert: {harmless(text)}", file=sys.stderr)


class _List(argparse.Action):
    """Print the formats and end, as ``--help`` does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from qmpconf.report.tables import fitted
        from qmpconf.report.terminal import Terminal

        rows = [
            (one.name, " ".join((*one.endings, *one.hints)), one.title, one.keeps, one.loses)
            for one in FORMATS
        ]
        head = ("format", "names", "what it is", "holds", "does not hold")
        print(fitted(rows, head, Terminal(sys.stdout).width(120)))
        parser.exit()


class _Dissector(argparse.Action):
    """Print the dissector and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        script = importlib.resources.files("qmpconf.trace.capture").joinpath("qmp.lua")
        print(script.read_text(encoding="utf-8"), end="")
        parser.exit()


def _pattern(text: str) -> re.Pattern[bytes]:
    """The pattern of a log's lines."""
    try:
        pattern = expression(text.encode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None
    unknown = sorted(pattern.groupindex.keys() - {"message", "time", "session", "side"})
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{text!r} has the group {unknown[0]!r}; the groups are message, time, session, side"
        )
    if "message" not in pattern.groupindex:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no group 'message': write (?P<message>...) around the message"
        )
    return pattern


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(one.strip() for one in text.split(","))
    unknown = [one for one in keys if one not in SESSION_KEYS]
    if unknown:
        known = ", ".join(SESSION_KEYS)
        raise argparse.ArgumentTypeError(
            f"{unknown[0]!r} does not tell sessions apart; there are {known}"
        )
    return keys


def _port(text: str) -> int:
    if _number(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: they end at 65535")
    return int(text)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)
