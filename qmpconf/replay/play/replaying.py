"""A replay from beginning to end: the trace is opened, the target reached, the result given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Literal

from qmpconf.check.checking import product_of, rare_collections
from qmpconf.errors import InputError, UsageError
from qmpconf.net.address import parse_address
from qmpconf.replay.catalogs import catalog_of_trace, upgrade_of
from qmpconf.replay.compare import Level
from qmpconf.replay.gaps import broken_sessions, warnings, without
from qmpconf.replay.inference import Sent
from qmpconf.replay.masks import BUILT_IN, Mask, Masks
from qmpconf.replay.needs import SIGNS, NeededFile, needed_files
from qmpconf.replay.plan import steps
from qmpconf.replay.play.files import make_ready, missing
from qmpconf.replay.play.link import Clock
from qmpconf.replay.play.player import EVENT_PATIENCE, REPLY_PATIENCE, Patience, Player
from qmpconf.replay.play.target import Running, Spawned, Target
from qmpconf.replay.result import ReplayResult
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, holding
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.shared import of_servers
from qmpconf.trace.summary import summarize
from qmpconf.trace.writer import TraceWriter

#: Bytes of the replay's own trace that are written at once.
_BATCH = 1 << 16


def replay_trace(
    trace: str,
    *,
    target: str | None = None,
    spawn: str | None = None,
    output: str | None = None,
    overwrite: bool = False,
    redact: bool = True,
    compare: Literal["exact", "value", "shape", "outcome"] = "value",
    event_timeout: float = EVENT_PATIENCE,
    timeout: float = REPLY_PATIENCE,
    speed: float = 0.0,
    masks: Iterable[Mask] = (),
    known: Mapping[str, str] | None = None,
    protocol: str = "",
    prepare: str | None = None,
    watch: Callable[[TraceReader], object] | None = None,
    needs: Callable[[Sequence[NeededFile]], None] | None = None,
) -> ReplayResult:
    """Replay `trace` as its client, against the server at `target` or one that `spawn` starts.

    `target` is an address, `spawn` a command line with ``{socket}`` in it.  The replay's own trace
    goes to the file `output`, if there is one.  `event_timeout` and `timeout` are seconds: for an
    event, and for a reply.  `speed` paces by the recorded times (1: as recorded; 0: as fast as
    causes allow).  `masks` are masks besides the built-in ones (`qmpconf.replay.configuration`),
    `known` the reasons of known differences by their fingerprints.  `protocol` says what is spoken
    (``qmp``, ``qga``), where the recording shall not have to tell it.  `prepare` is a command line that
    makes the files which the session needs (`qmpconf.replay.needs`), and gets their paths behind it.
    `watch` is called with the reader when the replay begins, and before that `needs` with those
    files, if there are any.
    A target that hangs or goes away, and an interrupt, are in the result.  How it works is in
    qmpconf/replay/README.md.

    Raises `UsageError`, `InputError` for the trace, `OutputError` for the output.

    >>> from qmpconf import record_trace, replay_trace
    >>> spawn = "qmpconf serve --listen {socket}"
    >>> client = ["qmpconf", "schema", "fetch", "--target", "{listen}", "-o", "mine.json"]
    >>> record_trace("session.qmptrace", spawn=spawn, client=client).client_code
    0
    >>> result = replay_trace("session.qmptrace", spawn=spawn)
    >>> result.exit_code, result.new
    (0, [])
    """
    if (target is None) == (spawn is None):
        raise UsageError("say what to replay against: the address of a target, or how to start one")
    reader = TraceReader(trace, protocol)
    broken = broken_sessions(reader)
    with contextlib.ExitStack() as stack:
        found: Target = Running(parse_address(target)) if target else Spawned(spawn or "")
        stack.callback(found.close)
        redactor = Redactor() if redact else None
        name = redactor.command_line(found.name) if redactor else found.name
        result = ReplayResult(trace, output or "", name, Level(compare))
        writer, clock = None, Clock()
        if output:
            meta = {"replay": trace, "started": reader.header.started, "target": name}
            writer = stack.enter_context(
                TraceWriter(
                    output,
                    meta=meta,
                    overwrite=overwrite,
                    clock=clock,
                    batch=_BATCH,
                    redact=redactor,
                )
            )
        result.configured = tuple(masks)
        result.known = known or {}
        product = product_of(reader)
        sent = cache(lambda: sent_by_client(TraceReader(trace)))
        uses = cache(lambda: used_in(TraceReader(trace)))
        result.bindings.sent = sent
        result.bindings.catalog = cache(lambda: catalog_of_trace(trace))
        player = Player(
            found,
            result,
            writer,
            patience=Patience(event_timeout, timeout),
            masks=Masks((*BUILT_IN, *result.configured)),
            speed=speed,
            clock=clock,
            redact=Redactor() if redact else None,
            compare_greetings=lambda one, other: upgrade_of(one, other, product, uses),
            begin=reader.begin,
        )
        files = files_of(trace)
        if files and needs:
            needs(files)
        if prepare:
            make_ready(prepare, [one.path for one in files])
        for one in missing(files) if spawn else ():
            result.warn(
                f"line {one.line}: {one.command} opened {one.path}, which is not there: the client "
                "had made it outside QMP (--prepare makes such files)"
            )
        if watch:
            watch(reader)
        with rare_collections():
            items = of_servers(reader.items())
            player.play(steps(without(items, broken), reader.begin))
        if sent.cache_info().currsize and sent().is_cut:
            result.warn("the client sends too many values: bindings were inferred for some alone")
    if reader.torn:
        result.warn(f"{trace}: line {reader.torn} is torn: the recording was cut off there")
    elif not reader.finished and not result.failure:
        result.warn(f"{trace} was cut off: it has no last line; what is there was replayed")
    for text in warnings(reader, broken):
        result.warn(text)
    if not result.sessions:
        result.warn(f"{trace} holds no session: nothing was replayed")
    return result


def files_of(trace: str) -> list[NeededFile]:
    """The files that a replay needs (`qmpconf.replay.needs`), up to where the recording is damaged."""
    found: list[NeededFile] = []
    with contextlib.suppress(InputError):
        if any(True for _ in TraceReader(trace).records(holding(*SIGNS))):
            reader = TraceReader(trace)
            found = needed_files(steps(of_servers(reader.items()), reader.begin))
    return found


def used_in(reader: TraceReader) -> frozenset[str]:
    """The names of all commands and events of a recording, up to where it is damaged."""
    names = set()
    with contextlib.suppress(InputError):
        for told in summarize(of_servers(reader.items()), reader.begin):
            if told.kind in ("command", "event"):
                names.add(told.name)
    return frozenset(names)


def sent_by_client(reader: TraceReader) -> Sent:
    """The values that the clients of a recording send, up to where it is damaged.

    The replay itself reports the damage, once it gets there.
    """
    sent = Sent()
    with contextlib.suppress(InputError):
        for item in reader.items(holding(b'"client"')):
            if isinstance(item, Item) and item.sender == "client":
                sent.add(item.frame, item.line)
    return sent
