"""Every line of a text is read, passed over by a rule, or not understood: the sum is the text."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.trace.convert import HEAD, named
from qmpconf.trace.convert.base import Notes, Options, Source
from qmpconf.trace.convert.edited import Edited
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.records import Gap, Record
from tests.trace.convert.test_anything import PIECES, mutated
from tests.usual import examples

NAMES = ("transcript", "iotests", "replies", "qmp-shell")

LINES = st.sampled_from(
    [
        *("", "   ", "Some prose.", "> quoted prose", "=== A heading ===", "Title", "=====", "..."),
        *('-> {"execute": "stop"}', '<- {"return": {}}', "-> a", "<- b", "->", "<-", ">>> c"),
        *('{"execute": "query-status", "id": 1}', '{"return": {"running": true}, "id": 1}'),
        *('> -> {"execute": "cont",', '>     "id": 7}', '{"return": [1,', "  2", "] }", "]]]"),
        *('{"return": {...}}', '{"id": XXX, "return": {}}', '{ "return": [ ...', "QMP_VERSION"),
        *('{"error": {"class": "GenericError", "desc": "JSON parse error"}}', '{"error": "no"}'),
        *('{"timestamp": {"seconds": TIMESTAMP, "microseconds": TIMESTAMP}, "event": "STOP"}',),
        *("""$ echo '{"execute":"qmp_capabilities"}{"execute":"stop"}' | nc -U s""", "(QEMU) stop"),
        *('<<< {"return": {}} <<< {"event": 1', '`{"execute": "quit"}` and `{"return": {}}`'),
        *('{\\"execute\\": \\"x\\"}', '{"foo": {"execute": 1}}', "{", "}", '{"QMP": {', "{ foo"),
        *('&lt;- {"return": {}}', "-> {&quot;execute&quot;: &quot;stop&quot;}", "\x1b[1m", '"'),
        '{"execute": "a very long command, of which a mail program has put the rest',
    ]
)
TEXTS = st.lists(LINES, max_size=25).map("\n".join).map(str.encode)


#: What one message may break, whatever the others are; and an event right before the greeting.
ALONE = ("request.", "framing.", "event.shape", "response.error-shape", "greeting.")


def read(name: str, data: bytes) -> tuple[list[Record], Notes]:
    """What a format makes of a text."""
    notes = Notes()
    source = Source("text", "", io.BytesIO(data), data[:HEAD])
    return list(named(name).load().read(source, Options(), notes).records), notes


def count(data: bytes) -> int:
    return data.count(b"\n") + (data[-1:] not in (b"", b"\n"))


@pytest.mark.parametrize("name", NAMES)
@given(data=TEXTS | mutated() | st.lists(PIECES).map(b"".join) | st.binary(max_size=200))
@settings(max_examples=examples(150), deadline=None)
def test_the_lines_add_up(name: str, data: bytes) -> None:
    records, notes = read(name, data)
    assert notes.read + notes.prose + notes.misses == count(data)
    gaps = [one for one in records if isinstance(one, Gap)]
    assert sum(one.lines for one in gaps) == notes.misses


@given(data=TEXTS)
@settings(max_examples=examples(300), deadline=None)
def test_nobody_is_blamed_for_what_is_left_out(data: bytes) -> None:
    """Whatever lines stand together: no rule about the order of messages is broken."""
    records, _ = read("transcript", data)
    sessions: dict[int, Session] = {}
    broken = []
    for item in items_of(records):
        session = sessions.setdefault(item.conn, Session())
        if isinstance(item, Item):
            take = session.client if item.sender == "client" else session.server
            broken += [(item, one.requirement) for one in take(item.frame).breaches]
        elif isinstance(item, Gap):
            session.gap(Party(item.sender), item.messages)
    # What an arrow shows may be wrong in itself.
    assert {rule for _, rule in broken if not rule.startswith(ALONE)} == set()


@given(data=TEXTS | st.lists(PIECES).map(b"".join))
@settings(max_examples=examples(100), deadline=None)
def test_what_looks_like_a_message_is_never_dropped(data: bytes) -> None:
    _, notes = read("transcript", data + b'\n\n"execute": \n-> {"execute": "last"}\n')
    assert notes.misses
    assert notes.read


@pytest.mark.parametrize(
    "noise", [b"]" * 4000, b"{}" * 4000, b'{"a":' * 4000, b"{" * 4000, b'{"execute": ' * 4000]
)
@pytest.mark.parametrize("name", NAMES)
def test_no_byte_is_looked_at_again_and_again(
    name: str, noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0
    feed = Edited.feed

    def counted(self: Edited, text: bytes, at: int = 0) -> int:
        nonlocal seen
        end = feed(self, text, at)
        seen += max(end - at, 1)
        return end

    monkeypatch.setattr(Edited, "feed", counted)
    for data in (noise, noise.replace(b"}", b"}\n"), noise[::-1]):
        seen = 0
        _, notes = read(name, data)
        assert seen <= 3 * len(data)
        assert notes.read + notes.prose + notes.misses == count(data)
