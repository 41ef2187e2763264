"""A trace without what passes no filter: the same messages, gaps for the rest, and nobody is blamed for these."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.check.checking import check
from qmpconf.check.choice import wire_only
from qmpconf.check.practice import NOTHING
from qmpconf.errors import UsageError
from qmpconf.protocol.framing import MESSAGES, Framer
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.filter.parsing import parse
from qmpconf.trace.filter.selecting import selected
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap
from qmpconf.trace.writer import TraceWriter
from tests.usual import share

TRACES = Path(__file__).parents[3] / "traces"
FILTERS = ["event", "not event", "kind = return", "sender = client", "took > 1ms", "not kind = greeting",
           "error", "command ~ query-*", "line in 20..60"]  # fmt: skip


@pytest.mark.parametrize("name", ["qemu-7.2.22-wrong", "qemu-11.1.3-shell"])
def test_nobody_is_blamed_for_what_is_left_out(name: str, tmp_path: Path) -> None:
    source = str(TRACES / f"{name}.qmptrace.gz")
    whole = TraceReader(source)
    before = {one.first.requirement for one in check(whole, wire_only, practice=NOTHING).groups} | {
        "trace.gap"
    }
    for text in share(FILTERS, 2):
        wanted, target = parse(text), str(tmp_path / "small.qmptrace")
        done = convert(source, target, wanted=wanted, redact=False, overwrite=True)
        reader = TraceReader(target)
        found = check(reader, wire_only, practice=NOTHING)
        assert {one.first.requirement for one in found.groups} <= before, text
        expected = [
            (one.t, one.sender, one.frame.data)
            for _, one in selected(wanted, whole.items, whole.begin)
            if isinstance(one, Item)
        ]
        kept = [
            (one.t, one.sender, one.frame.data)
            for one in reader.items()
            if isinstance(one, Item) and one.frame.data.strip()
        ]
        assert kept == expected
        messages = [one for one in reader.items() if isinstance(one, Item)]
        assert done.messages == sum(one.frame.kind in MESSAGES for one in messages)
        assert parse(reader.header.meta["filter"]) == wanted
        left = [one for one in reader.items() if isinstance(one, Gap)]
        sizes = [
            sum(len(one.frame.data + one.frame.end) for one in some if isinstance(one, Item))
            for some in (whole.items(), reader.items())
        ]
        assert sum(one.size for one in left) == sizes[0] - sizes[1]


def test_what_selects_nothing_makes_no_file(tmp_path: Path) -> None:
    source = str(TRACES / "qemu-7.2.22-shell.qmptrace.gz")
    with pytest.raises(UsageError, match="no message passes the filter"):
        convert(source, str(tmp_path / "small.qmptrace"), wanted=parse("command = nothing"))
    with pytest.raises(UsageError, match="write session = 1 in it"):
        convert(source, str(tmp_path / "small.qmptrace"), wanted=parse("event"), session=1)
    with pytest.raises(UsageError, match="read twice"):
        convert("-", str(tmp_path / "small.qmptrace"), wanted=parse("event"))
    assert not list(tmp_path.iterdir())


def test_what_a_recorder_did_on_purpose_stays(tmp_path: Path) -> None:
    source, target = str(tmp_path / "a.qmptrace"), str(tmp_path / "b.qmptrace")
    with TraceWriter(source, clock=lambda: 0.0) as writer:
        writer.open(1)
        for sender, text in (("client", '{"execute":"stop"}\n'), ("server", '{"return": {}}\r\n')):
            writer.frames(
                1, "client" if sender == "client" else "server", Framer().feed(text.encode())
            )
        writer.fault(1, "lose", "reply stop")
        writer.close(1, "client")
    convert(source, target, wanted=parse("kind = command"))
    kinds = [type(one).__name__ for one in TraceReader(target).all_items()]
    assert kinds == ["Open", "Item", "Gap", "Fault", "Close"]
