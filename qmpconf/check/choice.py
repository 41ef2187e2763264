"""Which catalog a session is checked against.

Three ways to choose, each a function from a greeting to a `Basis`:

- `Automatic`: the reply to ``query-qmp-schema`` in the trace, wherever in the trace it stands, else
  the shipped catalog that fits the greeting's version;
- `Fixed`: a catalog that the user named;
- `wire_only`: none.

`survey` reads a trace once, before it is checked, for what `Automatic` needs to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qmpconf.check.basis import Basis
from qmpconf.errors import InputError
from qmpconf.protocol.values import Malformed, loads
from qmpconf.schema.select import Version, select
from qmpconf.schema.store import from_reply, load_shipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qmpconf.protocol.messages import Greeting
    from qmpconf.schema.model import Catalog

#: Bytes of which every message that `survey` looks for holds one, near its beginning.
NEEDLES = (b"QMP", b"query-qmp-schema", b"meta-type")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A message as `survey` sees it: where it stands, who sent it, its bytes."""

    line: int
    conn: int
    sender: str
    data: bytes


@dataclass(slots=True)
class Survey:
    """What a trace tells about its servers: versions, and schema replies with their lines."""

    versions: list[Version] = field(default_factory=list)
    replies: dict[Version, tuple[int, Any]] = field(default_factory=dict)


def survey(utterances: Iterable[Utterance]) -> Survey:
    """Find greetings and schema replies; messages without one of `NEEDLES` need not be given."""
    found = Survey()
    versions: dict[int, Version] = {}
    asked: set[int] = set()
    for one in utterances:
        if one.sender == "client":
            if b"query-qmp-schema" in one.data:
                asked.add(one.conn)
        elif b'"QMP"' in one.data:
            version = _greeted(one.data)
            if version is not None:
                versions[one.conn] = version
                if version not in found.versions:
                    found.versions.append(version)
        elif one.conn in asked and b"meta-type" in one.data:
            told = versions.get(one.conn)
            entries = _entries(one.data) if told and told not in found.replies else None
            if told and entries is not None:
                found.replies[told] = (one.line, entries)
    return found


def _greeted(data: bytes) -> Version | None:
    greeting = _member(data, "QMP")
    return Version.of(greeting.get("version")) if isinstance(greeting, dict) else None


def _entries(data: bytes) -> list[Any] | None:
    entries = _member(data, "return")
    if not isinstance(entries, list) or not entries:
        return None
    return entries if all(isinstance(one, dict) and "meta-type" in one for one in entries) else None


def _member(data: bytes, name: str) -> Any:
    try:
        value = loads(data)
    except Malformed:
        return None
    return value.get(name) if isinstance(value, dict) else None


class Automatic:
    """Chooses by what the trace tells; `used` says which catalogs were taken, and why."""

    def __init__(self, found: Survey, product: str = "qemu") -> None:
        self._found = found
        self._product = product
        self._bases: dict[Version, Basis] = {}
        self._current: Version | None = found.versions[0] if found.versions else None
        self.used: list[str] = []

    def __call__(self, greeting: Greeting | None) -> Basis | None:
        """The catalog for a session that was greeted so (before that: as the last one was)."""
        if greeting is not None:
            self._current = version_of(greeting) or self._current
        if self._current is None:
            return None
        if self._current not in self._bases:
            basis = self._bases[self._current] = self._make(self._current)
            self.used.append(basis.sentence)
        return self._bases[self._current]

    def _make(self, version: Version) -> Basis:
        if version in self._found.replies:
            line, entries = self._found.replies[version]
            name = f"{self._product}-{version}"
            try:
                catalog = from_reply(
                    entries, name=name, version=str(version), package=version.package
                )
            except InputError:
                return self._shipped(version, f"the schema reply in line {line} is malformed; ")
            if "device_add" not in catalog.commands and "blockdev-add" in catalog.commands:
                # The greeting does not tell, nor perhaps the header; but a daemon has no devices.
                catalog = replace(catalog, name=f"qemu-storage-daemon-{version}")
            return Basis(catalog, very_build=True, sentence=f"the schema reply in line {line}")
        return self._shipped(version, "")

    def _shipped(self, version: Version, reason: str) -> Basis:
        fit = select(version, self._product)
        basis = Basis(load_shipped(fit.name), sentence=f"{reason}{fit.sentence}")
        return basis.towards(version)


class Fixed:
    """The one catalog that the user named."""

    def __init__(self, catalog: Catalog) -> None:
        self._basis = Basis(catalog)
        self._towards: dict[Version | None, Basis] = {}
        self.used = [catalog.name]

    def __call__(self, greeting: Greeting | None) -> Basis:
        """The catalog, towards a server of the version that greeted."""
        version = version_of(greeting) if greeting is not None else None
        if version not in self._towards:
            self._towards[version] = self._basis.towards(version)
        return self._towards[version]


def wire_only(_greeting: Greeting | None) -> None:
    """No catalog."""


def version_of(greeting: Greeting) -> Version | None:
    """The version that a greeting tells, where it has the shape of one."""
    if len(greeting.version) != 3:
        return None
    major, minor, micro = greeting.version
    return Version(major, minor, micro, greeting.package)
