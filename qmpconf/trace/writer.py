"""Records to lines to a file: append-only, one write a call, verbatim.

`TraceWriter` is the recorder's: each method writes whole lines with one call to the system, and
returns only when the system has taken them, so that a recorder that dies at any moment leaves a
valid prefix (qmpconf/trace/README.md, What a recorder does).  Where a file cannot take a line,
what did arrive of it is cut
off again and `OutputError` is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from qmpconf.errors import OutputError
from qmpconf.protocol.framing import MESSAGES, Frame, Kind
from qmpconf.trace.formatting import (
    PIECE,
    RECORDER,
    header_line,
    pieces,
    record_line,
    traffic_line,
    utc_text,
)
from qmpconf.trace.joining import Joiner
from qmpconf.trace.records import (
    VERSION,
    Close,
    Closer,
    Descriptor,
    Fault,
    Finish,
    Gap,
    Header,
    Open,
    Record,
    Shut,
    Side,
    Traffic,
    traffic,
)
from qmpconf.trace.repeats import Repeats, uncertain
from qmpconf.trace.rotation import Parts, Rotation
from qmpconf.trace.sink import Sink


class Redact(Protocol):
    """What keeps secrets out of a trace."""

    def __call__(self, conn: int, sender: Side, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        """What is written of a frame, and the pointers of what was replaced in it."""

    def may_hide(self, conn: int, sender: Side, frame: Frame) -> bool:
        """Whether there may be something to replace in a message: a quick look."""

    @property
    def telling(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]:
        """What a client's and a server's message hold that has a secret, as long as `is_usual`.

        The third says how a name ends in JSON that is the text of a server's string.
        """

    @property
    def echoes(self) -> tuple[bytes, ...]:
        """What was replaced, as it may stand in a message; the same tuple until there is more."""

    def is_usual(self, conn: int = 0, sender: Side = "client") -> bool:
        """Whether a side's messages have to be looked through for nothing but `telling` words and `echoes`."""

    def missed(self, conn: int, sender: Side, *, whole: bool) -> None:
        """A message was left out that could not be held; or what was not a whole one."""

    def forget(self, conn: int) -> None:
        """Session `conn` is over."""

    def text(self, text: str) -> str:
        """What is written of any other text."""


class Beside(Protocol):
    """Who writes lines into the same file: how many messages and bytes since it was last asked."""

    def written(self) -> tuple[int, int]:
        """Messages and bytes; each message was one line."""

    def look_for(self, values: tuple[bytes, ...], /) -> None:
        """Leave messages to us that hold one of these from now on."""

    def close(self) -> None:
        """Write nothing more: the file is closed."""


def _ignore(_: str) -> None:
    """Complain to nobody."""


#: A longer message, in bytes, in which there may be a secret, is left out: others would wait for it.
MOST_REDACTED = 4 << 20
#: So is one of so many values, unless it has fewer bytes than that.
_MOST_VALUES, _MANY = 100_000, 100_000
#: Frames of a message that was not held whole.
_PARTS = frozenset({Kind.PART, Kind.LONG})


def _is_long(data: bytes) -> bool:
    """Whether it would take long to replace what is secret in a message."""
    size = len(data)
    return size > _MANY and (size > MOST_REDACTED or data.count(b",") > _MOST_VALUES)


class TraceWriter:
    """Writes one trace file.

    `path` is created with mode 0600, compressed if it ends in ``.gz`` or ``.zst``; ``-`` is standard
    output.  An existing file is refused unless `overwrite`.  `clock` gives seconds on a monotonic clock.
    `started` is when the trace begins, where that is not now.  `batch` is the number of bytes that may
    wait to be written, for a trace that need not be ahead of anything.  With `rotation` the trace is in
    parts, and `path` names them all (`qmpconf.parts`).  `complain` is called with what a user should
    know: with `redact`, a message that comes in parts is left out; a part could not be begun.  Raises
    `UsageError` for an existing file, `OutputError` for one that cannot be written; so do all methods.
    """

    def __init__(
        self,
        path: str,
        *,
        meta: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        clock: Callable[[], float] = time.monotonic,
        redact: Redact | None = None,
        started: datetime | None = None,
        batch: int = 0,
        rotation: Rotation | None = None,
        complain: Callable[[str], None] = _ignore,
    ) -> None:
        self.path = path
        self.sessions = 0
        self._messages = 0
        self.lines = 1  # so far, with the header
        self._beside: Beside | None = None
        self._said: tuple[bytes, ...] = ()  # what it knows was replaced
        self._clock = clock
        self._start = clock()
        self._redact = redact
        self._is_timed = clock is time.monotonic
        self._complain = complain
        self._missing: set[tuple[int, Side]] = set()  # ways in the middle of what is left out
        self._joiner = Joiner()
        self._parts: Parts | None = None
        self._repeats: Repeats | None = None
        began = utc_text(started or datetime.now(UTC))
        self._header = Header(VERSION, began, RECORDER, meta or {})
        if rotation is not None:
            self._repeats = Repeats()
            self._parts = Parts(path, rotation, self.now, complain, overwrite=overwrite)
            self._sink = self._parts.begin(self._header)
            return
        self._sink = Sink(path, overwrite=overwrite, batch=batch)
        try:
            self._sink.write(header_line(self._header))
        except OutputError:
            self.discard()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()

    def now(self) -> float:
        """Seconds since the trace was started."""
        return self._clock() - self._start

    @property
    def messages(self) -> int:
        """How many messages are in the trace."""
        self._catch_up()
        return self._messages

    @messages.setter
    def messages(self, count: int) -> None:
        self._messages = count

    @property
    def plain(
        self,
    ) -> tuple[int, float, tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]] | None:
        """What another one needs to write usual messages here, or None where Python has to.

        The file, when the trace began on the system's monotonic clock, and the three of `Redactor.telling`.
        """
        if self._parts is not None or not self._is_timed or self._sink.plain_fd < 0:
            return None
        telling = self._redact.telling if self._redact is not None else ((), (), ())
        return self._sink.plain_fd, self._start, *telling

    def goes_with(self, beside: Beside) -> None:
        """Another one writes here as well, until it is closed with the file."""
        self._beside = beside

    def lets_go_on(self) -> bool:
        """Whether the other one may write usual messages now; it gets to know what has been replaced."""
        if self._beside is not None and self._redact is not None:
            echoes = self._redact.echoes
            if echoes is not self._said:
                self._said = echoes
                self._beside.look_for(echoes)
        return self.is_usual()

    def is_usual(self, conn: int = 0, sender: Side = "client") -> bool:
        """Whether a message without what `Redact` looks for is one line as it is; without `conn`, for anybody."""
        return (
            self._joiner.idle
            and not self._missing
            and (self._redact is None or self._redact.is_usual(conn, sender))
        )

    def _catch_up(self) -> None:
        """Count what was written beside."""
        if self._beside is not None:
            messages, size = self._beside.written()
            self._messages += messages
            self.lines += messages
            self._sink.size += size

    def open(
        self,
        conn: int,
        *,
        client: str = "",
        server: str = "",
        through: int = 0,
        shared: bool = False,
    ) -> None:
        """Write that session `conn` begins; `through` another one, or `shared`, as with `Open`."""
        self._turn()
        self.sessions += 1
        if self._redact is not None:
            client, server = self._redact.text(client), self._redact.text(server)
        self._event(Open(0, self.now(), conn, client, server, through, shared))

    def frames(
        self,
        conn: int,
        sender: Side,
        frames: Sequence[Frame],
        fds: tuple[Descriptor, ...] = (),
    ) -> None:
        """Write frames that came together, with one write; `fds` rode on the first.

        Noise takes one record (`qmpconf.trace.joining`), with all that it was given in one call.
        """
        self._turn()
        redact = self._redact
        if (
            len(frames) == 1
            and frames[0].plain
            and not _is_long(frames[0].data)
            and not self._missing
        ):  # nearly all
            self._together(conn, sender, frames, fds)
        elif redact is not None and (
            (self._missing and (conn, sender) in self._missing)
            or any(frame.kind in _PARTS or _is_long(frame.data) for frame in frames)
        ):
            for frame in frames:
                if (
                    frame.kind in _PARTS
                    or (conn, sender) in self._missing
                    or (_is_long(frame.data) and redact.may_hide(conn, sender, frame))
                ):
                    self._leave_out(conn, sender, frame, redact)
                else:
                    self._together(conn, sender, (frame,), fds)
                fds = ()
        else:
            self._together(conn, sender, frames, fds)

    def _together(
        self, conn: int, sender: Side, frames: Sequence[Frame], fds: tuple[Descriptor, ...]
    ) -> None:
        t = self._clock() - self._start
        if len(frames) == 1 and self._joiner.idle:
            frame, redacted = self._taken(conn, sender, frames[0])
            if self._repeats is not None:
                self._repeats.frame(traffic(0, t, conn, sender, frame, fds, redacted), frame)
            if frame.plain:
                self._put(traffic_line(t, conn, sender, frame, fds, redacted))
            else:
                self._records((traffic(0, t, conn, sender, frame, fds, redacted),))
            return
        records = []
        for each in frames:
            frame, redacted = self._taken(conn, sender, each)
            record = traffic(0, t, conn, sender, frame, fds, redacted)
            if self._repeats is not None:
                self._repeats.frame(record, frame)
            records.append(record)
            fds = ()
        self._records(self._joiner.of(records))

    def _leave_out(self, conn: int, sender: Side, frame: Frame, redact: Redact) -> None:
        """A gap in place of a piece of a message that came in parts: secrets may be across them.

        Or of a long one, in which it would take too long to look for them.
        """
        if (conn, sender) not in self._missing:
            self._missing.add((conn, sender))
            self._complain(
                f"session {conn}: a message of the {sender} is too long to be redacted, and is left "
                "out of the trace"
            )
        is_whole = frame.kind in (Kind.LONG, Kind.VALUE)
        if frame.kind is not Kind.PART:
            self._missing.discard((conn, sender))
            redact.missed(conn, sender, whole=is_whole)
        size = len(frame.data) + len(frame.end)
        self._missed(Gap(0, self.now(), conn, sender, size, messages=int(is_whole)))

    def _records(self, records: Iterable[Record]) -> None:
        """Write records together; long ones in pieces, which a reader joins."""
        lines = []
        for record in records:
            if isinstance(record, Traffic) and record.form != "msg" and len(record.data) > PIECE:
                for piece in pieces(record):
                    lines.append(record_line(piece))
                    self._put(b"".join(lines), len(lines))
                    lines.clear()
            else:
                lines.append(record_line(record))
        if lines:
            self._put(b"".join(lines), len(lines))

    def _taken(self, conn: int, sender: Side, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        """What is written of a frame, and the pointers of what was replaced in it."""
        redacted: tuple[str, ...] = ()
        if self._redact is not None:
            frame, redacted = self._redact(conn, sender, frame)
        if frame.kind in MESSAGES:
            self._messages += 1
        return frame, redacted

    def gap(self, conn: int, sender: Side, size: int = 0, *, messages: int = 0) -> None:
        """Write that `size` bytes of `sender` are missing here (0: an unknown number).

        `messages` is how many whole messages, where that is known.
        """
        self._missed(Gap(0, self.now(), conn, sender, size, messages))

    def _missed(self, gap: Gap) -> None:
        if self._repeats is not None:
            self._repeats.take(gap)
        self._records(self._joiner.of((gap,)))

    def shut(self, conn: int, who: Side) -> None:
        """Write that `who` has closed its sending direction."""
        self._event(Shut(0, self.now(), conn, who))

    def close(self, conn: int, who: Closer, *, error: str = "") -> None:
        """Write that session `conn` has ended, by `who` first."""
        if self._redact is not None:
            error = self._redact.text(error)
            self._redact.forget(conn)
            self._missing -= {(conn, "client"), (conn, "server")}
        self._event(Close(0, self.now(), conn, who, error))

    def fault(
        self,
        conn: int,
        kind: str,
        message: str,
        *,
        rule: int = 0,
        seconds: float = 0.0,
        given: bool = False,
    ) -> None:
        """Write what is done on purpose, as `Fault` has it."""
        message = self._redact.text(message) if self._redact is not None else message
        self._put(record_line(Fault(0, self.now(), conn, kind, message, rule, seconds, given)))

    def finish(self) -> None:
        """Write the footer and close the file."""
        if self._sink.closed:
            return
        try:
            self._put(record_line(self._footer()), last=True)
        finally:
            self.abandon()

    def _footer(self) -> Finish:
        return Finish(0, self.now(), self.sessions, self.messages)

    def resume(self) -> None:
        """Go on after a write that failed.  Raises `OutputError` where that is not possible yet."""
        self._sink.mend()
        self._missing.clear()

    def abandon(self) -> None:
        """Close the file without a footer: the recording was cut off."""
        self._alone()
        self._sink.close()

    def discard(self) -> None:
        """Close the file and remove it: nothing was recorded, and it would be in the way."""
        self._alone()
        self._sink.discard()

    def _alone(self) -> None:
        """Have nobody write beside us any more."""
        if self._beside is not None:
            self._catch_up()
            self._beside.close()
            self._beside = None

    def _event(self, record: Open | Shut | Close) -> None:
        if self._repeats is not None:
            self._repeats.take(record)
        self._put(record_line(record))

    def _put(self, lines: bytes, count: int = 1, *, last: bool = False) -> None:
        self.lines += count
        if self._beside is not None:
            self._catch_up()
        try:
            self._sink.put(lines, last=last)
        except OutputError:
            self._alone()
            raise

    def _turn(self) -> None:
        """Go on in the next part, if it is time for that."""
        if self._parts is None or self._repeats is None or not self._parts.due(self._sink):
            return
        repeated = self._repeats.records()
        before = self._sink
        self._sink = self._parts.go_on(before, self._header, repeated, self._footer())
        if self._sink is not before:
            # Behind such a gap a reader looks for a message where a record begins.
            list(self._joiner.of(uncertain(repeated)))
