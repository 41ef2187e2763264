"""The embedded guest agent: what it says keeps the rules, and does what its document says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.monitor.agent import DEFAULT_SCHEMA, GuestAgent
from qmpconf.monitor.core import Action, Close, Discard, Quit, Send
from qmpconf.monitor.guest import COMMANDS
from qmpconf.protocol.dialect import QGA
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.protocol.session import Session
from qmpconf.schema.store import load_shipped

CATALOG = load_shipped(DEFAULT_SCHEMA)


class Dialogue:
    """One client; every message of both sides goes through the rules of a session."""

    def __init__(self, agent: GuestAgent | None = None) -> None:
        self.agent = agent or GuestAgent(CATALOG, lambda: 1_000_002, "web")
        self.number, actions = self.agent.open()
        assert actions == []
        self.session = Session(QGA)
        self.breaches: list[tuple[str, str]] = []
        self.over: list[Action] = []
        self._out, self._in = Framer(CLIENT_LIMITS), Framer(SERVER_LIMITS)

    def send(self, data: bytes) -> bytes:
        """What comes for some bytes."""
        self._follow(self._out, self.session.client, data)
        actions = self.agent.receive(self.number, data)
        said = b"".join(one.data for one in actions if isinstance(one, Send))
        self.over += [one for one in actions if not isinstance(one, Send)]
        self._follow(self._in, self.session.server, said)
        return said

    def _follow(self, framer: Framer, take: Callable[..., Any], data: bytes) -> None:
        for frame in framer.feed(data) if data else ():
            for one in take(frame).breaches:
                self.breaches.append((one.requirement, one.blame.value))

    def ask(self, name: str, **arguments: Any) -> Any:
        """What a command returns, or the class of its error."""
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        command = {"execute": name, "arguments": named}
        said = json.loads(self.send(json.dumps(command).encode()))
        return said["return"] if "return" in said else said["error"]["class"]


def begun() -> Dialogue:
    talk = Dialogue()
    said = talk.send(b'\xff{"execute":"guest-sync-delimited","arguments":{"id":7},"id":"x"}\n')
    assert said.count(b"\n") == 2
    assert said.endswith(b'\n\xff{"return": 7, "id": "x"}\n')
    return talk


def test_it_syncs_and_keeps_the_rules() -> None:
    talk = begun()
    assert talk.ask("guest-sync", id=8) == 8
    assert talk.ask("guest-ping") == {}
    assert talk.ask("guest-get-host-name") == {"host-name": "web"}
    assert talk.ask("guest-get-time") == 1_000_002_000
    assert talk.ask("guest-set-time", time=5) == {}
    assert talk.ask("guest-get-time") == 5
    assert talk.breaches == []


def test_what_it_does_not_know_is_refused() -> None:
    talk = begun()
    assert talk.ask("guest-nap") == "CommandNotFound"
    assert talk.ask("qmp_capabilities") == "CommandNotFound"
    assert talk.ask("guest-get-devices") == "CommandNotFound"
    assert talk.ask("guest-ping", x=1) == "GenericError"
    assert talk.ask("guest-sync", id="1") == "GenericError"
    for text in (b"[]", b"{}", b'{"exec-oob":"guest-ping"}', b'{"execute": nonsense}\n'):
        assert b"GenericError" in talk.send(text), text
    assert talk.ask("guest-ping") == {}
    assert {who for _, who in talk.breaches} == {"client"}


def test_it_says_what_it_has() -> None:
    talk = begun()
    info = talk.ask("guest-info")
    assert info["version"] == "7.2.22"
    listed = {one["name"]: one for one in info["supported_commands"]}
    assert listed.keys() == CATALOG.commands.keys()
    assert {name for name, one in listed.items() if one["enabled"]} == COMMANDS.keys()
    silent = {name for name, one in listed.items() if not one["success-response"]}
    assert silent == QGA.silent


def test_files() -> None:
    talk = begun()
    assert talk.ask("guest-file-open", path="/new") == "GenericError"
    handle = talk.ask("guest-file-open", path="/new", mode="w+")
    data = base64.b64encode(b"hello").decode()
    assert talk.ask("guest-file-write", handle=handle, buf_b64=data) == {"count": 5, "eof": False}
    assert talk.ask("guest-file-seek", handle=handle, offset=-4, whence="end")["position"] == 1
    read = talk.ask("guest-file-read", handle=handle, count=2)
    assert read == {"count": 2, "buf-b64": base64.b64encode(b"el").decode(), "eof": False}
    assert talk.ask("guest-file-seek", handle=handle, offset=0, whence=0)["position"] == 0
    assert talk.ask("guest-file-read", handle=handle)["eof"]
    assert talk.ask("guest-file-write", handle=handle, buf_b64="?") == "GenericError"
    assert talk.ask("guest-file-flush", handle=handle) == {}
    assert talk.ask("guest-file-close", handle=handle) == {}
    assert talk.ask("guest-file-close", handle=handle) == "GenericError"
    assert talk.ask("guest-file-open", path="/new", mode="q") == "GenericError"
    assert talk.ask("guest-file-open", path="/new", mode="a") == handle + 1
    assert talk.ask("guest-file-read", handle=handle + 1) == "GenericError"
    assert talk.breaches == []


def test_programs() -> None:
    talk = begun()
    pid = talk.ask("guest-exec", path="/bin/echo", arg=["a", "b"], capture_output=True)["pid"]
    done = talk.ask("guest-exec-status", pid=pid)
    assert (done["exited"], done["exitcode"]) == (True, 0)
    assert base64.b64decode(done["out-data"]) == b"a b\n"
    assert talk.ask("guest-exec-status", pid=pid) == "GenericError"
    pid = talk.ask("guest-exec", path="/bin/false")["pid"]
    assert talk.ask("guest-exec-status", pid=pid)["exitcode"] == 1
    assert talk.ask("guest-exec", path="/bin/sh") == "GenericError"


def test_a_freeze_is_there_for_the_next_client() -> None:
    talk = begun()
    assert talk.ask("guest-fsfreeze-freeze-list", mountpoints=["/no"]) == 0
    assert talk.ask("guest-fsfreeze-freeze") == 1
    assert talk.agent.end(talk.number) == [Close(talk.number)]
    assert talk.agent.lost(talk.number) == []
    other = Dialogue(talk.agent)
    assert other.ask("guest-fsfreeze-status") == "frozen"
    assert other.ask("guest-get-time") == "CommandNotFound"
    assert other.ask("guest-fsfreeze-thaw") == 1
    assert other.ask("guest-fsfreeze-status") == "thawed"
    assert other.ask("guest-get-time") == 1_000_002_000
    assert set(other.breaches) == {("agent.sync-first", "client"), ("agent.frozen", "client")}


def test_what_is_silent() -> None:
    talk = begun()
    assert talk.send(b'{"execute":"guest-suspend-ram"}') == b""
    assert talk.ask("guest-sync", id=9) == 9
    assert talk.ask("guest-shutdown", mode="x") == "GenericError"
    assert talk.over == []
    assert talk.send(b'{"execute":"guest-shutdown"}{"execute":"guest-ping"}') == b""
    assert talk.over == [Quit()]
    assert talk.breaches == []


def test_descriptors_are_of_no_use() -> None:
    agent = GuestAgent(CATALOG, lambda: 0)
    number, _ = agent.open()
    assert agent.receive(number, b" ", [3]) == [Discard((3,))]
    assert agent.receive(99, b"{}", [4]) == [Discard((4,))]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_of_the_catalog(name: str) -> None:
    assert name in CATALOG.commands


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from([f'{{"execute":"{name}"}}'.encode() for name in sorted(COMMANDS)]),
            st.just(b'\xff{"execute":"guest-sync","arguments":{"id":1}}\n'),
        ),
        max_size=8,
    )
)
def test_whatever_is_sent_it_breaks_no_rule(pieces: list[bytes]) -> None:
    talk = Dialogue()
    for piece in pieces:
        talk.send(piece)
    assert {one for one in talk.breaches if one[1] == "server"} == set()
