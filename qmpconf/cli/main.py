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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NoReturn

from qmpconf.cli.examples import sentence
from qmpconf.cli.traces import take_stdin
from qmpconf.errors import OutputError, QmpconfError, UsageError
from qmpconf.packed import spooling
from qmpconf.report.terminal import tolerate
from qmpconf.text import harmless
from qmpconf.version import __version__

#: Group of verbs: {verb: (module in qmpconf.cli, one line of help)}
GROUPS = {
    "begin": {
        "demo": ("demo", "record, check and replay a session with the embedded monitor"),
        "help": ("help", "show the help of a verb, or write the manual pages"),
    },
    "record and look": {
        "record": ("record", "record what a client and a server say to each other"),
        "emulator": ("emulator", "record the monitors that libvirt opens for itself"),
        "show": ("show", "show what a recording holds, message by message"),
        "view": ("view", "look around in a recording on the terminal, also while it grows"),
        "stats": ("stats", "figures of recordings: latencies, counts, events, sizes"),
        "convert": ("convert", "convert captures, logs and transcripts to traces and back"),
        "redact": ("redact", "take secrets out of a recording, or list what looks like one"),
    },
    "judge": {
        "check": ("check", "check recorded sessions against the protocol and a schema"),
        "coverage": ("coverage", "show what recordings exercise of a schema, and what is missing"),
        "report": (
            "report",
            "show results as text, Markdown, HTML, JUnit, SARIF, annotations or JSON",
        ),
        "requirements": ("requirements", "list the rules of the protocol, and what covers each"),
    },
    "replay and compare": {
        "replay": ("replay", "play a recording against another monitor and compare"),
        "diff": ("diff", "compare two recordings of one scenario, without a server"),
        "learn": ("learn", "learn from recordings of one scenario what may differ in a replay"),
        "reduce": ("reduce", "shorten a recording to the commands that still show a difference"),
        "serve": ("serve", "run the embedded monitor, or let a recording answer as the server"),
    },
    "test a live server or client": {
        "conform": ("conform.server", "put a live monitor to the test, rule by rule"),
        "conform-client": (
            "conform.client",
            "put a client to the test, with a legal but unkind server",
        ),
        "explore": ("explore", "find crashes and false answers with calls that nobody thought of"),
    },
    "schemas and the shell": {
        "schema": ("schema", "fetch, list, show, compare and export schemas; compile documents"),
        "completion": ("completion", "print the script that completes these words in a shell"),
    },
}

#: verb: (module in qmpconf.cli, one line of help)
VERBS = {verb: found for verbs in GROUPS.values() for verb, found in verbs.items()}

_EXAMPLES = """

See 'qmpconf help VERB' for one of them.  Where a file is read, - is standard input; where one is
written, - is standard output.

examples:
  qmpconf demo
  qmpconf record --server qmp.sock --listen proxy.sock -o session.qmptrace
  qmpconf check session.qmptrace
  qmpconf conform --target qmp.sock

exit codes of every verb: 0 conforms, 1 errors (warnings only with --strict), 2 usage, 3 a file
(of a configuration, too) cannot be read or written, or is not what it should be, 4 the target
cannot be reached or went away, 130 interrupted"""

#: 128 + SIGINT, as shells have it.
INTERRUPTED = 130

#: What is said where no output of ours goes any more: the disk is full, or stdout was closed.
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors name the verb's own help, and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one message."""
        self.exit(2, harmless(f"{self.prog}: {message}\nSee '{self.prog} --help'.\n"))

    def look_for_mistakes(self, words: Sequence[str]) -> None:
        """Exit as `error` does for a sub-verb or a long option that does not exist."""
        subverbs = self.subverbs()
        if subverbs and words and not words[0].startswith("-"):
            if words[0] not in subverbs:
                self.error(f"{words[0]!r} is not a sub-verb; {meant(words[0], subverbs)}")
            subverbs[words[0]].look_for_mistakes(words[1:])
            return
        known = self._option_string_actions
        for word in takewhile(lambda word: word != "--", words):
            name = word.partition("=")[0]
            if not name.startswith("--") or " " in name:
                continue
            if not any(option.startswith(name) for option in known):
                options = [option for option in known if option.startswith("--")]
                self.error(f"there is no option {name!r}; {meant(name, options)}")

    def subverbs(self) -> Mapping[str, Parser]:
        """The parsers of the sub-verbs, by name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - it has no other name
                return action.choices
        return {}


def meant(word: str, known: Iterable[str]) -> str:
    """What was probably meant by `word`, or what there is."""
    known = list(known)
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def parser_of(verb: str) -> Parser:
    """The parser of a verb, with its options."""
    module, text = VERBS[verb]
    parser = Parser(prog=f"qmpconf {verb}", description=sentence(text))
    importlib.import_module(f"qmpconf.cli.{module}").configure(parser)
    return parser


class _Version(argparse.Action):
    """Shows the version, and whether the recorder has its compiled core."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from qmpconf.record.core import PYTHON, VARIABLE, available, is_another

        off = f"compiled core switched off by {VARIABLE}"
        old = "the compiled core is of another version: install qmpconf again"
        missing = old if is_another() else "no compiled core"
        without = off if os.environ.get(VARIABLE) == PYTHON else missing
        print(f"qmpconf {__version__} ({'compiled core' if available() else without})")
        parser.exit()


def top_parser() -> Parser:
    """The parser of what stands before the verb; its help is the overview."""
    parser = Parser(
        prog="qmpconf",
        description="Recorder and conformance suite for QMP, the QEMU Machine Protocol.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="qmpconf [--version] [--help] VERB ...",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument("verb", metavar="VERB", choices=list(VERBS), help=argparse.SUPPRESS)
    return parser


def _overview() -> str:
    width = max(map(len, VERBS)) + 2
    groups = (
        f"{title}:\n" + "\n".join(f"  {verb:<{width}}{text}" for verb, (_, text) in verbs.items())
        for title, verbs in GROUPS.items()
    )
    return "\n\n".join(groups) + _EXAMPLES


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
        if error.errno in (errno.EMFILE, errno.ENFILE):
            print(f"{name}: {error.strerror}; raise the limit (ulimit -n)", file=sys.stderr)
            return OutputError.exit_code
        if error.errno not in _REFUSED:
            raise
        _forget_output()
        print(f"{name}: cannot write the output: {error.strerror}", file=sys.stderr)
        return OutputError.exit_code


def _run(verb: str, words: Sequence[str]) -> int:
    if not words:
        # As git does it: help, and a code that no script takes for success.
        top_parser().print_help()
        return UsageError.exit_code
    verb = verb or _asked(words)
    parser = parser_of(verb)
    parser.look_for_mistakes(words[1:])
    arguments = parser.parse_args(words[1:])
    take_stdin(arguments)
    tolerate(sys.stdout)
    with _ended_in_order(), spooling():
        return int(importlib.import_module(f"qmpconf.cli.{VERBS[verb][0]}").run(arguments))


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """End what was started, and remove what was made, also when somebody else ends us."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are not ours
        return
    # Whoever has SIGHUP ignored (nohup) wants us to go on without the terminal.
    goes_on = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [signal.SIGTERM] if goes_on else [signal.SIGTERM, signal.SIGHUP]
    before = {one: signal.signal(one, signal.default_int_handler) for one in numbers}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _asked(words: Sequence[str]) -> str:
    """The verb, where the first word is not one: says so, or answers --help and --version."""
    parser = top_parser()
    if words and not words[0].startswith("-"):
        parser.error(f"{words[0]!r} is not a verb; {meant(words[0], VERBS)}")
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
