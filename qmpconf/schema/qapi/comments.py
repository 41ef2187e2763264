"""The documentation comments of QAPI source (docs/devel/qapi-code-gen, "Documentation comments").

A comment that begins with ``@NAME:`` documents the definition behind it: text, a description of each
member, ``Features:``, and tagged sections (``Returns:``, ``Errors:``, ``Since:``, ``TODO:``).  Any other
one is free-form.  The rules are those of QEMU 10; source of releases that had others, or none, is read as
far as it can be (`Dialect.documents`).

Gives the parts of a comment with their lines; knows no file, and not what is documented.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal, NamedTuple

from qmpconf.schema.qapi.dialect import Dialect
from qmpconf.schema.qapi.places import Place, SourceError
from qmpconf.schema.qapi.values import Tokens

Kind = Literal["text", "member", "feature", "tagged"]

#: Sections of which there may be one alone.
_ONCE = frozenset({"Returns", "Errors", "Since"})
#: Sections that QEMU 10.0 no longer has: plain text takes their place.
_GONE = frozenset({"Note", "Notes", "Example", "Examples"})

_NAMED = re.compile(r"@([^:]*): *")
_TAGGED = re.compile(r"(Returns|Errors|Since|Notes?|Examples?|TODO)(?!::): *")
_SYMBOL = re.compile(r"@([\w.-]+)\s*:?\s*$")
#: A name that is described, in releases up to 8.2.
_SPACELESS = re.compile(r"@(\S*):(?:\s+|$)")
#: The same in source of early releases, where nothing asks for the colon.
_LOOSELY = re.compile(r"@([\w.*-]+)(?::[ \t]*|\s*$)")
_SINCE = re.compile(r"Since:? +(?=\d)")
_MARK = "##"


class Line(NamedTuple):
    """A line of a comment, without what makes it one."""

    text: str
    place: Place


@dataclass(slots=True)
class Section:
    """One part of a comment; `name` is the member's, the feature's or the tag."""

    kind: Kind
    name: str
    place: Place
    lines: list[Line] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its text, without the indentation that its lines have in common."""
        texts = [one.text for one in self.lines]
        if self.kind == "text" or not texts or not texts[0].strip():
            return dedent("\n".join(texts)).strip("\n")
        # The first line stands behind the name, and has no indentation to go by.
        return f"{texts[0].strip()}\n{dedent(chr(10).join(texts[1:]))}".strip("\n")

    @property
    def titled(self) -> str:
        """The same behind its name; below it, where it begins on a line of its own."""
        begins = next((one.place.line for one in self.lines if one.text.strip()), 0)
        return f"{self.name}:{' ' if begins == self.place.line else chr(10)}{self.text}"


@dataclass(slots=True)
class Comment:
    """A comment; `symbol` is what it documents, empty for a free-form one."""

    symbol: str
    place: Place
    lines: list[Line]
    sections: list[Section] = field(default_factory=list)

    def of(self, kind: Kind, name: str = "") -> list[Section]:
        """The parts of one kind, in the order of the comment; those of one name, if it is given."""
        return [one for one in self.sections if one.kind == kind and name in {"", one.name}]

    def place_of(self, section: Section, dialect: Dialect) -> Place:
        """Where an error about a section stands: early parsers reported the comment's first line."""
        return section.place if dialect.described else self.place

    def described(self, kind: Kind, name: str) -> str:
        """What the comment says about a member, a feature or under a tag; perhaps nothing."""
        return "\n\n".join(one.text for one in self.of(kind, name))


def read_comment(tokens: Tokens, dialect: Dialect) -> Comment:
    """The comment whose first line is the token at hand; the token behind it is at hand then.

    Raises `SourceError` for what breaks the rules of the dialect.
    """
    place, strict = tokens.place(), dialect.documents
    if strict and tokens.token.value != _MARK:
        raise tokens.fail(f"a documentation comment begins with a line of {_MARK!r} alone")
    lines = _lines(tokens, strict=strict)
    named = _symbol(lines, strict=strict)
    if named is None:
        comment = Comment("", place, lines, [Section("text", "", place, lines)])
        if strict:
            _free_form(lines, headings=dialect.sections)
        return comment
    comment = Comment(named, place, lines)
    if dialect.sections:
        _Strictly(comment).read(lines[1:])
    else:
        _Loosely(comment, dialect).read(lines[1:])
    return comment


def _lines(tokens: Tokens, *, strict: bool) -> list[Line]:
    """The lines up to the closing one, which is passed over."""
    lines: list[Line] = []
    while True:
        tokens.spend()
        kind, value, _ = tokens.advance(comments=True)
        text, place = str(value), tokens.place()
        if kind != "#":
            if strict:
                raise tokens.fail(f"a documentation comment ends with a line of {_MARK!r} alone")
            return lines
        if text.startswith(_MARK) and (strict or text.strip("# ") == ""):
            if strict and text != _MARK:
                raise tokens.fail(f"behind the closing {_MARK!r} of a comment stands nothing else")
            tokens.advance()
            return lines
        if strict and text[1:2] not in {"", " "}:
            raise tokens.fail("in a documentation comment a space follows '#'")
        lines.append(Line(text[1:].removeprefix(" ").rstrip(), place))


def _symbol(lines: list[Line], *, strict: bool) -> str | None:
    """What the comment is about; None for a free-form one."""
    first = lines[0] if lines else None
    if first is None or not first.text.startswith("@"):
        return None
    if not strict:
        found = _SYMBOL.match(first.text)
        return found[1] if found else None
    if not first.text.endswith(":"):
        raise SourceError(first.place, "the line that names what is documented ends with ':'")
    if first.text == "@:":
        raise SourceError(first.place, "behind '@' the name of what is documented is missing")
    return first.text[1:-1]


def _free_form(lines: list[Line], *, headings: bool) -> None:
    for number, line in enumerate(lines):
        found = _NAMED.match(line.text)
        if found:
            what = f"'@{found[1]}:' can only stand in the documentation of a definition"
            raise SourceError(line.place, what)
        if headings and number and line.text.startswith("="):
            raise SourceError(line.place, "a heading ('=') can only be a comment's first line")


class _Strictly:
    """Reads the lines of one definition's comment, and raises an error where a rule is broken."""

    def __init__(self, comment: Comment) -> None:
        self._sections = comment.sections
        self._lines: list[Line] = []
        self._at = 0
        self._end = comment.place

    def read(self, lines: list[Line]) -> None:
        self._lines = lines
        described = False
        while (line := self._skip_blank()) is not None:
            named, tagged = _NAMED.match(line.text), _TAGGED.match(line.text)
            if line.text == "Features:":
                self._features(line)
            elif named:
                if described:
                    what = f"the description of '@{named[1]}' stands behind another section"
                    raise SourceError(line.place, what)
                self._named("member")
            elif tagged:
                self._tagged(line, tagged)
            elif line.text.startswith("="):
                what = "a heading ('=') cannot stand in the documentation of a definition"
                raise SourceError(line.place, what)
            else:
                self._paragraph(line)
                continue
            described = True
        for one in self._sections:
            if one.kind != "text" and not one.text.strip():
                what = f"behind '{'@' if one.kind != 'tagged' else ''}{one.name}:' text is missing"
                raise SourceError(one.place, what)

    def _line(self) -> Line | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def _skip_blank(self) -> Line | None:
        while (line := self._line()) is not None and not line.text:
            self._at += 1
        return line

    def _begin(self, kind: Kind, name: str, line: Line, text: str) -> Section:
        section = Section(kind, name, line.place, [Line(text, line.place)] if text else [])
        self._sections.append(section)
        self._at += 1
        return section

    def _features(self, line: Line) -> None:
        if any(one.kind == "feature" for one in self._sections):
            raise SourceError(line.place, "'Features:' stands here for the second time")
        self._at += 1
        if not self._skip_blank() or not self._named("feature"):
            behind = self._line()
            where = (
                behind.place
                if behind
                else Place(line.place.file, self._lines[-1].place.line + 1, 1, line.place.included)
            )
            raise SourceError(where, "behind 'Features:' their descriptions are missing")

    def _named(self, kind: Kind) -> bool:
        """All descriptions of one kind that follow each other; whether there is any."""
        some = False
        while (line := self._line()) is not None and (found := _NAMED.match(line.text)):
            name = found[1]
            if not name:
                raise SourceError(line.place, "behind '@' the name is missing")
            if any(one.kind == kind and one.name == name for one in self._sections):
                raise SourceError(line.place, f"'@{name}' is described twice")
            self._indented(self._begin(kind, name, line, line.text[found.end() :]))
            some = True
        return some

    def _tagged(self, line: Line, found: re.Match[str]) -> None:
        tag = found[1]
        if tag in _GONE:
            what = f"'{tag}:' is no longer a section; reStructuredText has directives for it"
            raise SourceError(line.place, what)
        if tag in _ONCE and any(one.name == tag and one.kind == "tagged" for one in self._sections):
            raise SourceError(line.place, f"'{tag}:' stands here for the second time")
        self._indented(self._begin("tagged", tag, line, line.text[found.end() :]))

    def _indented(self, section: Section) -> None:
        """The lines that belong to a section because they stand indented below its first one."""
        blank = self._at
        first = self._skip_blank()
        if first is None or not first.text.startswith((" ", "\t")):
            return
        indent = _indent(first.text)
        section.lines += self._lines[blank : self._at + 1]
        self._at += 1
        begun = self._at
        while (line := self._line()) is not None and not _NAMED.match(line.text):
            if line.text and _indent(line.text) < indent:
                # As in QEMU, a later line may simply end the section.
                if self._at > begun:
                    return
                what = f"is indented less than the line above it ({indent} columns)"
                raise SourceError(line.place, what)
            section.lines.append(line)
            self._at += 1

    def _paragraph(self, line: Line) -> None:
        if not self._sections or self._sections[-1].kind != "text":
            self._sections.append(Section("text", "", line.place))
        section = self._sections[-1]
        section.lines += [Line("", line.place)] if section.lines else []
        while (line_ := self._line()) is not None and line_.text:
            section.lines.append(line_)
            self._at += 1


class _Loosely:
    """The same for releases with other rules of sections, or none: only what is there twice is wrong."""

    def __init__(self, comment: Comment, dialect: Dialect) -> None:
        self._sections = comment.sections
        self._strict = dialect.documents
        self._name = _NAMED if dialect.described else _SPACELESS if self._strict else _LOOSELY

    def read(self, lines: list[Line]) -> None:
        kind: Kind = "member"
        section: Section | None = None
        blank = False
        for line in lines:
            named = self._name.match(line.text)
            tagged = _TAGGED.match(line.text) or _SINCE.match(line.text)
            if line.text.rstrip() == "Features:":
                kind, section = "feature", None
            elif named:
                section = Section(kind, named[1], line.place)
                self._add(section, line, named.end())
            elif tagged:
                kind = "member"
                tag = tagged[1] if tagged.re is _TAGGED else "Since"
                section = Section("tagged", tag, line.place)
                self._add(section, line, tagged.end())
            else:
                outside = section is None or section.kind != "text"
                if (
                    outside
                    and line.text
                    and not line.text.startswith(" ")
                    and (blank or not section)
                ):
                    section = Section("text", "", line.place)
                    self._sections.append(section)
                if section is not None:
                    section.lines.append(line)
            blank = not line.text

    def _add(self, section: Section, line: Line, at: int) -> None:
        if self._strict:
            self._once(section)
        section.lines.append(Line(line.text[at:], line.place))
        self._sections.append(section)

    def _once(self, section: Section) -> None:
        name = section.name
        if section.kind != "tagged" and not name:
            raise SourceError(section.place, "behind '@' the name is missing")
        known = any(one.kind == section.kind and one.name == name for one in self._sections)
        if known and (section.kind != "tagged" or name in _ONCE):
            raise SourceError(section.place, f"{name!r} stands here for the second time")


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
