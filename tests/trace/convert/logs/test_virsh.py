"""What virsh shows without an object gets the object that it means."""

from __future__ import annotations

import pytest

from qmpconf.trace.convert.logs.virsh import spelled

TYPED = b"# virsh qemu-monitor-command vm1 "
REFUSED = b"error: internal error: unable to execute QEMU agent command 'guest-x': "


@pytest.mark.parametrize(
    ("line", "means"),
    [
        (TYPED + b"stop", TYPED + b'{"execute": "stop"}'),
        (b"$ virsh qemu-monitor-command --pretty vm1 stop # now", TYPED + b'{"execute": "stop"}'),
        (b"virsh -q qemu-monitor-command --pass-fds 3 --cmd stop vm1", b'vm1 {"execute": "stop"}'),
        (TYPED + b"""balloon '"value":5'""", b'{"execute": "balloon", "arguments": {"value": 5}}'),
        (TYPED + b"""a '"b":1' '"c":[]'""", b'{"execute": "a", "arguments": {"b": 1, "c": []}}'),
        (TYPED + b"""a '{"b":1}'""", b'{"execute": "a", "arguments": {"b": 1}}'),
        (REFUSED + b"No \xff", b'{"error": {"class": "GenericError", "desc": "No \\uFFFD"}}'),
        (REFUSED + b"handle '9' has not been found", b"\"handle '9' has not been found\"}}"),
        (
            b"12:00 " + REFUSED + b"Command guest-x has been disabled\r",
            b'{"error": {"class": "CommandNotFound", "desc": "Command guest-x has been disabled"}}',
        ),
    ],
)
def test_what_a_line_means(line: bytes, means: bytes) -> None:
    assert spelled(line).endswith(means.removeprefix(TYPED))


@pytest.mark.parametrize(
    "line",
    [
        TYPED + b"""'{"execute":"stop"}'""",
        TYPED + b"--hmp info status",
        TYPED + b"stop '",
        TYPED + b"stop now",
        b"virsh qemu-monitor-command",
        b"virsh qemu-monitor-command --domain vm1",
        b"see virsh qemu-monitor-command vm1 \xff",
        b"run qemu-monitor-command vm1 stop",
        REFUSED,
        b"2024: 9: error : qemuAgentCheckError:931 : unable to execute QEMU agent command 'a': No",
        TYPED + b"a" * 100_000,
    ],
)
def test_what_means_no_object_is_left_as_it_is(line: bytes) -> None:
    assert spelled(line) == line
