"""The members that say most about a message: what stands behind its name in a line for people.

They are chosen by their names alone, from short lists, in the lists' order: which device,
which node, which job, and what became of it.  What may be a secret by its name or its place (a
password, the value of a property, a line for the human monitor, a result that is not an object) is
in none of them.  Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from qmpconf.protocol.values import Value, dumps


def _ranked(*names: str) -> dict[str, int]:
    return {name: rank for rank, name in enumerate(names)}


#: Of a command's arguments.
ARGUMENTS = _ranked(
    "id", "job-id", "device", "node-name", "node", "qom-type", "driver", "bus", "drive", "netdev",
    "file", "filename", "target", "uri", "name", "path", "property", "typename", "type", "sync",
    "fdset-id", "fdname", "tag", "action", "enable",
)  # fmt: skip
#: Of an event's data.
DATA = _ranked(
    "id", "job-id", "device", "node-name", "qom-path", "path", "type", "status", "reason", "action",
    "operation", "error", "msg",
)  # fmt: skip
#: Of the object that a command returned.
RESULT = _ranked("id", "name", "status", "reason", "error-desc", "state", "mode", "fdset-id", "fd")
#: Of an object in their place.
_INNER = "filename"

#: A longer string, in characters, and a bigger integer say nothing at a glance: they are left out.
_LONGEST, _BIGGEST = 1000, 1 << 64
#: Strings of a list that is shown.
_FEW = 4
#: Members of an object that is not walked.
_MANY = 100
#: Characters of a value in a line, and of them those at its beginning; a path's end says more.
_WIDTH, _BEGIN = 64, 24

#: A value that needs no quotes.
_PLAIN = re.compile(r"[^\s\"'\\={}\[\],]+\Z").match

Member = str | int | bool


def telling(value: Value, names: Mapping[str, int]) -> dict[str, Member]:
    """The members of `value` that are among `names`, by rank: short strings, integers, booleans.

    A list of few strings is given as one string, with commas; of an object its file name.
    """
    if not isinstance(value, dict):
        return {}
    chosen: Collection[str] = (
        [name for name in value if name in names] if len(value) < _MANY else names
    )
    if len(chosen) > 1:
        chosen = sorted(chosen, key=names.__getitem__)
    found: dict[str, Member] = {}
    for name in chosen:
        one, place = value.get(name), name
        if isinstance(one, dict):
            one, place = one.get(_INNER), f"{name}.{_INNER}"
        elif isinstance(one, list) and 0 < len(one) <= _FEW:
            one = ",".join(one) if all(isinstance(each, str) for each in one) else None
        if isinstance(one, str):
            if len(one) <= _LONGEST:
                found[place] = one
        elif isinstance(one, int) and -_BIGGEST < one < _BIGGEST:
            found[place] = one
    return found


def as_words(members: Mapping[str, Member]) -> str:
    """``id=disk0 driver=qcow2``: values that are long are cut in their middle."""
    return " ".join(f"{name}={_word(value)}" for name, value in members.items())


def _word(value: Member) -> str:
    text = value if isinstance(value, str) else dumps(value).decode("ascii")
    if len(text) > _WIDTH:
        text = f"{text[:_BEGIN]}...{text[len(text) - (_WIDTH - _BEGIN - 3) :]}"
    if not isinstance(value, str) or _PLAIN(text):
        return text
    return json.dumps(text, ensure_ascii=False)
