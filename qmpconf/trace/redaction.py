"""Secrets that travel in QMP, and how they are kept out of a trace.

What is secret is a matter of the schema, so it stands here as data: `PLACES` names the arguments,
`RESULTS` the results, `MEMBERS` the members that are secret wherever a client sends them, and
`LINES` what a human monitor's command line gives away.  Each such string is replaced by
`REPLACEMENT`, its JSON pointer noted, and nothing else of the message changes.  Only the trace is
redacted, never what is forwarded.

A message that cannot be parsed may hold a secret as well: there, the strings behind a secret
member's name are replaced by pattern, and the pointer is that of the whole.
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


@dataclass(frozen=True, slots=True)
class Place:
    """An argument of `command` that is secret, if the arguments in `when` have these values."""

    command: str
    path: tuple[str, ...]
    when: dict[str, frozenset[str]] = field(default_factory=dict)


_SECRETS = frozenset({"secret"})

PLACES = (
    Place("change", ("arg",), {"target": frozenset({"password"})}),
    Place("object-add", ("data",), {"qom-type": _SECRETS}),
    Place("object-add", ("props", "data"), {"qom-type": _SECRETS}),
    Place("qom-set", ("value",), {"property": frozenset({"data", "password"})}),
    Place("sev-inject-launch-secret", ("secret",)),
    Place("sev-inject-launch-secret", ("packet-header",)),
)

#: (command, argument, its values): the result is secret.
RESULTS = (("qom-get", "property", frozenset({"data", "password"})),)

#: Members that are secret wherever they stand in the arguments of any command.
MEMBERS = frozenset({"password", "passwd", "cookie"})

#: Human monitor commands that carry a secret; the group is what is replaced.
LINES = (
    re.compile(r"\s*(?:set_password|block_passwd)\s+\S+\s+(\S+)"),
    re.compile(r"\s*change\s+vnc\s+(?:password|passwd)\s+(\S+)"),
    re.compile(r"\s*object_add\s+secret,(?:.*,)?data=((?:[^,]|,,)+)"),
)

#: What a client message must hold, one of them, to be looked at at all.
_SUSPICIOUS = (b"passw", b"cookie", b"secret", b"qom-", b"change", b"human-monitor", b"\\u")
_UNPARSED = re.compile(
    rb"(['\"](?:password|passwd|cookie|data|secret|command-line)['\"]\s*:\s*)"
    rb"(\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?)",
    re.IGNORECASE | re.DOTALL,
)


class Redactor:
    """Replaces secrets in the frames of all sessions of one trace; see the module's text."""

    def __init__(self) -> None:
        self._awaited: dict[int, list[tuple[bool, Value]]] = {}

    def __call__(self, conn: int, sender: Side, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        """The frame as it is to be written, and the pointers of what was replaced."""
        if sender == "client":
            data = frame.data
            for sign in _SUSPICIOUS:
                if sign in data:
                    return self._client(conn, frame)
            return frame, ()
        if conn in self._awaited and frame.kind is Kind.VALUE:
            return self._server(conn, frame)
        return frame, ()

    def _client(self, conn: int, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        try:
            value = loads(frame.data)
        except Malformed:
            return _by_pattern(frame)
        if not isinstance(value, dict):
            return frame, ()
        arguments = value.get("arguments")
        if not isinstance(arguments, dict):
            return frame, ()
        name = value.get("execute", value.get("exec-oob"))
        for command, argument, values in RESULTS:
            if name == command and arguments.get(argument) in values:
                self._awaited.setdefault(conn, []).append(("id" in value, value.get("id")))
        places = {("arguments", *path): REPLACEMENT for path in _secret_arguments(name, arguments)}
        if name == "human-monitor-command":
            line = arguments.get("command-line")
            hidden = _hidden_line(line) if isinstance(line, str) else None
            if hidden is not None:
                places["arguments", "command-line"] = hidden
        return _replaced(frame, places)

    def _server(self, conn: int, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        """Hide the result of a command whose result is secret: the response with its id.

        Without an id to tell it by, the next response that has none is taken.
        """
        try:
            value = loads(frame.data)
        except Malformed:
            return frame, ()
        if not isinstance(value, dict) or not ("return" in value or "error" in value):
            return frame, ()
        awaited = self._awaited[conn]
        for index, (has_id, wanted) in enumerate(awaited):
            if has_id == ("id" in value) and same(wanted, value.get("id")):
                if isinstance(value.get("return"), str):
                    del awaited[index]
                    return _replaced(frame, {("return",): REPLACEMENT})
                if has_id:
                    del awaited[index]
                break
        if not awaited:
            del self._awaited[conn]
        return frame, ()


def _secret_arguments(name: Value, arguments: dict[str, Value]) -> Iterator[tuple[str, ...]]:
    for place in PLACES:
        if name == place.command and all(
            arguments.get(argument) in values for argument, values in place.when.items()
        ):
            found: Value = arguments
            for part in place.path:
                found = found.get(part) if isinstance(found, dict) else None
            if isinstance(found, str):
                yield place.path
    yield from _secret_members(arguments, ())


def _secret_members(value: Value, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in MEMBERS and isinstance(inner, str):
                yield (*path, name)
            else:
                yield from _secret_members(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _secret_members(inner, (*path, str(index)))


def _hidden_line(line: str) -> str | None:
    for pattern in LINES:
        found = pattern.match(line)
        if found:
            return line[: found.start(1)] + REPLACEMENT + line[found.end(1) :]
    return None


def _by_pattern(frame: Frame) -> tuple[Frame, tuple[str, ...]]:
    data, count = _UNPARSED.subn(rb'\1"' + REPLACEMENT.encode() + b'"', frame.data)
    return (frame._replace(data=data), ("",)) if count else (frame, ())


def _replaced(frame: Frame, places: dict[tuple[str, ...], str]) -> tuple[Frame, tuple[str, ...]]:
    """Put each text at its place, and leave every other byte as it is."""
    if not places:
        return frame, ()
    spans = sorted(
        (start, end, places[path])
        for path, start, end in string_spans(frame.data)
        if path in places
    )
    data = bytearray(frame.data)
    for start, end, text in reversed(spans):
        data[start:end] = dumps(text)
    return frame._replace(data=bytes(data)), tuple(pointer(path) for path in places)


_TOKEN = re.compile(
    rb"[ \t\r\n]+|(\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+')|([][{}:,])|[^] \t\r\n[{}:,\"']+",
    re.DOTALL,
)


def string_spans(data: bytes) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Path, start and end (in bytes, quotes included) of every string value in well-formed JSON.

    A member that stands twice gives two spans with the same path.
    """
    path: list[str | int] = []
    is_object: list[bool] = []
    named = False  # in an object, behind the colon
    for token in _TOKEN.finditer(data):
        text, mark = token.group(1), token.group(2)
        if text is not None:
            if is_object and is_object[-1] and not named:
                path[-1] = loads(text)
            else:
                yield tuple(map(str, path)), token.start(), token.end()
        elif mark == b"{":
            is_object.append(True)
            path.append("")
            named = False
        elif mark == b"[":
            is_object.append(False)
            path.append(0)
        elif mark in (b"}", b"]"):
            is_object.pop()
            path.pop()
            named = bool(is_object) and is_object[-1]
        elif mark == b":":
            named = True
        elif mark == b",":
            if is_object[-1]:
                named = False
            else:
                path[-1] = int(path[-1]) + 1
