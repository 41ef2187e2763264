"""``qmpconf redact IN OUT``: takes secrets out of a trace afterwards; ``--scan`` lists what stayed."""

from __future__ import annotations

import argparse

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.cli.secrets import secret, secrets_of
from qmpconf.cli.traces import stdin_or, traces_in
from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import Outputs
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.text import counted, harmless
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.redaction.records import known_values
from qmpconf.trace.redaction.scan import scan

_EPILOG = """\
Each secret is replaced by REDACTED, as the recorder and 'qmpconf convert' do it, and all else stays
as it was. IN is read twice, so that a secret goes from the first message on. What is known:

  commands of QMP and the guest agent that carry one, and results that are one
  members, options, headers and properties whose name says it, at any depth
  credentials in URLs, options and JSON in file names, keys, commands behind exec:
  lines of the human monitor, and the command lines of client and server in the header
  what was replaced, where a reply, an error, an event or an id repeats it
  in bytes that are not a message, everything behind a sensitive word

What cannot be known, and is for --secret and for your eyes:

  a secret where nothing says so: a name, a label, a word on a client's command line, keys that
  are typed into a guest (send-key), bytes for its serial port (ringbuf-write), its memory or disk
  a value of less than four characters, or a word of the protocol, where it is repeated
  a secret that was cut or changed: encrypted, hashed, a half of it

--scan changes nothing. It lists what looks like a secret and is there, never with its value: what
would be replaced, values behind words such as password or token, and what looks random in
sensitive places. What it lists may be harmless, and what it does not list may be a secret.

--secret TEXT shows in the list of processes: rather write the value into a file of your own.

examples:
  qmpconf redact session.qmptrace clean.qmptrace.gz
  qmpconf redact session.qmptrace clean.qmptrace --secret @passwords.txt
  qmpconf redact --scan clean.qmptrace traces/

exit codes: 0 done, or --scan found nothing, 1 --scan found something, 2 wrong call, 3 a trace
cannot be read or written (what could be read is in OUT)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces."""
    parser.usage = (
        "qmpconf redact IN OUT [--secret TEXT|@FILE] [options]\n"
        "       qmpconf redact --scan TRACE... [--secret TEXT|@FILE]"
    )
    explain(parser, _EPILOG)
    parser.add_argument(
        "named",
        metavar="TRACE",
        nargs="+",
        help="IN and OUT; with --scan, traces or folders of them",
    )
    options.output(parser)
    parser.add_argument(
        "--scan", action="store_true", help="list what looks like a secret, and write nothing"
    )
    secret(parser)
    parser.add_argument("--force", action="store_true", help="overwrite OUT if it exists")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")


def run(arguments: argparse.Namespace) -> int:
    """Redact, or scan; give the exit code."""
    secrets = secrets_of(arguments.secret)
    if arguments.scan:
        if arguments.output is not None:
            raise UsageError("--scan writes nothing: leave -o away")
        return _scan(arguments, secrets)
    if len(arguments.named) > 2 or (len(arguments.named) < 2 and arguments.output is None):
        raise UsageError("name two files: the trace, and the new one; or use --scan")
    source, target = (
        arguments.named[0],
        options.named_once(
            arguments.named[1] if len(arguments.named) > 1 else None, arguments.output
        ),
    )
    source = stdin_or(source)
    outputs = Outputs([source], force=arguments.force)
    outputs.add(target, "trace", "OUT")
    reader = TraceReader(source)
    with Progress("redacting", size_of_files([source]), quiet=arguments.quiet) as progress:
        with progress.reading(reader):
            seen = known_values(reader, secrets)
        done = convert(
            source,
            target,
            from_format="qmptrace",
            to_format="qmptrace",
            seen=seen,
            overwrite=arguments.force,
        )
        if done.failed is not None:
            progress.say(f"qmpconf redact: {done.failed}; what could be read is in {target}")
    if not arguments.quiet and target != "-":
        print(
            harmless(f"{target}: {counted(done.messages, 'message')}, {done.redacted:,} redacted")
        )
    return InputError.exit_code if done.failed is not None else 0


def _scan(arguments: argparse.Namespace, secrets: list[str]) -> int:
    paths = list(traces_in(map(stdin_or, arguments.named)))
    found = 0
    failed: InputError | None = None
    with Progress("scanning", size_of_files(paths), quiet=arguments.quiet) as progress:
        for path in paths:
            try:
                reader = TraceReader(path)
                with progress.reading(reader):
                    for one in scan(reader, secrets):
                        found += 1
                        place = one.place or "(all of it)"
                        where = f"session {one.conn} {place}" if one.conn else place
                        print(harmless(f"{path}:{one.line}: {where}: {one.why} ({one.shown})"))
            except InputError as error:
                failed = failed or error
                progress.say(f"qmpconf redact: {error}")
                continue
            if told := reader.cut_off:
                progress.say(told)
    if not arguments.quiet:
        print(f"{counted(found, 'place')} in {counted(len(paths), 'trace')}")
    if failed is not None:
        return InputError.exit_code
    return 1 if found else 0
