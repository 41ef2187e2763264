"""Replays against another version: what broke, what changed, what is new by design; known ones."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from qmpconf.check.baseline import Baseline
from qmpconf.cli.main import main
from qmpconf.errors import InputError
from qmpconf.protocol.messages import from_server
from qmpconf.protocol.values import dumps
from qmpconf.replay.compare import Mismatch
from qmpconf.replay.configuration import read_known
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.replay.said import Said
from qmpconf.replay.upgrade import Upgrade
from qmpconf.report.replay import as_text
from qmpconf.report.results.of_replay import of_replay
from qmpconf.report.results.records import Header, Table
from qmpconf.schema.store import load_shipped
from tests.replay.conftest import serving, written

STAMP = '"timestamp": {"seconds": %d, "microseconds": 1}'
DONE: dict[str, Any] = {"return": {}}
NOT_FOUND = {"error": {"class": "CommandNotFound", "desc": "The command x has not been found"}}
STATUS = {"status": "running", "running": True, "singlestep": False}


def missing(name: str) -> Any:
    return {"error": {"class": "GenericError", "desc": f"Parameter '{name}' is missing"}}


def greeting(major: int, minor: int, micro: int) -> str:
    version = {"qemu": {"micro": micro, "minor": minor, "major": major}, "package": ""}
    return json.dumps({"QMP": {"version": version, "capabilities": []}})


def event(name: str, seconds: int = 1, **data: Any) -> str:
    return f'{{{STAMP % seconds}, "event": "{name}", "data": {json.dumps(data)}}}'


def play(
    tmp_path: Path,
    command: str,
    recorded: Any,
    got: Any,
    *,
    to: tuple[int, int, int] = (10, 0, 13),
    events: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    **options: Any,
) -> ReplayResult:
    send = command if command.startswith("{") else json.dumps({"execute": command})
    script = [
        "1+",
        f"1<-{greeting(7, 2, 22)}",
        f"1->{send}",
        f"1<-{json.dumps(recorded)}",
        *(f"1<-{one}" for one in events[0]),
        "1-client",
    ]

    def behave(sock: socket.socket) -> None:
        sock.sendall(greeting(*to).encode() + b"\r\n")
        if sock.recv(65536):
            said = [*events[1], json.dumps(got)]
            sock.sendall("".join(f"{one}\r\n" for one in said).encode())
            sock.recv(1)  # the client ends it

    (tmp_path / "s").unlink(missing_ok=True)
    with serving(tmp_path / "s", behave):
        trace = written(tmp_path / "t", script)
        return replay_trace(trace, target=str(tmp_path / "s"), event_timeout=0.2, **options)


def meant(result: ReplayResult) -> list[tuple[str, str, str]]:
    return [
        (group.first.effect, group.first.kind, group.first.why)
        for group in result.differences
        if group.first.subject != "greeting"
    ]


def test_an_upgrade_with_news_alone_has_no_differences_but_notes(tmp_path: Path) -> None:
    result = play(tmp_path, "stop", DONE, DONE)
    assert result.exit_code == 0
    assert result.upgrade is not None
    assert (result.upgrade.before, result.upgrade.after) == ("7.2.22", "10.0.13")
    text = as_text(result)
    assert "upgrade from 7.2.22 (qemu-7.2.22) to 10.0.13 (qemu-10.0.13): " in text
    assert text.startswith("no call breaks, 3 notes; it works\n")
    assert "another version greets otherwise" in text


@pytest.mark.parametrize("name", ["uri", "channels.uri"])
def test_an_argument_that_must_be_given_now_is_announced_and_met(name: str) -> None:
    catalogs = load_shipped("qemu-10.0.13"), load_shipped("qemu-7.2.22")
    # The other way round, for no shipped release asks for more than the one before.
    upgrade = Upgrade("10.0.13", "7.2.22", *catalogs)
    pair = [
        Said(from_server(dumps(value)), b"", 1, 0, 1, "migrate") for value in (DONE, missing(name))
    ]
    whole = Mismatch((), "changed", *(said.message.value for said in pair))
    meant = upgrade.judge("changed", *pair, whole)
    assert meant == (
        "broke",
        "the argument uri has to be given now: the schema of 7.2.22 asks for it",
    )
    met = [one.change.place for one in upgrade.announced() if one.seen]
    assert met == ["command migrate/arguments/uri"]


def test_exact_means_exact(tmp_path: Path) -> None:
    result = play(tmp_path, "stop", DONE, DONE, compare="exact")
    assert result.exit_code == 1
    assert {group.first.pointer for group in result.new} == {
        "/QMP/version/qemu/micro",
        "/QMP/version/qemu/minor",
        "/QMP/version/qemu/major",
    }


def test_another_stable_version_is_no_upgrade(tmp_path: Path) -> None:
    result = play(tmp_path, "stop", DONE, DONE, to=(7, 2, 23))
    assert result.upgrade is None
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("command", "recorded", "got", "found"),
    [
        ("query-block", {"return": [{"inserted": {}}]}, {"return": [{"inserted": {"active": True}}]}, ("design", "extra", "the member is new in 10.0.13")),
        ("query-commands", {"return": [{"name": "a"}]}, {"return": [{"name": "a"}, {"name": "b"}]}, ("design", "extra", "10.0.13 offers more")),
        ("query-commands", {"return": [{"name": "a"}, {"name": "b"}]}, {"return": [{"name": "a"}]}, ("design", "missing", "10.0.13 no longer has it; the session never used it")),
        ("query-commands", {"return": [{"name": "query-commands"}]}, {"return": []}, ("broke", "missing", "10.0.13 no longer has it")),
        ("query-status", {"return": STATUS}, {"return": {k: v for k, v in STATUS.items() if k != "singlestep"}}, ("broke", "missing", "the schema of 10.0.13 has no such member")),
        ("query-status", {"return": STATUS}, {"return": {**STATUS, "status": "paused"}}, ("changed", "changed", "no schema says values")),
        ("query-status", {"return": STATUS}, {"return": {**STATUS, "running": 1}}, ("broke", "changed", "the value has another type")),
        ("query-migrate-capabilities", {"return": []}, {"return": [{"capability": "mapped-ram", "state": False}]}, ("design", "extra", "mapped-ram is new in 10.0.13")),
        ("query-migrate-capabilities", {"return": [{"capability": "compress", "state": False}]}, {"return": []}, ("broke", "missing", "the schema of 10.0.13 has no compress any more")),
        ("x-query-rdma", DONE, NOT_FOUND, ("broke", "changed", "10.0.13 has no such command; its schema says so")),
        ("stop", DONE, NOT_FOUND, ("broke", "changed", "10.0.13 has no such command; its schema does not say so")),
        ("stop", NOT_FOUND, DONE, ("changed", "fixed", "it was refused before, and is accepted now")),
        ("cxl-release-dynamic-capacity", NOT_FOUND, DONE, ("design", "fixed", "the command is new in 10.0.13")),
        (
            '{"execute": "migrate", "arguments": {"uri": "x", "blk": true}}',
            DONE,
            {"error": {"class": "GenericError", "desc": "Parameter 'blk' is unexpected"}},
            ("broke", "changed", "the argument blk is refused: the schema of 10.0.13 has none"),
        ),
        ("migrate", missing("uri"), DONE, ("design", "fixed", "the argument uri can be left out: the schema of 10.0.13 says so")),
        ("migrate", DONE, missing("uri"), ("broke", "changed", "the argument uri has to be given now: no schema announces it")),
        ("stop", missing("uri"), DONE, ("changed", "fixed", "it was refused before, and is accepted now")),
        ("stop", {"error": {"class": "GenericError", "desc": "a"}}, {"error": {"class": "GenericError", "desc": "b"}}, ("design", "changed", "an error's text is for people")),
        ("stop", {"error": {"class": "GenericError", "desc": "a"}}, {"error": {"class": "DeviceNotFound", "desc": "a"}}, ("broke", "changed", "the error has another class")),
    ],
)  # fmt: skip
def test_each_difference_says_what_it_means(
    tmp_path: Path, command: str, recorded: Any, got: Any, found: tuple[str, str, str]
) -> None:
    result = play(tmp_path, command, recorded, got)
    assert meant(result) == [found]
    assert result.exit_code == (0 if found[0] == "design" else 1)
    assert found[2] in re.sub(r"\s+", " ", as_text(result))


def test_events_that_are_new_or_missing(tmp_path: Path) -> None:
    result = play(
        tmp_path,
        "stop",
        DONE,
        DONE,
        events=((event("STOP"),), (event("VFIO_MIGRATION"), event("RESUME"))),
    )
    assert sorted(meant(result)) == [
        ("broke", "missing", ""),
        ("changed", "extra", "the event came now, and did not before"),
        ("design", "extra", "the event is new in 10.0.13"),
    ]


def test_what_the_schema_announces_is_told_as_met_or_not(tmp_path: Path) -> None:
    gone = {name: value for name, value in STATUS.items() if name != "singlestep"}
    result = play(tmp_path, "query-status", {"return": STATUS}, {"return": gone})
    text = as_text(result)
    assert re.search(
        r"this session met \(1 row\):\n.*\n.*\n  breaks +command query-status/return", text
    )
    assert "it would work but for query-status.singlestep\n" in text
    same = play(tmp_path, "query-status", {"return": STATUS}, {"return": STATUS})
    page = as_text(same)
    assert "singlestep" not in page
    assert "and it did not meet: " in page
    tables = of_replay(Header(verb="replay"), same, Baseline()).records
    rows = [row for one in tables if isinstance(one, Table) and one.folded for row in one.rows]
    assert ("breaks", "command query-status/return/singlestep", "is no longer sent") in rows


def test_known_differences_do_not_fail_and_those_that_are_gone_do(tmp_path: Path) -> None:
    paused = {"return": {**STATUS, "status": "paused"}}
    arguments = (tmp_path, "query-status", {"return": STATUS})
    (digest,) = {group.first.digest for group in play(*arguments, paused).new}
    known = {digest: "bug 7"}
    again = play(*arguments, paused, known=known)
    assert again.exit_code == 0
    text = as_text(again)
    assert f"known {digest}: reply to query-status /return/status: " in text
    assert "matched: 3 notes; 1 kind known\n" in text
    other = play(*arguments, {"return": {**STATUS, "status": "debug"}}, known=known)
    assert (other.exit_code, len(other.new), other.gone) == (1, 1, [digest])
    fixed = play(*arguments, {"return": STATUS}, known=known)
    assert fixed.exit_code == 1
    text = as_text(fixed)
    assert f"{digest}: known: but not found (bug 7)" in text
    assert "1 known one gone\n" in text


def test_a_fingerprint_is_the_same_whenever_an_event_comes(tmp_path: Path) -> None:
    found = [
        {
            group.first.digest
            for group in play(
                tmp_path, "stop", DONE, DONE, events=((), (event("STOP", seconds, x=1),))
            ).new
        }
        for seconds in (5, 77)
    ]
    assert len(found[0]) == 1
    assert found[0] == found[1]


def test_the_command_line_takes_known_differences(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text('[[known]]\nfingerprint = "00"\n')
    with pytest.raises(InputError, match=r"known\.toml:1: known 1 has no 'reason'"):
        read_known(str(path))
    code = main(["replay", "t", "--target", "s", "--baseline", str(path)])
    assert code == 3
