"""The layout of 2.9 to 5.1, which came from Texinfo: definitions, and labels at the head of paragraphs.

An entry begins with ``-- Kind: NAME`` (makeinfo's text, Info and HTML) or ``NAME (Kind)`` (texi2pod's
manual page, which can go on with the entry's first sentence in the same paragraph)::

     -- Object: UuidInfo

         Guest UUID information.

         Members:
         'UUID: string'
             the UUID of the guest

         Since: 0.14.0

Names, types and values are in quotes, whichever the device has.  What is here is the same that the
layout of 4.x to 9.x says in headings, so blocks of the one are made into blocks of the other, and
`qmpconf.schema.documents.manual_sections` reads those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qmpconf.schema.documents.manual_blocks import BODY, SECTION, TAG, Block
from qmpconf.schema.documents.manual_entries import KINDS, NAME
from qmpconf.schema.documents.manual_sections import LABELS, PROSE_LABELS

_Q = r"[\"'`\u2018\u2019\u201c\u201d]"
_ENTRY = re.compile(
    rf"(?:-- (?P<kind>{KINDS}): (?P<name>{NAME})|(?P<named>{NAME}) \((?P<of>{KINDS})\))(?: (?P<rest>.+))?"
)
_DEFINITION = re.compile(rf"-- (?:{KINDS}): {NAME}")
_LABELS = "|".join(sorted((LABELS | PROSE_LABELS) - {"Alternatives"}))
_LABEL = re.compile(rf"(?P<label>{_LABELS}):(?: (?P<rest>.+))?", re.DOTALL)
_QUOTED = re.compile(
    rf"{_Q}(?P<name>{NAME}(?:: [^\"'`\u2018\u2019\u201c\u201d]+)?){_Q}(?P<rest>.*)"
)
_SENTENCE = re.compile(r"(?:One|[Tt]he members) of ")
_COMMON = re.compile(rf"[Tt]he members of {_Q}?{NAME}")
#: A tag so short that a man page has its text on the same line.
_SHORT = re.compile(rf"(?:(?P<number>\d{{1,3}})|{_Q}(?P<tag>\w){_Q}) (?P<text>\S.*)")
#: Where the next tag begins that a page ran together with a long one before it.
_NEXT = re.compile(rf" (?={_Q}{NAME}: |The members of {_Q})")
_IF = re.compile(rf"(?P<text>.*?)\s*\bIf: {_Q}?(?P<condition>.+?){_Q}?")
#: Labels below which a quoted name is a member, a value or a feature.
_LISTS = {"Arguments", "Members", "Values", "Features"}


def is_texi(blocks: Sequence[Block]) -> bool:
    """Whether the blocks have this layout."""
    labelled = any(block.kind == "text" and _LABEL.fullmatch(block.text) for block in blocks)
    return labelled and any(
        block.kind == "text" and block.indent <= BODY and _ENTRY.fullmatch(block.text)
        for block in blocks
    )


def as_sections(blocks: Sequence[Block]) -> list[Block]:
    """The same in the layout of 4.x to 9.x: a section for each entry, and one for each label."""
    defined = any(block.kind == "text" and _DEFINITION.fullmatch(block.text) for block in blocks)
    reader = _Reader(defined=defined)
    for block in blocks:
        reader.block(block)
    return list(reader.finish())


class _Reader:
    """Reads blocks from the top to the bottom.

    `defined`: entries are definitions (``-- Kind: NAME``), so that ``NAME (Kind)`` is prose.
    """

    def __init__(self, *, defined: bool) -> None:
        self._defined = defined
        self._label = ""
        self._inside = False
        self._blocks: list[Block] = []

    def block(self, block: Block) -> None:
        """Take one block."""
        if block.kind in {"chapter", "section"}:
            self._inside = False
            self._blocks.append(Block("chapter", 0, block.text, block.line, block.last))
        elif block.kind == "literal" or block.indent > BODY or not self._heads(block):
            self._blocks.append(block)

    def _heads(self, block: Block) -> bool:
        """Whether the block begins an entry, a label or an item; it is taken if so."""
        entry = _ENTRY.fullmatch(block.text)
        if entry and bool(entry["kind"]) == self._defined:
            name, kind = entry["name"] or entry["named"], entry["kind"] or entry["of"]
            self._inside, self._label = True, ""
            self._section(f"{name} ({kind})", block)
            self._text(entry["rest"], block)
            return True
        if not self._inside:
            return False
        label = _LABEL.fullmatch(block.text)
        if label:
            self._label = label["label"]
            self._section(self._label, block)
            text = label["rest"]
            if text and _COMMON.match(text):
                text = bare(text)
            elif text and self._label == "If":
                text = text.strip("\"'`\u2018\u2019\u201c\u201d")
            self._text(text, block)
            return True
        return self._label in _LISTS and self._item(block)

    def _item(self, block: Block) -> bool:
        short = _SHORT.fullmatch(block.text) if self._label == "Values" else None
        if short:
            self._text(short["number"] or short["tag"], block)
            self._blocks.append(Block("text", BODY + TAG, short["text"], block.line, block.last))
            return True
        tags = _NEXT.split(block.text)
        together = len(tags) > 1 and all(bare(one) != one for one in tags)
        for one in tags if together else [block.text]:
            self._text(bare(one), block)
        return True

    def _section(self, text: str, block: Block) -> None:
        self._blocks.append(Block("section", SECTION, text, block.line, block.last))

    def _text(self, text: str | None, block: Block) -> None:
        if text:
            self._blocks.append(Block("text", BODY, text, block.line, block.last))

    def finish(self) -> Iterator[Block]:
        """The blocks, with what stands below a tag in it: its condition, and its values."""
        waiting: Block | None = None
        for block in self._blocks:
            if waiting and block.kind == "text" and block.indent > BODY:
                text = unquoted(block.text) if block.text.startswith("One of ") else block.text
                found = _IF.fullmatch(text)
                if found:
                    text = found["text"]
                    tag = f"{waiting.text} (If: {found['condition']})"
                    waiting = Block("text", BODY, tag, waiting.line, waiting.last)
                yield waiting
                if text:
                    yield Block("text", BODY + TAG, text, block.line, block.last)
                waiting = None
                continue
            if waiting:
                yield waiting
                waiting = None
            if block.kind == "text" and block.indent == BODY:
                waiting = block
            else:
                yield block
        if waiting:
            yield waiting


def unquoted(text: str) -> str:
    """`text` without the quotes around its words."""
    return re.sub(rf"{_Q}([^\s\"'`\u2018\u2019\u201c\u201d]*){_Q}", r"\1", text)


def bare(text: str) -> str:
    """A tag as `qmpconf.schema.documents.manual_entries.part_of` reads it.

    ``'device: string' (optional)`` has quotes around the name and its type, and ``The members of 'X' when
    'driver' is "raw"`` around each name; only those around the value stay.
    """
    found = _QUOTED.fullmatch(text)
    if found:
        text = f"{found['name']}{found['rest']}"
    elif not _SENTENCE.match(text):
        return text
    text = re.sub(rf"\(If: {_Q}(.*){_Q}\)", r"(If: \1)", text)
    head, when, tail = text.partition(" when ")
    if not when:
        return unquoted(head)
    case = re.fullmatch(rf"{_Q}?({NAME}){_Q}? is {_Q}{{1,2}}(.*?){_Q}{{1,2}}( .*|)", tail)
    if not case:
        return unquoted(text)
    return f'{unquoted(head)} when {case[1]} is "{case[2]}"{case[3]}'
