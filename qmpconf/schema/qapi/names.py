"""How names are spelled in a schema (docs/devel/qapi-code-gen, "Naming rules and reserved names")."""

from __future__ import annotations

import enum
import re

#: A downstream prefix, the one of what is experimental, and the stem, which the rules are about.
_NAME = re.compile(r"(?:__[a-z0-9.-]+_)?(?:x-)?([a-z][a-z0-9_-]*)", re.IGNORECASE)
_CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*")


class Style(enum.Enum):
    """How a kind of name is written: commands and members, events, types."""

    LOWER = "lower-case-with-dashes"
    UPPER = "UPPER_CASE"
    CAMEL = "CamelCase"


def plainly(name: str) -> str:
    """A name as it is in generated code: names that are the same there collide."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def is_reserved(name: str) -> bool:
    """Whether generated code uses a member of that name for itself."""
    return plainly(name) == "u" or plainly(name).startswith("has_")


def flaw(name: str, style: Style, *, excused: bool = False) -> str:
    """What is wrong with a name; nothing as a rule.  One that is `excused` may be of any style."""
    found = _NAME.fullmatch(name)
    if not found or plainly(name).startswith("q_"):
        return "this is not a name that QAPI allows"
    stem = found[1]
    if excused:
        return ""
    if style is Style.LOWER and re.search(r"[A-Z_]", stem):
        return "it has an upper case letter or '_'"
    if style is Style.UPPER and re.search(r"[a-z-]", stem):
        return "an event's name has neither lower case letters nor '-'"
    if style is Style.CAMEL and not _CAMEL.fullmatch(stem):
        return "a type's name is written in CamelCase"
    if style is Style.CAMEL and name.endswith("List"):
        return "no type's name ends in 'List': arrays are called so"
    return ""
