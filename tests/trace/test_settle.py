"""However many sessions a trace leaves open, only so many are: the others end, and are not blamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from qmpconf.check.checking import check
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Gap, Open
from qmpconf.trace.settle import MOST_OPEN, SETTLED, Settler

GREETING = (
    b'{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22},"package":""},"capabilities":[]}}'
)


def item(line: int, conn: int) -> Item:
    return Item(line, float(line), conn, "server", Frame(Kind.VALUE, b"{}", b"\r\n", True))


@given(
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from("oic")), max_size=60), st.integers(1, 4)
)
def test_the_bound_holds_and_nothing_is_lost(steps: list[tuple[int, str]], most: int) -> None:
    records: list[Open | Item | Close] = []
    for line, (conn, what) in enumerate(steps, 1):
        records.append(
            Open(line, float(line), conn)
            if what == "o"
            else item(line, conn)
            if what == "i"
            else Close(line, float(line), conn, "client")
        )
    settler = Settler(most)
    found = list(settler.of(records))
    assert [one for one in found if one in records] == records
    added = [one for one in found if one not in records]
    closed = [one for one in added if isinstance(one, Close)]
    assert settler.count == len(closed)
    assert all(one.error == SETTLED for one in closed)
    alive: dict[int, None] = {}
    ended: set[int] = set()
    for one in found:
        if isinstance(one, Close):
            alive.pop(one.conn, None)
            ended.add(one.conn)
        elif isinstance(one, Gap):
            assert ended  # of a number that may be one of these
        else:
            alive[one.conn] = None
        assert len(alive) <= most + 1


@given(
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from("oiii"), st.booleans()), max_size=60),
    st.integers(1, 4),
)
def test_what_is_looked_at_elsewhere_counts_all_the_same(
    steps: list[tuple[int, str, bool]], most: int
) -> None:
    records: list[Open | Item] = [
        Open(line, float(line), conn) if what == "o" else item(line, conn)
        for line, (conn, what, _) in enumerate(steps, 1)
    ]
    settler = Settler(most)
    elsewhere: list[Open | Item] = []

    def rest() -> Iterator[Open | Item]:
        for record, (conn, _, aside) in zip(records, steps, strict=True):
            known = conn == settler.latest or (aside and settler.goes_on(conn))
            if aside and known and isinstance(record, Item):
                elsewhere.append(record)
            else:
                yield record

    found = list(settler.of(rest()))
    assert found == [one for one in Settler(most).of(records) if one not in elsewhere]


def test_with_few_sessions_nothing_is_added() -> None:
    records = [item(line, line % MOST_OPEN) for line in range(1, 3 * MOST_OPEN)]
    assert list(Settler().of(records)) == records


def many(count: int) -> Iterator[bytes]:
    yield b'{"qmptrace":1,"started":"2026-11-20T05:17:00.000000Z","recorder":"x","meta":{}}\n'
    for conn in range(1, count + 1):
        yield b'{"t":%d,"conn":%d,"open":{"client":"","server":""}}\n' % (conn, conn)
        yield b'{"t":%d,"conn":%d,"from":"server","msg":%b}\n' % (conn, conn, GREETING)
    # The first one goes on after all.
    yield b'{"t":%d,"conn":1,"from":"client","msg":{"execute":"qmp_capabilities"}}\n' % count
    yield b'{"t":%d,"conn":1,"from":"server","msg":{"return":{}}}\n' % count
    yield b'{"t":%d,"conn":1,"from":"client","msg":{"execute":"query-status"}}\n' % count
    yield b'{"t":%d,"finish":{"sessions":%d,"messages":%d}}\n' % (count, count, count + 3)


def test_a_check_says_what_it_did_not_follow_and_blames_nobody(tmp_path: Path) -> None:
    path = tmp_path / "many.qmptrace"
    path.write_bytes(b"".join(many(MOST_OPEN + 10)))
    reader = TraceReader(str(path))
    outcome = check(reader)
    assert outcome.groups.totals["error"] == 0
    (lack,) = [one for one in outcome.unjudged if one.kind == "session"]
    assert lack.count == reader.settled == 11
    assert lack.line == 2
