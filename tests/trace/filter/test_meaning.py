"""What filters mean: of calls, events and sessions, and held against the plainest reading of them."""

from __future__ import annotations

import fnmatch
import json
import operator
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import Framer
from qmpconf.trace.filter.literals import Range
from qmpconf.trace.filter.parsing import parse
from qmpconf.trace.filter.selecting import Decided, Selector, choose, selected
from qmpconf.trace.filter.syntax import And, Compare, Filter, Has, In, Not, Or, Wildcard
from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Open, Side
from qmpconf.trace.summary import Summable, Summaries, Summary
from tests.protocol.playbook import GREETING
from tests.trace.filter.test_parsing import filters


def said(line: int, t: float, conn: int, sender: Side, value: object) -> Item:
    text = value if isinstance(value, str) else json.dumps(value)
    (frame,) = Framer().feed(text.encode() + b"\n")
    return Item(line, t, conn, sender, frame)


def event(name: str, **data: object) -> dict[str, object]:
    return {"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 2}}


#: Two sessions: calls that take their time, one that fails, one without an answer, events.
ITEMS: list[Summable] = [
    Open(2, 0.0, 1, client="unix:/run/c", server="unix:/run/vm1"),
    said(3, 0.0, 1, "server", GREETING),
    said(4, 0.1, 1, "client", {"execute": "qmp_capabilities", "id": "libvirt-1"}),
    said(5, 0.2, 1, "server", {"return": {}, "id": "libvirt-1"}),
    Open(6, 0.2, 2, server="tcp:h:1"),
    said(7, 0.3, 1, "client", {"execute": "blockdev-add", "arguments": {"node-name": "n0"}, "id": 2}),
    said(8, 0.4, 1, "client", {"execute": "query-block", "id": 3}),
    said(9, 0.5, 1, "server", event("STOP")),
    said(10, 0.6, 1, "server", {"error": {"class": "GenericError", "desc": "no such node"}, "id": 2}),
    said(11, 1.4, 1, "server", {"return": [{"device": "d0", "size": 2048}, {"device": "d1"}], "id": 3}),
    said(12, 1.5, 2, "client", "{'execute': 'device_del', 'arguments': {'id': 'd0'}}"),
    said(13, 1.6, 2, "server", event("DEVICE_DELETED", device="d0", path="/a", deep={"x": [1, None]})),
    said(14, 1.7, 1, "client", "junk"),
    Close(15, 2.0, 2, who="server", error="reset"),
    Close(16, 2.1, 1, who="client"),
]  # fmt: skip
EVERY = list(range(2, 17))


def lines(text: str) -> list[int]:
    return [one.line for one, _ in selected(parse(text), lambda: ITEMS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("command", [4, 5, 7, 8, 10, 11, 12]),
        ("command = query-block", [8, 11]),
        ("command != query-block", [4, 5, 7, 10, 12]),
        ("not command = query-block", [one for one in EVERY if one not in (8, 11)]),
        ("command ~ '*block*'", [7, 8, 10, 11]),
        ("command ~~ ^q", [4, 5, 8, 11]),
        ("error", [7, 10]),
        ("error = GenericError and kind = command", [7]),
        ("kind = error", [10]),
        ("desc ~~ node", [7, 10]),
        ("took >= 300ms", [7, 8, 10, 11]),
        ("took > 300ms and not error", [8, 11]),
        ("command and not answered", [12]),
        ("arguments/node-name = n0", [7, 10]),
        ("arguments/id = d0 or data/device = d0", [12, 13]),
        ("return/*/device = d1", [8, 11]),
        ("return/1/device", [8, 11]),
        ("return/2", []),
        ("return/0/size > 1KiB", [8, 11]),
        ("return/0/size = '2048'", []),
        ("return/0/size < none", []),
        ("return/*/device < d2", []),
        ("return/** = d0", [8, 11]),
        ("return/**", [4, 5, 8, 11]),
        ("arguments/**", [7, 10, 12]),
        ("data/**", [9, 13]),
        ("return/** != d0", [4, 5, 8, 11]),
        ("data/** = null", [13]),
        ("data/deep/x/1 = null", [13]),
        ("data/deep/x/1", [13]),
        ("data/** < 2", [13]),
        ("data/**/x/* != 1", [13]),
        ("event", [9, 13]),
        ("event in (STOP, RESUME)", [9]),
        ("sender = server and not kind in (return, error)", [3, 9, 13, 15]),
        ("id = libvirt-1 or id = 3", [4, 5, 8, 11]),
        ("wrong", [10, 14, 15]),
        ("text ~~ '\"d0\"'", [11, 13]),
        ("text = reset", [15]),
        ("session = 2", [6, 12, 13, 15]),
        ("line in (3..4, 16..)", [3, 4, 16]),
        ("time < 100ms", [2, 3]),
        ("client", [2, 3, 4, 5, 7, 8, 9, 10, 11, 14, 16]),
        ("monitor ~ *vm1 and event", [9]),
        ("size < 30 and kind = malformed", [14]),
        ("fds or oob", []),
    ],
)
def test_what_passes(text: str, expected: list[int]) -> None:
    assert lines(text) == expected
    chosen = choose(parse(text), ITEMS)
    assert [line for line in EVERY if chosen.has_line(line)] == expected
    fates = [2, 6, 15, 16]
    assert chosen.selected == len([line for line in expected if line not in fates])
    assert chosen.messages == len(EVERY) - len(fates)


def test_as_a_recording_grows_a_command_passes_with_its_response() -> None:
    selector = Selector(parse("took > 1ms or command = device_del"))
    shown: list[list[int]] = []
    for item in ITEMS:
        shown.append([one.summary.line for one in selector.take(item) if one.passes])
    assert shown == [
        [], [], [], [4, 5], [], [], [], [], [7, 10], [8, 11], [], [], [], [12], []
    ]  # fmt: skip
    assert selector.end() == []


def test_each_message_is_decided_once() -> None:
    for text in ("took > 1ms", "command"):
        selector = Selector(parse(text))
        decided: list[Decided] = [one for item in ITEMS for one in selector.take(item)]
        decided += selector.end()
        assert sorted(one.number for one in decided) == list(range(len(ITEMS)))


def test_numbers_are_equal_whatever_they_are_written_as() -> None:
    whole = said(2, 0.0, 1, "server", event("X", one=1, half=2.5))
    for text, passes in (
        ("data/one = 1.0", True),
        ("data/one in (0.5..1)", True),
        ("data/half = 2.5", True),
        ("data/half = 2", False),
        ("data/one = true", False),
    ):
        assert bool(list(selected(parse(text), lambda: [whole]))) == passes, text


def test_commands_that_are_long_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpconf.trace.filter.selecting.MOST_BYTES", 100)
    selector = Selector(parse("not answered"))
    command = {"execute": "x", "arguments": {"a": "b" * 60}}
    decided = [selector.take(said(at, 0.0, 1, "client", command)) for at in range(2, 5)]
    assert [[one.summary.line for one in several] for several in decided] == [[], [2], [3]]
    answered = selector.take(said(5, 0.0, 1, "server", {"return": {}}))
    assert [(one.summary.line, one.passes) for one in answered if one.summary.line == 4] == []
    assert [(one.summary.line, one.passes) for one in selector.end()] == [(4, True)]


def test_a_session_that_begins_anew_answers_no_command_of_the_one_before() -> None:
    selector = Selector(parse("not answered"))
    selector.take(said(2, 0.0, 1, "client", {"execute": "x"}))
    begun = selector.take(Open(3, 0.1, 1))
    assert [(one.summary.line, one.passes) for one in begun] == [(2, True), (3, True)]
    assert selector.end() == []


def test_commands_that_never_end_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpconf.trace.filter.selecting.MOST_HELD", 3)
    selector = Selector(parse("command and not answered"))
    found = []
    for line in range(2, 10):
        found += selector.take(said(line, 0.0, line, "client", {"execute": "x"}))
    assert [one.summary.line for one in found if one.passes] == [2, 3, 4, 5, 6]
    assert [one.summary.line for one in selector.end() if one.passes] == [7, 8, 9]


# --- the plainest reading ---------------------------------------------------------------------------

NUMBERED = list(enumerate(ITEMS))


def summaries() -> dict[int, tuple[Summary, int]]:
    """By the items' places: their summaries, and the place of the command that each answers."""
    made = Summaries()
    found = {}
    for at, item in NUMBERED:
        one = made.take(item)
        assert one is not None
        found[at] = one, made.answered
    return found


def naive(tree: Filter, at: int) -> bool:
    """Whether a message passes, by all values that each field may have, looked up in the whole trace."""
    if isinstance(tree, Not):
        return not naive(tree.inner, at)
    if isinstance(tree, And):
        return all(naive(part, at) for part in tree.parts)
    if isinstance(tree, Or):
        return any(naive(part, at) for part in tree.parts)
    values = reached(whole(at, tree.place.name), tree.place.path)
    return any(holds(tree, value) for value in values)


#: Stands for what a message does not have.
ABSENT = object()


def whole(at: int, name: str) -> Any:
    """What a message has of a field, or `ABSENT`."""
    own, answers = summaries()[at]
    asked = at if own.kind == "command" else answers
    replies = [place for place, (_, to) in summaries().items() if to == asked >= 0]
    reply = summaries()[replies[0]][0] if replies else None
    item = ITEMS[at]
    opening = next(one for one in ITEMS if isinstance(one, Open) and one.conn == own.conn)
    texts = {place: one.frame.data.decode() for place, one in NUMBERED if isinstance(one, Item)}
    read = {
        place: json.loads(text.replace("'", '"')) for place, text in texts.items() if "{" in text
    }
    failed = reply is not None and reply.kind == "error"
    if name in ("arguments", "return", "data"):
        holder = {"arguments": asked, "return": replies[0] if replies else -1, "data": at}[name]
        of_it = name != "data" or own.kind == "event"
        return read[holder].get(name, ABSENT) if of_it and holder in read else ABSENT
    found = {
        "command": read[asked]["execute"] if asked >= 0 and asked in read else None,
        "error": reply.outcome if failed else None,
        "desc": reply.text if failed else None,
        "took": reply.latency if reply else None,
        "answered": reply is not None,
        "event": own.name if own.kind == "event" else None,
        "kind": own.kind,
        "sender": own.sender,
        "id": None if not own.id else str(json.loads(own.id)),
        "oob": False,
        "wrong": at in (8, 12, 13),
        "text": texts.get(at, own.text),
        "size": len(texts[at]) + 1 if at in texts else 0,
        "fds": 0,
        "line": item.line if not isinstance(item, dict) else 0,
        "time": own.t,
        "session": own.conn,
        "client": opening.client or None,
        "monitor": opening.server or None,
    }[name]  # fmt: skip
    return ABSENT if found is None else found


def reached(value: Any, path: tuple[Any, ...]) -> list[Any]:
    if value is ABSENT:
        return []
    if not path:
        return [value]
    step, rest = path[0], path[1:]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    if step == Wildcard(deep=True):
        return reached(value, rest) + [one for each in inner for one in reached(each, path)]
    if step == Wildcard():
        return [one for each in inner for one in reached(each, rest)]
    if isinstance(value, list):
        return reached(value[int(step)], rest) if step in map(str, range(len(value))) else []
    return reached(value[step], rest) if isinstance(value, dict) and step in value else []


def holds(tree: Has | Compare | In, value: Any) -> bool:
    if isinstance(tree, Has):
        return (
            bool(value)
            if tree.place.name in ("answered", "oob", "wrong", "fds", "session")
            else True
        )
    number = type(value) in (int, float)
    if isinstance(tree, In):
        return any(
            number
            and (one.first is None or value >= one.first)
            and (one.last is None or value <= one.last)
            if isinstance(one, Range)
            else same(value, one)
            for one in tree.items
        )
    if tree.operator == "~":
        return isinstance(value, str) and fnmatch.fnmatchcase(value, str(tree.value))
    if tree.operator == "~~":
        return isinstance(value, str) and re.search(str(tree.value), value) is not None
    if tree.operator in ("=", "!="):
        return same(value, tree.value) == (tree.operator == "=")
    order = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[
        tree.operator
    ]
    return number and type(tree.value) in (int, float) and bool(order(value, tree.value))


def same(one: Any, other: Any) -> bool:
    numbers = type(one) in (int, float) and type(other) in (int, float)
    return one == other and (numbers or type(one) is type(other))


@given(filters)
def test_a_filter_means_what_its_parts_mean(tree: Filter) -> None:
    chosen = choose(tree, ITEMS)
    assert [chosen.passes(at) for at in range(len(ITEMS))] == [
        naive(tree, at) for at in range(len(ITEMS))
    ]


telling = st.sampled_from(
    [
        "command = query-block", "command", "error", "took > 500ms", "took", "answered", "event",
        "data/** = d0", "return/*/size < 1MiB", "arguments/node-name ~ n*", "kind in (return, event)",
        "sender = client", "id = 3", "wrong", "text ~~ d0", "size > 60", "line in 5..12", "session = 2",
        "time >= 1s", "client", "monitor ~ unix:*", "desc != x", "error not in (GenericError)",
    ]
)  # fmt: skip


@given(
    st.recursive(
        telling.map(parse),
        lambda inner: (
            st.builds(lambda a, b: parse(f"({a}) and ({b})"), inner, inner)
            | st.builds(lambda a, b: parse(f"({a}) or ({b})"), inner, inner)
            | st.builds(lambda a: parse(f"not ({a})"), inner)
        ),
        max_leaves=6,
    )
)
def test_filters_of_what_is_there_mean_what_their_parts_mean(tree: Filter) -> None:
    expected = [at for at in range(len(ITEMS)) if naive(tree, at)]
    assert [ITEMS.index(item) for _, item in selected(tree, lambda: ITEMS)] == expected
