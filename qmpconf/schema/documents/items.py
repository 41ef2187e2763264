"""One item of a member list: the names, the type, the mark of the optional, the values.

An item reads ``- "name": words (json-string, optional)``, in every variation that four documents
show.  Here the words become facts; how items nest is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from qmpconf.schema.documents.blocks import Text
from qmpconf.schema.documents.values import QUOTED, Value, chain, doubles, listed

#: What an item is: a member, a note that gives the values of the member before it, a group of
#: members of which a server sends the ones of its kind, a mark that further members are
#: possible, another note, or the line that begins another case of the entry before.
Role = Literal["member", "values", "group", "open", "note", "case"]

_NAME = re.compile(r'^"(?P<name>[^"\s]+)"\s*:\s*')
_BARE_NAME = re.compile(r"^(?P<name>[a-z_][\w-]*)\s*:\s+")
_NO_COLON = re.compile(r'^"(?P<name>[\w-]+)"\s+(?=[a-z(])')
_VALUES = re.compile(r"^Possible values?\s*:\s*")
_OPEN = re.compile(r"^[\w ]*\b(?:properties|options)\.?$")
_GROUP = re.compile(r'^[^":]*:\s*"')
_GROUPED = re.compile(r'(?P<names>"[\w-]+"(?:(?:,| and|, and| or) "[\w-]+")*)\s*:\s*')

_PARENTHESES = re.compile(r"\((?P<inside>[^()]*)\)")
_JSON_TYPE = re.compile(
    r"(?<![\w-])(?P<json>[a-z]{4})(?P<joint>[-_])"
    r"(?P<type>string|str|integer|int|boolean|bool|number|double|object|array)s?\b"
)
_BARE_TYPE = re.compile(r"^(?P<type>string|str|int|bool|boolean|number)$")
_CAMEL = re.compile(r"^[A-Z][a-z]+(?:[A-Z][A-Za-z0-9]*)+$")
_ARRAY_OF = re.compile(r"\b(?:json-array|list) of (?P<what>[^.,:()]+)")
_OPTIONAL = re.compile(
    r"\boptional(?:ly)?\b|\b(?:only|not) present\b|\bfield is omitted\b|\bis not provided\b"
)
_DEFAULT = re.compile(
    r"\b[Dd]efault(?P<verb>s to| is|:)?\s+(?P<quote>[\"']?)(?P<value>[\w.%+-]*\w)(?P=quote)"
    r"(?=[\s.,;)]|$)"
)
#: Words after "default" that begin a sentence, not a value.
_NO_VALUE = frozenset({"to", "the", "a", "an", "is", "value", "values", "for", "if", "when"})
_WHEN = re.compile(r'\bWhen "(?P<tag>[\w-]+)" is "(?P<value>[\w-]+)":$')
_SINCE = re.compile(r"\b[Ss]ince:? (?P<version>\d+\.\d+(?:\.\d+)?)\b")

#: json type -> type of the catalog.
_SCALARS: Mapping[str, str] = {
    "string": "str",
    "str": "str",
    "integer": "int",
    "int": "int",
    "boolean": "bool",
    "bool": "bool",
    "number": "number",
    "double": "number",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that the document should have written otherwise."""

    rule: str
    line: int
    message: str
    expected: str = ""
    seen: str = ""


@dataclass(slots=True)
class Facts:
    """What an item says of each of its names.

    `kind` is a builtin type, ``object``, ``array``, ``named`` (with `named`) or nothing;
    `element` is the same of an array's elements.  `values` are an enumeration's, complete unless
    `more`.  `when` is the (tag, value) under which nested items hold.
    """

    kind: str = ""
    element: str = ""
    named: str = ""
    optional: bool = False
    default: str = ""
    values: list[Value] = field(default_factory=list)
    more: bool = False
    features: tuple[str, ...] = ()
    since: str = ""
    when: tuple[str, str] = ("", "")


@dataclass(slots=True)
class TextEntry:
    """An item, understood: its role, names, words (without names), facts, flaws and line.

    `group` holds the entries of a group.
    """

    role: Role
    names: tuple[str, ...]
    words: str
    facts: Facts
    line: int
    flaws: list[Flaw] = field(default_factory=list)
    group: tuple[TextEntry, ...] = ()


def understand(text: Text) -> TextEntry:
    """What an item says."""
    words = str(text)
    line = text.first.number
    for pattern in (_NAME, _BARE_NAME):
        if found := pattern.match(words):
            return _member(text, (found["name"],), found.end(), len(words))
    if _VALUES.match(words):
        facts = Facts(values=list(chain(text)), default=_marked_default(words))
        return TextEntry("values", (), words, facts, line, _twice(facts.values))
    found = _NO_COLON.match(words)
    if found and any(_JSON_TYPE.search(one["inside"]) for one in _PARENTHESES.finditer(words)):
        entry = _member(text, (found["name"],), found.end(), len(words))
        message = f"there is no colon after the name {found['name']!r}"
        entry.flaws.append(Flaw("document.member.no-colon", line, message))
        return entry
    if _OPEN.match(words):
        return TextEntry("open", (), words, Facts(), line)
    if _GROUP.match(words):
        entries = tuple(_grouped(text, words))
        if entries:
            return TextEntry("group", (), words, Facts(), line, [], entries)
    return TextEntry("note", (), words, _note(words), line)


def _grouped(text: Text, words: str) -> Iterator[TextEntry]:
    """The members that a group tells apart, each optional: a server has those of its kind."""
    starts = list(_GROUPED.finditer(words))
    ends = [*(one.start() for one in starts), len(words)][1:]
    for start, end in zip(starts, ends, strict=True):
        names = tuple(re.findall(r'"([\w-]+)"', start["names"]))
        entry = _member(text, names, start.end(), end)
        entry.facts.optional = True
        entry.line = text.line_at(start.start())
        yield entry


def _note(words: str) -> Facts:
    return Facts(features=_features(words))


def _features(words: str) -> tuple[str, ...]:
    return ("deprecated",) if re.search(r"^deprecated\b|\(deprecated\b", words) else ()


def _member(text: Text, names: tuple[str, ...], start: int, end: int) -> TextEntry:
    words = str(text)[start:end].strip()
    line = text.first.number
    facts, flaws = Facts(), []
    _type(words, facts)
    flaws += _spelling(text, start, end)
    if facts.kind in ("str", "named", ""):
        found_values = listed(text, words, start, named=facts.kind == "named")
        facts.values, facts.more = list(found_values.values), found_values.more
        facts.kind = facts.kind or ("str" if facts.values else "")
        flaws += [] if found_values.more else _twice(facts.values)
    if found := _WHEN.search(words):
        facts.when = (found["tag"], found["value"])
    facts.default = _default(words)
    facts.optional = bool(_OPTIONAL.search(words)) or bool(facts.default)
    facts.features = _features(words)
    since = _SINCE.search(words)
    facts.since = since["version"] if since else ""
    return TextEntry("member", names, words, facts, line, flaws)


# ── types ────────────────────────────────────────────────────────────────────────────────────


def type_span(words: str) -> int:
    """Where the parentheses that give the type end in `words`; -1 when there are none."""
    return max((end for end, _ in _type_tokens(words)), default=-1)


def _type_tokens(words: str) -> Iterator[tuple[int, list[str]]]:
    """Each pair of parentheses that gives a type or an option: its end, and its parts."""
    for found in _PARENTHESES.finditer(words):
        parts = [part.strip() for part in found["inside"].split(",")]
        if any(_is_type_part(part) for part in parts):
            yield found.end(), parts


def _is_type_part(part: str) -> bool:
    found = _JSON_TYPE.search(part)
    told = (found and _is_json(found["json"])) or _CAMEL.match(part) or _BARE_TYPE.match(part)
    return bool(told) or part == "optional"


def _is_json(letters: str) -> bool:
    return sorted(letters) == sorted("json")


def _type(words: str, facts: Facts) -> None:
    for _, parts in _type_tokens(words):
        for part in parts:
            found = _JSON_TYPE.search(part)
            if found and _is_json(found["json"]):
                _set_json_type(facts, found["type"], part)
                return
            if bare := _BARE_TYPE.match(part):
                facts.kind = _SCALARS[bare["type"]]
                return
            if _CAMEL.match(part):
                facts.kind, facts.named = "named", part
                return
    found = _JSON_TYPE.search(words)
    of = _ARRAY_OF.search(words)
    if of and (not found or found.start() >= of.start()):
        _set_json_type(facts, "array", words)
    elif found and _is_json(found["json"]):
        _set_json_type(facts, found["type"], words)
    elif re.search(r"\bdictionary\b", words):
        facts.kind = "object"


def _set_json_type(facts: Facts, name: str, words: str) -> None:
    facts.kind = _SCALARS.get(name, name)
    if facts.kind == "array":
        facts.element = _element(words)


def _element(words: str) -> str:
    """Type of the elements, as the words after ``json-array of`` tell."""
    of = _ARRAY_OF.search(words)
    if not of:
        return ""
    found = _JSON_TYPE.search(of["what"])
    if found and _is_json(found["json"]):
        return _SCALARS.get(found["type"], found["type"])
    last = of["what"].split()[-1]
    return {"string": "str", "strings": "str", "integers": "int", "numbers": "number"}.get(last, "")


def _spelling(text: Text, start: int, end: int) -> list[Flaw]:
    """Types that are not spelled as everywhere else."""
    words = str(text)[start:end]
    flaws = []
    for found in _JSON_TYPE.finditer(words):
        if not _is_json(found["json"]):
            continue
        line = text.line_at(start + found.start())
        seen = f"{found['json']}{found['joint']}{found['type']}"
        usual = {"integer": "int", "str": "string", "boolean": "bool", "double": "number"}
        expected = "json-" + usual.get(found["type"], found["type"])
        if seen != expected:
            message = f"{seen!r} stands for {expected!r}"
            flaws.append(Flaw("document.type.misspelled", line, message, expected, seen))
        if words[found.end() : found.end() + 1] == ")" and not _is_opened(words, found.start()):
            message = f"the parenthesis before {seen!r} is missing"
            flaws.append(Flaw("document.type.parenthesis", line, message))
    return flaws


def _is_opened(words: str, at: int) -> bool:
    before = words[:at]
    return before.count("(") > before.count(")")


# ── defaults ─────────────────────────────────────────────────────────────────────────────────


def _default(words: str) -> str:
    marked = _marked_default(words)
    if marked:
        return marked
    for found in _DEFAULT.finditer(words):
        said = found["verb"] or found["quote"] or _is_opened(words, found.start())
        if said and (found["quote"] or found["value"] not in _NO_VALUE):
            return found["value"]
    return ""


def _marked_default(words: str) -> str:
    found = re.search(rf"({QUOTED}) \(default\)", words)
    return found.group(1)[1:-1] if found else ""


# ── notes ─────────────────────────────────────────────────────────────────────────────────────


def _twice(values: Sequence[Value]) -> list[Flaw]:
    """Values that a list has more than once."""
    return [
        Flaw(
            "document.enum.duplicate",
            value.line,
            f"the value {value.name!r} is listed twice",
            seen=value.name,
        )
        for value in doubles(values)
    ]


def attach(member: TextEntry, note: TextEntry) -> None:
    """Add what a note says to the member that it stands under."""
    facts = member.facts
    if note.role == "values":
        facts.values = list(note.facts.values)
        facts.more = False
        facts.kind = facts.kind or "str"
        if note.facts.default:
            facts.default, facts.optional = note.facts.default, True
    features = dict.fromkeys((*facts.features, *note.facts.features))
    member.facts = replace(facts, features=tuple(features))
    member.flaws += note.flaws
