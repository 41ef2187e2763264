r"""What a line says about whom it concerns, and who says what in it.

A session is known by what programs print beside its messages: the address of the monitor in the
program's memory, the socket's path, a process, a machine, a sandbox or a container.  They stand as
``name=value`` before or behind the message, as members of the object that holds it, or in a form
of their own (``kata[1234]:``, ``(monitor vm1.qmp1)``).

Who says a message shows in its members.  For what is not a message, the words before it tell: those
that stood before other messages of the same side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from qmpconf.trace.records import Side

#: What tells sessions apart: our name, and those of the programs.
KEYS: dict[str, tuple[str, ...]] = {
    "monitor": ("mon", "monitor"),
    "socket": ("socket", "sock", "socket_path", "qmp_socket"),
    "vm": ("vm", "vmname", "vm_name", "vmid", "vm_id", "domain", "dom", "instance", "guest"),
    "sandbox": ("sandbox", "sandbox_id", "sandboxid"),
    "container": ("container", "container_id", "containerid"),
    "pid": ("pid", "process_id", "processid"),
    "thread": ("thread", "tid", "thread_id", "threadid"),
    "process": ("_pid", "syslog_pid"),
    "descriptor": (),
}
#: The same, to choose from: ``none`` puts all into one session.
SESSION_KEYS = (*KEYS, "none")
#: What does, unless the user says otherwise: answers are often logged by another thread.
DEFAULT_KEYS = ("monitor", "socket", "vm", "sandbox", "container", "pid", "process", "descriptor")

_CANONICAL = {name: key for key, names in KEYS.items() for name in names}
_PAIR = re.compile(
    rb"(?<![\w\"'-])(mon|monitor|socket|sock|vm|vm[_-]?name|vm[_-]?id|vmName|vmId|domain|dom|instance|guest"
    rb"|sandbox|sandbox[_-]id|container|container[_-]id|pid|tid|thread|ID)(?:=|: |(?<=[pt]id):)"
    rb"[\"']?([\w.:/@-]{1,200})"
)
#: Forms of their own; each has its mark, which is looked for first.
_FORMS: tuple[tuple[bytes, str, re.Pattern[bytes]], ...] = (
    (b"(monitor ", "monitor", re.compile(rb"\(monitor ([^)\s]{1,200})\)")),
    (b" 0x", "monitor", re.compile(rb"\bmon(?:itor)? (0x[0-9a-fA-F]{1,16})\b")),
    (b"domain ", "vm", re.compile(rb"\bdomain '?([\w.-]{1,200})'?:")),
    (b"VM ", "vm", re.compile(rb"\bVM (\d{1,10})\b")),
    (b"m=", "pid", re.compile(rb"m=[+-][\d.]{1,30}:(\d{1,10}):")),
    (
        b"(",  # strace: write(5, ...), recvmsg(5<UNIX:[1234]>, ...)
        "descriptor",
        re.compile(
            rb"\b(?:p?(?:read|write)v?|send(?:to|msg)?|recv(?:from|msg)?)\((\d{1,9})(?:<[^>\n]{0,300}>)?, "
        ),
    ),
    (b"@", "pid", re.compile(rb"(?:^|\s)(\d{1,10})@\d{10}\.\d{6}:")),
    (
        b"/",
        "socket",
        re.compile(rb"(?<![\w/])((?:/[\w.+:@-]{1,200}){1,20}\.(?:sock|monitor|qmp))\b"),
    ),
)
#: How syslog and systemd's journal begin a line.
_PROCESS = re.compile(
    rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{1,40}|\d{10}\.\d{1,9})"
    rb" \S{1,200} [\w./@-]{1,100}\[(\d{1,10})\]: "
)
#: How much of the text around a message is looked at.
_NEAR = 2048


def process_of(text: bytes) -> re.Match[bytes] | None:
    """What syslog puts before a text: its group is the process that has written it."""
    return _PROCESS.match(text)


def of_text(before: bytes, behind: bytes = b"") -> dict[str, str]:
    """What the text around a message says, by the names of `KEYS`."""
    found: dict[str, str] = {}
    if process := process_of(before):
        found["process"] = process.group(1).decode()
    near = before[:_NEAR]
    for mark, key, pattern in _FORMS:
        match = pattern.search(near) if mark in near else None
        if match and key not in found:
            found[key] = _value(match.group(1))
    for text in (near, behind[:_NEAR]):
        for name, value in _PAIR.findall(text):
            key = "sandbox" if name == b"ID" else _CANONICAL.get(_plain(name.decode()), "")
            if key:
                found[key] = _value(value)
    return found


def of_members(members: Mapping[str, str]) -> dict[str, str]:
    """What the members of the objects around a message say."""
    found: dict[str, str] = {}
    for name, value in members.items():
        key = "sandbox" if name == "ID" else _CANONICAL.get(_plain(name), "")
        if key and value:
            found.setdefault(key, value)
    return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _value(value: bytes) -> str:
    return value.decode("utf-8", "replace").rstrip(":").lower()


# --- sides -------------------------------------------------------------------------------------

#: Words before a message, by who says it.
_CLIENT = re.compile(
    rb"(?:->|-->|=>|>>>|\xe2\x86\x92|\b(?:send|sent|sending|tx|write|writing|wrote|request|query|command|cmd"
    rb"|execut\w{0,4}|client|out|outgoing)\b)",
    re.IGNORECASE,
)
_SERVER = re.compile(
    rb"(?:<-|<--|<=|<<<|\xe2\x86\x90|\b(?:recv|received?|receiving|rx|read|reading|got|response|reply|replied"
    rb"|answer|result|event|server|in|incoming)\b)",
    re.IGNORECASE,
)
_CHANGING = re.compile(rb"\b[0-9a-fA-F]{8,}\b|[0-9]+")
#: How many different words are remembered.
_MOST = 256


def side_of_word(word: str) -> Side | None:
    """The side that a word names, such as ``sent``, ``<-`` or ``reply``; None if it names none."""
    text = word.encode("utf-8", "replace").strip()
    if text == b">" or _CLIENT.search(text):
        return None if _SERVER.search(text) else "client"
    return "server" if text == b"<" or _SERVER.search(text) else None


class Words:
    """The words that stood before messages, and who said those."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Side | None] = {}

    def learn(self, before: bytes, sender: Side) -> None:
        """`sender` has said what stood behind these words."""
        words = _CHANGING.sub(b"0", before[-60:])
        if words in self._seen:
            if self._seen[words] != sender:
                self._seen[words] = None
        elif len(self._seen) < _MOST:
            self._seen[words] = sender

    def guess(self, before: bytes) -> Side | None:
        """Who says what stands behind these words, by what was seen, or by what they mean."""
        known = self._seen.get(_CHANGING.sub(b"0", before[-60:]))
        if known is not None:
            return known
        near = before[-40:]
        client, server = _CLIENT.search(near), _SERVER.search(near)
        if bool(client) == bool(server):
            return None
        return "client" if client else "server"
