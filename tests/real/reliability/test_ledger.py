"""What lost and invented mean: a trace from which one message was taken, or to which one was added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.writer import TraceWriter
from tests.real.reliability.ledger import Comparison, Ledger, Tally, missing, whole

GREETING = b'{"QMP": {}}'
COMMANDS = [b'{"execute": "a", "id": "one/%d"}' % number for number in range(4)]
REPLIES = [b'{"return": {}, "id": "one/%d"}' % number for number in range(4)]


class Server:
    """A server that did and sent all that it was asked for."""

    def sent(self, name: str, early: int = 0) -> bytes:
        return lines([GREETING, *REPLIES]) if name == "one" else b""

    def handled(self, name: str) -> Sequence[int]:
        return range(4) if name == "one" else ()

    def begins(self, part: bytes) -> bool:
        return any(one.startswith(part) for one in [GREETING, *REPLIES])


class Forgetful(Server):
    """One that did not note what it sent last, when its client had gone."""

    def sent(self, name: str, early: int = 0) -> bytes:
        return lines([GREETING, *REPLIES[:2]]) if name == "one" else b""


def lines(messages: Sequence[bytes]) -> bytes:
    return b"".join(message + b"\n" for message in messages)


def compared(
    folder: Path,
    doctor: Callable[[list[bytes], list[bytes]], None],
    *,
    cut: bool = False,
    knows: type[Server] = Server,
) -> Tally:
    """A true trace of a session, doctored, against what its peers know."""
    client, server = list(COMMANDS), [GREETING, *REPLIES]
    doctor(client, server)
    path = str(folder / "t.qmptrace")
    with TraceWriter(path) as writer:
        writer.open(1)
        for message in client:
            writer.frames(1, "client", [Frame(Kind.VALUE, message, b"\n", plain=True)])
        for message in server:
            if message.endswith(b"}"):
                writer.frames(1, "server", [Frame(Kind.VALUE, message, b"\n", plain=True)])
            else:  # it was cut off
                writer.frames(1, "server", [Frame(Kind.PARTIAL, message, b"")])
        writer.close(1, "client")
    ledger = Ledger(folder / "ledger")
    ledger.note("one", lines(COMMANDS), lines([GREETING, *REPLIES]) + (b'{"ret' if cut else b""))
    comparison = Comparison(ledger, knows())
    comparison.trace(path, cut=cut)
    tally = comparison.rest()
    ledger.close()
    return tally


def nothing(client: list[bytes], server: list[bytes]) -> None:
    """Leave all as it is."""


def test_a_true_trace_lacks_nothing(tmp_path: Path) -> None:
    assert compared(tmp_path, nothing) == Tally(1, 9)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_reply_that_is_missing_is_lost(tmp_path: Path, at: int) -> None:
    tally = compared(tmp_path, lambda client, server: server.__delitem__(at))
    assert (tally.lost, tally.invented) == (1, 0)
    assert tally.problems


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_command_that_is_missing_is_lost(tmp_path: Path, at: int) -> None:
    tally = compared(tmp_path, lambda client, server: client.__delitem__(at))
    assert (tally.lost, tally.invented) == (1, 0)


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_reply_that_nobody_sent_is_invented(tmp_path: Path, at: int) -> None:
    tally = compared(tmp_path, lambda client, server: server.insert(at, b'{"event": "X"}'))
    assert (tally.lost, tally.invented) == (0, 1)


@pytest.mark.parametrize("at", [1, 4])
def test_a_command_that_nobody_sent_is_invented(tmp_path: Path, at: int) -> None:
    tally = compared(tmp_path, lambda client, server: client.insert(at, b'{"execute": "x"}'))
    assert (tally.lost, tally.invented) == (0, 1)


def test_what_was_changed_is_lost_and_invented(tmp_path: Path) -> None:
    def change(client: list[bytes], server: list[bytes]) -> None:
        server[2] = server[2].replace(b"{}", b"[]")

    tally = compared(tmp_path, change)
    assert (tally.lost, tally.invented) == (1, 1)


def test_what_changed_places_is_lost(tmp_path: Path) -> None:
    def swap(client: list[bytes], server: list[bytes]) -> None:
        server[1], server[2] = server[2], server[1]

    assert compared(tmp_path, swap).lost == 1


def test_a_session_that_no_trace_has_is_lost(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.note("one", lines(COMMANDS), lines([GREETING, *REPLIES]))
    tally = Comparison(ledger, Server()).rest()
    assert tally.lost == len([GREETING, *REPLIES]) + len(COMMANDS)
    assert Comparison(ledger, Server()).rest(["one"]).lost == 0
    ledger.close()


def test_a_session_that_nobody_had_is_invented(tmp_path: Path) -> None:
    def another(client: list[bytes], server: list[bytes]) -> None:
        client[:] = [command.replace(b"one/", b"two/") for command in client]

    tally = compared(tmp_path, another)
    assert tally.invented == len(COMMANDS)
    assert tally.lost == len([GREETING, *REPLIES]) + len(COMMANDS)


def test_a_part_of_a_message_counts_only_where_nothing_was_cut_off(tmp_path: Path) -> None:
    assert compared(tmp_path, nothing, cut=True).lost == 0
    assert whole(b"a\nb") == b"a\n"
    assert missing(b"a\nb", b"a\n") == [b"b"]
    assert missing(b"a\nb", b"a\nb\nc\n") == []
    # Both were cut off, at other bytes; what came behind is another matter.
    assert missing(b"a\nb", b"a\nbcd") == []
    assert missing(b"x\na\nb", b"a\nbcd\n") == [b"x\n"]
    assert missing(b"a\nbx", b"a\nbcd") == [b"bx"]
    # Behind a sensitive word a trace has no more than that something was there.
    assert missing(b"a\nbcREDACTED", b"a\nbcd\n") == []
    assert missing(b"a\nbcd", b"a\nbcREDACTED") == []
    assert missing(b"a\nbxd", b"a\nbcREDACTED") == [b"bxd"]
    assert missing(b"a\nbxREDACTED", b"a\nbcd\n") == [b"bxREDACTED"]


@pytest.mark.parametrize(
    ("last", "invented"),
    [
        ([REPLIES[2], REPLIES[3]], 0),
        ([REPLIES[2], REPLIES[3][:9]], 0),
        ([REPLIES[2], REPLIES[2]], 1),
        ([REPLIES[2], REPLIES[1]], 1),
        ([REPLIES[2], REPLIES[3].replace(b"/3", b"/4")], 1),
        ([REPLIES[2], b'{"never'], 1),
        ([REPLIES[2], REPLIES[3][:9] + b"REDACTED"], 0),
        ([REPLIES[2], b'{"neverREDACTED'], 1),
        ([b'{"event": "X"}', REPLIES[3]], 1),
    ],
)
def test_what_a_server_did_not_note_is_not_invented_if_it_answers(
    tmp_path: Path, last: list[bytes], invented: int
) -> None:
    def doctor(client: list[bytes], server: list[bytes]) -> None:
        server[3:] = last

    assert compared(tmp_path, doctor, knows=Forgetful).invented == invented
