"""Which other releases have what a catalog lacks, as the shipped catalogs tell.

An error that says "unknown in qemu-11.1.3" leaves a user to find out since when, and whether it was
announced.  `History.tell` answers that from the shipped catalogs of the same product: those that list
everything, and of one version only one.  They are loaded when the first question comes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from qmpconf.schema.features import Features
from qmpconf.schema.select import Version, of_product
from qmpconf.schema.store import load_shipped
from qmpconf.schema.validator import Validator

if TYPE_CHECKING:
    from qmpconf.protocol.messages import Command
    from qmpconf.schema.model import Catalog
    from qmpconf.schema.problems import Problem

#: How many different questions are answered; each may take some milliseconds.
_MOST = 500


class _Release:
    """One shipped catalog, and what is made of it once."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.version = _version(catalog)
        self.validator = Validator(catalog)

    @cached_property
    def features(self) -> Features:
        return Features(self.catalog)


class History:
    """The releases before and after one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._own = catalog
        self._version = _version(catalog)
        self._told: dict[tuple[object, ...], str] = {}

    def tell(self, command: Command, problem: Problem | None) -> str:
        """For example "in qemu-10.0.13 (deprecated), not in qemu-11.1.3"; empty if nobody has it.

        It is about the `problem` that the catalog has with the arguments, or about the command
        itself.
        """
        key = (command.name, problem and (problem.kind, problem.path, problem.member, problem.seen))
        if key not in self._told:
            if len(self._told) >= _MOST:
                return ""
            self._told[key] = self._tell(command, problem)
        return self._told[key]

    @cached_property
    def _releases(self) -> list[_Release]:
        """One for each version, the oldest first, without the catalog's own."""
        found: dict[tuple[int, int, int], _Release] = {}
        for name in of_product(self._own.source.product):
            catalog = load_shipped(name)
            version = _version(catalog)
            whole = catalog.source.lists_all
            if not whole or version == self._version or name == self._own.name:
                continue
            if version not in found or catalog.source.kind == "introspection":
                found[version] = _Release(catalog)
        return [found[version] for version in sorted(found)]

    def _tell(self, command: Command, problem: Problem | None) -> str:
        before = [one for one in self._releases if one.version < self._version]
        after = [one for one in self._releases if one.version > self._version]
        own = self._own.name
        has = [_takes(one, command, problem) for one in before]
        if any(has):
            last = len(has) - 1 - has[::-1].index(True)
            gone = before[last + 1].catalog.name if last + 1 < len(before) else own
            return _words(before[last], command, problem, gone)
        has = [_takes(one, command, problem) for one in after]
        if any(has):
            first = has.index(True)
            lacks = after[first - 1].catalog.name if first else own
            return _words(after[first], command, problem, lacks)
        return ""


def _words(there: _Release, command: Command, problem: Problem | None, lacks: str) -> str:
    name = there.catalog.name
    if problem is not None and problem.kind == "missing":
        return f"mandatory in {lacks}, not in {name}"
    mark = " (deprecated)" if _deprecated(there, command, problem) else ""
    verb = "accepted" if problem is not None and problem.kind != "unknown" else "known"
    return f"{verb} in {name}{mark}, not in {lacks}"


def _takes(release: _Release, command: Command, problem: Problem | None) -> bool:
    """Whether a catalog has the command, and nothing against what the `problem` is about."""
    if command.name not in release.catalog.commands:
        return False
    if problem is None:
        return True
    for one in release.validator.arguments(command.name, command.arguments):
        if one.kind == "missing" or problem.kind == "missing":
            if (one.kind, one.path, one.member) == (problem.kind, problem.path, problem.member):
                return False
        elif one.path == problem.path[: len(one.path)]:
            return False
    return True


def _deprecated(release: _Release, command: Command, problem: Problem | None) -> bool:
    if problem is None:
        return "deprecated" in release.features.of_command(command.name)
    known = release.catalog.commands[command.name]
    return any(
        use.feature == "deprecated" and use.path == problem.path
        for use in release.features.used(known.arguments, command.arguments)
    )


def _version(catalog: Catalog) -> tuple[int, int, int]:
    found = Version.parse(catalog.source.version)
    return (found.major, found.minor, found.micro) if found else (0, 0, 0)
