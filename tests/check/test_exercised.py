"""Which requirements a trace puts to the test: whatever is found broken was, in every trace there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import traces
from qmpconf.check.basis import Basis
from qmpconf.check.checker import Checker
from qmpconf.check.checking import automatic, check
from qmpconf.check.collect import Collector, collect
from qmpconf.check.covers import COVERED
from qmpconf.check.exercised import NOT_SHOWN, OCCASIONS, Fact, exercised
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Open, Shut
from tests.check.scripts import GREETING, OPENING, basis, write
from tests.check.test_checker import DEFECTS, GOOD
from tests.usual import examples, share

FOLDER = Path(traces.__file__).parent
CORPUS = sorted(path.name for path in FOLDER.glob("*.qmptrace*"))

OOB = [
    GREETING,
    '> {"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}, "id": 0}',
    '< {"return": {}, "id": 0}',
]
ERROR = '< {"error": {"class": "GenericError", "desc": "x"}'


def bases() -> list[Basis | None]:
    """Of the very build, of another one, of a newer one, none."""
    very, other, newer = basis(), basis(very_build=False), basis(very_build=False)
    newer.server_older = True
    return [very, other, newer, None]


def test_every_requirement_has_an_occasion_or_a_reason_and_not_both() -> None:
    assert OCCASIONS.keys() | NOT_SHOWN.keys() == set(ALL_REQUIREMENTS)
    assert not OCCASIONS.keys() & NOT_SHOWN.keys()
    assert all(reason and not reason.endswith(".") for reason in NOT_SHOWN.values())


def test_what_the_checker_judges_has_an_occasion() -> None:
    assert set(COVERED) <= set(OCCASIONS)


def test_every_fact_matters_to_a_requirement() -> None:
    assert {fact for facts in OCCASIONS.values() for fact in facts} == set(Fact)
    assert exercised(Fact) == [one for one in ALL_REQUIREMENTS if one in OCCASIONS]
    assert exercised(()) == []


def broken_and_exercised(reader: TraceReader, choose: object = None) -> tuple[set[str], set[str]]:
    collector = Collector()
    outcome = check(reader, choose, observer=collector)  # type: ignore[arg-type]
    broken = {group.first.requirement for group in outcome.groups}
    return broken, set(collector.data().requirements)


@pytest.mark.parametrize("name", CORPUS)
def test_what_is_broken_in_the_corpus_was_put_to_the_test(name: str) -> None:
    broken, tested = broken_and_exercised(TraceReader(str(FOLDER / name)))
    assert broken <= tested


@pytest.mark.parametrize("case", DEFECTS)
@pytest.mark.parametrize("one", bases(), ids=["very", "other", "newer", "none"])
def test_what_is_broken_in_the_checkers_own_tests_was(
    tmp_path: Path, case: str, one: Basis | None
) -> None:
    path = write(tmp_path / "t", OPENING + DEFECTS[case][0])
    broken, tested = broken_and_exercised(TraceReader(str(path)), lambda *_: one)
    assert broken <= tested


def at_stake(path: Path, script: list[str]) -> set[str]:
    one = basis()
    return set(collect(TraceReader(str(write(path, script))), lambda *_: one).requirements)


#: Requirement -> a session that puts it to the test, and one that does nearly the same and does not.
PAIRS: dict[str, tuple[list[str], list[str]]] = {
    "negotiation.gate": (
        [GREETING, '> {"execute": "quit"}', ERROR + "}", *OPENING[1:]],
        [*OPENING, '> {"execute": "quit"}', '< {"return": {}}'],
    ),
    "negotiation.once": (
        [*OPENING, '> {"execute": "qmp_capabilities"}', ERROR + "}"],
        [GREETING, '> {"execute": "qmp_capabilities"}', ERROR + "}", *OPENING[1:]],
    ),
    "negotiation.enable-offered": (OOB, OPENING),
    "negotiation.bad-enable": (
        [GREETING, OOB[1].replace('"oob"', '"x"'), ERROR + ', "id": 0}'],
        OOB,
    ),
    "request.oob-negotiated": (
        [*OPENING, '> {"exec-oob": "stir", "id": 1}', ERROR + ', "id": 1}'],
        OOB,
    ),
    "oob.id": ([*OOB, '> {"execute": "stir", "id": 1}'], [*OPENING, '> {"execute": "stir"}']),
    "oob.exec-id": ([*OOB, '> {"exec-oob": "stir", "id": 1}'], OOB),
    "oob.overtakes": (
        [*OOB, '> {"execute": "mix", "id": 1}', '> {"exec-oob": "stir", "id": 2}'],
        [*OOB, '> {"exec-oob": "stir", "id": 2}', '< {"return": [], "id": 2}'],
    ),
    "oob.allowed-only": (
        [*OOB, '> {"exec-oob": "quit", "id": 2}', ERROR + ', "id": 2}'],
        [*OOB, '> {"exec-oob": "stir", "id": 2}', '< {"return": [], "id": 2}'],
    ),
    "schema.oob-allowed": ([*OOB, '> {"exec-oob": "stir", "id": 2}'], OOB),
    "response.in-order": (
        [*OPENING, '> {"execute": "stir"}', '> {"execute": "quit"}'],
        [*OPENING, '> {"execute": "stir"}', '< {"return": []}', '> {"execute": "quit"}'],
    ),
    "response.id-echo": (OOB, OPENING),
    "response.id-absent": (OPENING, OOB),
    "response.error-class": ([*OPENING, '> {"execute": "x"}', ERROR + "}"], OPENING),
    "response.void": (OPENING, [GREETING, '> {"execute": "stir"}', '< {"return": []}']),
    "schema.return": ([*OPENING, '> {"execute": "stir"}', '< {"return": []}'], OPENING),
    "request.strict-arguments": (
        [*OPENING, '> {"execute": "quit", "arguments": {"x": 1}}', ERROR + "}"],
        [*OPENING, '> {"execute": "quit", "arguments": {}}', ERROR + "}"],
    ),
    "request.unknown-command": (
        [*OPENING, '> {"execute": "x"}', ERROR + "}"],
        [*OPENING, '> {"execute": "stir"}', ERROR + "}"],
    ),
    "request.non-object": ([*OPENING, "> [1]", ERROR + "}"], [*OPENING, "> [1]"]),
    "framing.duplicate-member": (
        [*OPENING, '> {"execute": "quit", "arguments": {"x": 1, "x": 1}}', ERROR + "}"],
        [*OPENING, '> {"execute": "quit", "arguments": {"x": 1}}', ERROR + "}"],
    ),
    "event.shape": (GOOD, OPENING),
    "event.not-inside": (GOOD, OPENING),
    "event.rate-limit": (
        [*OPENING, '< {"event": "RTC_CHANGE", "timestamp": {"seconds": 1, "microseconds": 2}}'],
        GOOD,
    ),
    "compat.downstream-prefix": (
        [*OPENING, '< {"event": "__a.b_C", "timestamp": {"seconds": 1, "microseconds": 2}}'],
        GOOD,
    ),
    "greeting.shape": (OPENING, OPENING[1:]),
    "schema.command-known": (OPENING, [GREETING]),
}


@pytest.mark.parametrize("rule", PAIRS)
def test_a_rule_is_put_to_the_test_by_what_it_is_about(tmp_path: Path, rule: str) -> None:
    script, without = PAIRS[rule]
    assert rule in at_stake(tmp_path / "t", script)
    assert rule not in at_stake(tmp_path / "t", without)


def test_input_that_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [*OPENING, ERROR + "}"])
    text = path.read_text().splitlines()
    for raw, rules in (
        ('"raw":"{\\"execute\\" 1}@\\n"', {"framing.json-strict", "recovery.after-error"}),
        ('"b64":"eyJleGVjdXRlIjogIv//In0="', {"recovery.after-error"}),
    ):
        line = f'{{"t":3.0,"conn":1,"from":"client",{raw}}}'
        path.write_text("\n".join([*text[:5], line, *text[5:]]) + "\n")
        assert rules <= set(collect(TraceReader(str(path))).requirements)


def test_a_half_close_is_an_occasion_while_a_command_waits(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [*OPENING, '> {"execute": "stir"}', '< {"return": []}'])
    text = path.read_text().splitlines()
    shut = '{"t":5.0,"conn":1,"shut":"client"}'
    for at, expected in ((6, True), (7, False)):
        path.write_text("\n".join([*text[:at], shut, *text[at:]]) + "\n")
        rules = collect(TraceReader(str(path))).requirements
        assert ("session.half-close" in rules) == expected


#: What both sides may say, in any order: right, wrong, and torn.
CLIENT = [
    b'{"execute": "qmp_capabilities"}\n',
    b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}, "id": 0}\n',
    b'{"execute": "qmp_capabilities", "arguments": {"enable": ["no"]}}',
    b'{"execute": "paint", "arguments": {"style": "plain", "colour": "a"}, "id": 1}',
    b'{"execute": "paint", "arguments": {"style": 1}}',
    b'{"execute": "stir", "id": "\xc3\xa9"}',
    b'{"exec-oob": "stir", "id": 2}',
    b'{"exec-oob": "quit", "id": 3}',
    b'{"exec-oob": "none"}',
    b'{"execute": "quit", "execute": "quit"}',
    b'{"execute": "quit", "x": 1, "id": 1e400}',
    b'{"execute": 5}',
    b'{"execute": "none", "id": null}',
    b"[1]",
    b"@@\n",
    b'{"a": "\xff"}',
    b"{",
    b" ",
]
SERVER = [
    GREETING[2:].encode() + b"\r\n",
    b'{"return": {}}\r\n',
    b'{"return": {}}\n',
    b'{"return": [], "id": 1}\r\n',
    b'{"return": {"a": {}, "a": {}}, "id": 2}\r\n',
    b'{"error": {"class": "GenericError", "desc": "x"}}\r\n',
    b'{"error": {"class": "CommandNotFound", "desc": "x"}, "id": 2}\r\n',
    b'{"error": {"class": "Odd"}, "id": 3}\r\n',
    b'{"event": "DRIED", "data": {"colour": 1}, "timestamp": {"seconds": 1, "microseconds": 2}}\r\n',
    b'{"event": "RTC_CHANGE", "timestamp": {"seconds": 1, "microseconds": 2}}\r\n',
    b'{"event": "__X", "data": {}, "timestamp": 1}\r\n',
    b'{"return": {"a": {"timestamp": 1, "event": "STOP"}\r\n 1}}\r\n',
    b'{"QMP": 1}\r\n',
    b'"x"',
    b'{"return": {}, "id": inf}\r\n',
    b"{",
]


@settings(max_examples=examples(400), deadline=None)
@given(
    st.lists(
        st.sampled_from(CLIENT).map(lambda data: ("client", data))
        | st.sampled_from(SERVER).map(lambda data: ("server", data))
        | st.sampled_from([("shut", b"client"), ("shut", b"server"), ("open", b"")]),
        max_size=25,
    ),
    st.sampled_from(["client", "server", "recorder", ""]),
    st.sampled_from(range(4)),
)
def test_whatever_is_found_broken_was_put_to_the_test(
    said: list[tuple[str, bytes]], close: str, which: int
) -> None:
    items: list[Open | Item | Shut | Close] = [Open(2, 0.0, 1)]
    framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    line = 3
    for who, data in said:
        if who == "shut":
            items.append(Shut(line, 0.0, 1, data.decode()))  # type: ignore[arg-type]
        elif who == "open":
            items.append(Open(line, 0.0, 1))
        else:
            frames = framers[who].feed(data)
            items += [Item(line, 0.0, 1, who, frame) for frame in frames]  # type: ignore[arg-type]
        line += 1
    for who in ("client", "server"):
        items += [Item(line, 0.0, 1, who, one) for one in framers[who].close()]  # type: ignore[arg-type]
    if close:
        items.append(Close(line, 0.0, 1, close))  # type: ignore[arg-type]
    one = bases()[which]
    collector = Collector()
    found = list(Checker("t", lambda *_: one, collector).check(items))
    assert {each.requirement for each in found} <= set(collector.data().requirements)


@pytest.mark.whole
def test_observing_changes_no_finding() -> None:
    for name in share(CORPUS, 4):
        reader = TraceReader(str(FOLDER / name))
        plain = list(Checker(name, automatic(reader)).check(reader.items()))
        seen = list(Checker(name, automatic(reader), Collector()).check(reader.items()))
        assert plain == seen
