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

    ===========  ==================================================================================
    `since`      the first of these releases
    `names`      how names are spelled is ruled
    `reserved`   names and features are reserved, and a command returns objects alone
    `boxed`      arguments with conditions must be boxed
    `documents`  documentation comments have a form, and document what is there
    `sections`   so do their sections; else these are read as far as they can be
    `described`  each member is described
    `simple`     there are unions without a discriminator
    `strings`    conditions are expressions of the C preprocessor, or lists of these
    `early`      there are ``type`` for ``struct``, ``**`` for any value, structs inside of structs,
                 alternates that are called unions, flags like ``'gen': 'no'``, and names of any form
    ===========  ==================================================================================
    """

    since: str
    names: bool = False
    reserved: bool = False
    boxed: bool = False
    documents: bool = False
    sections: bool = False
    described: bool = False
    simple: bool = False
    strings: bool = False
    early: bool = False


#: The newest first.  Of what came after 10.0 no source is at hand: its sections are not ruled.
DIALECTS = (
    Dialect("10.1", names=True, reserved=True, boxed=True, documents=True, described=True),
    Dialect(
        "10.0",
        names=True,
        reserved=True,
        boxed=True,
        documents=True,
        sections=True,
        described=True,
    ),
    Dialect("6.2", names=True, reserved=True, documents=True),
    Dialect("6.1", names=True, reserved=True, documents=True, simple=True),
    Dialect("5.0", reserved=True, documents=True, simple=True, strings=True),
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
