"""The layout of 4.x to 9.x: a section for each entry, and one for each of its parts.

``NAME (Kind)`` is a heading; ``Arguments``, ``Members``, ``Values``, ``Features``, ``Returns``,
``If``, ``Since`` and others are headings of the same level, and belong to the entry before them.

Sphinx's writer of manual pages loses the line before a heading that follows an ``If``: the
heading then stands behind the condition, as ``.SS NAME (Kind)`` in the words themselves.  It is
taken out of them, and reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import get_args

from qmpconf.schema.documents.manual_blocks import BODY, SECTION, Block, Node, prose, tree
from qmpconf.schema.documents.manual_entries import (
    BECOMES,
    KINDS,
    Entries,
    Feature,
    Kind,
    ManualEntry,
    part_of,
    since_of,
)

#: Headings that belong to an entry, and what is read from below them.
PARTS = {"Arguments", "Members", "Values", "Alternatives"}
LABELS = PARTS | {"Features", "Returns", "Errors", "Since", "If"}
PROSE_LABELS = {
    "Caution",
    "Example",
    "Examples",
    "Note",
    "Notes",
    "TODO",
    "Warning",
}

_ENTRY = re.compile(rf"(?P<name>\S+) \((?P<kind>{KINDS})\)")
_GLUED = re.compile(r"(?P<before>\S.*?)\s?\.S(?P<level>[SH])\s+(?P<after>\S.*)")
_FEATURE = re.compile(r"[a-z][a-z0-9.-]*")
_ONE_OF = re.compile(r"One of (?P<values>.+)")


def is_sections(blocks: Sequence[Block]) -> bool:
    """Whether the blocks have this layout."""
    return any(block.kind == "section" and _ENTRY.fullmatch(block.text) for block in blocks)


def read_sections(blocks: Sequence[Block]) -> Entries:
    """The entries of a manual page in the layout of 4.x to 9.x."""
    found = Entries()
    entry: ManualEntry | None = None
    label = ""
    body: list[Block] = []
    for block in _unglued(blocks, found):
        if block.kind not in {"chapter", "section"}:
            body.append(block)
            continue
        _section(entry, label, body)
        body = []
        heading = _ENTRY.fullmatch(block.text) if block.kind == "section" else None
        if heading:
            entry = _entry(heading, block)
            found.entries.append(entry)
            found.heading(block, f"{BECOMES[entry.kind]} {entry.name}")
            label = ""
        elif block.kind == "section" and entry and block.text in LABELS | PROSE_LABELS:
            label = block.text
        else:
            found.heading(block, "prose")
            entry = entry if block.kind == "section" else None
            label = "prose"
    _section(entry, label, body)
    return found


def _entry(heading: re.Match[str], block: Block) -> ManualEntry:
    kind: Kind = next(one for one in get_args(Kind) if one == heading["kind"])
    return ManualEntry(kind, heading["name"], block.line)


def _unglued(blocks: Sequence[Block], found: Entries) -> Iterator[Block]:
    for block in blocks:
        glued = _GLUED.fullmatch(block.text) if block.kind == "text" else None
        if not glued:
            yield block
            continue
        found.finding(
            "document.heading.glued",
            block.line,
            glued["after"],
            "the heading stands behind the text before it, on the same line",
            seen=block.text,
        )
        yield Block("text", block.indent, glued["before"], block.line, block.last)
        if glued["level"] == "H":
            yield Block("chapter", 0, glued["after"], block.last, block.last)
        else:
            yield Block("section", SECTION, glued["after"], block.last, block.last)


# ── what stands below a heading ──────────────────────────────────────────────────────────────


def _section(entry: ManualEntry | None, label: str, body: Sequence[Block]) -> None:
    if not entry or not body:
        return
    entry.blocks += body
    if label in PARTS:
        _parts(entry, _items(body, bare=entry.kind == "Enum"))
    elif label == "Features":
        _features(entry, _items(body, bare=True))
    elif label == "Returns":
        entry.returns, entry.returns_line = prose(tree(_results(body))), body[0].line
    elif label == "If":
        entry.condition = prose(tree(body[:1]))
        entry.prose += [node.text for node in tree(body[1:])]
    elif label == "Since":
        text = prose(tree(body))
        entry.since = since_of(f"since {text}")
        entry.prose.append(text)
    elif label != "Errors":
        entry.prose += [block.text for block in body if block.kind == "text"]


def _items(body: Sequence[Block], *, bare: bool) -> list[Node]:
    """The tree of `body`, short tags in the first column parted from their text.

    `bare`: a tag can be a name alone, without a type.  Elsewhere only a union's tag can.
    """
    blocks: list[Block] = []
    tags = {part.tag for block in body if (part := part_of(block.text, block.line))}
    for block in body:
        split = block.split() if block.indent == BODY else (block,)
        tag = part_of(split[0].text, block.line)
        if tag and (bare or tag.type or tag.name in tags):
            blocks += split
        else:
            blocks.append(block)
    return tree(blocks)


def _parts(entry: ManualEntry, nodes: Sequence[Node]) -> None:
    for node in nodes:
        part = part_of(node.text, node.line) if node.block.kind == "text" else None
        if not part:
            entry.prose.append(prose([node]))
            continue
        part.text = f"{part.text} {node.body()}".strip()
        values = _ONE_OF.match(part.text)
        if part.name and not part.type and values:
            part.type = f"one of {values['values'].rstrip('.')}"
        entry.parts.append(part)


def _features(entry: ManualEntry, nodes: Sequence[Node]) -> None:
    for node in nodes:
        if _FEATURE.fullmatch(node.text) and node.children:
            entry.features.append(Feature(node.text, node.body(), node.line))
        else:
            entry.prose.append(prose([node]))


def _results(body: Sequence[Block]) -> list[Block]:
    """The blocks that say what is returned: the first paragraph, or the first bullet's."""
    texts = [block for block in body if block.kind == "text"]
    for at, block in enumerate(texts):
        if len(block.text) > 1:
            return texts[at : at + 1]
    return []
