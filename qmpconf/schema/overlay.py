"""One architecture's catalog as what it has other than that of x86_64 of the same release.

Most commands, events and types of a release are those of every target.  So the catalogs of other
architectures ship as *overlays*: a file in the format of `qmpconf.schema.store` that names its `base`, and has
only the entries that differ; one that the architecture lacks is ``null``::

    {"qmpconf-overlay":1,
    "name":"qemu-5.2.0-aarch64",
    "source":{...},
    "base":"qemu-5.2.0",
    "commands":{
    "query-gic-capabilities":{...},
    "rtc-reset-reinjection":null},
    "events":{...},
    "types":{...}}

The keys of types mean nothing, and each server numbers its own; they are made those of the base first
(`aligned`), so that what is equal is equal.  Knows no file; works on the model, and on decoded JSON.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from qmpconf.errors import InputError
from qmpconf.schema.model import Alternate, Array, Catalog, Object, Type
from qmpconf.schema.walk import children_of, is_builtin

OVERLAY = "qmpconf-overlay"
VERSION = 1

SECTIONS = ("commands", "events", "types")


def aligned(catalog: Catalog, base: Catalog) -> Catalog:
    """The same catalog, with the base's keys for the types that stand where the base's do.

    Types that stand nowhere in the base get keys that it does not have.  Nothing but keys changes.
    """
    keys: dict[str, str] = {}
    taken: set[str] = set()
    waiting = deque(_payloads(catalog, base))
    while waiting:
        mine, theirs = waiting.popleft()
        one, other = catalog.types.get(mine), base.types.get(theirs)
        if one is None or other is None or mine in keys or theirs in taken:
            continue
        if one.kind == other.kind:
            keys[mine] = theirs
            taken.add(theirs)
            waiting.extend(_inside(one, other))
    rest = sorted(catalog.types.keys() - keys.keys())
    # What stands nowhere (its users were opened, or take nothing) is known by what it is.
    for key in rest:
        if not all(map(is_builtin, children_of(catalog, key))):
            continue
        alike = (one for one in sorted(base.types) if one not in taken)
        theirs = next((one for one in alike if base.types[one] == catalog.types[key]), "")
        if theirs:
            keys[key] = theirs
            taken.add(theirs)
    prefix = f"{catalog.source.architecture}:"
    for key in rest:
        keys.setdefault(key, prefix + key.removeprefix(prefix))
    return _renamed(catalog, keys)


def difference(catalog: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What differs, by section, of two catalogs as decoded JSON; None for what the first lacks."""
    return {
        section: {
            key: catalog[section].get(key)
            for key in sorted(catalog[section].keys() | base[section].keys())
            if catalog[section].get(key) != base[section].get(key)
        }
        for section in SECTIONS
    }


def applied(overlay: Mapping[str, Any], base: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The whole catalog, as decoded JSON.  Raises InputError, naming `where`, for what is not an overlay."""
    if overlay.get(OVERLAY) != VERSION:
        raise InputError(f"{where}: is an overlay of a version that this qmpconf does not read")
    whole = {**base, "name": overlay.get("name"), "source": overlay.get("source")}
    for section in SECTIONS:
        changes = overlay.get(section)
        if not isinstance(changes, Mapping):
            raise InputError(f"{where}: damaged overlay: `{section}` is missing or no object")
        entries = {**base[section], **changes}
        whole[section] = {key: one for key, one in entries.items() if one is not None}
    return whole


def _payloads(catalog: Catalog, base: Catalog) -> Iterator[tuple[str, str]]:
    """Types of the same use: arguments and results of commands, data of events."""
    for name, command in sorted(catalog.commands.items()):
        if other := base.commands.get(name):
            yield command.arguments, other.arguments
            yield command.returns, other.returns
    for name, event in sorted(catalog.events.items()):
        if of_base := base.events.get(name):
            yield event.data, of_base.data


def _inside(one: Type, other: Type) -> Iterator[tuple[str, str]]:
    """The types at the same places in both."""
    if isinstance(one, Array) and isinstance(other, Array):
        yield one.element, other.element
    elif isinstance(one, Alternate) and isinstance(other, Alternate):
        yield from zip(one.branches, other.branches, strict=False)
    elif isinstance(one, Object) and isinstance(other, Object):
        yield one.base, other.base
        types = {member.name: member.type for member in other.members}
        yield from ((member.type, types.get(member.name, "")) for member in one.members)
        yield from ((key, other.variants.get(case, "")) for case, key in one.variants.items())


def _renamed(catalog: Catalog, keys: Mapping[str, str]) -> Catalog:
    """The catalog under other keys; a key that is not there stays."""

    def key(old: str) -> str:
        return keys.get(old, old)

    def inner(one: Type) -> Type:
        if isinstance(one, Array):
            return replace(one, element=key(one.element))
        if isinstance(one, Alternate):
            branches_if = {key(old): text for old, text in one.branches_if.items()}
            return replace(one, branches=tuple(map(key, one.branches)), branches_if=branches_if)
        if isinstance(one, Object):
            return replace(
                one,
                base=key(one.base),
                members=tuple(replace(member, type=key(member.type)) for member in one.members),
                shown=tuple(replace(member, type=key(member.type)) for member in one.shown),
                variants={case: key(old) for case, old in one.variants.items()},
            )
        return one

    return replace(
        catalog,
        commands={
            name: replace(one, arguments=key(one.arguments), returns=key(one.returns))
            for name, one in catalog.commands.items()
        },
        events={name: replace(one, data=key(one.data)) for name, one in catalog.events.items()},
        types={key(old): inner(one) for old, one in catalog.types.items()},
    )
