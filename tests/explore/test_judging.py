"""Equal ends of a server are one finding, and what a limit of ours causes is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qmpconf.conform.tape import Tape
from qmpconf.explore.judging import CRASH, HANG, judge, reason_in, same, stable
from qmpconf.explore.life import Ending
from qmpconf.findings import Finding

OLD = "qemu-system-x86_64: ../../block.c:4390: bdrv_reopen_multiple: Assertion `bs_queue != NULL' failed."
NEW = (
    "qemu-storage-daemon: block.c:4608: bdrv_reopen_multiple: Assertion `bs_queue != NULL' failed."
)


def test_an_assertion_is_the_same_in_every_build() -> None:
    assert stable(OLD) == stable(NEW) == stable(f"/usr/bin/{NEW}")
    assert stable(OLD) != stable(OLD.replace("bs_queue", "other"))


@pytest.mark.parametrize(
    ("how", "words", "reason"),
    [
        ("signal SIGABRT", f"some warning\n{OLD}\n", OLD),
        (
            "signal SIGABRT",
            "**\nERROR:a.c:1: what\nBail out! ERROR:a.c:1: what\n",
            "ERROR:a.c:1: what",
        ),
        ("exit code 1", "cannot go on\n", "cannot go on"),
        # A program that reads where nothing is has not said why; what it had said before is not why.
        ("signal SIGSEGV", f"{OLD}\n", ""),
        ("hang", "some warning\n", ""),
        ("signal SIGABRT", "", ""),
    ],
)
def test_why_a_server_ended(how: str, words: str, reason: str) -> None:
    assert reason_in(Ending(how, 1, words)) == reason


def end(requirement: str, how: str, reason: str, about: str) -> Finding:
    identity = (requirement, how, reason, about)
    return Finding(requirement, "MUST", "error", "server", subject=about, identity=identity)


def test_what_is_the_same_in_a_shorter_trace() -> None:
    asserted = end(CRASH, "signal SIGABRT", "Assertion", "quit")
    assert same(end(CRASH, "signal SIGABRT", "Assertion", "stop"), asserted)  # it came earlier
    assert not same(end(CRASH, "signal SIGABRT", "another", "quit"), asserted)
    silent = end(CRASH, "signal SIGSEGV", "", "object-add cryptodev")
    assert same(end(CRASH, "signal SIGBUS", "", "object-add cryptodev"), silent)
    assert same(end(HANG, "hang", "", "object-add cryptodev"), silent)
    assert not same(end(CRASH, "signal SIGSEGV", "", "object-add iothread"), silent)
    assert not same(replace(silent, requirement=HANG, identity=(HANG, "hang", "", "stop")), silent)


@pytest.mark.parametrize(
    ("words", "limited"),
    [
        ("GLib: failed to allocate 5368709120 bytes", True),
        ("cannot set up guest memory 'pc.ram': Cannot allocate memory", True),
        ("qemu: failed to allocate shared memory: File too large", True),
        ("GLib: failed to allocate 9223372036854775808 bytes", False),  # no machine has it
        (OLD, False),
    ],
)
def test_memory_that_we_refuse_is_no_fault_of_the_server(
    words: str, limited: bool, tmp_path: Path
) -> None:
    path = str(tmp_path / "life.qmptrace")
    Tape(path).finish()
    judged = judge(path, None, Ending("signal SIGABRT", 0, words))
    assert judged.limited is limited
    assert bool(judged.findings) is not limited
