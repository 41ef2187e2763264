"""The checker's speed: against plain jsonschema on the same schemas, and against only parsing."""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from jsonschema.protocols import Validator as Explainer
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from qmpconf.check.checking import check
from qmpconf.check.choice import Fixed
from qmpconf.findings import Groups
from qmpconf.protocol.messages import Command, Event, Success
from qmpconf.protocol.session import Session
from qmpconf.schema import bundle
from qmpconf.schema.store import load
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.writer import TraceWriter
from tests.benchmarks.figures import Figure, ratio

CATALOG = "qemu-7.2.22"
#: Sessions that hold the schema reply (80 % of their bytes), and are mixed otherwise.
TRACES = ("traces/qemu-7.2.22-rich.qmptrace.gz", "traces/qemu-7.2.22-libvirt.qmptrace.gz")


@dataclass(frozen=True, slots=True)
class Checking:
    """What one comparison gave: seconds of each round, for `messages` in `size` bytes."""

    messages: int
    size: int
    check: list[float]
    parse: list[float]
    payloads: int
    jsonschema: list[float]
    json: list[float]

    def against_json(self) -> float:
        """The same, with the parser that Python has."""
        return ratio(self.check, self.json)

    def against_jsonschema(self) -> float:
        """Times as many messages a second as jsonschema validates payloads."""
        pairs = zip(self.check, self.jsonschema, strict=True)
        return statistics.median(
            (self.messages / ours) / (self.payloads / theirs) for ours, theirs in pairs
        )

    def against_parsing(self) -> float:
        """Bytes a second, as a share of what only parsing the lines reaches."""
        return statistics.median(
            theirs / ours for ours, theirs in zip(self.check, self.parse, strict=True)
        )


#: What differs between one session and the next: ids, and when an event happened.
_ID = re.compile(rb'"id": ?"(?:libvirt-|__qmp#)([0-9]+)"')
_SECONDS = re.compile(rb'"seconds": ([0-9]+)')
#: Counts, sizes and times in what a server says.
_NUMBER = re.compile(rb"(?<=: )[0-9]{3,15}(?=[,}\]])")


def _varied(data: bytes, copy: int, *, numbers: bool) -> bytes:
    """A message as another session would have it; with `numbers`, counts in it are others as well."""

    def more(by: int) -> Callable[[re.Match[bytes]], bytes]:
        def changed(found: re.Match[bytes]) -> bytes:
            return found[0].replace(
                found[found.lastindex or 0], b"%d" % (int(found[found.lastindex or 0]) + by)
            )

        return changed

    data = _SECONDS.sub(more(copy * 3600), _ID.sub(more(copy * 1000), data))
    return _NUMBER.sub(more(copy), data) if numbers else data


def write_trace(path: str, copies: int, *, small: bool = False, numbers: bool = False) -> None:
    """The recorded sessions over and over, as one long trace; `small`: without the schema's reply.

    Each time ids and timestamps are others; with `numbers`, so are counts, sizes and times in replies and events.
    """
    with TraceWriter(path) as writer:
        for copy in range(copies):
            for number, source in enumerate(TRACES):
                conn = copy * len(TRACES) + number + 1
                writer.open(conn)
                for item in TraceReader(source).items():
                    if isinstance(item, Item) and not (small and _is_schema(item)):
                        data = _varied(item.frame.data, copy, numbers=numbers)
                        writer.frames(conn, item.sender, [item.frame._replace(data=data)])
                writer.close(conn, "client")


def _is_schema(item: Item) -> bool:
    data = item.frame.data
    return b"query-qmp-schema" in data if item.sender == "client" else b"meta-type" in data[:300]


def measure(rounds: int, copies: int) -> Iterator[Figure]:
    """Messages of all sizes, and small ones alone: with words that were seen before, and without."""
    for what, small, numbers in (
        ("messages of all sizes", False, False),
        ("small messages", True, False),
        ("small messages, other numbers in each", True, True),
    ):
        found = compare(rounds, copies, small=small, numbers=numbers)
        rate = found.messages / statistics.median(found.check)
        theirs = found.payloads / statistics.median(found.jsonschema)
        yield Figure(
            f"check, messages a second: {what}",
            "jsonschema on the same payloads",
            found.against_jsonschema(),
            "100",
            f"{rate:,.0f} against {theirs:,.0f}",
        )
        speed = [found.size / statistics.median(one) / 1e6 for one in (found.check, found.json)]
        yield Figure(
            f"check, bytes a second: {what}",
            "only parsing the lines (json.loads)",
            found.against_json(),
            "0.5",
            "{:.1f} MB/s against {:.1f} MB/s".format(*speed),
        )
        speed[1] = found.size / statistics.median(found.parse) / 1e6
        yield Figure(
            f"check, bytes a second: {what}",
            "only parsing the lines (msgspec)",
            found.against_parsing(),
            "0.33",
            "{:.1f} MB/s against {:.1f} MB/s".format(*speed),
        )


def payloads(path: str) -> Iterator[tuple[str, Any]]:
    """Every payload of a trace's first sessions, with the definition that it must fit."""
    sessions: dict[int, Session] = {}
    for item in TraceReader(path).items():
        if not isinstance(item, Item):
            continue
        if item.conn > len(TRACES):
            return
        session = sessions.setdefault(item.conn, Session())
        step = (session.client if item.sender == "client" else session.server)(item.frame)
        message = step.message
        if isinstance(message, Command):
            yield bundle.arguments_of(message.name), message.arguments
        elif isinstance(message, Event):
            yield bundle.data_of(message.name), message.data or {}
        elif isinstance(message, Success) and step.answered is not None:
            yield bundle.return_of(step.answered.name), message.result


def compare(rounds: int, copies: int, *, small: bool = False, numbers: bool = False) -> Checking:
    """Measure check, parsing and jsonschema in turn."""
    catalog = load(CATALOG)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "long.qmptrace")
        write_trace(path, copies, small=small, numbers=numbers)
        messages = sum(isinstance(item, Item) for item in TraceReader(path).items())
        chosen = Fixed(catalog)
        wanted = list(payloads(path))
        plain = _plain_validators(bundle.build(catalog), {name for name, _ in wanted})
        result = Checking(messages, os.path.getsize(path), [], [], len(wanted), [], [])
        for _ in range(rounds):
            result.parse.append(_timed(lambda: _parse(path)))
            result.json.append(_timed(lambda: _parse_json(path)))
            result.check.append(_timed(lambda: check(TraceReader(path), chosen, Groups())))
            result.jsonschema.append(
                _timed(lambda: [plain[name].is_valid(value) for name, value in wanted])
            )
        return result


def _timed(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _parse(path: str) -> None:
    decode = msgspec.json.Decoder().decode
    with open(path, "rb") as file:
        for line in file:
            decode(line)


def _parse_json(path: str) -> None:
    with open(path, "rb") as file:
        for line in file:
            json.loads(line)


def _plain_validators(schema: dict[str, Any], names: set[str]) -> dict[str, Explainer]:
    base = "urn:benchmark"
    registry: Registry[Any] = Registry().with_resource(base, DRAFT202012.create_resource(schema))
    make = validator_for(schema)
    return {
        name: make({"$ref": base + bundle.reference(name)}, registry=registry) for name in names
    }
