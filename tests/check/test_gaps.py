"""Where bytes are missing, nobody is blamed for what they may have held, and the gap is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.check.basis import Basis
from qmpconf.check.checker import Checker
from qmpconf.check.checking import automatic, check_trace, findings
from qmpconf.findings import Finding
from qmpconf.protocol.framing import Framer
from qmpconf.trace.convert.wire import Wire
from qmpconf.trace.formatting import record_line
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Finish, Gap, Open, Record, Shut, Side, Traffic
from qmpconf.trace.writer import TraceWriter
from tests.check.scripts import OPENING, basis, checked, write
from tests.record.proxy import GREETING
from tests.usual import examples

TRACES = Path(__file__).parents[2] / "traces"
#: Well-behaved ones: of several things that are wrong at one place, only the first is said.
CORPUS = [TRACES / f"{name}.qmptrace.gz" for name in ("qemu-7.2.22-libvirt", "qemu-11.1.3-shell")]
HEADER = b'{"qmptrace":1,"started":"2026-11-20T05:17:00.123456Z","recorder":"x","meta":{}}\n'


def with_gap(path: Path, script: list[str], *gaps: tuple[int, str]) -> list[Finding]:
    """The findings of a script; before message `index` of it bytes of a side are missing."""
    write(path, script)
    lines = path.read_text().splitlines(keepends=True)
    for index, sender in sorted(gaps, reverse=True):
        lines.insert(index + 2, f'{{"t":0.5,"conn":1,"from":"{sender}","gap":0}}\n')
    path.write_text("".join(lines))
    return [
        one for one in checked(path) if one.requirement not in ("trace.gap", "compat.deprecated")
    ]


PAINT = '> {"execute": "paint", "arguments": {"style": "plain", "colour": "red"}, "id": "a-1"}'
BAD = '> {"execute": "paint", "arguments": {"style": "plain"}, "id": "a-2"}'
PAINTED = '< {"return": {}, "id": "a-1"}'
REFUSED = '< {"error": {"class": "GenericError", "desc": "x"}, "id": "a-2"}'


def test_the_gap_itself_is_a_note_at_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "t.qmptrace", OPENING)
    lines = path.read_text().splitlines(keepends=True)
    lines.insert(5, '{"t":0.5,"conn":1,"from":"server","gap":1448}\n')
    path.write_text("".join(lines))
    (found,) = checked(path)
    assert (found.requirement, found.severity, found.blame) == ("trace.gap", "note", "recorder")
    assert (found.line, found.seen) == (6, "1,448 bytes not recorded")


@pytest.mark.parametrize(
    ("script", "gaps"),
    [
        # The capture began in the middle of the session.
        ([PAINTED, PAINT, PAINTED], [(0, "client"), (0, "server")]),
        (['< {"return": 3}', PAINT, PAINTED], [(0, "client"), (0, "server")]),
        # A command is missing, and its response comes.
        ([*OPENING, PAINT, '< {"return": {}, "id": "?"}', PAINTED], [(3, "client")]),
        ([*OPENING, '< {"return": 1}', PAINT, PAINTED], [(3, "client")]),
        # A response is missing.
        ([*OPENING, '> {"execute": "quit", "id": 1}', PAINT, PAINTED], [(4, "server")]),
        ([*OPENING, PAINT], [(4, "server")]),
        # The negotiation is missing, whole or in part.
        ([*OPENING[:1], PAINT, PAINTED], [(1, "client")]),
        ([*OPENING[:2], PAINT, PAINTED], [(2, "server")]),
        ([*OPENING[1:], PAINT, PAINTED], [(0, "server")]),
        # The reply to something that was asked out of band, which may have been enabled.
        (
            [*OPENING[:1], '> {"exec-oob": "stir", "id": 1}', '< {"return": [], "id": 1}'],
            [(1, "client"), (1, "server")],
        ),
    ],
)
def test_nobody_is_blamed_for_what_is_missing(
    tmp_path: Path, script: list[str], gaps: list[tuple[int, str]]
) -> None:
    assert [one.requirement for one in with_gap(tmp_path / "t.qmptrace", script, *gaps)] == []


def test_each_message_is_still_judged_by_itself(tmp_path: Path) -> None:
    script = [*OPENING, BAD, '> {"executed": 1}', '< {"event": "NEVER"}']
    found = with_gap(tmp_path / "t.qmptrace", script, (3, "server"))
    assert {one.requirement for one in found} >= {"schema.arguments", "request.shape"} or found


def test_after_an_answer_to_what_was_sent_since_the_order_holds_again(tmp_path: Path) -> None:
    script = [*OPENING, PAINT, PAINTED, BAD, REFUSED, '< {"return": {}}']
    found = with_gap(tmp_path / "t.qmptrace", script, (3, "server"))
    assert sorted(one.requirement for one in found) == ["response.exactly-one", "schema.arguments"]
    # Not so with a response that carries no id: it may answer what is missing.
    script = [*OPENING, '> {"execute": "quit"}', '< {"return": 7}', '< {"return": {}}']
    assert with_gap(tmp_path / "t.qmptrace", script, (3, "client")) == []


# --- whole recordings --------------------------------------------------------------------------


@cache
def recorded(path: Path) -> tuple[list[Record], frozenset[str]]:
    reader = TraceReader(str(path))
    return list(reader.records()), frozenset(one.fingerprint for one in findings(reader))


def cut(records: list[Record], sender: Side, start: int, size: int) -> Iterator[Record]:
    """The same session, `size` bytes of one side not seen; lost, if they reach to the end."""
    wire, at = Wire(), Counter[int]()
    for record in records:
        t, conn = record.t, getattr(record, "conn", 0)
        if isinstance(record, Open):
            yield wire.open(0, t, conn, client=record.client, server=record.server)
        elif isinstance(record, Traffic):
            data = record.data + record.end
            if record.sender != sender:
                yield from wire.sent(0, t, conn, record.sender, data)
                continue
            begin, at[conn] = at[conn], at[conn] + len(data)
            low, high = max(0, start - begin), max(0, start + size - begin)
            if low < len(data) and high > 0:
                if data[:low]:
                    yield from wire.sent(0, t, conn, sender, data[:low])
                yield from wire.gap(0, t, conn, sender, min(high, len(data)) - low)
                data = data[high:]
            if data:
                yield from wire.sent(0, t, conn, sender, data)
        elif isinstance(record, Shut):
            yield from wire.shut(0, t, conn, record.who)
        elif isinstance(record, Close):
            yield from wire.close(0, t, conn, record.who, error=record.error)
        else:
            assert isinstance(record, Finish | Gap)
    yield from wire.finish()


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name.split(".qmptrace")[0])
def test_a_gap_in_a_real_session_adds_no_finding(
    tmp_path: Path, path: Path, data: st.DataObject
) -> None:
    records, known = recorded(path)
    sender: Side = data.draw(st.sampled_from(["client", "server"]))
    totals = Counter[int]()
    for one in records:
        if isinstance(one, Traffic) and one.sender == sender:
            totals[one.conn] += len(one.data + one.end)
    most = max(totals.values())
    start = data.draw(st.integers(0, most - 1))
    size = data.draw(st.one_of(st.integers(1, 200), st.integers(1, most)))
    trace = tmp_path / "cut.qmptrace"
    lines = map(record_line, cut(records, sender, start, size))
    trace.write_bytes(HEADER + b"".join(lines))
    found = list(findings(TraceReader(str(trace)), automatic(TraceReader(str(path)))))
    assert "trace.gap" in {one.requirement for one in found}
    new = [one for one in found if one.fingerprint not in known and one.requirement != "trace.gap"]
    assert not new, new[0]


def test_the_checker_takes_a_gap_as_the_first_thing_of_a_session() -> None:
    one: Basis = basis()
    checker = Checker("t", lambda *_: one)
    assert [found.line for found in checker.check([Gap(2, 0.0, 1, "server", 0)])] == [2]


@pytest.mark.parametrize(("id_text", "found"), [(b"", 0), (b',"id":1', 1)])
def test_behind_a_gap_only_what_has_an_id_is_known_to_be_unanswered(
    tmp_path: Path, id_text: bytes, found: int
) -> None:
    path = str(tmp_path / "t.qmptrace")
    with TraceWriter(path) as writer:
        writer.open(1)
        writer.frames(1, "server", Framer().feed(GREETING))
        for side in ("client", "server"):
            writer.gap(1, side)
        for _ in range(2):
            writer.frames(1, "client", Framer().feed(b'{"execute":"query-name"%b}' % id_text))
        writer.close(1, "client")
    rules = [one.first.requirement for one in check_trace(path).groups]
    assert rules.count("practice.unanswered") == found
