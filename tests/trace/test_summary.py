"""Summaries: a line for each message, whatever the bytes are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.values import dumps
from qmpconf.trace import summary
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Descriptor, Gap, Open, Shut, Side
from qmpconf.trace.summary import LOST_REST, SKIPPED, UNENDED, Summaries, Summary, summarize
from qmpconf.trace.writer import TraceWriter
from tests.protocol.playbook import GREETING

TRACES = sorted((Path(__file__).parents[2] / "traces").glob("*.qmptrace.gz"))


def items(*said: tuple[Side, str, float]) -> Iterator[Item]:
    framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    for line, (sender, text, t) in enumerate(said, 2):
        for frame in framers[sender].feed(text.encode()):
            yield Item(line, t, 1, sender, frame)
    for sender in ("client", "server"):
        for frame in framers[sender].close():
            yield Item(len(said) + 2, 99.0, 1, sender, frame)


def test_a_session() -> None:
    event = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'
    error = '{"error": {"class": "CommandNotFound", "desc": "no such"}, "id": 2}\r\n'
    found = list(
        summarize(
            items(
                ("server", GREETING + "\r\n", 0.5),
                ("client", '{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}\n', 1.0),
                ("server", '{"return": {}}\r\n', 1.25),
                ("client", '{"execute":"nope","id":2}', 2.0),
                ("client", '{"exec-oob":"migrate-pause","id":"é"}', 2.5),
                ("server", event, 2.5),
                ("server", '{"return": {}, "id": "\\u00E9"}\r\n', 3.5),
                ("server", error, 4.0),
            )
        )
    )
    sizes = {one.line: one.size for one in found}
    assert sizes[2] == len(GREETING) + 2
    assert sizes[9] == len(error)
    assert [
        (one.line, one.kind, one.name, one.id, one.oob, one.latency, one.answers, one.outcome)
        for one in found
    ] == [
        (2, "greeting", "", "", False, None, 0, "7.2.22"),
        (3, "command", "qmp_capabilities", "", False, None, 0, ""),
        (4, "return", "qmp_capabilities", "", False, 0.25, 3, ""),
        (5, "command", "nope", "2", False, None, 0, ""),
        (6, "command", "migrate-pause", '"\\u00E9"', True, None, 0, ""),
        (7, "event", "STOP", "", False, None, 0, ""),
        (8, "return", "migrate-pause", '"\\u00E9"', True, 1.0, 6, ""),
        (9, "error", "nope", "2", False, 2.0, 5, "CommandNotFound"),
    ]
    assert found[-1].text == "no such"


def test_the_members_that_say_most() -> None:
    event = (
        '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "JOB_STATUS_CHANGE", '
        '"data": {"status": "ready", "id": "job0"}}\r\n'
    )
    long = '{"return": {"status": "running", "pad": "%s"}}\r\n' % ("x" * 2000)
    found = summarize(
        items(
            ("client", '{"execute":"device_add","arguments":{"driver":"e1000","id":"n"}}\n', 1.0),
            ("server", event, 2.0),
            ("server", '{"return": {"status": "running", "running": true}}\r\n', 3.0),
            ("server", long, 4.0),
        )
    )
    assert [list(one.members.items()) for one in found] == [
        [("id", "n"), ("driver", "e1000")],
        [("id", "job0"), ("status", "ready")],
        [("status", "running")],
        [],
    ]


def test_what_is_no_message() -> None:
    found = list(
        summarize(
            items(
                ("client", " \r\n", 1.0),
                ("client", "[1]\n", 2.0),
                ("client", "%%%\n", 3.0),
                ("server", '{"return": {}}\r\n', 4.0),
                ("server", "{'return': 1 1}\r\n", 5.0),
                ("client", '{"exec', 6.0),
            )
        )
    )
    assert [(one.kind, one.outcome) for one in found[:3]] == [
        ("other", "array"),
        ("malformed", found[1].outcome),
        ("malformed", SKIPPED),
    ]
    assert [one.kind for one in found[3:]] == ["return", "malformed", "malformed"]
    assert found[3].name == ""
    assert found[4].outcome.endswith("at byte 13")
    assert found[5].outcome == UNENDED
    assert found[5].size == len('{"exec')


def test_what_is_passed_over_behind_a_gap_is_the_rest_of_a_lost_message() -> None:
    reply = Frame(Kind.VALUE, b'{"return": {}}', b"\r\n", True)
    skipped = Frame(Kind.SKIPPED, b'x"}')
    found = summarize(
        [
            Gap(2, 0.0, 1, "server", 100),
            Item(3, 0.0, 1, "server", skipped),
            Item(4, 0.0, 1, "client", skipped),
            Item(5, 0.0, 1, "server", skipped),
            Item(6, 0.0, 1, "server", reply),
            Item(7, 0.0, 1, "server", Frame(Kind.MALFORMED, b"@")),
            Item(8, 0.0, 1, "server", skipped),
            Gap(9, 0.0, 1, "server", 100),
            Close(10, 0.0, 1, "client"),
            Item(11, 0.0, 1, "server", skipped),
        ]
    )
    assert [(one.line, one.outcome) for one in found if one.outcome in (SKIPPED, LOST_REST)] == [
        (3, LOST_REST),
        (4, SKIPPED),
        (5, LOST_REST),
        (8, SKIPPED),
        (11, SKIPPED),
    ]


def test_what_happens_to_a_session() -> None:
    command = Frame(Kind.VALUE, b'{"execute":"a"}', b"\r\n", True)
    success = Frame(Kind.VALUE, b'{"return": {}}', b"\r\n", True)
    found = list(
        summarize(
            [
                Open(2, 0.0, 1, "unix:a", "unix:b"),
                Item(3, 0.0, 1, "client", command, (Descriptor("file", "r"),)),
                Shut(4, 0.5, 1, "client"),
                Close(5, 1.0, 1, "recorder", "stopped"),
                Open(6, 2.0, 1, "", "unix:b"),
                Item(7, 3.0, 1, "server", success),
                Close(8, 4.0, 1, "client"),
            ]
        )
    )
    assert [(one.kind, one.sender, one.outcome, one.text) for one in found] == [
        ("open", "client", "", "unix:a -> unix:b"),
        ("command", "client", "", ""),
        ("shut", "client", "", ""),
        ("close", "server", "recorder", "stopped"),
        ("open", "client", "", "unix:b"),
        ("return", "server", "", ""),
        ("close", "client", "client", ""),
    ]
    assert found[1].fds == 1
    # The command of the session that closed is not what the next one's response answers.
    assert found[5].answers == 0


def test_responses_have_the_names_of_their_commands() -> None:
    for path in TRACES:
        reader = TraceReader(str(path))
        commands = {}
        for one in summarize(reader.items()):
            if one.kind == "command":
                commands[one.line] = one
            if one.kind in {"return", "error"} and one.answers and one.answers in commands:
                asked = commands[one.answers]
                assert one.name == asked.name
                assert one.latency == round(one.t - asked.t, 6)


bits = st.binary(max_size=40) | st.sampled_from(
    [
        GREETING.encode(),
        b'{"execute":"a","id":',
        b'{"exec-oob":"\\u001b","id":{"a":[1.0]}}',
        b'{"return":{},"id":',
        b'{"error":{"class":1,"desc":"x"}}',
        b'{"event":"STOP","timestamp":1}',
        b'{"execute":1}',
        b"{'return':1e999}",
        b"\xff",
        b"1}",
        b"\r\n",
    ]
)


@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), bits), max_size=30))
def test_any_bytes_are_summarised(said: Sequence[tuple[Side, bytes]]) -> None:
    framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    summaries = Summaries()
    size = 0
    pieces = [(sender, framers[sender].feed(piece)) for sender, piece in said]
    pieces += [(sender, framer.close()) for sender, framer in framers.items()]
    for sender, frames in pieces:
        for frame in frames:
            found = summaries.take(Item(1, 0.0, 1, sender, frame))
            assert (found is None) == (frame.kind is Kind.SPACE)
            size += found.size if found else len(frame.data) + len(frame.end)
    assert size == sum(len(piece) for _, piece in said)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
replies = st.one_of(
    st.builds(lambda value, name: dumps({"return": value, "id": name}), values, values),
    st.builds(lambda value: dumps({"return": value}), values),
    st.builds(lambda value: b'{"return": ' + dumps(value) + b', "return": 2}', values),
    st.builds(lambda value: dumps({"return": 1, "id": "x", "else": value}), values),
    st.builds(lambda value: dumps({"return": value, "event": "STOP"}), values),
    st.builds(lambda value: dumps({"return": value, "error": {"class": "a"}}), values),
    st.sampled_from(["\\ud800", "\\ufffe", "\\u0000"]).map(
        lambda text: b'{"return": "%b", "id": 1}' % text.encode()
    ),
    st.binary(max_size=10).map(lambda junk: b'{"return": "' + junk + b'"}'),
    st.text(max_size=10).map(lambda junk: b'{"return": ' + junk.encode() + b', "id": "x"}'),
)


@given(replies)
def test_a_long_reply_is_what_it_would_be_if_it_were_parsed(data: bytes) -> None:
    frame = Frame(Kind.VALUE, data, b"\r\n", True)

    def both() -> Iterator[Summary | None]:
        for long in (0, 1 << 30):
            summaries = Summaries()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(summary, "_LONG", long)
                yield summaries.take(Item(1, 0.0, 1, "server", frame))

    skimmed, parsed = both()
    assert skimmed is not None
    assert parsed is not None
    assert skimmed == msgspec.structs.replace(parsed, members=skimmed.members)


def written(path: Path, count: int) -> str:
    reply = b'{"return": [' + b", ".join([b'{"name": "disk", "size": 17}'] * 600) + b"]}"
    with TraceWriter(str(path)) as writer:
        writer.open(1)
        for _ in range(count):
            for sender, data in (("client", b'{"execute": "query-block"}'), ("server", reply)):
                writer.frames(1, sender, [Frame(Kind.VALUE, data, b"\r\n", True)])
        writer.close(1, "client")
    return str(path)


def peak(path: str) -> int:
    tracemalloc.start()
    try:
        count = sum(1 for _ in summarize(TraceReader(path).items()))
        assert count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_trace(tmp_path: Path) -> None:
    short, long = (written(tmp_path / f"{count}.qmptrace", count) for count in (100, 1000))
    peak(short)  # what is imported and cached once
    assert peak(long) < peak(short) + 50_000


def test_a_gap_hides_what_is_answered() -> None:
    success = Frame(Kind.VALUE, b'{"return": {}}', b"\r\n", True)
    command = Frame(Kind.VALUE, b'{"execute":"a"}', b"\r\n", True)
    found = list(
        summarize(
            [
                Item(2, 1.0, 1, "client", command),
                Gap(3, 1.0, 1, "server", 1000),
                Item(4, 2.0, 1, "server", success),
            ]
        )
    )
    assert [(one.kind, one.size, one.answers, one.latency) for one in found] == [
        ("command", 17, 0, None),
        ("gap", 1000, 0, None),
        ("return", 16, 0, None),
    ]
