"""Several catalogs at one place: what each has there, lacks there, or does not say."""

from __future__ import annotations

from qmpconf.schema.alongside import Alongside, Step
from qmpconf.schema.model import (
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Member,
    Object,
    Source,
    Type,
)


def catalog(
    types: dict[str, Type], key: str = "", *, form: str = "", partial: str = "", events: bool = True
) -> Catalog:
    source = Source("document", form=form, partial=partial)
    found = {"E": Event("E", key)} if events else {}
    return Catalog("x", source, {"c": Command("c", key, key)}, found, types)


def values(*names: str) -> Enum:
    return Enum(tuple(EnumValue(name) for name in names))


def told(steps: list[Step]) -> dict[str, str]:
    """What each step's cells say, as signs."""
    signs = {"yes": "+", "no": "-", "unknown": "?"}
    return {one.step: "".join(signs[cell.known] for cell in one.cells) for one in steps}


def below(*catalogs: Catalog) -> dict[str, str]:
    along = Alongside(catalogs)
    (arguments, _) = along.payloads("c", along.entry("command", "c"))
    return told(list(along.below(arguments.cells)))


HAND, MANUAL = "qmp-commands.txt", "qemu-qmp-ref"


def test_what_a_list_lacks_is_not_there_but_what_a_document_by_hand_lacks_may_be() -> None:
    both: dict[str, Type] = {"A": Object((Member("a", "int"), Member("b", "int")))}
    one: dict[str, Type] = {"1": Object((Member("b", "int"),))}
    found = below(
        catalog(one, "1", form=HAND),
        catalog(one, "1", form=MANUAL),
        catalog(one, "1", form=MANUAL, partial="torn"),
        catalog(both, "A"),
    )
    assert found == {"/a": "?-?+", "/b": "++++"}


def test_what_is_open_or_not_determined_may_be_there() -> None:
    known: dict[str, Type] = {"A": Object((Member("a", "int"),))}
    is_open: dict[str, Type] = {"A": Object(open=True)}
    found = below(catalog(is_open, "A"), catalog({}, "any"), catalog({}, ""), catalog(known, "A"))
    assert found == {"/a": "??-+"}


def test_values_branches_and_lists_are_followed_whatever_their_keys() -> None:
    old: dict[str, Type] = {
        "A": Object((Member("t", "E"),), tag="t", variants={"x": "V"}),
        "E": values("x"),
        "V": Object((Member("v", "int"),)),
    }
    new: dict[str, Type] = {
        "1": Array("2"),
        "2": Object((Member("t", "3"), Member("w", "5")), tag="t", variants={"x": "4", "y": "4"}),
        "3": values("x", "y"),
        "4": Object((Member("v", "int"),)),
        "5": Alternate(("str", "4")),
    }
    along = Alongside([catalog(old, "A"), catalog(new, "1")])
    (arguments, _) = along.payloads("c", along.entry("command", "c"))
    steps = {one.step: one for one in along.below(arguments.cells)}
    assert told(list(steps.values())) == {
        "/*/t": "++",
        "/*/w": "-+",
        "/*[t=x]": "++",
        "/*[t=y]": "-+",
    }
    assert told(list(along.below(steps["/*/t"].cells))) == {"=x": "++", "=y": "-+"}
    assert told(list(along.below(steps["/*/w"].cells))) == {"(str)": "-+", "(object)": "-+"}
    assert told(list(along.below(steps["/*[t=y]"].cells))) == {"/v": "-+"}


def test_a_document_without_events_does_not_say_which_there_are() -> None:
    along = Alongside([catalog({}, events=False), catalog({})])
    assert told([along.entry("event", "E"), along.entry("event", "F")]) == {
        "event E": "?+",
        "event F": "?-",
    }
    assert list(along.payloads("E", along.entry("event", "E"))) == []


def test_a_type_of_another_kind_says_nothing_of_what_is_below() -> None:
    new: dict[str, Type] = {"A": Object((Member("m", "E"),)), "E": values("x")}
    old: dict[str, Type] = {"A": Object((Member("m", "str"),))}
    along = Alongside([catalog(old, "A"), catalog(new, "A")])
    (arguments, _) = along.payloads("c", along.entry("command", "c"))
    (member,) = along.below(arguments.cells)
    assert told(list(along.below(member.cells))) == {"=x": "?+"}
