"""Whether a payload fits the catalog, and if not, what is wrong where.

`Validator` answers the first question with jsonschema-rs, for every message; one small validator
for each command's arguments and return and each event's data, made when first needed, of those
parts of the bundle that it needs.  Only when the answer is no, `explain` asks jsonschema, and turns its errors into
`Problem`s: one for each wrong place, with what was expected and seen there.

QMP's fine print, which plain JSON Schema misses: ``1.0`` is not an integer.  The strict reader
(`qmpconf.protocol.values`) gives such numbers as `Float`, a subclass of float.  jsonschema-rs
takes no subclass (ValueError, or a no) wherever the schema asks for its type, so nothing is paid
for this rule by messages without such numbers; those with one are asked again with a number that
is surely no integer in its place.  Duplicate members are a matter of the message, not of its schema,
and are found on the wire.

This module knows neither sessions nor findings.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from qmpconf.protocol.values import Long, parts
from qmpconf.schema import bundle
from qmpconf.schema.problems import Problem, problems_of
from qmpconf.schema.quick import Parts, quickened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jsonschema.protocols import Validator as Explainer

    from qmpconf.schema.model import Catalog

#: Stands for any number with a fraction: a number, no integer.
_NO_INTEGER = 0.5
#: In no range of any type, as a `Long` is in none.
_OUT_OF_RANGE = 1 << 128

_NONE: Sequence[Problem] = ()


class Validator:
    """All payloads of one catalog.

    The methods take a command's or event's name and the payload, as `qmpconf.protocol.values`
    reads it, and raise KeyError when the catalog does not have that name.  Pointers of problems
    start at the payload.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._fast: dict[str, jsonschema_rs.Validator] = {}
        self._explainers: dict[str, Explainer] = {}
        self.quick = Quick(self)

    # ── the questions ────────────────────────────────────────────────────────────────────────

    def arguments(self, command: str, value: Any) -> Sequence[Problem]:
        """What is wrong with a command's arguments; no problem is the usual answer."""
        return self._ask(bundle.arguments_of(command), value)

    def returned(self, command: str, value: Any) -> Sequence[Problem]:
        """What is wrong with a command's return value."""
        return self._ask(bundle.return_of(command), value)

    def data(self, event: str, value: Any) -> Sequence[Problem]:
        """What is wrong with an event's data."""
        return self._ask(bundle.data_of(event), value)

    def type(self, name: str, value: Any) -> Sequence[Problem]:
        """What is wrong with a value of the type `name` (a name in the bundle's ``$defs``)."""
        return self._ask(name, value)

    def _ask(self, definition: str, value: Any) -> Sequence[Problem]:
        return _NONE if self.accepts(definition, value) else self.explain(definition, value)

    def accepts(self, definition: str, value: Any) -> bool:
        """The fast way alone: whether jsonschema-rs takes the value.

        `definition` is a name in the bundle's ``$defs``; raises KeyError when there is none.
        """
        fast = self.compiled(definition)
        try:
            if fast.is_valid(value):
                return True
        except ValueError:
            pass  # it holds a Float or a Long: asked again below
        strange = any(isinstance(one, float | Long) for one in parts(value))
        return strange and fast.is_valid(_without_strange(value))

    def explain(self, definition: str, value: Any) -> list[Problem]:
        """The slow way alone: what jsonschema finds, as problems, in the order of the value.

        `definition` is a name in the bundle's ``$defs``; raises KeyError when there is none.
        """
        explainer = self._explainers.get(definition)
        if explainer is None:
            explainer = self._explainers[definition] = self._explainer(definition)
        try:
            return problems_of(explainer.iter_errors(value), value)
        except RecursionError:
            return [Problem.too_deep()]

    # ── the machinery ────────────────────────────────────────────────────────────────────────

    @cached_property
    def bundle(self) -> bundle.Schema:
        """The catalog's JSON Schema bundle."""
        return bundle.build(self.catalog)

    @cached_property
    def _parts(self) -> Parts:
        return Parts(quickened(self.bundle))

    def compiled(self, definition: str) -> jsonschema_rs.Validator:
        """The validator of a name in the bundle's ``$defs``; KeyError when there is none."""
        fast = self._fast.get(definition)
        if fast is None:
            if definition not in self.bundle["$defs"]:
                raise KeyError(definition)
            fast = jsonschema_rs.Draft202012Validator(self._parts.of(definition))
            self._fast[definition] = fast
        return fast

    def _explainer(self, definition: str) -> Explainer:
        if definition not in self.bundle["$defs"]:
            raise KeyError(definition)
        explainer: Explainer = _explainer_class()(
            {**self.bundle, "$ref": bundle.reference(definition)}
        )
        return explainer

    def definitions(self) -> Iterator[str]:
        """Names of everything that can be validated."""
        yield from self.bundle["$defs"]


class Quick:
    """The hot path: whether a payload is surely right, with as few steps as can be.

    True means that it is; False asks for a closer look by the `Validator`'s methods, which may
    still find nothing wrong.  Takes names and values as these do, KeyError included.
    """

    def __init__(self, owner: Validator) -> None:
        self.arguments = _quick(owner, bundle.arguments_of)
        self.returned = _quick(owner, bundle.return_of)
        self.data = _quick(owner, bundle.data_of)


def _quick(owner: Validator, definition_of: Callable[[str], str]) -> Callable[[str, Any], bool]:
    known: dict[str, Callable[[Any], bool]] = {}

    def accepts(name: str, value: Any) -> bool:
        try:
            return known[name](value)
        except KeyError:
            known[name] = owner.compiled(definition_of(name)).is_valid
            return accepts(name, value)
        except ValueError:  # it holds a Float or a Long
            return False

    return accepts


def _without_strange(value: Any) -> Any:
    """A copy in which every float is one that is not an integer, and no integer is endless."""
    whole: list[Any] = [value]
    waiting: list[Any] = [whole]
    while waiting:
        box = waiting.pop()
        for place, one in list(box.items() if isinstance(box, dict) else enumerate(box)):
            if isinstance(one, float):
                box[place] = _NO_INTEGER
            elif isinstance(one, Long):
                box[place] = _OUT_OF_RANGE if one > 0 else -_OUT_OF_RANGE
            elif isinstance(one, (dict, list)):
                box[place] = one.copy() if isinstance(one, list) else dict(one)
                waiting.append(box[place])
    return whole[0]


def _is_integer(_checker: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_EXPLAINER: list[Any] = []


def _explainer_class() -> Any:
    """The validator of jsonschema, with QMP's idea of an integer; imported when first needed."""
    if not _EXPLAINER:
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - takes 100 ms, rarely needed
        from jsonschema.validators import extend  # noqa: PLC0415 - the same

        checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
        make: Any = extend
        _EXPLAINER.append(make(Draft202012Validator, type_checker=checker))
    return _EXPLAINER[0]
