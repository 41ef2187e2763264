"""Which values of a recording the server chose and the client sent back: inferred, and explained.

A value is *bound* when it first appears in a reply or event, and the client sends it later.  In a
replay the target may then choose another one, and is sent that.  Not every such value is the
server's choice: a client that reads a size of 1048576 and later asks for the same size means the
number.  So

- a string that is nothing but a name (a path, a name with a random part) is bound wherever it is
  sent, also inside of another string;
- a port is bound where a port is sent, and behind a colon;
- everything else (small integers, common words) is bound only where both schema places agree: both
  members name the same kind of thing (`ALIKE`), and the catalog, if there is one, says that both
  are strings or both integers, and neither a value of an enumeration.

`Sent` collects what the client sends; `judge` decides about one place, and says why.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Malformed, Value, loads
from qmpconf.replay.masks import Message
from qmpconf.replay.places import look_up
from qmpconf.replay.said import name_of
from qmpconf.schema.model import Catalog

Path = tuple[str | int, ...]

#: How a bound value is found in what the client sends.
How = Literal["anywhere", "port", "places"]

#: Names of members that stand for the same kind of thing.  A member that is in none of these names
#: nothing, and its value is never bound for its place alone.
ALIKE: tuple[frozenset[str], ...] = (
    frozenset({"fd"}),
    frozenset({"fdset-id"}),
    frozenset({"id", "job-id", "device"}),
    frozenset({"node-name", "device", "node", "root-node", "qdev"}),
    frozenset({"path", "qom-path", "qom_path", "qdev"}),
    frozenset({"port", "service"}),
    frozenset({"filename", "file", "path"}),
    frozenset({"label", "chardev", "id"}),
    frozenset({"cpu-index", "cpu"}),
)
_PORTS = frozenset({"port", "service"})
#: Integers that are numbers of things, not amounts.
_NUMBERED = frozenset({"fd", "fdset-id", "id", "port", "cpu-index", "cpu"})

#: A string that can mean one thing only: a path with two parts at least, a generated name.
_PECULIAR = re.compile(r"/[^/\s]+/\S.*|#[\w-]*\d+|[\w.-]+#\d+|\w*[0-9a-f]{8}-[0-9a-f-]{9,}")
_PORT = re.compile(r"\d{4,5}")

#: Values of a client that are kept, and uses of each; what a session sends back is far less.
MOST = 20_000
_USES = 6
#: What a message holds that has arguments: the word, or an escape that may spell it.
_ARGUMENTS = re.compile(rb"arguments|\\").search
#: Longer strings are data, not names.
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Use:
    """One place where the client sends a value."""

    line: int
    command: str
    path: Path

    @property
    def place(self) -> str:
        """The JSON pointer."""
        return pointer(self.path)


@dataclass(slots=True)
class Sent:
    """The strings and integers that a client sends in arguments, each with its first few uses."""

    strings: dict[str, list[Use]] = field(default_factory=dict)
    integers: dict[int, list[Use]] = field(default_factory=dict)
    #: Whether there were more values than `MOST`.
    is_cut: bool = False

    def add(self, frame: Frame, line: int) -> None:
        """Take what the client sends in one message."""
        if frame.kind is not Kind.VALUE or not _ARGUMENTS(frame.data):
            return
        command = name_of(frame)
        try:
            found = [
                (path, loads(frame.data[start:end]))
                for path, start, end in scalars(frame.data)
                if path[:1] == ("arguments",)
            ]
        except Malformed:
            return
        for path, value in found:
            self._note(value, Use(line, command, path))

    def _note(self, value: Value, use: Use) -> None:
        uses: list[Use] | None = None
        if isinstance(value, str) and 0 < len(value) <= _LONGEST:
            uses = self.strings.setdefault(value, [])
        elif isinstance(value, int) and not isinstance(value, bool):
            uses = self.integers.setdefault(value, [])
        if uses is not None and len(uses) < _USES:
            uses.append(use)
        if len(self.strings) + len(self.integers) > MOST:
            self.is_cut = True
            (self.strings if isinstance(value, str) else self.integers).popitem()

    def of(self, value: Value, *, inside: re.Pattern[str] | None = None) -> list[Use]:
        """Where `value` is sent, by line; with `inside`, also where a string holds that pattern."""
        if isinstance(value, bool):
            return []
        if isinstance(value, int):
            return self.integers.get(value, [])
        if not isinstance(value, str):
            return []
        if inside is None:
            return self.strings.get(value, [])
        found = [
            use
            for text, uses in self.strings.items()
            if text == value or (value in text and inside.search(text))
            for use in uses
        ]
        return sorted(found, key=lambda use: use.line)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a value is bound, how it is found again, and the reason for people."""

    how: How | None
    reason: str
    kind: str = ""
    uses: tuple[Use, ...] = ()


_NO_CHOICE = Verdict(None, "a schema gives names and chooses none")
_NOT_SENT = Verdict(None, "the client does not send it later")


def judge(
    sent: Sent,
    catalog_of: Callable[[], Catalog | None],
    message: Message,
    of: str,
    path: Path,
    value: Value,
    line: int,
) -> Verdict:
    """Whether the value that a server gave at this place, in line `line`, is bound.

    `catalog_of` gives the recorded server's catalog, if there is one; it is asked when needed.
    """
    if of == "query-qmp-schema":
        return _NO_CHOICE
    name = _member(path)
    how: How = "places"
    inside = None
    if isinstance(value, str) and path[:1] not in (("error",), ("timestamp",), ("event",)):
        if _PECULIAR.fullmatch(value):
            how, inside = "anywhere", finder(value, "anywhere")
        elif name in _PORTS and _PORT.fullmatch(value):
            how, inside = "port", finder(value, "port")
    uses = sent.of(value, inside=inside)
    if not uses:
        return _NOT_SENT
    if uses[0].line < line:
        return Verdict(None, f"the client chose it: it sends it in line {uses[0].line} already")
    catalog = catalog_of()
    here = _kinds(catalog, message, of, path)
    if here is not None and "enum" in here:
        return Verdict(None, "a value of an enumeration", name, tuple(uses))
    later = f"the client sends it back ({uses[0].command} in line {uses[0].line})"
    if how != "places":
        words = "it is a path or a made-up name" if how == "anywhere" else "it is a port"
        return Verdict(how, f"{words}, and {later}", name, tuple(uses))
    if isinstance(value, int) and name not in _NUMBERED:
        return Verdict(None, f"ambiguous: {name or 'it'} may be an amount", name, tuple(uses))
    agreeing = tuple(use for use in uses if _agree(catalog, here, name, use))
    if not agreeing:
        where = f"{uses[0].command} {uses[0].place}"
        return Verdict(
            None, f"ambiguous: the places do not agree (sent as {where})", name, tuple(uses)
        )
    return Verdict("places", f"both places are of a kind, and {later}", name, agreeing)


def finder(value: str, how: How) -> re.Pattern[str]:
    """The pattern that finds a bound string inside of another one."""
    if how == "port":
        return re.compile(rf"(?<=:){re.escape(value)}(?!\d)|\A{re.escape(value)}\Z")
    return re.compile(rf"(?<![\w#]){re.escape(value)}(?![\w\[])")


def _member(path: Path) -> str:
    """The last name on the way to a place."""
    return next((part for part in reversed(path[1:]) if isinstance(part, str)), "")


def _agree(catalog: Catalog | None, here: frozenset[str] | None, name: str, use: Use) -> bool:
    other = _member(use.path)
    if not any(name in group and other in group for group in ALIKE):
        return False
    there = _kinds(catalog, "command", use.command, use.path)
    if here is None or there is None:
        return True  # the catalog does not tell, and the names do
    return "enum" not in there and bool(here & there)


def _kinds(
    catalog: Catalog | None,
    message: Literal["greeting", "reply", "event", "command"],
    of: str,
    path: Path,
) -> frozenset[str] | None:
    if catalog is None or message == "greeting":
        return None
    found = look_up(catalog, message, of, path)
    return None if found is None else found.kinds or None


# --- places in bytes ---------------------------------------------------------------------------

_TOKEN = re.compile(
    rb"""[ \t\r\n]+|("(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')|([][{}:,])|([^] \t\r\n[{}:,"']+)""",
    re.DOTALL,
)


def scalars(data: bytes) -> Iterator[tuple[Path, int, int]]:
    """Path, start and end (in bytes) of every string, number and keyword in well-formed JSON."""
    path: list[str | int] = []
    in_object: list[bool] = []
    named = False  # in an object, behind the colon
    for token in _TOKEN.finditer(data):
        text, mark, word = token.groups()
        if text is not None and in_object and in_object[-1] and not named:
            path[-1] = loads(text)
        elif text is not None or word is not None:
            yield tuple(path), token.start(), token.end()
        elif mark in (b"{", b"["):
            in_object.append(mark == b"{")
            path.append("" if mark == b"{" else 0)
            named = False
        elif mark in (b"}", b"]"):
            if not path:
                return
            in_object.pop()
            path.pop()
            named = bool(in_object) and in_object[-1]
        elif mark == b":":
            named = True
        elif mark == b"," and path:
            last = path[-1]
            if isinstance(last, int):
                path[-1] = last + 1
            named = False
