"""The catalogs that ship, for people and for programs: by product, architecture and kind of source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qmpconf.report.tables import fitted
from qmpconf.schema.model import Source

#: What stands in a table where an architecture has nothing of a release.
_NOTHING = ""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One catalog that ships: its name, its source, and how many entries it has of each kind.

    `release` is the release that it is of or comes before, as a sort key and as text; `counts` are those of
    commands, events and types.
    """

    name: str
    source: Source
    release: tuple[int, int]
    counts: tuple[int, int, int]


def as_text(catalogs: Sequence[Shipped], width: int = 120) -> str:
    """A table for each product and kind of source, and one for all other architectures."""
    parts: list[str] = []
    for product in dict.fromkeys(one.source.product for one in catalogs):
        own = [one for one in catalogs if one.source.product == product]
        plain = [one for one in own if not one.source.architecture]
        for title, kind in (("introspected", True), ("from documents", False)):
            some = [one for one in plain if (one.source.kind == "introspection") is kind]
            if some:
                of = f"{product}{', x86_64' if kind and product == 'qemu' else ''}: {title}"
                parts.append(f"{of}\n\n{_table(some, width)}")
        others = [one for one in own if one.source.architecture]
        if others:
            title = f"{product}, other architectures: introspected (qemu-VERSION-ARCHITECTURE)"
            parts.append(f"{title}\n\n{_grid(others, width)}")
    return "\n\n".join(parts)


def as_data(catalogs: Iterable[Shipped]) -> list[dict[str, Any]]:
    """The same for programs, a catalog each."""
    return [
        {
            "name": one.name,
            "product": one.source.product,
            "release": "{}.{}".format(*one.release),
            "version": one.source.version,
            "architecture": one.source.architecture or None,
            "from": one.source.kind,
            "package": one.source.package or None,
            "origin": one.source.origin or one.source.title or None,
            "fragment": bool(one.source.partial),
            **dict(zip(("commands", "events", "types"), one.counts, strict=True)),
        }
        for one in catalogs
    ]


def _table(catalogs: Iterable[Shipped], width: int) -> str:
    rows = [
        (one.name, _origin(one.source), *(str(count) for count in one.counts)) for one in catalogs
    ]
    head = ("name", "source", "commands", "events", "types")
    return fitted(rows, head, width, [*["left"] * 2, *["right"] * 3])


def _origin(source: Source) -> str:
    """Of which build, or document, a catalog is, and who published it."""
    what = source.package.strip(" ()") or source.title or "a build without a name"
    fragment = " (a fragment)" if source.partial else ""
    return what + (f" ({source.origin})" if source.origin else "") + fragment


def _grid(catalogs: Iterable[Shipped], width: int) -> str:
    """Versions by release and architecture: a cell for each catalog."""
    cells: dict[tuple[int, int], dict[str, str]] = {}
    for one in catalogs:
        version = one.name.removeprefix("qemu-").removesuffix(f"-{one.source.architecture}")
        cells.setdefault(one.release, {})[one.source.architecture] = version
    names = sorted({name for row in cells.values() for name in row})
    return fitted(list(_rows(cells, names)), ("release", *names), width)


def _rows(
    cells: dict[tuple[int, int], dict[str, str]], names: Sequence[str]
) -> Iterator[Sequence[str]]:
    for release in sorted(cells):
        row = cells[release]
        yield ("{}.{}".format(*release), *(row.get(name, _NOTHING) for name in names))
