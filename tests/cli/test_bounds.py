"""No input takes a verb more than 300 MB: nasty recordings, every verb that reads one.

Each run is a process of its own, whose largest resident size is looked at.  By default each verb reads
two of the inputs, other ones than its neighbours; with ``QMPCONF_BOUNDS=all`` it reads them all.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz.targets import inputs

#: Megabytes (qmpconf/README.md, Promises).
BOUND = 300
#: Exit codes that verbs may have (qmpconf/README.md, Exit codes).
CODES = {0, 1, 2, 3, 4, 130}
#: Seconds after which a verb is interrupted: what it took until then counts.
PATIENCE = 60.0

HEADER = b'{"qmptrace":1,"started":"2026-11-20T05:17:00Z","recorder":"x","meta":{}}\n'
GREETING = (
    b'{"t":0,"conn":%d,"from":"server","msg":{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, '
    b'"major": 7}, "package": ""}, "capabilities": ["oob"]}}}\n'
)
COMMAND = b'{"t":0,"conn":%d,"from":"client","end":"","msg":{"execute":"query-status","id":%d}}\n'
OPEN = b'{"t":0,"conn":%d,"open":{"client":"c","server":"s"}}\n'
MIB = 1 << 20


def repeated(data: bytes, times: int) -> Iterator[bytes]:
    """A gzip file of so much of it, in members, of which each is packed once."""
    packed = _packed(data)
    for _ in range(times):
        yield packed


def _packed(data: bytes) -> bytes:
    pack = zlib.compressobj(1, wbits=31)
    return pack.compress(data) + pack.flush()


def nul() -> Iterator[bytes]:
    """Two GiB of NUL."""
    yield from repeated(bytes(16 * MIB), 128)


def endless_line() -> Iterator[bytes]:
    """One GB in a line that has no end."""
    yield _packed(HEADER + b'{"t":0,"conn":1,"from":"client","raw":"')
    yield from repeated(b"x" * 16 * MIB, 60)


def open_sessions() -> Iterator[bytes]:
    """Five thousand sessions that nobody closes, each with a command that nobody answers."""
    lines = [HEADER]
    for conn in range(1, 5001):
        lines += [OPEN % conn, GREETING % conn, COMMAND % (conn, conn)]
    yield _packed(b"".join(lines))


def unanswered() -> Iterator[bytes]:
    """Ten thousand commands that nobody answers."""
    lines = [HEADER, OPEN % 1, GREETING % 1]
    lines += [COMMAND % (1, number) for number in range(10_000)]
    yield _packed(b"".join(lines))


def reply(result: bytes) -> bytes:
    """A session whose only command has this result."""
    start = HEADER + OPEN % 1 + GREETING % 1 + COMMAND % (1, 7)
    return start + b'{"t":1,"conn":1,"from":"server","msg":{"return": %b, "id": 7}}\n' % result


def long_string() -> Iterator[bytes]:
    """A reply with one string of 30 MiB."""
    yield _packed(reply(b'"' + b"x" * 30 * MIB + b'"'))


def many_tokens() -> Iterator[bytes]:
    """A reply of two million numbers."""
    yield _packed(reply(b"[" + b",".join([b"1"] * 2_000_000) + b"]"))


def raw_nul() -> Iterator[bytes]:
    """Twelve million NULs, escaped, in one record."""
    yield _packed(HEADER + OPEN % 1 + b'{"t":0,"conn":1,"from":"client","raw":"')
    yield from repeated(b"\\u0000" * 1_000_000, 12)
    yield _packed(b'"}\n')


INPUTS: tuple[Callable[[], Iterator[bytes]], ...] = (
    nul,
    endless_line,
    open_sessions,
    unanswered,
    long_string,
    many_tokens,
    raw_nul,
)

_SERVE = f"{shlex.quote(sys.executable)} -m qmpconf serve --listen {{{{socket}}}}"
_AGAINST = f'--spawn "{_SERVE}" --timeout 1 --event-timeout 0.1'

#: How each verb is called with a trace; ``{in}`` is the input, ``{out}`` something new.
CALLS = {
    "check traces": "check {in} --result {out}",
    "coverage traces": "coverage {in} -o {out}",
    "replay trace": f"replay {{in}} {_AGAINST} --result {{out}}",
    "learn traces": "learn {in} {copy} -o {out}",
    "diff before": "diff {in} {copy}",
    "diff after": "diff {copy} {in}",
    "reduce trace": f"reduce {{in}} {_AGAINST} --time-limit 2 -o {{out}}",
    "show trace": "show {in}",
    "view trace": "view {in}",
    "emulator command trace": "emulator command {in}",
    "stats traces": "stats {in}",
    "convert source": "convert {in} {out} --from qmptrace --to pcapng",
    "redact named": "redact {in} {out}",
    "serve trace": "serve {in} --listen {out}.sock --timeout 0.1 --once",
    "schema fetch --trace": "schema fetch --trace {in} -o {out}",
}

ALL = [(verb, one) for verb in CALLS for one in INPUTS]
SOME = [
    (verb, INPUTS[(2 * number + turn * 3) % len(INPUTS)])
    for number, verb in enumerate(CALLS)
    for turn in (0, 1)
]
CASES = ALL if os.environ.get("QMPCONF_BOUNDS") == "all" else SOME


def test_every_verb_that_reads_a_recording_is_here() -> None:
    named = {"trace", "traces", "--trace", "named", "before", "after"}
    reads = {
        one for one in inputs() if one.split()[-1] in named and not one.startswith("schema diff")
    }
    assert reads | {"convert source"} == set(CALLS)
    assert {one for _, one in SOME} == set(INPUTS)


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Callable[[], Iterator[bytes]]], Path]:
    """Makes an input when it is first wanted."""
    folder = tmp_path_factory.mktemp("bounds")

    def make(one: Callable[[], Iterator[bytes]]) -> Path:
        path = folder / f"{one.__name__}.qmptrace.gz"
        if not path.exists():
            with path.open("wb") as file:
                file.writelines(one())
        return path

    return make


@pytest.mark.parametrize(
    ("verb", "one"), CASES, ids=[f"{verb}-{one.__name__}" for verb, one in CASES]
)
def test_no_verb_takes_more(
    verb: str,
    one: Callable[[], Iterator[bytes]],
    made: Callable[[Callable[[], Iterator[bytes]]], Path],
    tmp_path: Path,
) -> None:
    path = made(one)
    copy = tmp_path / "copy.qmptrace.gz"
    with contextlib.suppress(OSError):
        shutil.copyfile(path, copy)
    call = CALLS[verb].format(**{"in": path, "copy": copy, "out": tmp_path / "out"})
    code, peak, said = run(shlex.split(call), tmp_path)
    assert "Traceback" not in said
    assert code in CODES, said
    assert peak < BOUND, f"{peak:.0f} MB"
    if one in (nul, endless_line) and verb != "view trace":  # it looks for its terminal first
        assert code == 3, said


#: Runs a verb, and writes down the most memory that its process has had: the system counts that of
#: the process which started it as well (`ru_maxrss`), but not here.
PROGRAM = """
import re, sys
from qmpconf.cli.main import main
try:
    code = main(sys.argv[2:])
finally:
    with open("/proc/self/status") as status, open(sys.argv[1], "w") as file:
        file.write(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
sys.exit(code)
"""


def run(words: list[str], folder: Path) -> tuple[int, float, str]:
    """A verb as a process: its exit code, its largest resident size in MB, what it said."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder / "peak"), *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        timer = threading.Timer(PATIENCE, process.send_signal, (signal.SIGINT,))
        timer.start()
        code = process.wait()
        timer.cancel()
    text = (folder / "said").read_text(errors="replace")
    return code, int((folder / "peak").read_text()) / 1000, text[-2000:]
