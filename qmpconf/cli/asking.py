"""A client that asks a running server one thing after the other."""

from __future__ import annotations

from typing import Any, Self

from qmpconf.errors import TargetError
from qmpconf.net.address import Address, parse_address
from qmpconf.net.endpoint import connect, reason
from qmpconf.protocol.framing import SERVER_LIMITS, Framer, Kind
from qmpconf.protocol.messages import Failure, Greeting, Success, from_server
from qmpconf.protocol.values import dumps
from qmpconf.schema.select import Version

#: Seconds that the server may take for one answer; a monitor that is in use never greets.
PATIENCE = 20.0


class RefusedError(TargetError):
    """The server answered a command with an error."""


class Client:
    """A client that asks one thing after the other.

    Raises `TargetError` when the server cannot be reached, goes away or does not answer.
    """

    def __init__(self, target: str | Address) -> None:
        self._target = str(target)
        address = parse_address(target) if isinstance(target, str) else target
        self._socket = connect(address, PATIENCE)
        self._socket.settimeout(PATIENCE)
        self._framer = Framer(SERVER_LIMITS)
        self._waiting: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def negotiate(self) -> Version:
        """Read the greeting and negotiate; gives the server's version (0.0.0 if it has none)."""
        greeting = self.receive(Greeting)
        version = Version.of(greeting.value["QMP"].get("version")) if greeting.version else None
        self.call("qmp_capabilities")
        return version or Version(0, 0)

    def call(self, command: str, **arguments: Any) -> Any:
        """What `command` returns.  Raises `RefusedError` where it fails."""
        asked = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            self._socket.sendall(dumps(asked) + b"\n")
        except OSError as error:
            raise self._lost(error) from error
        reply = self.receive(Success, Failure)
        if isinstance(reply, Failure):
            text = f"{reply.error_class}: {reply.description}"
            raise RefusedError(f"{self._target}: {command} failed with {text}")
        return reply.result

    def receive(self, *kinds: type) -> Any:
        """The next message of one of these kinds; others are passed over."""
        while True:
            while self._waiting:
                message = from_server(self._waiting.pop(0))
                if isinstance(message, kinds):
                    return message
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise TargetError(
                    f"{self._target}: no answer within {PATIENCE:.0f} s; "
                    "is another client connected, or is it no QMP monitor?"
                ) from None
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise self._lost(None)
            frames = self._framer.feed(data)
            self._waiting += [one.data for one in frames if one.kind is Kind.VALUE]
            if any(one.kind is Kind.MALFORMED for one in frames):
                raise TargetError(f"{self._target}: is no QMP monitor: it sends no JSON")

    def _lost(self, error: OSError | None) -> TargetError:
        how = f" ({reason(error)})" if error else ""
        return TargetError(f"{self._target}: the server closed the connection{how}")
