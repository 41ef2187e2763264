"""What was probably meant by a filter that cannot be read, in the words of other tools: as tables.

Each function gives the advice as the end of an error's sentence, or an empty string.
"""

from __future__ import annotations

import difflib
import re

from qmpconf.trace.filter.fields import FIELDS, Field

#: Words of other tools, and what is meant here.
OTHER_WORDS = {
    "args": "arguments",
    "bytes": "size",
    "class": "error",
    "cmd": "command",
    "conn": "session",
    "description": "desc",
    "direction": "sender",
    "duration": "took",
    "elapsed": "took",
    "execute": "command",
    "failed": "error",
    "from": "sender",
    "latency": "took",
    "message": "text",
    "method": "command",
    "name": "command",
    "params": "arguments",
    "reply": "kind in (return, error)",
    "request": "kind = command",
    "response": "kind in (return, error)",
    "result": "return",
    "server": "monitor",
    "side": "sender",
    "slow": "took",
    "success": "answered and not error",
    "t": "time",
    "timestamp": "time",
    "type": "kind",
    "unanswered": "command and not answered",
}

#: The same for values, by their field.
OTHER_VALUES = {
    "kind": {
        "connect": "kind = open",
        "disconnect": "kind = close",
        "failure": "kind = error",
        "query": "kind = command",
        "reply": "kind in (return, error)",
        "request": "kind = command",
        "response": "kind in (return, error)",
        "result": "kind = return",
        "success": "kind = return",
    },
    "sender": {"guest": "sender = server", "libvirt": "sender = client", "qemu": "sender = server"},
}

#: Operators that are words elsewhere.
OTHER_OPERATORS = {
    "between": "write in and a range: took in 1ms..5ms",
    "contains": "write ~ with a * on both sides: desc ~ '*not found*'",
    "endswith": "write ~ with a * before it",
    "eq": "write =",
    "equals": "write =",
    "ge": "write >=",
    "gt": "write >",
    "is": "write =",
    "le": "write <=",
    "like": "write ~ with * for any characters",
    "lt": "write <",
    "ne": "write !=",
    "regex": "write ~~",
    "startswith": "write ~ with a * behind it",
}

#: What is in no name of a command, an event or a class of errors, and in no pattern for one.
_NOT_OF_NAMES = re.compile(r"[/|^$+\\{}%]|\.\*")
_NAMES = frozenset({"command", "event", "error"})
_CONSTANTS = frozenset({"true", "false", "yes", "no"})
_EVENT = re.compile("[A-Z][A-Z0-9_]+")
_BEFORE_PATH = re.compile(r"(\w+)[.\[]")


def field(word: str) -> str:
    """What field was meant by a word that is not one."""
    if word in OTHER_WORDS:
        return f"write {OTHER_WORDS[word]}"
    found = _BEFORE_PATH.match(word)
    head = OTHER_WORDS.get(found[1], found[1]) if found else ""
    if head in FIELDS and FIELDS[head].type == "json":
        steps = [step for step in re.split(r"[.\[\]]+", word)[1:] if step]
        return f"the steps of a path stand behind slashes: {'/'.join((head, *steps))}"
    near = difflib.get_close_matches(word.lower(), [*FIELDS, *OTHER_WORDS], 1)
    if near:
        return f"did you mean {OTHER_WORDS.get(near[0], near[0])}?"
    fields = f"the fields are {', '.join(FIELDS)}"
    if _EVENT.fullmatch(word):
        return f"for an event's name, write event = {word} ({fields})"
    return f"for a command's name, write command = {word} ({fields})"


def value(one: Field, said: str) -> str:
    """What was meant by a value that the field does not have."""
    other = OTHER_VALUES.get(one.name, {}).get(said.lower())
    if other:
        return f"write {other}"
    near = difflib.get_close_matches(said, one.words, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(one.words)}"


def against(one: Field, operator: str, said: str) -> str:
    """What speaks against a text without quotes behind `operator`: in quotes, it is what it says."""
    if operator == "~" and one.name in _NAMES and _NOT_OF_NAMES.search(said):
        return (
            "~ takes a pattern with *, ? and [a-z]; for a regular expression write ~~, without slashes "
            "around it"
        )
    is_text = one.type == "text" and one.alone and one.name != "id"  # which may be anything
    if operator in ("=", "!=") and is_text and said in _CONSTANTS:
        return f"{one.name} is a text; write {one.name} alone, or not {one.name}"
    return ""
