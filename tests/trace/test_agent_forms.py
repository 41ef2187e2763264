"""A guest agent's session in other forms: a capture keeps every byte of it, a log most."""

from __future__ import annotations

from pathlib import Path

from qmpconf.check.checking import check_trace
from qmpconf.cli.main import main
from qmpconf.trace.reader import direction

HEAD = '{"qmptrace":1,"started":"2026-11-20T05:17:00.000000Z","recorder":"by hand","meta":{}}'
LINES = (
    '{"t":0.1,"conn":1,"open":{"client":"unix:a","server":"unix:b"}}',
    '{"t":0.2,"conn":1,"from":"client","b64":"/w=="}',
    '{"t":0.2,"conn":1,"from":"client","end":"\\n","msg":{"execute":"guest-sync-delimited","arguments":{"id":7}}}',
    '{"t":0.3,"conn":1,"from":"server","b64":"/w=="}',
    '{"t":0.3,"conn":1,"from":"server","end":"\\n","msg":{"return": 7}}',
    '{"t":0.4,"conn":1,"from":"client","end":"\\n","msg":{"execute":"guest-ping"}}',
    '{"t":0.5,"conn":1,"from":"server","end":"\\n","msg":{"return": {}}}',
    '{"t":0.6,"conn":1,"close":"client"}',
    '{"t":0.6,"finish":{"sessions":1,"messages":6}}',
)


def test_a_capture_and_back(tmp_path: Path) -> None:
    first, capture, again = (
        str(tmp_path / name) for name in ("a.qmptrace", "a.pcapng", "b.qmptrace")
    )
    Path(first).write_text("\n".join([HEAD, *LINES]) + "\n")
    assert main(["convert", first, capture]) == 0
    assert main(["convert", capture, again]) == 0
    for side in ("client", "server"):
        assert direction(again, 1, side) == direction(first, 1, side)
    outcome = check_trace(again, "qemu-ga-7.2.22-doc")
    assert [group.first.requirement for group in outcome.groups] == []


def test_a_transcript_has_no_bytes_around_messages(tmp_path: Path) -> None:
    """What the form cannot hold is no breach of anybody."""
    text, trace = tmp_path / "talk.txt", tmp_path / "talk.qmptrace"
    text.write_text(
        '-> {"execute":"guest-sync-delimited","arguments":{"id":7}}\n<- {"return": 7}\n'
        '-> {"execute":"guest-ping"}\n<- {"return": {}}\n'
    )
    assert main(["convert", str(text), str(trace), "--from", "transcript"]) == 0
    outcome = check_trace(str(trace), "qemu-ga-7.2.22-doc")
    # An agent does not greet, so that nothing is missed before its first line; nor is any 0xFF.
    assert not outcome.groups
