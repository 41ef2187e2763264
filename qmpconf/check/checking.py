"""One trace, from its reader to its outcome."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qmpconf.check.checker import Checker, Observer
from qmpconf.check.choice import Automatic, Choose, Fixed, wire_only
from qmpconf.check.practice import Practice, ignoring
from qmpconf.check.survey import Asked, Opening, Survey, Utterance, may_tell, survey
from qmpconf.check.unjudged import Unjudged
from qmpconf.findings import Groups
from qmpconf.protocol.dialect import QMP, Dialect
from qmpconf.protocol.framing import Kind
from qmpconf.protocol.session import Session
from qmpconf.schema.property_catalog import properties_with
from qmpconf.schema.store import load
from qmpconf.trace.filter.selecting import choose as chosen_by
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Open, Record, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qmpconf.findings import Finding
    from qmpconf.trace.filter.syntax import Filter


#: Allocations between two looks of the collector: more than the largest reply takes.
_ALLOCATIONS = 500_000
#: Sessions in which it is looked for what they speak.
_MOST_LOOKED_AT = 100


@dataclass(slots=True)
class Outcome:
    """What a check of one trace gave.

    `schemas` says which catalogs were used and why; `torn` is the number of a torn last line, or
    0; `finished` says whether the recording ended in order; `unjudged` what was not judged.  Where only
    some messages were to be judged, `selected` is how many, and `elsewhere` how much was found at others.
    """

    path: str
    groups: Groups
    messages: int
    sessions: int
    schemas: list[str]
    finished: bool
    torn: int
    unjudged: tuple[Unjudged, ...] = ()
    selected: int | None = None
    elsewhere: int = 0


def check(
    reader: TraceReader,
    choose: Choose | None = None,
    groups: Groups | None = None,
    observer: Observer | None = None,
    practice: Practice | None = None,
    wanted: Filter | None = None,
) -> Outcome:
    """Check one trace; without `choose`, against the catalog that `automatic` finds.

    Findings are added to `groups`, so that several traces can share them; `observer` sees what the
    checker sees (`qmpconf.check.collect`); `practice` says which habits are looked for (None: all
    that need no limit).  With `wanted`, only what is found at messages that pass is kept; all of them are
    seen, for the state of the sessions.  Raises InputError for a trace that cannot be read.
    """
    choose = choose_for(reader, choose)
    practice = practice or Practice()
    checker = Checker(reader.path, choose, observer, practice, reader.begin)
    groups = Groups() if groups is None else groups
    elsewhere = 0
    with rare_collections():
        chosen = None if wanted is None else chosen_by(wanted, reader.items(), reader.begin)
        for finding in checker.check(reader.items(aside=checker.lane)):
            if chosen is None or chosen.has_line(finding.line):
                groups.add(finding)
            else:
                elsewhere += 1
    outcome = outcome_of(reader, choose, checker, groups)
    if chosen is not None:
        outcome.selected, outcome.elsewhere = chosen.selected, elsewhere
    return outcome


def outcome_of(reader: TraceReader, choose: Choose, checker: Checker, groups: Groups) -> Outcome:
    """What `checker` has come to, with catalogs by `choose` and findings in `groups`."""
    return Outcome(
        reader.path,
        groups,
        checker.messages,
        checker.sessions,
        [*getattr(choose, "used", ()), *checker.asked],
        reader.finished,
        reader.torn,
        tuple(checker.lacks),
    )


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector of cycles look at a trace's values rarely.

    They are trees that go as soon as they are judged; looking at them takes a quarter of the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _ALLOCATIONS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def check_trace(path: str, schema: str = "auto", ignore: Iterable[str] = ()) -> Outcome:
    """Check the trace file `path` against the protocol (qmpconf/protocol/README.md) and a schema.

    `schema` is ``auto`` (the schema reply in the trace, else the shipped catalog that fits the
    server's version), ``none`` (the wire protocol alone), or the name or file of a catalog; `ignore`
    are requirements ``practice.*`` (or ``practice``, for all of them) that are not looked at.  Raises
    `InputError` for a file that cannot be read or is not a trace or catalog, `UsageError` for a name
    that is neither, or not a requirement.

    >>> outcome = check_trace("traces/qemu-7.2.22-wrong.qmptrace.gz", ignore=["practice"])
    >>> outcome.messages, len(outcome.groups)
    (166, 21)
    >>> next(iter(outcome.groups)).first.requirement
    'negotiation.client-first'
    """
    practice = Practice(ignoring(ignore))
    return check(TraceReader(path), chooser(schema), practice=practice)


def chooser(schema: str) -> Choose | None:
    """What chooses the catalog of a session; None for ``auto``, which depends on the trace."""
    if schema == "auto":
        return None
    return wire_only if schema == "none" else Fixed(load(schema), properties_with(schema))


def choose_for(reader: TraceReader, choose: Choose | None) -> Choose:
    """What chooses the catalogs of one trace; `choose` is for all (None: as the trace says)."""
    if choose is None:
        return automatic(reader)
    return choose.fresh() if isinstance(choose, Fixed) else choose


def findings(reader: TraceReader, choose: Choose | None = None) -> Iterator[Finding]:
    """The findings of one trace one by one, ungrouped, as they show; without those of practice."""
    choose = choose_for(reader, choose)
    checker = Checker(reader.path, choose, begin=reader.begin)
    yield from checker.check(reader.items())


def automatic(reader: TraceReader) -> Automatic:
    """Read the trace once for what it says about its servers (`--schema auto`)."""
    return automatic_of(reader, look_through(reader))


def automatic_of(reader: TraceReader, found: Survey | None) -> Automatic:
    """Choose by what was found in a trace."""
    return Automatic(found or Survey(), monitor_of(reader))


def product_of(reader: TraceReader) -> str:
    """Which product was recorded (`qmpconf.schema.select.PRODUCTS`), as far as the trace says."""
    dialect = reader.dialect or spoken(reader)
    return dialect.product if not dialect.greets else monitor_of(reader)


def spoken(reader: TraceReader) -> Dialect:
    """What the first session of a trace speaks that shows it."""
    sessions: dict[int, Session] = {}
    for item in reader.items():
        if isinstance(item, Item):
            session = sessions.setdefault(item.conn, reader.begin())
            (session.client if item.sender == "client" else session.server)(item.frame)
            if session.recognised or len(sessions) > _MOST_LOOKED_AT:
                return session.dialect
    return QMP


def monitor_of(reader: TraceReader) -> str:
    """``qemu`` or ``qemu-storage-daemon``: whose monitor was recorded, as far as the header says."""
    meta = json.dumps(dict(reader.header.meta), default=str)
    return "qemu-storage-daemon" if "qemu-storage-daemon" in meta else "qemu"


class SpreadError(Exception):
    """A record holds part of a message, or several: the quick way does not see messages."""


def look_through(reader: TraceReader) -> Survey:
    """What the trace says about its servers: their versions and schema replies."""
    meta = reader.header.meta
    try:
        return survey(_quick(reader), meta, reader.dialect)
    except SpreadError:
        return survey(_thorough(reader), meta, reader.dialect)


def _quick(reader: TraceReader) -> Iterator[Utterance | Asked | Opening]:
    for record in reader.records(may_tell, keep=True):
        one = utterance(record)
        if one is not None:
            yield one


def utterance(record: Record) -> Utterance | Asked | Opening | None:
    """What a record says about a server, if anything.  Raises SpreadError where it is not one message."""
    if isinstance(record, Open):
        return Opening(record.conn, record.server)
    if not isinstance(record, Traffic):
        return None
    if record.sender == "client":  # it says nothing about its server but what that is
        return Asked(record.conn, record.data) if record.form == "msg" else None
    if record.form != "msg":
        raise SpreadError
    return Utterance(record.line, record.conn, record.data)


def _thorough(reader: TraceReader) -> Iterator[Utterance | Asked | Opening]:
    for item in reader.items():
        if isinstance(item, Item):
            if item.sender == "server":
                yield Utterance(item.line, item.conn, item.frame.data)
            elif item.frame.kind is Kind.VALUE:
                yield Asked(item.conn, item.frame.data)
        elif isinstance(item, Open):
            yield Opening(item.conn, item.server)
