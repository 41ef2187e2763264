"""A recording in parts, none of which grows beyond a size or an age (qmpconf/trace/README.md, Parts).

`Parts` says when the next one begins, begins it, and removes those that are not to be kept.  A part that
cannot be begun costs nothing: the recording goes on in the one before, and it is tried again later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qmpconf.errors import OutputError, QmpconfError, UsageError
from qmpconf.outputs import existing, is_locked
from qmpconf.parts import name_of, numbers_of, whole_of
from qmpconf.trace.formatting import header_line, record_line, repeated_line
from qmpconf.trace.records import Finish, Header, Record
from qmpconf.trace.sink import Sink

#: Seconds after which a part that could not be begun is tried again.
_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Rotation:
    """When the next part begins, and how many are kept; 0 sets no limit.

    `max_size` is in bytes on the disk, `max_age` in seconds.  With `family` the parts of all recordings in
    the folder whose names begin with that, and a digit, are counted together.  Raises UsageError for a size or an age
    without which nothing is in parts, or a `keep` below 2: one part is being written.
    """

    max_size: int = 0
    max_age: float = 0.0
    keep: int = 0
    family: str = ""

    def __post_init__(self) -> None:
        if not self.max_size and not self.max_age:
            raise UsageError("--keep is for a recording in parts: say --max-size or --max-age")
        if self.keep == 1:
            raise UsageError("--keep 1 would remove what was just recorded: keep 2 parts at least")


class Parts:
    """The parts of the recording `path`, which `begin` begins.

    `now` gives seconds, `complain` is called with what a user should know.  With `overwrite`, an earlier
    recording of that name goes.  Raises `UsageError` where there is one otherwise.
    """

    def __init__(
        self,
        path: str,
        rotation: Rotation,
        now: Callable[[], float],
        complain: Callable[[str], None],
        *,
        overwrite: bool,
    ) -> None:
        self._path = path
        self._rotation = rotation
        self._now = now
        self._complain = complain
        self._number = 0
        self._since = now()
        self._most = rotation.max_size  # bytes of the part that is written
        self._not_before = 0.0
        _clear(path, overwrite=overwrite)

    def due(self, sink: Sink) -> bool:
        """Whether the next part is to begin."""
        now = self._now()
        if now < self._not_before:
            return False
        age = self._rotation.max_age
        return 0 < self._most <= sink.size or 0 < age <= now - self._since

    def begin(self, header: Header, repeated: Sequence[Record] = ()) -> Sink:
        """The next part, with its first lines.  Raises `OutputError`, and then there is none."""
        number = self._number + 1
        sink = Sink(name_of(self._path, number))
        try:
            first = header_line(replace(header, part=number))
            sink.write(first + b"".join(map(repeated_line, repeated)))
        except OutputError:
            sink.discard()
            raise
        self._number = number
        self._since = self._now()
        # Half of a part at least is its own.
        self._most = max(self._rotation.max_size, 2 * sink.size) if self._rotation.max_size else 0
        return sink

    def go_on(self, old: Sink, header: Header, repeated: Sequence[Record], finish: Finish) -> Sink:
        """Go on behind `old`, whose last line is `finish`; gives `old` where that cannot be."""
        self._make_room()
        try:
            sink = self.begin(header, repeated)
        except QmpconfError as error:
            cause = error.__cause__
            why = cause.strerror if isinstance(cause, OSError) else str(error)
            name = name_of(self._path, self._number + 1)
            self._complain(f"cannot begin {name}: {why}; the recording goes on in {old.path}")
            self._not_before = self._now() + _PAUSE
            return old
        try:
            old.write(record_line(replace_next(finish, self._number)), last=True)
            old.close()
        except OutputError as error:
            self._complain(f"{old.path} has no last line: {error}")
            old.close()
        return sink

    def _make_room(self) -> None:
        """Remove the oldest parts, so that with the next one there are no more than are kept."""
        if not self._rotation.keep:
            return
        for path in self._older()[: 1 - self._rotation.keep]:
            try:
                if not is_locked(path):
                    os.unlink(path)
            except OSError as error:
                self._complain(f"cannot remove {path}: {error.strerror}")

    def _older(self) -> list[str]:
        """All parts that are there, the oldest first."""
        family = self._rotation.family
        folder = os.path.dirname(self._path)
        if not family:
            wholes = [self._path]
        else:
            named = (whole_of(name) for name in os.listdir(folder or "."))
            wholes = sorted({os.path.join(folder, one) for one in named if _is_of(family, one)})
        return [name_of(whole, number) for whole in wholes for number in numbers_of(whole)]


def _is_of(family: str, name: str) -> bool:
    return name.startswith(family) and name[len(family) :][:1].isdigit()


def replace_next(finish: Finish, number: int) -> Finish:
    """The same footer, behind which part `number` goes on."""
    return Finish(finish.line, finish.t, finish.sessions, finish.messages, number)


def _clear(path: str, *, overwrite: bool) -> None:
    """Make sure that no earlier recording is in the way.  Raises `UsageError`, or `OutputError`."""
    there = [name_of(path, number) for number in numbers_of(path)]
    there += [path] if os.path.lexists(path) else []
    if there and not overwrite:
        raise existing(there[0])
    for one in there:
        if is_locked(one):
            raise UsageError(f"{one} is being written by another recorder; choose another name")
    for one in there:
        try:
            os.unlink(one)
        except OSError as error:
            raise OutputError(f"cannot remove {one}: {error.strerror}") from error
