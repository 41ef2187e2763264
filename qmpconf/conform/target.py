"""The target: how it is reached, and what it said of itself before the first case.

`survey` talks to it once, like a polite client, and finds out whether it is a QMP server at all,
its version, its catalog (its own introspection, else a named or shipped one), and the commands
that it lists.  Nothing that a server offers is assumed; all of it stands in the survey's trace.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from qmpconf.check.basis import Basis
from qmpconf.conform.builds import build_of
from qmpconf.conform.lock import locked
from qmpconf.conform.patience import Patience
from qmpconf.conform.said import Said
from qmpconf.conform.talk import Talk
from qmpconf.conform.tape import Tape
from qmpconf.conform.verdicts import Stop, Unmet
from qmpconf.errors import InputError, TargetError, UsageError
from qmpconf.net.address import Address, FdAddress, TcpAddress, UnixAddress
from qmpconf.net.endpoint import connect
from qmpconf.net.process import Server, end, ended
from qmpconf.protocol.dialect import QMP, SENTINEL, Dialect, of_product
from qmpconf.protocol.messages import Failure, Greeting, Success, Unknown
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import Version, select
from qmpconf.schema.store import from_reply, load, load_shipped

#: Seconds that a server may take to greet before it is given a push, and again after that.
GREETING = 2.5
#: Seconds that a server which was started for the suite has to listen.
_LISTENING = 3.0
#: Hosts that are this one.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: Seconds that may pass until there is room in a server's queue of clients.
_QUEUE = 2.0
#: The integer of a session's first sync.
_SYNC = 1_234_567
#: How often a server that was started for the suite is started again when it dies or hangs.
RESTARTS = 5


@dataclass(slots=True)
class Facts:
    """What the survey found.

    `version` is () and `greeting` None where the server did not greet properly.  `entries` is the
    reply to ``query-qmp-schema``, `listed` the names in that to ``query-commands``; None where
    there was none.  `schema` says in words which catalog it is, and why.  `build` is the shipped
    catalog of the very build that it is (`qmpconf.conform.builds`), empty where it is none of them.
    """

    greeting: Any = None
    version: tuple[int, ...] = ()
    package: str = ""
    offered: tuple[str, ...] = ()
    entries: list[Any] | None = None
    listed: frozenset[str] | None = None
    schema_problem: str = ""
    catalog: Catalog | None = None
    basis: Basis | None = None
    schema: str = "none"
    product: str = "qemu"
    build: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def commands(self) -> frozenset[str]:
        """The commands that the target has, as far as it or its catalog says."""
        if self.listed is not None:
            return self.listed
        return frozenset(self.catalog.commands) if self.catalog else frozenset()

    @property
    def title(self) -> str:
        """Product and version for people: "qemu 7.2.22 (Debian ...)"."""
        version = ".".join(map(str, self.version)) or "of unknown version"
        return f"{self.product} {version}" + (f" ({self.package})" if self.package else "")


class _HungUpError(TargetError):
    """The target closed the connection before it said anything.

    A storage daemon does that now and then while it starts: two of its threads accept.  So the first
    connection of a server is made twice where it has to be, and no other one.
    """

    seen = "the target closed the connection without a word"


class Target:
    """A monitor to be put to the test, at an address or started by a command line.

    `words` is how the command line of the suite names it, for messages that repeat a case;
    `dialect` what it speaks.
    """

    def __init__(
        self,
        address: Address,
        *,
        server: Server | None = None,
        words: str = "",
        dialect: Dialect = QMP,
    ) -> None:
        if isinstance(address, FdAddress):
            raise UsageError(
                f"{address} is one connection; the suite connects many times: give unix:PATH or "
                "tcp:HOST:PORT"
            )
        self.address = address
        self.dialect = dialect
        self.words = words or f"--target {address}"
        self.facts = Facts()
        #: Whether other processes of the suite may talk to it at the same time.
        self.shared = False
        self._server = server
        self._restarts = 0
        self._listens_by = time.monotonic() + _LISTENING if server else 0.0

    @property
    def local(self) -> bool:
        """Whether descriptors can be passed to it."""
        return isinstance(self.address, UnixAddress)

    @property
    def same_host(self) -> bool:
        """Whether it runs on this host, and has its clock."""
        return self.local or (
            isinstance(self.address, TcpAddress) and self.address.host in _LOOPBACK
        )

    @property
    def spawned(self) -> bool:
        """Whether it was started for the suite."""
        return self._server is not None

    def connect(self, *, patient: bool = True) -> socket.socket:
        """A new connection.  Raises TargetError.

        A server that was started just now may have bound its socket, and not listen yet; and
        clients that have gone may still stand in the queue of one that serves them one by one.
        With `patient`, a while is given to both.
        """
        until = max(self._listens_by, time.monotonic() + _QUEUE) if patient else 0.0
        while True:
            try:
                return connect(self.address, timeout=5.0)
            except TargetError as error:
                waits = os.strerror(errno.EAGAIN) in str(error)  # its queue is full
                started = time.monotonic() < self._listens_by
                if not (waits or started) or self.ended() or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def revive(self) -> bool:
        """Start a server anew that was started for the suite; False when that cannot be done."""
        if self._server is None or self._restarts >= RESTARTS:
            return False
        self._restarts += 1
        if self._server.child is not None:
            end(self._server.child, grace=1.0)
        self._server.start()
        self._server.wait_until_bound()
        self._listens_by = time.monotonic() + _LISTENING
        self._knock()
        return True

    def _knock(self) -> None:
        """Connect to a server that was started again, and note it where that is closed at once."""
        if not self.dialect.greets:
            return
        with contextlib.suppress(TargetError, OSError), self.connect() as sock:
            sock.settimeout(GREETING)
            if not sock.recv(1):
                self.facts.notes.append(f"{_HungUpError.seen} when it was started again")

    def ended(self) -> str:
        """How the server that was started for the suite has ended; empty while it runs."""
        child = self._server.child if self._server else None
        code = child.poll() if child else None
        return "" if code is None else f"the server has ended ({ended(code)})"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of the suite (pytest -n) away from the target meanwhile."""
        if self._server is not None or self.shared:
            yield  # nobody else knows it, or may
            return
        with locked(str(self.address)):
            yield

    def is_well(self, patience: float) -> bool:
        """Whether it greets a new client and answers it."""
        folder = tempfile.mkdtemp(prefix="qmpconf-")
        path = os.path.join(folder, "health.qmptrace")
        tape = Tape(path)
        talk: Talk | None = None
        try:
            talk = self.talk(tape, Patience(patience), time.monotonic() + 3 * patience)
            if self.dialect.greets:
                talk.hear()
                return talk.greeting is not None and talk.ask("{}") is not None
            return sync(talk).ok
        except (TargetError, Stop):
            return False
        finally:
            if talk is not None:
                talk.close()
            tape.finish()
            os.unlink(path)
            os.rmdir(folder)

    def serves_many(self, patience: float) -> bool:
        """Whether it greets a second client while the first one is there."""
        if not self.dialect.greets:
            return False
        with self.alone(), contextlib.ExitStack() as stack:
            for _ in range(2):
                try:
                    sock = stack.enter_context(self.connect())
                    sock.settimeout(min(GREETING, patience))
                    if not sock.recv(1):
                        return False
                except (TargetError, OSError):
                    return False
        return True

    def talk(
        self, tape: Tape, patience: Patience, deadline: float, silence: str = "response.exactly-one"
    ) -> Talk:
        """Connect and begin a session on `tape`.  Raises TargetError."""
        return Talk(
            self.connect(),
            tape,
            str(self.address),
            patience=patience,
            deadline=deadline,
            silence=silence,
            dialect=self.dialect,
        )

    # --- the survey ----------------------------------------------------------------------------

    def survey(self, path: str, *, patience: Patience, schema: str = "auto") -> Facts:
        """Find out what the target is; the trace goes to `path`.

        `schema` names the catalog (``auto``: its own introspection, else the shipped one that fits
        best; ``none``).  Raises TargetError for what is not a QMP server, and says what it did.
        """
        tape = Tape(
            path,
            {"case": "survey", "target": str(self.address), "protocol": self.dialect.name},
        )
        talk: Talk | None = None
        facts = Facts()
        try:
            talk = self.talk(tape, patience, time.monotonic() + 60.0)
            if not self.dialect.greets:
                self._agent(talk, facts)
            else:
                try:
                    self._greeted(talk, facts)
                except _HungUpError as error:
                    seen = f"{error.seen} on the first connection; a second one was made"
                    facts.notes.append(seen)
                    talk.close()
                    talk = self.talk(tape, patience, time.monotonic() + 60.0)
                    self._greeted(talk, facts)
                self._questions(talk, facts)
        except Stop as stop:
            if talk is None or not (talk.greeting or facts.version):
                what = "QMP server" if self.dialect.greets else self.dialect.peer
                raise TargetError(f"{self.address} is not a {what}: {stop}") from stop
            facts.notes.append(f"the survey could not be completed: {stop}")
        finally:
            if talk is not None:
                talk.close()
            tape.finish()
        _choose(facts, schema)
        self.facts = facts
        return facts

    def _agent(self, talk: Talk, facts: Facts) -> None:
        """Sync, and ask for version and commands."""
        facts.product = self.dialect.product
        if not sync(talk).ok:
            raise TargetError(f"{self.address} is not a {self.dialect.peer}: it refuses guest-sync")
        told = talk.ask({"execute": self.dialect.version}).result
        facts.version = talk.session.version
        listed = told.get("supported_commands") if isinstance(told, dict) else None
        if isinstance(listed, list):
            facts.listed = frozenset(
                one["name"]
                for one in listed
                if isinstance(one, dict) and one.get("enabled") and isinstance(one.get("name"), str)
            )

    def _greeted(self, talk: Talk, facts: Facts) -> None:
        heard = []
        said = talk.hear(GREETING)
        pushed = b'{"execute":"qmp_capabilities"}\r\n'
        if said is None and not talk.ended and not talk.received:
            talk.send(pushed)
            said = talk.hear(GREETING)
        until = time.monotonic() + 2 * GREETING
        while said is not None and talk.greeting is None and time.monotonic() < until:
            heard.append(said)
            said = talk.hear(GREETING)
        greeting = talk.greeting.message if talk.greeting else None
        if not isinstance(greeting, Greeting):
            silent = talk.ended and not talk.received
            kind = _HungUpError if silent else TargetError
            raise kind(
                f"{self.address} is not a QMP server: {_impression(talk, heard)}; expected a "
                'greeting, {"QMP": ...}'
            )
        facts.greeting = greeting.value
        facts.version, facts.package = greeting.version, greeting.package
        facts.offered = greeting.capabilities

    @staticmethod
    def _questions(talk: Talk, facts: Facts) -> None:
        talk.ask({"execute": "qmp_capabilities", "id": "negotiate"})
        listed = talk.ask({"execute": "query-commands", "id": "commands"}).result
        if isinstance(listed, list):
            facts.listed = frozenset(names_in(listed))
        entries = talk.ask({"execute": "query-qmp-schema", "id": "schema"}).result
        if isinstance(entries, list) and entries:
            facts.entries = entries
        with contextlib.suppress(Unmet):  # whether errors keep their ids: the cases judge it
            talk.ask({"execute": "qmpconf-no-such-command", "id": "refused"})


def names_in(answer: Any) -> list[str]:
    """The names in a list of objects, such as ``query-commands`` returns; what is none of those is left out."""
    each = [
        one.get("name")
        for one in (answer if isinstance(answer, list) else ())
        if isinstance(one, dict)
    ]
    return [name for name in each if isinstance(name, str)]


def sync(talk: Talk) -> Said:
    """The response of a guest agent to the sync that begins a session.  Raises Unmet."""
    talk.send(SENTINEL)
    return talk.ask({"execute": "guest-sync", "arguments": {"id": _SYNC}})


def _choose(facts: Facts, schema: str) -> None:
    """Set the catalog and the product."""
    if of_product(facts.product).greets:
        known = facts.listed or set(names_in(facts.entries))
        system = not known or bool(known & {"query-status", "system_reset", "device_add", "stop"})
        facts.product = "qemu" if system else "qemu-storage-daemon"
    version = ".".join(map(str, facts.version))
    facts.build = build_of(facts.product, version, facts.package, facts.entries or ())
    if schema not in ("auto", "none"):
        facts.catalog, facts.schema = load(schema), schema
        source = facts.catalog.source
        very = (source.kind, source.version, source.package) == (
            "introspection",
            version,
            facts.package,
        )
        facts.basis = Basis(facts.catalog, very_build=very, sentence=schema, on_purpose=True)
    elif schema == "auto" and facts.entries is not None:
        try:
            facts.catalog = from_reply(
                facts.entries,
                name=f"{facts.product}-{version}",
                version=version,
                package=facts.package,
            )
        except InputError as error:
            facts.schema_problem = str(error)
        else:
            facts.schema = "the target's own introspection"
            facts.basis = Basis(
                facts.catalog, very_build=True, sentence=facts.schema, on_purpose=True
            )
    if schema == "auto" and facts.basis is None and len(facts.version) == 3:
        major, minor, micro = facts.version
        fit = select(Version(major, minor, micro, facts.package), facts.product)
        facts.catalog = load_shipped(fit.name)
        facts.schema = fit.sentence
        facts.basis = Basis(facts.catalog, very_build=False, sentence=fit.sentence, on_purpose=True)


def _impression(talk: Talk, heard: Sequence[Any]) -> str:
    """What a target that is not a QMP server does, in words."""
    if not talk.received:
        if talk.ended:
            return "it closes the connection without a word"
        return f"it says nothing within {2 * GREETING:g} seconds"
    first = heard[0].message if heard else None
    start = talk.first[:60]
    shown = repr(start)[1:]
    if start.startswith(b"HTTP/") or b"<html" in start.lower():
        return f"it speaks HTTP ({shown})"
    if b"qmp_capabilities" in start and not isinstance(first, Success | Failure):
        return "it sends back what it is sent"
    if first is None or (isinstance(first, Unknown) and not first.well_formed):
        return f"it sends what is not JSON ({shown})"
    if isinstance(first, Success | Failure):
        return f"it answers and does not greet ({shown}), as guest agents do (--protocol qga)"
    return f"it begins with {shown}"
