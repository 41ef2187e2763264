"""A catalog as text for people: the overview, and one entry with its structure in full.

A line is one member, ``name: type`` (``name?`` when it may be left out); what it consists of
stands indented below it.  Types without a name are only ever shown as what they consist of.
A type inside itself is not written again: the line says which line above it repeats.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from qmpconf.schema.annotations import AGAINST, CONCLUDED
from qmpconf.schema.model import (
    BUILTINS,
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    Event,
    Facts,
    Member,
    Object,
    Type,
)
from qmpconf.schema.walk import shape_of
from qmpconf.text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from qmpconf.schema.property_catalog import PropertyCatalog

_INDENT = "  "

#: Stands before each line of a member's description, which is not one of its members.
_BESIDE = "| "

#: The label of what an alternate can be: branches have no names.
_BRANCH = "-"

#: What a builtin type is called here.
_WORDS = {**BUILTINS, "any": "any value"}


def overview(catalog: Catalog, width: int = 100) -> str:
    """What the catalog is and has, in lines of at most `width` characters."""
    source = catalog.source
    facts = [
        ("catalog", catalog.name),
        ("describes", " ".join(filter(None, (source.product, source.version, source.package)))),
        *([("server of", source.architecture)] if source.architecture else []),
        ("made from", " ".join(filter(None, (source.kind, source.form, source.title)))),
        *([("origin", source.origin)] if source.origin else []),
        *([("fragment", source.partial)] if source.partial else []),
        ("commands", str(len(catalog.commands))),
        ("events", str(len(catalog.events))),
        ("types", str(len(catalog.types))),
    ]
    lines = [f"{name + ':':<12}{text}" for name, text in facts]
    named = [found.name for found in catalog.types.values() if found.name]
    for title, names in (
        ("commands", [_flagged(one) for one in catalog.commands.values()]),
        ("events", [_flagged(one) for one in catalog.events.values()]),
        ("types", named),
    ):
        if names:
            lines += ["", f"{title}:", *_wrapped(sorted(names), _INDENT, width)]
    return "\n".join(lines) + "\n"


def entry(catalog: Catalog, name: str, width: int = 100) -> str:
    """The command, event or named type `name` in full.

    A name that is both is shown as both.  Raises KeyError when the catalog has no such name.
    """
    writer = _Writer(catalog, width)
    blocks = []
    if name in catalog.commands:
        blocks.append(writer.command(catalog.commands[name]))
    if name in catalog.events:
        blocks.append(writer.event(catalog.events[name]))
    blocks += [writer.named(key) for key, one in catalog.types.items() if one.name == name]
    if not blocks:
        raise KeyError(name)
    return harmless("\n".join("\n".join(block) + "\n" for block in blocks))


def properties(catalog: PropertyCatalog, name: str) -> str:
    """The properties of the device or object type `name`, or of that behind an alias.

    Raises KeyError when the catalog has no such type.
    """
    found = catalog.of(name)
    if found is None:
        raise KeyError(name)
    behind = catalog.aliases.get(name)
    lines = [f"properties of {behind or name}{f' (another name: {name})' if behind else ''}"]
    lines += [f"{_INDENT}{one}: {found[one]}" for one in sorted(found)]
    return "\n".join(lines) + "\n"


def names_of(catalog: Catalog) -> list[str]:
    """Every name that `entry` takes."""
    named = {found.name for found in catalog.types.values() if found.name}
    return sorted({*catalog.commands, *catalog.events, *named})


def _flagged(one: Command | Event) -> str:
    marks = [mark for mark in ("deprecated", "unstable") if mark in one.facts.features]
    return f"{one.name} ({', '.join(marks)})" if marks else one.name


def _wrapped(words: Iterable[str], indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        ", ".join(words),
        max(width, len(indent) + 20),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


class _Writer:
    """Writes structures; `_above` holds the types that are being written, with their place."""

    def __init__(self, catalog: Catalog, width: int) -> None:
        self._catalog = catalog
        self._width = width
        self._above: dict[str, str] = {}

    def command(self, command: Command) -> list[str]:
        flags = {
            "may be sent out of band": command.allow_oob,
            "taken before the machine is made": command.allow_preconfig,
            "a coroutine": command.coroutine,
            "not answered where it succeeds": command.silent,
        }
        more = [words for words, holds in flags.items() if holds]
        lines = [self._title("command", command.name, command.facts, more)]
        lines += self._text(command.facts)
        lines += self._part("arguments", command.arguments, "none")
        lines += self._part("returns", command.returns, "nothing ({})")
        for one in command.facts.concluded:
            what = "arguments" if one.key == command.arguments else "returns"
            where = f", line {one.line}" if one.line else ""
            stated = "stated wrongly" if one.how == "source" else "not stated"
            lines.append(f"{_INDENT}{what} {stated}: concluded from {CONCLUDED[one.how]}{where}")
        return lines

    def event(self, event: Event) -> list[str]:
        title = self._title("event", event.name, event.facts)
        return [title, *self._text(event.facts), *self._part("data", event.data, "none")]

    def named(self, key: str) -> list[str]:
        found = self._catalog.types[key]
        title = self._title("type", found.name, found.facts)
        return [title, *self._text(found.facts), *self._place("is", key, 1, found.name)]

    @staticmethod
    def _text(facts: Facts) -> list[str]:
        """What the source says to people about an entry, set apart by blank lines."""
        if not facts.text:
            return []
        return ["", *textwrap.indent(facts.text, _INDENT).split("\n"), ""]

    def _title(self, kind: str, name: str, facts: Facts, more: Iterable[str] = ()) -> str:
        title = self._catalog.source.title
        where = f"line {facts.line} of {title or 'the document'}" if facts.line else ""
        if facts.file:
            where = f"{facts.file}:{facts.line}"
        notes = ", ".join(filter(None, (self._notes(facts, more), where)))
        return f"{kind} {name}" + (f"  ({notes})" if notes else "")

    def _part(self, word: str, key: str, nothing: str) -> list[str]:
        if not key:
            return [f"{_INDENT}{word}: {nothing}"]
        return list(self._place(word, key, 1, word))

    @staticmethod
    def _notes(facts: Facts, more: Iterable[str] = (), *, line: bool = False) -> str:
        conditions = dict(facts.features_if)
        notes = [
            *more,
            *(
                f"{name} if {conditions[name]}" if name in conditions else name
                for name in facts.features
            ),
            f"since {facts.since}" if facts.since else "",
            f"if {facts.condition}" if facts.condition else "",
            f"line {facts.line}" if line and facts.line and not facts.file else "",
            *(f"line {one.line} {AGAINST[one.about]}" for one in facts.against),
        ]
        return ", ".join(filter(None, notes))

    # ── one place: a label, the type of what stands there, and what that consists of ─────────

    def _place(
        self, label: str, key: str, depth: int, where: str, notes: str = ""
    ) -> Iterator[str]:
        indent = _INDENT * depth
        tail = f"  ({notes})" if notes else ""
        inner, words = key, []
        while isinstance(found := self._catalog.types.get(inner), Array):
            words.append("array of ")
            inner = found.element
        colon = "" if label == _BRANCH else ":"
        prefix = f"{indent}{label}{colon} {''.join(words)}"
        if found is None:
            yield f"{prefix}{_WORDS.get(inner, inner)}{tail}"
            return
        name = f" {found.name}" if found.name else ""
        if inner in self._above:
            again = found.name or f"the same as `{self._above[inner]}`"
            yield f"{prefix}{found.kind} {again}, again{tail}"
            return
        self._above[inner] = where
        if isinstance(found, Enum):
            more = ", and others" if found.open else ""
            yield f"{prefix}enum{name}, one of{more}{tail}"
            yield from self._values(found, indent + _INDENT)
        elif isinstance(found, Alternate):
            yield f"{prefix}alternate{name}, one of{tail}"
            for branch in found.branches:
                condition = found.branches_if.get(branch, "")
                notes = f"if {condition}" if condition else ""
                yield from self._place(_BRANCH, branch, depth + 1, where, notes)
        elif isinstance(found, Object):
            more = ", other members allowed" if shape_of(self._catalog, inner).open else ""
            yield f"{prefix}object{name}{more}{tail}"
            yield from self._members(inner, depth + 1, where)
        del self._above[inner]

    def _values(self, found: Enum, indent: str) -> Iterator[str]:
        if any(value.facts.text for value in found.values):
            for value in found.values:
                notes = self._notes(value.facts)
                yield f"{indent}{value.name}" + (f"  ({notes})" if notes else "")
                yield from self._description(value.facts, indent + _INDENT)
            return
        values = [
            value.name + (f" ({notes})" if (notes := self._notes(value.facts)) else "")
            for value in found.values
        ]
        values += [f"({one.name}: only in an example)" for one in found.shown]
        yield from _wrapped(values, indent, self._width)

    def _description(self, facts: Facts, indent: str) -> Iterator[str]:
        """What the source says to people about a member or value, in lines that fit."""
        for part in facts.text.split("\n\n") if facts.text else ():
            yield from textwrap.wrap(
                part,
                max(self._width, len(indent) + 20),
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )

    def _members(
        self, key: str, depth: int, where: str, outer: Mapping[str, Member] | None = None
    ) -> Iterator[str]:
        shape = shape_of(self._catalog, key)
        known = outer or {}
        own = [one for name, one in shape.members.items() if name not in known]
        if not own and not shape.tag:
            yield f"{_INDENT * depth}no {'more ' if outer is not None else ''}members"
        for member in own:
            yield from self._member(member, depth, where)
        yield from self._only_shown(key, depth)
        groups: dict[str, list[str]] = {}
        for value, variant in shape.variants.items():
            groups.setdefault(variant, []).append(value)
        for variant, values in groups.items():
            cases = self._cases(key)
            text = f"when {shape.tag} is {', '.join(cases.get(one, one) for one in values)}:"
            indent = _INDENT * depth
            yield from textwrap.wrap(
                text,
                max(self._width, len(indent) + 20),
                initial_indent=indent,
                subsequent_indent=indent + _INDENT * 2,
                break_on_hyphens=False,
            )
            yield from self._members(variant, depth + 1, where, {**known, **shape.members})

    def _cases(self, key: str) -> dict[str, str]:
        """Values of a tag whose branch has a condition, with that."""
        found: Type | None = self._catalog.types[key]
        while isinstance(found, Object):
            if found.variants_if:
                return {one: f"{one} (if {text})" for one, text in found.variants_if.items()}
            found = self._catalog.types.get(found.base)
        return {}

    def _only_shown(self, key: str, depth: int) -> Iterator[str]:
        """Members that only examples of the document have."""
        found = self._catalog.types[key]
        for one in found.shown if isinstance(found, Object) else ():
            yield f"{_INDENT * depth}({one.name}: only in the example in line {one.facts.line})"

    def _member(self, member: Member, depth: int, where: str) -> Iterator[str]:
        default = f"default {member.default}" if member.default else ""
        notes = self._notes(member.facts, [default], line=True)
        label = member.name + ("?" if member.optional else "")
        place = self._place(label, member.type, depth, f"{where}.{member.name}", notes)
        yield next(place)
        yield from self._description(member.facts, _INDENT * (depth + 1) + _BESIDE)
        yield from place
