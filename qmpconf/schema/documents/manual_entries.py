"""What a QMP reference manual describes, one entry for each command, event and type.

The common ground of the two layouts of ``qemu-qmp-ref(7)``, before names are resolved: the words
of the document in slots.  `qmpconf.schema.documents.manual_sections` (4.x to 9.x) and
`qmpconf.schema.documents.manual_definitions` (10 and later) fill entries from blocks;
`qmpconf.schema.documents.manual_types` makes a catalog of them.

The grammar of the small phrases that both layouts share stands here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from qmpconf.findings import Finding
from qmpconf.schema.documents.manual_blocks import Block
from qmpconf.schema.documents.result import Heading, defect

Kind = Literal["Command", "Event", "Object", "Enum", "Alternate"]

#: What an entry of each kind becomes in the report.
BECOMES = {
    "Command": "command",
    "Event": "event",
    "Object": "type",
    "Enum": "type",
    "Alternate": "type",
}
KINDS = "|".join(BECOMES)

#: A version of QEMU, as a document writes it.
VERSION = r"\d+\.\d+(?:\.\d+)*"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"


@dataclass(slots=True)
class Part:
    """A member, value or branch, or a reference to the members of a type.

    `type` is as written; for a reference it is the type referred to and `name` is empty.  `tag`
    and `case` tell on which value of which member the part depends.  `text` is what the document
    says about it.
    """

    line: int
    name: str = ""
    type: str = ""
    optional: bool = False
    condition: str = ""
    tag: str = ""
    case: str = ""
    text: str = ""


@dataclass(slots=True)
class Feature:
    """A feature, with the text that says what it is about."""

    name: str
    text: str
    line: int


@dataclass(slots=True)
class ManualEntry:
    """One command, event or type.

    `returns` is the text of what a command returns, None where the document has no word about
    it; `stated` says that it names a type (the layout of 10 and later) and is not prose.  `prose`
    is all other text; `blocks` are all blocks, for the examples in them.
    """

    kind: Kind
    name: str
    line: int
    since: str = ""
    condition: str = ""
    parts: list[Part] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)
    returns: str | None = None
    returns_line: int = 0
    stated: bool = False
    prose: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class Entries:
    """Everything that a reader of a layout found."""

    entries: list[ManualEntry] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def heading(self, block: Block, became: str) -> None:
        """Account for a heading."""
        self.headings.append(Heading(block.line, block.text, became))

    def finding(self, rule: str, line: int, subject: str, message: str, seen: str = "") -> None:
        """Report a place where the document is wrong."""
        self.findings.append(defect(rule, line, subject, message, seen=seen))


# ── phrases ──────────────────────────────────────────────────────────────────────────────────

_CONDITION = r"(?: \(If: (?P<condition>(?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\))?"
_CASE = rf'(?: when (?P<tag>{NAME}) is "(?P<case>[^"]*)")?'
_MEMBERS_OF = re.compile(
    rf"[Tt]he members of (?P<type>[A-Za-z_][A-Za-z0-9_-]*)\.?{_CASE}{_CONDITION}(?: (?P<text>[A-Z].*))?"
)
_MEMBER = re.compile(
    rf"(?P<name>{NAME})(?:: (?P<type>(?:array of )*{NAME}))?(?P<optional> \(optional\))?"
    rf"{_CASE}{_CONDITION}"
)


def part_of(text: str, line: int) -> Part | None:
    """The part that a tag of the layout of 4.x to 9.x stands for, None where it is none.

    ``NAME``, ``NAME: TYPE``, ``The members of TYPE``; the first two can be followed by
    ``(optional)``, all by ``when TAG is "CASE"`` and ``(If: CONDITION)``.  A sentence that lost
    its own line can stand behind a reference.
    """
    found = _MEMBERS_OF.fullmatch(text) or _MEMBER.fullmatch(text)
    if not found:
        return None
    told = found.groupdict()
    return Part(
        line,
        name=told.get("name") or "",
        type=told["type"] or "",
        optional=bool(told.get("optional")),
        condition=(told["condition"] or "").strip(),
        tag=told["tag"] or "",
        case=told["case"] or "",
        text=told.get("text") or "",
    )


_SINCE = re.compile(
    rf"(?P<before>\w{{1,20}}[,;]? )?\b[Ss]ince:? (?:QEMU )?v?(?P<version>{VERSION})"
)
_NOT_SINCE = ("deprecated", "obsolete", "removed", "unstable")


def since_of(text: str) -> str:
    """The version in the first ``since 2.10`` of `text` that says when something came.

    ``deprecated since 3.0`` is none.
    """
    for found in _SINCE.finditer(text):
        if not (found["before"] or "").lower().startswith(_NOT_SINCE):
            return found["version"]
    return ""


_SINCE_EACH = re.compile(
    rf"'?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.+-]{{0,60}}?)'?(?: -|:)? since:? (?P<version>{VERSION})",
    re.IGNORECASE,
)


def since_each(text: str, names: Iterable[str]) -> dict[str, str]:
    """Versions that `text` says for single `names`: ``(vhost-vdpa since 5.1)``."""
    known = set(names)
    return {
        found["name"]: found["version"]
        for found in _SINCE_EACH.finditer(text)
        if found["name"] in known
    }


_DEFAULT = re.compile(
    r"""(?:\bdefaults?\ (?:to|is|value\ is)|\(default:?(?:\ is)?|;\ default:?)\s+
    (?P<value>(?P<quote>["'])[^"'\s]*(?P=quote)|[\w/.:+-]*\w)(?=\.?(?:[,;)]|\s*\(|$)|\.\s)""",
    re.VERBOSE | re.IGNORECASE,
)


def default_of(text: str) -> str:
    """The default that `text` says, as it writes it ("defaults to 4", "default: false").

    It is one word, in quotes or with the sentence's end behind it; what takes more words to tell
    is not a value.
    """
    found = _DEFAULT.search(text)
    return found["value"] if found else ""


_ABOUT = re.compile(
    r"(?:[Mm]ember|[Aa]rgument|[Pp]arameter|[Vv]alue|[Oo]ption)s? (?P<names>.+?) (?:is|are)\b"
)
_ALL_WITH = re.compile(r"All (?:members|arguments) starting with (?P<prefix>\S+?) ?are\b")


def subjects_of(text: str, names: Iterable[str]) -> tuple[str, ...] | None:
    """Which of `names` the text of a feature is about; None: about the whole entry.

    ``Members base and top are deprecated``, ``All members starting with x- are ...``.  Empty when
    it is about members that are not among `names`.
    """
    prefix = _ALL_WITH.match(text)
    if prefix:
        return tuple(name for name in names if name.startswith(prefix["prefix"]))
    found = _ABOUT.match(text)
    if not found:
        return None
    words = {word for word in re.split(r",\s*|\s+(?:and|or)\s+|\s+", found["names"]) if word}
    return tuple(name for name in names if name in words)


_INSTEAD = re.compile(r"\b[Uu]se (?P<names>[^.;]+?) instead\b")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def instead_of(text: str) -> tuple[str, ...]:
    """The names that the text of a feature says to use in place of what is deprecated.

    ``Use a instead``, ``Use 'a' and 'b' instead``; nothing where it takes more words.
    """
    found = _INSTEAD.search(text)
    if not found:
        return ()
    names = [word.strip("'\"`@") for word in re.split(r",\s*|\s+(?:and|or)\s+", found["names"])]
    return tuple(names) if all(map(_NAME.fullmatch, names)) else ()
