"""The cases for a guest agent: the embedded one passes, and each that is broken on purpose is caught."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Verdict
from qmpconf.errors import TargetError
from qmpconf.monitor.agent import DEFAULT_SCHEMA, GuestAgent
from qmpconf.monitor.core import Action, Send
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import UnixAddress
from qmpconf.net.endpoint import Listener
from qmpconf.protocol.dialect import QGA
from qmpconf.schema.store import load_shipped

CATALOG = load_shipped(DEFAULT_SCHEMA)

Change = Callable[[bytes], bytes]


class Broken(GuestAgent):
    """An agent of whose messages each is changed."""

    def __init__(self, change: Change = bytes, greeting: bytes = b"") -> None:
        super().__init__(CATALOG, lambda: 1)
        self._change = change
        self._greeting = greeting

    def open(self) -> tuple[int, list[Action]]:
        number, actions = super().open()
        return number, [*actions, Send(number, self._greeting)] if self._greeting else actions

    def receive(self, number: int, data: bytes, descriptors: object = ()) -> list[Action]:
        return [
            Send(one.session, self._change(one.data)) if isinstance(one, Send) else one
            for one in super().receive(number, data)
        ]


def run(agent: GuestAgent, folder: Path, **options: object) -> dict[str, Verdict]:
    """The verdicts of all cases that broke something, by id."""
    address = UnixAddress(str(folder / "qga.sock"))
    with Listener(address) as listener, MonitorServer(agent, [listener]):
        chosen = Options(folder=str(folder / "out"), patience=2.0, **options)  # type: ignore[arg-type]
        with Suite(Target(address, dialect=QGA), chosen) as suite:
            outcome = suite.run_all()
    assert outcome.results
    return {one.case: one.verdict for one in outcome.results if one.verdict is not Verdict.PASS}


def test_the_embedded_agent_passes_also_what_is_destructive(tmp_path: Path) -> None:
    assert run(GuestAgent(CATALOG, lambda: 1), tmp_path, destructive=True) == {}


def test_only_what_is_safe_is_called_by_default(tmp_path: Path) -> None:
    called: set[bytes] = set()

    class Noting(GuestAgent):
        def receive(self, number: int, data: bytes, descriptors: object = ()) -> list[Action]:
            called.update(re.findall(rb'"(guest-[a-z-]+)"', data))
            return super().receive(number, data)

    assert run(Noting(CATALOG, lambda: 1), tmp_path) == {}
    names = {name.decode() for name in called}
    asks = ("guest-get-", "guest-network-get-", "guest-sync")
    harmless = {"guest-ping", "guest-info", "guest-fsfreeze-status", "guest-no-such", "guest-pi"}
    assert {name for name in names - harmless if not name.startswith(asks)} == set()


#: What is broken -> how, and the requirements of which cases are to fail or warn (others may, too).
BROKEN: dict[str, tuple[Change, str]] = {
    "no 0xFF": (lambda said: said.replace(b"\xff", b""), "agent.sentinel"),
    "0xFF everywhere": (lambda said: b"\xff" + said.lstrip(b"\xff"), "agent.sentinel"),
    "CR alone": (lambda said: said.replace(b"\n", b"\r"), "agent.line-feed"),
    "great integers are doubles": (
        lambda said: re.sub(rb'"return": (\d{18,})', rb'"return": \1.0', said),
        "agent.sync-echo",
    ),
    "no ids": (lambda said: re.sub(rb', "id": .*}', b"}", said), "response.id-echo"),
    "another class": (
        lambda said: said.replace(b"CommandNotFound", b"GenericError"),
        "request.unknown-command",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_caught(tmp_path: Path, name: str) -> None:
    change, rule = BROKEN[name]
    found = run(Broken(change), tmp_path, patterns=("agent",))
    assert {case.partition("/")[0] for case, one in found.items() if one.broken} >= {rule}


def test_an_agent_that_greets_is_caught(tmp_path: Path) -> None:
    greeting = b'{"QMP": {"version": {}, "capabilities": []}}\n'
    found = run(Broken(greeting=greeting), tmp_path, patterns=("agent.unasked",))
    assert found == {"agent.unasked/silent-client": Verdict.WARN}


def test_what_is_no_agent_is_said(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not a guest agent"):
        run(Broken(lambda _: b""), tmp_path)
