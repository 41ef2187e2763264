"""A schema's definitions as a catalog, with what its comments say.

Types keep their names, which are their keys as well.  What the source defines where it is used has a key
of its own, and no name: ``NAME.arguments``, ``NAME.data``, ``NAME.base``; an array is ``[NAME]``.  A union
without a discriminator, of releases up to 6.1, is what it was on the wire: a member ``type`` of an
enumeration (``NAMEKind``), and for each branch an object with the one member ``data``.

What a comment says is kept as text in the facts: `store` keeps it, and no catalog that ships has any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from qmpconf.schema.documents.manual_entries import (
    default_of,
    instead_of,
    since_of,
    subjects_of,
)
from qmpconf.schema.model import (
    NO_FACTS,
    Alternate,
    Array,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Type,
)
from qmpconf.schema.qapi.comments import Comment
from qmpconf.schema.qapi.definitions import Definition, Feature, Part
from qmpconf.schema.qapi.meaning import (
    ANYTHING,
    QTYPE,
    QTYPES,
    SIMPLE_DATA,
    SIMPLE_TAG,
    Meaning,
    documented,
)
from qmpconf.schema.qapi.places import Place


class Build:
    """The parts of a catalog; `named` gives the name that a file has in it."""

    def __init__(self, meaning: Meaning, named: Callable[[str], str]) -> None:
        self.commands: dict[str, Command] = {}
        self.events: dict[str, Event] = {}
        self.types: dict[str, Type] = {}
        self._meaning = meaning
        self._named = named
        for one in meaning.named.values():
            getattr(self, f"_{one.meta}")(one)

    # ── definitions ──────────────────────────────────────────────────────────────────────────

    def _struct(self, one: Definition) -> None:
        members = self._members(one, one.members or ())
        facts = self._facts(one)
        if one.inside:
            self.types[one.name] = Object(members, facts=_bare(facts))
        else:
            self.types[one.name] = Object(members, one.base, name=one.name, facts=facts)

    def _union(self, one: Definition) -> None:
        facts = self._facts(one)
        conditions = {part.name: part.condition for part in one.parts if part.condition}
        if not one.tag:
            self._simple(one, facts, conditions)
            return
        base = one.base
        if one.members is not None:
            base = f"{one.name}.base"
            self.types[base] = Object(self._members(one, one.members), facts=_bare(facts))
        variants = {part.name: part.type for part in one.parts}
        self.types[one.name] = Object(
            (), base, one.tag, variants, name=one.name, facts=facts, variants_if=conditions
        )

    def _simple(self, one: Definition, facts: Facts, conditions: dict[str, str]) -> None:
        values = tuple(EnumValue(part.name, self._facts_of(one, part)) for part in one.parts)
        kind = f"{one.name}Kind"
        self.types[kind] = Enum(values, kind, facts=_bare(facts))
        variants = {}
        for part in one.parts:
            key = variants[part.name] = f"{one.name}.{part.name}"
            about = Facts(part.place.line, file=self._file(part.place))
            self.types[key] = Object((Member(SIMPLE_DATA, self._type(part), facts=about),))
        tag = Member(SIMPLE_TAG, kind, facts=_bare(facts))
        self.types[one.name] = Object(
            (tag,),
            one.base,
            SIMPLE_TAG,
            variants,
            name=one.name,
            facts=facts,
            variants_if=conditions,
        )

    def _alternate(self, one: Definition) -> None:
        branches = [self._type(part) for part in one.parts]
        conditions = {
            key: part.condition
            for key, part in zip(branches, one.parts, strict=True)
            if part.condition
        }
        facts = self._facts(one)
        self.types[one.name] = Alternate(tuple(branches), one.name, facts, conditions)

    def _enum(self, one: Definition) -> None:
        values = tuple(EnumValue(part.name, self._facts_of(one, part)) for part in one.parts)
        self.types[one.name] = Enum(values, one.name, facts=self._facts(one))

    def _command(self, one: Definition) -> None:
        flags = one.flags
        self.commands[one.name] = Command(
            one.name,
            self._payload(one, "arguments", more="gen" in flags),
            self._returned(one),
            "allow-oob" in flags,
            self._facts(one),
            "allow-preconfig" in flags,
            "coroutine" in flags,
            "success-response" in flags,
        )

    def _returned(self, one: Definition) -> str:
        key = self._type(one.returns) if one.returns else ""
        found = self._meaning.type_of(key)
        empty = found and found.meta == "struct" and not (found.members or found.base)
        return "" if empty else key

    def _event(self, one: Definition) -> None:
        data = self._payload(one, "data", more=False)
        self.events[one.name] = Event(one.name, data, self._facts(one))

    def _payload(self, one: Definition, word: str, *, more: bool) -> str:
        """Key of the arguments or data; with `more`, members beyond those listed are taken.

        ``'gen': false`` says that a command's arguments are read by code of its own: by what QEMU used
        it for, these are properties that the schema does not list (`device_add`).
        """
        key = f"{one.name}.{word}"
        if one.data == ANYTHING:
            self.types[key] = Object(open=True, facts=_bare(self._facts(one)))
            return key
        if one.data:
            return one.data if self._adds(one.data) else ""
        if not one.members:
            return ""
        facts = _bare(self._facts(one))
        self.types[key] = Object(self._members(one, one.members), open=more, facts=facts)
        return key

    def _adds(self, name: str) -> bool:
        """Whether a struct or union has any member."""
        found = self._meaning.named[name]
        return bool(found.members or found.parts or (found.base and self._adds(found.base)))

    # ── parts ────────────────────────────────────────────────────────────────────────────────

    def _members(self, one: Definition, parts: Iterable[Part]) -> tuple[Member, ...]:
        return tuple(
            Member(
                part.name,
                self._type(part),
                part.optional,
                default_of(_flat(_described(one, part.name))),
                self._facts_of(one, part),
            )
            for part in parts
        )

    def _type(self, part: Part) -> str:
        """Key of a part's type; an array's is made when it is first used."""
        key = "any" if part.type == ANYTHING else part.type
        if key == QTYPE:
            self.types.setdefault(QTYPE, Enum(tuple(map(EnumValue, QTYPES)), QTYPE))
        if part.array:
            element, key = key, f"[{key}]"
            self.types.setdefault(key, Array(element))
        return key

    # ── facts ────────────────────────────────────────────────────────────────────────────────

    def _file(self, place: Place) -> str:
        return self._named(place.file)

    def _facts(self, one: Definition) -> Facts:
        comment, names = one.comment, [part.name for part in documented(one)]
        gone = comment.described("feature", "deprecated") if comment else ""
        about = subjects_of(_flat(gone), names) if gone else None
        return Facts(
            one.place.line,
            since_of("since " + comment.described("tagged", "Since")) if comment else "",
            tuple(feature.name for feature in one.features),
            one.condition,
            instead=instead_of(_flat(gone)) if gone and about is None else (),
            file=self._file(one.place),
            text=_text(comment) if comment else "",
            features_if=_conditions(one.features),
        )

    def _facts_of(self, one: Definition, part: Part) -> Facts:
        """The facts of a member or value."""
        text = _described(one, part.name)
        flat = _flat(text)
        return Facts(
            part.place.line,
            since_of(flat),
            tuple(feature.name for feature in part.features),
            part.condition,
            instead=self._instead(one, part),
            file=self._file(part.place),
            text=text,
            features_if=_conditions(part.features),
        )

    @staticmethod
    def _instead(one: Definition, part: Part) -> tuple[str, ...]:
        """What the comment says to use in place of a deprecated part: siblings of it."""
        if not one.comment or all(each.name != "deprecated" for each in part.features):
            return ()
        names = [each.name for each in documented(one)]
        text = _flat(one.comment.described("feature", "deprecated"))
        if part.name not in (subjects_of(text, names) or ()):
            return ()
        return tuple(name for name in instead_of(text) if name in names)


def _bare(facts: Facts) -> Facts:
    """Where an entry stands, for the type that is defined in it."""
    return replace(NO_FACTS, line=facts.line, file=facts.file)


def _conditions(features: Sequence[Feature]) -> tuple[tuple[str, str], ...]:
    return tuple((one.name, one.condition) for one in features if one.condition)


def _described(one: Definition, name: str) -> str:
    """What the comment says about a part; early ones mark what is optional, which is a fact."""
    full = f"{one.inside}.{name}" if one.inside else name
    text = one.comment.described("member", full) if one.comment else ""
    return text.removeprefix("#optional").lstrip()


def _flat(text: str) -> str:
    return " ".join(text.split())


#: Tagged sections that say nothing to a user, or are facts of their own.
_UNSAID = frozenset({"Since", "TODO"})


def _text(comment: Comment) -> str:
    """What a comment says about the whole entry: all but the descriptions of its members."""
    parts = []
    for one in comment.sections:
        if one.kind == "feature":
            parts.append(f"Feature {one.titled}")
        elif one.kind == "tagged" and one.name not in _UNSAID:
            parts.append(one.titled)
        elif one.kind == "text":
            parts.append(one.text)
    return "\n\n".join(filter(None, parts))
