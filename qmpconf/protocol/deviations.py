"""What qualifies a requirement: since when it holds, what real servers do otherwise, what hides it.

Data for the register (`qmpconf.protocol.requirements`), by requirement id.  A rule stays a rule
where real servers break it; that they do is known here, not hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Deviation:
    """What known builds do otherwise.

    `product` is ``qemu`` (the emulator and its storage daemon) or ``qemu-storage-daemon``; `since`
    and `until` are the first and the last version that were seen to do it, empty where it is all
    that were looked at (5.2.0 to 11.1.3).
    """

    seen: str
    product: str = "qemu"
    since: str = ""
    until: str = ""

    def __str__(self) -> str:
        versions = " ".join(
            part
            for part in (
                f"from {self.since}" if self.since else "",
                f"up to {self.until}" if self.until else "",
            )
            if part
        )
        return f"{self.product}{' ' + versions if versions else ''}: {self.seen}"


_D = Deviation
_QSD = "qemu-storage-daemon"

DEVIATIONS: Mapping[str, tuple[Deviation, ...]] = MappingProxyType(
    {
        "framing.crlf": (_D("the monitor option pretty=on puts CR LF inside of messages, too"),),
        "framing.valid-json": (_D("an id of 1e400 comes back as inf"),),
        "framing.utf8-in": (
            _D("the overlong sequence C0 80 is taken as U+0000"),
            _D("non-characters such as U+FFFE are refused, too"),
        ),
        "greeting.first": (
            _D("on a reconnect in a storm of events, one of them can come first (1 to 2 in 100)"),
        ),
        "greeting.each-session": (
            _D(
                "the reply to a command that still runs at the disconnect can reach the next session"
            ),
        ),
        "capabilities.known": (_D("oob is offered, though no command allows it", _QSD),),
        "request.strict-arguments": (
            _D("query-qmp-schema takes any argument and ignores it", until="5.2"),
        ),
        "request.unknown-command": (_D("a disabled command gets GenericError", until="4.1"),),
        "response.exactly-one": (
            _D("input with a lexical error gets one error or several", until="10.0"),
            _D("query-events aborts the daemon", _QSD, until="5.2"),
        ),
        "response.id-echo": (
            _D("an integer beyond 64 bits comes back as a double; 0.1 with 17 digits"),
            _D("1e-300 comes back as 0: a number has 17 decimals and no exponent", until="5.2"),
        ),
        "response.error-shape": (_D("errors have a member data", until="1.1"),),
        "response.error-class": (_D("dozens of classes", until="1.1"),),
        "recovery.reset-byte": (
            _D("an error comes for the byte", until="11.0"),
            _D("no error need come for the byte", since="11.1"),
        ),
        "recovery.after-error": (
            _D("one malformed line can cause any number of errors", until="10.0"),
        ),
        "limits.size": (_D("input is read byte by byte: a mebibyte takes seconds", until="10.0"),),
        "fds.pass": (
            _D("of several descriptors on one byte, all but one are dropped"),
            _D("of pipelined getfd commands with oob enabled, one loses its descriptor"),
        ),
        "event.rate-limit": (_D("events that are not on the list come without any limit"),),
        "schema.introspection": (
            _D("object-add is there, and not in the introspection", _QSD, until="5.2"),
        ),
    }
)

#: Requirement -> the first version that it binds, and the last one (empty: still).
HOLDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "framing.utf8-in": ("3.1", ""),
        "framing.surrogates": ("3.1", ""),
        "framing.duplicate-member": ("4.0", ""),
        "greeting.shape": ("0.14", ""),
        "capabilities.known": ("2.12", ""),
        "negotiation.bad-enable": ("2.12", ""),
        "negotiation.enable-offered": ("2.12", ""),
        "request.oob-negotiated": ("3.0", ""),
        "request.unknown-command": ("1.2", ""),
        "response.error-shape": ("1.2", ""),
        "response.error-class": ("1.2", ""),
        "event.rate-limit": ("1.3", ""),
        "oob.overtakes": ("3.0", ""),
        "oob.allowed-only": ("3.0", ""),
        "oob.queue": ("3.1", ""),
        "oob.id": ("3.0", ""),
        "oob.exec-id": ("3.0", ""),
        "compat.unstable": ("6.2", ""),
        "compat.deprecated": ("5.1", ""),
    }
)

#: Requirement -> why neither a recording nor a case of the server suite can show it.
UNSEEN: Mapping[str, str] = MappingProxyType(
    {
        "response.unparsed-desc": "what a client does with a text does not show on the wire",
        "agent.resync": "a client that has given up cannot be told from one that sends ahead",
    }
)
