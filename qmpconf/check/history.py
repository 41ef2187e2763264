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
from qmpconf.schema.store import load_shipped
from qmpconf.schema.validator import Validator

if TYPE_CHECKING:
    from qmpconf.protocol.messages import Command
    from qmpconf.schema.model import Catalog
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
    """The shipped catalogs of one version, and what is made of them once."""

    def __init__(self, catalog: Catalog, manual: Catalog | None) -> None:
        self.catalog = catalog
        self.manual = manual
        self.version = _version(catalog)
        self.validator = Validator(catalog)

    @cached_property
    def features(self) -> Features:
        return Features(self.catalog)


class Others:
    """The releases before and after one catalog, and its own manual; loaded when first needed."""

    def __init__(self, catalog: Catalog) -> None:
        self.own = catalog
        self.version = _version(catalog)

    @cached_property
    def manual(self) -> Catalog | None:
        """The manual of the catalog's own version."""
        if self.own.source.kind in {"document", "qapi"}:
            return self.own
        catalogs = map(load_shipped, of_product(self.own.source.product))
        same = (one for one in catalogs if _version(one) == self.version)
        return next((one for one in same if one.source.kind == "document"), None)

    @cached_property
    def releases(self) -> list[_Release]:
        """One for each version, the oldest first, without the catalog's own."""
        found: dict[tuple[int, int, int], list[Catalog]] = {}
        for name in of_product(self.own.source.product):
            catalog = load_shipped(name)
            version = _version(catalog)
            if catalog.source.lists_all and version != self.version and name != self.own.name:
                found.setdefault(version, []).append(catalog)
        releases = []
        for _, several in sorted(found.items()):
            ranked = sorted(several, key=lambda one: one.source.kind == "document")
            manual = ranked[-1] if ranked[-1].source.kind == "document" else None
            releases.append(_Release(ranked[0], manual))
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
        own = catalog.name
        has = [_takes(one, command, problem) for one in before]
        if any(has):
            last = len(has) - 1 - has[::-1].index(True)
            gone = before[last + 1].catalog.name if last + 1 < len(before) else own
            instead = _instead(before[last].manual, command, problem.path if problem else None)
            if problem is None:
                instead = tuple(one for one in instead if one in catalog.commands)
            return Told(_words(before[last], command, problem, gone), ", ".join(instead))
        has = [_takes(one, command, problem) for one in after]
        if any(has):
            first = has.index(True)
            lacks = after[first - 1].catalog.name if first else own
            return Told(_words(after[first], command, problem, lacks))
        return Told()


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


def _version(catalog: Catalog) -> tuple[int, int, int]:
    found = Version.parse(catalog.source.version)
    return (found.major, found.minor, found.micro) if found else (0, 0, 0)
