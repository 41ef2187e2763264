"""A monitor of our own in a machine whose monitor somebody else uses (QEMU from 11.1 on).

The machine's monitor is needed for two moments: at the beginning, to add a character device
(``chardev-add``) and a monitor on it (``object-add`` of the type monitor-qmp), and at the end, to
remove both, which a monitor cannot do to itself.  In between, others may use it.

QEMU is handed a socket that listens already, so that it needs no right to make one; only where it
takes no descriptors (the storage daemon) does it make the socket itself.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Self

from qmpconf.errors import TargetError
from qmpconf.net.address import Address, UnixAddress
from qmpconf.net.client import Client, ClosedError, RefusedError
from qmpconf.net.endpoint import is_bound
from qmpconf.net.process import Folder
from qmpconf.protocol.messages import Failure

#: Seconds that the machine's monitor may be in use at the end.
_PATIENCE = 5.0
#: How our ids begin, in the machine and in what is sent to it.
PREFIX = "qmpconf"


class Attached:
    """A monitor of our own at `address`, from the beginning of the context to its end.

    `target` is a monitor of the machine that is free now, and again at the end; where it is not,
    `complain` is called with what stays.  Entering raises `TargetError` for a machine that cannot be reached, or
    that cannot have such a monitor.
    """

    def __init__(self, target: Address, complain: Callable[[str], None]) -> None:
        self._target = target
        self._complain = complain
        self._name = f"{PREFIX}-{secrets.token_hex(4)}"
        self._folder = Folder()
        self.address = self._folder.socket("monitor.sock")

    def __enter__(self) -> Self:
        try:
            self._add()
        except BaseException:
            self._folder.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._remove()
        finally:
            self._folder.close()

    def _add(self) -> None:
        with Client(self._target, PREFIX) as client:
            version = client.negotiate()
            known = client.ask("qom-list-types", {"implements": "monitor-qmp"})
            if isinstance(known, Failure) or not known.result:
                raise TargetError(
                    f"{self._target}: this server ({version.major}.{version.minor}.{version.micro}) "
                    "cannot be given another monitor while it runs; QEMU can from 11.1 on (objects "
                    "of the type monitor-qmp). 'qmpconf record --trace-log' records what it logs itself"
                )
            self._add_device(client)
            try:
                monitor = {"qom-type": "monitor-qmp", "id": self._name, "chardev": self._name}
                client.call("object-add", monitor)
            except BaseException:
                with contextlib.suppress(TargetError):
                    client.call("chardev-remove", {"id": self._name})
                raise

    def _add_device(self, client: Client) -> None:
        """Add the character device, a socket that listens."""
        handed = isinstance(self._target, UnixAddress) and self._hand_over(client)
        where = (
            {"type": "fd", "data": {"str": self._name}}
            if handed
            else {"type": "unix", "data": {"path": self.address.path}}
        )
        data = {"addr": where, "server": True, "wait": False}
        try:
            backend = {"type": "socket", "data": data}
            client.call("chardev-add", {"id": self._name, "backend": backend})
        except RefusedError:
            if handed:
                client.ask("closefd", {"fdname": self._name})
            raise

    def _hand_over(self, client: Client) -> bool:
        """Give the machine a socket that listens at `address`; says whether it has taken it."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address.name)
            listener.listen()
            descriptors = [listener.fileno()]
            reply = client.ask("getfd", {"fdname": self._name}, descriptors=descriptors)
        if isinstance(reply, Failure):
            os.unlink(self.address.path)
            return False
        return True

    def _remove(self) -> None:
        try:
            with Client(self._target, PREFIX, patience=_PATIENCE) as client:
                client.negotiate()
                client.call("object-del", {"id": self._name})
                client.call("chardev-remove", {"id": self._name})
        except TargetError as error:
            gone = isinstance(self._target, UnixAddress) and not is_bound(self._target.name)
            if gone or isinstance(error, ClosedError):
                return  # with the machine
            self._complain(
                f"the monitor stays in the machine: {error}; remove it with object-del and "
                f"chardev-remove of the id {self._name}"
            )


class Watcher:
    """A client that negotiates, and then reads what comes until the connection ends.

    It has a thread of its own, begun by `start`; `complain` is called with the reason why it could not listen.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._thread: threading.Thread | None = None

    def start(self, address: Address) -> None:
        """Connect to `address`."""
        self._thread = threading.Thread(target=self._watch, args=(address,), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the connection has ended."""
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _watch(self, address: Address) -> None:
        try:
            with Client(address, PREFIX) as client:
                client.negotiate()
                client.drain()
        except ClosedError:
            pass  # the recording is over
        except TargetError as error:
            self._complain(str(error))
