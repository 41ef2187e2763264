"""What is special about events: which are rate-limited or caused, and what an event is about.

Tables and small functions for `qmpconf.replay.play.match`.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from qmpconf.protocol.values import Value
from qmpconf.replay.difference import shown
from qmpconf.replay.said import Said

#: Events whose number depends on time: a server sends at most one a second and drops the others
#: (qmpconf/protocol/README.md, Events).  A missing or extra one does not count.
RATE_LIMITED = frozenset(
    {
        "RTC_CHANGE",
        "WATCHDOG",
        "BALLOON_CHANGE",
        "QUORUM_REPORT_BAD",
        "QUORUM_FAILURE",
        "VSERPORT_CHANGE",
        "MEMORY_DEVICE_SIZE_CHANGE",
        "HV_BALLOON_STATUS_REPORT",
        "BLOCK_IO_ERROR",
    }
)

#: Events at a pace of their own: a migration goes through memory as often as the guest makes it, and the
#: replay is faster than the guest was.  A missing or extra one does not count.
PACED = frozenset({"MIGRATION_PASS"})

#: Events that the guest may cause by itself, which then say so (``"guest": true``): it may not have come
#: as far yet, or has come further.
_OF_GUEST = frozenset({"RESET"})

#: A command, and the event that it emits itself: before its reply, or behind it, but always the
#: same in one version of a server.
INSIDE: Mapping[str, str] = {"stop": "STOP", "cont": "RESUME"}
#: The events of `INSIDE`.
CAUSED = frozenset(INSIDE.values())

#: Members of an event's data that say what it is about.
_ABOUT = ("id", "device", "node-name", "job-id", "qom-path", "path", "name")

#: Messages that are looked through for one that is like a missing one.
_NEAR = 200
_WORD = re.compile(rb'"[^"]*"')


def excuse(name: str, value: Value) -> str:
    """Why a missing or extra event does not count; empty if it does."""
    if name in RATE_LIMITED or name in PACED:
        return "the number of these events depends on time"
    data = value.get("data") if isinstance(value, dict) else None
    if name in _OF_GUEST and isinstance(data, dict) and data.get("guest") is True:
        return "the guest's own doing, which depends on how far it has come"
    return ""


def about_of(value: Value) -> frozenset[tuple[str, str]]:
    """What an event is about: those members of its data that name something."""
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict):
        return frozenset()
    return frozenset((name, data[name]) for name in _ABOUT if isinstance(data.get(name), str))


def nearest(said: Said, pool: Sequence[Said]) -> str:
    """What came and stands for nothing, and is most like a message that did not come."""
    words = set(_WORD.findall(said.data))
    alike = [
        (len(words & set(_WORD.findall(one.data))), one)
        for one in pool[-_NEAR:]
        if one.of == said.of
    ]
    return shown(max(alike, key=lambda pair: pair[0])[1].data) if alike else ""
