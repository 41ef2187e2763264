"""``--secret``: exact values that a verb keeps out of what it writes."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence

from qmpconf.errors import InputError, UsageError
from qmpconf.packed import opened


def secret(parser: argparse.ArgumentParser) -> None:
    """``--secret``, for verbs that keep secrets out of what they write."""
    parser.add_argument(
        "--secret",
        metavar="TEXT|@FILE",
        action="append",
        default=[],
        help="a value that is secret wherever it stands, or a file with one on each line; can be "
        "repeated",
    )


#: A shorter value would be found in half of all messages.
_SHORTEST = 4


def secrets_of(named: Sequence[str]) -> list[str]:
    """The values of ``--secret``.  Raises UsageError for one that is too short, and InputError."""
    found = []
    for one in named:
        where, values = "--secret", [one]
        if one.startswith("@"):
            where = f"--secret {one}"
            try:
                raw = opened(one[1:])
                with io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape") as file:
                    values = [text for line in file if (text := line.rstrip("\r\n"))]
            except OSError as error:
                raise InputError(f"cannot read {one[1:]}: {error.strerror}") from error
            if not values:
                raise UsageError(f"{where}: the file is empty; write one value on each line")
        for number, value in enumerate(values, 1):
            if len(value) < _SHORTEST:
                line = f", value {number}" if one.startswith("@") else ""
                raise UsageError(
                    f"{where}{line}: a value of fewer than {_SHORTEST} characters stands in too many "
                    "places by chance"
                )
        found += values
    return found
