"""The user's configuration, out of TOML: masks and known differences of replays, habits of checks.

A file of masks (``--masks FILE``, or one that `qmpconf learn` wrote)::

    [[mask]]
    message = "reply"                    # greeting, reply or event
    of = "query-blockstats"              # the command, or the event
    place = "/return/*/stats/rd_bytes"   # * is one part, ** any number of them
    kind = "integer"                     # what may stand there (`qmpconf.replay.masks.Kind`)
    reason = "the guest reads when it likes"

In ``qmpconf.toml`` the same tables are ``[[replay.mask]]``, in pyproject.toml
``[[tool.qmpconf.replay.mask]]``; there, ``mask-files`` names files of masks and
``baseline`` (once ``known-differences``) a file of known differences, as seen from the configuration's own folder.

In ``[check]`` (``[tool.qmpconf.check]``), ``ignore`` lists the requirements ``practice.*`` that are not
looked at, and ``max-latency`` how long answers may take, as on the command line of ``check``.

A key that is not known, and a place that no catalog has, is an error with its line: such a mask
would stand there and do nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast, get_args

from qmpconf.check.baseline import Baseline
from qmpconf.check.practice import ignoring, limits
from qmpconf.errors import InputError, UsageError
from qmpconf.files import read_text
from qmpconf.lists import ListEntry, Source, suggestion
from qmpconf.replay.masks import Kind, Mask, Message
from qmpconf.replay.places import ROOTS, WILD, look_up
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import PRODUCTS, releases_of
from qmpconf.schema.store import load_shipped
from qmpconf.text import expression

#: The files that are looked for, with the table of ours in each.
FILES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("qmpconf.toml", ()),
    ("pyproject.toml", ("tool", "qmpconf")),
)

_SECTIONS = ("replay", "check")
_SETTINGS = ("mask", "mask-files", "baseline", "known-differences")
_OF_CHECK = ("ignore", "max-latency")
_NEEDED = ("message", "of", "place", "kind", "reason")
#: ``seen`` is for people: the values that `qmpconf learn` saw, at a place that is thus there.
_OPTIONAL = ("name", "pattern", "key", "seen")
_MESSAGES: tuple[str, ...] = get_args(Message)
_KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a user has configured; `where` is the file (empty: there is none)."""

    masks: tuple[Mask, ...] = ()
    known_differences: str = ""
    where: str = ""
    ignore: tuple[str, ...] = ()
    max_latency: tuple[str, ...] = ()


def find(folder: str = ".") -> Configuration:
    """The configuration that holds for `folder`: its own, or that of the nearest folder above.

    Raises InputError for what is wrong in it, and for a file that cannot be read.
    """
    try:
        current = os.path.abspath(folder)
    except FileNotFoundError:  # the working folder was removed
        return Configuration()
    while True:
        for name, table in FILES:
            path = os.path.join(current, name)
            if os.path.isfile(path):
                found = _configured(path, table)
                if found is not None:
                    return found
        above = os.path.dirname(current)
        if above == current:
            return Configuration()
        current = above


def read_masks(path: str) -> tuple[Mask, ...]:
    """The masks in the file `path`.  Raises InputError."""
    source = Source(path, read_text(path), "mask")
    value = source.parsed()
    source.only(value, ("mask",))
    return tuple(_masks(value.get("mask", []), source))


def read_known(path: str) -> Mapping[str, str]:
    """The known differences in the file `path`: reasons by fingerprint.  Raises InputError."""
    return Baseline.parse(read_text(path), path).reasons


def _configured(path: str, table: Sequence[str]) -> Configuration | None:
    source = Source(path, read_text(path), ".".join((*table, "replay", "mask")))
    value = source.parsed()
    for name in table:
        value = value.get(name, {})
        if not isinstance(value, dict):
            return None
    if table and not value:
        return None
    source.only(value, _SECTIONS)
    replay = value.get("replay", {})
    if not isinstance(replay, dict):
        raise InputError(f"{source.line(key='replay')}: 'replay' must be a table")
    source.only(replay, _SETTINGS)
    files = replay.get("mask-files", [])
    name = "baseline" if "baseline" in replay else "known-differences"
    known = replay.get(name, "")
    if not isinstance(files, list) or not all(isinstance(one, str) for one in files):
        raise InputError(f"{source.line(key='mask-files')}: 'mask-files' must be a list of paths")
    if not isinstance(known, str):
        raise InputError(f"{source.line(key=name)}: {name!r} must be the path of a file")
    folder = os.path.dirname(path)
    masks = list(_masks(replay.get("mask", []), source))
    for file in files:
        masks += read_masks(os.path.join(folder, file))
    known = os.path.join(folder, known) if known else ""
    return Configuration(tuple(masks), known, path, *_of_check(value.get("check", {}), source))


def _of_check(check: Any, source: Source) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is ignored, and the limits of time."""
    if not isinstance(check, dict):
        raise InputError(f"{source.line(key='check')}: 'check' must be a table")
    source.only(check, _OF_CHECK)
    found = []
    for key, read in (("ignore", ignoring), ("max-latency", limits)):
        texts = check.get(key, [])
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
            raise InputError(f"{source.line(key=key)}: {key!r} must be a list of strings")
        try:
            read(texts)
        except UsageError as error:
            raise InputError(f"{source.line(key=key)}: {error}") from None
        found.append(tuple(texts))
    return found[0], found[1]


def _masks(tables: Any, source: Source) -> Iterator[Mask]:
    for entry in source.entries(tables):
        yield _mask(entry)


def _mask(entry: ListEntry) -> Mask:
    entry.only(_NEEDED, _OPTIONAL)
    texts = {key: entry.text(key) for key in (*_NEEDED, "name", "pattern") if key in entry.values}
    key = entry.values.get("key", "")
    if not isinstance(key, str):
        entry.fail("'key' must be a string", "key")
    for name, known in (("message", _MESSAGES), ("kind", _KINDS)):
        if texts[name] not in known:
            listed = suggestion(texts[name], known) or f"; one of {', '.join(known)}"
            entry.fail(f"{name} {texts[name]!r} does not exist{listed}", name)
    _check_pattern(entry, texts)
    if "seen" not in entry.values:
        _check_place(entry, texts)
    name = texts.pop("name", "configured")
    return Mask(name, **texts, key=key, source=entry.source.line(entry.number))  # type: ignore[arg-type]


def _check_pattern(entry: ListEntry, texts: Mapping[str, str]) -> None:
    """A pattern where the kind needs one, and only there."""
    needs = texts["kind"] in ("text", "optional")
    if needs != ("pattern" in texts):
        words = "needs a 'pattern'" if needs else "takes no 'pattern'"
        entry.fail(f"kind {texts['kind']!r} {words}", "pattern")
    try:
        expression(texts.get("pattern", ""))
    except ValueError as error:
        entry.fail(f"the pattern {error}", "pattern")


def _check_place(entry: ListEntry, texts: Mapping[str, str]) -> None:
    """The place must be one that a message of that kind can have."""
    message, of, place = cast("Message", texts["message"]), texts["of"], texts["place"]
    if not place.startswith("/"):
        entry.fail(f"the place {place!r} is not a JSON pointer: it begins with '/'", "place")
    parts = place.split("/")[1:]
    roots = ROOTS[message]
    if parts[0] not in WILD and parts[0] not in roots:
        begins = " or ".join(f"/{root}" for root in roots)
        entry.fail(f"a place of a {message} begins with {begins}, not /{parts[0]}", "place")
    if of == "*" or message == "greeting":
        return
    found = []
    for name in _names():
        one = look_up(_catalog(name), message, of, parts)
        found += [one] if one else []
        if one and one.kinds != frozenset():
            return  # one is enough: the others are not loaded
    if not found:
        names = {
            name
            for catalog in map(_catalog, _names())
            for name in (catalog.events if message == "event" else catalog.commands)
        }
        near = suggestion(of, sorted(names))
        if near:
            entry.fail(f"no catalog knows {of!r}{near}", "of")
        return  # a server of another kind has commands of its own
    wrong = found[0]
    near = suggestion(wrong.wrong, wrong.known)
    listed = near or (f"; there are {', '.join(wrong.known[:8])}" if wrong.known else "")
    entry.fail(f"{of} has no {place}: {wrong.wrong!r} leads nowhere{listed}", "place")


def _names() -> list[str]:
    """One shipped catalog of each release, the newest of each product first."""
    return [name for product in PRODUCTS for name in releases_of(product)[::-1]]


@cache
def _catalog(name: str) -> Catalog:
    return load_shipped(name)
