r"""When a line was written: the times of the programs that log.

==========  ==================================================================================
dates       ``2026-11-20T10:00:01.5+01:00``, ``2026/11/20 10:00:01``, Go's ``... +0000 UTC``,
            ``20261120T100001Z``
syslog      ``Nov 20 10:00:01``, of this year; ``Fri Nov 20 10:00:01 2026``
servers     ``20/Nov/2026:10:00:01 +0000``; klog's ``I1120 10:00:01.5``, of this year
epoch       ``1795168801.5``, and in milli-, micro- and nanoseconds
clocks      ``10:00:01,500``: of today; where it goes back by hours, a day has passed
uptime      ``[   12.345678]``, Go's ``m=+0.09``: from the beginning of today
==========  ==================================================================================

Where no zone is named, it is UTC.  Of several times in a text the last one counts: what was added
in front came later.  Digits beyond microseconds are dropped.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_FRACTION = rb"(?:[.,](\d{1,9})\d*)?"
_ZONE = rb"(?: ?(Z\b|UTC\b|[+-]\d\d:?\d\d(?!\d)))?"
_DATE = re.compile(
    rb"(?<!\d)(\d{4})([-/])(\d\d)\2(\d\d)[ T_](\d\d):(\d\d):(\d\d)" + _FRACTION + _ZONE
)
_COMPACT = re.compile(rb"(?<!\d)(\d{4})(\d\d)(\d\d)[ T_](\d\d):?(\d\d):?(\d\d)" + _FRACTION + _ZONE)
_SYSLOG = re.compile(
    rb"\b([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)" + _FRACTION + rb"(?: (\d{4})\b)?"
)
_SERVER = re.compile(
    rb"(?<!\d)(\d\d)/([A-Z][a-z]{2})/(\d{4})[: ](\d\d):(\d\d):(\d\d)" + _FRACTION + _ZONE
)
_KLOG = re.compile(rb"\b[IWEFD](\d\d)(\d\d) (\d\d):(\d\d):(\d\d)" + _FRACTION)
_EPOCH = re.compile(
    rb"(?<![\w.-])([12]\d{9})(?:[.,](\d{1,9})\d*|(\d{9})|(\d{6})|(\d{3})|(?<=\A.{10})())(?![\w-])"
)
_CLOCK = re.compile(rb"(?<![\d:.-])(\d\d):(\d\d):(\d\d)" + _FRACTION + rb"(?![\d:])")
_UPTIME = re.compile(rb"(?:\bm=\+|\[ *)(\d{1,9})\.(\d{1,9})(?!\d)")
_MONTHS = dict(
    zip(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun"),
        range(1, 7),
        strict=True,
    )
) | dict(zip((b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), range(7, 13), strict=True))

#: The members by which programs log times in JSON, in the order in which they are asked.
_MEMBERS = (
    *("timestamp", "@timestamp", "time", "ts", "asctime", "datetime", "date", "eventTime"),
    *("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP", "created", "t"),
)
#: Where in a long text times are looked for.
_LOOKED_AT = 4096
_DAY = timedelta(days=1)


class Times:
    """Reads the times of one log."""

    def __init__(self, today: datetime) -> None:
        self._today = today.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._days = timedelta()
        self._clock = timedelta()  # what a clock without a date showed last
        self._kinds: list[tuple[re.Pattern[bytes], Callable[..., datetime]]] = [
            (_DATE, self._date),
            (_SYSLOG, self._syslog),
            (_SERVER, self._server),
            (_KLOG, self._klog),
            (_EPOCH, self._epoch),
            (_COMPACT, self._compact),
            (_CLOCK, self._time_of_day),
            (_UPTIME, self._uptime),
        ]

    def of(self, text: bytes) -> datetime | None:
        """The last time in a text; None if there is none."""
        if len(text) > _LOOKED_AT:
            text = text[:_LOOKED_AT]
        for pattern, meaning in self._kinds:
            found = deque(pattern.finditer(text), maxlen=1)
            try:
                for latest in found:
                    return meaning(*latest.groups())
            except (ValueError, OverflowError, KeyError):
                return None  # it only looked like a time
        return None

    def of_members(self, members: Mapping[str, str]) -> datetime | None:
        """The time in the members of an object, which have been logged in JSON."""
        for name in _MEMBERS:
            text = members.get(name, "")
            when = self.of(text.encode("utf-8", "replace")) if text else None
            if when is not None:
                return when
        return None

    def _date(self, year: bytes, _: bytes, *rest: Any) -> datetime:
        return self._compact(year, *rest)

    def _compact(
        self,
        year: bytes,
        month: bytes | None,
        day: bytes | None,
        hour: bytes | None,
        minute: bytes | None,
        second: bytes | None,
        fraction: bytes | None,
        zone: bytes | None,
    ) -> datetime:
        date = int(year), int(month or 0), int(day or 0)
        clock = int(hour or 0), int(minute or 0), int(second or 0)
        return _moment(*date, *clock, _micro(fraction), zone)

    def _syslog(
        self,
        month: bytes,
        day: bytes,
        hour: bytes,
        minute: bytes,
        second: bytes,
        fraction: bytes | None,
        year: bytes | None,
    ) -> datetime:
        date = int(year or self._today.year), _MONTHS[month], int(day)
        return _moment(*date, int(hour), int(minute), int(second), _micro(fraction), None)

    def _server(self, day: bytes, month: bytes, year: bytes, *rest: Any) -> datetime:
        return self._compact(year, b"%d" % _MONTHS[month], day, *rest)

    def _klog(self, month: bytes, day: bytes, *rest: Any) -> datetime:
        return self._date(b"%d" % self._today.year, b"", month, day, *rest, None)

    def _epoch(self, seconds: bytes, fraction: bytes | None, *smaller: bytes | None) -> datetime:
        digits = fraction or next((one for one in smaller if one), None)
        moment = datetime.fromtimestamp(int(seconds), UTC)
        return moment.replace(microsecond=_micro(digits))

    def _time_of_day(
        self, hour: bytes, minute: bytes, second: bytes, fraction: bytes | None
    ) -> datetime:
        at = self._today.replace(
            hour=int(hour), minute=int(minute), second=int(second), microsecond=_micro(fraction)
        )
        clock = at - self._today
        if clock < self._clock - _DAY / 2:
            self._days += _DAY
        self._clock = clock
        return at + self._days

    def _uptime(self, seconds: bytes, fraction: bytes) -> datetime:
        return self._today + timedelta(seconds=int(seconds), microseconds=_micro(fraction))


def _moment(
    year: int,
    month: int,
    day: int,
    hour: int,
    minute: int,
    second: int,
    micro: int,
    zone: bytes | None,
) -> datetime:
    where: timezone = UTC
    if zone is not None and zone[:1] in (b"+", b"-"):
        ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        where = timezone(-ahead if zone.startswith(b"-") else ahead)
    moment = datetime(year, month, day, hour, minute, min(second, 59), micro, where)
    return moment.astimezone(UTC)


def _micro(digits: bytes | None) -> int:
    return int((digits or b"").ljust(6, b"0")[:6])
