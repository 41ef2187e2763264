"""Dialects: what two protocols that share their framing, messages and files do differently.

QMP is what a monitor of QEMU speaks, QGA what the guest agent does (qmpconf/protocol/README.md, The
guest agent).  A `Dialect` is the whole difference, as data: session rules, recorder, replayer,
embedded servers and suite read it, and none of them asks for a dialect by its name.

Which one a session speaks is named by its user, or told by its traffic: `recognised` looks at one
frame.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success, Unknown

#: The byte that can be in no JSON text: it makes a parser start anew, on either side.
SENTINEL = b"\xff"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one protocol differs from the other.

    ================  ========================================================================
    `name`            how users name it: ``qmp``, ``qga``
    `title`           what it is called in sentences
    `peer`            what speaks it, as the server
    `product`         whose catalogs it has where nothing else is known; `products` are all
    `end`             what a server writes behind a message
    `ends`            what may stand there (what is converted from a text has CR LF)
    `end_rule`        the requirement about it
    `greets`          whether the server greets, and capabilities are negotiated
    `others`          how the ids of requirements begin that do not hold in it
    `prefix`          how all of its commands' names begin (empty: nothing is common to them)
    `version`         the command that returns the server's version
    `syncs`           commands that return the integer that they were sent, to find one's place
    `delimited`       those of them before whose response a `SENTINEL` stands
    `silent`          commands that get no response where they succeed
    `freezes`         commands behind which only those in `while_frozen` are taken, until `thaws`
    `disables`        whether a server may refuse a command that it has, as CommandNotFound
    `polled`          commands that a client sends again until that member of what they return is true
    `safe`            commands (``*`` is wild) that change nothing, where names do not tell it
    ================  ========================================================================
    """

    name: str
    title: str
    peer: str
    product: str
    products: tuple[str, ...]
    end: bytes
    ends: frozenset[bytes]
    end_rule: str
    greets: bool
    others: tuple[str, ...]
    prefix: str = ""
    version: str = ""
    syncs: frozenset[str] = frozenset()
    delimited: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    freezes: frozenset[str] = frozenset()
    thaws: frozenset[str] = frozenset()
    while_frozen: frozenset[str] = frozenset()
    disables: bool = False
    polled: Mapping[str, str] = field(default_factory=dict)
    safe: tuple[str, ...] = ()

    def has(self, requirement: str) -> bool:
        """Whether the requirement of that id holds in this dialect."""
        return not requirement.startswith(self.others)

    def as_text(self) -> Dialect:
        """The same, of what was converted from a text that does not hold every byte."""
        return replace(self, delimited=frozenset())


QMP = Dialect(
    name="qmp",
    title="QMP",
    peer="monitor",
    product="qemu",
    products=("qemu", "qemu-storage-daemon"),
    end=b"\r\n",
    ends=frozenset({b"\r\n"}),
    end_rule="framing.crlf",
    greets=True,
    others=("agent.",),
    version="query-version",
)

QGA = Dialect(
    name="qga",
    title="the guest agent's protocol",
    peer="guest agent",
    product="qemu-ga",
    products=("qemu-ga",),
    end=b"\n",
    ends=frozenset({b"\n", b"\r\n"}),
    end_rule="agent.line-feed",
    greets=False,
    others=(
        *("framing.crlf", "greeting.", "capabilities.", "negotiation.", "oob.", "event.", "fds."),
        *("session.single", "session.idle", "session.greeted-twice"),
        *("session.quit-eof", "session.after-quit"),
        *("request.oob-negotiated", "schema.introspection", "schema.event", "schema.oob"),
    ),
    prefix="guest-",
    version="guest-info",
    syncs=frozenset({"guest-sync", "guest-sync-delimited"}),
    delimited=frozenset({"guest-sync-delimited"}),
    silent=frozenset(
        {"guest-shutdown", "guest-suspend-disk", "guest-suspend-ram", "guest-suspend-hybrid"}
    ),
    freezes=frozenset({"guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list"}),
    thaws=frozenset({"guest-fsfreeze-thaw"}),
    while_frozen=frozenset(
        {
            *("guest-ping", "guest-info", "guest-sync", "guest-sync-delimited"),
            *("guest-fsfreeze-status", "guest-fsfreeze-thaw"),
        }
    ),
    disables=True,
    polled=MappingProxyType({"guest-exec-status": "exited"}),
    safe=(
        *("guest-ping", "guest-info", "guest-sync", "guest-sync-delimited", "guest-get-*"),
        *("guest-fsfreeze-status", "guest-network-get-*", "guest-ssh-get-*"),
    ),
)

#: Every dialect, by name.
DIALECTS: Mapping[str, Dialect] = MappingProxyType({one.name: one for one in (QMP, QGA)})

#: What the messages of the two sides are read as.
Message = Command | Greeting | Success | Failure | Event | Unknown


def of_product(product: str) -> Dialect:
    """The dialect of a product's catalogs."""
    return next((one for one in DIALECTS.values() if product in one.products), QMP)


def recognised(frame: Frame, message: Message | None) -> Dialect | None:
    """What one of a session's first frames tells, with the message in it; None: nothing yet.

    Commands, greetings and events tell.  What an agent's earlier client did not fetch may come before
    them, and so may a `SENTINEL` of either side, and what is not a message, whoever sends it.
    """
    if isinstance(message, Command):
        return QGA if message.name.startswith(QGA.prefix) else QMP
    if isinstance(message, Success | Failure):
        return None if frame.end == QGA.end else QMP
    told = isinstance(message, Greeting | Event) or frame.kind is Kind.LONG
    return QMP if told else None
