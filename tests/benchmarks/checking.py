"""The checker's speed: against plain jsonschema on the same schemas, and against only parsing."""

from __future__ import annotations

import os
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

CATALOG = "qemu-7.2.22"
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


def write_trace(path: str, copies: int) -> None:
    """The recorded sessions over and over, as one long trace."""
    with TraceWriter(path) as writer:
        for copy in range(copies):
            for number, source in enumerate(TRACES):
                conn = copy * len(TRACES) + number + 1
                writer.open(conn)
                for item in TraceReader(source).items():
                    if isinstance(item, Item):
                        writer.frames(conn, item.sender, [item.frame])
                writer.close(conn, "client")


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


def compare(rounds: int, copies: int) -> Checking:
    """Measure check, parsing and jsonschema in turn."""
    catalog = load(CATALOG)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "long.qmptrace")
        write_trace(path, copies)
        messages = sum(isinstance(item, Item) for item in TraceReader(path).items())
        chosen = Fixed(catalog)
        wanted = list(payloads(path))
        plain = _plain_validators(bundle.build(catalog), {name for name, _ in wanted})
        result = Checking(messages, os.path.getsize(path), [], [], len(wanted), [])
        for _ in range(rounds):
            result.parse.append(_timed(lambda: _parse(path)))
            result.check.append(_timed(lambda: check(TraceReader(path), chosen, Groups())))
            result.jsonschema.append(
                _timed(lambda: [plain[name].is_valid(value) for name, value in wanted])
            )
        return result


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _parse(path: str) -> None:
    decode = msgspec.json.Decoder().decode
    with open(path, "rb") as file:
        for line in file:
            decode(line)


def _plain_validators(schema: dict[str, Any], names: set[str]) -> dict[str, Explainer]:
    base = "urn:benchmark"
    registry: Registry[Any] = Registry().with_resource(base, DRAFT202012.create_resource(schema))
    make = validator_for(schema)
    return {
        name: make({"$ref": base + bundle.reference(name)}, registry=registry) for name in names
    }
