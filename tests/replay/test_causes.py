"""Which differences only follow from a call that failed in the replay."""

from __future__ import annotations

from qmpconf.replay.causes import Call, Said, consequences, made_by, names_of


def call(line: int, name: str, arguments: dict[str, object], session: int = 1) -> Call:
    names, makes = names_of(arguments), made_by(arguments)  # type: ignore[arg-type]
    return Call(session, line, line + 1, name, names, makes)


ADD = call(
    10, "blockdev-add", {"driver": "qcow2", "node-name": "n0", "file": {"filename": "x.img"}}
)
EXPORT = call(12, "block-export-add", {"id": "e0", "node-name": "n0", "type": "nbd"})
REMOVE = call(14, "block-export-del", {"id": "e0"})
OTHER = call(16, "blockdev-add", {"driver": "qcow2", "node-name": "n1"})
EVENT = Said(1, 18, frozenset({"e0"}))


def test_what_names_what_a_failed_call_would_have_made_follows_from_it() -> None:
    found = consequences([ADD, EXPORT, REMOVE, OTHER], {(1, 11): "", (1, 13): ""})
    assert found == {(1, 13): ADD, (1, 15): ADD}


def test_an_event_about_it_follows_and_what_shares_a_driver_does_not() -> None:
    found = consequences([ADD, OTHER, EXPORT, EVENT], {(1, 11): "", (1, 13): ""})
    assert found == {(1, 13): ADD, (1, 18): ADD}


def test_what_was_there_before_the_failed_call_is_not_its_consequence() -> None:
    again = call(20, "device_add", {"driver": "virtio-blk", "id": "d0", "drive": "n0"})
    later = call(22, "query-node", {"node-name": "n0"})
    assert consequences([ADD, again, later], {(1, 21): ""}) == {}


def test_another_session_names_its_own_things() -> None:
    other = call(30, "block-export-add", {"id": "e1", "node-name": "n0"}, session=2)
    assert consequences([ADD, other], {(1, 11): ""}) == {}


def test_without_a_failed_call_nothing_follows() -> None:
    assert consequences([ADD, EXPORT, REMOVE, EVENT], {}) == {}
