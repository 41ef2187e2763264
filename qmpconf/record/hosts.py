"""Many monitors in one process: each has its own proxy and its own recordings; they share one loop.

`record_host` records the monitors that it is given, and those whose sockets come and go below a folder.
A recording begins when a monitor appears, and ends with its last session once it has gone.  What
goes wrong with one of them (a full disk, an address in use) is said, ends that one recording alone, and
is tried again.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from qmpconf.closing import Closing
from qmpconf.errors import OutputError, QmpconfError
from qmpconf.net.address import Address, FdAddress, parse_address
from qmpconf.outputs import make_folder
from qmpconf.protocol.framing import Frame
from qmpconf.record.arrivals import Ends
from qmpconf.record.plan import Monitor, Plan, below, check
from qmpconf.record.recorder import Recorder, ignore
from qmpconf.record.recording import Signals, sharing
from qmpconf.record.shared import Shared
from qmpconf.record.sockets import Below, Found, watching
from qmpconf.text import counted
from qmpconf.trace.records import Side
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter

#: Seconds between two looks at the sockets below a folder, where nothing has told of a change.
_LOOK = 5.0
#: Seconds after which a monitor that could not be recorded is tried again.
_AGAIN = 60.0
#: Seconds after the start in which a server that has made its socket may begin to listen.
_PATIENCE = 2.0


class Watcher(Protocol):
    """Sees what is recorded of one monitor."""

    def observe(self, conn: int, sender: Side, frames: Sequence[Frame], t: float) -> None:
        """Frames of a session, `t` seconds after the recording began."""

    def ended(self, conn: int) -> None:
        """A session is over."""


#: Called when a monitor's recording begins, with its name: gives who sees it.
Watch = Callable[[str], Watcher]


@dataclass(slots=True)
class HostRecording:
    """What was recorded: how many recordings, sessions and messages; `failed` says how often one failed."""

    recordings: int = 0
    sessions: int = 0
    messages: int = 0
    failed: int = 0


def record_host(
    plan: Plan,
    *,
    watch: Watch | None = None,
    complain: Callable[[str], None] = ignore,
    ready: Callable[[int], None] = ignore,
    reread: Callable[[], Plan] | None = None,
) -> HostRecording:
    """Record the monitors of a host until SIGINT or SIGTERM.

    With `reread`, SIGHUP makes it go by the plan that this gives; one that cannot be is said, and changes nothing.
    `watch` is asked for who sees what is recorded of a monitor, `complain` is called with what the user
    should know at once, `ready` with the number of monitors at the start.

    Raises `UsageError` for a plan that cannot be, or where a folder is to be watched and watchfiles is
    not installed, and `OutputError` for folders that cannot be made.
    """
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        host = stack.enter_context(Host(plan, watch, complain))
        if reread is not None:
            stack.enter_context(_hanging_up(host, reread))
        signals.stops(host)
        host.begin()
        if plan.directory:
            stack.enter_context(watching(plan.directory, host.wake, complain))
        ready(len(host.names))
        host.run()
        return host.done


@contextlib.contextmanager
def _hanging_up(host: Host, reread: Callable[[], Plan]) -> Iterator[None]:
    """Meanwhile, SIGHUP makes `host` go by another plan; in another thread than the main one, none comes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: host.reread(reread))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


class Host(Closing):
    """The monitors of a host, each recorded by a `Recorder` in one loop; `names` are those at present."""

    def __init__(self, plan: Plan, watch: Watch | None, complain: Callable[[str], None]) -> None:
        check(plan)
        self.done = HostRecording()
        self._plan = plan
        self._watch = watch
        self._complain = complain
        self._shared = Shared(self._woken)
        self._stopping = False
        self._below = Below(plan.directory, plan.match) if plan.directory else None
        self._known: dict[str, Found] = {}  # what is below the folder, by the name of the monitor
        self._recorded: dict[str, _Recorded] = {}
        self._leaving: list[_Recorded] = []
        self._told: dict[str, str] = {}  # what was said of a monitor that cannot be recorded
        self._rereading: Callable[[], Plan] | None = None

    @property
    def names(self) -> Sequence[str]:
        """The monitors that are recorded."""
        return list(self._recorded)

    def take_signals(self) -> None:
        """From now on until it is closed, a signal makes `run` look around."""
        self._shared.loop.take_signals()

    def wake(self) -> None:
        """Have it look for sockets, from any thread."""
        self._shared.loop.wake()

    def stop(self) -> None:
        """End `run`, from any thread or signal handler."""
        self._stopping = True
        self.wake()

    def reread(self, plan: Callable[[], Plan]) -> None:
        """Go by another plan, from a signal handler or another thread."""
        self._rereading = plan
        self.wake()

    def begin(self) -> None:
        """Record what is there."""
        observe = self._plan.share.observe if self._plan.share is not None else ""
        for folder in filter(None, (self._plan.output, self._plan.listen, observe)):
            make_folder(folder, "the folder")
        _allow_many_files()
        for monitor in self._plan.monitors:
            self._add(monitor)
        if self._below is not None:
            self._look()

    def run(self) -> None:
        """Record until `stop` is called."""
        while not self._stopping:
            try:
                self._shared.turn()
            except OutputError:
                self._drop_failed()
            if self._leaving:
                self._let_go()
        for one in [*self._recorded.values(), *self._leaving]:
            self._end(one)

    def close(self) -> None:
        """Close every socket and every trace."""
        for one in [*self._recorded.values(), *self._leaving]:
            one.recorder.close()
            one.writer.abandon()
        self._recorded.clear()
        self._leaving.clear()
        self._shared.close()

    # --- monitors come and go ------------------------------------------------------------------

    def _woken(self) -> None:
        if self._rereading is not None:
            self._reread(self._rereading)
        if self._below is not None:
            self._compare()

    def _reread(self, plan: Callable[[], Plan]) -> None:
        """Take what is new in another plan, and let go of what it does not have; all else goes on."""
        self._rereading = None
        old = self._plan
        try:
            new = plan()
            check(new)
            make_folder(new.output, "the folder")
        except QmpconfError as error:
            self._complain(f"{error}; nothing has changed")
            return
        if (new.directory, new.listen, new.match) != (old.directory, old.listen, old.match):
            self._complain("directory, listen and match stay as they were until it is started anew")
            new = replace(new, directory=old.directory, listen=old.listen, match=old.match)
        self._plan = new
        for monitor in old.monitors:
            if monitor not in new.monitors:
                self._leave(monitor.name)
        for monitor in new.monitors:
            if monitor not in old.monitors:
                if self._known.pop(monitor.name, None) is not None:
                    self._leave(monitor.name)  # a socket below the folder had that name
                self._add(monitor)
        self._complain(f"read again: {counted(len(self._recorded), 'monitor')}")

    def _look(self) -> None:
        self._compare()
        self._shared.loop.later(_LOOK, self._look)

    def _compare(self) -> None:
        """Take those that have come, and let those go that have gone."""
        if self._below is None:
            return
        there = self._below.monitors(self._tell, self._plan.names)
        for name, found in list(self._known.items()):
            if there.get(name) != found:
                del self._known[name]
                self._told.pop(name, None)
                self._leave(name)
        for name, found in there.items():
            if name not in self._known:
                self._known[name] = found
                self._add(below(self._plan, name, found))

    def _add(self, monitor: Monitor) -> None:
        try:
            self._recorded[monitor.name] = self._begin(monitor)
            self._told.pop(monitor.name, None)
        except QmpconfError as error:
            self.done.failed += 1
            self._tell(monitor.name, f"{error}; it is tried again each minute")
            self._shared.loop.later(_AGAIN, partial(self._again, monitor))

    def _again(self, monitor: Monitor) -> None:
        found = self._known.get(monitor.name)
        wanted = monitor in self._plan.monitors
        wanted |= found is not None and monitor.server == f"unix:{found.path}"
        if wanted and monitor.name not in self._recorded:
            self._add(monitor)

    def _begin(self, monitor: Monitor) -> _Recorded:
        plan = self._plan
        say = partial(self._say, monitor.name)
        rotation = plan.rotation
        if rotation is not None:
            rotation = replace(rotation, family=f"{monitor.name}-")
        meta: dict[str, str | bool] = {
            "monitor": monitor.name,
            "server": monitor.server,
            "listen": monitor.listen,
        }
        if protocol := monitor.protocol or plan.protocol:
            meta["protocol"] = protocol
        if monitor.share is not None:
            meta["share"] = True
        writer = TraceWriter(
            _fresh(plan.output, monitor.name, plan.compress),
            meta=meta,
            rotation=rotation,
            redact=Redactor(plan.secrets) if plan.redact else None,
            complain=say,
        )
        watcher = self._watch(monitor.name) if self._watch else None
        try:
            ends = Ends(
                _kept(parse_address(monitor.server)),
                _kept(parse_address(monitor.listen)),
                monitor.server_dials,
            )
            recorder = sharing(monitor.share)(
                ends,
                writer,
                patience=_PATIENCE,
                pass_on_error=plan.pass_on_error,
                observe=watcher.observe if watcher else None,
                ended=watcher.ended if watcher else ignore,
                complain=say,
                shared=self._shared,
            )
        except BaseException:
            writer.discard()
            raise
        return _Recorded(monitor, recorder, writer)

    def _leave(self, name: str) -> None:
        one = self._recorded.pop(name, None)
        if one is not None:
            one.recorder.retire()
            self._leaving.append(one)

    def _let_go(self) -> None:
        over = [one for one in self._leaving if one.recorder.over]
        self._leaving = [one for one in self._leaving if not one.recorder.over]
        for one in over:
            self._end(one)

    def _end(self, one: _Recorded) -> None:
        """End a recording in order; one without a session leaves no file."""
        try:
            one.recorder.end()
        except OutputError as error:
            self._say(one.monitor.name, str(error))
        one.recorder.close()
        sessions = one.recorder.sessions
        self.done.recordings += sessions > 0
        self.done.sessions += sessions
        self.done.messages += one.writer.messages
        if sessions:
            one.writer.abandon()
        else:
            one.writer.discard()

    def _drop_failed(self) -> None:
        """Let go of what could not be written, so that all others go on."""
        for one in [*self._recorded.values(), *self._leaving]:
            if one.recorder.failed is None or self._plan.pass_on_error:
                continue
            self.done.failed += 1
            self._say(one.monitor.name, f"{one.recorder.failed}; its sessions were ended")
            self._end(one)
            if self._recorded.get(one.monitor.name) is one:
                del self._recorded[one.monitor.name]
                self._shared.loop.later(_AGAIN, partial(self._again, one.monitor))
            else:
                self._leaving.remove(one)

    def _say(self, name: str, text: str) -> None:
        self._complain(f"{name}: {text}")

    def _tell(self, name: str, text: str) -> None:
        """Say it, unless it was said already."""
        if self._told.get(name) != text:
            self._told[name] = text
            self._say(name, text)


@dataclass(slots=True, eq=False)
class _Recorded:
    monitor: Monitor
    recorder: Recorder
    writer: TraceWriter


def _kept(address: Address) -> Address:
    """An address; of a descriptor that was passed to us a copy, since the next recording needs it, too."""
    if not isinstance(address, FdAddress):
        return address
    try:
        return FdAddress(os.dup(address.number))
    except OSError:
        return address  # whoever uses it says what is wrong


def _fresh(folder: str, name: str, compress: str) -> str:
    """The name of a recording that begins now."""
    ending = f".qmptrace.{compress}" if compress else ".qmptrace"
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    number = time.time_ns() // 1000 % 1_000_000
    return os.path.join(folder, f"{name}-{stamp}.{number:06}Z{ending}")


def _allow_many_files() -> None:
    """Each monitor takes two descriptors, and each session two more."""
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
