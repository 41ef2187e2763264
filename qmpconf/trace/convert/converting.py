"""One conversion: a file is opened, read, redacted, counted and written.

What was read before something went wrong is kept: the new file is there, and says in its last
line whether it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import written
from qmpconf.packed import can_be_read_again
from qmpconf.protocol.framing import MESSAGES
from qmpconf.protocol.session import Session
from qmpconf.trace.convert import Format, format_of_input, format_of_output, named
from qmpconf.trace.convert.base import Notes, Options, Reading, nothing
from qmpconf.trace.convert.otlp import is_url, send
from qmpconf.trace.convert.source import opened
from qmpconf.trace.filter.empty import nothing_passes
from qmpconf.trace.filter.leaving import without_the_rest
from qmpconf.trace.filter.selecting import Chosen, choose
from qmpconf.trace.filter.syntax import Filter
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.reader import EXACT
from qmpconf.trace.records import Finish, Open, Record, Traffic
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.redaction.records import redacted, redacted_header
from qmpconf.trace.redaction.values import Seen


@dataclass(frozen=True, slots=True)
class Converted:
    """What came of it: the formats, how much there was, what there is to say.

    `why` says what the source's format was guessed by; it is empty where the user named it.
    `sessions` and `messages` are what the last line of a trace would say, of an input that was cut
    off what was read.  In `redacted` messages something was replaced.  `failed` is why the input could not be read to its end, None if it was.
    """

    source: Format
    target: Format
    sessions: int
    messages: int
    notes: Notes
    failed: InputError | None
    why: str = ""
    redacted: int = 0

    @property
    def incomplete(self) -> bool:
        """Whether something of the source could not be read: it is damaged, or has lines that were not understood."""
        return self.failed is not None or self.notes.damaged or self.notes.misses > 0


class NothingPassesError(UsageError):
    """A filter that lets no message of the source pass."""


def convert(
    source: str,
    target: str,
    *,
    from_format: str = "",
    to_format: str = "",
    redact: bool = True,
    secrets: Iterable[str] = (),
    seen: Seen | None = None,
    session: int = 0,
    wanted: Filter | None = None,
    overwrite: bool = False,
    options: Options | None = None,
    advance: Callable[[int], object] = nothing,
) -> Converted:
    """Convert the file `source` into the file `target`; ``-`` is standard input or output.

    The formats are known by the names, or else by the content.  Secrets are replaced, unless
    `redact` is false: `secrets` are exact values besides, `seen` what is known already.  With
    `session` only that one is kept, and with `wanted` the messages that pass, with gaps for the rest; the
    source is read twice for that, and must be a file.  `advance` is called with the number of bytes
    read so far, again and again.  Raises `UsageError` for formats
    that nobody can tell, a file that exists unless `overwrite`, and what the target's format
    cannot hold at all; `InputError` for an input that holds nothing; `OutputError`.  The formats
    are in qmpconf/trace/convert/README.md.

    >>> from qmpconf import convert_trace
    >>> done = convert_trace("traces/qemu-7.2.22-libvirt.qmptrace.gz", "libvirt.pcapng")
    >>> done.target.name, done.sessions
    ('pcapng', 1)
    """
    chosen = None
    if wanted is not None:
        if session:
            raise UsageError(
                f"a filter can ask for a session itself: write session = {session} in it"
            )
        chosen = _chosen(source, wanted, from_format, options or Options(), advance)
    notes = Notes()
    options = options or Options()
    into = named(to_format) if to_format else _target(target)
    if is_url(target) and into.name != "otlp":
        raise UsageError(
            f"a URL is that of a collector, which takes spans, not {into.name}: --to otlp"
        )
    if not into.writes:
        raise UsageError(f"the format {into.name} is read, and not written")
    with opened(source, notes, advance) as file:
        why = ""
        if from_format:
            out_of = named(from_format)
        else:
            out_of, why = format_of_input(source, file.head)
        options = replace(options, format=out_of.name, source=os.path.basename(file.name))
        try:
            reading = out_of.load().read(file, options, notes)
        except InputError as error:
            raise _explained(error, notes) from error
        caught = _Caught(reading.records)
        records: Iterator[Record] = caught
        if session:
            records = _only(records, session, file.name)
        if chosen is not None:
            header = reading.header
            meta = {**header.meta, "filter": str(wanted)}
            reading = replace(reading, header=replace(header, meta=meta))
            records = without_the_rest(chosen, records, _begin(out_of))
        redactor = Redactor(seen=seen if seen is not None else Seen(secrets))
        if redact:
            reading = replace(reading, header=redacted_header(reading.header, redactor))
            records = redacted(records, redactor)
        counts = _Counts()
        whole = replace(reading, records=counts.of(records))
        with _output(into, target, overwrite=overwrite) as write:
            write(whole, options, notes)
            if not caught.spoken and out_of is not into:
                raise _explained(caught.failed or _nothing(file.name, out_of), notes)
    return Converted(
        out_of,
        into,
        counts.sessions,
        counts.messages,
        notes,
        caught.failed,
        why,
        redactor.replaced,
    )


@contextmanager
def _output(
    into: Format, target: str, *, overwrite: bool
) -> Iterator[Callable[[Reading, Options, Notes], None]]:
    """What takes the records: a file, or a collector."""
    if is_url(target):
        yield partial(send, target)
        return
    with written(target, overwrite=overwrite) as output:
        yield partial(into.load().write, output)


def _begin(out_of: Format) -> Callable[[], Session]:
    """What gives the state of a session of that format."""
    return partial(Session, exact=out_of.name in EXACT)


def _chosen(
    source: str,
    wanted: Filter,
    from_format: str,
    options: Options,
    advance: Callable[[int], object],
) -> Chosen:
    """What of a file passes.  Raises `UsageError` where nothing does, or it cannot be read twice."""
    if source == "-" or not can_be_read_again(source):
        raise UsageError("with a filter IN is read twice, which a pipe cannot be: name a file")
    notes = Notes()
    with opened(source, notes, advance) as file:
        out_of = named(from_format) if from_format else format_of_input(source, file.head)[0]
        options = replace(options, format=out_of.name, source=os.path.basename(file.name))
        try:
            reading = out_of.load().read(file, options, notes)
        except InputError as error:
            raise _explained(error, notes) from error
        records = (one for one in _Caught(reading.records) if not isinstance(one, Finish))
        chosen = choose(wanted, items_of(records, faults=True), _begin(out_of))
    if not chosen.sessions:
        raise NothingPassesError(f"{source}: {nothing_passes(wanted)}; there is nothing to write")
    return chosen


def _target(path: str) -> Format:
    if is_url(path):
        return named("otlp")
    if path == "-":
        raise UsageError("standard output has no name that shows its format; choose one with --to")
    return format_of_output(path)


def _nothing(name: str, out_of: Format) -> InputError:
    return InputError(f"{name}: there is nothing in it that is of the format {out_of.name}")


def _explained(error: InputError, notes: Notes) -> InputError:
    """The error with what was seen to be wrong before: it may be the reason."""
    damage = [text for is_damage, _, text in notes.told() if is_damage]
    return InputError("; ".join((str(error), *damage))) if damage else error


class _Caught:
    """Records on their way; an input that cannot be read on ends them, and is remembered.

    `spoken` says whether anybody has said anything.
    """

    def __init__(self, records: Iterator[Record]) -> None:
        self.spoken = False
        self.failed: InputError | None = None
        self._records = records

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        try:
            record = next(self._records)
        except InputError as error:
            self.failed = error
            raise StopIteration from None
        self.spoken = self.spoken or (type(record) is Traffic and bool(record.data.strip()))
        return record


class _Counts:
    """How much there was: as the end of the records says, or else as was seen."""

    def __init__(self) -> None:
        self.sessions = 0
        self.messages = 0

    def of(self, records: Iterator[Record]) -> Iterator[Record]:
        """The same records, counted."""
        for record in records:
            if type(record) is Traffic:
                self.messages += bool(record.data.strip())
            elif type(record) is Open:
                self.sessions += 1
            elif type(record) is Finish:
                self.sessions, self.messages = record.sessions, record.messages
            yield record


def _only(records: Iterator[Record], session: int, name: str) -> Iterator[Record]:
    """The records of one session, and how many messages they make."""
    last = messages = 0
    finish: Finish | None = None
    waiting: list[Record] = []

    def wanted() -> Iterator[Record]:
        nonlocal last, finish
        for record in records:
            if isinstance(record, Finish):
                finish = record
                continue
            last = max(last, record.conn)
            if record.conn == session:
                waiting.append(record)
                yield record

    found = False
    for item in items_of(wanted()):
        messages += isinstance(item, Item) and item.frame.kind in MESSAGES
        found = True
        yield from waiting
        waiting.clear()
    yield from waiting
    if not found:
        raise UsageError(f"{name} has no session {session}; the last one is {last}")
    if finish is not None:
        yield Finish(finish.line, finish.t, 1, messages)
