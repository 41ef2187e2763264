"""The fast lane: what is found with it is what is found without, in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check import seen
from qmpconf.check.basis import Basis
from qmpconf.check.checker import Checker
from qmpconf.check.checking import automatic, choose_for, chooser
from qmpconf.check.collect import Collector, Exercised
from qmpconf.check.practice import Practice, limits
from qmpconf.errors import QmpconfError
from qmpconf.findings import Finding
from qmpconf.packed import Pieces
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.store import load_shipped
from qmpconf.trace import reader
from qmpconf.trace.reader import TraceReader
from tests.check.scripts import OPENING, schema_entries, write
from tests.usual import examples, share

if TYPE_CHECKING:
    from qmpconf.check.choice import Choose

ROOT = Path(__file__).parents[2]
TRACES = sorted((ROOT / "traces").glob("*.qmptrace.gz"))
FUZZED = sorted((ROOT / "tests" / "fuzz" / "corpus").glob("*.qmptrace*"))
#: What the sample knows besides: what practice looks at, and what says something about properties.
MORE = [
    *(
        {"meta-type": "command", "name": name, "arg-type": "800", "ret-type": "any"}
        for name in ("device_del", "device-list-properties", "human-monitor-command", "query-jobs")
    ),
    {"meta-type": "command", "name": "query-version", "arg-type": "0", "ret-type": "any"},
    {
        "meta-type": "object",
        "name": "800",
        "members": [
            {"name": name, "type": "str", "default": None}
            for name in ("id", "typename", "command-line")
        ],
    },
    *(
        {"meta-type": "event", "name": name, "arg-type": "801"}
        for name in ("JOB_STATUS_CHANGE", "DEVICE_DELETED", "WATCHDOG")
    ),
    {
        "meta-type": "object",
        "name": "801",
        "members": [
            {"name": name, "type": "str", "default": None}
            for name in ("id", "status", "device", "path", "action")
        ],
    },
]

#: Commands of the sample, right and wrong, and what may answer them.
COMMANDS = (
    '"execute": "paint", "arguments": {"style": "plain", "colour": "red"}',
    '"execute": "paint", "arguments": {"style": "gilded", "colour": "red"}',
    '"execute": "paint", "arguments": {"style": "bare", "colour": 1}',
    '"execute": "mix", "arguments": {"what": {"parts": [{"size": 1}]}, "names": ["x"]}',
    '"execute": "mix", "arguments": {"what": {"parts": [{"size": 1.0}]}, "names": ["x", "x"]}',
    '"execute": "mix", "arguments": {"what": {"parts": []}, "names": ["\\u00e9"]}',
    '"execute":"query-qmp-schema"',
    '"execute": "device_add", "arguments": {"driver": "d", "id": "d0"}',
    '"execute": "device_del", "arguments": {"id": "d0"}',
    '"execute": "device-list-properties", "arguments": {"typename": "d"}',
    '"execute": "query-version"',
    '"execute": "human-monitor-command", "arguments": {"command-line": "info status"}',
    '"execute": "query-jobs"',
    '"exec-oob": "mix", "arguments": {"what": {"parts": []}, "names": []}',
    '"execute": "qmp_capabilities"',
    '"execute": "nothing-like-that"',
    '"execute": "quit"',
)
ANSWERS = (
    '"return": {}',
    '"return": {"size": 18446744073709551615, "extra": {"a": 1.0}}',
    '"return": {"size": 1}',
    '"return": {"size": "x"}',
    '"return": [{"name": "addr", "type": "int32"}]',
    '"return": [{"name": "romfile", "type": "str"}]',
    '"return": [{"id": "job0", "error": "broken"}]',
    '"return": "Error: no such thing"',
    '"return": {"a": 1, "a": 2}',
    '"error": {"class": "GenericError", "desc": "d0 is in use"}',
    '"error": {"class": "CommandNotFound", "desc": "The command mix has not been found"}',
)
#: Commands with an answer that they should have, or that practice looks at.
RIGHT = (
    (COMMANDS[0], ANSWERS[0]),
    (COMMANDS[0], ANSWERS[0]),
    (COMMANDS[1], ANSWERS[0]),
    (COMMANDS[2], ANSWERS[0]),
    (COMMANDS[3], ANSWERS[1]),
    (COMMANDS[3], ANSWERS[2]),
    (COMMANDS[5], ANSWERS[2]),
    (COMMANDS[7], ANSWERS[0]),
    (COMMANDS[8], ANSWERS[0]),
    (COMMANDS[9], ANSWERS[4]),
    (COMMANDS[9], ANSWERS[5]),
    (COMMANDS[11], ANSWERS[7]),
    (COMMANDS[12], ANSWERS[6]),
    (COMMANDS[8], ANSWERS[9]),
    (COMMANDS[0], ANSWERS[10]),
)
EVENTS = (
    '"event": "DRIED", "data": {"colour": "red"}',
    '"event": "DRIED", "data": {"colour": 1}',
    '"event": "SPILT"',
    '"event": "SPILT", "data": {}',
    '"event": "JOB_STATUS_CHANGE", "data": {"id": "job0", "status": "aborting"}',
    '"event": "DEVICE_DELETED", "data": {"device": "d0", "path": "/d0"}',
    '"event": "WATCHDOG", "data": {"action": "none"}',
    '"event": "SHUTDOWN"',
)
#: Ids as they may be written; empty for none.
IDS = (
    "",
    "1",
    "-7",
    '"libvirt-1"',
    '"libvirt-2"',
    '"a\\"b"',
    '""',
    "null",
    '{"id": 1}',
    "1.0",
    "01",
)
#: Lines that hold no message, or none that is whole; `%d` is the session.
OTHERS = (
    '"from":"client","raw":"{"',
    '"from":"server","raw":" \\r\\n"',
    '"from":"client","raw":"{\\"execute\\": \\"mix\\"}{"',
    '"from":"server","gap":10',
    '"from":"client","gap":0,"messages":2',
    '"shut":"client"',
    '"close":"server"',
    '"open":{"client":"unix:a","server":"unix:b"}',
    '"open":{"client":"unix:a","server":"unix:b","shared":true}',
)


@dataclass
class Judged:
    """All that a check says, what was exercised, if somebody looked, and how many messages passed on the lane."""

    said: list[object]
    exercised: Exercised | None
    passed: int


def judged(
    path: Path,
    choose: Choose | None = None,
    practice: Practice | None = None,
    *,
    lane: bool,
    collects: bool = False,
) -> Judged:
    """What is found, counted and missed in a trace, up to the error that ends it."""
    said: list[object] = []
    practice = practice or Practice()
    collector = Collector(practice) if collects else None
    try:
        trace = TraceReader(str(path))
        choose = automatic(trace) if choose is None else choose_for(trace, choose)
        checker = Checker(str(path), choose, collector, practice, trace.begin)
        said += checker.check(trace.items(aside=checker.lane if lane else None))
    except QmpconfError as error:
        return Judged([*said, str(error)], None, 0)
    counts = checker.messages, checker.sessions, trace.finished, trace.torn, trace.settled
    said += [*checker.lacks, *checker.asked, counts]
    return Judged(said, collector.data() if collector else None, checker.lane.messages)


def both(path: Path, choose: Choose | None = None, practice: Practice | None = None) -> int:
    """Hold the two ways against each other; gives how many messages passed."""
    slow = judged(path, choose, practice, lane=False, collects=True)
    for collects in (False, False, True, True):  # nothing is known at first, and everything then
        fast = judged(path, choose, practice, lane=True, collects=collects)
        assert fast.said == slow.said
        if collects:
            assert fast.exercised == slow.exercised
    return fast.passed


@pytest.mark.parametrize("path", share(TRACES, 3), ids=lambda path: path.name.split(".qmp")[0])
def test_a_recording(path: Path) -> None:
    passed = both(path)
    with Pieces(str(path)) as pieces:
        messages = b"".join(pieces).count(b'"msg":')
    assert passed > messages * 0.6 if "rich" in path.name else passed < messages


@pytest.mark.parametrize("schema", ["qemu-11.1.3", "qemu-5.2.0", "qemu-1.6.2-doc", "none"])
def test_against_another_schema(schema: str) -> None:
    passed = both(ROOT / "traces" / "qemu-7.2.22-rich.qmptrace.gz", chooser(schema))
    assert (passed == 0) == (schema == "none")


@pytest.mark.parametrize("client", ["libvirt", "libvirtd"])
def test_what_libvirt_was_offered(client: str) -> None:
    assert both(ROOT / "traces" / f"qemu-7.2.22-{client}.qmptrace.gz", chooser("qemu-11.1.3"))


#: What stands between a command that passes, with the id 1, and another one; what is found there.
DOUBTS: dict[str, list[str]] = {
    "another id": ['< {"return": {}, "id": 2}'],
    "no id": ['< {"return": {}}'],
    "the id as a string": ['< {"return": {}, "id": "1"}'],
    "another id in an error": ['< {"id": 2, "error": {"class": "GenericError", "desc": "x"}}'],
    "an answer more": ['< {"return": {}, "id": 1}', '< {"return": {}, "id": 1}'],
    "the other order": [
        f'> {{{COMMANDS[3]}, "id": 2}}',
        f'< {{{ANSWERS[1]}, "id": 2}}',
        '< {"return": {}, "id": 1}',
    ],
    "no line feed behind it": ['< {"return": {}, "id": 1}\t"end":""'],
    "an empty event": [
        '< {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SPILT", "data": {}}'
    ],
    "half a timestamp": ['< {"timestamp": {"seconds": 1}, "event": "SPILT"}'],
    "too long a second": [
        '< {"timestamp": {"seconds": 1, "microseconds": 1000000}, "event": "SPILT"}'
    ],
}


def test_what_is_wrong_behind_what_passes(tmp_path: Path) -> None:
    catalog = compile_introspection([*schema_entries(), *MORE], name="sample", version="7.0.0")
    against = Basis(catalog, very_build=True)
    right = [f'> {{{COMMANDS[0]}, "id": 1}}', '< {"return": {}, "id": 1}']
    for doubt, wrong in DOUBTS.items():
        path = write(tmp_path / "doubt.qmptrace", [*OPENING, *right, right[0], *wrong, *right])
        both(path, lambda *_: against)
        found = judged(path, lambda *_: against, lane=True).said
        faults = [one for one in found if isinstance(one, Finding) and one.severity != "note"]
        assert faults, doubt


@pytest.mark.parametrize("ignored", [(), ("practice.polling", "practice.too-early")])
def test_with_limits_of_time_and_without_some_habits(ignored: tuple[str, ...]) -> None:
    practice = Practice(frozenset(ignored), limits(["300us", "query-status=2ms"]))
    assert both(ROOT / "traces" / "qemu-7.2.22-rich.qmptrace.gz", practice=practice)


@pytest.mark.parametrize("path", FUZZED, ids=lambda path: path.name)
def test_what_fuzzing_has_found(path: Path) -> None:
    both(path)


_PLACES = st.sampled_from(["end", "begin"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """What follows the session's number in one line of a trace: whatever may come."""
    kind = draw(st.sampled_from(["call", "call", "answer", "answer", "event", "other"]))
    if kind == "other":
        return draw(st.sampled_from(OTHERS))
    if kind == "event":
        seconds = draw(st.sampled_from(["5", "6", "05", "1.5", "-1"]) | st.just("5"))
        stamp = f'"timestamp": {{"seconds": {seconds}, "microseconds": 7}}'
        parts = [stamp, draw(st.sampled_from(EVENTS))]
        return '"from":"server","msg":{' + ", ".join(parts) + "}"
    side = "client" if kind == "call" else "server"
    parts = [draw(st.sampled_from(COMMANDS if kind == "call" else ANSWERS))]
    ident = draw(st.sampled_from(IDS) | st.just(IDS[3]))
    if ident:
        parts.insert(0 if draw(_PLACES) == "begin" else len(parts), f'"id": {ident}')
    more = draw(st.sampled_from(["", "", "", '"end":"",', '"end":"\\n",', '"redacted":["/x"],']))
    behind = draw(st.sampled_from(["", "", "", "", " ", ',"later":1', ',"end":""', "}"]))
    return f'"from":"{side}",{more}"msg":{{{", ".join(parts)}}}{behind}'


def turns() -> st.SearchStrategy[list[tuple[int, str]]]:
    """Lines of two sessions: most are commands with the answer that they should have."""
    right = [
        (
            f'"from":"client","msg":{{{command}{ident}}}',
            f'"from":"server","msg":{{{answer}{ident}}}',
        )
        for command, answer in RIGHT
        for ident in ("", ', "id": 1', ', "id": "libvirt-2"')
    ]
    pair = st.sampled_from(right).map(list)
    pairs = st.lists(pair, min_size=2, max_size=3).map(
        lambda several: [one for side in zip(*several, strict=True) for one in side]
    )
    some = st.one_of(pair, pair, pairs, lines().map(lambda one: [one]))
    return st.lists(st.tuples(st.integers(1, 2), some), max_size=30).map(
        lambda found: [(conn, line) for conn, several in found for line in several]
    )


@settings(max_examples=examples(400))
@given(found=turns(), negotiated=st.sampled_from(["", ', "arguments": {"enable": ["oob"]}']))
def test_whatever_two_sessions_say(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[int, str]], negotiated: str
) -> None:
    path = tmp_path_factory.mktemp("lane") / "any.qmptrace"
    begin = [one.replace('"}', f'"{negotiated}}}') if one[0] == ">" else one for one in OPENING]
    write(path, begin, close="")
    text = path.read_text(encoding="utf-8")
    text += text.partition("\n")[2].replace('"conn":1', '"conn":2')
    number = count()
    text += "".join(f'{{"t":{next(number)}.25,"conn":{conn},{line}}}\n' for conn, line in found)
    path.write_text(text, encoding="utf-8")
    catalog = compile_introspection([*schema_entries(), *MORE], name="sample", version="7.0.0")
    against = Basis(catalog, very_build=negotiated == "")
    both(path, lambda *_: against)


def test_what_passes(tmp_path: Path) -> None:
    catalog = compile_introspection([*schema_entries(), *MORE], name="sample", version="7.0.0")
    against = Basis(catalog, very_build=True)
    script = [
        *OPENING,
        f'> {{{COMMANDS[0]}, "id": 1}}',
        f'> {{{COMMANDS[3]}, "id": "x"}}',
        f'< {{"timestamp": {{"seconds": 1, "microseconds": 2}}, {EVENTS[0]}}}',
        '< {"return": {}, "id": 1}',
        f'< {{{ANSWERS[1]}, "id": "x"}}',
        *(f"{side} {{{one}}}" for call in RIGHT[-5:] for side, one in zip("><", call, strict=True)),
        f'< {{"timestamp": {{"seconds": 9, "microseconds": 2}}, {EVENTS[4]}}}',
    ]
    path = write(tmp_path / "right.qmptrace", script, close="")
    assert both(path, lambda *_: against) == len(script) - len(OPENING)
    path = write(tmp_path / "wrong.qmptrace", [*script, f"> {{{COMMANDS[0]}}}"], close="server")
    assert both(path, lambda *_: against) == len(script) - len(OPENING) + 1


def test_no_verdict_depends_on_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_ROOM", 5000)
    against = Basis(load_shipped("qemu-7.2.22"), named=True)
    assert both(ROOT / "traces" / "qemu-7.2.22-rich.qmptrace.gz", lambda *_: against) > 100
    kept = against.seen
    assert sum(map(len, (kept.commands, kept.events, kept.failures))) < 20


def test_lines_of_a_text_that_a_trace_stands_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "lines_of", lambda _: [number // 3 + 1 for number in range(2000)])
    assert both(ROOT / "traces" / "qemu-7.2.22-rich.qmptrace.gz")


def test_what_was_found_before_a_damaged_line(tmp_path: Path) -> None:
    catalog = compile_introspection([*schema_entries(), *MORE], name="sample", version="7.0.0")
    against = Basis(catalog, very_build=True)
    call, answer = RIGHT[11]
    path = write(tmp_path / "damaged.qmptrace", [*OPENING, f"> {{{call}}}", f"< {{{answer}}}"])
    text = path.read_bytes().replace(b'{"t":99.0', b"damaged\n{", 1)
    path.write_bytes(text)
    both(path, lambda *_: against)
    found, error = judged(path, lambda *_: against, lane=True).said
    assert isinstance(found, Finding)
    assert found.requirement == "practice.hmp-error"
    assert "not a record of a trace: b'damaged'" in str(error)


@settings(max_examples=examples(400))
@given(data=st.data())
def test_a_recording_with_changed_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with Pieces(str(ROOT / "traces" / "qemu-7.2.22-libvirtd.qmptrace.gz")) as pieces:
        text = b"".join(pieces)
    rows = text.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(1, len(rows) - 1))
        what = data.draw(st.sampled_from(["again", "gone", "swapped", "byte"]))
        if what == "again":
            rows.insert(at, rows[data.draw(st.integers(1, len(rows) - 1))])
        elif what == "gone":
            del rows[at]
        elif what == "swapped":
            rows[at], rows[-at] = rows[-at], rows[at]
        else:
            row = bytearray(rows[at])
            row[data.draw(st.integers(0, len(row) - 1))] = data.draw(
                st.sampled_from(b'"{}[],:1ax \\\n\xff')
            )
            rows[at] = bytes(row)
    path = tmp_path_factory.mktemp("lane") / "changed.qmptrace"
    path.write_bytes(b"".join(rows))
    both(path, chooser("qemu-7.2.22"))
