"""A replay from beginning to end: the trace is opened, the target reached, the result given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Literal

from qmpconf.check.run import product_of, rare_collections
from qmpconf.errors import InputError, UsageError
from qmpconf.net.address import parse_address
from qmpconf.replay.catalogs import catalog_of_trace, upgrade_of
from qmpconf.replay.compare import Level
from qmpconf.replay.gaps import broken_sessions, warnings, without
from qmpconf.replay.inference import Sent
from qmpconf.replay.link import Clock
from qmpconf.replay.masks import BUILT_IN, Mask, Masks
from qmpconf.replay.plan import steps
from qmpconf.replay.player import EVENT_PATIENCE, REPLY_PATIENCE, Patience, Player
from qmpconf.replay.result import Result
from qmpconf.replay.target import Running, Spawned, Target
from qmpconf.trace.reader import Item, TraceReader
from qmpconf.trace.redaction import Redactor
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
    watch: Callable[[TraceReader], object] | None = None,
) -> Result:
    """Replay `trace` as its client, against the server at `target` or one that `spawn` starts.

    `target` is an address, `spawn` a command line with ``{socket}`` in it.  The replay's own trace
    goes to the file `output`, if there is one.  `event_timeout` and `timeout` are seconds: for an
    event, and for a reply.  `speed` paces by the recorded times (1: as recorded; 0: as fast as
    causes allow).  `masks` are masks besides the built-in ones (`qmpconf.replay.configuration`),
    `known` the reasons of known differences by their fingerprints.  `watch` is told the reader
    when the replay begins.
    A target that hangs or goes away, and an interrupt, are told in the result.

    Raises `UsageError`, `InputError` for the trace, `OutputError` for the output.
    """
    if (target is None) == (spawn is None):
        raise UsageError("say what to replay against: the address of a target, or how to start one")
    reader = TraceReader(trace)
    broken = broken_sessions(reader)
    with contextlib.ExitStack() as stack:
        found: Target = Running(parse_address(target)) if target else Spawned(spawn or "")
        stack.callback(found.close)
        redactor = Redactor() if redact else None
        name = redactor.command_line(found.name) if redactor else found.name
        result = Result(trace, output or "", name, Level(compare))
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
            compare_greetings=lambda one, other: upgrade_of(one, other, product),
        )
        if watch:
            watch(reader)
        with rare_collections():
            player.play(steps(without(reader.items(), broken)))
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


def sent_by_client(reader: TraceReader) -> Sent:
    """The values that the clients of a recording send, up to where it is damaged.

    The replay itself tells of the damage, once it gets there.
    """
    sent = Sent()
    with contextlib.suppress(InputError):
        for item in reader.items((b'"client"',)):
            if isinstance(item, Item) and item.sender == "client":
                sent.add(item.frame, item.line)
    return sent
