"""Which other releases have what a catalog lacks, as the shipped catalogs tell.

An error that says "unknown in qemu-11.1.3" leaves a user to find out since when, whether it was
announced, and what to use instead.  `History.tell` answers that from the shipped catalogs of the same
product: those that list everything, and of one version only one, with the manual of that version
beside it, for only manuals say what to use.  They are loaded when the first question comes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from qmpconf.check.properties import Judgement, is_open, judge
from qmpconf.check.property_source import source_for
from qmpconf.check.told import NOTHING_TOLD
from qmpconf.protocol.values import dumps
from qmpconf.schema.features import Features
from qmpconf.schema.select import Version, of_product
from qmpconf.schema.store import load_shipped, source_of
from qmpconf.schema.validator import Validator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qmpconf.protocol.messages import Command
    from qmpconf.schema.model import Catalog, Source
    from qmpconf.schema.problems import Path, Problem

#: How many different questions are answered, each of which may take some milliseconds; and how many
#: bytes of arguments are held against other releases.
_MOST, _MOST_BYTES = 500, 64 << 10


class Told(NamedTuple):
    """What other releases have to say.

    `elsewhere` is, for example, "known in qemu-10.0.13 (deprecated), not in qemu-11.1.3"; it is empty
    where nobody has it.  `instead` are names, separated by commas, or empty.
    """

    elsewhere: str = ""
    instead: str = ""


class _Release:
    """The shipped catalogs of one version, and what is made of them once, when it is first asked for."""

    def __init__(self, version: tuple[int, int, int], name: str, manual: str) -> None:
        self.version = version
        self.name = name
        self._manual = manual

    @cached_property
    def catalog(self) -> Catalog:
        return load_shipped(self.name)

    @cached_property
    def manual(self) -> Catalog | None:
        if self._manual == self.name:
            return self.catalog
        return load_shipped(self._manual) if self._manual else None

    @cached_property
    def validator(self) -> Validator:
        return Validator(self.catalog)

    @cached_property
    def features(self) -> Features:
        return Features(self.catalog)


class Others:
    """The releases before and after one catalog, and its own manual; loaded when first needed."""

    def __init__(self, catalog: Catalog) -> None:
        self.own = catalog
        self.version = _version(catalog.source)

    @cached_property
    def manual(self) -> Catalog | None:
        """The manual of the catalog's own version."""
        if self.own.source.kind in {"document", "qapi"}:
            return self.own
        for name in of_product(self.own.source.product):
            source = source_of(name)
            if source.kind == "document" and _version(source) == self.version:
                return load_shipped(name)
        return None

    @cached_property
    def releases(self) -> list[_Release]:
        """One for each version, the oldest first, without the catalog's own."""
        found: dict[tuple[int, int, int], list[str]] = {}
        for name in of_product(self.own.source.product):
            source = source_of(name)
            version = _version(source)
            if source.lists_all and version != self.version and name != self.own.name:
                found.setdefault(version, []).append(name)
        releases = []
        for version, several in sorted(found.items()):
            ranked = sorted(several, key=lambda one: source_of(one).kind == "document")
            manual = ranked[-1] if source_of(ranked[-1]).kind == "document" else ""
            releases.append(_Release(version, ranked[0], manual))
        return releases


class History:
    """What the other releases have to say, within the limits of one trace.

    Traces must not share one: what is answered is bounded, and would depend on what others asked.
    """

    def __init__(self, others: Others) -> None:
        self._others = others
        self._told: dict[tuple[object, ...], Told] = {}

    def tell(self, command: Command, problem: Problem | None) -> Told:
        """Who else has what is lacking: what the catalog's `problem` with the arguments is about.

        Without a problem it is the command itself.
        """
        key = (command.name, problem and (problem.kind, problem.path, problem.member, problem.seen))
        if key not in self._told:
            if len(self._told) >= _MOST or len(dumps(command.value)) > _MOST_BYTES:
                return Told()
            self._told[key] = self._tell(command, problem)
        return self._told[key]

    def instead(self, command: Command, path: Path | None) -> str:
        """What to use in place of something that is deprecated in this very catalog.

        `path` leads to it in the arguments, None stands for the command.
        """
        key = ("instead", command.name, path)
        if key not in self._told:
            if len(self._told) >= _MOST:
                return ""
            names = _instead(self._others.manual, command, path)
            self._told[key] = Told(instead=", ".join(names))
        return self._told[key].instead

    def _tell(self, command: Command, problem: Problem | None) -> Told:
        others, catalog = self._others, self._others.own
        before = [one for one in others.releases if one.version < others.version]
        after = [one for one in others.releases if one.version > others.version]
        there, lacks = _nearest(before[::-1], catalog.name, command, problem)
        if there is not None:
            # Manuals are of some releases only; the one before says it as well.
            known = (one.manual for one in before[::-1] if one.version <= there.version)
            manual = next(filter(None, known), None)
            instead = _instead(manual, command, problem.path if problem else None)
            if problem is None:
                instead = tuple(one for one in instead if one in catalog.commands)
            return Told(_words(there, command, problem, lacks), ", ".join(instead))
        there, lacks = _nearest(after, catalog.name, command, problem)
        return Told() if there is None else Told(_words(there, command, problem, lacks))


def _nearest(
    releases: Iterable[_Release], own: str, command: Command, problem: Problem | None
) -> tuple[_Release | None, str]:
    """The first release that has what is lacking, and the catalog before it, which lacks it.

    What is not asked is not loaded.
    """
    lacks = own
    for one in releases:
        if problem is not None and not _can_say(one, command):
            continue
        if _takes(one, command, problem):
            return one, lacks
        lacks = one.name
    return None, lacks


def _can_say(release: _Release, command: Command) -> bool:
    """Whether a release says what a command takes: its schema does, or its own properties."""
    if not is_open(release.catalog, command.name):
        return True
    properties = source_for(Version.parse(release.catalog.source.version))
    return properties is None or properties.same_release


def _words(there: _Release, command: Command, problem: Problem | None, lacks: str) -> str:
    name = there.name
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
        elif one.kind == "value" and one.path[:-1] == problem.path[: len(one.path) - 1]:
            return False  # perhaps it is the tag on which the others depend
    if not is_open(release.catalog, command.name):
        return True
    open_ended = _open_ended(release, command)
    against = [one.problem.path for one in (*open_ended.refused, *open_ended.probable)]
    against += [one.path for one in open_ended.unjudged]
    return not any(path == problem.path[: len(path)] for path in against)


def _open_ended(release: _Release, command: Command) -> Judgement:
    """What a release has against the arguments that its schema leaves open."""
    version = Version.parse(release.catalog.source.version)
    return judge(command, NOTHING_TOLD, source_for(version), version)


def _instead(manual: Catalog | None, command: Command, path: Path | None) -> tuple[str, ...]:
    """What a manual says to use in place of a command, or of what `path` leads to."""
    known = manual.commands.get(command.name) if manual else None
    if manual is None or known is None:
        return ()
    if path is None:
        return known.facts.instead
    used = Features(manual).used(known.arguments, command.arguments)
    return next((use.facts.instead for use in used if use.path == path), ())


def _deprecated(release: _Release, command: Command, problem: Problem | None) -> bool:
    if problem is None:
        return "deprecated" in release.features.of_command(command.name)
    if is_open(release.catalog, command.name):
        uses = _open_ended(release, command).deprecated
        if any(use.path == problem.path for use in uses):
            return True
    known = release.catalog.commands[command.name]
    return any(
        use.feature == "deprecated" and use.path == problem.path
        for use in release.features.used(known.arguments, command.arguments)
    )


def _version(source: Source) -> tuple[int, int, int]:
    found = Version.parse(source.version)
    return (found.major, found.minor, found.micro) if found else (0, 0, 0)
