"""A trace while a session is held: the writer, and the line that each record got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qmpconf.faults.engine import Happened
from qmpconf.protocol.framing import Frame
from qmpconf.trace.records import Closer, Descriptor, Side
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import Redact, TraceWriter


class Tape:
    """Writes one trace file, and counts its lines.  Raises as `TraceWriter` does.

    `client` is who talks to the server; `redact` keeps secrets out (None: as in a recording).
    """

    def __init__(
        self,
        path: str,
        meta: Mapping[str, Any] | None = None,
        *,
        client: str = "conformance suite",
        redact: Redact | None = None,
    ) -> None:
        self.path = path
        self._client = client
        self._writer = TraceWriter(path, meta=meta, overwrite=True, redact=redact or Redactor())
        self._sessions = 0

    @property
    def line(self) -> int:
        """The last line so far."""
        return self._writer.lines

    def open(self, server: str) -> int:
        """A session begins; gives its number."""
        self._sessions += 1
        self._writer.open(self._sessions, client=self._client, server=server)
        return self._sessions

    def frames(
        self, conn: int, sender: Side, frames: Sequence[Frame], fds: tuple[Descriptor, ...] = ()
    ) -> int:
        """Frames that came together; gives the line of the first one."""
        first = self.line + 1
        if frames:
            self._writer.frames(conn, sender, frames, fds)
        return first

    def shut(self, conn: int, who: Side) -> None:
        """`who` sends nothing more."""
        self._writer.shut(conn, who)

    def close(self, conn: int, who: Closer, error: str = "") -> None:
        """A session ends."""
        self._writer.close(conn, who, error=error)

    def fault(self, happened: Happened) -> None:
        """Something was done on purpose."""
        happened.write(self._writer)

    def finish(self) -> None:
        """The trace is complete."""
        self._writer.finish()
