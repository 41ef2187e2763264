"""One live session of a replay: its socket, what is to be sent, and its two transcripts' matcher.

A `Link` moves bytes, writes them to the replay's own trace and hands messages to its `Matcher`.
When to wait and when to give up is `qmpconf.replay.play.player`'s business.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from qmpconf.net.descriptors import send
from qmpconf.protocol.framing import SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.messages import Command, Success, Unknown, from_server
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.replay.play.later import Later
from qmpconf.replay.play.match import Matcher
from qmpconf.replay.said import Said, Transcript
from qmpconf.trace.records import Closer, Descriptor, Side
from qmpconf.trace.writer import Redact, TraceWriter

#: Bytes read at once.
_CHUNK = 1 << 18


#: Seconds between two times that is asked whether a process has ended, and how often that is asked.
_POLL, _MOST_POLLS = 0.02, 500

#: Lines of the replay's own trace that may wait to be written.
_UNWRITTEN = 200


class Clock:
    """The monotonic clock of a replay's trace: says when something passed, however late it asks."""

    def __init__(self) -> None:
        self.stopped: float | None = None

    def __call__(self) -> float:
        """Seconds."""
        return time.monotonic() if self.stopped is None else self.stopped


class Log:
    """The replay's own trace; `line` is the number of its last line.  Without a writer, no file.

    Nothing is delivered to anyone, so a line need not be written before the replay goes on: what
    is not written yet is in `later`.  `clock` is the writer's.
    """

    def __init__(self, writer: TraceWriter | None, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self.line = 1
        self.later = Later(_UNWRITTEN)

    def _put(self, write: Callable[[], None]) -> None:
        self.later.add(partial(self._write, time.monotonic(), write))

    def _write(self, moment: float, write: Callable[[], None]) -> None:
        self._clock.stopped = moment
        try:
            write()
        finally:
            self._clock.stopped = None

    def open(self, conn: int, server: str) -> None:
        """A session begins."""
        self.line += 1
        if self._writer:
            self._put(partial(self._writer.open, conn, client="qmpconf replay", server=server))

    def frames(
        self, conn: int, sender: Side, frames: Sequence[Frame], fds: tuple[Descriptor, ...] = ()
    ) -> None:
        """Frames passed; the last one of them is on `line` now."""
        self.line += len(frames)
        if self._writer:
            self._put(partial(self._writer.frames, conn, sender, frames, fds))

    def shut(self, conn: int, who: Side) -> None:
        """One side has closed its sending direction."""
        self.line += 1
        if self._writer:
            self._put(partial(self._writer.shut, conn, who))

    def close(self, conn: int, who: Closer, error: str = "") -> None:
        """A session has ended."""
        self.line += 1
        if self._writer:
            self._put(partial(self._writer.close, conn, who, error=error))


class Link:
    """The session that stands for session `conn` of the recording.

    `redact` takes secrets out of what is compared, as they were taken out of the recording: what the
    target says is shown where it differs.  The log has its own.
    """

    def __init__(
        self,
        conn: int,
        sock: socket.socket,
        matcher: Matcher,
        log: Log,
        redact: Redact | None = None,
        begin: Callable[[], Session] = Session,
    ) -> None:
        self.conn = conn
        self.sock = sock
        self.matcher = matcher
        self.transcript = Transcript(begin)
        #: The target has sent all that it will; `error` says if that was not an orderly end.
        self.ended = False
        self.error = ""
        #: Nothing has passed yet; and it is not the first connection that was made.
        self.is_untouched = True
        self.is_second = False
        #: Messages of the recording could not be sent any more.
        self.lost = False
        #: Bytes that the target has taken.
        self.taken = 0
        #: Whether the selector watches when the target takes bytes.
        self.is_watched = False
        self._framer = Framer(SERVER_LIMITS)
        self._log = log
        self._redact = redact
        self._output: deque[tuple[memoryview, list[int]]] = deque()
        self._closed = False
        #: Whether descriptors can ride on what is sent.
        self.passes_descriptors = sock.family == socket.AF_UNIX
        # A new buffer of this size for each read would take longer than most messages do.
        self._chunk = memoryview(bytearray(_CHUNK))
        self._prepared: tuple[bytes, Frame] | None = None
        self._sent: Frame | None = None  # what was prepared, and is sent
        self._latest: Frame | None = None  # what was sent last
        self._polls = 0  # how often that was sent again
        sock.setblocking(False)

    @property
    def is_sending(self) -> bool:
        """Whether bytes wait to be taken by the target."""
        return bool(self._output)

    @property
    def is_done(self) -> bool:
        """Whether everything planned so far has been sent, and met by the target."""
        return self.matcher.satisfied and not self._output

    # --- sending -------------------------------------------------------------------------------

    def send(
        self,
        frame: Frame,
        message: Command | Unknown | None,
        fds: list[int],
        described: tuple[Descriptor, ...],
    ) -> None:
        """Send a frame; `fds` ride on its first byte, and are closed then.

        `message` is what it says, where that is known.
        """
        self.is_untouched = False
        if self._sent is not None:
            message = message if self._sent == frame else None
            frame = self._sent
        else:
            self._output.append((memoryview(frame.data + frame.end), fds))
            self.flush()
        self._prepared = self._sent = None
        self._latest, self._polls = frame, 0
        # The target works from here on.
        self._log.frames(self.conn, "client", [frame], described)
        if self._redact is not None:
            shown, places = self._redact(self.conn, "client", frame)
            frame, message = (shown, None) if places else (frame, message)
        if self.transcript.client(frame, message) is not None:
            self.matcher.sent(frame.data)

    def prepare(self, frame: Frame, said: Said) -> None:
        """Send `frame` as soon as the target says just what is `said`; `send` has to follow."""
        self._prepared = said.data + self.transcript.end, frame

    def flush(self) -> None:
        """Send what the target takes."""
        while self._output and not self.ended:
            data, fds = self._output[0]
            try:
                sent = send(self.sock, data, fds) if fds else self.sock.send(data)
            except BlockingIOError:
                return
            except OSError as error:
                # What the target sent before it went can still be read.
                self.error = error.strerror or str(error)
                self._forget_output()
                return
            _close(fds)
            self.taken += sent
            if sent == len(data):
                self._output.popleft()
            else:
                self._output[0] = (data[sent:], [])

    def half_close(self) -> None:
        """End the sending side."""
        self._log.shut(self.conn, "client")
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.error = self.error or error.strerror or str(error)

    # --- receiving -----------------------------------------------------------------------------

    def receive(self) -> None:
        """Take what the target has sent, or the end of it."""
        try:
            data = bytes(self._chunk[: self.sock.recv_into(self._chunk)])
        except BlockingIOError:
            return
        except OSError as error:
            self.error = error.strerror or str(error)
            data = b""
        self.is_untouched = self.is_untouched and not data
        if self._prepared is not None and data == self._prepared[0] and self._framer.idle:
            self._sent = self._prepared[1]
            self._output.append((memoryview(self._sent.data + self._sent.end), []))
            self.flush()
        frames = self._framer.feed(data) if data else self._framer.close()
        if frames:
            line = self._log.line
            self._log.frames(self.conn, "server", frames)
            for offset, frame in enumerate(frames, 1):
                if self.transcript.polled and self._is_early(frame):
                    continue
                places: tuple[str, ...] = ()
                if self._redact is not None:
                    frame, places = self._redact(self.conn, "server", frame)  # noqa: PLW2901
                known = self.matcher.alike(frame.data)
                said = self.transcript.server(frame, line + offset, places, known)
                if said is not None:
                    self.matcher.got(said)
        if not data:
            self.ended = True
            self._forget_output()

    def _is_early(self, frame: Frame) -> bool:
        """Whether that says "not yet" where the recording says "yes": then it is asked once more.

        The recorded client may have asked often, or late; how long a process takes is not the server's choice.
        """
        due, latest = self.matcher.only_due, self._latest
        member = self.transcript.polled.get(due.command) if due is not None else None
        if due is None or member is None or latest is None or self._polls >= _MOST_POLLS:
            return False
        if not (_is(due.message, member, said=True) and frame.kind is Kind.VALUE):
            return False
        if not _is(from_server(frame.data), member, said=False):
            return False
        self._polls += 1
        time.sleep(_POLL)
        self._output.append((memoryview(latest.data + latest.end), []))
        self._log.frames(self.conn, "client", [latest])
        self.flush()
        return True

    def connect_again(self, sock: socket.socket) -> None:
        """Go on with another connection; nothing has passed on the one before, which has ended."""
        self.sock.close()
        sock.setblocking(False)
        self.sock = sock
        self.ended = False
        self.is_second = True

    # --- the end -------------------------------------------------------------------------------

    def close(self, who: Closer) -> None:
        """Close the session; `who` ended it."""
        if self._closed:
            return
        self._closed = True
        self._forget_output()
        self.sock.close()
        if self._redact is not None:
            self._redact.forget(self.conn)
        self.transcript.close(Party(who) if who in ("client", "server") else None)
        self._log.close(self.conn, who, self.error)

    def _forget_output(self) -> None:
        for _, fds in self._output:
            _close(fds)
        self._output.clear()


def _is(message: object, member: str, *, said: bool) -> bool:
    """Whether a success returns an object with a member that is `said`."""
    result = message.result if isinstance(message, Success) else None
    return isinstance(result, dict) and result.get(member) is said


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
    fds.clear()
