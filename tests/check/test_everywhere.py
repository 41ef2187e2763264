"""A call of which nobody knows the server: what no release takes is said, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qmpconf.check.checking import check
from qmpconf.check.everywhere import Everywhere
from qmpconf.protocol.framing import Framer
from qmpconf.protocol.messages import Command, from_client
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.writer import TraceWriter


@pytest.fixture(scope="module")
def everywhere() -> Everywhere:
    return Everywhere("qemu")


def command(name: str, **arguments: Any) -> Command:
    found = from_client(json.dumps({"execute": name, "arguments": arguments}).encode())
    assert isinstance(found, Command)
    return found


@pytest.mark.parametrize(
    ("call", "places"),
    [
        (command("block_resize", device="d", size="1M"), {"/arguments/size"}),
        (command("block_resize", device="d", size=1), set()),
        (command("device_del"), {"/arguments"}),
        (command("device_del", id="x", force=True), {"/arguments/force"}),
        (command("query-status"), set()),
        (command("no-such", x=1), set()),
        # 11.1 has lost it, all others have it.
        (command("migrate", uri="tcp:0:1", detach=True), set()),
        (command("device_add", driver="e1000", mac="x", nonsense="1"), set()),
    ],
)
def test_what_no_release_takes(everywhere: Everywhere, call: Command, places: set[str]) -> None:
    found = everywhere.judge(call)
    assert {flaw.pointer for flaw in found} == places
    assert all("qemu-11.1.3" in flaw.source for flaw in found)


def errors(path: Path, *lines: tuple[str, str]) -> list[tuple[str, str, str]]:
    outcome = check(TraceReader(str(_trace(path, *lines))))
    assert [one.kind for one in outcome.unjudged if one.kind == "schema"] == ["schema"]
    return [
        (one.first.requirement, one.first.pointer, one.first.answer)
        for one in outcome.groups
        if one.first.requirement.startswith("schema.")
    ]


WRONG = ("client", '{"execute":"block_resize","arguments":{"device":"d","size":"1M"},"id":1}')
REFUSED = ("server", '{"error":{"class":"GenericError","desc":"Invalid parameter"},"id":1}')


def test_it_is_said_where_the_server_refused_it_or_did_not_answer(tmp_path: Path) -> None:
    wrong = ("schema.arguments", "/arguments/size")
    assert errors(tmp_path / "a", WRONG, REFUSED) == [(*wrong, "GenericError: Invalid parameter")]
    assert errors(tmp_path / "b", WRONG) == [(*wrong, "")]


def test_it_is_said_beside_what_is_wrong_with_the_answer(tmp_path: Path) -> None:
    odd = '{"error":{"class":"NoSuch","desc":"a"},"more":1,"id":1}'
    outcome = check(TraceReader(str(_trace(tmp_path / "t", WRONG, ("server", odd)))))
    rules = {one.first.requirement for one in outcome.groups}
    assert {"schema.arguments", "response.error-class"} <= rules, rules


def test_a_server_that_takes_it_is_one_that_nobody_describes(tmp_path: Path) -> None:
    assert errors(tmp_path / "a", WRONG, ("server", '{"return":{},"id":1}')) == []


def test_properties_of_the_wrong_type_are_a_warning(tmp_path: Path) -> None:
    call = '{"execute": "device_add", "arguments": {"driver": "virtio-net-pci", "mq": "on"}}'
    found = check(
        TraceReader(str(_trace(tmp_path / "t", ("client", call), ("server", '{"return": {}}'))))
    )
    told = [
        (one.first.severity, one.first.requirement, one.first.pointer)
        for one in found.groups
        if one.first.pointer.startswith("/arguments")
    ]
    assert told == [("warning", "compat.deprecated", "/arguments/mq")]


def _trace(path: Path, *lines: tuple[str, str]) -> Path:
    with TraceWriter(str(path)) as writer:
        for sender, text in lines:
            side: Any = sender
            writer.frames(1, side, Framer().feed(text.encode() + b"\r\n"))
    return path


GONE = ("client", '{"execute":"query-cpus"}')
NOT_FOUND = '{"error":{"class":"CommandNotFound","desc":"The command %s has not been found"}}'


def test_a_command_that_is_gone_is_said_where_its_server_does_not_know_it(tmp_path: Path) -> None:
    """Who pastes two lines learns which release had it, and what to use in its place."""
    trace = _trace(tmp_path / "t", GONE, ("server", NOT_FOUND % "query-cpus"))
    (found,) = [
        one.first
        for one in check(TraceReader(str(trace))).groups
        if one.first.requirement == "schema.command-known"
    ]
    assert (found.pointer, found.blame) == ("/execute", "client")
    lines = trace.read_text().splitlines()
    assert "query-cpus" in lines[found.line - 1]
    told = dict(found.more)
    assert "known in qemu-5.2.0 (deprecated), not in qemu-" in told["elsewhere"]
    assert told["instead"] == "query-cpus-fast"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        # Every release has it: it was left out of the build, or belongs to another program.
        ('{"execute":"query-status"}', NOT_FOUND % "query-status"),
        ('{"execute":"query-cpus"}', '{"error":{"class":"GenericError","desc":"no"}}'),
        # What comes before negotiation is about no command.
        (
            '{"execute":"query-cpus"}',
            '{"error":{"class":"CommandNotFound","desc":"Expecting capabilities negotiation"}}',
        ),
        ('{"execute":"query-cpus"}', '{"return":[]}'),
    ],
)
def test_nothing_is_said_of_what_may_be_known(tmp_path: Path, asked: str, answer: str) -> None:
    assert errors(tmp_path / "t", ("client", asked), ("server", answer)) == []
