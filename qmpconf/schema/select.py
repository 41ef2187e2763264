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
from qmpconf.schema.store import shipped, source_of

PRODUCTS = tuple(product for one in DIALECTS.values() for product in one.products)

Nearness = Literal["build", "version", "release", "nearest"]

_NAME = re.compile(
    r"(?P<product>.+?)-(?P<major>\d+)\.(?P<minor>\d+)(?:\.(?P<micro>\d+))?"
    r"(?P<dev>-dev)?(?P<doc>-doc)?"
)

_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?")

#: Number of a major version's first release; from 3.0 on each major version has three.
#: (0.15 was followed by 1.0, 1.7 by 2.0, and 2.12 by 3.0.)
_FIRST = {0: -24, 1: -8, 2: 0, 3: 13}

#: No version has greater numbers; a greeting may have, of any length.
_FAR = 1000

_SENTENCES: Mapping[Nearness, str] = {
    "build": "introspected from this very build",
    "version": "of the same version, another build",
    "release": "of the same release, another stable version",
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
    def release(self) -> int:
        """A number that grows by one with each release of QEMU."""
        major, minor = (max(0, min(one, _FAR)) for one in (self.major, self.minor))
        return _FIRST.get(major, _FIRST[3] + 3 * (major - 3)) + minor


@dataclass(frozen=True, slots=True)
class Fit:
    """A shipped catalog and how near it is; `sentence` says it to the user."""

    name: str
    nearness: Nearness
    distance: int

    @property
    def sentence(self) -> str:
        """For example "qemu-7.2.22, introspected from this very build"."""
        releases = f"{self.distance} release{'' if self.distance == 1 else 's'}"
        return f"{self.name}, {_SENTENCES[self.nearness].format(distance=releases)}"


def select(version: Version, product: str = "qemu", names: Iterable[str] | None = None) -> Fit:
    """The catalog that fits best: of that build, else version, release, nearest release.

    The nearest release wins; of equally near ones introspection before documents, then the newer.
    A catalog of a fragment is never chosen.  Raises LookupError when there is none for that product.
    """
    ranked = []
    for name in shipped() if names is None else names:
        known = _NAME.fullmatch(name)
        if not known or known["product"] != product or _is_partial(name):
            continue
        of = Version(int(known["major"]), int(known["minor"]), int(known["micro"] or 0))
        distance = abs(of.release - version.release)
        micro = abs(of.micro - version.micro)
        ranked.append((distance, bool(known["doc"]), -of.release, micro, name))
    if not ranked:
        raise LookupError(f"no catalog for {product}")
    distance, _document, _release, micro, name = min(ranked)
    if distance:
        return Fit(name, "nearest", distance)
    if micro:
        return Fit(name, "release", 0)
    return Fit(name, "build" if _is_build(name, version) else "version", 0)


def of_product(product: str) -> list[str]:
    """Names of the shipped catalogs of `product`, oldest version first."""
    known = [(_NAME.fullmatch(name), name) for name in shipped()]
    return [
        name
        for _, name in sorted(
            ((int(found["major"]), int(found["minor"]), int(found["micro"] or 0)), name)
            for found, name in known
            if found and found["product"] == product
        )
    ]


def _is_build(name: str, version: Version) -> bool:
    source = _source(name)
    return source.kind == "introspection" and source.package == version.package


def _is_partial(name: str) -> bool:
    return bool(_source(name).partial)


def _source(name: str) -> Source:
    """Where a catalog comes from; of one that is not shipped, only its name is known."""
    return source_of(name) if name in shipped() else Source("document")
