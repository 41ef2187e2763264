"""Entries of a QMP reference manual to a catalog: names resolved, unions put together.

Types are written as names, as ``array of NAME`` or as ``[NAME]``; ``string``, ``boolean``,
``value`` and other builtins are QAPI's JSON types.  A type's name is its key; a member list, the
wrapper of a branch and the enumeration behind a tag have none, and keys of their own, with a
colon in them.

Manuals before release 6.2 know no feature ``unstable``; that a name begins with ``x-`` is left to
who reads the catalog (`qmpconf.schema.features`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from qmpconf.findings import Finding
from qmpconf.schema.documents import examples, tolerant
from qmpconf.schema.documents.lines import Line
from qmpconf.schema.documents.manual_blocks import Block
from qmpconf.schema.documents.manual_entries import (
    Entries,
    Feature,
    ManualEntry,
    Part,
    default_of,
    instead_of,
    since_each,
    since_of,
    subjects_of,
)
from qmpconf.schema.documents.manual_returns import returned
from qmpconf.schema.documents.result import Example, Undetermined, defect
from qmpconf.schema.model import (
    INTEGER_BOUNDS,
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Source,
    Type,
)
from qmpconf.schema.walk import cycle

#: Builtin types as the manuals write them -> keys.
BUILTIN_NAMES: Mapping[str, str] = {
    "string": "str",
    "str": "str",
    "number": "number",
    "boolean": "bool",
    "bool": "bool",
    "null": "null",
    "value": "any",
    "any": "any",
} | {name: name for name in INTEGER_BOUNDS}

_ARRAY = re.compile(r"array of (?P<words>.+)|\[(?P<brackets>.+)\]")
_ONE_OF = "one of "
_OPEN = re.compile(r"\b[Aa]dditional (?:arguments|members) depend on\b")
_ELSEWHERE = re.compile(r"\b[Ff]or (?:the )?arguments,? see the documentation of (\w+)")
#: No type of QAPI is an array of arrays of arrays.
_MOST_NESTED = 3


class Builder:
    """Builds the parts of a catalog, entry by entry."""

    def __init__(self, found: Entries) -> None:
        self.commands: dict[str, Command] = {}
        self.events: dict[str, Event] = {}
        self.types: dict[str, Type] = {}
        self.findings: list[Finding] = list(found.findings)
        self.undetermined: list[Undetermined] = []
        self.examples: list[Example] = []
        self._kinds = {
            entry.name: entry.kind
            for entry in found.entries
            if entry.kind not in {"Command", "Event"}
        }
        for entry in found.entries:
            self._entry(entry)
        self._break_cycles()

    def _entry(self, entry: ManualEntry) -> None:
        among: Mapping[str, object] = (
            self.commands
            if entry.kind == "Command"
            else self.events
            if entry.kind == "Event"
            else self.types
        )
        if entry.name in among:
            self._finding(
                "document.entry.twice",
                entry.line,
                entry.name,
                f"the document describes the {entry.kind.lower()} twice; this one is left out",
            )
            return
        about = _About(entry)
        shown = list(_examples(entry))
        self.examples += shown
        if entry.kind in {"Enum", "Alternate"} and not entry.parts:
            self._empty(entry)
        if entry.kind == "Enum":
            self.types[entry.name] = Enum(
                about.values(entry.parts),
                name=entry.name,
                open=not entry.parts,
                facts=about.facts,
            )
        elif entry.kind == "Alternate":
            branches = tuple(self._key(part.type, entry, part) for part in entry.parts)
            self.types[entry.name] = Alternate(
                branches or ("any",), name=entry.name, facts=about.facts
            )
        elif entry.kind == "Object":
            self.types[entry.name] = self._object(entry, about, entry.name)
        elif entry.kind == "Event":
            data = self._members(entry, about, f"{entry.name}:data")
            self.events[entry.name] = Event(entry.name, data, facts=about.facts)
        else:
            seen = examples.shown(shown, entry.name)
            arguments = self._members(entry, about, f"{entry.name}:arguments")
            if not arguments and seen.sends:
                arguments = self._undescribed(entry)
            results = self._returns(entry, seen.replies)
            self.commands[entry.name] = Command(entry.name, arguments, results, facts=about.facts)

    def _break_cycles(self) -> None:
        """Take base and branches from an object type that is its own base or branch."""
        while key := cycle(Catalog("", Source("document"), {}, {}, self.types)):
            found = self.types[key]
            self._finding(
                "document.union.endless",
                found.facts.line,
                found.name,
                "the document gives the type itself as its base or branch; they are left out",
            )
            if isinstance(found, Object):
                self.types[key] = replace(found, base="", tag="", variants={})

    def _finding(
        self, rule: str, line: int, subject: str, message: str, pointer: str = "", seen: str = ""
    ) -> None:
        self.findings.append(defect(rule, line, subject, message, pointer, seen=seen))

    def _empty(self, entry: ManualEntry) -> None:
        """Report a list that the document begins and does not fill."""
        message = "the document lists nothing that it can be"
        self._finding("document.type.empty", entry.line, entry.name, message)
        self._unknown(entry, entry.line, "", message)

    def _unknown(self, entry: ManualEntry, line: int, pointer: str, reason: str) -> str:
        self.undetermined.append(Undetermined(line, entry.name, pointer, reason))
        return "any"

    # ── types ───────────────────────────────────────────────────────────────────────────────

    def _key(self, written: str, entry: ManualEntry, part: Part) -> str:
        """The key of a type as written; a name that the document does not describe is `any`."""
        depth = 0
        while depth <= _MOST_NESTED and (array := _ARRAY.fullmatch(written)):
            written = array["words"] or array["brackets"]
            depth += 1
        if written in self._kinds:
            key = written
        elif written in BUILTIN_NAMES:
            key = BUILTIN_NAMES[written]
        else:
            self._finding(
                "document.type.unknown",
                part.line,
                entry.name,
                "the document does not describe the type",
                pointer=part.name,
                seen=written,
            )
            reason = f"the type {written} is not described"
            key = self._unknown(entry, part.line, part.name, reason)
        for _ in range(min(depth, _MOST_NESTED)):
            self.types.setdefault(f"[{key}]", Array(key))
            key = f"[{key}]"
        return key

    def _members(self, entry: ManualEntry, about: _About, key: str) -> str:
        """The key of what a command takes or an event carries, empty for nothing."""
        elsewhere = [name for text in entry.prose for name in _ELSEWHERE.findall(text)]
        if not entry.parts and len(elsewhere) == 1:
            part = Part(entry.line, type=elsewhere[0])
            return "".join(self._reference(entry, part))
        references = [part for part in entry.parts if not part.name]
        if len(references) == len(entry.parts) == 1 and not references[0].case:
            written = references[0].type
            if self._kinds.get(written) == "Object":
                return written
        found = self._object(entry, about, key)
        if not (found.members or found.base or found.variants or found.open):
            return ""
        self.types[key] = found
        return key

    def _object(self, entry: ManualEntry, about: _About, key: str) -> Object:
        members: list[Member] = []
        bases: list[str] = []
        variants: dict[str, str] = {}
        tags = list(dict.fromkeys(part.tag for part in entry.parts if part.case))
        for part in entry.parts:
            if part.case:
                variants[part.case] = self._branch(entry, part, key)
            elif any(part.name == member.name for member in members):
                self._finding(
                    "document.member.twice",
                    part.line,
                    entry.name,
                    "the document describes the member twice; the first is kept",
                    pointer=part.name,
                )
            elif part.name:
                members.append(self._member(entry, about, part, key, tags))
            else:
                bases += self._reference(entry, part)
        if len(bases) > 1 or len(tags) > 1:
            self._finding(
                "document.union.ambiguous",
                entry.line,
                entry.name,
                "has more than one base, or more than one tag; the first of each is kept",
                seen=", ".join([*bases, *tags]),
            )
        return Object(
            tuple(members),
            base=bases[0] if bases else "",
            tag=tags[0] if tags else "",
            variants=variants,
            open=not tags and not bases and any(map(_OPEN.search, entry.prose)),
            name=entry.name if entry.kind == "Object" else "",
            facts=about.facts if entry.kind == "Object" else Facts(entry.line),
        )

    def _reference(self, entry: ManualEntry, part: Part) -> list[str]:
        """The object type whose members a part refers to; none where it is no such type."""
        if self._kinds.get(part.type) == "Object":
            return [part.type]
        self._finding(
            "document.type.unknown",
            part.line,
            entry.name,
            "the document describes no object type of this name",
            seen=part.type,
        )
        self._unknown(entry, part.line, "", f"the members of {part.type} are not described")
        return []

    def _branch(self, entry: ManualEntry, part: Part, key: str) -> str:
        """The object type whose members a value of the tag adds."""
        if not part.name:
            found = self._reference(entry, part)
            if found:
                return found[0]
        wrapper = f"{key}:{part.case}"
        if part.name:  # a "simple" union: the branch is wrapped into one member
            member = Member(part.name, self._key(part.type, entry, part), facts=Facts(part.line))
            self.types[wrapper] = Object((member,), facts=Facts(part.line))
        else:
            self.types[wrapper] = Object(open=True, facts=Facts(part.line))
        return wrapper

    def _member(
        self, entry: ManualEntry, about: _About, part: Part, key: str, tags: Sequence[str]
    ) -> Member:
        if part.type and not part.type.startswith(_ONE_OF):
            type_key = self._key(part.type, entry, part)
        elif part.type or part.name in tags:
            type_key = f"{key}:{part.name}"
            listed = part.type.removeprefix(_ONE_OF)
            values = [Part(part.line, value) for value in re.split(r",\s*", listed) if value]
            named = {value.name for value in values}
            for branch in entry.parts:
                if branch.case and branch.case in named:
                    next(v for v in values if v.name == branch.case).condition = branch.condition
                elif branch.case:
                    values.append(Part(branch.line, branch.case, condition=branch.condition))
            self.types[type_key] = Enum(about.values(values), facts=Facts(part.line))
        else:
            self._finding(
                "document.member.no-type",
                part.line,
                entry.name,
                "the document gives no type",
                pointer=part.name,
            )
            type_key = self._unknown(entry, part.line, part.name, "the document gives no type")
        return Member(
            part.name, type_key, part.optional, default_of(part.text), about.facts_of(part)
        )

    def _undescribed(self, entry: ManualEntry) -> str:
        """The key of arguments of which the document only shows an example."""
        message = "an example sends arguments, the document describes none"
        self._finding("document.arguments.missing", entry.line, entry.name, message)
        self._unknown(entry, entry.line, "arguments", message)
        key = f"{entry.name}:arguments"
        self.types[key] = Object(open=True, facts=Facts(entry.line))
        return key

    def _returns(self, entry: ManualEntry, replies: Sequence[tolerant.Node]) -> str:
        part = Part(entry.returns_line or entry.line)
        if entry.stated:
            return self._key(entry.returns or "", entry, part)
        result = returned(entry.name, entry.returns, self._kinds, replies)
        if result.unknown:
            self._finding(
                "document.type.unknown",
                part.line,
                entry.name,
                "what is returned has a name that the document does not describe",
                pointer="return",
                seen=result.unknown,
            )
        if result.shown:
            self._finding(
                "document.returns.contradicts",
                part.line,
                entry.name,
                f"an example returns {result.shown}, the text says otherwise",
                pointer="return",
                seen=entry.returns or "",
            )
        if result.undetermined:
            return self._unknown(entry, part.line, "return", result.undetermined)
        return self._key(result.type, entry, part) if result.type else ""


class _About:
    """What an entry's features, prose and names say about itself and its parts."""

    def __init__(self, entry: ManualEntry) -> None:
        names = [name for part in entry.parts for name in (part.name, part.case) if name]
        self._since = since_each(" ".join(entry.prose), names)
        self._features: dict[str, list[str]] = {}
        self._instead: dict[str, tuple[str, ...]] = {}
        own: list[str] = []
        instead: tuple[str, ...] = ()
        for feature in entry.features:
            instead = self._place(feature, names, own) or instead
        self.facts = Facts(entry.line, entry.since, tuple(own), entry.condition, instead=instead)

    def _place(self, feature: Feature, names: Sequence[str], own: list[str]) -> tuple[str, ...]:
        """Give the feature to what it is about; what to use instead of the whole entry."""
        subjects = subjects_of(feature.text, names)
        instead = instead_of(feature.text)
        if subjects is None or feature.name not in {"deprecated", "unstable"}:
            own.append(feature.name)
            return instead if feature.name == "deprecated" else ()
        for name in subjects:
            self._features.setdefault(name, []).append(feature.name)
            self._instead[name] = tuple(one for one in instead if one in names)
        return ()

    def facts_of(self, part: Part) -> Facts:
        """The facts of one of the entry's parts."""
        return Facts(
            part.line,
            since_of(part.text) or self._since.get(part.name, ""),
            tuple(self._features.get(part.name, ())),
            part.condition,
            instead=self._instead.get(part.name, ()),
        )

    def values(self, parts: Iterable[Part]) -> tuple[EnumValue, ...]:
        """Values of an enumeration."""
        return tuple(EnumValue(part.name, self.facts_of(part)) for part in parts if part.name)


def _examples(entry: ManualEntry) -> Iterable[Example]:
    """The examples in an entry, literal or set as a paragraph."""
    for block in entry.blocks:
        lines = _lines(block)
        at = 0
        while at < len(lines):
            if examples.is_example(lines[at]):
                example, at = examples.gather(lines, at, entry.name)
                yield example
            else:
                at += 1


def _lines(block: Block) -> list[Line]:
    if block.kind != "literal":
        return [Line(block.line, block.text)] if block.text.startswith(("->", "<-")) else []
    return [Line(block.line + at, text) for at, text in enumerate(block.text.split("\n"))]
