"""What a session is checked against: a catalog, ready to be asked, and how near it is."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qmpconf.check.coverage import Places
from qmpconf.check.history import History, Others
from qmpconf.check.properties import OPEN_ENDED, is_open
from qmpconf.check.property_source import Source, source_for
from qmpconf.check.seen import Seen
from qmpconf.schema import doubts
from qmpconf.schema.features import Features
from qmpconf.schema.select import Version, is_build
from qmpconf.schema.validator import Validator

if TYPE_CHECKING:
    from qmpconf.schema.model import Catalog, Command, Event, Facts
    from qmpconf.schema.problems import Problem


@dataclass(frozen=True, slots=True)
class NoSchema:
    """There is no catalog to check against: why not (a clause), and what to do about it.

    `product` says of which product's catalogs all may be asked instead; empty where none is wanted.
    """

    text: str
    advice: str = ""
    product: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a problem proves nothing (a clause), and where the document says so."""

    text: str
    source: str


class _Made:
    """What is made of a catalog once, when it is first needed, for all bases that share it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.validator = Validator(catalog)

    @cached_property
    def features(self) -> Features:
        return Features(self.catalog)

    @cached_property
    def others(self) -> Others:
        return Others(self.catalog)

    @cached_property
    def seen(self) -> Seen:
        return Seen(self.catalog, self.validator.quick, self.features, self.open_ended)

    @cached_property
    def places(self) -> Places:
        return Places(self.catalog)

    @cached_property
    def open_ended(self) -> frozenset[str]:
        return frozenset(name for name in OPEN_ENDED if is_open(self.catalog, name))

    @cached_property
    def plain(self) -> frozenset[str]:
        return frozenset(
            name
            for name, command in self.catalog.commands.items()
            if name not in self.open_ended
            and not self.features.of_command(name)
            and not self.features.can_use(command.arguments)
        )


class Basis:
    """One catalog, what is made of it once, and how the server that is checked stands to it.

    `very_build` says that the catalog was introspected from the very build that is checked: then
    what the server adds to it is an error, and otherwise only a note (qmpconf/README.md, Catalogs).
    `server_older` says that the server is older than the catalog: then what it lacks is a note,
    too.  `named` says that the user named the catalog: then the question is what would happen on a
    server with it, whichever server was recorded (`qmpconf.check.calls`).  `sentence` says to the user
    which catalog it is and why.  `on_purpose` says that calls are wrong on purpose: one is looked into only
    where the server takes it.  `properties` is the property catalog that goes with it; without one,
    the shipped one that fits the server's version.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        very_build: bool = False,
        server_older: bool = False,
        named: bool = False,
        sentence: str = "",
        on_purpose: bool = False,
        properties: Source | None = None,
    ) -> None:
        self.catalog = catalog
        self.very_build = very_build
        self.server_older = server_older
        self.named = named
        self.sentence = sentence or catalog.name
        self.on_purpose = on_purpose
        self._made = _Made(catalog)
        self.validator = self._made.validator
        #: The version of the server in question, as far as it is known.
        self.version = Version.parse(catalog.source.version, catalog.source.package)
        self._properties = properties
        #: Documents do not say which commands may be sent out of band.
        self.tells_oob = catalog.source.is_exact

    def towards(self, version: Version | None, architecture: str = "") -> Basis:
        """The same catalog towards a server of that version; what was made so far is shared.

        `architecture` is the server's where that is known.
        """
        source = self.catalog.source
        known = Version.parse(source.version, source.package)
        twin = copy.copy(self)
        twin.very_build = version is not None and is_build(source, version, architecture)
        twin.server_older = bool(known and version and version.release < known.release)
        twin.version = self.version if self.named else version or self.version
        return twin

    def called(self, sentence: str) -> Basis:
        """The same basis, chosen for another reason."""
        twin = copy.copy(self)
        twin.sentence = sentence
        return twin

    @property
    def properties(self) -> Source | None:
        """Which properties the types of the server in question have."""
        return self._properties or source_for(self.version)

    @property
    def features(self) -> Features:
        """The deprecated and unstable parts of the catalog."""
        return self._made.features

    @cached_property
    def history(self) -> History:
        """The releases before and after that of the catalog."""
        return History(self._made.others)

    @property
    def plain(self) -> frozenset[str]:
        """Commands that are right if the schema says so.

        Of these nothing is marked as deprecated or unstable, not even in part, and nothing is left
        open.
        """
        return self._made.plain

    @property
    def seen(self) -> Seen:
        """Messages that were judged by the catalog before, and found to be right."""
        return self._made.seen

    @property
    def places(self) -> Places:
        """The places of the catalog, for what traces exercise of it."""
        return self._made.places

    @property
    def open_ended(self) -> frozenset[str]:
        """Commands whose arguments the catalog leaves open."""
        return self._made.open_ended

    def doubt(self, entry: Command | Event, key: str, value: Any, problem: Problem) -> Doubt | None:
        """Why a problem of `value` proves nothing; None where the catalog is sure of it.

        `value` should be of the type `key`, and belongs to the command or event `entry`.
        """
        source = self.catalog.source
        if source.is_exact:
            return None
        found = doubts.doubt(self.catalog, entry.facts, key, value, problem)
        if found is None and source.partial and problem.kind not in ("unknown", "value"):
            return Doubt(f"the document is a fragment: {source.partial}", self.cite(entry))
        if found is None:
            return None
        line = f", line {found.line}" if found.line else ""
        return Doubt(found.sentence, f"{source.title or self.catalog.name}{line}")

    def cite(self, entry: Command | Event, facts: Facts | None = None) -> str:
        """Where the catalog's source says it: document and line, or the entry's name."""
        about = facts if facts and facts.line else entry.facts
        if about.line:
            where = about.file or self.catalog.source.title or self.catalog.name
            return f"{where}, line {about.line}"
        return f"{self.catalog.name}, {entry.name}"
