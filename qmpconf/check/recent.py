"""What was made lately, kept for whoever asks for the same again, and what is kept of schema replies.

A corpus is many recordings of few builds.  Each has the reply to ``query-qmp-schema`` in it, and to
read and compile that takes longer than the rest of a small recording.  So two things are kept for
the whole process, by digest, each at most `READY`: what a reply's bytes hold
(`qmpconf.check.survey`), and the basis that is made of it (`qmpconf.check.choice`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from qmpconf.check.basis import Basis
    from qmpconf.schema.select import Fit, Version

_K = TypeVar("_K")
_V = TypeVar("_V")

#: Catalogs that are held ready at a time.
READY = 16


class Recent(Generic[_K, _V]):
    """The latest entries that were used, at most `most`; threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[_K, _V] = {}

    def use(self, key: _K, make: Callable[[], _V]) -> _V:
        """The value of `key`, made where it is not there."""
        try:
            found = self._known.pop(key)
        except KeyError:
            found = make()
        self._known[key] = found  # the last one is the one that was used last
        for oldest in list(self._known)[: -self._most]:
            self._known.pop(oldest, None)
        return found

    def forget(self) -> None:
        """Keep nothing of what was made so far."""
        self._known.clear()


#: What a reply is whose list has these bytes: whether it is whole, and the digest of its entries.
ENTRIES: Recent[bytes, tuple[bool, bytes]] = Recent(READY * 4)

#: The basis that a schema reply makes, by the digest of its entries, the product that was asked for,
#: and the version that its server names; None for a reply that is malformed.
BASES: Recent[tuple[bytes, str, Version | None], Basis | None] = Recent(READY)

#: The basis that a shipped catalog makes, by its name.
SHIPPED: Recent[str, Basis] = Recent(READY)

#: The shipped catalog that fits a version of a product and its architecture best.
FITS: Recent[tuple[Version, str, str], Fit] = Recent(READY * 4)
