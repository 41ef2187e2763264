"""Recordings that answer as servers, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from qmpconf.closing import Closing
from qmpconf.errors import UsageError
from qmpconf.net.address import Address, parse_address
from qmpconf.net.process import Folder
from qmpconf.replay.serve.monitor import Order, Stage
from qmpconf.replay.serve.outcome import Played
from qmpconf.replay.serve.serving import read_scenes
from qmpconf.testing.endpoint import At, Background, Endpoint

#: Seconds for a client's last words to arrive: where some are due, and where none are.
_DUE, _LATE = 1.0, 0.2


class Playing(At):
    """One recording that answers; `played` says what was played up to now.

    With `partial`, a client need not say all that was recorded.
    """

    def __init__(self, trace: str, *, order: Order = "strict", partial: bool = False) -> None:
        self.played = Played(trace)
        self.partial = partial
        scenes = read_scenes(trace, self.played)
        self._due = sum(len(scene.cues) for scene in scenes)
        stage = Stage(scenes, self.played, order=order, clock=time.monotonic)
        self._folder = Folder()
        try:
            self._background = Background(stage, self._folder.socket("qmp.sock"), together=True)
        except BaseException:
            self._folder.close()
            raise
        super().__init__(self._background.address)

    @property
    def failed(self) -> bool:
        """Whether the client said something that was not recorded, or did not say all of it."""
        played = self.played
        left = played.unplayed if self.partial else 0
        return bool(played.failure) or played.differences.count > left

    def close(self) -> None:
        """Stop, and say what was not played."""
        try:
            due = self.played.commands < self._due and not self.partial
            self._background.wait(_DUE if due else _LATE)
            self._background.close()
        finally:
            self._folder.close()


class Replayer(Closing, Endpoint):
    """Recordings in the place of servers.

    `trace` is the recording behind the replayer's own address; calling it with another one gives
    the way to that.  `locate` finds a trace by the name that a test gives.

    With the order ``strict`` a client has to say what was recorded, in that order; with
    ``request`` each command gets the next recorded answer to an equal one.

    A context manager.  Raises InputError for a trace that cannot be read or holds no session.
    """

    def __init__(
        self,
        trace: str = "",
        *,
        order: Order = "strict",
        partial: bool = False,
        locate: Callable[[str], str] = str,
    ) -> None:
        self._trace = trace
        self._order = order
        self._partial = partial
        self._locate = locate
        self._first: Endpoint | None = None
        self.playing: list[Playing] = []

    def __repr__(self) -> str:
        return f"<Replayer of {[one.played.trace for one in self.playing] or self._trace}>"

    def __call__(self, trace: str, *, order: Order = "strict", partial: bool = False) -> Endpoint:
        """Where a client connects that is to be answered from `trace`.

        With `partial`, the client need not say all that was recorded.
        """
        if order not in ("strict", "request"):
            raise UsageError(f"there is no order {order!r}: it is 'strict' or 'request'")
        playing = Playing(self._locate(trace), order=order, partial=partial)
        self.playing.append(playing)
        return playing

    def _where(self) -> Address:
        __tracebackhide__ = True
        if self._first is None:
            if not self._trace:
                raise UsageError(
                    "no recording was named: mark the test with "
                    '@pytest.mark.qmp_trace("session.qmptrace"), or call '
                    'qmp_replay("session.qmptrace")'
                )
            self._first = self(self._trace, order=self._order, partial=self._partial)
        return parse_address(self._first.address)

    def close(self) -> None:
        """Stop answering."""
        with ExitStack() as stack:
            for one in self.playing:
                stack.callback(one.close)
