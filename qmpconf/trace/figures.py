"""Figures of traces as plain data: what `qmpconf.trace.stats` collects.

They convert to JSON (`msgspec.to_builtins`) and back (`msgspec.convert`).  Times are in seconds.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from qmpconf.trace.records import Side

#: An integer of 64 bits.  What is greater, in anybody's file, is not a figure, and nobody can count with it.
Whole = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class Latency(msgspec.Struct, frozen=True):
    """How long the responses to one command took, in seconds.

    `count` responses came, `errors` of them were errors; `unanswered` calls got none.  `p50`, `p95`, `p99` and
    `p999` are within 1 %, the rest is exact.  `buckets` has (upper bound, count) of each bucket
    that is not empty, the shortest first.  `version` is that of the servers, where only those are counted that
    greeted with it.
    """

    name: str
    count: Whole
    errors: Whole
    unanswered: Whole
    p50: float
    p95: float
    min: float
    max: float
    total: float
    buckets: list[tuple[float, Whole]]
    version: str = ""
    p99: float = 0.0
    p999: float = 0.0


class EventRate(msgspec.Struct, frozen=True):
    """How often one event came; `peak` times in one second of the trace's clock."""

    name: str
    count: Whole
    peak: Whole


class Flow(msgspec.Struct, frozen=True):
    """What one side sent: messages, and their bytes with the white space behind them."""

    messages: Whole = 0
    bytes: Whole = 0


class Lengths(msgspec.Struct, frozen=True):
    """How long sessions took, in seconds; `unclosed` ones up to what was seen of them last."""

    count: Whole = 0
    unclosed: Whole = 0
    min: float = 0.0
    p50: float = 0.0
    max: float = 0.0
    total: float = 0.0


class Size(msgspec.Struct, frozen=True):
    """How big the messages of one kind and name are.

    There are `count`, of `total` bytes; the biggest one has `biggest` and stands in `line` of
    `trace`.
    """

    kind: str
    name: str
    count: Whole
    total: Whole
    biggest: Whole
    trace: str
    line: Whole


class Figures(msgspec.Struct, frozen=True):
    """Everything.  `seconds` is from the first to the last line, summed over the traces."""

    traces: Whole
    messages: Whole
    seconds: float
    kinds: dict[str, Whole]
    flows: dict[Side, Flow]
    latencies: list[Latency]
    events: list[EventRate]
    events_peak: Whole
    sessions: Lengths
    sizes: list[Size]
    by_version: list[Latency] = []
