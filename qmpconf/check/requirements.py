"""The register of requirements that come from a catalog or from practice, next to the protocol's own.

Every command, event and type of a catalog is a rule; these ids say which kind of rule it is, and
a finding's `source` says which entry of which catalog.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from qmpconf.protocol.requirements import (
    REQUIREMENTS,
    Level,
    Party,
    Requirement,
    requirement,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROWS: tuple[tuple[str, Level, Party, str], ...] = (
    (
        "schema.command-known",
        Level.MUST,
        Party.CLIENT,
        "A client sends only commands that the server has.",
    ),
    (
        "schema.arguments",
        Level.MUST,
        Party.CLIENT,
        "The arguments of a command are those of its schema.",
    ),
    (
        "schema.property-type",
        Level.SHOULD,
        Party.CLIENT,
        "A property that is a number or a boolean is sent as one, not as a string.",
    ),
    (
        "schema.oob-allowed",
        Level.MUST,
        Party.CLIENT,
        "Only commands that allow it are sent out of band.",
    ),
    (
        "schema.command-offered",
        Level.SHOULD,
        Party.SERVER,
        "A server has the commands that its schema lists.",
    ),
    (
        "schema.introspection",
        Level.MUST,
        Party.SERVER,
        "The introspection is consistent, and agrees with query-commands and with what is there.",
    ),
    (
        "schema.return",
        Level.MUST,
        Party.SERVER,
        "What a command returns is what its schema says.",
    ),
    (
        "schema.event-known",
        Level.MUST,
        Party.SERVER,
        "A server sends only events that its schema lists.",
    ),
    (
        "schema.event-data",
        Level.MUST,
        Party.SERVER,
        "The data of an event are those of its schema.",
    ),
    (
        "schema.additions",
        Level.MAY,
        Party.SERVER,
        "A server of another version may send commands, events, members and values beyond it.",
    ),
    (
        "schema.not-yet",
        Level.MAY,
        Party.SERVER,
        "A server older than the schema may lack commands and members that came later.",
    ),
    (
        "schema.conditional",
        Level.MAY,
        Party.CLIENT,
        "A client may use what a list of its server's offers; another server may not offer it.",
    ),
    (
        "schema.built-in",
        Level.MAY,
        Party.CLIENT,
        "What a schema has under a condition is there only in builds for which it holds.",
    ),
    (
        "schema.looked-up",
        Level.SHOULD,
        Party.CLIENT,
        "A client looks a command up, in the schema or the list of commands, before it relies on it.",
    ),
    (
        "schema.document",
        Level.MAY,
        Party.DOCUMENT,
        "What a document contradicts elsewhere, shows in examples alone, or is a fragment of, proves nothing.",
    ),
    (
        "schema.member-once",
        Level.MUST,
        Party.CLIENT,
        "A member stands in an object once.",
    ),
)

#: What a trace itself may be short of; nobody who was recorded is to blame for it.
TRACE_REQUIREMENTS: Mapping[str, Requirement] = MappingProxyType(
    {
        "trace.gap": requirement(
            "trace.gap",
            Level.MAY,
            Party.RECORDER,
            "Bytes that were not recorded are named; what they may have held is not judged.",
            "the trace",
        )
    }
)

_PRACTICE: tuple[tuple[str, Level, Party, str, str], ...] = (
    (
        "practice.unanswered",
        Level.SHOULD,
        Party.SERVER,
        "A command is answered while its client waits; one that is not hangs, or was given up.",
        "spec 2.4",
    ),
    (
        "practice.latency",
        Level.MUST,
        Party.SERVER,
        "An answer comes within the time that the user of check allows.",
        "--max-latency",
    ),
    (
        "practice.too-early",
        Level.SHOULD,
        Party.CLIENT,
        "Nothing is used again or removed before the event that frees it; it is refused until then.",
        "QAPI, DEVICE_DELETED, JOB_STATUS_CHANGE and BLOCK_EXPORT_DELETED",
    ),
    (
        "practice.hmp-error",
        Level.SHOULD,
        Party.CLIENT,
        "A human-monitor-command that fails does so in its text; for QMP it has succeeded.",
        "QAPI, human-monitor-command",
    ),
    (
        "practice.polling",
        Level.MAY,
        Party.CLIENT,
        "Events say what a client else asks for over and over, and keeps the server busy with.",
        "spec 2.5",
    ),
    (
        "practice.unplug",
        Level.MAY,
        Party.NOBODY,
        "A device is there until DEVICE_DELETED; without the guest's help that may never come.",
        "QAPI, device_del and DEVICE_DELETED",
    ),
    (
        "practice.work-failed",
        Level.MAY,
        Party.NOBODY,
        "Jobs, migrations and guests fail in events, after their command has succeeded.",
        "QAPI, BLOCK_JOB_COMPLETED, MIGRATION, BLOCK_IO_ERROR and their like",
    ),
    (
        "practice.failed",
        Level.MAY,
        Party.NOBODY,
        "A call that the server refuses is what a log is read for.",
        "spec 2.4.2",
    ),
)

#: What people look for in a log, by id: each can be turned off (`qmpconf.check.practice`).
PRACTICE_REQUIREMENTS: Mapping[str, Requirement] = MappingProxyType(
    {row[0]: requirement(*row) for row in _PRACTICE}
)

#: The requirements of catalogs, by id.
SCHEMA_REQUIREMENTS: Mapping[str, Requirement] = MappingProxyType(
    {row[0]: requirement(*row, "the schema") for row in _ROWS}
)

#: Every requirement that a finding can name: of the protocol, catalogs, traces and practice.
ALL_REQUIREMENTS: Mapping[str, Requirement] = MappingProxyType(
    {**REQUIREMENTS, **SCHEMA_REQUIREMENTS, **TRACE_REQUIREMENTS, **PRACTICE_REQUIREMENTS}
)
