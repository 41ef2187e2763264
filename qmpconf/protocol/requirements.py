"""The register of requirements: every rule of the wire protocol, as data.

Checker, suite, reports and documents point into it by id.  An id stays for good.  "spec" numbers
are sections of QEMU's docs/interop/qmp-spec; "seen" stands for what real servers do where the
specification is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from qmpconf.protocol.deviations import DEVIATIONS, HOLDS, UNSEEN, Deviation

if TYPE_CHECKING:
    from collections.abc import Mapping


class Level(Enum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Party(Enum):
    """Who is bound by a requirement, and who is to blame when it is broken."""

    CLIENT = "client"
    SERVER = "server"
    RECORDER = "recorder"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One rule: `id`, `level`, who is bound (`binds`), one `sentence`, and its `source`.

    `since` and `until` are the first and the last version of QEMU that it binds (empty: it always
    did, it still does), `deviations` what known builds do otherwise, `unseen` why neither a
    recording nor the server suite can show it (empty: they can).
    """

    id: str
    level: Level
    binds: Party
    sentence: str
    source: str
    since: str = ""
    until: str = ""
    deviations: tuple[Deviation, ...] = ()
    unseen: str = ""

    def holds(self, version: tuple[int, ...]) -> bool:
        """Whether it binds a server of this version, which is () where it is unknown."""
        first, last = _numbers(self.since), _numbers(self.until)
        return not version or (
            version[: len(first)] >= first and (not last or version[: len(last)] <= last)
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def requirement(id_: str, level: Level, binds: Party, sentence: str, source: str) -> Requirement:
    """A rule, with what `qmpconf.protocol.deviations` knows of it."""
    since, until = HOLDS.get(id_, ("", ""))
    return Requirement(
        id_,
        level,
        binds,
        sentence,
        source,
        since,
        until,
        DEVIATIONS.get(id_, ()),
        UNSEEN.get(id_, ""),
    )


_S, _C = Party.SERVER, Party.CLIENT
_MUST, _SHOULD, _MAY = Level.MUST, Level.SHOULD, Level.MAY

_ROWS: tuple[tuple[str, Level, Party, str, str], ...] = (
    # Framing and encoding
    ("framing.object", _MUST, _S, "Every server message is one JSON object.", "spec 2.1"),
    ("framing.crlf", _MUST, _S, "Every server message ends in CR LF.", "spec 2.1"),
    (
        "framing.ascii",
        _SHOULD,
        _S,
        "Server output is ASCII; other characters are \\uXXXX in upper case, in pairs above the BMP.",
        "seen",
    ),
    ("framing.valid-json", _MUST, _S, "What the server sends is valid JSON.", "spec 2.1"),
    (
        "framing.by-value",
        _MUST,
        _S,
        "Input is framed by JSON value, not by line or by write.",
        "spec 2.1",
    ),
    (
        "framing.utf8-in",
        _MUST,
        _S,
        "Input is UTF-8; invalid sequences and lone surrogates are refused.",
        "spec 2.1",
    ),
    (
        "framing.dialect",
        _MAY,
        _S,
        "Single-quoted strings are taken on input, and never sent.",
        "seen",
    ),
    (
        "framing.json-strict",
        _MUST,
        _S,
        (
            "Input that is no JSON (leading zeros, +1, NaN, trailing commas, comments, raw control "
            "characters in strings) is refused."
        ),
        "spec 2.1",
    ),
    ("framing.duplicate-member", _SHOULD, _S, "A duplicate member is refused.", "seen since 4.0"),
    (
        "framing.any-piece",
        _MUST,
        _C,
        "A client takes messages in whatever pieces they come, split or merged with others.",
        "spec 2.1",
    ),
    (
        "framing.any-size",
        _MUST,
        _C,
        "A client takes messages of any size: 10 MiB occur.",
        "seen",
    ),
    # Greeting and negotiation
    (
        "greeting.first",
        _MUST,
        _S,
        "The greeting is the first message of a session, and comes once.",
        "spec 2.2",
    ),
    (
        "greeting.shape",
        _MUST,
        _S,
        "The greeting is {QMP: {version, capabilities}}, the version as query-version returns it.",
        "spec 2.2",
    ),
    (
        "greeting.unsolicited",
        _MUST,
        _S,
        "The greeting comes without the client sending anything.",
        "spec 2.2",
    ),
    (
        "greeting.each-session",
        _MUST,
        _S,
        "Every session starts with a greeting, in negotiation mode, with a fresh parser.",
        "spec 4",
    ),
    (
        "capabilities.known",
        _MUST,
        _S,
        "Capabilities are strings: oob, or a downstream name with its prefix.",
        "spec 2.2, 6",
    ),
    (
        "negotiation.gate",
        _MUST,
        _S,
        "Until qmp_capabilities succeeds, every other command gets CommandNotFound.",
        "spec 4",
    ),
    (
        "negotiation.no-events",
        _MUST,
        _S,
        "No event comes before negotiation is done.",
        "spec 4",
    ),
    (
        "negotiation.enable-offered",
        _MUST,
        _C,
        "A client enables only capabilities that were offered.",
        "spec 4",
    ),
    (
        "negotiation.bad-enable",
        _MUST,
        _S,
        "Enabling an unknown capability gets an error and leaves negotiation open.",
        "spec 4",
    ),
    (
        "negotiation.once",
        _MUST,
        _S,
        "A second qmp_capabilities gets CommandNotFound.",
        "spec 4",
    ),
    (
        "negotiation.client-first",
        _MUST,
        _C,
        "The first command of a client is qmp_capabilities.",
        "spec 4",
    ),
    (
        "session.single",
        _SHOULD,
        _S,
        "A second client on the same socket gets nothing until the first has gone.",
        "seen",
    ),
    (
        "session.half-close",
        _SHOULD,
        _S,
        "After the client shut its sending side down, pending commands are answered, then EOF.",
        "seen",
    ),
    (
        "session.patience",
        _SHOULD,
        _C,
        "A client waits for a greeting or an answer that takes a second.",
        "seen",
    ),
    (
        "session.quit-eof",
        _SHOULD,
        _C,
        "A client takes the end of the session for the end of quit, with and without its response.",
        "seen",
    ),
    # Requests
    (
        "request.object",
        _MUST,
        _C,
        "Every client message is one well-formed JSON object.",
        "spec 2.3",
    ),
    (
        "request.members",
        _MUST,
        _C,
        "A command has exactly one of execute and exec-oob, maybe arguments and id, nothing else.",
        "spec 2.3",
    ),
    ("request.execute-string", _MUST, _C, "The command's name is a string.", "spec 2.3"),
    ("request.arguments-object", _MUST, _C, "The arguments are an object.", "spec 2.3"),
    (
        "request.non-object",
        _MUST,
        _S,
        "A JSON value that is no object gets GenericError without an id.",
        "seen",
    ),
    (
        "request.oob-negotiated",
        _MUST,
        _C,
        "exec-oob is used only after the capability oob was enabled.",
        "spec 2.3.1",
    ),
    (
        "request.strict-arguments",
        _MUST,
        _S,
        "Unknown, missing and wrongly typed arguments are refused before any effect.",
        "spec 2.3",
    ),
    (
        "request.unknown-command",
        _MUST,
        _S,
        "A command that is unknown, disabled or rejected by policy gets CommandNotFound.",
        "spec 2.4.2",
    ),
    # Responses
    (
        "response.exactly-one",
        _MUST,
        _S,
        "Every command gets one response, and nothing else does.",
        "spec 2.4",
    ),
    (
        "response.members",
        _MUST,
        _S,
        "A response has return or error, and id if the command had one; nothing else.",
        "spec 2.4",
    ),
    (
        "response.id-echo",
        _MUST,
        _S,
        "The command's id comes back with its response, by value.",
        "spec 2.4",
    ),
    ("response.id-absent", _MUST, _S, "Without an id sent, none comes back.", "spec 2.4"),
    ("response.void", _MUST, _S, "A command that returns nothing returns {}.", "spec 2.4.1"),
    (
        "response.error-shape",
        _MUST,
        _S,
        "An error is {class, desc}, both strings, and nothing else.",
        "spec 2.4.2",
    ),
    (
        "response.error-class",
        _MUST,
        _S,
        "The class of an error is one of the five that are documented.",
        "spec 2.4.2",
    ),
    (
        "response.in-order",
        _MUST,
        _S,
        "In-band responses come in the order of their commands.",
        "spec 2.3",
    ),
    (
        "response.unparsed-desc",
        _SHOULD,
        _C,
        "A client does not take a decision from the text of desc.",
        "spec 2.4.2",
    ),
    # Events
    (
        "event.shape",
        _MUST,
        _S,
        "An event has event (a string), timestamp, and data if there is any; nothing else.",
        "spec 2.5",
    ),
    (
        "event.timestamp",
        _MUST,
        _S,
        "seconds and microseconds (0 to 999999) are integers, both -1 when the clock fails.",
        "spec 2.5",
    ),
    ("event.no-empty-data", _MUST, _S, "An event without members has no data.", "spec 2.5"),
    ("event.not-inside", _MUST, _S, "An event never comes inside another message.", "spec 2.5"),
    (
        "event.rate-limit",
        _SHOULD,
        _S,
        "Rate-limited events come at most once a second each, the last one kept.",
        "spec 2.5",
    ),
    (
        "event.unknown-tolerated",
        _MUST,
        _C,
        "A client ignores events and members that it does not know.",
        "spec 5",
    ),
    (
        "event.any-time",
        _MUST,
        _C,
        "A client takes events between any two messages, as soon as negotiation is done.",
        "spec 2.5",
    ),
    # Out of band
    (
        "oob.overtakes",
        _MUST,
        _S,
        "An out-of-band command is answered without waiting for queued in-band commands.",
        "spec 2.3.1",
    ),
    (
        "oob.allowed-only",
        _MUST,
        _S,
        "exec-oob of a command that does not allow it gets GenericError.",
        "spec 2.3.1",
    ),
    (
        "oob.queue",
        _SHOULD,
        _S,
        "Up to 8 in-band commands in flight leave out-of-band execution working.",
        "spec 2.3.1",
    ),
    (
        "oob.id",
        _SHOULD,
        _C,
        "With out-of-band execution enabled, every command carries an id.",
        "spec 2.3.1",
    ),
    (
        "oob.by-id",
        _MUST,
        _C,
        "A client finds the response to an out-of-band command by its id, whatever comes first.",
        "spec 2.3.1",
    ),
    # Recovery and limits
    (
        "recovery.after-error",
        _MUST,
        _S,
        "After malformed input the session goes on.",
        "seen",
    ),
    (
        "recovery.reset-byte",
        _MUST,
        _S,
        "0xFF, which can be in no JSON text, resets the parser, also inside a string.",
        "spec 2.6",
    ),
    (
        "limits.nesting",
        _SHOULD,
        _S,
        "1024 levels are taken; more are refused without losing the session.",
        "seen",
    ),
    (
        "limits.size",
        _SHOULD,
        _S,
        "Tokens up to 64 MiB and 2 Mi of them are taken; more gets an error, not a crash.",
        "seen",
    ),
    # Descriptors and compatibility
    (
        "fds.pass",
        _MUST,
        _S,
        "getfd and add-fd take a descriptor sent on any byte of their message, or earlier.",
        "seen",
    ),
    (
        "compat.downstream-prefix",
        _SHOULD,
        _S,
        "Downstream names start with __ and a reversed domain name.",
        "spec 6",
    ),
    (
        "compat.unstable",
        _SHOULD,
        _C,
        "A client does not rely on what is marked unstable: it may change.",
        "spec 5",
    ),
    (
        "compat.deprecated",
        _SHOULD,
        _C,
        "A client does not use what is marked deprecated: it goes away.",
        "spec 5",
    ),
)

#: Every requirement of the wire protocol, by id, in the order of PROTOCOL.md.
REQUIREMENTS: Mapping[str, Requirement] = MappingProxyType(
    {row[0]: requirement(*row) for row in _ROWS}
)
