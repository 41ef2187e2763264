"""The layout of 10 and later: a definition for each entry, and bullets for its parts.

``Command NAME (Since: VERSION)`` is a tag; ``Arguments``, ``Members``, ``Values``, ``Features``,
``Return`` and others are tags below it, with a bullet for each part::

    Object SocketAddress (Since: 2.9)
        Members
            • type (SocketAddressType) -- Transport type
            • When type is inet: The members of InetSocketAddress.

Sphinx's writer of manual pages loses a line behind ``Availability``: the ``.INDENT`` that should
follow stands in the words, and what is below it stands too far left.  It still belongs to the
entry before it; the place is reported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

from qmpconf.schema.documents.manual_blocks import BULLET, Block, Node, prose, tree
from qmpconf.schema.documents.manual_entries import (
    BECOMES,
    KINDS,
    NAME,
    VERSION,
    Entries,
    Feature,
    Kind,
    ManualEntry,
    Part,
)

PARTS = {"Arguments", "Members", "Values", "Alternatives"}
LABELS = PARTS | {"Features", "Return", "Errors"}

_TYPE = rf"\[*{NAME}\]*"
_ENTRY = re.compile(
    rf"(?P<kind>{KINDS}) (?P<name>{NAME})(?: \(Since: (?P<since>{VERSION})(?:[;,] [^()]*)?\))?"
)
_SHORT = re.compile(rf"(?P<heading>{_ENTRY.pattern})(?: (?P<rest>.*))?$")
_AVAILABILITY = re.compile(
    r"(?:This \w+ is [\w/]+\.\s*)*Availability: (?P<condition>.+?)(?P<glued>\.INDENT [\d.]+)?"
)
_GLUED = re.compile(r"\.INDENT [\d.]+$")
_PART = re.compile(
    rf"(?:When (?P<tag>{NAME}) is (?P<case>\S+): )?[Tt]he members of (?P<base>{NAME}?)\.?"
    rf"|(?P<name>{NAME})(?: \((?P<type>{_TYPE})(?P<optional>, optional)?\))?(?: --(?: (?P<text>.*))?)?"
)
_FEATURE = re.compile(rf"(?P<name>{NAME})(?: --(?: (?P<text>.*))?)?")
_RETURN = re.compile(rf"(?P<type>{_TYPE})(?: --(?: .*)?)?")


def is_definitions(blocks: Sequence[Block]) -> bool:
    """Whether the blocks have this layout."""
    return any(block.kind == "text" and _ENTRY.fullmatch(block.text) for block in blocks)


def read_definitions(blocks: Sequence[Block]) -> Entries:
    """The entries of a manual page in the layout of 10 and later."""
    found = Entries()
    body: list[Block] = []
    for block in blocks:
        if block.kind in {"chapter", "section"}:
            _chapter(body, found)
            body = []
            found.heading(block, "prose")
        else:
            body.append(block)
    _chapter(body, found)
    return found


def _chapter(body: Sequence[Block], found: Entries) -> None:
    entry: ManualEntry | None = None
    open_list = False
    for node in map(_whole, tree(body)):
        heading = _ENTRY.fullmatch(node.text) if node.block.kind == "text" else None
        if heading:
            kind: Kind = next(one for one in get_args(Kind) if one == heading["kind"])
            entry = ManualEntry(kind, heading["name"], node.line, since=heading["since"] or "")
            found.entries.append(entry)
            found.heading(node.block, f"{BECOMES[kind]} {entry.name}")
            below = node.children
        else:
            below = [node]
        for child in below:
            if entry:
                open_list = _part_of_entry(entry, child, found, open_list)


def _whole(node: Node) -> Node:
    """An entry's node, put together again where its kind was taken for a short tag.

    ``Object NAME`` in a narrow page looks like the tag ``Object`` with its text.
    """
    if not (node.text in BECOMES and node.children and node.children[0].block.kind == "text"):
        return node
    first = node.children[0].block
    found = _SHORT.match(f"{node.text} {first.text}")
    if not found:
        return node
    children = node.children[1:]
    if found["rest"]:
        rest = Block("text", first.indent, found["rest"], first.line, first.last)
        children = [Node(rest, node.children[0].children), *children]
    block = Block("text", node.block.indent, found["heading"], node.line, first.last)
    return Node(block, children)


def _part_of_entry(entry: ManualEntry, node: Node, found: Entries, open_list: bool) -> bool:
    """Read one node below an entry.

    `open_list`: a list of parts was torn apart before the node, whose bullets still belong to it.
    Gives the same for the next node.
    """
    entry.blocks += [below.block for below in node.walk()]
    available = _AVAILABILITY.fullmatch(node.text)
    if node.text in PARTS:
        entry.prose += [prose([child]) for child in node.children if child.text != BULLET]
        return _parts(entry, _bullets(node.children), found)
    if node.text == BULLET and open_list:
        _parts(entry, _bullets([node]), found)
        return True
    if node.text == "Features":
        entry.prose += [prose([child]) for child in node.children if child.text != BULLET]
        _features(entry, node, found)
    elif node.text == "Return" and node.children:
        _returns(entry, node.children[0].block)
    elif node.block.cut and node.text.startswith("Return "):
        block = node.block.split()[-1]
        if not _returns(entry, block):
            entry.prose.append(prose([node]))
    elif available:
        entry.condition = available["condition"]
        if available["glued"]:
            _report_glue(entry, node, found)
        entry.prose.append(node.body())
    elif node.text != "Errors":
        entry.prose.append(prose([node]))
    return False


def _report_glue(entry: ManualEntry, node: Node, found: Entries) -> None:
    found.finding(
        "document.heading.glued",
        node.line,
        entry.name,
        "the request that should indent what follows stands in the words before it",
        seen=node.text,
    )


def _returns(entry: ManualEntry, block: Block) -> bool:
    found = _RETURN.fullmatch(block.text)
    if found:
        entry.returns, entry.returns_line, entry.stated = found["type"], block.line, True
    return bool(found)


def _bullets(nodes: Sequence[Node]) -> list[list[Node]]:
    """What stands behind each bullet of `nodes`."""
    return [node.children for node in nodes if node.text == BULLET and node.children]


def _parts(entry: ManualEntry, bullets: Sequence[Sequence[Node]], found: Entries) -> bool:
    """Read the parts of an entry; tells whether their list was torn apart, and may go on."""
    torn = glued = False
    for nodes in bullets:
        first = nodes[0]
        part = _PART.fullmatch(first.text)
        if part and part["name"] and not part["type"] and entry.kind != "Enum":
            part = None
        if not part and glued:
            entry.prose.append(prose(nodes))  # a list below the part before, shown beside it
            continue
        if not part:
            found.finding(
                "document.member.unreadable",
                first.line,
                entry.name,
                "is not a member, value or reference to members",
                seen=first.text,
            )
            continue
        text = " ".join([part["text"] or "", first.body(), prose(nodes[1:])]).strip()
        glued = bool(_GLUED.search(text))
        if glued:
            torn = True
            _report_glue(entry, first, found)
        entry.parts.append(
            Part(
                first.line,
                name=part["name"] or "",
                type=part["base"] or part["type"] or "",
                optional=bool(part["optional"]),
                tag=part["tag"] or "",
                case=part["case"] or "",
                text=text,
            )
        )
    return torn


def _features(entry: ManualEntry, node: Node, found: Entries) -> None:
    for nodes in _bullets(node.children):
        first = nodes[0]
        feature = _FEATURE.fullmatch(first.text)
        if feature:
            text = " ".join([feature["text"] or "", first.body(), prose(nodes[1:])]).strip()
            entry.features.append(Feature(feature["name"], text, first.line))
        else:
            found.finding(
                "document.feature.unreadable",
                first.line,
                entry.name,
                "is not a feature",
                seen=first.text,
            )
