"""``qmpconf view TRACE``: a recording on the terminal, to look around in."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from types import ModuleType
from typing import Any

from qmpconf.cli import options
from qmpconf.cli.main import INTERRUPTED
from qmpconf.cli.traces import traces_in
from qmpconf.errors import UsageError
from qmpconf.packed import STDIN

_EPILOG = """\
The list of messages, as 'qmpconf show' has it; below it the message of the cursor with what 'check'
finds in it and the other half of the call, and beside it what the schema says. It draws at once,
whatever the size: the rest is read, then checked, while you look. ? shows the keys.

examples:
  qmpconf view session.qmptrace
  qmpconf view recordings/
  qmpconf view vm.qmptrace.gz --follow
  qmpconf view vm.qmptrace --filter 'error and not command ~ query-*'
  qmpconf view --live --server qmp.sock --listen proxy.sock -o vm.qmptrace

With --live a recorder ('qmpconf record') stands between a server and its clients, in a process of
its own, and ends with the view; the recording stays. For its other options record with 'qmpconf
record', and look with --follow.

exit codes: 0 shown, whatever was found, 2 usage (also where there is no terminal: use show), 3 the
trace cannot be read or written, 4 with --live: the server could not be reached, 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take what is to be shown."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.usage = (
        "qmpconf view (TRACE | DIR) [--follow] [options]\n"
        "       qmpconf view --live (--server ADDR | --spawn COMMAND | --attach ADDR) [--listen ADDR] "
        "-o FILE [options]"
    )
    parser.add_argument(
        "trace", metavar="TRACE|DIR", nargs="?", help="a recording, or a folder of them"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on as the recording grows, up to its end"
    )
    parser.add_argument(
        "--schema",
        default="auto",
        metavar="NAME|FILE|auto|none",
        help="the catalog to check against, as with 'qmpconf check'",
    )
    options.filtering(parser, "show only what passes this filter, until another one is typed (f)")
    options.protocol(parser)
    live = parser.add_argument_group("record and show")
    live.add_argument("--live", action="store_true", help="show what is being recorded, by these:")
    live.add_argument("--server", metavar="ADDR", help="where the server listens")
    live.add_argument("--spawn", metavar="COMMAND", help="start the server; {socket} is its socket")
    live.add_argument("--attach", metavar="ADDR", help="a running machine's monitor")
    live.add_argument("--listen", metavar="ADDR", help="where clients connect")
    live.add_argument("-o", "--output", metavar="FILE", help="the trace to write")
    live.add_argument("--force", action="store_true", help="overwrite FILE if it exists")


def run(arguments: argparse.Namespace) -> int:
    """Show it, until the user has seen enough."""
    from qmpconf.check.checking import chooser
    from qmpconf.cli.view_live import Recorder, refuse_words
    from qmpconf.view.document import Document
    from qmpconf.view.folder import recordings

    path, choose = arguments.trace, chooser(arguments.schema)
    wanted = "" if arguments.filter is None else str(arguments.filter)

    def opening(one: str, *, follow: bool = arguments.follow) -> Document:
        return Document(one, follow=follow, protocol=arguments.protocol, choose=choose)

    if arguments.live:
        if path or arguments.follow:
            raise UsageError("--live shows what it records: name no trace, and leave --follow away")
        draw = _drawn("")
        with Recorder(arguments) as recorder:
            with opening(arguments.output, follow=True) as document:
                document.news = recorder.news
                code = _shown(draw.View(document, filtered=wanted))
            recorder.close()
            return recorder.code or code
    refuse_words(arguments)
    if not path:
        raise UsageError("say what is to be shown: a trace, a folder of traces, or --live")
    if arguments.follow and path == STDIN:
        raise UsageError("--follow goes on as a file grows: name the file; - is shown to its end")
    if os.path.isdir(path):
        found = recordings(traces_in([path]), path)
        draw = _drawn(path)
        return _shown(draw.View(recordings=found, folder=path, opening=opening, filtered=wanted))
    if arguments.follow:
        _drawn(path)  # nobody waits for the beginning of a recording that could not be shown
    with opening(path) as document:
        return _shown(_drawn(path).View(document, filtered=wanted))


def _shown(view: Any) -> int:
    """Run a view until its end, and give its exit code."""
    from qmpconf.check.checking import rare_collections

    suspending = {one: signal.getsignal(one) for one in (signal.SIGTSTP, signal.SIGCONT)}
    try:
        with rare_collections():
            view.run()
    finally:  # what goes on behind it (a recorder that ends) has no screen to leave, or to draw again
        for one, handler in suspending.items():
            signal.signal(one, handler)
    return INTERRUPTED if view.return_code is None else int(view.return_code)  # None: by a signal


def _drawn(path: str) -> ModuleType:
    """What draws, where there is a terminal to draw on.  Raises `UsageError`."""
    if path == STDIN and sys.stdout.isatty():
        with contextlib.suppress(
            OSError
        ):  # the keys come from the terminal, as those of a pager do
            keyboard = os.open("/dev/tty", os.O_RDWR)
            os.dup2(keyboard, 0)
            os.close(keyboard)
    if not (os.isatty(0) and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            "there is no terminal to draw on: 'qmpconf show' prints a recording, line by line"
        )
    try:
        from qmpconf.view import app
    except ImportError as error:
        raise UsageError(
            f"the view needs another package: pip install 'qmpconf[view]' ({error})"
        ) from None
    return app
