"""What a paragraph announces: the shape of the return value, and whose members a list holds.

The documents say in sentences what a schema says in types ("the returned value is a json-array of
all X.  Each json-object contains:").  The patterns of such sentences are a table here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: Whose members the list under a paragraph holds: the return value's own, an element's of the
#: returned array, those of something described apart (`Announcement.subject`), the command's
#: arguments, or nobody's.
Target = Literal["value", "element", "described", "arguments", ""]

#: What a command returns, as far as its paragraphs say.
Shape = Literal["object", "array", "nothing", ""]


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one paragraph says.

    `shape` is the return value's, with `element` as what its elements are called ("CPU") and
    `named` as their documented type's name ("GICCapability").  `lists` says that a list follows,
    whose target is `target`; `subject` is what it describes; `alternatives` are the kinds of
    `kind_of` that are told apart.
    """

    shape: Shape = ""
    element: str = ""
    named: str = ""
    lists: bool = False
    target: Target = ""
    subject: str = ""
    kind_of: str = ""
    alternatives: tuple[str, ...] = ()


_SHAPES: tuple[tuple[re.Pattern[str], Shape], ...] = (
    (re.compile(r"\b[Rr]eturns? (?:a|an|the) (?:json-array|list|array)\b"), "array"),
    (re.compile(r"\b[Rr]eturns? (?:a|an|the) json-object\b"), "object"),
    (re.compile(r"\breturned value is (?:a|an) (?:json-array|list|array)\b"), "array"),
    (re.compile(r"\breturned value is (?:a|an) json-object\b"), "object"),
    (re.compile(r"^Returns?: [Nn]othing\b"), "nothing"),
    (re.compile(r"\bjson-array will be returned\b"), "array"),
    (re.compile(r"\bjson-object will be returned\b"), "object"),
)
_NAMED = re.compile(r"\b(?:list|json-array) of (?P<name>[A-Z]\w*[a-z]\w*[A-Z]?\w*) objects?\b")
_ELEMENT = re.compile(
    r"\bEach (?P<noun>[\w ]{1,60}?) (?:is represented by a json-object|(?:information )?is stored in)"
)
_KINDS = re.compile(r"\bThe (?P<noun>[\w /-]{1,60}?) json-object can be (?P<kinds>[^,.:]{1,200})")

#: What a list's announcement says (the sentence before the colon), and whose members follow.
_LISTS: tuple[tuple[re.Pattern[str], Target], ...] = (
    (re.compile(r"\b[Mm]ain json-object contains?\b"), "value"),
    (re.compile(r"\b[Ee]ach (?:json-object|array entry|entry|element) contains?\b"), "element"),
    (re.compile(r"\bis represented by a json-object, which contains?\b"), "element"),
    (
        re.compile(
            r"(?:^|[.,:] )(?:[Tt]he|[Aa]n?|[Ee]ach) (?P<subject>[\w/ -]{1,60}?) json-object contains?\b"
        ),
        "described",
    ),
    (
        re.compile(r"(?P<subject>\w[\w ]{0,60}?) (?:are|is) described by a json-object\b"),
        "described",
    ),
    (re.compile(r"\b[Rr]eturns? (?:a|an|the) json-array\b"), "element"),
    (re.compile(r"\b[Rr]eturns? (?:a|an|the) json-object\b"), "value"),
    (re.compile(r"\breturned value is (?:a|an) json-array\b"), "element"),
    (re.compile(r"\bjson-object will be returned\b"), "value"),
)

#: Where, in a document without line breaks, a sentence of the above kinds begins.
SENTENCE = re.compile(
    r"(?<=\s)(?:Returns? (?:a|an|the) (?:json-|list)|The returned value is|"
    r"Each (?:json-object|array entry) contains?|"
    r"Each [\w ]{1,40}? (?:is represented by|(?:information )?is stored in) a json-object|"
    r"The [\w/ -]{1,40}? json-object (?:contains?|can be)|An? [\w/ -]{1,40}? json-object contains?|"
    r"[A-Z]\w+ (?:are|is) described by a json-object)"
)


def announcement(text: str) -> Announcement:
    """What the paragraph `text` (white space normalised) announces."""
    shape = min(
        ((found.start(), shape) for pattern, shape in _SHAPES if (found := pattern.search(text))),
        default=(0, ""),
    )[1]
    element = _ELEMENT.search(text)
    named = _NAMED.search(text) if shape == "array" else None
    kinds = _KINDS.search(text)
    lists = text.endswith(":")
    target, subject = _target(text) if lists else ("", "")
    return Announcement(
        shape=shape,
        element=element["noun"] if element else "",
        named=named["name"] if named else "",
        lists=lists,
        target=target,
        subject=subject,
        kind_of=kinds["noun"] if kinds else "",
        alternatives=tuple(map(_bare, kinds["kinds"].split(" or "))) if kinds else (),
    )


def _target(text: str) -> tuple[Target, str]:
    for pattern, target in _LISTS:
        for found in pattern.finditer(text):
            subject = found.groupdict().get("subject") or ""
            return target, _bare(subject)
    return "", ""


def _bare(phrase: str) -> str:
    """The phrase without its article."""
    return re.sub(r"^(?:the|an?|each) ", "", phrase.strip(), flags=re.IGNORECASE)


def stem(phrase: str) -> tuple[str, ...]:
    """The words of a phrase, lower case and in the singular, to compare phrases by."""
    words = re.findall(r"[a-z0-9/]+", phrase.lower().replace("_", " ").replace("-", " "))
    return tuple(map(_singular, words))


def _singular(word: str) -> str:
    if word.endswith("ses"):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us")):
        return word[:-1]
    return word


def mentions(text: str, phrase: str) -> bool:
    """Whether the words of `phrase` stand in `text`, one after the other, in either number."""
    words, wanted = stem(text), stem(phrase)
    if not wanted:
        return False
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words) - len(wanted) + 1))
