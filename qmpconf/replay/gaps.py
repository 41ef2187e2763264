"""Gaps in a recording, and what can still be done with it.

What a client sent cannot be made up: a session that lacks some of it is never replayed, nor
served.  Where only the server's bytes are missing, a replay sends all that the client sent, and
compares what there is; what the target says beyond that is said, and counts as no difference.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from qmpconf.errors import InputError
from qmpconf.trace.reader import TraceReader, holding
from qmpconf.trace.records import Gap, Open

_Item = TypeVar("_Item")


def gaps(reader: TraceReader) -> Iterator[Gap]:
    """The gaps of a trace, up to where it is damaged; a message that is too long to be read is one."""
    with contextlib.suppress(InputError):
        for item in reader.items():
            if isinstance(item, Gap):
                yield item


def require_whole(reader: TraceReader, purpose: str) -> None:
    """Raise InputError for a trace with a gap; `purpose` is what it cannot be used for."""
    for gap in gaps(reader):
        raise InputError(f"{told(reader, gap)}; a trace with a gap cannot be {purpose}")


def broken_sessions(reader: TraceReader) -> dict[int, Gap]:
    """The sessions that cannot be replayed, and why: the first gap of each one's client.

    Raises InputError where no other session is left.
    """
    found: dict[int, Gap] = {}
    for gap in gaps(reader):
        if gap.sender == "client":
            found.setdefault(gap.conn, gap)
    if found and not _others(reader, found):
        first = next(iter(found.values()))
        raise InputError(
            f"{told(reader, first)}: what the client sent there is not known, and cannot be "
            "replayed; record the session whole"
        )
    return found


def warnings(reader: TraceReader, broken: dict[int, Gap]) -> Iterator[str]:
    """What a user must know of a replay of a trace with gaps."""
    for gap in broken.values():
        yield f"{told(reader, gap)}; session {gap.conn} is left out"
    seen: set[int] = set()
    for gap in gaps(reader):
        if gap.conn not in broken and gap.conn not in seen:
            seen.add(gap.conn)
            yield (
                f"{told(reader, gap)}; what the target says besides the recording counts as no "
                "difference from there on"
            )


def without(items: Iterable[_Item], sessions: Iterable[int]) -> Iterator[_Item]:
    """`items`, but for those of some sessions."""
    left_out = frozenset(sessions)
    return (item for item in items if getattr(item, "conn", 0) not in left_out)


def _others(reader: TraceReader, broken: dict[int, Gap]) -> bool:
    """Whether there is a session that is not broken."""
    with contextlib.suppress(InputError):
        return any(
            isinstance(record, Open) and record.conn not in broken
            for record in reader.records(holding(b'"open"'))
        )
    return False


def told(reader: TraceReader, gap: Gap) -> str:
    """A gap in a sentence."""
    size = f"{gap.size:,} bytes" if gap.size else "bytes"
    why = "are one message, which is too long to be read" if gap.too_long else "are missing"
    return f"{reader.path}:{gap.line}: {size} of the {gap.sender} of session {gap.conn} {why}"
