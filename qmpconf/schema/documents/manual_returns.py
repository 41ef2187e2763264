"""What a command returns, out of prose: manual pages before release 10 state no type.

The rule, in this order:

1. The text says "nothing": the command returns nothing.  So does one whose text says only when
   it fails, and one without any text, unless its name says that it is a query.
2. The first sentence names one type of the document: that is the type; a list of it where the
   sentence says "list of", "list with" or "array of" before the name.
3. The sentence names a type, but says "objects" of no list, or an example shows one where the
   sentence says the other: the example decides between the type and a list of it.
4. The sentence says "as a string": a string.  It begins with "number of", "length of", "time in
   seconds" or "unique integer", and no example shows anything else: an integer.
5. No type is named, and an example shows a string, an integer or a boolean: that is the type; an
   example that shows ``{}`` and nothing else: the command returns nothing.
6. Anything else is undetermined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmpconf.schema.documents import tolerant

#: Why it is not known what a command returns, before the sentence in question.
NO_TYPE, NO_SINGLE_TYPE = "the text names no type", "the text names no single type"


@dataclass(frozen=True, slots=True)
class Returned:
    """What is returned: a type as written ("array of BlockInfo"), empty for nothing.

    `undetermined` is the reason why it is not known.  `unknown` is a name that looks like a
    type's, but is none of the document; `shown` is "a list", "no list" or "an object" where an
    example contradicts the text.
    """

    type: str = ""
    undetermined: str = ""
    unknown: str = ""
    shown: str = ""


_NOTHING = re.compile(r"(?:if successful, )?nothing\b", re.IGNORECASE)
_FAILS = re.compile(r"(?:an )?errors?\b", re.IGNORECASE)
_SENTENCE = re.compile(r".+?(?:\.(?=\s)|$)")
_NAME = re.compile(r"\b[A-Z]\w+")
_LOOKS_TYPED = re.compile(r"[A-Z]\w*[a-z]\w*[A-Z]\w*")
_LIST = re.compile(r"\b(?:list|array)\b(?: (?:of|with|containing)\b)?", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:the |a |an )?(?:unique )?(?:integer\b|number of\b|length of\b|time in (?:nano|micro|milli)?seconds\b)",
    re.IGNORECASE,
)
_STRING = re.compile(r"\bas a string\b")

#: No first sentence is longer.
_LONGEST = 500
#: JSON values of examples that show the builtin type.
_BUILTINS = {str: "string", int: "int", bool: "boolean"}


def returned(
    command: str, text: str | None, kinds: Mapping[str, str], replies: Sequence[tolerant.Node]
) -> Returned:
    """What `command` returns, by `text` and the `replies` of its examples.

    `kinds` has the document's types with the kind of each ("Object", "Enum", ...).
    """
    if not text:
        return _without_text(command, replies)
    sentence = (_SENTENCE.match(text[:_LONGEST]) or [text])[0]
    if _NOTHING.match(sentence) or _FAILS.match(sentence):
        return Returned()
    names = {name for name in _NAME.findall(sentence) if name in kinds}
    if len(names) == 1:
        name = names.pop()
        if kinds[name] == "Enum" and any(reply.kind == "object" for reply in replies):
            reason = f"the text names {name}, an enumeration; an example returns an object"
            return Returned(undetermined=reason, shown="an object")
        return _named(name, sentence, replies)
    unknown = next(iter(_LOOKS_TYPED.findall(sentence)), "")
    if names or unknown:
        return Returned(undetermined=f"{NO_SINGLE_TYPE}: {sentence}", unknown=unknown)
    if _STRING.search(sentence):
        return Returned("string")
    found = _shown(replies)
    if not replies and _NUMBER.match(sentence):
        return Returned("int")
    return found or Returned(undetermined=f"{NO_TYPE}: {sentence}")


def _named(name: str, sentence: str, replies: Sequence[tolerant.Node]) -> Returned:
    before = sentence[: sentence.index(name)]
    listed = bool(_LIST.search(before))
    shapes = {reply.kind for reply in replies if reply.kind in {"array", "object"}}
    plural = not listed and bool(re.search(rf"\b{name} objects\b", sentence))
    if len(shapes) == 1:
        shown = shapes == {"array"}
        if shown != listed:
            contradicts = "" if plural else "a list" if shown else "no list"
            return Returned(f"array of {name}" if shown else name, shown=contradicts)
    elif plural:
        return Returned(undetermined=f"the text does not tell {name} from a list of it")
    return Returned(f"array of {name}" if listed else name)


def _without_text(command: str, replies: Sequence[tolerant.Node]) -> Returned:
    found = _shown(replies)
    if found:
        return found
    if replies or "query-" in command:
        return Returned(undetermined="the document does not say what is returned")
    return Returned()


def _shown(replies: Sequence[tolerant.Node]) -> Returned | None:
    """What the examples alone tell."""
    values = [reply.value for reply in replies if reply.kind == "scalar"]
    if values and len(values) == len(replies):
        kinds = {_BUILTINS.get(type(value), "") for value in values}
        return Returned(kinds.pop()) if len(kinds) == 1 and "" not in kinds else None
    empty = all(
        reply.kind == "object" and not reply.members and not reply.elided for reply in replies
    )
    return Returned() if replies and empty else None
