"""What a client that only observes may send: commands that ask, and change nothing.

A list, and no rule: a name that begins otherwise may do anything, and is not sent.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

#: Names of commands (``*`` is wild), out of the manual qemu-qmp-ref(7).  A monitor of people
#: (human-monitor-command) can do all, and so it is not one of them.
ASKING = (
    "query-*",
    "x-query-*",
    "qom-get",
    "qom-list",
    "qom-list-get",
    "qom-list-properties",
    "qom-list-types",
    "device-list-properties",
    "trace-event-get-state",
    "xen-event-list",
)


def may_send(command: str) -> bool:
    """Whether a client that only observes may send a command of that name."""
    return any(fnmatchcase(command, one) for one in ASKING)
