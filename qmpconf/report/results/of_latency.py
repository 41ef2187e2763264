"""How long responses take, as knowledge out of many recordings: percentiles with what they are sure to, time-outs.

All of it comes from the figures of `qmpconf stats`, whose buckets are within 1 % (`qmpconf.trace.spread`), so
that it is the same however the recordings were shared out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from qmpconf.replay.diff.times import Compared, Word, compared
from qmpconf.report.results.records import Note, Record, Table
from qmpconf.text import counted, duration
from qmpconf.trace.figures import Figures, Latency
from qmpconf.trace.spread import Spread
from qmpconf.trace.stats import spread_of

#: Percentiles that are shown, by their names.
_MIDDLE = 0.5
_SHARES = {"p50": _MIDDLE, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
#: The normal distribution's for 95 %.
_NORMAL = 1.96

_WORDS: dict[Word, str] = {
    "slower": "slower",
    "faster": "faster",
    "alike": "no difference seen",
    "few": "too few calls to say",
}


def by_version(found: Figures) -> Iterator[Record]:
    """The percentiles of each command, by the version of the servers, with their intervals."""
    lost = any(one.unanswered for one in found.by_version)
    rows = tuple(
        (
            one.name or "(no command)",
            one.version or "unknown",
            f"{one.count + one.unanswered:,}",
            *([f"{one.unanswered:,}" if one.unanswered else ""] if lost else []),
            *(_sure(spread_of(one), share) if one.count else "" for share in _SHARES.values()),
        )
        for one in found.by_version
    )
    head = ("command", "server", "calls", *(["unanswered"] if lost else []), *_SHARES)
    if rows:
        title = "Response times by command and version, each with the interval that is 95 % sure"
        yield Table(subject="", title=title, head=head, rows=rows)


def timed_out(found: Figures, limit: float) -> Iterator[Record]:
    """What a time-out of `limit` seconds would have done to the calls."""
    calls = sum(one.count for one in found.by_version)
    longer = [(one, spread_of(one).over(limit)) for one in found.by_version]
    failed = sum(number for _, number in longer)
    lost = sum(one.unanswered for one in found.by_version)
    label = f"{limit:g} s" if limit >= 1 else f"{1000 * limit:g} ms"
    text = f"with these recordings a time-out of {label} would have failed "
    text += f"{_share(failed, calls)}" if calls else "nothing: there are no answered calls"
    if lost:
        text += f"; {counted(lost, 'more call')} never had a response while it was recorded"
    yield Note(subject="", text=text)
    rows = tuple(
        (
            one.name,
            one.version or "unknown",
            f"{number:,}",
            f"{one.count:,}",
            _share(number, one.count),
        )
        for one, number in sorted(longer, key=lambda pair: -pair[1] / max(1, pair[0].count))
        if number
    )
    if rows:
        head = ("command", "server", "longer", "calls", "would have failed")
        yield Table(subject="", title=f"Calls of more than {label}", head=head, rows=rows)


def against(found: Figures, before: Figures, label: str) -> Iterator[Record]:
    """The commands' times beside those of other recordings, which are called `label`."""
    times = {one.name: (spread_of(one), Spread()) for one in before.latencies}
    for one in found.latencies:
        times[one.name] = (times.get(one.name, (Spread(), Spread()))[0], spread_of(one))
    yield from tables("", compared(times), (f"median in {label}", "here"))
    alone = _alone(before.latencies, found.latencies), _alone(found.latencies, before.latencies)
    for names, where in zip(alone, (f"in {label}", "here"), strict=True):
        if names:
            text = f"{counted(len(names), 'command')} only {where}: {', '.join(names)}"
            yield Note(subject="", text=text)


def tables(subject: str, every: Iterable[Compared], labels: tuple[str, str]) -> Iterator[Table]:
    """Commands whose times differ, and then, folded, the others."""
    found = list(every)
    head = ("command", "calls", *labels, "times", "95 % sure")
    for differs, title in (
        (True, "Calls that took another time"),
        (False, "Calls as long as before"),
    ):
        rows = tuple(_row(one) for one in found if (one.word in ("slower", "faster")) is differs)
        if rows:
            yield Table(subject=subject, title=title, head=head, rows=rows, folded=not differs)


def _row(one: Compared) -> tuple[str, ...]:
    medians = [each.percentile(0.5) for each in one.times]
    ratio = f"{medians[1] / medians[0]:.2f}" if medians[0] else ""
    calls = " and ".join(f"{each.count:,}" for each in one.times)
    sure = (_sure(each, _MIDDLE) for each in one.times)
    return (one.name, calls, *sure, ratio, _WORDS[one.word])


def _sure(times: Spread, share: float) -> str:
    """A percentile, and the interval in which that of all such calls is, as far as there are enough."""
    low, high = times.interval(share)
    text = duration(times.percentile(share))
    if high is None:  # the greatest one says nothing about rare ones
        return text if share == _MIDDLE else f"over {duration(low)}" if low is not None else ""
    if low is None:
        return f"{text} (up to {duration(high)})"
    return f"{text} ({duration(low)} to {duration(high)})"


def _share(number: int, total: int) -> str:
    """``1 in 230 calls (12 of 2,760; 95 % sure: 1 in 130 to 1 in 400)``."""
    low, high = _between(number, total)
    if not number:
        return f"none of {counted(total, 'call')} (95 % sure: fewer than 1 in {1 / high:,.0f})"
    often = f"1 in {total / number:,.{0 if total / number >= 10 else 1}f}"
    bounds = " to ".join(f"1 in {1 / one:,.{0 if 1 / one >= 10 else 1}f}" for one in (high, low))
    return f"{often} calls ({number:,} of {total:,}; 95 % sure: {bounds})"


def _between(number: int, total: int) -> tuple[float, float]:
    """In which shares that of all such calls is with 95 % confidence (Wilson's interval)."""
    share, square = number / total, _NORMAL**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    off = _NORMAL * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    off /= 1 + square / total
    return max(0.0, middle - off), min(1.0, middle + off)


def _alone(some: Sequence[Latency], others: Sequence[Latency]) -> list[str]:
    return sorted({one.name for one in some} - {one.name for one in others})
