"""Secrets that travel in QMP, and how they are kept out of a trace.

What is secret is a matter of the schema, so it stands here as data: `PLACES` names the arguments,
`RESULTS` the results, `MEMBERS` the members that are secret wherever a client sends them, and
`LINES` what a human monitor's command line gives away.  Each such string is replaced by
`REPLACEMENT`, its JSON pointer noted, and nothing else of the message changes; an id least of
all, by which a response is told.  Only the trace is redacted, never what is forwarded.

A message that cannot be parsed may hold a secret as well: there, the strings behind a secret
member's name are replaced by pattern, and the pointer is that of the whole.  What broke the
message stays, so that it breaks a reader's framing at the same place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.values import Malformed, Value, dumps, loads, pointer, same
from qmpconf.trace.records import Side

#: What stands in a trace for a secret string.
REPLACEMENT = "REDACTED"

_Path = tuple[str, ...]
#: The pointer of a string, its start and end, and what is to stand there.
_Hidden = tuple[str, int, int, str]
_When = dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """An argument of `command` that is secret, if the arguments in `when` have these values."""

    command: str
    path: _Path
    when: _When = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """A command whose result is secret, if the arguments in `when` have these values."""

    command: str
    when: _When = field(default_factory=dict)


_SECRETS = frozenset({"secret"})
#: Properties of objects whose values are secret.
_PROPERTIES = frozenset({"data", "password"})

PLACES = (
    Place("change", ("arg",), {"target": frozenset({"password", "passwd"})}),
    Place("object-add", ("data",), {"qom-type": _SECRETS}),
    Place("object-add", ("props", "data"), {"qom-type": _SECRETS}),
    Place("qom-set", ("value",), {"property": _PROPERTIES}),
    Place("sev-inject-launch-secret", ("secret",)),
    Place("sev-inject-launch-secret", ("packet-header",)),
)

RESULTS = (
    Result("qom-get", {"property": _PROPERTIES}),
    Result("qom-list-get"),
)

#: Members that are secret wherever they stand in what a client sends.
MEMBERS = frozenset({"password", "passwd", "cookie"})

_WORD = r"(\"(?:[^\"\\]|\\.)*\"?|\S+)"
#: Human monitor commands that carry a secret; the group is what is replaced.
LINES = (
    re.compile(r"\s*(?:set_password|block_passwd)\s+(?:-d\s+\S+\s+)?\S+\s+" + _WORD),
    re.compile(r"\s*change\s+vnc\s+(?:password|passwd)\s+" + _WORD),
    re.compile(r"\s*object_add\s+(?=.*\bsecret\b).*?\bdata=((?:[^,]|,,)+)"),
    re.compile(r"\s*object_add\s+(?=.*\bsecret\b).*?['\"]data['\"]\s*:\s*" + _WORD),
    re.compile(r"\s*qom-set\s+(?:-j\s+)?\S+\s+(?:data|password)\s+(.+)", re.DOTALL),
)
#: Human monitor commands whose output is a secret.
_TELLING_LINE = re.compile(r"\s*qom-get\s+\S+\s+(?:data|password)\b")

#: On a program's command line, options whose values are secret.
_OPTIONS = (
    re.compile(r"((?:^|[\s,]|--?)(?:data|password|passwd|cookie)=)((?:[^,\s]|,,)+)"),
    re.compile(r'("(?:data|password|passwd|cookie)"\s*:\s*")(?:[^"\\]|\\.)*'),
)

#: More secrets than this in one message are told by the pointer of the whole message.
_MANY = 1000

#: What a client message must hold, one of them, to be looked at at all.
_SUSPICIOUS = re.compile(
    rb"passw|cookie|secret|data['\"]|qom-list-get|change|human-monitor|\\u"
).search

#: Strings, also those that break off, without the quote that ends them.
_DOUBLE = rb"\"(?:[\x20-\x21\x23-\x5b\x5d-\xfd]|\\[\x20-\xfd])*+\\?"
_SINGLE = rb"'(?:[\x20-\x26\x28-\x5b\x5d-\xfd]|\\[\x20-\xfd])*+\\?"


def _unparsed(names: bytes) -> re.Pattern[bytes]:
    """A member with one of these names and the string behind it, or else any string."""
    member = rb"((?:\"(?:%b)\"|'(?:%b)')[ \t\r\n]*:[ \t\r\n]*)" % (names, names)
    return re.compile(rb"(?:%b)?(?:%b|%b)([\"']?)" % (member, _DOUBLE, _SINGLE))


_UNPARSED = _unparsed(b"password|passwd|cookie|data|secret|packet-header|command-line|arg|value")
_UNPARSED_RESULT = _unparsed(b"return|value")


class Redactor:
    """Replaces secrets in the frames of all sessions of one trace; see the module's text."""

    def __init__(self) -> None:
        self._awaited: dict[int, list[tuple[bool, Value]]] = {}

    def __call__(self, conn: int, sender: Side, frame: Frame) -> tuple[Frame, _Path]:
        """The frame as it is to be written, and the pointers of what was replaced."""
        if sender == "client":
            return self._client(conn, frame) if _SUSPICIOUS(frame.data) else (frame, ())
        if conn in self._awaited and frame.kind is not Kind.SPACE:
            return self._server(conn, frame)
        return frame, ()

    def _client(self, conn: int, frame: Frame) -> tuple[Frame, _Path]:
        try:
            value = loads(frame.data)
        except Malformed:
            return _by_pattern(frame, _UNPARSED)
        # A member may stand twice: all its strings count, the ones that a parser drops, too.
        texts: dict[_Path, set[str]] = {}
        for path, _, start, end in strings(frame.data):
            if len(path) <= 2:
                texts.setdefault(_named(path), set()).add(loads(frame.data[start:end]))
        names = texts.get(("execute",), set()) | texts.get(("exec-oob",), set())
        lines = texts.get(("arguments", "command-line"), set())
        if "human-monitor-command" not in names:
            lines = set()
        if any(one.command in names and _holds(one.when, texts) for one in RESULTS) or any(
            map(_TELLING_LINE.match, lines)
        ):
            has_id = isinstance(value, dict) and "id" in value
            self._awaited.setdefault(conn, []).append((has_id, value["id"] if has_id else None))
        secret = [
            ["arguments", *place.path]
            for place in PLACES
            if place.command in names and _holds(place.when, texts)
        ]
        places: list[_Hidden] = []
        for path, below, start, end in strings(frame.data, MEMBERS):
            if path[:1] == ["id"]:
                continue
            if below or any(path[: len(one)] == one for one in secret):
                places.append((_where(path, places), start, end, REPLACEMENT))
            elif lines and path == ["arguments", "command-line"]:
                hidden = _hidden_line(loads(frame.data[start:end]))
                if hidden is not None:
                    places.append((_where(path, places), start, end, hidden))
        return _replaced(frame, places)

    def _server(self, conn: int, frame: Frame) -> tuple[Frame, _Path]:
        """Hide the result of a command whose result is secret: the response with its id.

        Without an id to tell it by, the next response that has none is taken.
        """
        try:
            value = loads(frame.data)
        except Malformed:
            return _by_pattern(frame, _UNPARSED_RESULT)
        if not isinstance(value, dict) or not ("return" in value or "error" in value):
            return frame, ()
        awaited = self._awaited[conn]
        for index, (has_id, wanted) in enumerate(awaited):
            if has_id == ("id" in value) and same(wanted, value.get("id")):
                places = _secret_results(frame.data)
                if has_id or places:
                    del awaited[index]
                if not awaited:
                    del self._awaited[conn]
                return _replaced(frame, places)
        return frame, ()


def redact_command_line(text: str) -> str:
    """A program's command line without the secrets in its options, in either syntax."""
    for pattern in _OPTIONS:
        text = pattern.sub(rf"\1{REPLACEMENT}", text)
    return text


def _holds(when: _When, texts: dict[_Path, set[str]]) -> bool:
    return all(
        not values.isdisjoint(texts.get(("arguments", argument), ()))
        for argument, values in when.items()
    )


def _named(path: list[str | int]) -> _Path:
    return tuple(map(str, path))


def _where(path: list[str | int], places: list[_Hidden]) -> str:
    return pointer(path) if len(places) < _MANY else ""


def _secret_results(data: bytes) -> list[_Hidden]:
    """The result itself, if it is a string; or the secret ones in a list of properties."""
    properties = {
        _named(path[:-1])
        for path, _, start, end in strings(data)
        if path[-1:] == ["name"] and loads(data[start:end]) in _PROPERTIES
    }
    places: list[_Hidden] = []
    for path, _, start, end in strings(data):
        if path == ["return"] or (path[-1:] == ["value"] and _named(path[:-1]) in properties):
            places.append((_where(path, places), start, end, REPLACEMENT))
    return places


def _hidden_line(line: str) -> str | None:
    for pattern in LINES:
        found = pattern.match(line)
        if found:
            return line[: found.start(1)] + REPLACEMENT + line[found.end(1) :]
    return None


def _by_pattern(frame: Frame, pattern: re.Pattern[bytes]) -> tuple[Frame, _Path]:
    def hide(found: re.Match[bytes]) -> bytes:
        name, end = found.groups()
        if name is None:
            return found.group()
        quote = found.group()[len(name) : len(name) + 1]
        return bytes(name + quote + REPLACEMENT.encode() + end)

    data = pattern.sub(hide, frame.data)
    return (frame._replace(data=data), ("",)) if data != frame.data else (frame, ())


def _replaced(frame: Frame, places: list[_Hidden]) -> tuple[Frame, _Path]:
    """Put each text at its place, and leave every other byte as it is."""
    if not places:
        return frame, ()
    pieces: list[bytes] = []
    done = 0
    for _, start, end, text in places:
        pieces += (frame.data[done:start], dumps(text))
        done = end
    pieces.append(frame.data[done:])
    pointers = dict.fromkeys(where for where, _, _, _ in places) if places[-1][0] else {"": None}
    return frame._replace(data=b"".join(pieces)), tuple(pointers)


_TOKEN = re.compile(
    rb"[ \t\r\n]+|(\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+')|([][{}:,])|[^] \t\r\n[{}:,\"']+",
    re.DOTALL,
)


def strings(
    data: bytes, names: frozenset[str] = frozenset()
) -> Iterator[tuple[list[str | int], bool, int, int]]:
    """Every string value in well-formed JSON: its path, and its start and end with the quotes.

    The flag tells whether a member of one of these `names` is on the path.  The path is valid
    until the next one is asked for.  A member that stands twice gives two strings with one path.
    """
    path: list[str | int] = []
    is_object: list[bool] = []
    named = False  # in an object, behind the colon
    below = 0  # how many of the path's members have one of the names
    for token in _TOKEN.finditer(data):
        text, mark = token.group(1), token.group(2)
        if text is not None:
            if is_object and is_object[-1] and not named:
                below -= path[-1] in names
                path[-1] = loads(text)
                below += path[-1] in names
            else:
                yield path, below > 0, token.start(), token.end()
        elif mark == b"{":
            is_object.append(True)
            path.append("")
            named = False
        elif mark == b"[":
            is_object.append(False)
            path.append(0)
        elif mark in (b"}", b"]"):
            is_object.pop()
            below -= path.pop() in names
            named = bool(is_object) and is_object[-1]
        elif mark == b":":
            named = True
        elif mark == b",":
            if is_object[-1]:
                named = False
            else:
                path[-1] = int(path[-1]) + 1
