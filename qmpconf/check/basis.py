"""What a session is checked against: a catalog, ready to be asked, and how near it is."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING

from qmpconf.schema.features import Features
from qmpconf.schema.validator import Validator

if TYPE_CHECKING:
    from qmpconf.schema.model import Catalog, Command, Event, Facts


class Basis:
    """One catalog and what is made of it once.

    `very_build` says that the catalog was introspected from the very build that is checked: then
    what the server adds to it is an error, and otherwise only a note (DESIGN.md section 5).
    `sentence` tells the user which catalog it is and why.
    """

    def __init__(self, catalog: Catalog, *, very_build: bool, sentence: str) -> None:
        self.catalog = catalog
        self.very_build = very_build
        self.sentence = sentence
        self.validator = Validator(catalog)

    def of_the_very_build(self) -> Basis:
        """The same, for a server that is the very build; what was made so far is shared."""
        twin = copy.copy(self)
        twin.very_build = True
        return twin

    @cached_property
    def features(self) -> Features:
        """The deprecated and unstable parts of the catalog."""
        return Features(self.catalog)

    @cached_property
    def plain(self) -> frozenset[str]:
        """Commands of which nothing is marked as deprecated or unstable, not even in part."""
        return frozenset(
            name
            for name, command in self.catalog.commands.items()
            if not self.features.of_command(name) and not self.features.can_use(command.arguments)
        )

    def cite(self, entry: Command | Event, facts: Facts | None = None) -> str:
        """Where the catalog's source says it: document and line, or the entry's name."""
        line = (facts.line if facts else 0) or entry.facts.line
        if line:
            return f"{self.catalog.source.title or self.catalog.name}, line {line}"
        return f"{self.catalog.name}, {entry.name}"
