"""Several catalogs in one option: ``all``, ``qemu-7.2..qemu-11.1``, ``qemu-7.2..``, ``qemu-7.2,mine.json.gz``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from qmpconf.errors import UsageError
from qmpconf.packed import exists
from qmpconf.schema.names import Name
from qmpconf.schema.select import release_of, releases_of
from qmpconf.schema.store import load, named

#: All releases.
ALL = "all"

#: From one release to another; without one of them from the oldest, or to the newest.
_RANGE = re.compile(r"([^/]+?)\.\.([^/.][^/]*)?|\.\.([^/.][^/]*)")


def are_several(text: str) -> bool:
    """Whether `text` names more than one catalog."""
    if text == ALL:
        return True
    return ("," in text or _RANGE.fullmatch(text) is not None) and not exists(Path(text))


def named_in(text: str, products: Iterable[str]) -> list[str]:
    """The catalogs that `text` names, each once: names that ship, and files.

    For ``all`` and a range, one of each release.  Raises UsageError for what is neither a catalog nor a file.
    """
    if text == ALL:
        return [name for product in products for name in releases_of(product)]
    found = (name for part in text.split(",") if part for name in _named(part))
    names = list(dict.fromkeys(found))
    if not names:
        raise UsageError(f"--schema {text}: names no catalog")
    return names


def _named(part: str) -> Iterator[str]:
    ends = _RANGE.fullmatch(part)
    if ends is None:
        yield named(part) or part
        return
    first, last = (_end(one) if one else None for one in (ends[1], ends[2] or ends[3]))
    products = list(dict.fromkeys(one.product for one in (first, last) if one is not None))
    if len(products) > 1:
        raise UsageError(f"{part}: {' and '.join(products)} are two products")
    between = _between(products[0], first, last)
    if not between:
        raise UsageError(f"{part}: no release is there: the older one comes first")
    yield from between


def _end(text: str) -> Name:
    """One end of a range.  Raises UsageError when no catalog that ships has that name."""
    found = Name.of(named(text) or load(text).name)
    if found is None:
        raise UsageError(
            f"{text!r} is not a catalog that ships, and has no place among the releases"
        )
    return found


def _between(product: str, first: Name | None, last: Name | None) -> Sequence[str]:
    return [
        name
        for name in releases_of(product)
        if (first is None or first.release <= release_of(name))
        and (last is None or release_of(name) <= last.release)
    ]
