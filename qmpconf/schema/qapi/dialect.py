"""What QAPI source may say, by the release of QEMU that it belongs to.

The language changed: what was right once is an error today, and the other way round.  The parser of the
release at hand is the reference for what is an error, so that a schema is held to the rules of its own
release, where that is known.  Releases between share what did not change for a description of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.schema.select import Version


@dataclass(frozen=True, slots=True)
class Dialect:
    """The rules of some releases.

    `since` is the first of them.  With `documents`, documentation comments are held to their rules, and
    else read as far as they can be, and arguments with conditions must be boxed; with `names`, so is the spelling of names, and which types a command
    may return.  With `simple`, there are unions without a discriminator; with `strings`, conditions are
    expressions of the C preprocessor, or lists of these; with `early`, there are ``type`` for ``struct``,
    ``**`` for any value, alternates that are called unions, and ``'gen': 'no'``.
    """

    since: str
    documents: bool = False
    names: bool = False
    simple: bool = False
    strings: bool = False
    early: bool = False


TODAY = Dialect("10.0", documents=True, names=True)
#: The newest first.
DIALECTS = (
    TODAY,
    Dialect("6.2", names=True),
    Dialect("6.1", names=True, simple=True),
    Dialect("2.13", simple=True, strings=True),
    Dialect("0.0", simple=True, strings=True, early=True),
)


def dialect_of(release: str) -> Dialect:
    """The rules of a release like "7.2.0"; raises ValueError when it is not one."""
    version = Version.parse(release)
    if version is None:
        raise ValueError(release)
    numbers = version.major, version.minor
    return next(one for one in DIALECTS if _numbers(one.since) <= numbers)


def _numbers(release: str) -> tuple[int, int]:
    major, minor = release.split(".")
    return int(major), int(minor)
