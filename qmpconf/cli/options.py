"""Options that several verbs have, each defined once."""

from __future__ import annotations

import argparse

from qmpconf.protocol.dialect import DIALECTS
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


def seconds(text: str) -> float:
    """A number of seconds above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def jobs(parser: argparse.ArgumentParser) -> None:
    """``--jobs``: how many processes share the files."""
    parser.add_argument(
        "-j",
        "--jobs",
        metavar="N",
        type=_number_of_jobs,
        default=0,
        help="processes that share the files (default: as many as there are processors; few and small "
        "files are done in one)",
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
