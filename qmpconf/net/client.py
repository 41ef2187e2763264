"""A client that asks a running server one thing after the other."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from qmpconf.closing import Closing
from qmpconf.errors import TargetError
from qmpconf.net.address import Address, parse_address
from qmpconf.net.endpoint import BIND_TO_LISTEN, patiently, reason
from qmpconf.protocol.framing import SERVER_LIMITS, Framer, Kind
from qmpconf.protocol.messages import Event, Failure, Greeting, Success, from_server
from qmpconf.protocol.values import dumps
from qmpconf.schema.select import Version

#: Seconds that the server may take for one answer; a monitor that is in use never greets.
PATIENCE = 20.0


class RefusedError(TargetError):
    """The server answered a command with an error."""


class ClosedError(TargetError):
    """The server closed the connection."""


class Client(Closing):
    """A client that asks one thing after the other, with ids that begin with `prefix` if that is set.

    `events` are the names of the events that came between the answers.  A server that is `starting`
    may have made its socket, and not listen yet: it is given a while.  Raises `TargetError` when
    the server cannot be reached, goes away or does not answer within `patience` seconds, whatever else
    it says meanwhile.
    """

    def __init__(
        self,
        target: str | Address,
        prefix: str = "",
        *,
        starting: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self._target = str(target)
        address = parse_address(target) if isinstance(target, str) else target
        self._patience = patience
        self._socket = patiently(address, BIND_TO_LISTEN if starting else 0, patience)
        self._framer = Framer(SERVER_LIMITS)
        self._waiting: deque[bytes] = deque()
        self._prefix = prefix
        self._asked = 0
        self.events: list[str] = []

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def negotiate(self, *enable: str) -> Version:
        """Read the greeting and negotiate; gives the server's version (0.0.0 if it has none)."""
        greeting = self.receive(Greeting)
        version = Version.of(greeting.value["QMP"].get("version")) if greeting.version else None
        self.call("qmp_capabilities", {"enable": list(enable)} if enable else {})
        return version or Version(0, 0)

    def call(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, oob: bool = False
    ) -> Any:
        """What `command` returns.  Raises `RefusedError` where it fails."""
        reply = self.ask(command, arguments, oob=oob)
        if isinstance(reply, Failure):
            text = f"{reply.error_class}: {reply.description}"
            raise RefusedError(f"{self._target}: {command} failed with {text}")
        return reply.result

    def ask(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        oob: bool = False,
        descriptors: Sequence[int] = (),
    ) -> Success | Failure:
        """The response to `command`, with which `descriptors` are sent."""
        asked: dict[str, Any] = {"exec-oob" if oob else "execute": command}
        if arguments:
            asked["arguments"] = dict(arguments)
        if self._prefix:
            self._asked += 1
            asked["id"] = f"{self._prefix}-{self._asked}"
        try:
            data = dumps(asked) + b"\r\n"
            self._socket.settimeout(self._patience)
            if descriptors:
                data = data[socket.send_fds(self._socket, [data], descriptors) :]
            self._socket.sendall(data)
        except TimeoutError:  # it does not even read
            raise self._silent() from None
        except OSError as error:
            raise self._lost(error) from error
        reply: Success | Failure = self.receive(Success, Failure)
        return reply

    def drain(self) -> None:
        """Read what comes, however long that takes, until the server closes the connection."""
        self._socket.settimeout(None)
        with contextlib.suppress(OSError):
            while self._socket.recv(1 << 16):
                pass

    def receive(self, *kinds: type) -> Any:
        """The next message of one of these kinds; others are passed over."""
        until = time.monotonic() + self._patience
        while True:
            while self._waiting:
                message = from_server(self._waiting.popleft())
                if isinstance(message, Event):
                    self.events.append(message.name)
                if isinstance(message, kinds):
                    return message
            left = until - time.monotonic()
            if left <= 0:
                raise self._silent()
            try:
                self._socket.settimeout(left)
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise self._silent() from None
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise self._lost(None)
            frames = self._framer.feed(data)
            self._waiting += [one.data for one in frames if one.kind is Kind.VALUE]
            if any(one.kind is Kind.MALFORMED for one in frames):
                raise TargetError(f"{self._target}: it is not a QMP monitor: it sends no JSON")

    def _silent(self) -> TargetError:
        return TargetError(
            f"{self._target}: no answer within {self._patience:g} s; "
            "is another client connected, or is it not a QMP monitor?"
        )

    def _lost(self, error: OSError | None) -> ClosedError:
        how = f" ({reason(error)})" if error else ""
        return ClosedError(f"{self._target}: the server closed the connection{how}")
