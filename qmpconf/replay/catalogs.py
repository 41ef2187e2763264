"""Which catalog describes a recorded server, or a target.

Replaying needs no catalog.  Where there is one, it says which places agree and what changed
between two versions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from qmpconf.check.basis import Basis
from qmpconf.check.checking import automatic
from qmpconf.protocol.values import Value
from qmpconf.replay.upgrade import Upgrade
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import PRODUCTS, Version, select
from qmpconf.schema.store import load_shipped
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Finish


def version_of(greeting: Value) -> Version | None:
    """The version in a greeting; None where it says none."""
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
    """The catalog of the server that was recorded, as `check` chooses it for the first session.

    None where there is none of that very release.  Raises InputError for the trace.
    """
    reader = TraceReader(path)
    first = next(iter(reader.records()), None)
    if first is None or isinstance(first, Finish):
        return None
    basis = automatic(reader)(first.conn, first.line)
    if not isinstance(basis, Basis):
        return None
    known = Version.parse(basis.catalog.source.version)
    far = known and basis.version and known.release != basis.version.release
    return None if far else basis.catalog


def upgrade_of(
    recorded: Value,
    target: Value,
    product: str,
    uses: Callable[[], Collection[str]] | None = None,
) -> Upgrade | None:
    """The upgrade between the servers of two greetings; None if they are of one release.

    `uses` gives the names of all commands and events of the recording.
    """
    before, after = version_of(recorded), version_of(target)
    if before is None or after is None:
        return None
    if (before.major, before.minor) == (after.major, after.minor):
        return None
    old, new = catalog_of(before, product), catalog_of(after, product)
    return Upgrade(str(before), str(after), old, new, uses=uses)


@cache
def _loaded(name: str) -> Catalog:
    return load_shipped(name)
