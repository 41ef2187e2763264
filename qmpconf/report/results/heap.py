"""What several streams say, each record once: what a report is made of (`qmpconf.report.results.merge`).

Two heaps become one by `Heap.merge`, for which neither order nor grouping counts, and which may be
given the same twice: so results can be read by as many processes as there are, in whatever order
they come.  A heap goes from one process to another as JSON, which costs less than objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeVar, cast

from qmpconf.report.results import joining
from qmpconf.report.results.records import Finish, Gone, Header, Record, Rule, Subject
from qmpconf.report.results.stream import Packed, ResultFile, dumped, listed, unlisted

_R = TypeVar("_R", bound=Record)
#: Bytes of what stands for a record, and for a stream.
_SIZE = 16


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream, without the records that are the same wherever they come from.

    `damage` says what is wrong with it, or is empty; `origin` is its path.  `fails`: the run fails for
    something else than the entries that were `gone` in it.
    """

    header: Header
    finish: Finish | None
    damage: str
    origin: str
    subjects: tuple[Subject, ...]
    rules: tuple[Rule, ...]
    gone: tuple[Gone, ...]
    fails: bool


@dataclass(slots=True)
class Heap:
    """Streams, by what sorts them and is the same for two copies of one; and their records, each once."""

    streams: dict[bytes, Stream] = field(default_factory=dict)
    records: dict[type[Any], dict[bytes, Record]] = field(default_factory=dict)

    @classmethod
    def of(cls, result: ResultFile, *, packed: bool = True) -> Heap:
        """One stream.  Without `packed`, what is packed is left out: for a view that does not show it."""
        heap = cls()
        whole = blake2b(digest_size=_SIZE)
        for record in _every(result, packed=packed):
            key = blake2b(dumped(record), digest_size=_SIZE).digest()
            whole.update(key)
            heap.records.setdefault(type(record), {})[key] = record
        whole.update(dumped(result.finish) if result.finish else b"")
        head = result.header
        sorts = f"{head.verb} {head.label} {head.started}\n".encode("utf-8", "surrogatepass")
        gone = tuple(heap.all(Gone))
        stream = Stream(
            head,
            result.finish,
            result.damage,
            result.origin,
            tuple(heap.all(Subject)),
            tuple(heap.all(Rule)),
            gone,
            bool(gone) and joining.fails_otherwise(heap._any(), strict=head.strict),
        )
        heap.records.pop(Subject, None)
        heap.records.pop(Rule, None)
        heap.streams[sorts + dumped(head) + b"\n" + whole.digest()] = stream
        return heap

    def merge(self, other: Heap) -> Heap:
        """Both; neither is of any use afterwards.  Of two copies of a stream, that of the first path counts."""
        large, small = sorted((self, other), key=lambda heap: -len(heap.streams))
        for key, stream in small.streams.items():
            known = large.streams.get(key)
            if known is None or stream.origin < known.origin:
                large.streams[key] = stream
        for kind, records in small.records.items():
            large.records.setdefault(kind, {}).update(records)
        return large

    def all(self, kind: type[_R]) -> list[_R]:
        """Its records of one kind, each once, in no order."""
        return cast("list[_R]", list(self.records.get(kind, {}).values()))

    def in_order(self) -> list[Stream]:
        """Its streams, in an order that is always the same."""
        return [self.streams[key] for key in sorted(self.streams)]

    def _any(self) -> Iterable[Record]:
        return (record for same in self.records.values() for record in same.values())

    def __getstate__(self) -> Any:
        kinds = [
            (kind, b"".join(same), listed(list(same.values())))
            for kind, same in self.records.items()
        ]
        return self.streams, kinds

    def __setstate__(self, state: Any) -> None:
        self.streams, kinds = state
        self.records = {}
        for kind, keys, data in kinds:
            every = (keys[at : at + _SIZE] for at in range(0, len(keys), _SIZE))
            self.records[kind] = dict(zip(every, unlisted(data), strict=True))


def _every(result: ResultFile, *, packed: bool) -> Iterable[Record]:
    if packed:
        return result.every()
    return (record for record in result.records if not isinstance(record, Packed))


def together(heaps: Iterable[Heap]) -> Heap:
    """All of them."""
    whole = Heap()
    for heap in heaps:
        whole = whole.merge(heap)
    return whole
