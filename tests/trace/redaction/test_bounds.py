"""Hostile content takes linear time: a megabyte of it, where quadratic would not end."""

from __future__ import annotations

import pytest

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.redaction.values import MOST, Seen, Values

SIZE = 1 << 20


def message(content: bytes) -> bytes:
    return b'{"execute":"x","arguments":{"password":"a","y":"%b"}}' % content


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [b"x", b"a=b,", b"a://", b"a:", b"a:b@", b"://@", b"password='", b"key=", b"=", b"json:{", b"[",
     b"\\\\", b"exec:", b"-----BEGIN X PRIVATE KEY-----", b"password ", b"' ", b"password:\\\\'"],
    ids=repr,
)  # fmt: skip
def test_a_long_string(unit: bytes) -> None:
    for data in (message(unit * (SIZE // len(unit))), message(b"@" + unit * (SIZE // len(unit)))):
        frame, places = Redactor()(1, "client", Frame(Kind.VALUE, data, b"", plain=True))
        assert "/arguments/password" in places
        assert len(frame.data) < 4 * len(data)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", [Kind.MALFORMED, Kind.SKIPPED, Kind.PARTIAL])
@pytest.mark.parametrize(
    "unit", [b"x", b"'", b'"', b"\\", b"{", b"pass", b"a-", b"/", b"key"], ids=repr
)
def test_a_long_stretch_of_noise(kind: Kind, unit: bytes) -> None:
    data = b"@" + unit * (SIZE // len(unit))
    redactor = Redactor()
    for side in ("client", "server"):
        frame, _ = redactor(1, side, Frame(kind, data))
        assert len(frame.data) <= len(data) + 16


@pytest.mark.timeout(60)
def test_a_long_line_of_the_human_monitor_goes_as_a_whole() -> None:
    data = (
        b'{"execute":"human-monitor-command","arguments":{"command-line":"set_password vnc %b"}}'
        % (b"word " * (SIZE // 5))
    )
    frame, _ = Redactor()(1, "client", Frame(Kind.VALUE, data, b"", plain=True))
    assert frame.data.endswith(b'"set_password REDACTED"}}')


def test_noise_in_small_pieces_stays_small() -> None:
    redactor = Redactor()
    redactor(1, "client", Frame(Kind.MALFORMED, b"@"))
    redactor(1, "client", Frame(Kind.SKIPPED, b"password"))
    size = sum(
        len(redactor(1, "client", Frame(kind, b"ab"))[0].data)
        for kind in (Kind.MALFORMED, Kind.SKIPPED, Kind.VALUE) * 100
    )
    assert size <= 2 * 300


def test_the_newest_values_are_kept_and_given_ones_always() -> None:
    seen = Seen(["given-value"])
    for number in range(MOST + 50):
        values = Values()
        values.add(f"pass{number}word!")
        seen.add(values)
    assert seen.finder(b"pass0word!") is None
    assert seen.finder(b"x pass49word! x") is None
    assert seen.finder(b"x pass50word! x") is not None
    assert seen.finder(f"pass{MOST + 49}word!".encode()) is not None
    assert seen.finder(b"a given-value b") is not None


@pytest.mark.parametrize(
    ("value", "text", "is_found"),
    [
        ("hunter2", "no 'hunter2' here", True),
        ("hunter2", "xhunter2", False),  # short ones stand alone
        ("hunter23", "xhunter23x", True),
        ("abc", "abc", False),
        ("password", "password", False),  # a word of the protocol
        ("REDACTED", "REDACTED", False),
        ("p@ss word", "p%40ss%20word", True),
        ("p@ss word", "cEBzcyB3b3Jk", True),
    ],
)
def test_what_counts_as_the_same_value(value: str, text: str, is_found: bool) -> None:
    seen = Seen()
    values = Values()
    values.add(value)
    seen.add(values)
    finder = seen.finder(text.encode())
    assert (finder is not None and finder.search(text) is not None) == is_found


def test_sessions_that_are_over_leave_nothing_behind() -> None:
    redactor = Redactor()
    asked = b'{"execute":"qom-get","arguments":{"path":"/s","property":"data"},"id":1}'
    for conn in range(1000):
        redactor(conn, "server", Frame(Kind.VALUE, b'{"QMP": {}}', b"", plain=True))
        redactor(conn, "client", Frame(Kind.VALUE, asked, b"", plain=True))
        redactor(conn, "client", Frame(Kind.PARTIAL, b"@@"))
        redactor.forget(conn)
    assert not redactor._awaited
    assert not redactor._stretches
    assert not redactor._greeted
