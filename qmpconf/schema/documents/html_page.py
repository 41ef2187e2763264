"""Manuals as HTML, by Texinfo's makeinfo or by Sphinx, to logical blocks.

What a browser would indent stands further right; a definition list's term is a tag, its description what
hangs behind it.  Navigation, indexes and what else a theme puts around the text is left out: only what is
in a heading, a paragraph, a list or literal text counts.

Entries become blocks of the layouts that the other forms have: ``-- Kind: NAME`` (makeinfo), ``NAME
(Kind)`` (Sphinx up to 9.x, a heading), ``Kind NAME (Since: X)`` (Sphinx since 10).  Draws no conclusion
from any other word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser

from qmpconf.schema.documents.manual_blocks import BODY, BULLET, SECTION, TAG, Block, Page
from qmpconf.schema.documents.manual_entries import KINDS, NAME

#: Labels of the layout since 10, which HTML writes with a colon.
LABELS = {"Arguments", "Members", "Values", "Alternatives", "Features", "Return", "Errors"}

_MARKUP = re.compile(r"<(?:html|!doctype html|body|section|h[1-6]|dl)\b", re.IGNORECASE)
_ENTRY = re.compile(
    rf">(?:{KINDS})(?:\s|&#160;)*<|\((?:{KINDS})\)|(?:{KINDS}):(?:\s|</\w+>|<\w+[^>]*>)*{NAME}"
)
_HEADING = re.compile(r"h([1-6])")
_ENTRY_HEADING = re.compile(rf"{NAME} \((?:{KINDS})\)")
_TERM = re.compile(rf"(?:{KINDS}): {NAME}")
_VERSION = re.compile(
    r"\bQEMU (?P<version>\d+\.\d+(?:\.\d+)*\S*) documentation|\b[Vv]ersion (?P<other>\d+\.\d+\S*)"
)
#: What has no words of the document in it.
_SKIPPED = {"table", "script", "style", "nav", "head", "footer", "form", "button"}
#: What a page's maker made of quotes and dashes, and the sign of a link to a heading.
_PLAIN = str.maketrans(
    {
        "\u2013": "--",
        "\u2014": "---",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u00b6": " ",
    }
)
#: Elements without an end.
_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "param", "wbr"}
_CLASSES = {
    "headerlink",
    "copiable-anchor",
    "copiable-link",
    "viewcode-link",
    "related",
    "sphinxsidebar",
}
#: Elements whose text is a block of its own.
_TEXT = {"p", "dt", "h1", "h2", "h3", "h4", "h5", "h6"}
#: Elements whose text stands further right, and all that end a text.
_DEEPER = {"dd", "li", "blockquote"}
_BLOCKS = _DEEPER | {"pre", "dl", "ul", "ol", "div", "section"}
_ENOUGH = 3
#: Elements that end others of their kind, and the lists in which they do.
_ENDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dt": (("dt", "dd"), ("dl",)),
    "dd": (("dt", "dd"), ("dl",)),
    "li": (("li",), ("ul", "ol")),
}
#: No page is deeper.
_DEEPEST = 60


def is_html(text: str) -> bool:
    """Whether `text` is HTML that describes commands, events or types."""
    return bool(_MARKUP.search(text[:5000])) and len(_ENTRY.findall(text)) >= _ENOUGH


def read_html(text: str) -> Page:
    """The logical blocks of a page of HTML.  Any text gives a page."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.pause()
    version = _VERSION.search(f"{reader.title} ")
    told = (version["version"] or version["other"]) if version else ""
    title = re.split(r" [\u2014\u2013|-] |\n", reader.title)[0].strip()
    return Page(title, told, tuple(_levelled(reader.blocks)))


class _Reader(HTMLParser):
    """Reads elements, and collects blocks; `title` is the page's."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.title = ""
        self._open: list[tuple[str, bool]] = []
        self._skipped = 0
        self._words: list[str] = []
        self._kind = ""
        self._first = 0
        self._indent = BODY
        self._columns: list[int] = []
        self._in_title = False
        #: The description that follows is an entry's, which stands where its heading does.
        self._defined = False

    # ── elements ────────────────────────────────────────────────────────────────────────────

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """An element begins."""
        told = {name: value or "" for name, value in attrs}
        classes = set(told.get("class", "").split())
        self._in_title = self._in_title or tag == "title"
        if tag in _VOID:
            if tag == "br" and self._kind == "pre":
                self._words.append("\n")
            return
        self._imply_ends(tag)
        skips = tag in _SKIPPED or bool(classes & _CLASSES) or told.get("role") == "navigation"
        self._open.append((tag, skips))
        self._skipped += skips
        if self._skipped:
            return
        if tag in _TEXT or tag in _BLOCKS:
            self.pause()
        if tag in _DEEPER:
            self._columns.append(self._indent)
            if tag == "li":
                line = self.getpos()[0]
                self.blocks.append(Block("text", self._indent, BULLET, line, line))
            if not self._defined and len(self._columns) < _DEEPEST:
                self._indent += TAG
            self._defined = False
        if tag in _TEXT or tag == "pre":
            self._kind = tag

    def _imply_ends(self, tag: str) -> None:
        """End what the element that begins ends, where the page leaves that out (HTML, "Optional tags")."""
        if self._open and self._open[-1][0] == "p" and (tag in _TEXT or tag in _BLOCKS):
            self.handle_endtag("p")
        ends, within = _ENDS.get(tag, ((), ()))
        for name, _ in reversed(self._open[-_DEEPEST:]):
            if name in within:
                break
            if name in ends:
                self.handle_endtag(name)
                break

    def handle_endtag(self, tag: str) -> None:
        """An element ends, and with it those inside that nobody closed."""
        if tag == "title":
            self._in_title = False
        if not any(name == tag for name, _ in self._open[-_DEEPEST:]):
            return
        while self._open:
            name, skips = self._open.pop()
            self._skipped -= skips
            if not self._skipped and not skips:
                self._ended(name)
            if name == tag:
                break

    def _ended(self, name: str) -> None:
        if name in _TEXT or name in _BLOCKS:
            self.pause()
        if name in _DEEPER and self._columns:
            self._indent = self._columns.pop()

    def handle_data(self, data: str) -> None:
        """Text of an element."""
        if self._in_title:
            self.title += data
        if self._skipped or not (data.strip() or self._words):
            return
        if not self._words:
            lead = data[: len(data) - len(data.lstrip())] if self._kind != "pre" else ""
            self._first = self.getpos()[0] + lead.count("\n")
        self._words.append(data)

    # ── blocks ──────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """The text of a block ends here."""
        words, self._words = "".join(self._words), []
        kind, self._kind = self._kind, ""
        if not words.strip():
            return
        last = self.getpos()[0]
        if kind == "pre":
            lead = len(words) - len(words.lstrip("\n"))
            text = words.strip("\n")
            self.blocks.append(Block("literal", self._indent, text, self._first + lead, last))
            return
        text = " ".join(words.translate(_PLAIN).split())
        level = _HEADING.fullmatch(kind)
        if level:
            self.blocks.append(Block("section", int(level[1]), text, self._first, last))
            return
        if kind == "dt" and _TERM.fullmatch(text):
            text, self._defined = f"-- {text}", True
        elif kind == "dt":
            text = text.removesuffix(":") if text[:-1] in LABELS else text
        self.blocks.append(Block("text", self._indent, text, self._first, last))


def _levelled(blocks: Sequence[Block]) -> list[Block]:
    """Headings as a manual page has them: chapters, and sections of entries.

    A heading that stands deeper than that of the entry before it is the entry's; `indent` of headings has
    been their level.
    """
    found: list[Block] = []
    entry = 0
    for block in blocks:
        if block.kind != "section":
            found.append(block)
            continue
        if _ENTRY_HEADING.fullmatch(block.text):
            entry = block.indent
            kept = True
        else:
            kept = bool(entry) and block.indent > entry
            entry = entry if kept else 0
        found.append(
            Block("section", SECTION, block.text, block.line, block.last)
            if kept
            else Block("chapter", 0, block.text, block.line, block.last)
        )
    return found
