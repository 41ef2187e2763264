"""Which shipped catalog describes a recorded server, or a target.

Replaying needs no catalog.  Where there is one, it tells which places agree and what changed
between two versions.
"""

from __future__ import annotations

from functools import cache

from qmpconf.check.run import product_of
from qmpconf.protocol.messages import Greeting, from_server
from qmpconf.protocol.values import Value
from qmpconf.replay.upgrade import Upgrade
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import PRODUCTS, Version, select
from qmpconf.schema.store import load_shipped
from qmpconf.trace.reader import Item, TraceReader


def version_of(greeting: Value) -> Version | None:
    """The version in a greeting; None where it tells none."""
    inner = greeting.get("QMP") if isinstance(greeting, dict) else None
    return Version.of(inner.get("version")) if isinstance(inner, dict) else None


def catalog_of(version: Version | None, product: str) -> Catalog | None:
    """The shipped catalog of that very release; None where there is none."""
    if version is None or product not in PRODUCTS:
        return None
    try:
        fit = select(version, product)
    except LookupError:
        return None
    return None if fit.nearness == "nearest" else _loaded(fit.name)


def catalog_of_trace(path: str) -> Catalog | None:
    """The shipped catalog of the server that was recorded.  Raises InputError for the trace."""
    reader = TraceReader(path)
    for item in reader.items():
        if isinstance(item, Item) and item.sender == "server":
            message = from_server(item.frame.data)
            if not isinstance(message, Greeting):
                return None
            return catalog_of(version_of(message.value), product_of(reader))
    return None


def upgrade_of(recorded: Value, target: Value, product: str) -> Upgrade | None:
    """The upgrade between the servers of two greetings; None if they are of one release."""
    before, after = version_of(recorded), version_of(target)
    if before is None or after is None:
        return None
    if (before.major, before.minor) == (after.major, after.minor):
        return None
    old, new = catalog_of(before, product), catalog_of(after, product)
    return Upgrade(str(before), str(after), old, new)


@cache
def _loaded(name: str) -> Catalog:
    return load_shipped(name)
