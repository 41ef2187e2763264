"""Reductions: causes and the search by hand, and whole ones against servers with one defect."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError, TargetError, UsageError
from qmpconf.monitor.core import Action, Monitor, Send
from qmpconf.protocol.framing import CLIENT_LIMITS, Framer, Kind
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.reduce.reducing import beside, reduce_trace
from qmpconf.replay.reduce.shrink import Recording, Unit, cut_up, shrink
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.replay.conftest import CATALOG, exchange, serving

ROOT = Path(__file__).resolve().parents[3]

Spoil = Callable[[list[str], bytes], bytes]


def server(spoil: Spoil) -> Callable[[socket.socket], None]:
    """A new embedded monitor for each client; `spoil` gets the commands so far, and a message."""

    def behave(sock: socket.socket) -> None:
        monitor = Monitor(CATALOG, lambda: 1_000_002)
        framer = Framer(CLIENT_LIMITS)
        asked: list[str] = []
        number, actions = monitor.open()

        def answer(actions: list[Action]) -> None:
            while monitor.wait() == 0:
                actions += monitor.work()
            for action in actions:
                if isinstance(action, Send):
                    sock.sendall(spoil(asked, action.data))

        answer(actions)
        while data := sock.recv(65536):
            for frame in framer.feed(data):
                if frame.kind is Kind.VALUE:
                    asked.append(json.loads(frame.data)["execute"])
                    answer(monitor.receive(number, frame.data))

    return behave


COMMANDS = [
    '{"execute":"qmp_capabilities"}',
    '{"execute":"query-version"}',
    '{"execute":"chardev-add","arguments":{"id":"c0","backend":{"type":"null","data":{}}}}',
    '{"execute":"query-kvm"}',
    '{"execute":"query-commands"}',
    '{"execute":"stop"}',
    '{"execute":"chardev-add","arguments":{"id":"c1","backend":{"type":"null","data":{}}}}',
    '{"execute":"query-name"}',
    '{"execute":"query-uuid"}',
    '{"execute":"query-status"}',
    '{"execute":"chardev-remove","arguments":{"id":"c0"}}',
    '{"execute":"cont"}',
    '{"execute":"query-chardev"}',
    '{"execute":"query-status"}',
]


@pytest.fixture
def recorded(record: Callable[..., str]) -> str:
    return record(lambda path: exchange(path, *[text.encode() for text in COMMANDS]) and None)


def names(trace: str) -> list[str]:
    return [
        json.loads(item.frame.data)["execute"]
        for item in TraceReader(trace).items()
        if isinstance(item, Item) and item.sender == "client"
    ]


def reduced(tmp_path: Path, recorded: str, spoil: Spoil, **options: object) -> list[str]:
    """The commands that are left; the result is a trace that shows the difference."""
    path = tmp_path / "t"
    output = str(tmp_path / "short.qmptrace")
    with serving(path, server(spoil)):
        found = reduce_trace(
            recorded,
            target=str(path),
            output=output,
            **options,  # type: ignore[arg-type]
        )
        assert found.exit_code == 1
        assert found.output == output
        assert replay_trace(output, target=str(path), event_timeout=1).exit_code in (1, 4)
    reader = TraceReader(output)
    assert len(list(reader.items())) > 0
    assert reader.finished
    meta = reader.header.meta["reduced"]
    assert meta["from"] == "recorded.qmptrace"
    assert meta["of"] == len(COMMANDS)
    assert meta["messages"] == found.left == len(names(output))
    assert meta["difference"] == found.difference
    return names(output)


def test_one_wrong_answer_keeps_its_command(tmp_path: Path, recorded: str) -> None:
    def spoil(asked: list[str], data: bytes) -> bytes:
        return data.replace(b"UUID", b"UUIX")

    assert reduced(tmp_path, recorded, spoil) == ["qmp_capabilities", "query-uuid"]


def test_commands_that_only_the_defect_needs_are_found(tmp_path: Path, recorded: str) -> None:
    def spoil(asked: list[str], data: bytes) -> bytes:
        if asked and asked[-1] == "query-uuid" and {"query-kvm", "query-version"} <= set(asked):
            return data.replace(b"UUID", b"UUIX")
        return data

    assert reduced(tmp_path, recorded, spoil) == [
        "qmp_capabilities",
        "query-version",
        "query-kvm",
        "query-uuid",
    ]


def test_causes_stay(tmp_path: Path, recorded: str) -> None:
    def spoil(asked: list[str], data: bytes) -> bytes:
        if asked and asked[-1] == "chardev-remove":
            return b'{"error": {"class": "GenericError", "desc": "no"}}\r\n'
        return data.replace(b'"paused"', b'"broken"') if asked[-1:] == ["query-status"] else data

    assert reduced(tmp_path, recorded, spoil) == ["qmp_capabilities", "stop", "query-status"]
    (tmp_path / "other").mkdir()
    assert reduced(tmp_path / "other", recorded, spoil, difference=2) == [
        "qmp_capabilities",
        "chardev-add",
        "chardev-remove",
    ]


def test_what_is_known_is_not_reduced_to(tmp_path: Path, recorded: str) -> None:
    def spoil(asked: list[str], data: bytes) -> bytes:
        data = data.replace(b"UUID", b"UUIX")
        return data.replace(b'"paused"', b'"broken"') if asked[-1:] == ["query-status"] else data

    path = str(tmp_path / "t")
    with serving(Path(path), server(spoil)):
        result = replay_trace(recorded, target=path)
        known = {
            group.first.digest: "accepted"
            for group in result.new
            if group.first.subject == "reply to query-uuid"
        }
        assert len(known) == len(result.new) - 1 > 0
        output = str(tmp_path / "short.qmptrace")
        found = reduce_trace(recorded, target=path, known=known, output=output)
        every = {group.first.digest: "accepted" for group in result.new}
        nothing = reduce_trace(recorded, target=path, known=every, output=output, overwrite=True)
    assert "query-status" in found.difference
    assert names(output) == ["qmp_capabilities", "stop", "query-status"]
    assert (nothing.exit_code, nothing.output) == (0, "")
    assert "besides the known ones" in nothing.note


def test_a_server_that_dies_is_reduced(tmp_path: Path, recorded: str) -> None:
    def spoil(asked: list[str], data: bytes) -> bytes:
        if asked[-1:] == ["query-name"] and "stop" in asked:
            raise OSError
        return data

    assert reduced(tmp_path, recorded, spoil) == [
        "qmp_capabilities",
        "stop",
        "query-name",
    ]


def test_no_difference_writes_nothing(tmp_path: Path, recorded: str) -> None:
    path = tmp_path / "t"
    with serving(path, server(lambda _, data: data)):
        found = reduce_trace(recorded, target=str(path))
    assert found.exit_code == 0
    assert "no difference" in found.note
    assert not list(tmp_path.glob("*reduced*"))


def test_chance_is_told(tmp_path: Path, recorded: str) -> None:
    sessions = iter([True] + [False] * 99)
    now = [False]

    def spoil(asked: list[str], data: bytes) -> bytes:
        if not asked:
            now[0] = next(sessions)
        return data.replace(b"UUID", b"UUIX") if now[0] else data

    path = tmp_path / "t"
    with serving(path, server(spoil)):
        found = reduce_trace(recorded, target=str(path))
    assert found.exit_code == 1
    assert "did not come again" in found.note
    assert not found.output


def test_when_the_time_is_over_the_best_is_written(tmp_path: Path, recorded: str) -> None:
    path = tmp_path / "t"
    with serving(path, server(lambda _, data: data.replace(b"UUID", b"UUIX"))):
        found = reduce_trace(recorded, target=str(path), time_limit=1e-6)
    assert "time limit" in found.note
    assert found.left == found.commands
    assert not found.output


def test_what_cannot_be_reduced_is_refused(tmp_path: Path, recorded: str) -> None:
    with pytest.raises(TargetError):
        reduce_trace(recorded, target=str(tmp_path / "nobody"))
    with pytest.raises(UsageError, match="say what to replay against"):
        reduce_trace(recorded)
    with pytest.raises(UsageError, match="exists"):
        reduce_trace(recorded, target="x", output=recorded)
    empty = tmp_path / "empty"
    empty.write_text('{"qmptrace":1}\n')
    with pytest.raises(InputError, match="nothing to reduce"):
        reduce_trace(str(empty), target="x")


def test_the_causes_of_a_rich_session() -> None:
    trace = ROOT / "traces" / "qemu-7.2.22-rich.qmptrace.gz"
    recording = cut_up(list(TraceReader(str(trace)).items()))
    whole = frozenset(range(len(recording.units)))
    assert list(recording.pick(whole)) == list(recording.records)
    needs = {
        unit.name: {recording.units[cause].name for cause in unit.causes}
        for unit in recording.units
    }
    assert needs["remove-fd"] >= {"qmp_capabilities", "add-fd"}
    assert "blockdev-add" in needs["blockdev-del"]
    assert needs["query-version"] == {"qmp_capabilities"}


def fake(count: int, causes: dict[int, set[int]]) -> Recording:
    return Recording(
        [],
        [Unit(1, "c", causes=frozenset(causes.get(at, ()))) for at in range(count)],
    )


@given(data=st.data(), count=st.integers(1, 40))
def test_the_search_ends_with_what_is_needed(data: st.DataObject, count: int) -> None:
    indices = st.integers(0, count - 1)
    causes = {at: data.draw(st.sets(st.integers(0, at - 1), max_size=2)) for at in range(1, count)}
    recording = fake(count, causes)
    wanted = recording.with_causes(frozenset(data.draw(st.sets(indices, min_size=1, max_size=4))))
    pinned = frozenset({max(wanted)})
    tries: list[frozenset[int]] = []

    def shows(kept: frozenset[int]) -> bool:
        assert recording.with_causes(kept) == kept  # never a unit without its causes
        tries.append(kept)
        return wanted <= kept

    assert shrink(recording, pinned, shows) == wanted
    assert shrink(recording, frozenset(), shows) == wanted


def test_an_answer_to_the_first_of_two_messages_on_one_line_belongs_to_both(tmp_path: Path) -> None:
    trace = tmp_path / "two.qmptrace"
    trace.write_text(
        '{"qmptrace":1,"started":"","recorder":""}\n'
        '{"t":0.1,"conn":1,"from":"client","raw":"aN"}\n'
        '{"t":0.2,"conn":1,"from":"server","msg":{"return": 1}}\n'
    )
    recording = cut_up(list(TraceReader(str(trace)).items()))
    [unit] = recording.units
    assert [recording.records[at].line for at in unit.records] == [2, 2, 3]


@pytest.mark.parametrize("ending", ["", ".qmptrace", ".qmptrace.gz", ".qmptrace.zst"])
def test_the_shorter_trace_has_a_name_beside_the_long_one(ending: str) -> None:
    assert beside(f"some/vm.1{ending}") == "some/vm.1.reduced.qmptrace"
