"""The shorthand of qmp-shell to commands: ``block_resize device=disk0 size=1024``.

A value is a number, a truth value, JSON or its like in Python, or else text.  ``a.b=1`` puts a
member into an object; whatever comes behind it goes there as well, for that is what the shell sends
(``a.b=1 c=2`` is ``{"a": {"b": 1, "c": 2}}``).  Transactions are not taken apart: they are typed
over several prompts.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from qmpconf.protocol.values import Malformed, dumps, loads

_WORD = re.compile(r"(?:[^\s\"']|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_KEYWORD = re.compile(r"\b(?:true|false|null)\b")
_AS_PYTHON = {"true": "True", "false": "False", "null": "None"}

#: The longest line that somebody has typed.
_LONGEST = 1 << 16


def command_of(line: bytes) -> bytes | None:
    """The command that a line means; None if it is none."""
    if len(line) > _LONGEST:
        return None
    try:
        name, *words = _WORD.findall(line.decode("utf-8")) or [""]
    except UnicodeDecodeError:
        return None
    arguments: dict[str, Any] = {}
    if not _NAME.match(name):
        return None
    place = arguments
    for word in words:
        if (reached := _put(place, word)) is None:
            return None
        place = reached
    try:
        return dumps({"execute": name, "arguments": arguments})
    except (TypeError, RecursionError):
        return None


def _put(place: dict[str, Any], word: str) -> dict[str, Any] | None:
    """Put ``path=value`` where it belongs; gives the object it went to, None if it cannot."""
    path, equals, value = word.partition("=")
    *parents, name = path.split(".")
    for parent in parents:
        inner = place.setdefault(parent, {})
        if not isinstance(inner, dict):
            return None
        place = inner
    if not equals or name in place:
        return None
    place[name] = _value(value)
    return place


def _value(text: str) -> Any:
    if _INTEGER.match(text):
        return int(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text[:1] in ("{", "["):
        try:
            return loads(text.encode())
        except Malformed:
            pass
        try:
            spelled = _KEYWORD.sub(lambda found: _AS_PYTHON[found.group()], text)
            value = ast.literal_eval(spelled)
            json.dumps(value)  # and nothing but what JSON can say
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text
        return value
    return text
