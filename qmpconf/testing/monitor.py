"""The embedded monitor as a server for tests."""

from __future__ import annotations

import difflib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Self

from qmpconf.errors import UsageError
from qmpconf.monitor.core import DEFAULT_SCHEMA, Action, identity_of
from qmpconf.monitor.core import Monitor as Machine
from qmpconf.net.address import Address, TcpAddress
from qmpconf.net.process import Folder
from qmpconf.schema.model import Catalog
from qmpconf.schema.store import load
from qmpconf.testing.endpoint import Background, Endpoint

#: What a test serves is loaded once for all tests.
_catalog = cache(load)


class Monitor(Endpoint):
    """A QMP server on a socket of its own: everything in its catalog, and no machine behind it.

    `schema` is the name or file of the catalog that it offers, and whose version it greets with
    (``qmpconf schema list``); `name` the guest's name.  It listens on a UNIX socket, or with `tcp`
    on a free port of 127.0.0.1.  What its commands do, ``qmpconf serve --help`` says.

    A context manager; outside of it there is no socket.
    Raises UsageError for an unknown `schema`, InputError for a file that is none.
    """

    def __init__(self, schema: str = DEFAULT_SCHEMA, *, name: str = "", tcp: bool = False) -> None:
        self.schema = schema
        self._name = name
        self._tcp = tcp
        self._folder: Folder | None = None
        self._served: _Told | None = None
        self._background: Background | None = None

    def __repr__(self) -> str:
        where = self._background.address if self._background else "not started"
        return f"<Monitor {self.schema}, {where}>"

    def __enter__(self) -> Self:
        self._served = _Told(_catalog(self.schema), self._name)
        self._folder = Folder()
        where = TcpAddress("127.0.0.1", 0) if self._tcp else self._folder.socket("qmp.sock")
        self._background = Background(self._served, where)
        return self

    def __exit__(self, *_: object) -> None:
        background, self._background = self._background, None
        folder, self._folder = self._folder, None
        try:
            if background is not None:
                background.close()
        finally:
            if folder is not None:
                folder.close()

    def _where(self) -> Address:
        __tracebackhide__ = True
        if self._background is None:
            raise UsageError("the monitor was not started: use it in a with statement")
        return self._background.address

    def emit(self, event: str, data: Mapping[str, Any] | None = None) -> None:
        """Tell `event` to the clients that have negotiated, as if it had happened to the machine.

        Members that its schema needs and `data` does not have get their smallest value.  Raises
        UsageError for an event that the catalog does not have.
        """
        if self._served is None or self._background is None:
            raise UsageError("the monitor was not started: use it in a with statement")
        known = self._served.machine.offered.events
        if event not in known:
            near = difflib.get_close_matches(event, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"{self.schema} has no event {event!r}{hint}")
        self._served.events.append((event, dict(data or {})))
        self._background.server.wake()


class _Told(Machine):
    """A monitor to which other threads can say what happens: `events`, name and data."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        super().__init__(catalog, lambda: time.time_ns() // 1000, identity_of(catalog, name))
        self.events: deque[tuple[str, Mapping[str, Any]]] = deque()

    def wait(self) -> float | None:
        return 0.0 if self.events else super().wait()

    def work(self) -> list[Action]:
        actions: Sequence[Action] = super().work()
        while self.events:
            actions = [*actions, *self.tell(*self.events.popleft())]
        return list(actions)
