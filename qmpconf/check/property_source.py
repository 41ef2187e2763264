"""Which property catalog stands for a server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from qmpconf.schema.property_catalog import (
    PropertyCatalog,
    load_shipped_properties,
    shipped_properties,
)
from qmpconf.schema.select import Version, select


@dataclass(frozen=True)
class Source:
    """A property catalog, and how near it is to the server in question.

    `same_release` says that it is of the same release, at least: then it has all the properties that
    there are, but for those of another architecture or another way to build it.  `sentence` names it
    to the user.
    """

    catalog: PropertyCatalog
    same_release: bool = True
    sentence: str = ""


@lru_cache(16)
def source_for(version: Version | None) -> Source | None:
    """The shipped property catalog for a server: of that build, else version, release, nearest one.

    Where the version is not known, the newest stands for it, to which every type may be another's.
    """
    names = shipped_properties()
    if not names:
        return None
    if version is None:
        name = names[-1]
        return Source(load_shipped_properties(name), same_release=False, sentence=name)
    fit = select(version, names=names)
    return Source(load_shipped_properties(fit.name), not fit.distance, fit.sentence)


def with_type(type_name: str) -> list[str]:
    """Names of the shipped property catalogs that have a type, sorted by version."""
    return [
        name
        for name in shipped_properties()
        if load_shipped_properties(name).of(type_name) is not None
    ]
