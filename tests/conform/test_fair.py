"""The suite is fair: a server that keeps the rules passes, also where it is not as QEMU is.

Monitors that use a liberty: they refuse what a server MAY refuse, or take what QEMU does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from qmpconf.monitor.core import Session
from qmpconf.monitor.refusal import Refusal
from qmpconf.monitor.server import MonitorServer
from qmpconf.protocol.framing import Frame, Framer, Limits
from qmpconf.protocol.messages import Command
from qmpconf.protocol.requirements import REQUIREMENTS, Level
from tests.conform.test_variants import broken, conformed
from tests.conform.variants import Broken
from tests.conform.variants.base import Crowd
from tests.usual import share

#: What every run of these says: the catalog of the variants is a small part of the release's.
NOT_WHOLE = {"schema.command-offered"}

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


class NoSingleQuotes(Broken):
    """Strings in single quotes are no JSON: `framing.dialect` is a MAY."""

    def heard(self, _session: Session, data: bytes) -> bytes:
        kept, at = [], 0
        for found in _STRING.finditer(data):
            kept += [data[at : found.start()].replace(b"'", b"@"), found.group()]
            at = found.end()
        return b"".join([*kept, data[at:].replace(b"'", b"@")])


class NestsDeeper(Broken):
    """Far more than 1024 levels are taken."""

    def heard(self, session: Session, data: bytes) -> bytes:
        if self.memory.setdefault(session.number, session.framer) is session.framer:
            session.framer = Framer(Limits(nesting=1 << 16, size=64 << 20, tokens=2 << 20))
        return data


class KnowsTheId(Broken):
    """An error for what cannot be read has the id that was read before the fault."""

    def _read(self, frame: Frame) -> Command | Refusal:
        found = super()._read(frame)
        known = re.search(rb'"id": (\d) ', frame.data)
        if isinstance(found, Refusal) and known:
            self.memory["id"] = int(known.group(1))
        return found

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        known = self.memory.pop("id", None)
        return message if known is None else {**message, "id": known}


class NarrowParser(Broken):
    """U+0000 and integers beyond 64 bits are refused, as RFC 8259 9 allows."""

    def _read(self, frame: Frame) -> Command | Refusal:
        if rb"\u0000" in frame.data or b"18446744073709551616" in frame.data:
            return Refusal("invalid JSON: beyond this parser")
        return super()._read(frame)


class Shallow(Broken):
    """What nests deeper than 500 levels is refused, before its id is known: RFC 8259 9 allows it."""

    def _read(self, frame: Frame) -> Command | Refusal:
        if b"[" * 500 in frame.data:
            return Refusal("invalid JSON: deeper than this parser goes")
        return super()._read(frame)


#: The liberties that the register calls MAY, and who takes each.
LIBERTIES = {"framing.dialect": NoSingleQuotes}


def test_every_liberty_is_taken_here() -> None:
    assert set(LIBERTIES) == {one.id for one in REQUIREMENTS.values() if one.level is Level.MAY}


@pytest.mark.parametrize(
    "made",
    share([NestsDeeper, *LIBERTIES.values(), KnowsTheId, NarrowParser], 4),
    ids=lambda made: made.__name__,
)
def test_a_liberty_breaks_nothing(made: type[Broken], tmp_path: Path) -> None:
    outcome = conformed(made(), ("*",), tmp_path)
    told = "\n".join(f"{one.case}: {one.reason}" for one in outcome.results if one.verdict.broken)
    assert broken(outcome) == NOT_WHOLE, told


class ServesAll(Broken):
    """A second client is served at once, in a session of its own: better than to wait."""

    server = Crowd


class StampsEachClient(ServesAll):
    """The clock is looked at for each client that an event goes to, not for each event."""

    def outgoing(self, session: Session, message: dict[str, Any]) -> Iterable[Any]:
        stamp = message.get("timestamp")
        if isinstance(stamp, dict) and stamp["microseconds"] < 999_000:
            moved = {**stamp, "microseconds": stamp["microseconds"] + session.number % 100}
            message = {**message, "timestamp": moved}
        yield message


class Impatient(MonitorServer):
    """Who does not read loses the session, once more waits for it than the socket keeps."""

    def _settle(self, client: Any) -> None:
        super()._settle(client)
        if client.number in self._clients and len(client.output) > 1 << 16:
            self._drop(client)


class SendsLateReadersAway(Broken):
    """Limits are what was only seen: who does not read is sent away."""

    server = Impatient


NESTING = "limits.nesting/taken-thousand"


class OneTooMany(Broken):
    """A response that nobody waits for comes behind a long one, and is not that to the next command."""

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        yield message
        if message.get("id") == "long":
            yield {"return": [{"name": "x" * 200_000}], "id": "nobody's"}


LATE, LONG = "response.exactly-one/late-reader", "response.in-order/long-and-short"


@pytest.mark.parametrize(
    ("made", "cases", "found"),
    [
        (ServesAll, ("session.*", "event.delivered/every-client"), {}),
        (StampsEachClient, ("event.delivered/every-client",), {}),
        (SendsLateReadersAway, (LATE,), {"limits.size": "warn"}),
        (Shallow, (NESTING,), {"limits.nesting": "warn"}),
        (OneTooMany, (LONG, "response.exactly-one/each"), {"response.exactly-one": "fail"}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_one_cause_is_said_once_and_what_is_better_is_not_said(
    made: type[Broken], cases: tuple[str, ...], found: dict[str, str], tmp_path: Path
) -> None:
    outcome = conformed(made(), cases, tmp_path)
    verdicts = {k: one.value for k, one in outcome.requirements().items() if one.broken}
    assert verdicts == found
    breaches = [one for each in outcome.results for one in each.breaches]
    assert len(breaches) == len(found)
    if made is OneTooMany:
        assert breaches[0].seen.startswith('none waits for {"return": [{"name": "xxxx')
