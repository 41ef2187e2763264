"""A recording with a gap: what cannot be replayed is refused or left out, what can is compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qmpconf.errors import InputError
from qmpconf.replay.learn.learning import learn
from qmpconf.replay.reduce.reducing import reduce_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.replay.serve.serving import serve_trace
from tests.replay.conftest import exchange

Record = Callable[..., str]
Again = Callable[..., ReplayResult]

QUERY = b'{"execute":"query-status","id":1}\n'
NEXT = b'{"execute":"query-name","id":2}\n'


@pytest.fixture
def recorded(record: Record) -> str:
    """A session with two queries."""
    hello = b'{"execute":"qmp_capabilities","id":0}\n'
    return record(lambda path: exchange(path, hello, QUERY, NEXT))


def with_gap(trace: str, needle: bytes, sender: str) -> str:
    """Put a gap in place of the line that holds `needle`."""
    path = Path(trace)
    lines = path.read_bytes().splitlines(keepends=True)
    gap = b'{"t":0.5,"conn":1,"from":"%b","gap":20}\n' % sender.encode()
    at = [number for number, line in enumerate(lines) if needle in line]
    assert len(at) == 1
    path.write_bytes(b"".join(gap if number in at else line for number, line in enumerate(lines)))
    return trace


def test_what_a_client_sent_is_not_made_up(recorded: str, again: Again) -> None:
    trace = with_gap(recorded, b'"query-status"', "client")
    with pytest.raises(InputError, match=r"recorded\.qmptrace:\d: 20 bytes of the client of sess"):
        again(trace)


def test_other_sessions_are_replayed(record: Record, again: Again) -> None:
    def client(path: Path) -> None:
        exchange(path, QUERY)
        exchange(path, NEXT)

    result = again(with_gap(record(client), b'"query-status"', "client"))
    assert result.exit_code == 0
    assert (result.sessions, result.sent) == (1, 1)
    assert "session 1 is left out" in "".join(result.warnings)


def test_what_the_server_said_besides_is_no_difference(recorded: str, again: Again) -> None:
    result = again(with_gap(recorded, b'"status": "running"', "server"))
    assert (result.exit_code, result.new) == (0, [])
    assert result.sent == 3
    assert "20 bytes of the server of session 1 are missing" in "".join(result.warnings)


def test_what_was_recorded_behind_the_gap_is_compared(recorded: str, again: Again) -> None:
    trace = with_gap(recorded, b'"status": "running"', "server")
    path = Path(trace)
    text = path.read_bytes()
    assert b'"return": {}, "id": 2' in text
    path.write_bytes(text.replace(b'"return": {}, "id": 2', b'"return": {"name": "x"}, "id": 2'))
    result = again(trace)
    assert result.exit_code == 1
    assert [group.first.subject for group in result.new] == ["reply to query-name"]


@pytest.mark.parametrize("sender", ["client", "server"])
def test_nothing_else_is_made_of_it(recorded: str, tmp_path: Path, sender: str) -> None:
    needle = {"client": b'"query-status"', "server": b'"status": "running"'}[sender]
    trace = with_gap(recorded, needle, sender)
    for attempt in (
        lambda: serve_trace(trace, listen=[str(tmp_path / "s")]),
        lambda: reduce_trace(trace, target=str(tmp_path / "s")),
        lambda: learn([trace, recorded, str(Path(trace).with_suffix(".other"))]),
    ):
        with pytest.raises(
            InputError, match=f"bytes of the {sender}.*a trace with a gap cannot be"
        ):
            attempt()
