"""Two recordings, read side by side: which sessions both have, and what there is to know of the two files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from qmpconf.check.checking import product_of, rare_collections
from qmpconf.errors import UsageError
from qmpconf.replay.catalogs import catalog_of_trace, upgrade_of
from qmpconf.replay.compare import Level
from qmpconf.replay.diff.outcome import Diff
from qmpconf.replay.diff.session import Plan, Session
from qmpconf.replay.difference import Difference, Kind
from qmpconf.replay.gaps import gaps, told
from qmpconf.replay.learn.scenario import in_turn, numbered
from qmpconf.replay.masks import Mask
from qmpconf.replay.plan import Connect, Send
from qmpconf.replay.play.later import Later
from qmpconf.replay.play.replaying import sent_by_client, used_in
from qmpconf.replay.play.telling import Teller
from qmpconf.replay.result import ReplayResult
from qmpconf.text import counted
from qmpconf.trace.reader import TraceReader

#: Differences of the schemas of one release that may be those of its builds.
_MOST_CHANGES = 50
#: Of the commands that both could have in common, those that have to be: else it is said.
_LEAST_COMMON = 0.2


def diff_traces(
    first: str,
    second: str,
    *,
    level: Level = Level.VALUE,
    masks: Iterable[Mask] = (),
    known: Mapping[str, str] | None = None,
    protocol: str = "",
    watch: Callable[[TraceReader], object] = lambda _: None,
) -> Diff:
    """Compare the recordings `first` and `second` without a server.

    `level`, `masks` and `known` are those of a replay (`qmpconf.replay.play.replaying`).  `watch` is called with each
    reader.  Raises `InputError` for a trace that cannot be read, `UsageError` for recordings of two products.
    """
    readers = TraceReader(first, protocol), TraceReader(second, protocol)
    products = [product_of(one) for one in readers]
    if products[0] != products[1]:
        raise UsageError(
            f"{first} is a recording of {products[0]}, and {second} of {products[1]}: they have "
            "nothing to be compared by; name two recordings of one product"
        )
    result = ReplayResult(first, "", second, level)
    result.configured = tuple(masks)
    result.known = known or {}
    uses = cache(lambda: frozenset().union(*(used_in(TraceReader(one)) for one in (first, second))))
    result.bindings.sent = cache(lambda: sent_by_client(TraceReader(first)))
    result.bindings.catalog = cache(lambda: catalog_of_trace(first))
    teller = Teller(result, Later(), lambda a, b: upgrade_of(a, b, products[0], uses))
    diff = Diff(first, second, result)
    for reader in readers:
        watch(reader)
    with rare_collections():
        _Reading(diff, teller, _plans(readers)).read(readers)
    _warn(diff, readers)
    return diff


def _plans(readers: Sequence[TraceReader]) -> dict[int, Plan]:
    """The sessions by their numbers, from 1."""
    plans: dict[int, Plan] = {}
    for side, reader in enumerate(readers):
        for number, step in numbered(reader):
            plan = plans.setdefault(number, Plan())
            if isinstance(step, Connect):
                plan.servers[side] = step.server
                plan.conn = plan.conn if side else step.conn
            elif isinstance(step, Send) and step.number is not None:
                plan.commands[side].add(step)
    return plans


def _warn(diff: Diff, readers: Sequence[TraceReader]) -> None:
    """Say what a user must know of the two files."""
    for reader in readers:
        if reader.cut_off:
            diff.found.warn(reader.cut_off)
        for gap in gaps(reader):
            diff.found.warn(f"{told(reader, gap)}: what only the other one has may have been there")
            break
    changes = sum(one.first.subject.startswith("schema: ") for one in diff.found.differences)
    if diff.found.upgrade is None and changes > _MOST_CHANGES:
        diff.found.warn(
            f"both servers greet as one release, and their schemas differ in {changes:,} places: are they "
            "the same product, built alike?"
        )
    fewest = diff.commands + min(diff.alone)
    if fewest and diff.commands < _LEAST_COMMON * fewest:
        diff.found.warn(
            f"only {counted(diff.commands, 'command')} of {fewest:,} that could be are common to both: are "
            "these recordings of one scenario?"
        )


class _Reading:
    """The two recordings on their way; sessions have the same number in both."""

    def __init__(self, diff: Diff, teller: Teller, plans: dict[int, Plan]) -> None:
        self._diff = diff
        self._teller = teller
        self._plans = plans
        self._open: dict[int, Session] = {}

    def read(self, readers: Sequence[TraceReader]) -> None:
        for side, number, step in in_turn(readers[0], readers[1]):
            plan = self._plans[number]
            if not plan.is_of_both:
                if isinstance(step, Connect):
                    self._alone(side, number, step)
                continue
            session = self._open.get(number)
            if session is None:
                self._diff.found.sessions += 1
                session = self._open[number] = Session(plan, self._diff, self._teller)
            session.take(side, step)
            if session.is_over:
                session.finish()
                del self._open[number]

    def _alone(self, side: int, number: int, step: Connect) -> None:
        name = f"session {number}"
        words = ("not there", name) if side else (name, "not there")
        kind: Kind = "extra" if side else "missing"
        at, to = (0, step.line) if side else (step.line, 0)
        self._diff.found.differences.add(Difference(kind, "session", number, at, to, "", *words))
