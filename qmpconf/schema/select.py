"""Which shipped catalog fits a server, by the version that its greeting says.

Knows names of catalogs and versions; no message, no session.  The greeting does not tell
``qemu`` from ``qemu-storage-daemon``, and a guest agent does not greet; the caller says which product
it is (see `PRODUCTS`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from qmpconf.protocol.dialect import DIALECTS
from qmpconf.schema.model import Source
from qmpconf.schema.names import Name
from qmpconf.schema.store import shipped, source_of

PRODUCTS = tuple(product for one in DIALECTS.values() for product in one.products)

Nearness = Literal["build", "version", "release", "pre-release", "nearest"]

#: The package string of a build of QEMU's own sources, which anybody may have made: "v4.0.0",
#: " (v2.9.0)", "v7.2.0-333-g222059a0fc".
_OF_SOURCES = re.compile(
    r"[\s(]*(?:v\d+(?:\.\d+)+(?:-rc\d+)?(?:-\d+-g[0-9a-f]+)?(?:-dirty)?)?[\s)]*"
)

_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?")

#: Number of a major version's first release; from 4.0 on each major version has three.
#: (0.15 was followed by 1.0, 1.7 by 2.0, 2.12 by 3.0, and 3.1 by 4.0.)
_FIRST = {0: -24, 1: -8, 2: 0, 3: 13, 4: 15}

#: The last minor version of the major versions before 4.
_LAST = {0: 15, 1: 7, 2: 12, 3: 1}

#: Micro versions from here on are those of a build before the next release; from `_CANDIDATES` on, of a
#: release candidate.  Stable versions never came near.
_BEFORE_NEXT, _CANDIDATES = 50, 90

#: The architecture that a catalog's name does not say.
PLAIN = "x86_64"

#: No version has greater numbers; a greeting may have, of any length.
_FAR = 1000

_SENTENCES: Mapping[Nearness, str] = {
    "build": "introspected from this very build",
    "version": "of the same version, another build",
    "release": "of the same release, another stable version",
    "pre-release": "of the same release, though one of the two came before it",
    "nearest": "of the nearest release, {distance} away: differences are to be expected",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A server's version, as greeting and ``query-version`` give it."""

    major: int
    minor: int
    micro: int = 0
    package: str = ""

    @classmethod
    def of(cls, value: Any) -> Version | None:
        """The version in the greeting's ``version`` member; None when it is not of that shape."""
        numbers = value.get("qemu") if isinstance(value, Mapping) else None
        if not isinstance(numbers, Mapping):
            return None
        found = [numbers.get(part) for part in ("major", "minor", "micro")]
        whole = [one for one in found if isinstance(one, int) and not isinstance(one, bool)]
        if len(whole) < len(found):
            return None
        major, minor, micro = whole
        package = value.get("package")
        return cls(major, minor, micro, package if isinstance(package, str) else "")

    @classmethod
    def parse(cls, text: str, package: str = "") -> Version | None:
        """The version in a text like "7.2.22" or "2.9-dev"; None when there is none."""
        found = _NUMBERS.match(text)
        if not found:
            return None
        major, minor, micro = found.groups("0")
        return cls(int(major), int(minor), int(micro), package)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.micro}"

    @property
    def line(self) -> tuple[int, int]:
        """The release that it belongs to, or comes before: 4.2 for 4.2.1, and for 4.1.50 and 4.1.91."""
        major, minor = (max(0, min(one, _FAR)) for one in (self.major, self.minor))
        if self.micro < _BEFORE_NEXT or self.micro > _FAR:
            return major, minor
        return (major, minor + 1) if minor < _LAST.get(major, 2) else (major + 1, 0)

    @property
    def release(self) -> int:
        """A number that grows by one with each release of QEMU."""
        major, minor = self.line
        return _FIRST.get(major, _FIRST[4] + 3 * (major - 4)) + minor

    @property
    def name(self) -> str:
        """What a catalog of it is called: "4.2.1", or "4.2-dev" and "4.2-rc1" before that release."""
        if self.line == (self.major, self.minor):
            return str(self)
        major, minor = self.line
        candidate = self.micro - _CANDIDATES
        return f"{major}.{minor}-" + (f"rc{candidate}" if candidate >= 0 else "dev")


@dataclass(frozen=True, slots=True)
class Fit:
    """A shipped catalog and how near it is; `sentence` says it to the user.

    `other` is the catalog's architecture where the server's is another one; `assumed` is the one for which it
    is the very build, where the server's is not known and builds for others have the same version and package.
    """

    name: str
    nearness: Nearness
    distance: int
    other: str = ""
    assumed: str = ""

    @property
    def sentence(self) -> str:
        """For example "qemu-7.2.22, introspected from this very build"."""
        releases = f"{self.distance} release{'' if self.distance == 1 else 's'}"
        of = f" of {self.other}" if self.other else ""
        assumed = f", qemu-system-{self.assumed} assumed" if self.assumed else ""
        return f"{self.name}{of}, {_SENTENCES[self.nearness].format(distance=releases)}{assumed}"


def select(
    version: Version,
    product: str = "qemu",
    names: Iterable[str] | None = None,
    architecture: str = "",
) -> Fit:
    """The catalog that fits best: of that build, else version, release, nearest release.

    The nearest release wins; of equally near ones introspection before documents, then the server's
    `architecture` (empty: not known) before x86_64, then the newer, then a release before what
    came before it.  A catalog of a fragment is never chosen.  Raises LookupError when there is none
    for that product.
    """
    ranked = []
    own = "" if architecture == PLAIN else architecture
    for name in shipped() if names is None else names:
        known = Name.of(name)
        if known is None or known.product != product:
            continue
        if known.architecture not in ("", own):
            continue
        of = Version(*known.release, known.micro or 0)
        distance = abs(of.release - version.release)
        micro = abs(of.micro - version.micro)
        before = bool(known.before)
        other = known.architecture != own
        ranked.append((distance, known.document, other, -of.release, before, micro, name))
    ranked.sort()
    found = next((one for one in ranked if not _is_partial(one[-1])), None)
    if found is None:
        raise LookupError(f"no catalog for {product}")
    distance, _document, other, _release, before, micro, name = found
    nearness: Nearness = "release" if micro else "version"
    if distance:
        nearness = "nearest"
    elif is_build(_source(name), version, architecture):
        nearness = "build"
    elif before or version.line != (version.major, version.minor):
        nearness = "pre-release"
    assumed = nearness == "build" and not architecture and product == "qemu"
    return Fit(name, nearness, distance, PLAIN if other else "", PLAIN if assumed else "")


def of_product(product: str) -> list[str]:
    """Names of the shipped catalogs of `product`, oldest version first; of x86_64 alone."""
    known = ((Name.of(name), name) for name in shipped())
    return [
        name
        for _, name in sorted(
            (found.age, name)
            for found, name in known
            if found and found.product == product and not found.architecture
        )
    ]


def releases_of(product: str) -> list[str]:
    """One of `of_product` for each release, oldest first: the newest that was introspected, else a document.

    A fragment stands for no release.
    """
    found: dict[tuple[int, int], str] = {}
    for name in sorted(of_product(product), key=lambda one: not one.endswith("-doc")):
        if not _is_partial(name):
            found[release_of(name)] = name
    return [found[release] for release in sorted(found)]


def release_of(name: str) -> tuple[int, int]:
    """The release that a shipped catalog is of, or comes before, by its name: (4, 2)."""
    known = Name.of(name)
    return known.release if known else (0, 0)


def is_build(source: Source, version: Version, architecture: str = "") -> bool:
    """Whether a catalog of that source was introspected from the very build that has this version.

    A package string says so, but not that of QEMU's own sources, which others have built as well.  One package
    may hold servers of several architectures, so that of the server counts where it is known.
    """
    return (
        source.kind == "introspection"
        and (source.architecture or PLAIN) == (architecture or source.architecture or PLAIN)
        and Version.parse(source.version, source.package) == version
        and not (source.origin and _OF_SOURCES.fullmatch(source.package))
    )


def _is_partial(name: str) -> bool:
    return bool(_source(name).partial)


def _source(name: str) -> Source:
    """Where a catalog comes from; of one that is not shipped, only its name is known."""
    return source_of(name) if name in shipped() else Source("document")
