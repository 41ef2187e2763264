"""Rate-limited events: which they are, and whether they come too often (qmp-spec section 2.5).

A server sends the first event of a kind at once, keeps the latest one that happens within a second
after it, and sends that when the second is over, with the timestamp of when it *happened*.  So two
of them may carry timestamps that are less than a second apart, but never three: the third one
happened after the second one was sent, which was a second after the first one was.  That holds
however late the recorder read them, and is what `Rates` looks at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType

from qmpconf.protocol.messages import Event
from qmpconf.protocol.values import Value, dumps

#: Event -> the member of its data that each limit is for (empty: one limit for all of them).
LIMITED: Mapping[str, str] = MappingProxyType(
    {
        "RTC_CHANGE": "",
        "WATCHDOG": "",
        "BALLOON_CHANGE": "",
        "QUORUM_REPORT_BAD": "node-name",
        "QUORUM_FAILURE": "",
        "VSERPORT_CHANGE": "id",
        "MEMORY_DEVICE_SIZE_CHANGE": "qom-path",
        "HV_BALLOON_STATUS_REPORT": "",
        "BLOCK_IO_ERROR": "qom-path",
    }
)

#: The release that made an event a limited one, where that was later than the event.
_SINCE: Mapping[str, tuple[int, int]] = MappingProxyType({"BLOCK_IO_ERROR": (9, 2)})

#: Within so many microseconds there are two events at most; a timer may be a little early.
_SECOND = 990_000

#: Different events (by name and key) whose timestamps are remembered.
_MOST = 1024


class Rates:
    """The timestamps of the latest limited events of one session."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def too_often(self, event: Event, version: tuple[int, ...]) -> int | None:
        """Microseconds in which three of these events happened, if that is too few; else None.

        `version` is the server's, () where it is unknown.
        """
        member = LIMITED.get(event.name)
        if member is None or event.seconds < 0:
            return None
        if event.name in _SINCE and not version >= _SINCE[event.name]:
            return None
        data = event.data if isinstance(event.data, dict) else {}
        if event.name == "BLOCK_IO_ERROR" and data.get("action") == "stop":
            return None  # each of these stops the machine, and none may be lost
        key = (event.name, _text(data.get(member)) if member else "")
        now = event.seconds * 1_000_000 + event.microseconds
        older, newer = self._last.pop(key, (-_SECOND, -_SECOND))
        self._last[key] = (newer, now)
        if len(self._last) > _MOST:
            self._last.popitem(last=False)
        apart = now - older
        return apart if 0 <= apart < _SECOND else None


def _text(value: Value) -> str:
    return value if isinstance(value, str) else dumps(value).decode("ascii")
