"""A property catalog from a running server: every type that it has is asked for its properties.

QEMU makes an instance of a type to list its properties, and some types cannot stand that: the whole
server aborts.  Those that are known are left out (`_DEADLY`, `_NEEDS`).  A server that was started
for this is started again when it goes; one that was there before is asked no further.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from qmpconf.errors import TargetError
from qmpconf.net.client import Client, ClosedError, RefusedError
from qmpconf.net.process import Server
from qmpconf.schema.model import Source
from qmpconf.schema.property_catalog import Properties, PropertyCatalog, properties_in
from qmpconf.schema.select import Version

#: Types on which a server aborts when it is asked for their properties, in some releases at least.
_DEADLY = frozenset({"colo-compare", "x-remote-object", "x-vfio-user-server"})
#: The same, where another type is missing (it stands in a module that may not be installed).
_NEEDS = {
    "virtio-gpu-gl-pci": "virtio-gpu-gl-device",
    "virtio-vga-gl": "virtio-gpu-gl-device",
}
#: How often a server is started again.
_MOST_STARTS = 50

_ALIAS = re.compile(r'^name "([^"]+)".*, alias "([^"]+)"', re.MULTILINE)

#: Gives a client of the server, ready to ask.
Begin = Callable[[], AbstractContextManager[tuple[Client, Version]]]


def at(target: str) -> Begin:
    """Clients of the server at an address.

    A storage daemon may end a session before it has greeted, when another client has just gone:
    one that closes the connection at the start is asked a second time.
    """

    @contextmanager
    def begin() -> Iterator[tuple[Client, Version]]:
        client, version = _greeted(target)
        with client:
            yield client, version

    return begin


def _greeted(target: str) -> tuple[Client, Version]:
    try:
        return _negotiated(target)
    except ClosedError as first:
        try:
            return _negotiated(target)
        except TargetError:
            raise first from None


def _negotiated(target: str) -> tuple[Client, Version]:
    client = Client(target)
    try:
        return client, client.negotiate()
    except BaseException:
        client.close()
        raise


def spawned(command: str) -> Begin:
    """Clients of servers that are started for them, with ``{socket}`` in their command line."""

    @contextmanager
    def begin() -> Iterator[tuple[Client, Version]]:
        with Server(command) as server:
            server.start()
            server.wait_until_bound()
            with Client(server.address, starting=True) as client:
                yield client, client.negotiate()

    return begin


class Fetched:
    """What a server said about its types; `left_out` are those that were not, or could not be, asked.

    `name` is the catalog's name (by default, by the version).  With `again`, a server that goes is
    started again, and the type that it went on is left out.  Raises `TargetError` otherwise, and
    when the server does not list its types.
    """

    def __init__(self, begin: Begin, name: str = "", *, again: bool = False) -> None:
        self._again = again
        self._types: dict[str, dict[str, Properties]] = {"devices": {}, "objects": {}}
        self._waiting: list[tuple[str, str]] | None = None
        self.left_out: list[str] = []
        aliases: dict[str, str] = {}
        source = Source("introspection")
        for _ in range(_MOST_STARTS):
            with begin() as (client, version):
                source = replace(source, version=str(version), package=version.package)
                if self._waiting is None:
                    aliases = _aliases(client)
                    self._waiting = self._kinds(client)
                if self._ask(client):
                    break
        self.left_out += [one for _, one in self._waiting or ()]
        self.catalog = PropertyCatalog(
            name or f"qemu-{source.version}",
            source,
            self._types["devices"],
            self._types["objects"],
            aliases,
        )

    def _kinds(self, client: Client) -> list[tuple[str, str]]:
        everything = set(_types(client, abstract=True))
        found = []
        for section, kind in (("devices", "device"), ("objects", "user-creatable")):
            for one in _types(client, implements=kind, abstract=False):
                if one in _DEADLY or (one in _NEEDS and _NEEDS[one] not in everything):
                    self.left_out.append(one)
                else:
                    found.append((section, one))
        return found

    def _ask(self, client: Client) -> bool:
        """Ask for all that waits; False when the server went."""
        while self._waiting:
            section, one = self._waiting.pop()
            command = "device-list-properties" if section == "devices" else "qom-list-properties"
            try:
                properties = properties_in(client.call(command, {"typename": one}))
            except RefusedError:
                properties = None
            except TargetError as error:
                if not self._again:
                    raise TargetError(
                        f"{error} while it was asked for the properties of {one!r}; "
                        "with --spawn, a server of one's own is asked"
                    ) from error
                self.left_out.append(one)
                return False
            if properties is None:
                self.left_out.append(one)
            else:
                self._types[section][one] = properties
        return True


def _types(client: Client, *, abstract: bool, implements: str = "") -> list[str]:
    which = {"implements": implements} if implements else {}
    reply = client.call("qom-list-types", {"abstract": abstract, **which})
    names = (one.get("name") for one in reply if isinstance(one, dict))
    return [name for name in names if isinstance(name, str)]


def _aliases(client: Client) -> dict[str, str]:
    """Further names of devices; a server without the human monitor does not say."""
    try:
        told = client.call("human-monitor-command", {"command-line": "info qdm"})
    except RefusedError:
        return {}
    return {alias: name for name, alias in _ALIAS.findall(told if isinstance(told, str) else "")}
