"""Manual pages in roff source, as docutils, Sphinx and Pod::Man write them, to logical blocks.

Reads the small part of man(7) that ``rst2man`` emits: ``.SH``, ``.SS``, ``.TP``, ``.IP``,
``.INDENT`` and ``.UNINDENT`` (its own names for ``.RS`` and ``.RE``), ``.nf`` and ``.EX``, and what
``pod2man`` adds (``.Vb``, ``.ie n``, strings).
Columns are computed as groff computes them, so that a page and its rendering give equal blocks.
It knows no QAPI, and draws no conclusion from any word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Literal

from qmpconf.schema.documents.manual_blocks import BODY, BULLET, SECTION, TAG, Block, Page

#: Named characters, spelled ``\(xx`` or ``\[xx]``.
CHARACTERS = {
    "bu": BULLET,
    "aq": "'",
    "dq": '"',
    "cq": "\u2019",
    "oq": "\u2018",
    "lq": "\u201c",
    "rq": "\u201d",
    "em": "\u2014",
    "en": "\u2013",
    "hy": "-",
    "mi": "-",
    "rs": "\\",
    "ha": "^",
    "ti": "~",
    "ga": "`",
    "at": "@",
    "sh": "#",
    "Do": "$",
    "co": "\u00a9",
    "->": "\u2192",
    "<-": "\u2190",
    "ul": "_",
    "ba": "|",
}

#: Escapes of one character: what they print.  Any other prints its own letter, as in groff.
PRINTED = {"e": "\\", "~": " ", "0": " ", "t": "\t"} | dict.fromkeys("&%:/,)|^c{}", "")

#: Strings that Pod::Man defines, as they print on a terminal: ``\*(XX``.
STRINGS = {"--": "-", "PI": "pi", 'L"': '"', 'R"': '"', "C+": "C++", "Aq": "'"}

_ESCAPE = re.compile(
    r"""\\(?:
      \*(?:\((?P<string>..)|\[[^\]]*\]|.)
    | f(?:\(..|\[[^\]]*\]|.)
    | X(?P<quote>.).*?(?P=quote)
    | s[+-]?\d
    | ".*
    | \((?P<two>..)
    | \[(?P<name>[^\]]*)\]
    | (?P<one>.)
    | $
    )""",
    re.VERBOSE,
)
_REQUEST = re.compile(r"[.'][ \t]*(?P<name>[^\s\\\"]*)[ \t]*(?P<rest>.*)")
_TERMINAL = re.compile(r"n[ \t]+\.IP[ \t]+(?P<rest>\S.*)")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')
#: Half a surrogate pair is no character.
_UNICODE = re.compile(r"u(?![Dd][89A-Fa-f]..\Z)[0-9A-Fa-f]{4,5}")


def unescape(text: str) -> str:
    """`text` with its escapes replaced by what they print (groff(7), "Escapes")."""

    def printed(found: re.Match[str]) -> str:
        if found["string"]:
            return STRINGS.get(found["string"], "")
        named = found["two"] or found["name"]
        if named:
            return (
                chr(int(named[1:], 16)) if _UNICODE.fullmatch(named) else CHARACTERS.get(named, "")
            )
        one = found["one"]
        return PRINTED.get(one, one) if one else ""

    return _ESCAPE.sub(printed, text)


def arguments(text: str) -> list[str]:
    """A macro's arguments, their escapes replaced (groff(7), "Quoting")."""
    return [
        unescape(found[2] if found[1] is None else found[1].replace('""', '"'))
        for found in _ARGUMENT.finditer(text)
    ]


def _columns(text: str, default: float) -> float:
    try:
        found = float(text)
    except ValueError:
        return default
    return default if math.isnan(found) else min(max(found, 0.0), 1000.0)


class _Setter:
    """Where groff would be on the page, and the blocks set so far."""

    def __init__(self) -> None:
        self.name = ""
        self.version = ""
        self.blocks: list[Block] = []
        self._margins = [float(BODY)]
        self._hang = 0.0
        self._words: list[str] = []
        self._literal = False
        self._first = self._last = 0
        self._awaits_tag = False

    def text(self, text: str, line: int) -> None:
        """One line of text, escapes replaced."""
        if not self._words:
            if self._literal and not text.strip():
                return
            self._first = line
        self._last = line
        self._words.append(text)
        if self._awaits_tag and text.strip():
            self._awaits_tag = False
            self._end_tag(float(TAG))

    def pause(self) -> None:
        """The paragraph ends here."""
        text = "\n".join(self._words).rstrip() if self._literal else " ".join(self._words)
        if not self._literal:
            text = " ".join(text.split())
        if text:
            kind: Literal["literal", "text"] = "literal" if self._literal else "text"
            indent = int(self._margins[-1] + self._hang)
            self.blocks.append(Block(kind, indent, text, self._first, self._last))
        self._words = []

    def heading(self, level: str, text: str, line: int) -> None:
        self.pause()
        self._margins, self._hang, self._awaits_tag = [float(BODY)], 0.0, False
        words = " ".join(text.split())
        if level == "SH":
            self.blocks.append(Block("chapter", 0, words, line, line))
        else:
            self.blocks.append(Block("section", SECTION, words, line, line))

    def tag(self) -> None:
        """The next line of text is a tag."""
        self.pause()
        self._hang = 0.0
        self._awaits_tag = True

    def item(self, text: str, width: float, line: int) -> None:
        """A tag that is given at once, with the width of what hangs behind it."""
        self.tag()
        self._awaits_tag = False
        if text:
            self.text(text, line)
        self._end_tag(width)

    def _end_tag(self, width: float) -> None:
        self.pause()
        self._hang = width

    def indent(self, width: float) -> None:
        self.pause()
        self._margins.append(self._margins[-1] + width)
        self._hang = 0.0

    def outdent(self) -> None:
        self.pause()
        if len(self._margins) > 1:
            self._margins.pop()
        self._hang = 0.0

    def unindent(self) -> None:
        """As `outdent`, but text goes on in the column of what was closed: so rst2man wrote it."""
        closed = self._margins[-1]
        self.outdent()
        self._hang = closed - self._margins[-1]

    def paragraph(self) -> None:
        self.pause()
        self._hang = 0.0

    def begin_literal(self) -> None:
        self.pause()
        self._literal = True

    def end_literal(self) -> None:
        self.pause()
        self._literal = False

    def request(self, name: str, rest: str, line: int) -> None:
        """Obey a request; those that only change how things look are passed over."""
        if name in {"SH", "SS"}:
            self.heading(name, unescape(rest).strip('"'), line)
        elif name == "ie" and (plain := _TERMINAL.match(rest)):
            words = arguments(plain["rest"])  # what a terminal gets; .el is for print
            self.item(words[0], _columns(words[1] if len(words) > 1 else "", TAG), line)
        elif name in {"B", "I", "R", "BR", "IR", "BI"}:
            self.text(unescape(rest), line)
        elif name == "IP":
            words = arguments(rest)
            width = _columns(words[1], TAG) if len(words) > 1 else float(TAG)
            self.item(words[0] if words else "", width, line)
        elif name in {"INDENT", "RS"}:
            self.indent(_columns(rest.strip(), TAG))
        elif name == "TH":
            words = arguments(rest)
            self.name = words[0].lower() if words else ""
            self.version = words[3] if len(words) > 3 else ""
        else:
            _PLAIN.get(name, _Setter.ignore)(self)

    def ignore(self) -> None:
        """A request without a bearing on the words."""


#: Requests that need no arguments.
_PLAIN: dict[str, Callable[[_Setter], None]] = {
    "TP": _Setter.tag,
    "UNINDENT": _Setter.unindent,
    "RE": _Setter.outdent,
    "sp": _Setter.pause,
    "br": _Setter.pause,
    "PP": _Setter.paragraph,
    "P": _Setter.paragraph,
    "LP": _Setter.paragraph,
    "nf": _Setter.begin_literal,
    "EX": _Setter.begin_literal,
    "fi": _Setter.end_literal,
    "EE": _Setter.end_literal,
    "Vb": _Setter.begin_literal,
    "Ve": _Setter.end_literal,
    "Sp": _Setter.pause,
}


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; macro definitions and tables, which set no prose, left out."""
    closing = ""
    for number, line in enumerate(text.splitlines(), 1):
        found = _REQUEST.match(line)
        name = found["name"] if found else ""
        if closing:
            closing = "" if line.startswith(closing) else closing
        elif name in {"de", "de1", "am", "ig"}:
            closing = ".."
        elif name == "TS":
            closing = ".TE"
        else:
            yield number, line


def read_roff(text: str) -> Page:
    """The logical blocks of roff source.

    Any text gives a page: what is not a request is words.
    """
    setter = _Setter()
    for number, line in _statements(text):
        found = _REQUEST.match(line)
        if found:
            setter.request(found["name"], found["rest"], number)
        elif line.strip() or not line:
            setter.text(unescape(line), number)
    setter.pause()
    return Page(setter.name, setter.version, tuple(setter.blocks))
