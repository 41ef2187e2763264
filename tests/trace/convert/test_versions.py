"""What a text says about its QEMU, around the messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.trace.convert.versions import said_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Welcome to the QMP low-level shell!\nConnected to QEMU 9.2.0\n", "9.2.0"),
        (
            "$ qemu-system-x86_64 --version\nQEMU emulator version 7.2.4 (Debian 1:7.2+dfsg-7)\n",
            "7.2.4",
        ),
        ("Version: qemu-kvm-6.2.0-11.module+el8.6.0\n", "6.2.0"),
        ("Package: qemu-system-x86-8.2.1-1.fc40\nagain qemu-system-x86-core-8.2.1-1\n", "8.2.1"),
        ("2024-01-01: starting up libvirt version: 9.0.0, qemu version: 7.2.0Debian\n", "7.2.0"),
        ("it works with qemu 5.2 and no more with qemu 7.2\n", None),
        ("libvirt 9.0.0, kernel 6.1.0\n", None),
        ('{"execute": "x", "arguments": {"filename": "/qemu-7.2/x"}}\n', None),
        ("qemu-2024.11.20\nqemu-1.2.3.4\nmyqemu-7.2\n", None),
        ("", None),
    ],
)
def test_the_version_that_a_text_says(text: str, version: str | None) -> None:
    said = said_version(text.encode())
    assert (said and said["version"]) == version


def test_it_is_cited_by_its_line() -> None:
    said = said_version(
        b"Hi,\n\nwith QEMU emulator version 7.2.4 I see\nQEMU emulator version 7.2.4\n"
    )
    assert said == {"line": 3, "text": "QEMU emulator version 7.2.4", "version": "7.2.4"}


def test_a_shells_screen_is_judged_by_the_version_that_it_greets_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen, trace = tmp_path / "screen.txt", tmp_path / "screen.qmptrace"
    screen.write_text(
        "Welcome to the QMP low-level shell!\nConnected to QEMU 7.2.22\n\n(QEMU) query-cpus\n"
        '{"error": {"class": "CommandNotFound", "desc": "The command query-cpus has not been found"}}\n'
    )
    assert main(["convert", str(screen), str(trace)]) == 0
    assert main(["check", str(trace)]) == 1
    said = capsys.readouterr()
    told = " ".join((said.out + said.err).split())
    assert "checked against qemu-7.2.22" in told
    assert "by line 2 of the converted text, 'Connected to QEMU 7.2.22'" in told
    assert "query-cpus-fast" in told
