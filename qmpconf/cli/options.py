"""Options that several verbs have, each defined once."""

from __future__ import annotations

import argparse

from qmpconf.errors import UsageError
from qmpconf.protocol.dialect import DIALECTS
from qmpconf.trace.filter.parsing import parse
from qmpconf.trace.filter.syntax import Filter
from qmpconf.trace.filter.words import FilterError
from qmpconf.trace.reader import TraceReader

#: Processes that can be asked for.
_MOST_JOBS = 1024


def protocol(parser: argparse.ArgumentParser, *, auto: str = "as the traffic shows") -> None:
    """``--protocol``: what is spoken."""
    parser.add_argument(
        "--protocol",
        choices=tuple(DIALECTS),
        default="",
        help=f"what is spoken: qmp, or qga with a guest agent (default: {auto})",
    )


def opened(path: str, arguments: argparse.Namespace) -> TraceReader:
    """The trace, of whose sessions ``--protocol`` may say what they speak.  Raises `InputError`."""
    return TraceReader(path, arguments.protocol)


def filtering(parser: argparse._ActionsContainer, what: str) -> None:
    """``--filter``: which messages; `what` says what becomes of them."""
    parser.add_argument(
        "--filter",
        metavar="EXPR",
        type=_filter,
        help=f"{what}, for example 'command ~ block* and took > 50ms and not error' "
        "(all of the language: 'qmpconf help filter')",
    )


def _filter(text: str) -> Filter:
    try:
        return parse(text)
    except FilterError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _Output(argparse.Action):
    """``-o OUT``: the positional OUT is not asked for then."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        del option_string
        setattr(namespace, self.dest, values)
        for action in parser._actions:  # noqa: SLF001 - it has no other name
            if action.metavar == "OUT" and not action.option_strings:
                action.required = False


def output(parser: argparse.ArgumentParser) -> None:
    """``-o``, for verbs that take IN and OUT: OUT by its option, as other verbs have it; see `named_once`."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        action=_Output,
        help="the same as OUT, as with other verbs",
    )


def named_once(positional: str | None, option: str | None) -> str:
    """OUT, which stands behind IN, or behind -o.  Raises `UsageError` where both are there."""
    if positional is not None and option is not None:
        raise UsageError(
            f"the output is named twice: {positional} behind IN, and {option} behind -o"
        )
    return positional or option or ""


def seconds(text: str) -> float:
    """A number of seconds above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def jobs(
    parser: argparse.ArgumentParser,
    what: str = "processes that share the files, and the sessions of a large one (default: as many as there are "
    "processors; few and small files are done in one)",
) -> None:
    """``--jobs``: how many processes share the files."""
    parser.add_argument(
        "-j",
        "--jobs",
        metavar="N",
        type=_number_of_jobs,
        default=0,
        help=what,
    )

    parser.add_argument(
        "--workers",
        metavar="dask:ADDRESS",
        type=_scheduler,
        help="let the workers of a Dask scheduler share the files instead (dask:tcp://HOST:8786); they "
        "read them by the same path or URL (needs the extra qmpconf[dask])",
    )


def _scheduler(text: str) -> str:
    kind, _, address = text.partition(":")
    if kind != "dask" or not address:
        raise argparse.ArgumentTypeError(
            f"{text!r} does not name workers: write dask:ADDRESS, for example dask:tcp://host:8786"
        )
    return address


def _number_of_jobs(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _MOST_JOBS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of processes from 1 to {_MOST_JOBS}"
        )
    return int(text)


def name(text: str) -> str:
    """A name that can be written to files and sent to clients, for argparse."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8 text") from None
    return text


def force(parser: argparse.ArgumentParser) -> None:
    """``--force``, for verbs whose files replace older ones of their own kind anyway."""
    parser.add_argument(
        "--force", action="store_true", help="overwrite a file that is there and of another kind"
    )


def lines(parser: argparse.ArgumentParser) -> None:
    """``--short``: findings as a line each."""
    parser.add_argument(
        "-s",
        "--short",
        action="store_true",
        help="text: FILE:LINE: severity: requirement: text, a line a finding, for editors and grep",
    )


def quiet(parser: argparse.ArgumentParser) -> None:
    """``--quiet``, for verbs that print their results on stdout."""
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr")
