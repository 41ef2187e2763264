"""What came of some files of a corpus, and how two such heaps become one.

A `Task` is done once for each file, wherever that is: in this process, in another one, on another
machine.  What comes of it is a part, which says by its own ``merge`` what two of them make.
`Gathered` counts each file once: it is associative, commutative, and what is given twice counts
once.  So the outcome is that of one run over all files, however they were split, in whatever order
they came, and whatever was done again because a worker died.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, runtime_checkable

from qmpconf.errors import InputError
from qmpconf.packed import spooling

if TYPE_CHECKING:
    from qmpconf.corpus.shared import Plan
    from qmpconf.trace.reader import TraceReader

#: Counts what is read of a trace in the meantime (`Progress.reading`).
Watch = Callable[["TraceReader"], AbstractContextManager[None]]


class Part(Protocol):
    """What came of one or more files."""

    def merge(self, other: Self) -> Self:
        """Both; associative and commutative.  Neither is changed, nor of any use afterwards."""


P = TypeVar("P", bound=Part)
P_co = TypeVar("P_co", bound=Part, covariant=True)


class Task(Protocol[P_co]):
    """What is done with a file; can be pickled."""

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[P_co, list[str]]:
        """What comes of the file, which has that number, and what to say of it on stderr.

        Raises InputError for one that cannot be read.
        """


@runtime_checkable
class Divisible(Protocol):
    """A task that can be done by several processes with one large file (`qmpconf.corpus.shared`)."""

    def plan(self, number: int, path: str, jobs: int, watch: Watch) -> Plan:
        """What is to be done in which rounds; returns what the task does with the whole file."""


@dataclass(frozen=True, slots=True)
class Gathered(Generic[P]):
    """What came of the files with these `numbers`; `part` is None where none could be read.

    By the files' numbers: `unread` are those that could not be read, and why; `said` is what there is
    to say of the others.  `interrupted`: somebody ended it before all files were done.
    """

    part: P | None = None
    numbers: frozenset[int] = frozenset()
    unread: dict[int, str] = field(default_factory=dict)
    said: dict[int, list[str]] = field(default_factory=dict)
    interrupted: bool = False

    def merge(self, other: Gathered[P]) -> Gathered[P]:
        """Both together.  Raises ValueError where they have some files in common, and others not."""
        if other.numbers <= self.numbers:
            return self
        if self.numbers <= other.numbers:
            return other
        if self.numbers & other.numbers:
            raise ValueError("two heaps share some of their files: nobody can say what is in both")
        both = [one.part for one in (self, other) if one.part is not None]
        return Gathered(
            both[0].merge(both[1]) if len(both) == 2 else next(iter(both), None),
            self.numbers | other.numbers,
            self.unread | other.unread,
            self.said | other.said,
        )

    @property
    def errors(self) -> list[InputError]:
        """Why files could not be read, in their order."""
        return [InputError(self.unread[number]) for number in sorted(self.unread)]


def unwatched(_: TraceReader) -> AbstractContextManager[None]:
    """Count nothing."""
    return nullcontext()


def one(task: Task[P], number: int, path: str, watch: Watch = unwatched) -> Gathered[P]:
    """What comes of one file."""
    numbers = frozenset((number,))
    try:
        with spooling():  # what is elsewhere is fetched once
            part, said = task(number, path, watch)
    except InputError as error:
        return Gathered(None, numbers, {number: str(error)})
    return Gathered(part, numbers, {}, {number: said})


def together(heaps: Iterable[Gathered[P]]) -> Gathered[P]:
    """All of them."""
    whole: Gathered[Any] = Gathered()
    for heap in heaps:
        whole = whole.merge(heap)
    return whole
