"""Messages out of the lines of a log: whatever stands between them, wherever it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.logs.times import Times
from qmpconf.trace.convert.qemu_trace.lines import LONGEST, Traced, TraceLines
from tests.trace.convert.qemu_trace.printer import BEGIN, Event, Stamp
from tests.usual import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    # What JSON is made of, what the log is made of, and what is escaped.
    | st.text(st.sampled_from('{}[]",:\\ \n\0é😀') | st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(["handle_qmp_command mon 0x1 req: {}", "inf", '{"execute": "stop"}']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
NAMES = st.sampled_from(["0x55d35a06ecd0", "0x7f00", "0x1"])
EVENTS = st.lists(
    st.builds(Event, NAMES, st.just("client"), VALUES)
    | st.builds(
        Event,
        NAMES,
        st.just("server"),
        st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=6,
)
STAMPS: st.SearchStrategy[Stamp] = st.sampled_from(["", "thread", "iso"])
#: What others write: none of it is a line of a message at its place.
STRANGE = st.sampled_from(
    [
        "",
        "qemu-system-x86_64: warning: no such feature",
        "monitor_qmp_cmd_in_band [1, 2]",
        "11480@1796010780.834778:monitor_qmp_in_band_enqueue 0x7f7a34004810 mon 0x1 len 0",
        '{"execute": "not-a-command"}',
        '{"return": {}}',
        "handle_hmp_command mon 0x1 cmdline: info version",
        '   "key": 1',
        "\x1b[2J login: ",
    ]
)


def read(data: bytes) -> tuple[list[Traced], Notes]:
    notes = Notes()
    lines = TraceLines(Times(datetime.now(UTC)), notes)
    found: list[Traced] = []
    for number, raw in enumerate(data.splitlines(keepends=True), 1):
        found += lines.feed(number, raw)
    return [*found, *lines.end()], notes


def whole(found: list[Traced]) -> list[tuple[str, str, bytes]]:
    return [(one.monitor, one.side, one.text) for one in found if not one.broken]


def expected(events: list[Event]) -> list[tuple[str, str, bytes]]:
    return [(one.name, one.side, one.wire) for one in events]


@settings(max_examples=examples(60))
@given(events=EVENTS, stamp=STAMPS, strange=st.lists(STRANGE, max_size=8), data=st.data())
def test_what_was_written_is_read_whatever_stands_between(
    events: list[Event], stamp: Stamp, strange: list[str], data: st.DataObject
) -> None:
    lines = [line for one in events for line in one.lines(stamp)]
    for one in strange:
        lines.insert(data.draw(st.integers(0, len(lines))), one)
    found, notes = read("".join(line + "\n" for line in lines).encode())
    assert whole(found) == expected(events)
    assert not any(one.broken for one in found)
    assert (notes.read, notes.prose, notes.misses) == (len(lines) - len(strange), len(strange), 0)


@settings(max_examples=examples(60))
@given(events=EVENTS, stamp=STAMPS, data=st.data())
def test_a_log_that_is_cut_gives_what_was_whole(
    events: list[Event], stamp: Stamp, data: st.DataObject
) -> None:
    texts = ["\n".join(one.lines(stamp)).encode() + b"\n" for one in events]
    log = b"".join(texts)
    cut = data.draw(st.integers(0, len(log)))
    found, notes = read(log[:cut])
    ended = 0
    while ended < len(texts) and len(b"".join(texts[: ended + 1])) - 1 <= cut:
        ended += 1
    # A number may have gone on, so that a command that is one may have more digits than are there.
    wholes = whole(found)
    assert wholes[:ended] == expected(events)[:ended]
    assert len(wholes) - ended in (0, 1)
    assert sum(one.broken for one in found) <= 1
    if len(wholes) > ended:
        assert not isinstance(events[ended].value, dict | list | str)
    assert notes.damaged is any(one.broken for one in found)
    read(log[cut:])  # it began before


@settings(max_examples=examples(20))
@given(events=EVENTS, stamp=STAMPS)
def test_times(events: list[Event], stamp: Stamp) -> None:
    found, _ = read("".join("\n".join(one.lines(stamp)) + "\n" for one in events).encode())
    assert [one.when for one in found] == [BEGIN if stamp else None] * len(events)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("login: handle_qmp_command mon 0x1 req: [1]\n", [b"[1]"]),
        ("Nov 30 04:00:00 host qemu[7]: handle_qmp_command mon 0x1 req: [1]\n", [b"[1]"]),
        ("handle_qmp_command mon 0x1 req: [1]\r\n", [b"[1]"]),
        ("handle_qmp_command mon 0x1 req: [1] and then\n", [b"[1]"]),
        (
            'monitor_qmp_respond mon 0x1 resp: {"a": 1}monitor_qmp_respond mon 0x2 resp: {"b": 2}\n',
            [b'{"a": 1}', b'{"b": 2}'],
        ),
        (
            'monitor_qmp_respond mon 0x1 resp: {"a": monitor_qmp_respond mon 0x2 resp: {"b": 2}\n1}\n',
            [b'{"b": 2}'],
        ),
        (
            'J: monitor_qmp_respond mon 0x1 resp: {\nJ:     "a": [\nJ:     ]\nJ: }\n'.replace(
                "J", "Nov 30 04:00:00 host qemu[7]"
            ),
            [b'{\r\n    "a": [\r\n    ]\r\n}'],
        ),
        ("handle_qmp_command mon (nil) req: [1]\n", []),
        ("unhandle_qmp_command mon 0x1 req: [1]\n", []),
    ],
)
def test_where_an_event_may_stand(text: str, texts: list[bytes]) -> None:
    assert [one.text for one in read(text.encode())[0] if not one.broken] == texts


def test_a_number_that_is_none() -> None:
    text = b'{"a": inf, "b": -inf, "inf": ["inf", "\\"inf", inf]}'
    (one,), notes = read(b"handle_qmp_command mon 0x1 req: " + text + b"\n")
    assert one.text == b'{"a": 1e999, "b": -1e999, "inf": ["inf", "\\"inf", 1e999]}'
    assert [told for _, _, told in notes.told()] == [
        "QEMU has no JSON for a number beyond its range: 1e999 stands for it"
    ]
    (one,), _ = read(b'monitor_qmp_respond mon 0x1 resp: {"return": inf}\n')
    assert (one.text, one.broken) == (b'{"return": inf}', True)  # so it was sent


def broken(*lines: str) -> list[tuple[str, bytes, int]]:
    found, notes = read("".join(one + "\n" for one in lines).encode())
    assert notes.damaged
    return [(one.monitor, one.text, one.lines) for one in found if one.broken]


def test_a_message_that_another_one_interrupts() -> None:
    begun = ["monitor_qmp_respond mon 0x1 resp: {", '    "a": 1,']
    cut = ("0x1", b'{\r\n    "a": 1,', 2)
    assert broken(*begun, "handle_qmp_command mon 0x2 req: [1]") == [cut]
    assert broken(*begun) == [cut]
    assert broken(*begun, "}") == [("0x1", b'{\r\n    "a": 1,\r\n}', 3)]


def longest(size: int) -> tuple[list[Traced], Notes]:
    notes = Notes()
    lines = TraceLines(Times(datetime.now(UTC)), notes)
    begin = b'handle_qmp_command mon 0x1 req: {"execute": "'
    raw = begin + b"x" * (size - len(begin) - 3) + b'"}\n'
    pieces = [raw[at : at + LONGEST] for at in range(0, len(raw), LONGEST)]
    found: list[Any] = []
    for index, piece in enumerate(pieces):
        found += lines.feed(1, piece, begins=not index)
    return found, notes


def test_a_line_may_be_long() -> None:
    (one,), notes = longest(LONGEST)
    assert (len(one.text), one.broken, notes.damaged) == (LONGEST - 33, False, False)
    (one,), notes = longest(LONGEST + 1)
    assert (one.text, one.broken, notes.damaged) == (b"", True, True)
