"""The command line: one module a verb, arguments in, exit code out.

A verb's module is imported only when the verb is called, so that ``--help`` stays fast.  Each
module has

- ``configure(parser)``: adds the verb's arguments,
- ``run(arguments) -> int``: does the work through the public API, gives the exit code.

Errors of `qmpconf.errors` end up here, as one message on stderr and their exit code
(qmpconf/README.md, Exit codes).
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import errno
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NoReturn

from qmpconf.cli.examples import sentence
from qmpconf.errors import OutputError, QmpconfError
from qmpconf.report.terminal import tolerate
from qmpconf.text import harmless
from qmpconf.version import __version__

#: verb: (module in qmpconf.cli, one line of help)
VERBS = {
    "demo": ("demo", "record, check and replay a session with the embedded monitor"),
    "record": ("record", "record what a client and a server say to each other"),
    "check": ("check", "check recorded sessions against the protocol and a schema"),
    "coverage": ("coverage", "tell what recordings exercise of a schema, and what is missing"),
    "replay": ("replay", "play a recording against another monitor and compare"),
    "learn": ("learn", "learn from recordings of one scenario what may differ in a replay"),
    "reduce": ("reduce", "shorten a recording to the commands that still show a difference"),
    "show": ("show", "show what a recording holds, message by message"),
    "stats": ("stats", "figures of recordings: latencies, counts, events, sizes"),
    "convert": ("convert", "convert captures, logs and transcripts to traces and back"),
    "redact": ("redact", "take secrets out of a recording, or list what looks like one"),
    "serve": ("serve", "run the embedded monitor, or let a recording answer as the server"),
    "conform": ("conform", "put a live monitor to the test, rule by rule"),
    "conform-client": (
        "conform_client",
        "put a client to the test, with a legal but unkind server",
    ),
    "report": ("report", "show results as text, Markdown, HTML, JUnit, SARIF, annotations or JSON"),
    "requirements": ("requirements", "list the rules of the protocol, and what covers each"),
    "completion": ("completion", "print the script that completes these words in a shell"),
    "schema": ("schema", "fetch, list, show, compare and export schemas; compile documents"),
}

_EXAMPLES = """

examples:
  qmpconf demo
  qmpconf record --server qmp.sock --listen proxy.sock -o session.qmptrace
  qmpconf check session.qmptrace
  qmpconf conform --target qmp.sock

exit codes of every verb: 0 conforms, 1 findings or differences, 2 usage or configuration, 3 a file
cannot be read or written, 4 the target cannot be reached or went away, 130 interrupted

See 'qmpconf VERB --help' for one of them."""

#: 128 + SIGINT, as shells have it.
INTERRUPTED = 130

#: What is said where no output of ours goes any more: the disk is full, or stdout was closed.
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors name the verb's own help."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one message."""
        self.exit(2, harmless(f"{self.prog}: {message}\nSee '{self.prog} --help'.\n"))


def _overview() -> str:
    width = max(map(len, VERBS)) + 2
    lines = [f"  {verb:<{width}}{text}" for verb, (_, text) in VERBS.items()]
    return "verbs:\n" + "\n".join(lines) + _EXAMPLES


def _top_parser() -> Parser:
    parser = Parser(
        prog="qmpconf",
        description="Recorder and conformance suite for QMP, the QEMU Machine Protocol.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="qmpconf [--version] [--help] VERB ...",
    )
    parser.add_argument("--version", action="version", version=f"qmpconf {__version__}")
    parser.add_argument("verb", metavar="VERB", choices=list(VERBS), help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and give its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    verb = words[0] if words and words[0] in VERBS else ""
    name = f"qmpconf {verb}".rstrip()
    try:
        try:
            return _run(verb, words)
        except QmpconfError as error:
            print(harmless(f"{name}: {error}"), file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print(f"{name}: interrupted", file=sys.stderr)
            return INTERRUPTED
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output went away (`qmpconf check ... | head`): not an error of ours.
        _forget_output()
        return 128 + 13
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        _forget_output()
        print(f"{name}: cannot write the output: {error.strerror}", file=sys.stderr)
        return OutputError.exit_code


def _run(verb: str, words: Sequence[str]) -> int:
    verb = verb or _asked(words)
    module = importlib.import_module(f"qmpconf.cli.{VERBS[verb][0]}")
    parser = Parser(prog=f"qmpconf {verb}", description=sentence(VERBS[verb][1]))
    module.configure(parser)
    arguments = parser.parse_args(words[1:])
    tolerate(sys.stdout)
    with _ended_in_order():
        return int(module.run(arguments))


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """End what was started, and remove what was made, also when somebody else ends us."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are not ours
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _asked(words: Sequence[str]) -> str:
    """The verb, where the first word is none: says so, or answers --help and --version."""
    parser = _top_parser()
    if words and not words[0].startswith("-"):
        near = difflib.get_close_matches(words[0], VERBS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the verbs are {', '.join(VERBS)}"
        parser.error(f"{words[0]!r} is no verb; {hint}")
    return str(parser.parse_args(words[:1]).verb)


def _open_streams() -> None:
    """Stand in for standard streams that were closed.

    The next file opened would take their place, and what a child says would end up in a trace.
    Whoever reads from one, or writes a result to it, gets an error; what goes to stderr is lost.
    """
    for fd, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - likewise
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - likewise


def _forget_output() -> None:
    """What is still to be written would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
