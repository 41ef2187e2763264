"""Which build a server is: one of those that the project has looked at, or none.

A greeting can be copied, so that its version and package are not enough: what a server says of
itself in ``query-qmp-schema`` has to be what that build said, too.  It knows nothing of cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from qmpconf.schema.store import load_shipped, shipped

#: The part of a package's version that a distribution counts up without a new release of QEMU.
_REVISION = re.compile(r"\d+(\+b\d+)?$")

#: Of so many commands and events one may be another: emulators of one package differ in those of
#: their machines.
_ONE_OF = 20


def build_of(product: str, version: str, package: str, entries: Iterable[Any]) -> str:
    """The shipped catalog of the build that a server is; empty where it is none of them.

    `product`, `version` ("7.2.22") and `package` are what the survey found, `entries` the reply to
    ``query-qmp-schema``.
    """
    name = f"{product}-{version}"
    if name not in shipped():
        return ""
    catalog = load_shipped(name)
    if not package or _release(package) != _release(catalog.source.package):
        return ""
    found = {
        (one.get("meta-type"), one.get("name"))
        for one in entries
        if isinstance(one, dict)
        and one.get("meta-type") in ("command", "event")
        and isinstance(one.get("name"), str)
    }
    ours = {("command", one) for one in catalog.commands} | {
        ("event", one) for one in catalog.events
    }
    return name if len(found ^ ours) * _ONE_OF <= len(ours) else ""


def _release(package: str) -> str:
    return _REVISION.sub("", package)
