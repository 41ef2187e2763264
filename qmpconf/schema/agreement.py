"""How far two catalogs say the same: every fact that both have, compared place by place.

Made to measure a document against the introspection of the server that it describes.  Commands
and events are found by name; from each, the arguments, the result or the data are walked in both
catalogs in parallel, so that type names, which introspection masks, play no part.

What is compared, and counted once for each pair of types that meet:

- ``member``: is a member of an object there in both;
- ``optional``: is it optional in both;
- ``type``: have the two places the same kind of type (``int``, ``str``, an enumeration, ...);
- ``value``: is a value of an enumeration there in both;
- ``variant``: does a value of a union's tag add members in both;
- ``arguments``, ``return``, ``data``: does a command take, return, an event carry anything;
- ``feature``: is something ``deprecated`` or ``unstable`` in both, where it is in either; between QAPI
  source and introspection, all features, and whether a command may be sent out of band.

Commands and events that only one catalog has are listed, and are not disagreement: there is
nothing to compare.  A place where one catalog says ``any`` and the other more is undetermined; one
that the document has under a condition (``If:``) and the server has not is conditional: it was
not built.  Neither counts as agreement or disagreement.

Pure: knows no file, and no wording of a report.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

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
)
from qmpconf.schema.walk import Shape, enum_values, is_builtin, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Aspect = Literal[
    "member", "optional", "type", "value", "variant", "arguments", "return", "data", "feature"
]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
#: The features that mean something to every user.
_COMPARED = {"deprecated", "unstable"}
Outcome = Literal["agree", "disagree", "undetermined", "conditional"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the two catalogs do not say the same.

    `place` is ``command NAME/arguments/member/...``, `here` and `there` what the first and the
    second catalog say (empty: nothing), `line` the line of the first catalog's source, and
    `condition` what it says about when the thing is there.
    """

    aspect: Aspect
    outcome: Outcome
    place: str
    here: str
    there: str
    line: int = 0
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Alone:
    """A command or event (``command NAME``) that only one of the catalogs has."""

    place: str
    line: int = 0
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Why two catalogs differ, as a person found out.

    `catalog` and `place` are patterns in which ``*`` stands for any text; `catalog` is that of the
    first catalog's name.  `blame` is ``document`` (wrong, or silent), ``build`` (not built into
    the server) or ``compiler`` (ours).
    """

    catalog: str
    place: str
    blame: str
    reason: str

    def fits(self, catalog: str, place: str) -> bool:
        """Whether the note is about this place."""
        return _glob(self.catalog, catalog) and _glob(self.place, place)


@dataclass(slots=True)
class Agreement:
    """The figures and the differences of two catalogs, `here` and `there`."""

    here: str
    there: str
    counts: Counter[tuple[Aspect, Outcome]] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    only_here: list[Alone] = field(default_factory=list)
    only_there: list[Alone] = field(default_factory=list)

    def count(self, outcome: Outcome, aspect: Aspect | None = None) -> int:
        """How many facts had the outcome, of one aspect or of all."""
        return sum(
            number
            for (one, result), number in self.counts.items()
            if result == outcome and aspect in {one, None}
        )

    def ratio(self, aspect: Aspect | None = None, *, strict: bool = False) -> float:
        """Agreement among the facts that can be compared, from 0 to 1; 1 where there is none.

        `strict`: what one catalog leaves undetermined counts as disagreement.
        """
        agreed = self.count("agree", aspect)
        compared = agreed + self.count("disagree", aspect)
        compared += self.count("undetermined", aspect) if strict else 0
        return agreed / compared if compared else 1.0


def compare(here: Catalog, there: Catalog) -> Agreement:
    """Compare two catalogs.  Neither needs type names."""
    return _Comparison(here, there).run()


class _Comparison:
    def __init__(self, here: Catalog, there: Catalog) -> None:
        self._here = here
        self._there = there
        self._seen: set[tuple[str, str]] = set()
        self._result = Agreement(here.name, there.name)
        #: Documents do not say all features, nor what may be sent out of band.
        self._exact = here.source.is_exact and there.source.is_exact

    def run(self) -> Agreement:
        for name in self._names("command", self._here.commands, self._there.commands):
            one, other = self._here.commands[name], self._there.commands[name]
            place, line = f"command {name}", one.facts.line
            oob = ["allow-oob" if each.allow_oob else "" for each in (one, other)]
            self._features(place, one.facts, other.facts, oob if self._exact else ())
            self._payload("arguments", f"{place}/arguments", one.arguments, other.arguments, line)
            self._payload("return", f"{place}/return", one.returns, other.returns, line)
        for name in self._names("event", self._here.events, self._there.events):
            event, twin = self._here.events[name], self._there.events[name]
            self._features(f"event {name}", event.facts, twin.facts)
            self._payload("data", f"event {name}/data", event.data, twin.data, event.facts.line)
        return self._result

    def _names(
        self, kind: str, here: Mapping[str, Command | Event], there: Mapping[str, Command | Event]
    ) -> list[str]:
        result = self._result
        result.only_here += _alone(kind, here, there)
        result.only_there += _alone(kind, there, here)
        shared = sorted(here.keys() & there.keys())
        result.shared += [f"{kind} {name}" for name in shared]
        return shared

    def _note(
        self,
        aspect: Aspect,
        outcome: Outcome,
        place: str,
        here: str,
        there: str,
        line: int,
        condition: str = "",
    ) -> None:
        self._result.counts[aspect, outcome] += 1
        if outcome != "agree":
            found = Difference(aspect, outcome, place, here, there, line, condition)
            self._result.differences.append(found)

    # ── places ──────────────────────────────────────────────────────────────────────────────

    def _payload(self, aspect: Aspect, place: str, here: str, there: str, line: int) -> None:
        if "any" in {here, there} and here != there:
            self._undetermined(place, here, there, line)
        elif bool(here) != bool(there):
            words = (self._describe(self._here, here), self._describe(self._there, there))
            self._note(aspect, "disagree", place, *words, line)
        elif _unknown(self._here, here) != _unknown(self._there, there):
            self._undetermined(place, here, there, line)
        else:
            self._note(aspect, "agree", place, "", "", line)
            if here:
                self._types(place, here, there, line)

    def _undetermined(self, place: str, here: str, there: str, line: int) -> None:
        words = (self._describe(self._here, here), self._describe(self._there, there))
        self._note("type", "undetermined", place, *words, line)

    def _features(self, place: str, here: Facts, there: Facts, flags: Sequence[str] = ()) -> None:
        """Compare features, and one flag of both sides that is compared as they are."""
        names = {name for facts in (here, there) for name in facts.features}
        compared = names if self._exact else names & _COMPARED
        compared -= {name for name, _ in here.features_if}
        first, second = flags or ("", "")
        ours = ", ".join(sorted(filter(None, {first, *(compared & set(here.features))})))
        theirs = ", ".join(sorted(filter(None, {second, *(compared & set(there.features))})))
        if ours or theirs:
            outcome: Outcome = "agree" if ours == theirs else "disagree"
            self._note("feature", outcome, place, ours, theirs, here.line)

    def _types(self, place: str, here: str, there: str, line: int) -> None:
        if (here, there) in self._seen:
            return
        if not (is_builtin(here) and is_builtin(there)):
            self._seen.add((here, there))
        words = (self._describe(self._here, here), self._describe(self._there, there))
        if words[0] != words[1]:
            unknown = "any" in words or {*words} == {"any object", "object"}
            outcome: Outcome = "undetermined" if unknown else "disagree"
            self._note("type", outcome, place, *words, line)
            return
        self._note("type", "agree", place, *words, line)
        one, other = self._here.types.get(here), self._there.types.get(there)
        if one and other:
            self._features(place, one.facts, other.facts)
        if isinstance(one, Array) and isinstance(other, Array):
            self._types(f"{place}/*", one.element, other.element, line)
        elif isinstance(one, Enum) and isinstance(other, Enum):
            self._enum(place, one, other)
        elif isinstance(one, Alternate) and isinstance(other, Alternate):
            self._alternate(place, one, other, line)
        elif isinstance(one, Object) and isinstance(other, Object):
            self._object(place, shape_of(self._here, here), shape_of(self._there, there), line)

    def _alternate(self, place: str, here: Alternate, there: Alternate, line: int) -> None:
        ours = {self._describe(self._here, key): key for key in here.branches}
        theirs = {self._describe(self._there, key): key for key in there.branches}
        for kind in sorted(ours.keys() | theirs.keys()):
            if kind in ours and kind in theirs:
                self._types(f"{place}({kind})", ours[kind], theirs[kind], line)
            else:
                words = (kind if kind in ours else "", kind if kind in theirs else "")
                self._note("type", "disagree", f"{place}({kind})", *words, line)

    def _enum(self, place: str, here: Enum, there: Enum) -> None:
        ours = {value.name: value.facts for value in here.values}
        theirs = {value.name: value.facts for value in there.values}
        for name in sorted(ours.keys() | theirs.keys()):
            facts = ours.get(name, Facts(here.facts.line))
            self._presence("value", f"{place}={name}", name in ours, name in theirs, facts)
            if name in ours and name in theirs:
                self._features(f"{place}={name}", facts, theirs[name])

    def _object(self, place: str, here: Shape, there: Shape, line: int) -> None:
        for name in sorted(here.members.keys() | there.members.keys()):
            ours, theirs = here.members.get(name), there.members.get(name)
            facts = ours.facts if ours else Facts(line)
            at = f"{place}/{name}"
            if not (ours and theirs):
                self._presence("member", at, bool(ours), bool(theirs), facts)
                continue
            self._note("member", "agree", at, "", "", facts.line)
            self._optional(at, ours, theirs)
            self._features(at, ours.facts, theirs.facts)
            self._types(at, ours.type, theirs.type, facts.line)
        self._variants(place, here, there, line)

    def _optional(self, place: str, here: Member, there: Member) -> None:
        words = ["optional" if one.optional else "mandatory" for one in (here, there)]
        outcome: Outcome = "agree" if words[0] == words[1] else "disagree"
        self._note("optional", outcome, place, words[0], words[1], here.facts.line)

    def _variants(self, place: str, here: Shape, there: Shape, line: int) -> None:
        """Branches; one without members is the same as none."""
        ours = {case: key for case, key in here.variants.items() if _adds(self._here, key)}
        theirs = {case: key for case, key in there.variants.items() if _adds(self._there, key)}
        built = self._values_of_tag(there)
        for case in sorted(ours.keys() | theirs.keys()):
            at = f"{place}[{here.tag or there.tag}={case}]"
            if case in ours and case in theirs:
                self._note("variant", "agree", at, "", "", line)
                shapes = shape_of(self._here, ours[case]), shape_of(self._there, theirs[case])
                if (ours[case], theirs[case]) not in self._seen:
                    self._seen.add((ours[case], theirs[case]))
                    self._object(at, *shapes, line)
            elif case in ours and built is not None and case not in built:
                continue  # the value itself is missing there, and is noted with the enumeration
            else:
                self._presence("variant", at, case in ours, case in theirs, Facts(line))

    def _values_of_tag(self, shape: Shape) -> tuple[str, ...] | None:
        member = shape.members.get(shape.tag)
        return enum_values(self._there, member.type) if member else None

    def _presence(self, aspect: Aspect, place: str, here: bool, there: bool, facts: Facts) -> None:
        outcome: Outcome = "agree"
        if here != there:
            outcome = "conditional" if here and facts.condition else "disagree"
        words = ("there" if here else "", "there" if there else "")
        self._note(aspect, outcome, place, *words, facts.line, facts.condition)

    def _describe(self, catalog: Catalog, key: str) -> str:
        """The kind of a type, as far as it shows on the wire."""
        if not key:
            return "nothing"
        if is_builtin(key):
            return key if key in BUILTINS else "int"
        return "any object" if _unknown(catalog, key) else catalog.types[key].kind


def _glob(pattern: str, text: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text))


def _alone(
    kind: str, here: Mapping[str, Command | Event], there: Mapping[str, Command | Event]
) -> list[Alone]:
    return [
        Alone(f"{kind} {name}", here[name].facts.line, here[name].facts.condition)
        for name in sorted(here.keys() - there.keys())
    ]


def _unknown(catalog: Catalog, key: str) -> bool:
    """Whether the type is an object of which nothing is known but that it is one."""
    found = catalog.types.get(key)
    return isinstance(found, Object) and found.open and not (found.members or found.base)


def _adds(catalog: Catalog, key: str) -> bool:
    """Whether a branch has any member."""
    shape = shape_of(catalog, key)
    return bool(shape.members or shape.variants or shape.open)
