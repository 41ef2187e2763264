"""Which version of QEMU a document describes, out of what stands in it.

A document gives its version seldom: in the name of a package that it came in.  Otherwise what it
describes dates it.  Each landmark is something that a version was the first to document; a
document with a landmark of a version that lacks another of the same version was written on the way
there ("1.1-dev").
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_PACKAGE = re.compile(r"\bqemu-[a-z-]*(?P<version>\d+\.\d+\.\d+)-\d")


@dataclass(frozen=True, slots=True)
class Landmark:
    """What version `version` was the first to document: a command, or a member's key."""

    version: str
    entry: str


LANDMARKS = (
    Landmark("0.14", "human-monitor-command"),
    Landmark("0.14", "set_password"),
    Landmark("0.15", "inject-nmi"),
    Landmark("0.15", "blockdev-snapshot-sync"),
    Landmark("1.0", "query-status.return.status"),
    Landmark("1.0", "query-block.return.io-status"),
    Landmark("1.1", "block_set_io_throttle"),
    Landmark("1.1", "transaction"),
    Landmark("1.1", "block-stream"),
    Landmark("1.2", "dump-guest-memory"),
    Landmark("1.2", "query-events"),
    Landmark("1.3", "drive-mirror"),
    Landmark("1.4", "chardev-add"),
    Landmark("1.5", "query-tpm"),
    Landmark("1.5", "cpu-add"),
    Landmark("1.6", "drive-backup"),
    Landmark("1.6", "query-rx-filter"),
    Landmark("1.7", "blockdev-add"),
    Landmark("2.0", "object-add"),
    Landmark("2.1", "trace-event-set-state"),
    Landmark("2.3", "block-set-write-threshold"),
    Landmark("2.4", "query-rocker"),
    Landmark("2.5", "query-qmp-schema"),
    Landmark("2.6", "query-gic-capabilities"),
    Landmark("2.7", "query-hotpluggable-cpus"),
    Landmark("2.7", "x-blockdev-change"),
    Landmark("2.8", "x-colo-lost-heartbeat"),
    Landmark("2.8", "eject.arguments.id"),
)

#: The version that moved the sections of qmp-commands.txt into the schema's comments, one after
#: the other, until the file was gone: a document of the version before it, or later, that lacks
#: a command which every version has, is one of those on the way.
MOVED_OUT = "2.9"
EVERYWHERE = "stop"


def package_of(text: str) -> str:
    """The version in the name of the package that a document came in; empty when it has none."""
    found = _PACKAGE.search(text)
    return found["version"] if found else ""


def version_of(text: str, entries: Collection[str]) -> str:
    """The version that a document describes ("1.6.2", "1.1-dev"); empty when nothing says.

    `entries` are the commands and type keys compiled from it.
    """
    package = package_of(text)
    if package:
        return package
    reached = [one.version for one in LANDMARKS if one.entry in entries]
    if not reached:
        return ""
    newest = reached[-1]
    if EVERYWHERE not in entries and _number(newest) >= (2, 7):
        return f"{MOVED_OUT}-dev"
    missing = [one for one in LANDMARKS if one.version == newest and one.entry not in entries]
    return f"{newest}-dev" if missing else newest


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
