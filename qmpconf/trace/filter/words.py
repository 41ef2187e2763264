"""The text of a filter in pieces, and the error that points at the place where it is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from qmpconf.errors import UsageError
from qmpconf.text import printable

#: Characters of the text that are shown before and behind the place where it is wrong.
_BEFORE, _BEHIND = 60, 40

Kind = Literal["word", "text", "operator", "(", ")", ",", "end"]


class FilterError(UsageError):
    """A filter that cannot be read, for people: what is wrong, and the place in its text.

    `column` counts characters from 1; `reason` is the first line of the error.
    """

    def __init__(self, reason: str, text: str, start: int, end: int) -> None:
        self.reason = reason
        self.column = start + 1
        first = max(0, start - _BEFORE)
        shown = printable(text[first : end + _BEHIND])
        before = len(printable(text[first:start]))
        marks = "^" * max(1, len(printable(text[start:end])))
        super().__init__(f"column {self.column}: {reason}\n  {shown}\n  {' ' * before}{marks}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: what it is, what it says (of a quoted text, without the quotes), where it stands."""

    kind: Kind
    said: str
    start: int
    end: int


#: What stands for itself, longest first.  Those that are not of the language are errors with advice.
_OPERATORS = ("~~", "!=", "<=", ">=", "=~", "!~", "==", "<>", "&&", "||", "=", "~", "<", ">", "!")
_ADVICE = {
    "=~": "write ~~ for a regular expression",
    "!~": "write not ... ~ ...",
    "==": "write =",
    "<>": "write !=",
    "&&": "write and",
    "||": "write or",
    "!": "write not",
}
_OPERATOR = re.compile("|".join(map(re.escape, _OPERATORS)))
_WORD = re.compile(r"""(?:(?!&&|\|\|)[^\s"'(),=!<>~])+""")
_STEPS = re.compile(f"/(?:{_WORD.pattern})?")
#: A step of a path that is quoted belongs to the word before it.
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\])*)\1""", re.DOTALL)
_ESCAPED = re.compile(r"""\\(["'\\])""")


def pieces(text: str) -> list[Piece]:
    """The pieces of a filter, and an end.  Raises `FilterError`."""
    found: list[Piece] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        piece = _piece(text, at)
        found.append(piece)
        at = piece.end
    return [*found, Piece("end", "", len(text), len(text))]


def _piece(text: str, at: int) -> Piece:
    char = text[at]
    if char in "(),":
        return Piece(char, char, at, at + 1)  # type: ignore[arg-type]  # one of the three
    if char in "\"'":
        quoted = _QUOTED.match(text, at)
        if quoted is None:
            raise FilterError(f"the quote {char} has no end", text, at, len(text))
        return Piece("text", unquoted(quoted[2]), at, quoted.end())
    if operator := _OPERATOR.match(text, at):
        said = operator[0]
        if said in _ADVICE:
            raise FilterError(
                f"there is no operator {said}; {_ADVICE[said]}", text, at, at + len(said)
            )
        return Piece("operator", said, at, at + len(said))
    end = at + 1
    if word := _WORD.match(text, at):  # as all does that begins none of the others
        end = word.end()
    while text[end - 1] == "/" and (quoted := _QUOTED.match(text, end)):
        end = quoted.end()
        if more := _STEPS.match(text, end):
            end = more.end()
    return Piece("word", text[at:end], at, end)


def unquoted(inner: str) -> str:
    r"""What stands between quotes: a backslash takes the meaning of a quote or a backslash only."""
    return _ESCAPED.sub(r"\1", inner)


def quoted(text: str) -> str:
    """The same the other way round."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def is_word(text: str) -> bool:
    """Whether a text is one word, and needs no quotes."""
    return _WORD.fullmatch(text) is not None


def steps(path: str) -> list[tuple[str, bool]]:
    """The steps of a path (``a/b``, ``a/"b c"``), and which of them were quoted."""
    found: list[tuple[str, bool]] = []
    at = 0
    while at <= len(path):
        if match := _QUOTED.match(path, at):
            found.append((unquoted(match[2]), True))
            at = match.end() + 1
        else:
            end = path.find("/", at)
            end = len(path) if end < 0 else end
            found.append((path[at:end], False))
            at = end + 1
    return found
