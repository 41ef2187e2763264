"""What the names of catalogs say: product, version, architecture, and whether it is a document.

``qemu-7.2.22``, ``qemu-3.1-rc2`` (before 3.1), ``qemu-2.9-dev-doc``, ``qemu-5.0.0-aarch64``.  A name without the last
part of a version is that of a release (``qemu-7.2``), for which a catalog that ships stands.  Knows no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(
    r"(?P<product>.+?)-(?P<major>\d{1,6})\.(?P<minor>\d{1,6})(?:\.(?P<micro>\d{1,6}))?"
    r"(?:-(?P<before>dev|rc\d+))?(?:-(?!doc)(?P<architecture>[a-z][a-z0-9]+))?(?P<document>-doc)?"
)


@dataclass(frozen=True, slots=True)
class Name:
    """The parts of a catalog's name.

    `release` is the release that it is of or comes before, `micro` the last part of the version (None: none),
    `before` what it is before a release ("dev", "rc2"), `architecture` QEMU's name of a target, and empty for
    x86_64.
    """

    product: str
    release: tuple[int, int]
    micro: int | None = None
    before: str = ""
    architecture: str = ""
    document: bool = False

    @classmethod
    def of(cls, text: str) -> Name | None:
        """The parts of `text`; None where it is not a name of that form."""
        found = _NAME.fullmatch(text)
        if found is None:
            return None
        return cls(
            found["product"],
            (int(found["major"]), int(found["minor"])),
            int(found["micro"]) if found["micro"] else None,
            found["before"] or "",
            found["architecture"] or "",
            bool(found["document"]),
        )

    @property
    def age(self) -> tuple[int, int, bool, int]:
        """What is less for an older version: a release comes behind what was before it."""
        return (*self.release, not self.before, self.micro or 0)


def of_release(text: str, names: Iterable[str]) -> str:
    """Which of `names` stands for the release that `text` names: the newest; empty where none does.

    >>> of_release("qemu-7.2", ["qemu-7.2.0", "qemu-7.2.22", "qemu-7.2.22-doc"])
    'qemu-7.2.22'
    """
    asked = Name.of(text)
    if asked is None or asked.micro is not None or asked.before:
        return ""
    kind = (asked.product, asked.release, asked.architecture, asked.document)
    same = [
        (found.age, name)
        for name in names
        if (found := Name.of(name))
        and (found.product, found.release, found.architecture, found.document) == kind
    ]
    return max(same)[1] if same else ""
