"""The live view: a line for each message, which cannot steer the terminal."""

from __future__ import annotations

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.record.live import Live
from qmpconf.trace.records import Side
from qmpconf.trace.wording import BAD, GOOD, PLAIN, QUIET, STYLES
from tests.protocol.playbook import GREETING


def shown(*said: tuple[Side, str, float]) -> list[tuple[str, str]]:
    live = Live()
    framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    found = []
    for sender, text, t in said:
        found += live.lines(1, sender, framers[sender].feed(text.encode()), t)
    for sender, framer in framers.items():
        found += live.lines(1, sender, framer.close(), 9.0)
    return found


def test_a_session() -> None:
    event = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'
    error = '{"error": {"class": "CommandNotFound", "desc": "no such"}, "id": 2}\r\n'
    assert shown(
        ("server", GREETING + "\r\n", 0.5),
        ("client", '{"execute":"qmp_capabilities","id":1}\n', 1.0),
        ("server", '{"return": {}, "id": 1}\r\n', 1.0025),
        ("client", '{"execute":"nope","id":2} [1] garbage ', 2.0),
        ("server", event + error, 2.5),
        ("client", '{"exec', 3.0),
    ) == [
        ("   0.500000  1  <-  greeting 7.2.22", QUIET),
        ("   1.000000  1  ->  qmp_capabilities", PLAIN),
        ("   1.002500  1  <-  qmp_capabilities returned  2.5 ms", GOOD),
        ("   2.000000  1  ->  nope", PLAIN),
        ("   2.000000  1  ->  no QMP message: array", BAD),
        ("   2.000000  1  ->  malformed: expected a value at byte 0", BAD),
        ("   2.500000  1  <-  event STOP", QUIET),
        ("   2.500000  1  <-  nope failed: CommandNotFound: no such  500.0 ms", BAD),
        ("   9.000000  1  ->  malformed: a message that does not end", BAD),
    ]
    assert {PLAIN, GOOD, BAD, QUIET} == set(STYLES)


def test_what_nobody_asked_for() -> None:
    ((line, style),) = shown(("server", '{"return": {}}\r\n', 1.0))
    assert line.endswith("<-  (nothing that was asked) returned")
    assert style == GOOD


def test_no_text_steers_the_terminal() -> None:
    lines = shown(
        ("client", '{"execute":"\\u001b[2Jx\\n\u202ey é"}\n', 1.0),
        ("server", '{"error": {"class": "GenericError", "desc": "\\u001b]0;\\u0007"}}\r\n', 1.0),
    )
    assert lines[0][0].endswith("->  \\u001B[2Jx\\u000A\\u202Ey é")
    assert all(line.isprintable() for line, _ in lines)


def test_no_secret_is_among_the_members_that_are_shown() -> None:
    file = '{"driver":"https","filename":"https://me:hunter2@host/a.img"}'
    arguments = f'{{"driver":"raw","password":"hunter1","file":{file}}}'
    command = f'{{"execute":"blockdev-add","arguments":{arguments}}}\n'
    ((line, _),) = shown(("client", command, 1.0))
    assert "blockdev-add  driver=raw file.filename=https://" in line
    assert "REDACTED" in line
    assert "hunter" not in line
