"""What a text around messages says about the version of its QEMU.

qmp-shell greets with "Connected to QEMU 9.2.0", a report of a fault quotes "QEMU emulator version
7.2.0" or names its package, qemu-kvm-6.2.0-11.el9.  Where all of that is one version, the trace says so: the
messages of such texts often lack the greeting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_VERSION = rb"(?P<version>\d{1,2}\.\d{1,2}(?:\.\d{1,3})?)(?![0-9]|\.[0-9])"
_SAYS = re.compile(
    rb"(?<![A-Za-z0-9])(?:Connected to QEMU |QEMU emulator version |qemu version: ?"
    rb"|qemu(?:-kvm|-system-[a-z0-9_]+|-system|-storage-daemon)?(?:-core|-common)?[-_ ](?:\d:|v)?)"
    + _VERSION,
    re.IGNORECASE,
)


def said_version(text: bytes) -> Mapping[str, Any] | None:
    """What the first bytes of a text say about the version: its line, the words, the version.

    None where they say nothing, or name several versions.  Members of messages count for nothing:
    a line that holds a JSON object is passed over.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in _SAYS.finditer(text):
        begin = text.rfind(b"\n", 0, one.start()) + 1
        end = text.find(b"\n", one.end())
        if b"{" in text[begin : end if end >= 0 else len(text)]:
            continue
        version = one["version"].decode()
        line = text.count(b"\n", 0, begin) + 1
        found.setdefault(version, {"line": line, "text": one[0].decode(), "version": version})
    return next(iter(found.values())) if len(found) == 1 else None
