"""Which catalog a session is checked against.

Three ways to choose, each a `Choose`: a function from a session, a line and the greeting that
stands there to a `Basis`, or to why there is none (`NoSchema`):

- `Automatic`: by what the trace says (`qmpconf.check.survey`).  A reply to ``query-qmp-schema``
  counts most, wherever it stands; then the version in the greeting, in a reply to
  ``query-version``, and in the name of the file that was converted, for which the shipped catalog
  that fits best is taken;
- `Fixed`: a catalog that the user named;
- `wire_only`: none.

What a session does not say itself, other sessions of the trace say for it where only one server
is in question.  With several, nothing is guessed: the session is not judged against any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from qmpconf.check.basis import Basis, NoSchema
from qmpconf.check.property_source import Source
from qmpconf.check.recent import BASES, FITS, READY, SHIPPED, Recent
from qmpconf.check.survey import Named, entries_of
from qmpconf.errors import InputError
from qmpconf.protocol.dialect import QGA, of_product
from qmpconf.protocol.messages import Greeting
from qmpconf.schema.select import Version, select
from qmpconf.schema.select import of_product as shipped_of
from qmpconf.schema.store import from_reply, load_shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qmpconf.check.survey import Stretch, Survey
    from qmpconf.schema.model import Catalog
    from qmpconf.schema.property_catalog import PropertyCatalog

#: Gives the catalog of a session (its number) from a line on, and the greeting that stands there,
#: or None at the session's beginning.
Choose = Callable[[int, int, Greeting | None], Basis | NoSchema | None]

#: What to do where no schema could be chosen.
ADVICE = (
    "name one with --schema NAME (see 'qmpconf schema list'), or give the server's reply to "
    "query-qmp-schema as --schema FILE"
)

#: The same for a guest agent, which does not have that command.
AGENT_ADVICE = "name one with --schema NAME (see 'qmpconf schema list')"

#: Choices that are remembered, sentences that are kept.
_REMEMBERED, _MOST_USED = 1000, 100

#: What a schema reply answers; each server that does lists it.
_ASKED = "query-qmp-schema"

#: The first major version of QEMU that has a storage daemon.
_DAEMON_SINCE = 5

#: Versions that a sentence lists.
_SHOWN = 4


class Automatic:
    """Chooses by what the trace says; `used` says which catalogs were taken, and why."""

    def __init__(self, found: Survey, product: str = "qemu") -> None:
        self._found = found
        self._product = product
        self._replies: Recent[bytes, Basis | None] = Recent(READY)
        self._shipped: Recent[str, Basis] = Recent(READY)
        self._choices: Recent[tuple[object, ...], Basis | NoSchema] = Recent(_REMEMBERED)
        #: Schema replies by their server's version (None: not known), and by its address.
        self._of_version: dict[Version | None, set[bytes]] = {}
        self._of_address: dict[str, set[bytes]] = {}
        #: Versions of the servers at each address.
        self._at_address: dict[str, dict[Version, Named]] = {}
        #: What is said of servers that are alike is said with the first of them.
        self._firsts: dict[tuple[object, ...], Stretch] = {}
        for conn, stretch in sorted(found, key=lambda one: _line_of(one[1])):
            self._firsts.setdefault(self._key(conn, stretch, stretch.named), stretch)
        for conn, stretch in found:
            self._count(conn, stretch)
        self.used: list[str] = []
        self._agents = Automatic(found.agents, QGA.product) if found.agents is not None else None
        if self._agents is not None:
            self._agents.used = self.used

    def _count(self, conn: int, stretch: Stretch) -> None:
        address, named = self._found.addresses.get(conn, ""), stretch.named
        if stretch.schema:
            version = named.version if named else None
            self._of_version.setdefault(version, set()).add(stretch.schema)
            self._of_address.setdefault(address, set()).add(stretch.schema)
        if named and address:
            self._at_address.setdefault(address, {}).setdefault(named.version, named)

    def learned(self, conn: int) -> None:
        """The trace, which grows, has said more of its server in session `conn`."""
        self._choices = Recent(_REMEMBERED)
        for stretch in self._found.stretches.get(conn, ()):
            self._count(conn, stretch)
        if self._agents is not None:
            self._agents.learned(conn)

    def __call__(self, conn: int, line: int, greeting: Greeting | None = None) -> Basis | NoSchema:
        """The catalog for session `conn` from `line` on."""
        if self._agents is not None and self._found.is_agent(conn):
            return self._agents(conn, line)
        stretch = self._found.at(conn, line)
        named = stretch.named or _by_greeting(line, greeting)
        key = self._key(conn, stretch, named)
        first = self._firsts.get(key, stretch)
        address = self._found.addresses.get(conn, "")
        chosen = self._choices.use(key, lambda: self._choose(first, first.named or named, address))
        if isinstance(chosen, Basis) and len(self.used) < _MOST_USED:
            self.used += [chosen.sentence] if chosen.sentence not in self.used else []
        return chosen

    def _key(self, conn: int, stretch: Stretch, named: Named | None) -> tuple[object, ...]:
        """All that decides."""
        version = named.version if named else None
        address = self._found.addresses.get(conn, "")
        daemon = self._product_of(stretch, named) != self._product
        return stretch.schema, stretch.broken, version, address, stretch.architecture, daemon

    def _product_of(self, stretch: Stretch, named: Named | None) -> str:
        """The product, also where only the server's answers tell: neither greeting nor, often, the header does."""
        may_be = (
            self._product == "qemu" and named is not None and named.version.major >= _DAEMON_SINCE
        )
        return "qemu-storage-daemon" if may_be and stretch.lacks else self._product

    def _choose(self, stretch: Stretch, named: Named | None, address: str) -> Basis | NoSchema:
        reason = ""
        if stretch.schema:
            own = self._by_reply(stretch.schema)
            if own is not None:
                return own
            reason = f"the schema reply in line {stretch.schema_line} {self._flaw(stretch.schema)}"
        elif stretch.broken:
            reason = f"the schema reply in line {stretch.broken} is cut off"
        where = "" if named else ", of another session"
        sure = self._of_version.get(named.version, set()) if named else set()
        named = named or self._elsewhere(address)
        others = self._replies_of(named, address)
        for digest, basis in others.items() if len(others) == 1 else ():
            of_another = "" if digest in sure else ", of another session"
            why = f" ({reason})" if reason else ""
            return basis.called(f"{basis.sentence}{of_another}{why}")
        if others:
            several = f"{len(others)} different schema replies are in the trace"
            reason = "; ".join(filter(None, (reason, several)))
        if named is None and not self._found.versions:
            named, where = self._found.header, ""
        if named is None:
            why = "; ".join(filter(None, (reason, self._why())))
            newest = self._newest()
            if newest is not None:
                return newest.called(f"{newest.catalog.name}, the newest that ships ({why})")
            advice = ADVICE if of_product(self._product).greets else AGENT_ADVICE
            return NoSchema(f"no schema could be chosen: {why}", advice, self._product)
        product = self._product_of(stretch, named)
        if product != self._product and stretch.lacks:
            name, line = stretch.lacks
            reason = "; ".join(filter(None, (f"as line {line} says, it has no {name}", reason)))
        return self._nearest(named, product, reason, where, self._found.architecture(stretch))

    def _elsewhere(self, address: str) -> Named | None:
        """The version that other sessions of the same server name; None where that is not sure."""
        there = self._at_address.get(address, {})
        known = there if len(there) == 1 else self._found.versions
        return next(iter(known.values())) if len(known) == 1 else None

    def _replies_of(self, named: Named | None, address: str) -> Mapping[bytes, Basis]:
        """The schema replies of other sessions that may be this server's."""
        if named is None and self._found.versions:
            return {}
        digests = set(self._of_version.get(named.version if named else None, ()))
        if len(self._found.versions) <= 1:
            digests |= self._of_version.get(None, set())
        near = digests & self._of_address.get(address, set())
        for some in (near, digests):
            found = {key: one for key in sorted(some) if (one := self._by_reply(key)) is not None}
            if len(found) == 1:
                break
        return found

    def _newest(self) -> Basis | None:
        """The newest catalog of what need not say its version; None for what does, or has said several."""
        if of_product(self._product).greets or self._found.versions:
            return None
        names = shipped_of(self._product)
        return (
            self._shipped.use(names[-1], lambda: Basis(load_shipped(names[-1]))) if names else None
        )

    def _why(self) -> str:
        """Why no version is known."""
        versions = list(dict.fromkeys(map(str, self._found.versions)))
        if not versions:
            dialect = of_product(self._product)
            first = "neither a greeting nor a" if dialect.greets else "no"
            return f"{first} reply to {dialect.version} names the server's version"
        more = ", ..." if len(versions) > _SHOWN else ""
        listed = ", ".join(versions[:_SHOWN]) + more
        return f"the session does not name its server, and the trace has several ({listed})"

    # ── bases ────────────────────────────────────────────────────────────────────────────────

    def _by_reply(self, digest: bytes) -> Basis | None:
        """The basis that a schema reply makes; None for one that is malformed."""
        return self._replies.use(digest, lambda: self._own(digest))

    def _own(self, digest: bytes) -> Basis | None:
        """The basis of a reply of this trace; other traces may have made it."""
        named = self._found.naming(digest)
        key = digest, self._product, named.version if named else None
        basis = BASES.use(key, lambda: self._compiled(digest))
        line = self._found.replies[digest].line
        return basis and basis.called(f"the schema reply in line {line}")

    def _compiled(self, digest: bytes) -> Basis | None:
        try:
            catalog = catalog_of(self._found, digest, self._product)
        except InputError:
            return None
        return Basis(catalog, very_build=True)

    def _flaw(self, digest: bytes) -> str:
        """Why a reply makes no basis."""
        try:
            catalog_of(self._found, digest, self._product)
        except PartError as error:
            return f"is not whole: {error}"
        except InputError:
            pass
        return "is malformed"

    def _nearest(
        self, named: Named, product: str, reason: str, where: str, architecture: str
    ) -> Basis | NoSchema:
        """The shipped catalog that fits a version best, and of as near ones the architecture."""
        try:
            fit = FITS.use(
                (named.version, product, architecture),
                lambda: select(named.version, product, architecture=architecture),
            )
        except LookupError as error:
            return NoSchema(f"no schema could be chosen: {error}", ADVICE)
        basis = self._shipped.use(fit.name, lambda: shipped_basis(fit.name).called(fit.name))
        why = "; ".join(filter(None, (f"{named.sentence}{where}", reason)))
        sentence = f"{fit.sentence} ({why})"
        return basis.towards(named.version, architecture).called(sentence)


class PartError(InputError):
    """A schema reply is only a part of what the server said: entries were left out, as people do."""


def catalog_of(found: Survey, digest: bytes, product: str, name: str = "") -> Catalog:
    """The catalog in a schema reply of a trace, with the version that its server names.

    Raises InputError for a reply that is malformed, or lacks the very command that it answers (`PartError`).
    """
    reply, named = found.replies[digest], found.naming(digest)
    version, package = (str(named.version), named.version.package) if named else ("", "")
    plain = name or (f"{product}-{version}" if version else "the server's own schema")
    catalog = from_reply(entries_of(reply), name=plain, version=version, package=package)
    if _ASKED not in catalog.commands:
        raise PartError(f"it does not list {_ASKED} itself")
    is_daemon = "device_add" not in catalog.commands and "blockdev-add" in catalog.commands
    if is_daemon and version and not name:
        # The greeting does not tell, nor perhaps the header; but a daemon has no devices.
        catalog = replace(catalog, name=f"qemu-storage-daemon-{version}")
    return catalog


def shipped_basis(name: str) -> Basis:
    """The basis that a shipped catalog makes; other traces may have made it."""
    return SHIPPED.use(name, lambda: Basis(load_shipped(name)))


class Fixed:
    """The one catalog that the user named, perhaps with a property catalog that goes with it."""

    def __init__(
        self,
        catalog: Catalog,
        properties: PropertyCatalog | None = None,
        basis: Basis | None = None,
    ) -> None:
        """`basis` is what was made of both before, if it was."""
        own = Source(properties, sentence=properties.name) if properties else None
        self._basis = basis or Basis(catalog, named=True, properties=own)
        self._towards: dict[Version | None, Basis] = {}
        self.used = [catalog.name]

    def fresh(self) -> Fixed:
        """The same for another trace, on which nothing of this one has an influence."""
        return Fixed(self._basis.catalog, basis=self._basis)

    def __call__(self, _conn: int, _line: int, greeting: Greeting | None) -> Basis:
        """The catalog, towards a server of the version that greeted."""
        version = version_of(greeting) if greeting is not None else None
        if version not in self._towards:
            self._towards[version] = self._basis.towards(version)
        return self._towards[version]


def wire_only(_conn: int, _line: int, _greeting: Greeting | None) -> NoSchema:
    """No catalog, because the user wants none."""
    return NoSchema("no schema was asked for (--schema none)")


def _line_of(stretch: Stretch) -> int:
    """In which line a session says of its server what decides."""
    return stretch.named.line if stretch.named else stretch.schema_line or stretch.broken


def version_of(greeting: Greeting) -> Version | None:
    """The version that a greeting has, where it has the shape of one."""
    if len(greeting.version) != 3:
        return None
    major, minor, micro = greeting.version
    return Version(major, minor, micro, greeting.package)


def _by_greeting(line: int, greeting: Greeting | None) -> Named | None:
    """The version in a greeting for which the survey had no room."""
    version = version_of(greeting) if greeting is not None else None
    return Named(version, "greeting", line) if version is not None else None
