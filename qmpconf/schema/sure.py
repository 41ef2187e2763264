"""A catalog without what proves nothing: for those who judge by yes and no alone.

`qmpconf check` has three answers: a document states something, and contradicts it nowhere, which makes errors;
its examples show something else, or it was concluded from an example (`qmpconf.schema.doubts`), which makes notes;
it is a part, and lacks something.  A bundle of JSON Schema has two, and a *no* is an error.  So in what is exported
a member that the document leaves out somewhere is optional, what only its examples have is taken, a type that is
known by example takes any value; and in a part, objects and lists of values are open.

Knows neither JSON Schema nor messages.
"""

from __future__ import annotations

from dataclasses import replace

from qmpconf.schema.model import (
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

#: Types that stand for all values but objects and arrays.
_SCALARS = ("str", "number", "bool", "null")


def sure(catalog: Catalog) -> Catalog:
    """The same catalog, in which nothing is demanded that its source does not surely say."""
    return catalog if catalog.source.is_exact else _Softener(catalog).run()


class _Softener:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._partial = bool(catalog.source.partial)
        self._types: dict[str, Type] = {}
        self._soft: dict[str, str] = {}
        self._anything = self._key("object", Object(open=True))

    def run(self) -> Catalog:
        before = self._catalog
        commands = {name: self._command(one) for name, one in before.commands.items()}
        events = {name: self._event(one) for name, one in before.events.items()}
        types = {key: self._type(found) for key, found in before.types.items()}
        return replace(before, commands=commands, events=events, types=types | self._types)

    def _key(self, name: str, found: Type) -> str:
        """The key of a type of our own."""
        key = f"any.{name}"
        while key in self._catalog.types or key in self._types:
            key += "."
        self._types[key] = found
        return key

    # ── commands and events ──────────────────────────────────────────────────────────────────

    def _command(self, one: Command) -> Command:
        arguments = self._given(one.arguments, one.facts)
        returns = self._root(one.returns, one.facts)
        if any(part.key == one.returns for part in one.facts.concluded):
            returns = "any"
        return replace(one, arguments=arguments, returns=returns)

    def _event(self, one: Event) -> Event:
        return replace(one, data=self._given(one.data, one.facts))

    def _given(self, key: str, facts: Facts) -> str:
        """The type of arguments or data, which are objects."""
        concluded = any(part.key == key for part in facts.concluded)
        return self._anything if concluded or (self._partial and not key) else key

    def _root(self, key: str, facts: Facts) -> str:
        """The type of a whole result."""
        if not key:
            return self._anything if self._partial else key
        found = self._catalog.types.get(key)
        return self._softened(key) if _doubtful(found.facts if found else facts) else key

    # ── types ────────────────────────────────────────────────────────────────────────────────

    def _type(self, found: Type) -> Type:
        if isinstance(found, Enum):
            return replace(
                found, values=(*found.values, *found.shown), open=found.open or self._partial
            )
        if isinstance(found, Object):
            names = {one.name for one in found.members}
            shown = [
                replace(one, type="any", optional=True)
                for one in found.shown
                if one.name not in names
            ]
            members = (*map(self._member, found.members), *shown)
            return replace(found, members=members, open=found.open or self._partial)
        return found

    def _member(self, one: Member) -> Member:
        optional = one.optional or any(part.about == "missing" for part in one.facts.against)
        kind = self._softened(one.type) if _doubtful(one.facts) else one.type
        return replace(one, optional=optional, type=kind)

    def _softened(self, key: str) -> str:
        """A type that takes what is not of the type `key` at all; what is, is judged inside as before."""
        found = self._catalog.types.get(key)
        if not isinstance(found, Object | Array):
            return "any"
        if key not in self._soft:
            self._soft[key] = own = self._key(key, found)
            inner, other = key, self._key(f"{key}.other", Array("any"))
            if isinstance(found, Array):  # its elements are what the member holds
                nested = isinstance(self._catalog.types.get(found.element), Array)
                element = "any" if nested else self._softened(found.element)
                inner = self._key(f"{key}.list", replace(found, element=element))
                other = self._anything
            self._types[own] = Alternate((inner, other, *_SCALARS))
        return self._soft[key]


def _doubtful(facts: Facts) -> bool:
    """Whether the type is known by example only, or denied elsewhere."""
    return facts.strength == "example" or any(one.about == "type" for one in facts.against)
