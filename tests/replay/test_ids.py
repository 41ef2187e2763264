"""Ids: each reply has that of its own command, in a recording, in a replay, and whatever was learned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.values import loads
from qmpconf.replay.configuration import read_masks
from qmpconf.replay.learn.learning import Learned, as_toml, learn
from qmpconf.replay.masks import Mask
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from tests.replay.conftest import exchange, monitors, written
from tests.replay.learn.test_learning import GREETING
from tests.replay.spoiler import Spoiler

NOTHING = object()


def recording(path: Path, *exchanges: tuple[Any, Any, Any]) -> str:
    """Commands with their ids, the ids of the replies, and what these return."""
    script = ["1+", f"1<-{GREETING}"]
    for asked, echoed, result in exchanges:
        own, other = ({} if one is NOTHING else {"id": one} for one in (asked, echoed))
        script.append("1->" + json.dumps({"execute": "query-x", **own}))
        script.append("1<-" + json.dumps({"return": result, **other}))
    return written(path, [*script, "1-client"])


def learned(tmp_path: Path, one: Any, other: Any, result: Any = 1) -> Learned:
    paths = [
        recording(tmp_path / name, (*ids, result), (*ids, result))
        for name, ids in (("one", one), ("other", other))
    ]
    return learn(paths)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("libvirt-12", "libvirt-12"), ("libvirt-371", "libvirt-371")),
        ((1, 1), (2, 2)),
        ((1.0, 1), (7, 7.0)),
        ((2**64 + 1, float(2**64)), (3, 3)),
        ((["a", {"n": 1}], ["a", {"n": 1}]), ({"x": None}, {"x": None})),
        (("a", "a"), (1, 1)),
        (("a", "a"), (NOTHING, NOTHING)),
        (("#block123", "#block123"), ("#block456", "#block456")),
    ],
)
def test_ids_that_are_echoed_are_the_same(tmp_path: Path, one: Any, other: Any) -> None:
    found = learned(tmp_path, one, other)
    assert (found.masks, found.left) == ([], [])


@pytest.mark.parametrize(
    ("echoed", "says"),
    [
        ("libvirt-13", '"libvirt-13"'),
        (12, "12"),
        (NOTHING, "no id"),
        ("#block124", '"#block124"'),
    ],
)
@pytest.mark.parametrize("both", [False, True])
def test_a_wrong_id_is_no_mask(tmp_path: Path, echoed: Any, says: str, both: bool) -> None:
    asked = "#block123" if str(echoed).startswith("#") else "libvirt-12"
    found = learned(tmp_path, (asked, echoed if both else asked), (asked, echoed))
    assert found.masks == []
    assert len(found.left) == 1 + both
    path = tmp_path / "other"
    assert f"{path}: reply to query-x (line 5) has" in found.left[-1]
    assert says in found.left[-1]
    assert json.dumps(asked) in found.left[-1]


def test_an_id_that_no_command_has_is_no_mask(tmp_path: Path) -> None:
    found = learned(tmp_path, (NOTHING, NOTHING), (NOTHING, 3))
    assert found.masks == []
    assert "has the id 3, and its command has no id" in found.left[0]


def test_ids_do_not_hide_what_else_differs(tmp_path: Path) -> None:
    """Lists in another order are compared once more, without the ids."""
    one = recording(tmp_path / "one", ("a-1", "a-1", [{"name": "x"}, {"name": "y"}]))
    two = recording(tmp_path / "two", ("a-2", "a-2", [{"name": "y"}, {"name": "x"}]))
    found = learn([one, two])
    assert [(mask.place, mask.kind) for mask, _ in found.masks] == [("/return", "set")]
    assert found.left == []


@given(st.integers(), st.integers())
def test_any_two_ids(tmp_path_factory: pytest.TempPathFactory, one: int, other: int) -> None:
    folder = tmp_path_factory.mktemp("ids")
    found = learned(folder, (one, one), (one, other))
    assert found.masks == []
    assert bool(found.left) == (one != other)


# --- replays -----------------------------------------------------------------------------------


def session(path: Path) -> None:
    commands = ["qmp_capabilities", "query-status", "query-name", "query-status"]
    pieces = [
        json.dumps({"execute": name, "id": f"libvirt-{number}"}).encode() + b"\n"
        for number, name in enumerate(commands, 1)
    ]
    exchange(path, *pieces)


def wrong_ids(data: bytes, _position: int) -> bytes:
    """What a server says that counts its replies itself, and has lost count."""
    message = loads(data)
    if "id" in message:
        message["id"] = f"libvirt-{int(message['id'].removeprefix('libvirt-')) + 7}"
    return json.dumps(message).encode() + b"\r\n"


def played(tmp_path: Path, trace: str, masks: tuple[Mask, ...], compare: Any) -> ReplayResult:
    server, proxy = tmp_path / "server", tmp_path / "proxy"
    with monitors(server), Spoiler(proxy, server, wrong_ids):
        return replay_trace(trace, target=str(proxy), masks=masks, compare=compare)


@pytest.mark.parametrize("compare", ["value", "shape", "exact"])
def test_a_server_with_wrong_ids_is_found(
    tmp_path: Path, record: Callable[..., str], compare: str
) -> None:
    traces = [record(session, name=f"{n}.qmptrace") for n in range(2)]
    learnt = tmp_path / "masks.toml"
    learnt.write_text(as_toml(learn(traces)))
    by_hand = Mask("mine", "reply", "*", "/id", "any", "it had to go away")
    masks = (*(read_masks(str(learnt)) if learnt.read_text().count("[[mask]]") else ()), by_hand)
    found = played(tmp_path, traces[0], masks, compare)
    assert found.exit_code == 1
    assert found.differences.count == 4
    if compare != "exact":
        one = next(iter(found.differences)).first
        assert (one.kind, one.pointer, one.expected, one.got) == (
            "changed",
            "/id",
            '"libvirt-1"',
            '"libvirt-8"',
        )
    assert by_hand not in found.used


def test_a_server_that_is_mended_differs_from_its_recording(tmp_path: Path) -> None:
    """A recorded wrong id is not a pattern to follow, nor one to pass over in silence."""
    trace = written(
        tmp_path / "wrong",
        [
            "1+",
            "1<-" + GREETING.replace("[]", '["oob"]'),
            '1->{"execute": "qmp_capabilities", "id": 1}',
            '1<-{"return": {}, "id": 2}',
            "1-client",
        ],
    )
    server = tmp_path / "server"
    with monitors(server):
        found = replay_trace(trace, target=str(server))
    (one,) = [group.first for group in found.differences]
    assert (one.kind, one.pointer, one.expected, one.got) == ("changed", "/id", "2", "1")
