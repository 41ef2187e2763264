"""Which objects are QMP messages, and where other objects hold some.

Other objects have members called ``error``, ``event`` and ``return`` too, and programs that log
in JSON put a message into a member, as text or as an object.  So a message is known by all of its
members:

=========  ===================================================================================
greeting   ``QMP`` is an object
command    ``execute`` or ``exec-oob`` is a string
success    ``return``, and nothing that a success does not have
failure    ``error`` is an object with ``class`` or ``desc``
event      ``event``, and its ``timestamp`` is an object; or the name looks like an event's
=========  ===================================================================================

and by having none of the members by which programs log (``level``, ``msg``, ...).  A message that
breaks the protocol in other ways is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from qmpconf.protocol.values import Malformed, dumps, loads
from qmpconf.trace.convert.logs.objects import Found, objects

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_string = msgspec.json.Decoder(str).decode
_bytes = msgspec.json.Decoder(list[int]).decode

#: By these members programs log; no message has one.
_LOGGING = frozenset(
    {
        *("level", "lvl", "severity", "loglevel", "levelname", "PRIORITY", "priority"),
        *("msg", "message", "MESSAGE", "log", "text", "line", "short_message", "body"),
        *("logger", "caller", "component", "subsystem", "pos", "time", "ts", "@timestamp"),
        *("thread", "pid", "process", "hostname", "stream", "source", "target", "fields"),
    }
)
_COMMAND = frozenset({"execute", "exec-oob", "arguments", "id", "control"})
_COMMAND_NAME = re.compile(rb'"[A-Za-z0-9_.-]{1,100}"\Z')
_REPLY = frozenset({"return", "error", "id", "timestamp"})
_EVENT_NAME = re.compile(rb'"(?:__\w+_)?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*"\Z')
#: What shows that text is a part of a message, where it is too broken to be read.
LIKELY = re.compile(rb"\\*[\"'](?:QMP|execute|exec-oob|return|error|event)\\*[\"'][ \t]*(?::|=>)")
#: The same for notations in which names need no quotes.
UNQUOTED = re.compile(
    rb"\{\s*(?:[\w.:-]+\s*(?::|=>)[^{}\n]{0,200},\s*)?:?(?:QMP|execute|exec_oob|return)(?::|=>|\s=>)"
)
_ARRAY_OF_BYTES = re.compile(rb"\[ *[0-9]{1,3} *(?:, *[0-9]{1,3} *){9}")
#: Longer text is not a name, number or time.
_LONGEST_FIELD = 200
#: How deep other objects are looked through.
_DEEPEST = 8

Kind = Literal["message", "doubtful", "other"]


def members(text: bytes) -> dict[str, bytes]:
    """The members of an object, by name, as they are written; none for what is not an object."""
    try:
        return {name: bytes(value) for name, value in _members(text).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _dialect(text)


def _dialect(text: bytes) -> dict[str, bytes]:
    """The same for QEMU's dialect of JSON, which only the project's own parser reads."""
    try:
        value = loads(text)
        return {name: dumps(one) for name, one in value.items()} if isinstance(value, dict) else {}
    except (Malformed, TypeError, RecursionError):
        return {}


def kind_of(found: Mapping[str, bytes]) -> Kind:
    """What an object with these members is; doubtful if it is nearly a message."""
    names = found.keys()
    if names & _LOGGING:
        return "other"
    if "QMP" in names:
        return "message" if found["QMP"].startswith(b"{") else "other"
    if "execute" in names or "exec-oob" in names:
        name = found.get("execute") or found["exec-oob"]
        if _COMMAND_NAME.match(name) or (names <= _COMMAND and name.startswith(b'"')):
            return "message"
        return "doubtful" if names <= _COMMAND else "other"
    if "error" in names and found["error"].startswith(b"{"):
        inner = members(found["error"])
        return "message" if "class" in inner or "desc" in inner else "other"
    if "return" in names:
        return "message" if names <= _REPLY else "doubtful"
    if "event" in names:
        if found.get("timestamp", b"").startswith(b"{"):
            return "message"
        known = names <= {"event", "data"} and _EVENT_NAME.match(found["event"])
        return "message" if known else "other"
    return "other"


@dataclass(frozen=True, slots=True)
class Held:
    """An object that was found in a line, and what the objects around it say.

    `kind` is what it is; "broken" for text that looks like one and cannot be read.  `fields` are
    the members of all objects around it that are text or numbers, of the inner ones first; `path`
    the names of the members that lead to it.
    """

    kind: Kind | Literal["broken"]
    found: Found
    fields: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()


def held(found: Found, fields: Mapping[str, str] | None = None, depth: int = 0) -> Iterator[Held]:
    """The messages that an object is or holds; none if it has nothing to do with QMP."""
    around = fields or {}
    if found.state != "whole":
        if LIKELY.search(found.text):
            yield Held("broken", found, around)
        return
    parts = members(found.text)
    kind = kind_of(parts)
    if kind != "other":
        yield Held(kind, found, around)
        return
    if depth < _DEEPEST and (b"{" in found.text[1:] or _ARRAY_OF_BYTES.search(found.text)):
        yield from _within(parts, found, {**around, **scalars(parts)}, depth)


def _within(
    parts: Mapping[str, bytes], found: Found, fields: Mapping[str, str], depth: int
) -> Iterator[Held]:
    seen: set[bytes] = set()
    for name, value in parts.items():
        for one in _of_value(value, found, fields, depth + 1):
            if one.found.text in seen:
                continue  # the same twice: as text, and as what was read from it
            seen.add(one.found.text)
            yield Held(one.kind, one.found, one.fields, (name, *one.path))


def _of_value(value: bytes, found: Found, fields: Mapping[str, str], depth: int) -> Iterator[Held]:
    begin = value[:1]
    if begin == b"{":
        yield from held(found._replace(text=value, before=b""), fields, depth)
    elif begin == b"[":
        data = text_of_bytes(value)
        if data is not None:
            yield from within_text(data, found, fields, depth)
        elif b"{" in value and depth < _DEEPEST:
            for element in _elements_of(value):
                yield from _of_value(element, found, fields, depth + 1)
    elif begin == b'"' and (b"{" in value or b"u007b" in value.lower()):
        yield from within_text(text_of(value).encode("utf-8", "replace"), found, fields, depth)


def within_text(text: bytes, found: Found, fields: Mapping[str, str], depth: int) -> Iterator[Held]:
    """The messages in a member that is text."""
    for one in objects(text):
        inner = one._replace(at=found.at, end=found.end)
        if inner.state == "open":
            inner = inner._replace(state="broken")
        yield from held(inner, fields, depth)


def text_of_bytes(value: bytes) -> bytes | None:
    """The text that systemd's journal writes as an array of its bytes; None for other arrays."""
    if not _ARRAY_OF_BYTES.match(value):
        return None
    try:
        return bytes(_bytes(value))
    except (msgspec.MsgspecError, ValueError):
        return None


def _elements_of(value: bytes) -> list[bytes]:
    try:
        return [bytes(one) for one in _elements(value)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def text_of(value: bytes) -> str:
    """The text that a string of JSON stands for; empty if it is none."""
    try:
        return _string(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def scalars(parts: Mapping[str, bytes]) -> dict[str, str]:
    """The members that are short text or numbers."""
    return {
        name: text_of(value) if value[:1] == b'"' else value.decode("ascii", "replace")
        for name, value in parts.items()
        if len(value) <= _LONGEST_FIELD and value[:1] not in (b"{", b"[")
    }
