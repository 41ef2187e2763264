"""Commands that the suite does not call, not even with wrong arguments, unless ``--destructive`` is given.

A server that takes what it should refuse would end, lose data, or leave the state that the other
cases rely on.  Names are exact or globs.
"""

from __future__ import annotations

import fnmatch

from qmpconf.protocol.dialect import QGA

#: Name -> what it could do.
DANGEROUS: dict[str, str] = {
    "quit": "ends the server",
    "system_reset": "resets the machine",
    "system_powerdown": "asks the guest to shut down",
    "system_wakeup": "wakes the guest",
    "set-action": "changes what happens on shutdown and panic",
    "inject-nmi": "interrupts the guest",
    "migrate": "sends the machine away",
    "migrate-incoming": "takes a machine in",
    "migrate-start-postcopy": "changes a migration",
    "migrate-continue": "changes a migration",
    "migrate_cancel": "changes a migration",
    "cpr-exec": "replaces the server",
    "xen-save-devices-state": "writes a file",
    "xen-load-devices-state": "overwrites the machine's state",
    "xen-colo-do-checkpoint": "changes replication",
    "xen-set-replication": "changes replication",
    "x-colo-lost-heartbeat": "changes replication",
    "x-exit-preconfig": "changes the phase of the machine",
    "snapshot-load": "overwrites the machine's state",
    "snapshot-save": "writes an image",
    "snapshot-delete": "writes an image",
    "dump-guest-memory": "writes a file as large as the guest's memory",
    "memsave": "writes a file",
    "pmemsave": "writes a file",
    "dump-skeys": "writes a file",
    "dumpdtb": "writes a file",
    "screendump": "writes a file",
    "watchdog-set-action": "changes what a watchdog does",
    "guest-*": "acts inside the guest",
}


def danger(name: str) -> str:
    """What the command could do; empty if it may be called."""
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in QGA.safe):
        return ""
    if name in DANGEROUS:
        return DANGEROUS[name]
    return next(
        (why for pattern, why in DANGEROUS.items() if fnmatch.fnmatchcase(name, pattern)), ""
    )
