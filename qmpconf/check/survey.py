"""What a trace says about its servers: versions, and replies to ``query-qmp-schema``.

`survey` reads a trace once, before it is checked.  Everything is known by what it says, not by
what came before it: a reply is a schema because its entries are, whether or not the command, the
greeting, or the beginning of the session was recorded.

Sessions with a guest agent have a `Survey` of their own, `Survey.agents`: what they say of its
version has nothing to do with a monitor's.

A session may speak to a second server (a log in which two were run together): each greeting begins
a new `Stretch` of its session.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmpconf.check.recent import ENTRIES
from qmpconf.protocol.dialect import QGA, QMP, Dialect
from qmpconf.protocol.messages import Command, from_client
from qmpconf.protocol.values import Malformed, dumps, loads
from qmpconf.schema.introspection import SYSTEM_COMMANDS
from qmpconf.schema.select import PLAIN, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from qmpconf.trace.records import Side

#: How far it is looked into a message, in bytes, and how far into a line for where its message begins.
_FAR, _BEGINS = 1 << 14, 200
#: How the message of a line is named, and what stands before it in one of a client.
_MESSAGE, _OF_CLIENT = b'"msg":', b'"client"'
#: Members of lines that hold no message, or only a part of one.
_OTHERS = (b'"open":', b'"raw":', b'"b64":')
#: In every command to a guest agent.
_TO_AGENT = b'"guest-'
#: How events and successes of most commands begin.
_TELL_NOTHING = (b'{"timestamp"', b'{"return": {}')

#: Bytes of a reply to ``query-target``, and of what describes the first processor in another one, at most.
_MOST_TARGET, _MOST_CPU = 300, 2000
#: The class of the error, and how it names the command (monitor/qmp.c, qapi/qmp-dispatch.c).
_NOT_FOUND = b'"CommandNotFound"'
_MISSING = re.compile(rb'"The command ([\w-]{1,60}) has not been found"')
#: What a processor is emulated as, in a reply to ``query-cpus-fast`` (from 2.12 on).
_CPU = re.compile(rb'"target": *"(\w{1,20})"')
#: The program that was recorded, in the command line that started it.
_PROGRAM = re.compile(r"\bqemu-system-(\w+)")
#: A server for i386 counts as the one for x86_64.
_ALIKE = {"i386": PLAIN}

#: Stretches, different schema replies and bytes of these that are kept: no trace takes more memory.
MOST_STRETCHES = 200_000
MOST_REPLIES = 32
MOST_BYTES = 1 << 25

#: A version behind the name of what it is the version of, in a file's name.
_IN_NAME = re.compile(
    r"(?:^|[^a-z0-9])(?P<what>caps|qemu(?:-storage-daemon|-kvm|-system(?:[-_][a-z0-9_]+?)?)?)[-_. ]?"
    r"v?(?P<version>\d{1,2}\.\d{1,2}(?:\.\d{1,3})?)(?![0-9]|\.[0-9])",
    re.IGNORECASE,
)


def may_tell(line: bytes) -> bool:
    """Whether what a line of a trace holds must be given to `survey`."""
    at = line.find(_MESSAGE, 0, _BEGINS)
    if at < 0:
        found = any(line.find(one, 0, _FAR) >= 0 for one in (*_OTHERS, _TO_AGENT))
        return found or _server_tells(line, 0)
    if line.find(_OF_CLIENT, 0, at) >= 0:
        return line.find(_TO_AGENT, at, at + _FAR) >= 0
    return _server_tells(line, at + len(_MESSAGE))


def message_may_tell(sender: Side, data: bytes) -> bool:
    """Whether a message must be given to `survey`."""
    if sender == "client":
        return data.find(_TO_AGENT, 0, _FAR) >= 0
    return _server_tells(data, 0)


def _server_tells(text: bytes, at: int) -> bool:
    """The same of a server's message that begins at this byte: a schema, a version or an architecture."""
    if text.startswith(_TELL_NOTHING, at):
        return False
    far = at + _FAR
    return (
        text.find(b'"micro"', at, far) >= 0
        or text.find(b"meta-type", at, far) >= 0
        or text.find(b'"supported_commands"', at, far) >= 0
        or text.find(b'"cpu-index"', at, at + _MOST_CPU) >= 0
        or text.find(b'"arch"', at, at + _MOST_TARGET) >= 0
        or text.find(_NOT_FOUND, at, at + _MOST_TARGET) >= 0
    )


@dataclass(frozen=True, slots=True)
class Utterance:
    """A server's message as `survey` sees it: where it stands, its session, its bytes."""

    line: int
    conn: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked of a server that may be a guest agent: the session, the message's bytes."""

    conn: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """A session begins, with a server at the address `server`."""

    conn: int
    server: str


@dataclass(frozen=True, slots=True)
class Named:
    """A version of a server, and where the trace says so.

    `by` is ``greeting``, the command that was answered, ``recorder`` (which asked, and wrote the answer into
    the header), ``name`` (of the file that was converted, `line` 0) or ``text`` (what that file says around its messages: `name` are the words, `line` is
    the file's).
    """

    version: Version
    by: str
    line: int = 0
    name: str = ""

    @property
    def sentence(self) -> str:
        """For example "by the greeting in line 3"."""
        if self.by == "name":
            return f"by the file's name, {self.name}"
        if self.by == "recorder":
            return "as the machine answered the recorder"
        if self.by == "text":
            return f"by line {self.line} of the converted text, {self.name!r}"
        what = self.by if self.by == "greeting" else f"reply to {self.by}"
        return f"by the {what} in line {self.line}"


@dataclass(slots=True)
class Reply:
    """A reply to ``query-qmp-schema``: its first line, its session, its bytes."""

    line: int
    conn: int
    data: bytes


@dataclass(slots=True)
class Stretch:
    """What a session says about its server, from `line` on.

    `schema` is a key of `Survey.replies`, or empty; `broken` the line of a schema reply that is
    cut off or no JSON, or 0; `architecture` what ``query-target`` or ``query-cpus-fast`` named, and empty where
    nothing did; `lacks` a command of every system emulator that was not found, and in which line.
    """

    line: int = 0
    greeted: Named | None = None
    asked: Named | None = None
    schema: bytes = b""
    schema_line: int = 0
    broken: int = 0
    architecture: str = ""
    lacks: tuple[str, int] | None = None

    @property
    def named(self) -> Named | None:
        """The version: that of the greeting counts more than that of ``query-version``."""
        return self.greeted or self.asked


_BLANK = Stretch()


@dataclass(slots=True)
class Survey:
    """What a trace says about its servers.

    `stretches` by session, in the order of their lines; `replies` by digest; `left_out` counts
    schema replies that were not kept, because there are too many different ones.  `header` is the
    version that the trace's header tells (`of_header`), `started` the architecture of the emulator that was
    started for the recording.
    """

    stretches: dict[int, list[Stretch]] = field(default_factory=dict)
    replies: dict[bytes, Reply] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)
    versions: dict[Version, Named] = field(default_factory=dict)
    header: Named | None = None
    started: str = ""
    left_out: int = 0
    #: The same of the sessions with a guest agent, which these are, and what all sessions are.
    agents: Survey | None = None
    of_agents: set[int] = field(default_factory=set)
    dialect: Dialect | None = None
    _kept: int = 0
    _bytes: int = 0
    #: Digests of what a message holds between its outermost brackets, which may be more than the
    #: entries, and of the entries.
    _same: dict[bytes, bytes] = field(default_factory=dict)

    def at(self, conn: int, line: int) -> Stretch:
        """What session `conn` says about its server in `line`; a blank one if nothing."""
        own = self.stretches.get(conn)
        if not own:
            return _BLANK
        behind = bisect_right(own, line, key=lambda one: one.line)
        return own[max(behind - 1, 0)]

    def is_agent(self, conn: int) -> bool:
        """Whether session `conn` is one with a guest agent."""
        return not self.dialect.greets if self.dialect else conn in self.of_agents

    def __iter__(self) -> Iterator[tuple[int, Stretch]]:
        """Every stretch, with its session."""
        for conn, own in self.stretches.items():
            yield from ((conn, one) for one in own)

    def naming(self, digest: bytes) -> Named | None:
        """The version of the server that gave a schema reply, as far as it is sure."""
        own = next((one.named for _, one in self if one.schema == digest), None)
        if own is not None or len(self.versions) > 1:
            return own
        return next(iter(self.versions.values()), self.header)

    # ── as the trace is read ─────────────────────────────────────────────────────────────────

    def opened(self, conn: int, server: str) -> None:
        """A session begins."""
        if server and len(self.addresses) < MOST_STRETCHES:
            self.addresses[conn] = server

    def greeted(self, conn: int, line: int, version: Version) -> None:
        """A greeting."""
        named = Named(version, "greeting", line)
        self._count(named)
        stretch = self._begin(conn, line if conn in self.stretches else 0)
        if stretch is not None:
            stretch.greeted = named

    def asked(self, conn: int, line: int, version: Version, by: str = QMP.version) -> None:
        """A reply to the command `by`, which asks for the version."""
        stretch = self._latest(conn) or self._begin(conn, 0)
        if stretch is None or stretch.greeted is None:  # else it says the same again
            named = Named(version, by, line)
            self._count(named)
            if stretch is not None and stretch.asked is None:
                stretch.asked = named

    def targeted(self, conn: int, architecture: str) -> None:
        """A reply to ``query-target`` or ``query-cpus-fast``."""
        stretch = self._latest(conn) or self._begin(conn, 0)
        if stretch is not None:
            stretch.architecture = _ALIKE.get(architecture, architecture)

    def lacked(self, conn: int, line: int, name: str) -> None:
        """A command of every system emulator was not found."""
        stretch = self._latest(conn) or self._begin(conn, 0)
        if stretch is not None and stretch.lacks is None:
            stretch.lacks = name, line

    def architecture(self, stretch: Stretch) -> str:
        """That of a stretch's server: as it says, or as it was started; empty where nothing tells."""
        return stretch.architecture or self.started

    def replied(self, conn: int, line: int, data: bytes) -> None:
        """A message that may be a reply to ``query-qmp-schema``."""
        stretch = self._latest(conn) or self._begin(conn, 0)
        begin, end = data.find(b"["), data.rfind(b"]") + 1
        digest = hashlib.sha256(data[begin:end]).digest()
        digest = self._same.get(digest, digest)
        if digest not in self.replies:
            # Where it is a plain reply, the bytes of its list decide, whichever trace it stands in.
            plain = _is_plain(data, begin, end)
            whole, known = (
                ENTRIES.use(digest, lambda: _schema_in(data)) if plain else _schema_in(data)
            )
            if not whole and stretch is not None and b'"return"' in data:
                stretch.broken = stretch.broken or line
            if not known:
                return
            if len(self._same) < MOST_STRETCHES:
                self._same[digest] = known
            digest = known
        if digest not in self.replies:
            if len(self.replies) >= MOST_REPLIES or self._bytes + len(data) > MOST_BYTES:
                self.left_out += 1
                return
            self.replies[digest] = Reply(line, conn, data)
            self._bytes += len(data)
        if stretch is not None and not stretch.schema:
            stretch.schema, stretch.schema_line = digest, line

    def _latest(self, conn: int) -> Stretch | None:
        own = self.stretches.get(conn)
        return own[-1] if own else None

    def _begin(self, conn: int, line: int) -> Stretch | None:
        if self._kept >= MOST_STRETCHES:
            return None
        self._kept += 1
        stretch = Stretch(line)
        self.stretches.setdefault(conn, []).append(stretch)
        return stretch

    def _count(self, named: Named) -> None:
        if len(self.versions) < MOST_STRETCHES:
            self.versions.setdefault(named.version, named)


def survey(
    said: Iterable[Utterance | Asked | Opening],
    meta: Mapping[str, Any] | None = None,
    dialect: Dialect | None = None,
) -> Survey:
    """Find versions and schema replies; `meta` is that of the trace's header.

    Only what `may_tell` need be given.  `dialect` is that of all sessions, where it is known; else it is
    that of a session's first message that tells it.
    """
    surveyor = Surveyor(meta, dialect)
    for one in said:
        surveyor.take(one)
    return surveyor.found


class Surveyor:
    """The same as `survey`, one message after the other; `found` is what was said so far."""

    def __init__(self, meta: Mapping[str, Any] | None, dialect: Dialect | None) -> None:
        self._agents = Survey()
        self.found = Survey(
            header=of_header(meta or {}),
            started=_started(meta or {}),
            agents=self._agents,
            dialect=dialect,
        )
        self._dialect = dialect
        self._told: dict[int, Dialect] = {}

    def take(self, one: Utterance | Asked | Opening) -> None:
        """Take the next one."""
        found, told = self.found, self._told
        speaks = self._dialect or told.get(one.conn)
        if isinstance(one, Opening):
            found.opened(one.conn, one.server)
            self._agents.opened(one.conn, one.server)
            told.pop(one.conn, None)
        elif isinstance(one, Asked):
            if speaks is None and _TO_AGENT in one.data and len(told) < MOST_STRETCHES:
                message = from_client(one.data)
                named = isinstance(message, Command) and message.name.startswith(QGA.prefix)
                told[one.conn] = QGA if named else QMP
                if named:
                    found.of_agents.add(one.conn)
        elif speaks is not None and not speaks.greets:
            _agent_said(self._agents, one)
        elif b"meta-type" in one.data:
            found.replied(one.conn, one.line, one.data)
        elif b"micro" in one.data:
            self._versioned(one)
        elif (architecture := _architecture(one.data)) is not None:
            self.found.targeted(one.conn, architecture)
        elif _NOT_FOUND in one.data and (name := _missing(one.data)) in SYSTEM_COMMANDS:
            self.found.lacked(one.conn, one.line, name)

    def _versioned(self, one: Utterance) -> None:
        """A message that may name the server's version."""
        value = _object(one.data)
        greeting = value.get("QMP")
        if isinstance(greeting, dict):
            version = Version.of(greeting.get("version"))
            if version is not None:
                self.found.greeted(one.conn, one.line, version)
            if len(self._told) < MOST_STRETCHES:
                self._told.setdefault(one.conn, QMP)
        elif (version := Version.of(value.get("return"))) is not None:
            self.found.asked(one.conn, one.line, version)


def _agent_said(agents: Survey, one: Utterance) -> None:
    """A guest agent's message: it may be a reply to ``guest-info``."""
    result = _object(one.data).get("return")
    if not isinstance(result, dict) or not isinstance(result.get("supported_commands"), list):
        return
    version = Version.parse(str(result.get("version")))
    if version is not None:
        agents.asked(one.conn, one.line, version, QGA.version)


def _architecture(data: bytes) -> str | None:
    """What a reply to ``query-target`` or ``query-cpus-fast`` names; None for any other message."""
    if b'"cpu-index"' in data:
        found = _CPU.search(data, 0, _MOST_CPU)
        is_reply = found is not None and isinstance(_object(data).get("return"), list)
        return found[1].decode() if found and is_reply else None
    if b'"arch"' not in data or len(data) >= _MOST_TARGET:
        return None
    match _object(data).get("return"):
        case {"arch": str(architecture), **others} if not others:
            return architecture
    return None


def _missing(data: bytes) -> str:
    """The command that an error says is not there; empty for any other message."""
    found = _MISSING.search(data, 0, _MOST_TARGET)
    return found[1].decode() if found and "error" in _object(data) else ""


def _started(meta: Mapping[str, Any]) -> str:
    """The architecture of the emulator in the command line by which the recorder started it."""
    found = _PROGRAM.search(str(meta.get("spawn", "")))
    return _ALIKE.get(found[1], found[1]) if found else ""


def of_header(meta: Mapping[str, Any]) -> Named | None:
    """The version that a recorder asked for before it began, or that of a converted file."""
    version = Version.of(meta.get("query-version"))
    return of_file(meta) if version is None else Named(version, "recorder")


def of_file(meta: Mapping[str, Any]) -> Named | None:
    """The version that the converted file says around its messages, else the one in its name.

    Only where there is just one: ``caps_7.2.0_x86_64.replies`` (libvirt), ``qemu-7.2.replies``; behind another word a version is
    that of something else.
    """
    converted = meta.get("converted")
    if not isinstance(converted, dict) or not isinstance(converted.get("from"), str):
        return None
    name = converted["from"]
    if (said := _said(converted.get("says"))) is not None:
        return said
    found = {
        version
        for one in _IN_NAME.finditer(name)
        if (version := Version.parse(one["version"]))
        and (one["what"].lower() != "caps" or converted.get("format") == "replies")
    }
    return Named(found.pop(), "name", 0, name) if len(found) == 1 else None


def _said(says: object) -> Named | None:
    """What a text says about its QEMU (`qmpconf.trace.convert.versions`), as the header has it."""
    match says:
        case {"line": int(line), "text": str(text), "version": str(version)}:
            found = Version.parse(version)
            return Named(found, "text", line, text) if found else None
        case _:
            return None


def _schema_in(data: bytes) -> tuple[bool, bytes]:
    """Whether `data` is a whole JSON value, and the digest of the schema's entries that it returns.

    The digest is the same for all replies with these entries, and empty where it is not a schema.
    """
    try:
        value = loads(data)
    except Malformed:
        return False, b""
    entries = value.get("return") if isinstance(value, dict) else None
    is_schema = isinstance(entries, list) and any(
        isinstance(one, dict) and "meta-type" in one for one in entries
    )
    return True, hashlib.sha256(dumps(entries)).digest() if is_schema else b""


def _is_plain(data: bytes, begin: int, end: int) -> bool:
    """Whether a message is a reply whose only list, at these bytes, is what it returns."""
    if b"[" in data[end:] or not begin < end:
        return False
    around = _object(data[:begin] + b"[]" + data[end:])
    return around.get("return") == [] and around.keys() <= {"return", "id"}


def entries_of(reply: Reply) -> list[Any]:
    """The entries of a schema reply, as they were sent."""
    found: list[Any] = loads(reply.data)["return"]
    return found


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = loads(data)
    except Malformed:
        return {}
    return value if isinstance(value, dict) else {}
