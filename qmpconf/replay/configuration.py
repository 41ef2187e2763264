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
``known-differences`` a file of known differences, as seen from the configuration's own folder.

In ``[check]`` (``[tool.qmpconf.check]``), ``ignore`` lists the requirements ``practice.*`` that are not
looked at, and ``max-latency`` how long answers may take, as on the command line of ``check``.

A key that is not known, and a place that no catalog has, is an error with its line: such a mask
would stand there and do nothing.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from qmpconf.check.baseline import Baseline
from qmpconf.check.practice import ignoring, limits
from qmpconf.errors import InputError, UsageError
from qmpconf.files import read_text
from qmpconf.replay.masks import Kind, Mask, Message
from qmpconf.replay.places import ROOTS, WILD, look_up
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import PRODUCTS, of_product
from qmpconf.schema.store import load_shipped

#: The files that are looked for, with the table of ours in each.
FILES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("qmpconf.toml", ()),
    ("pyproject.toml", ("tool", "qmpconf")),
)

_SECTIONS = ("replay", "check")
_SETTINGS = ("mask", "mask-files", "known-differences")
_OF_CHECK = ("ignore", "max-latency")
_NEEDED = ("message", "of", "place", "kind", "reason")
#: ``seen`` is for people: the values that `qmpconf learn` saw, at a place that is thus there.
_MEMBERS = (*_NEEDED, "name", "pattern", "key", "seen")
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

    Raises UsageError for what is wrong in it, InputError for a file that cannot be read.
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
    """The masks in the file `path`.  Raises UsageError and InputError."""
    text = read_text(path)
    value = _parsed(text, path)
    source = _Source(path, text, "mask")
    source.only(value, ("mask",))
    return tuple(_masks(value.get("mask", []), source))


def read_known(path: str) -> Mapping[str, str]:
    """The known differences in the file `path`: reasons by fingerprint.  Raises InputError."""
    return Baseline.parse(read_text(path), path).reasons


@dataclass(frozen=True, slots=True)
class _Source:
    """A file, to say where in it something is; `table` is the dotted name of the masks' table."""

    path: str
    text: str
    table: str

    def line(self, number: int = 0, key: str = "") -> str:
        """``PATH:LINE`` of a key, in the mask of that number (counted from 1) or anywhere."""
        lines = self.text.splitlines()
        at, until = 0, len(lines)
        if number:
            head = re.compile(rf"\s*\[\[\s*{re.escape(self.table)}\s*\]\]")
            heads = [index for index, line in enumerate(lines) if head.match(line)]
            if number <= len(heads):
                at = heads[number - 1]
                until = heads[number] if number < len(heads) else until
        if key:
            one = re.compile(rf"""\s*(\[*[\w.]*\b)?["']?{re.escape(key)}["']?\s*[]=.]""")
            at = next((index for index in range(at, until) if one.match(lines[index])), at)
        return f"{self.path}:{at + 1}"

    def only(self, value: Mapping[str, Any], known: Sequence[str], number: int = 0) -> None:
        """Raise UsageError for a key that is not known."""
        for key in value:
            if key not in known:
                raise UsageError(
                    f"{self.line(number, key)}: unknown key {key!r}{_suggestion(key, known)}"
                )


def _configured(path: str, table: Sequence[str]) -> Configuration | None:
    text = read_text(path)
    value = _parsed(text, path)
    for name in table:
        value = value.get(name, {})
        if not isinstance(value, dict):
            return None
    if table and not value:
        return None
    source = _Source(path, text, ".".join((*table, "replay", "mask")))
    source.only(value, _SECTIONS)
    replay = value.get("replay", {})
    if not isinstance(replay, dict):
        raise UsageError(f"{source.line(key='replay')}: 'replay' must be a table")
    source.only(replay, _SETTINGS)
    files = replay.get("mask-files", [])
    known = replay.get("known-differences", "")
    if not isinstance(files, list) or not all(isinstance(one, str) for one in files):
        raise UsageError(f"{source.line(key='mask-files')}: 'mask-files' must be a list of paths")
    if not isinstance(known, str):
        raise UsageError(f"{source.line(key='known-differences')}: must be the path of a file")
    folder = os.path.dirname(path)
    masks = list(_masks(replay.get("mask", []), source))
    for file in files:
        masks += read_masks(os.path.join(folder, file))
    known = os.path.join(folder, known) if known else ""
    return Configuration(tuple(masks), known, path, *_of_check(value.get("check", {}), source))


def _of_check(check: Any, source: _Source) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is ignored, and the limits of time."""
    if not isinstance(check, dict):
        raise UsageError(f"{source.line(key='check')}: 'check' must be a table")
    source.only(check, _OF_CHECK)
    found = []
    for key, read in (("ignore", ignoring), ("max-latency", limits)):
        texts = check.get(key, [])
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
            raise UsageError(f"{source.line(key=key)}: {key!r} must be a list of strings")
        try:
            read(texts)
        except UsageError as error:
            raise UsageError(f"{source.line(key=key)}: {error}") from None
        found.append(tuple(texts))
    return found[0], found[1]


def _parsed(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is no TOML: {error}") from None


def _masks(tables: Any, source: _Source) -> Iterator[Mask]:
    if not isinstance(tables, list):
        raise UsageError(f"{source.line(key='mask')}: write [[{source.table}]], once for each mask")
    for number, table in enumerate(tables, 1):
        if not isinstance(table, dict):
            raise UsageError(f"{source.line(key='mask')}: mask {number} is no table")
        yield _mask(table, number, source)


def _mask(table: Mapping[str, Any], number: int, source: _Source) -> Mask:
    source.only(table, _MEMBERS, number)
    for key in _NEEDED:
        if key not in table:
            raise UsageError(f"{source.line(number)}: mask {number} has no {key!r}")
    for key, value in table.items():
        if key != "seen" and not (isinstance(value, str) and (value.strip() or key == "key")):
            raise UsageError(f"{source.line(number, key)}: {key!r} must be a string, not empty")
    for key, known in (("message", _MESSAGES), ("kind", _KINDS)):
        if table[key] not in known:
            listed = _suggestion(table[key], known) or f"; one of {', '.join(known)}"
            raise UsageError(f"{source.line(number, key)}: {key} {table[key]!r} is none{listed}")
    _check_pattern(table, number, source)
    if "seen" not in table:
        _check_place(table, number, source)
    texts = {key: table[key] for key in (*_NEEDED, "pattern", "key") if key in table}
    return Mask(table.get("name", "configured"), **texts, source=source.line(number))


def _check_pattern(table: Mapping[str, Any], number: int, source: _Source) -> None:
    """A pattern where the kind needs one, and only there."""
    needs = table["kind"] in ("text", "optional")
    if needs != ("pattern" in table):
        words = "needs a 'pattern'" if needs else "takes no 'pattern'"
        raise UsageError(f"{source.line(number, 'pattern')}: kind {table['kind']!r} {words}")
    try:
        re.compile(table.get("pattern", ""))
    except re.error as error:
        where = source.line(number, "pattern")
        raise UsageError(f"{where}: the pattern is no regular expression: {error}") from None


def _check_place(table: Mapping[str, Any], number: int, source: _Source) -> None:
    """The place must be one that a message of that kind can have."""
    message, of, place = table["message"], table["of"], table["place"]
    where = source.line(number, "place")
    if not place.startswith("/"):
        raise UsageError(f"{where}: the place {place!r} is no JSON pointer: it begins with '/'")
    parts = place.split("/")[1:]
    roots = ROOTS[message]
    if parts[0] not in WILD and parts[0] not in roots:
        raise UsageError(
            f"{where}: a place of a {message} begins with "
            f"{' or '.join(f'/{root}' for root in roots)}, not /{parts[0]}"
        )
    if of == "*" or message == "greeting":
        return
    known = _catalogs()
    found = [one for catalog in known if (one := look_up(catalog, message, of, parts))]
    if not found:
        names = {
            name
            for catalog in known
            for name in (catalog.events if message == "event" else catalog.commands)
        }
        near = _suggestion(of, sorted(names))
        if near:
            raise UsageError(f"{source.line(number, 'of')}: no catalog knows {of!r}{near}")
        return  # a server of another kind has commands of its own
    if all(one.kinds == frozenset() for one in found):
        wrong = found[-1]
        near = _suggestion(wrong.wrong, wrong.known)
        listed = near or (f"; there are {', '.join(wrong.known[:8])}" if wrong.known else "")
        raise UsageError(f"{where}: {of} has no {place}: {wrong.wrong!r} leads nowhere{listed}")


@cache
def _catalogs() -> tuple[Catalog, ...]:
    """All shipped catalogs; of each product, the newest last."""
    return tuple(load_shipped(name) for product in PRODUCTS for name in of_product(product))


def _suggestion(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.7)
    return f"; did you mean {near[0]!r}?" if near else ""
