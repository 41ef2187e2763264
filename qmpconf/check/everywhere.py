"""What can be said about a call when nobody knows which server it went to.

A pasted command without a greeting has no schema to be held against.  Where every shipped catalog
that has the command refuses its arguments at the same place, no release of QEMU takes them, and
that can be said.  (Documents that were written by hand leave arguments out, and are not asked.)  It is said only when the server refused the call as well, or did not answer: an
answer with success shows a server that no catalog describes.

A command that the server says it does not know, and that the newest catalog lacks as well, is gone, or
never was; the other catalogs tell which.

Properties of ``device_add`` that have the wrong type are a warning, however it was answered: most
releases take them, and the latest do not (`qmpconf.schema.property_rules`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from qmpconf.check.basis import Basis
from qmpconf.check.calls import Flaw, Judge, Standing, inside, member_of
from qmpconf.check.offers import Offered
from qmpconf.check.properties import OPEN_ENDED, judge
from qmpconf.check.property_source import source_for
from qmpconf.check.told import NOTHING_TOLD
from qmpconf.protocol.dialect import of_product as dialect_of
from qmpconf.protocol.messages import Command, Failure, Success
from qmpconf.protocol.places import pointer
from qmpconf.schema.problems import suggest
from qmpconf.schema.select import releases_of
from qmpconf.schema.store import load_shipped
from qmpconf.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qmpconf.check.properties import Deprecated
    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Finding
    from qmpconf.protocol.matching import Pending

#: What counts: that a place of the arguments is refused, for whatever reason.
_REFUSED = (Standing.VALUE_REFUSED, Standing.ARGUMENT_MISSING, Standing.ARGUMENT_UNKNOWN)

#: Commands with flaws that may wait for their answers.
_MOST_HELD = 1000


class Everywhere:
    """The shipped catalogs of one product, one for each release, each loaded when it is needed."""

    def __init__(self, product: str) -> None:
        self._names = releases_of(product)[::-1]
        self._judges: dict[str, Judge] = {}

    def judge(self, command: Command, redacted: Sequence[str] = ()) -> list[Flaw]:
        """What every catalog that has the command refuses in its arguments; mostly nothing.

        `redacted` places are not judged.

        The flaws are those of the newest one, and `source` names all of them.
        """
        agreed: dict[str, Flaw] = {}
        asked: list[str] = []
        for name in self._names:
            one = self._judge(name)
            catalog = one.basis.catalog
            if not catalog.source.lists_all or command.name not in catalog.commands:
                continue
            found = {
                flaw.pointer: flaw
                for flaw in one.judge(command, Offered([0]), (), redacted).flaws
                if flaw.standing in _REFUSED and not flaw.of_property
            }
            agreed = (
                found if not asked else {at: flaw for at, flaw in agreed.items() if at in found}
            )
            asked.append(name)
            if not agreed:
                return []
        if not asked:
            return []
        source = f"all catalogs that have it, {asked[-1]} to {asked[0]}"
        return [replace(flaw, source=source) for flaw in agreed.values()]

    def deprecated(self, command: Command, redacted: Sequence[str] = ()) -> list[Deprecated]:
        """Properties of the wrong type, which some releases take."""
        if command.name not in OPEN_ENDED:
            return []
        found = judge(command, NOTHING_TOLD, source_for(None), None).deprecated
        return [
            one
            for one in found
            if not any(inside(pointer(("arguments", *one.path)), place) for place in redacted)
        ]

    @cached_property
    def newest(self) -> Basis | None:
        """The newest catalog that a server itself has told."""
        judges = (self._judge(name) for name in self._names)
        told = (one.basis for one in judges if one.basis.catalog.source.kind == "introspection")
        return next(told, None)

    def _judge(self, name: str) -> Judge:
        if name not in self._judges:
            self._judges[name] = Judge(Basis(load_shipped(name), named=True))
        return self._judges[name]


#: All catalogs of a product, which every session of an unknown server shares, of whatever trace.
everywhere = lru_cache(4)(Everywhere)


class Suspicions:
    """The calls of one session that every catalog refuses, until they are answered."""

    def __init__(self, everywhere: Everywhere, reporter: Reporter) -> None:
        self._everywhere = everywhere
        self._report = reporter.finding
        # By the command's identity: it, its errors, its warnings.
        self._held: dict[int, tuple[Pending, list[Finding], list[Finding]]] = {}

    def sent(self, waiting: Pending, line: int, redacted: Sequence[str]) -> None:
        """A command was sent; its `redacted` places are not judged."""
        command = waiting.message
        if not isinstance(command, Command) or command.problems:
            return
        flaws = self._everywhere.judge(command, redacted)
        deprecated = self._everywhere.deprecated(command, redacted)
        if not flaws and not deprecated:
            return
        self._held[id(waiting)] = (
            waiting,
            [
                self._report(
                    "schema.arguments",
                    line,
                    flaw.pointer,
                    command.name,
                    flaw.message,
                    flaw.expected,
                    flaw.seen,
                    flaw.source,
                    flaw.hint,
                )
                for flaw in flaws
            ],
            [
                self._report(
                    "compat.deprecated",
                    line,
                    pointer(("arguments", *one.path)),
                    command.name,
                    f"{one.what} is deprecated",
                    one.expected,
                    one.seen,
                    one.source,
                )
                for one in deprecated
            ],
        )
        if len(self._held) > _MOST_HELD:
            del self._held[next(iter(self._held))]

    def answered(self, waiting: Pending, reply: Success | Failure) -> list[Finding]:
        """What was wrong with a command that the server refused as well."""
        _, errors, warnings = self._held.pop(id(waiting), (None, [], []))
        if not isinstance(reply, Failure):
            return warnings
        return [*self._unknown(waiting, reply), *errors, *warnings]

    def _unknown(self, waiting: Pending, reply: Failure) -> Iterator[Finding]:
        """A command that its server does not know, by the server's own words, nor the newest release."""
        command, newest = waiting.message, self._everywhere.newest
        if not isinstance(command, Command) or command.problems or newest is None:
            return
        name, catalog = command.name, newest.catalog
        says = reply.error_class == "CommandNotFound" and f"command {name} " in reply.description
        if not says or name in catalog.commands or dialect_of(catalog.source.product).disables:
            return
        told = newest.history.tell(command, None)
        yield self._report(
            "schema.command-known",
            waiting.mark,
            member_of(command),
            name,
            f"the command {name!r} is unknown, also to {catalog.name}",
            f"one of the {counted(len(catalog.commands), 'command')} of {catalog.name}",
            name,
            catalog.name,
            "" if told.elsewhere else suggest(name, catalog.commands),
            more=tuple((key, text) for key, text in told._asdict().items() if text),
        )

    def rest(self) -> Iterator[Finding]:
        """What was wrong with the commands that were never answered."""
        for _, errors, warnings in self._held.values():
            yield from errors
            yield from warnings
        self._held.clear()
