"""Inferred bindings: what the server chose and the client sent back; what is ambiguous is not."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import Frame, Framer, Kind
from qmpconf.replay.bindings import Bindings, sentence
from qmpconf.replay.inference import Sent, judge
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.model import Catalog
from tests.replay.conftest import CATALOG, serving, written
from tests.schema.samples import entries


def sent(*commands: dict[str, Any]) -> Sent:
    found = Sent()
    for line, command in enumerate(commands, 10):
        found.add(Frame(Kind.VALUE, json.dumps(command).encode(), b"\n"), line)
    return found


def command(name: str, **arguments: Any) -> dict[str, Any]:
    return {"execute": name, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}}


@pytest.mark.parametrize(
    ("of", "path", "value", "use", "how"),
    [
        # Paths and made-up names: anywhere.
        ("query-cpus-fast", "return 0 qom-path", "/machine/a[0]", command("qom-get", path="/machine/a[0]", property="x"), "anywhere"),
        ("query-x", "return name", "#block123", command("blockdev-del", node_name="#block123"), "anywhere"),
        ("query-x", "return path", "/tmp/a/b.sock", command("migrate", uri="unix:/tmp/a/b.sock"), "anywhere"),
        # A port, and only as one.
        ("query-x", "return port", "49152", command("migrate", uri="tcp:127.0.0.1:49152"), "port"),
        ("query-x", "return size", "49152", command("migrate", uri="tcp:127.0.0.1:49152"), None),
        ("query-x", "return port", "49152", command("migrate", uri="tcp:127.0.0.1:491520"), None),
        # Small integers and common words: where the places agree.
        ("query-fdsets", "return 0 fdset-id", 3, command("add-fd", fdset_id=3), "places"),
        ("query-block", "return 0 inserted image virtual-size", 512, command("block_resize", device="x", size=512), None),
        ("query-fdsets", "return 0 fdset-id", 3, command("set-x", count=3), None),
        ("query-jobs", "return 0 id", "job", command("job-cancel", id="job"), "places"),
        ("query-jobs", "return 0 id", "job", command("qom-get", path="x", property="job"), None),
        # A value of an enumeration is not a choice.
        ("query-jobs", "return 0 type", "backup", command("x", id="backup"), None),
        ("query-status", "return status", "running", command("x", status="running"), None),
    ],
)  # fmt: skip
def test_what_is_bound(of: str, path: str, value: Any, use: Any, how: str | None) -> None:
    parts = tuple(int(part) if part.isdigit() else part for part in path.split())
    verdict = judge(sent(use), lambda: CATALOG, "reply", of, parts, value, 5)
    assert verdict.how == how, verdict.reason
    if how or "ambiguous" in verdict.reason:
        assert verdict.kind == parts[-1]
        assert [one.line for one in verdict.uses] == [10]
    own = judge(sent(use), lambda: CATALOG, "reply", of, parts, value, 15)
    assert own.how is None
    if how:
        assert "the client chose it: it sends it in line 10 already" in own.reason


def test_the_catalog_says_what_is_a_choice() -> None:
    """Members of the same name: of an enumeration in one command, any string in the other."""
    told = compile_introspection(
        [
            *entries(),
            {"meta-type": "object", "name": "60", "members": [{"name": "id", "type": "2"}]},
            {"meta-type": "object", "name": "61", "members": [{"name": "id", "type": "str"}]},
            {"meta-type": "command", "name": "choose", "arg-type": "60", "ret-type": "60"},
            {"meta-type": "command", "name": "name", "arg-type": "61", "ret-type": "61"},
        ],
        name="told",
        version="1.0.0",
        package="",
    )

    def how(of: str, use: str, catalog: Catalog | None) -> str | None:
        uses = sent(command(use, id="wide"))
        return judge(uses, lambda: catalog, "reply", of, ("return", "id"), "wide", 5).how

    assert how("name", "name", told) == "places"
    assert how("choose", "choose", told) is None
    assert how("choose", "name", told) is None
    assert how("name", "choose", told) is None
    assert how("choose", "choose", None) == "places"
    assert how("unknown", "name", told) == "places"


def framed(value: dict[str, Any]) -> Frame:
    return Frame(Kind.VALUE, json.dumps(value).encode(), b"\n")


def test_a_bound_value_has_a_mask_and_a_name_and_is_put_where_it_is_sent() -> None:
    used = command("qom-get", path="/machine/a[0]", property="x")
    numbered = command("add-fd", fdset_id=3)
    bindings = Bindings()
    bindings.sent = lambda: sent(used, numbered)
    bindings.catalog = lambda: CATALOG
    path = ("return", 0, "qom-path")
    args = ("reply", "query-cpus-fast", path, "/machine/a[0]", "/machine/b[7]", 5)
    mask = bindings.learn(*args)
    assert mask is not None
    assert (mask.name, mask.of, mask.place) == ("bound", "query-cpus-fast", "/return/*/qom-path")
    assert "it is a path or a made-up name" in mask.reason
    inferred = bindings.learn("reply", "query-x", ("return",), "/tmp/x/y", "/tmp/x/z", 5)
    assert inferred is None  # the client does not send it
    (one,) = bindings
    assert (one.kind, one.recorded, one.target) == ("qom-path", "/machine/a[0]", "/machine/b[7]")
    assert sentence(one).startswith('qom-path "/machine/a[0]" of the recording is')
    changed, bound = bindings.adapt(framed(used), "qom-get")
    assert json.loads(changed.data)["arguments"] == {"path": "/machine/b[7]", "property": "x"}
    assert bound == [one]
    for other in (
        command("qom-get", path="/machine/a[0]x"),
        command("qom-get", path=5),
        command("qom-get", path=True),
        command("qom-get", path=None),
    ):
        assert bindings.adapt(framed(other), "qom-get") == (framed(other), [])


def test_the_catalog_of_the_server_is_asked_about_the_command_that_was_sent() -> None:
    """The number of a set of descriptors is bound; one of the same name in an unknown place too."""
    bindings = Bindings()
    bindings.sent = lambda: sent(command("job-cancel", id="job"))
    bindings.catalog = lambda: CATALOG
    assert bindings.learn("reply", "query-jobs", ("return", 0, "type"), "job", "x", 5) is None
    assert bindings.learn("reply", "query-jobs", ("return", 0, "id"), "job", "other", 5)
    changed, _ = bindings.adapt(framed(command("job-cancel", id="job")), "job-cancel")
    assert json.loads(changed.data)["arguments"] == {"id": "other"}
    # only in that member of that command
    for name, member in (("job-cancel", "x"), ("job-pause", "id")):
        same = framed(command(name, **{member: "job"}))
        assert bindings.adapt(same, name)[0] == same


@given(st.binary())
def test_any_bytes_are_survived(data: bytes) -> None:
    found = Sent()
    for frame in Framer().feed(data):
        found.add(frame, 1)


def play(tmp_path: Path, script: list[str], answers: list[str]) -> tuple[ReplayResult, list[Any]]:
    got: list[Any] = []

    def behave(sock: socket.socket) -> None:
        for answer in answers:
            got.append(json.loads(sock.recv(4096)))
            sock.sendall(answer.encode() + b"\r\n")

    with serving(tmp_path / "s", behave):
        trace = written(tmp_path / "t", ["1+", *script, "1-client"])
        result = replay_trace(trace, target=str(tmp_path / "s"), event_timeout=2)
    return result, got


STAMP = '"timestamp": {"seconds": 1, "microseconds": 1}'


def test_a_string_that_qemu_refuses_is_no_value() -> None:
    found = Sent()
    data = '{"execute":"x","arguments":{"a":"\ufffe"}}'.encode()
    found.add(Frame(Kind.VALUE, data, b"\n"), 3)
    assert not found.strings


def test_a_path_that_the_target_chose_is_sent_and_told(tmp_path: Path) -> None:
    result, got = play(
        tmp_path,
        [
            '1->{"execute":"query-cpus-fast"}',
            '1<-{"return": [{"qom-path": "/machine/unattached/device[0]"}]}',
            '1->{"execute":"qom-list","arguments":{"path":"/machine/unattached/device[0]/x"}}',
            '1<-{"return": []}',
            '1->{"execute":"qom-get","arguments":{"path":"/machine/unattached/device[0]","property":"p"}}',
            '1<-{"return": "on /machine/unattached/device[0]"}',
        ],
        [
            '{"return": [{"qom-path": "/machine/unattached/device[7]"}]}',
            '{"return": []}',
            '{"return": "on /machine/unattached/device[7]"}',
        ],
    )
    assert result.exit_code == 0, list(result.differences)
    assert got[1]["arguments"]["path"] == "/machine/unattached/device[7]/x"
    assert got[2]["arguments"]["path"] == "/machine/unattached/device[7]"
    (bound,) = result.bindings
    assert (bound.recorded, bound.target, bound.used) == (
        "/machine/unattached/device[0]",
        "/machine/unattached/device[7]",
        2,
    )
    assert "it is a path or a made-up name, and the client sends it back" in bound.reason


def test_an_event_brings_a_job_id(tmp_path: Path) -> None:
    result, got = play(
        tmp_path,
        [
            '1->{"execute":"go"}',
            '1<-{"return": {}}',
            f'1<-{{"event": "JOB_STATUS_CHANGE", "data": {{"status": "ready", "id": "j1"}}, {STAMP}}}',
            '1->{"execute":"job-complete","arguments":{"id":"j1"}}',
            '1<-{"return": {}}',
            f'1<-{{"event": "JOB_STATUS_CHANGE", "data": {{"status": "null", "id": "j1"}}, {STAMP}}}',
        ],
        [
            f'{{"return": {{}}}}\r\n{{"event": "JOB_STATUS_CHANGE", "data": {{"status": "ready", "id": "j9"}}, {STAMP}}}',
            f'{{"return": {{}}}}\r\n{{"event": "JOB_STATUS_CHANGE", "data": {{"status": "null", "id": "j9"}}, {STAMP}}}',
        ],
    )
    assert result.exit_code == 0, list(result.differences)
    assert got[1]["arguments"] == {"id": "j9"}


def test_a_value_that_is_not_sent_back_still_differs(tmp_path: Path) -> None:
    result, got = play(
        tmp_path,
        [
            '1->{"execute":"query-cpus-fast"}',
            '1<-{"return": [{"qom-path": "/machine/unattached/device[0]", "id": "a"}]}',
            '1->{"execute":"x","arguments":{"amount":1,"text":"a"}}',
            '1<-{"return": 1}',
        ],
        ['{"return": [{"qom-path": "/machine/unattached/device[7]", "id": "b"}]}', '{"return": 2}'],
    )
    assert [group.first.pointer for group in result.differences] == [
        "/return/0/qom-path",
        "/return/0/id",
        "/return",
    ]
    assert got[1]["arguments"] == {"amount": 1, "text": "a"}
    assert list(result.bindings) == []


def test_a_bound_value_that_changes_again_is_a_difference(tmp_path: Path) -> None:
    ask = '1->{"execute":"query-cpus-fast"}'
    said = '1<-{"return": [{"qom-path": "/machine/a/b"}]}'
    use = '1->{"execute":"qom-list","arguments":{"path":"/machine/a/b"}}'
    result, _ = play(
        tmp_path,
        [ask, said, ask, said, ask, said, use, '1<-{"return": []}'],
        [
            *(f'{{"return": [{{"qom-path": "/machine/a/{at}"}}]}}' for at in "cdb"),
            '{"return": []}',
        ],
    )
    found = [(group.first.got, group.count) for group in result.differences]
    assert found == [('"/machine/a/d"', 1)]
